"""What singular values give: pseudo-inverses, least squares, norms of matrices, condition numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from harness.reference import ball_arrays as A
from harness.reference import ball_numbers as B
from harness.reference.ball_arrays import Array, lift
from harness.reference.ball_numbers import Objects
from harness.reference.linalg import _kind, adjoint, inv, inverse, one, unknown
from harness.reference.precision import Ball, NotInReference, power_of_two, state
from harness.reference.reductions import _total, along, p_norm, square_modulus
from harness.reference.registry import portable
from harness.reference.spectral import finite, row, singular_system, svdvals


def pseudo_inverse(a: Objects, rtol: Ball | None) -> Objects:
    """By the normal equations where the rank is full; by the singular vectors above the cut-off where it is not."""
    if not finite(a):
        return unknown(a.shape[::-1], _kind(a))
    u, values, v, _ = singular_system(a)
    if rtol is None:
        rtol = arb(max(a.shape)) * power_of_two(1 - state.form.digits)
    rank = sum(bool(s.mid() > rtol * values[0].mid()) for s in values)
    if rank == len(values):
        other = adjoint(a)
        if a.shape[0] >= a.shape[1]:
            return B.product(inverse(B.product(other, a)), other)
        return B.product(other, inverse(B.product(a, other)))
    if not rank:
        return A.fill([arb(0)] * a.size, a.shape[::-1], "r")
    return B.product(v[:, :rank] / row(values[:rank])[None, :], adjoint(u[:, :rank]))


@portable("pinv")
def pinv(x: Any, rtol: Any = None) -> Array:
    cut = None if rtol is None else lift(rtol).balls().data[()]
    return one(lambda a: pseudo_inverse(a, cut), [lift(x)], [2])


@portable("lstsq")
def lstsq(a: Any, b: Any) -> Array:
    """The solution of least squares, of least length where there are many."""
    return pinv(a) @ lift(b)


_SINGULAR_ORDERS = ("nuc", 2, -2)


def _matrix_norm(a: Objects, order: Any) -> Ball:
    if order == "fro":
        return _total([square_modulus(x) for x in a.ravel().tolist()]).sqrt()
    if order in _SINGULAR_ORDERS:
        if not finite(a):
            return arb("nan")
        values = singular_system(a)[1]
        return _total(values) if order == "nuc" else values[0] if order == 2 else values[-1]
    if order in (1, -1, float("inf"), float("-inf")):
        lines = a.T if abs(order) == 1 else a
        sums = [_total([abs(x) for x in line.tolist()]) for line in lines]
        return p_norm(sums, float("inf") if order > 0 else float("-inf"))
    raise NotInReference(f"the matrix norm of order {order!r}")


@portable("matrix_norm")
def matrix_norm(x: Any, ord: Any = "fro", keepdims: bool = False) -> Array:
    out = one(lambda a: A.boxed(_matrix_norm(a, ord)), [lift(x)], [2], "r")
    return out.reshape((*out.shape, 1, 1)) if keepdims else out


@portable("norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """NumPy's linalg.norm: the 2-norm of everything where no order is given, else a matrix norm of two dimensions."""
    a = lift(x).balls()
    if ord is None or isinstance(axis, int) or (axis is None and a.ndim == 1) or (
            isinstance(axis, (tuple, list)) and len(axis) == 1):
        return along(a, axis, keepdims, lambda terms: p_norm(terms, 2 if ord is None else ord), "r")
    axes = (-2, -1) if axis is None else tuple(axis)
    moved = a.structural(lambda d: np.moveaxis(d, axes, (-2, -1)))
    out = matrix_norm(moved, ord)
    if keepdims:
        out = out.reshape(tuple(1 if k in {ax % a.ndim for ax in axes} else n for k, n in enumerate(a.shape)))
    return out


@portable("cond")
def cond(x: Any, p: Any = None) -> Array:
    a = lift(x)
    if p is None or p in (2, -2):
        s = svdvals(a)
        ratio = s[..., 0] / s[..., -1]
        return 1 / ratio if p == -2 else ratio
    return matrix_norm(a, p) * matrix_norm(inv(a), p)
