"""Solving, inverting, determinants, triangular factors and matrix functions, on flint's ball matrices.

Functions of Hermitian matrices (cholesky; eigh in `spectral`) read the Hermitian part of their argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from flint import acb, acb_mat, arb, arb_mat, ctx

from harness.reference import ball_arrays as A
from harness.reference import ball_numbers as B
from harness.reference.ball_arrays import Array, lift
from harness.reference.ball_numbers import Objects
from harness.reference.precision import Ball, NotInReference, power_of_two, state
from harness.reference.registry import portable

Matrix = Any  # arb_mat or acb_mat


def to_matrix(values: Objects) -> Matrix:
    """A ball matrix of a two-dimensional array of balls; real where every element is."""
    rows = values.tolist()
    plain = all(isinstance(x, arb) for row in rows for x in row)
    make = arb_mat if plain else acb_mat
    return make(values.shape[0], values.shape[1], [x for row in rows for x in row])


def from_matrix(m: Matrix) -> Objects:
    return A.fill(m.entries(), (m.nrows(), m.ncols()), "r")


def unknown(shape: Sequence[int], kind: str) -> Objects:
    nan = arb("nan")
    return A.fill([acb(nan, nan) if kind == "c" else nan] * int(np.prod(shape, dtype=np.int64)), shape, kind)


def batched(
    function: Callable[..., tuple[Objects, ...]], arrays: Sequence[Array], cores: Sequence[int], kinds: str = "",
) -> tuple[Array, ...]:
    """function of the trailing `cores[k]` dimensions of each array, over their broadcast leading dimensions.

    kinds: the kind of each result, "." for the widest kind of the arrays. Within one matrix every result depends on
    every element.
    """
    given = [a.balls() for a in arrays]
    widest = A.widest(given)
    heads = [a.shape[: a.ndim - c] for a, c in zip(given, cores, strict=True)]
    batch = np.broadcast_shapes(*heads)
    side = max(max(a.shape[a.ndim - c :], default=1) for a, c in zip(given, cores, strict=True))
    state.work(prod(batch) * (side**3 + 128) >> 2)
    views = [np.broadcast_to(a.data, batch + a.shape[a.ndim - c :]) for a, c in zip(given, cores, strict=True)]
    masks = A.masks_of(given)
    mask_views = None if masks is None else [
        np.broadcast_to(m, batch + a.shape[a.ndim - c :]) for m, a, c in zip(masks, given, cores, strict=True)]
    places: list[Any] = list(product(*(range(n) for n in batch)))
    results = [function(*(v[place] for v in views)) for place in places]
    if not results:
        raise NotInReference("a linear algebra function of an empty batch")
    outputs = []
    for k, first in enumerate(results[0]):
        kind = kinds[k] if kinds and kinds[k] != "." else widest
        flat = [x for r in results for x in r[k].ravel().tolist()]
        if kind == "c":
            flat = [x if isinstance(x, acb) else acb(x) for x in flat]
        data = A.fill(flat, batch + first.shape, kind)
        mask = None
        if mask_views is not None:
            mask = A.no_mask(data.shape)
            for place in places:
                union = 0
                for v in mask_views:
                    union |= A._union(v[place])
                mask[(*place, Ellipsis)] = union
        outputs.append(Array(data, kind, mask))
    return tuple(outputs)


def one(function: Callable[..., Objects], arrays: Sequence[Array], cores: Sequence[int], kind: str = ".") -> Array:
    return batched(lambda *xs: (function(*xs),), arrays, cores, kind)[0]


def guarded(compute: Callable[[], Matrix], shape: Sequence[int], kind: str) -> Objects:
    """A ball matrix's result; NaN where flint finds the matrix singular at this precision."""
    try:
        return from_matrix(compute())
    except (ZeroDivisionError, ValueError):
        return unknown(shape, kind)


def _kind(*values: Objects) -> str:
    return "c" if any(isinstance(x, acb) for v in values for x in v.ravel().tolist()) else "r"


def same_matrices(*values: Objects) -> list[Matrix]:
    """Ball matrices, all complex where one of them is."""
    matrices = [to_matrix(v) for v in values]
    if any(isinstance(m, acb_mat) for m in matrices):
        return [m if isinstance(m, acb_mat) else acb_mat(m) for m in matrices]
    return matrices


# --- solving ----------------------------------------------------------------------------------------------------------


def inverse(a: Objects) -> Objects:
    return guarded(lambda: to_matrix(a).inv(), a.shape, _kind(a))


def solved(a: Objects, b: Objects) -> Objects:
    m, right = same_matrices(a, b)
    return guarded(lambda: m.solve(right), b.shape, _kind(a, b))


@portable("inv")
def inv(x: Any) -> Array:
    return one(inverse, [lift(x)], [2])


@portable("solve")
def solve(a: Any, b: Any) -> Array:
    """A one-dimensional b is a vector; anything else is a stack of matrices."""
    x, y = lift(a), lift(b)
    if y.ndim == 1:
        return one(lambda m, v: solved(m, v[:, None])[:, 0], [x, y], [2, 1])
    return one(solved, [x, y], [2, 2])


def determinant(a: Objects) -> Objects:
    return A.boxed(to_matrix(a).det()) if a.size else A.boxed(arb(1))


@portable("det")
def det(x: Any) -> Array:
    return one(determinant, [lift(x)], [2])


@portable("slogdet")
def slogdet(x: Any) -> tuple[Array, Array]:
    d = det(x)
    return d.each(acb.sgn if d.kind == "c" else arb.sgn, d.kind), d.each(lambda t: abs(t).log(), "r")


@portable("logdet")
def logdet(x: Any) -> Array:
    """log(det(x)); NaN for a negative determinant of a real matrix."""
    d = det(x)
    return d.each(acb.log if d.kind == "c" else arb.log, d.kind)


def triangle(a: Objects, lower: bool, unit: bool = False) -> Objects:
    n = a.shape[0]
    zero, out = arb(0), a.copy()
    for i in range(n):
        for j in range(n):
            if (j > i) == lower and i != j:
                out[i, j] = zero
        if unit:
            out[i, i] = arb(1)
    return out


@portable("solve_triangular")
def solve_triangular(a: Any, b: Any, lower: bool = False, unit_diagonal: bool = False) -> Array:
    x, y = lift(a), lift(b)
    if y.ndim == 1:
        return one(lambda m, v: solved(triangle(m, lower, unit_diagonal), v[:, None])[:, 0], [x, y], [2, 1])
    return one(lambda m, v: solved(triangle(m, lower, unit_diagonal), v), [x, y], [2, 2])


def adjoint(a: Objects) -> Objects:
    return A.fill([x.conjugate() if isinstance(x, acb) else x for x in a.T.ravel().tolist()], a.T.shape, "r")


def _from_factor(c: Objects, lower: bool) -> Objects:
    """The matrix of which c is the Cholesky factor."""
    t = triangle(c, lower)
    return B.product(t, adjoint(t)) if lower else B.product(adjoint(t), t)


@portable("cho_solve")
def cho_solve(c: Any, b: Any, lower: bool = True) -> Array:
    x, y = lift(c), lift(b)
    if y.ndim == 1:
        return one(lambda m, v: solved(_from_factor(m, lower), v[:, None])[:, 0], [x, y], [2, 1])
    return one(lambda m, v: solved(_from_factor(m, lower), v), [x, y], [2, 2])


@portable("cho_inverse")
def cho_inverse(c: Any, lower: bool = True) -> Array:
    return one(lambda m: inverse(_from_factor(m, lower)), [lift(c)], [2])


@portable("tensorinv")
def tensorinv(x: Any, ind: int = 2) -> Array:
    a = lift(x)
    size = int(np.prod(a.shape[ind:], dtype=np.int64))
    return inv(a.reshape((-1, size))).reshape(a.shape[ind:] + a.shape[:ind])


@portable("tensorsolve")
def tensorsolve(a: Any, b: Any) -> Array:
    x, y = lift(a), lift(b)
    rest = x.shape[y.ndim :]
    size = int(np.prod(rest, dtype=np.int64))
    return solve(x.reshape((-1, size)), y.reshape((-1,))).reshape(rest)


# --- factors ----------------------------------------------------------------------------------------------------------


def hermitian_part(a: Objects) -> Objects:
    """(a + a^H) / 2; notes where the two differ, which is where a function of Hermitian matrices is a convention."""
    other = adjoint(a)
    difference = a - other
    state.note_domain(difference)
    return (a + other) / 2


def cholesky_factor(a: Objects) -> Objects:
    """Lower triangular, positive diagonal; NaN where the Hermitian part is not positive definite."""
    h, n = hermitian_part(a), a.shape[0]
    low = A.fill([arb(0)] * (n * n), (n, n), "r")
    for j in range(n):
        pivot = h[j, j].real
        for k in range(j):
            pivot = pivot - low[j, k].real * low[j, k].real - low[j, k].imag * low[j, k].imag
        if pivot.is_nan() or pivot < 0:
            return unknown(a.shape, _kind(a))
        low[j, j] = pivot.sqrt()
        for i in range(j + 1, n):
            total = h[i, j]
            for k in range(j):
                other = low[j, k]
                total = total - low[i, k] * (other.conjugate() if isinstance(other, acb) else other)
            low[i, j] = total / low[j, j]
    return low


@portable("cholesky")
def cholesky(x: Any, upper: bool = False) -> Array:
    out = one(cholesky_factor, [lift(x)], [2])
    return out.mT.conj() if upper else out


def _size(x: Ball) -> Ball:
    """LAPACK's cheap modulus, by which pivots are chosen."""
    return abs(x.real.mid()) + abs(x.imag.mid()) if isinstance(x, acb) else abs(x.mid())


def pivoted(a: Objects) -> tuple[Objects, Objects, Objects]:
    """a = P L U with partial pivoting."""
    m, n = a.shape
    rank, work, order = min(m, n), a.copy(), list(range(m))
    for k in range(rank):
        best = max(range(k, m), key=lambda i: (_size(work[i, k]), -i))
        if best != k:
            work[[k, best]] = work[[best, k]]
            order[k], order[best] = order[best], order[k]
        for i in range(k + 1, m):
            if work[k, k] == 0:
                continue
            work[i, k] = work[i, k] / work[k, k]
            work[i, k + 1 :] = work[i, k + 1 :] - work[i, k] * work[k, k + 1 :]
    zero = arb(0)
    p = A.fill([zero] * (m * m), (m, m), "r")
    for k, i in enumerate(order):
        p[i, k] = arb(1)
    low = A.fill([arb(1) if i == j else work[i, j] if i > j else zero for i in range(m) for j in range(rank)],
                 (m, rank), "r")
    up = A.fill([work[i, j] if i <= j else zero for i in range(rank) for j in range(n)], (rank, n), "r")
    return p, low, up


@portable("lu")
def lu(x: Any) -> tuple[Array, ...]:
    a = lift(x)
    p, low, up = batched(pivoted, [a], [2])
    if p.mask is not None:  # the permutation is locally constant
        p.mask = A.no_mask(p.shape)
    return p, low, up


def reflected(a: Objects) -> tuple[Objects, Objects]:
    """(full Q, R) by Householder reflections with LAPACK's signs: the diagonal of R is real, -sign(Re alpha) |x|.

    LAPACK Users' Guide, xLARFG: a real column of length one is left alone.
    """
    m, n = a.shape
    kind, r = _kind(a), a.copy()
    q = A.fill([arb(int(i == j)) for i in range(m) for j in range(m)], (m, m), "r")
    for k in range(min(m, n)):
        tail = [r[i, k] for i in range(k + 1, m)]
        alpha = r[k, k]
        below = sum((t.real * t.real + t.imag * t.imag if isinstance(t, acb) else t * t for t in tail), arb(0))
        if below == 0 and (kind == "r" or alpha.imag == 0):
            continue
        length = (alpha.real * alpha.real + (alpha.imag * alpha.imag if isinstance(alpha, acb) else 0) + below).sqrt()
        beta = length if alpha.real.mid() < 0 else -length
        tau = (beta - alpha) / beta
        v = [arb(1), *(t / (alpha - beta) for t in tail)]
        bar = [x.conjugate() if isinstance(x, acb) else x for x in v]
        tau_bar = tau.conjugate() if isinstance(tau, acb) else tau
        for j in range(k, n):
            s = sum((bar[i] * r[k + i, j] for i in range(1, m - k)), bar[0] * r[k, j]) * tau_bar
            for i in range(m - k):
                r[k + i, j] = r[k + i, j] - v[i] * s
        for i in range(m - k):
            r[k + i, k] = beta if i == 0 else arb(0)
        for row in range(m):
            s = sum((q[row, k + i] * v[i] for i in range(1, m - k)), q[row, k] * v[0]) * tau
            for i in range(m - k):
                q[row, k + i] = q[row, k + i] - s * bar[i]
    return q, r


@portable("qr")
def qr(x: Any, mode: str = "reduced") -> tuple[Array, Array]:
    """Q and R; the phases of the diagonal of R are free and are moved by the gauge."""

    def factors(a: Objects) -> tuple[Objects, Objects]:
        q, r = reflected(a)
        k = a.shape[0] if mode == "complete" else min(a.shape)
        q, r = q[:, :k].copy(), r[:k].copy()
        if state.moves(a):
            for j in range(k):
                p = random_phase(_kind(a))
                q[:, j] = q[:, j] * p
                r[j] = r[j] * (p.conjugate() if isinstance(p, acb) else p)
        return q, r

    q, r = batched(factors, [lift(x)], [2])
    return q, r


def random_phase(kind: str) -> Ball:
    """A sign, or a complex number of modulus one, from the gauge's source."""
    if kind == "r":
        return arb(state.source.choice((-1, 1)))
    angle = arb(state.source.uniform(0, 2))
    return acb(angle.cos_pi(), angle.sin_pi())


@portable("householder_product")
def householder_product(a: Any, tau: Any) -> Array:
    """The first columns of H_1 H_2 ... with H_k = I - tau_k v v^H, v the k-th column below a unit diagonal."""

    def columns(m: Objects, t: Objects) -> Objects:
        rows, width = m.shape
        q = A.fill([arb(int(i == j)) for i in range(rows) for j in range(width)], (rows, width), "r")
        for k in reversed(range(len(t))):
            v = A.fill([arb(int(i == k)) if i <= k else m[i, k] for i in range(rows)], (rows,), "r")
            bar = adjoint(v[:, None])[0]
            q = q - t[k] * (v[:, None] * B.product(bar[None, :], q))
        return q

    return one(columns, [lift(a), lift(tau)], [2, 1])


# --- matrix functions -------------------------------------------------------------------------------------------------


@portable("expm")
def expm(x: Any) -> Array:
    return one(lambda a: from_matrix(to_matrix(a).exp()), [lift(x)], [2])


@portable("matrix_power")
def matrix_power(x: Any, n: int) -> Array:
    a = lift(x).balls()
    if n < 0:
        return matrix_power(inv(a), -n)
    if n == 0:
        return (a * 0) + Array(np.eye(a.shape[-1], dtype=np.int64), "i").balls()
    out = None
    for bit in bin(n)[2:]:
        out = None if out is None else out @ out
        if bit == "1":
            out = a if out is None else out @ a
    assert out is not None
    return out


def principal_root(a: Objects) -> Objects:
    """The principal square root by the product form of the Denman-Beavers iteration, on midpoints.

    N. J. Higham, "Functions of Matrices" (2008), section 6.3. The radius is the size of one further Newton step.
    """
    n = a.shape[0]
    m = acb_mat(to_matrix(a))
    eye = acb_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
    product_, root = m, m
    try:
        for _ in range(200):
            back = product_.inv()
            root = (root * (eye + back) * acb(0.5)).mid()
            product_ = ((eye + (product_ + back) * acb(0.5)) * acb(0.5)).mid()
            if all(abs(x) < power_of_two(-(ctx.prec - 16)) for x in (product_ - eye).entries()):
                break
        step = (root.inv() * m - root) * acb(0.5)
    except ZeroDivisionError:
        return unknown(a.shape, "c")
    radius = max((abs(x).upper() for x in step.entries()), default=arb(0)) * 2
    ball = arb(0, radius)
    return A.fill([x + acb(ball, ball) for x in root.entries()], a.shape, "c")


@portable("sqrtm")
def sqrtm(x: Any) -> Array:
    """Complex, also for a real matrix."""
    return one(principal_root, [lift(x)], [2], "c")
