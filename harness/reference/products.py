"""Products, convolutions, parts of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from flint import acb, arb

from harness.reference import ball_arrays as A
from harness.reference.ball_arrays import Array, boxed, lift
from harness.reference.ball_numbers import Objects
from harness.reference.precision import state
from harness.reference.reductions import _total, mean, square_modulus, sum_
from harness.reference.registry import portable


def multilinear(function: Callable[..., Any], *arrays: Array) -> Array:
    """A function that is linear in each array, written for NumPy; the masks are found with zeros and ones."""
    given = [a.balls() for a in arrays]
    kind = A.widest(given)
    state.work(prod(a.size for a in given) >> 2)  # no more is multiplied than every element with every other
    data = boxed(function(*(a.data for a in given)))
    data = _finished(data, kind)
    if all(a.mask is None for a in given):
        return Array(data, kind)
    mask = A.no_mask(data.shape)
    ones = [np.ones(a.shape, dtype=np.int64) for a in given]
    for k, a in enumerate(given):
        for bit in range(A.union_of([a]).bit_length()):
            chosen = np.frompyfunc(lambda m, bit=bit: (m >> bit) & 1, 1, 1)(a.mask)
            ones_k = np.asarray(chosen, dtype=np.int64)
            if not ones_k.any():
                continue
            state.work(prod(x.size for x in given) >> 2)
            reached = np.asarray(function(*ones[:k], ones_k, *ones[k + 1 :])) > 0
            mask = boxed(mask | np.where(reached, np.asarray(1 << bit, dtype=object), 0))
    return Array(data, kind, mask)


def _finished(data: Objects, kind: str) -> Objects:
    """Plain numbers that NumPy put where a sum was empty, and real balls among complex ones, as balls of the kind."""
    make = acb if kind == "c" else arb
    return A.fill([x if isinstance(x, make) else make(x) for x in data.ravel().tolist()], data.shape, kind)


@portable("dot")
def dot(a: Any, b: Any) -> Array:
    return multilinear(np.dot, lift(a), lift(b))


@portable("vdot")
def vdot(a: Any, b: Any) -> Array:
    return multilinear(lambda x, y: np.dot(x.ravel(), y.ravel()), lift(a).conj(), lift(b))


@portable("vecdot")
def vecdot(a: Any, b: Any, axis: int = -1) -> Array:
    return sum_(lift(a).conj() * lift(b), axis=axis)


@portable("inner")
def inner(a: Any, b: Any) -> Array:
    return multilinear(np.inner, lift(a), lift(b))


@portable("outer")
def outer(a: Any, b: Any) -> Array:
    x, y = lift(a), lift(b)
    return x.reshape((-1, 1)) * y.reshape((1, -1))


@portable("tensordot")
def tensordot(a: Any, b: Any, axes: Any = 2) -> Array:
    return multilinear(lambda x, y: np.tensordot(x, y, axes), lift(a), lift(b))


@portable("einsum")
def einsum(equation: str, *operands: Any) -> Array:
    return multilinear(lambda *xs: np.einsum(equation, *xs), *(lift(x) for x in operands))


@portable("kron")
def kron(a: Any, b: Any) -> Array:
    x, y = lift(a), lift(b)
    state.spend(x.size * y.size)
    return multilinear(np.kron, x, y)


@portable("cross")
def cross(a: Any, b: Any, axis: int = -1) -> Array:
    x = lift(a).structural(lambda d: np.moveaxis(d, axis, 0))
    y = lift(b).structural(lambda d: np.moveaxis(d, axis, 0))
    parts = [x[(k + 1) % 3] * y[(k + 2) % 3] - x[(k + 2) % 3] * y[(k + 1) % 3] for k in range(3)]
    return A.stack(parts, axis=axis)


@portable("multi_dot")
def multi_dot(arrays: Sequence[Any]) -> Array:
    out = lift(arrays[0])
    for x in arrays[1:]:
        out = out @ lift(x)
    return out


@portable("convolve")
def convolve(a: Any, v: Any) -> Array:
    def full(x: Objects, y: Objects) -> Objects:
        out = np.zeros(len(x) + len(y) - 1, dtype=x.dtype if x.dtype != object else object)
        if x.dtype == object:
            out.fill(arb(0))
        for k in range(len(y)):
            out[k : k + len(x)] = out[k : k + len(x)] + x * y[k]
        return out

    return multilinear(full, lift(a), lift(v))


def _pair(value: Any, count: int) -> tuple[int, ...]:
    return (int(value),) * count if isinstance(value, int) else tuple(int(v) for v in value)


def _convolution(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int, count: int) -> Array:
    """Cross-correlation of (batch, channel, space...) with (out, channel / groups, space...)."""
    steps, pads, holes = _pair(stride, count), _pair(padding, count), _pair(dilation, count)

    def correlate(image: Objects, kernel: Objects) -> Objects:
        edge: Any = arb(0) if image.dtype == object else 0
        widened = np.pad(image, [(0, 0), (0, 0), *((p, p) for p in pads)], constant_values=edge)
        size = [(widened.shape[2 + k] - holes[k] * (kernel.shape[2 + k] - 1) - 1) // steps[k] + 1 for k in range(count)]
        out = np.empty((image.shape[0], kernel.shape[0], *size), dtype=image.dtype)
        share_in, share_out = kernel.shape[1], kernel.shape[0] // groups
        for place in np.ndindex(*size):
            window = tuple(
                slice(place[k] * steps[k], place[k] * steps[k] + holes[k] * (kernel.shape[2 + k] - 1) + 1, holes[k])
                for k in range(count))
            patch = widened[(slice(None), slice(None), *window)]
            for o in range(kernel.shape[0]):
                g = o // share_out
                product = patch[:, g * share_in : (g + 1) * share_in] * kernel[o]
                out[(slice(None), o, *place)] = product.reshape(image.shape[0], -1).sum(axis=1)
        return out

    return multilinear(correlate, lift(x), lift(w))


@portable("conv1d")
def conv1d(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Array:
    return _convolution(x, w, stride, padding, dilation, groups, 1)


@portable("conv2d")
def conv2d(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Array:
    return _convolution(x, w, stride, padding, dilation, groups, 2)


# --- parts of matrices ------------------------------------------------------------------------------------------------


@portable("trace")
def trace(x: Any) -> Array:
    return sum_(lift(x).structural(lambda d: np.diagonal(d).copy()), axis=-1)


@portable("diag")
def diag(x: Any, k: int = 0) -> Array:
    a = lift(x)
    if a.ndim == 2:
        return a.structural(lambda d: np.diagonal(d, k).copy())
    size = a.shape[0] + abs(k)
    zero: Any = arb(0) if a.kind == "r" else acb(0) if a.kind == "c" else 0

    def spread(d: Objects, nothing: Any) -> Objects:
        out = np.empty((size, size), dtype=d.dtype)
        out.fill(nothing)
        rows = np.arange(a.shape[0])
        out[rows + max(-k, 0), rows + max(k, 0)] = d
        return out

    return Array(spread(a.data, zero), a.kind, None if a.mask is None else spread(a.mask, 0))


def _kept(x: Any, keep: Callable[[int, int], Objects]) -> Array:
    a = lift(x)
    chosen = keep(*a.shape[-2:])
    zero: Any = arb(0) if a.kind == "r" else acb(0) if a.kind == "c" else 0

    def cut(d: Objects, nothing: Any) -> Objects:
        out = d.copy()
        out[..., ~chosen] = nothing
        return out

    return Array(cut(a.data, zero), a.kind, None if a.mask is None else cut(a.mask, 0))


@portable("tril")
def tril(x: Any, k: int = 0) -> Array:
    return _kept(x, lambda n, m: np.tri(n, m, k, dtype=bool))


@portable("triu")
def triu(x: Any, k: int = 0) -> Array:
    return _kept(x, lambda n, m: ~np.tri(n, m, k - 1, dtype=bool))


@portable("adjoint")
def adjoint(x: Any) -> Array:
    return lift(x).mT.conj()


@portable("block_diag")
def block_diag(*arrays: Any) -> Array:
    blocks = [a if a.ndim == 2 else a.reshape((1, -1)) for a in map(lift, arrays)]

    def place(parts: Sequence[Objects]) -> Objects:
        out = np.empty((sum(p.shape[0] for p in parts), sum(p.shape[1] for p in parts)), dtype=object)
        out.fill(0)
        row = column = 0
        for p in parts:
            out[row : row + p.shape[0], column : column + p.shape[1]] = p
            row, column = row + p.shape[0], column + p.shape[1]
        return out

    out = A.joined(place, [b.balls() for b in blocks])
    return Array(_finished(out.data, out.kind), out.kind, out.mask)


@portable("vander")
def vander(x: Any, n: int) -> Array:
    a = lift(x).balls()
    powers = [a * 0 + 1]
    for _ in range(n - 1):
        powers.append(powers[-1] * a)
    out = A.stack(powers, axis=-1)
    if out.mask is not None:
        out.mask[..., 0] = 0
    return out


@portable("toeplitz")
def toeplitz(c: Any, r: Any = None) -> Array:
    """Column c; row r without its first element (conj(c) where not given, as SciPy has it)."""
    column = lift(c)
    row = column.conj() if r is None else lift(r)
    values = A.joined(np.concatenate, [row.structural(lambda d: d[:0:-1]), column])
    n, m = column.shape[0], row.shape[0]
    state.spend(n * m)
    where = np.arange(n)[:, None] - np.arange(m)[None, :] + m - 1
    return values.structural(lambda d: d[where])


@portable("cov")
def cov(x: Any, correction: float = 1) -> Array:
    """Rows are variables."""
    a = lift(x).balls()
    flat = a if a.ndim == 2 else a.reshape((1, -1))
    centred = flat - mean(flat, axis=1, keepdims=True)
    out = (centred @ centred.mT.conj()) / (flat.shape[1] - correction)
    return out if a.ndim == 2 else out.reshape(())


@portable("corrcoef")
def corrcoef(x: Any) -> Array:
    c = cov(x)
    if not c.ndim:
        return c / c
    sizes = c.structural(lambda d: np.diagonal(d).copy()).real.each(arb.sqrt, "r")
    return c / sizes.reshape((-1, 1)) / sizes.reshape((1, -1))


def frobenius(elements: list[Any]) -> Any:
    return _total([square_modulus(t) for t in elements]).sqrt()
