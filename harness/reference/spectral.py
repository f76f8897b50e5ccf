"""Eigenvalues and singular values: Jacobi's methods at working precision, with radii from residuals.

Jacobi rotations converge whatever the spacing of the eigenvalues, which is what evaluations near a degenerate matrix
need; general eigenproblems are flint's. Vectors have a free phase (and a free basis where values coincide): the gauge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import acb, acb_mat, arb, ctx

from harness.reference import ball_arrays as A
from harness.reference import ball_numbers as B
from harness.reference.ball_arrays import Array, lift
from harness.reference.ball_numbers import Objects
from harness.reference.linalg import (
    _kind,
    adjoint,
    batched,
    hermitian_part,
    one,
    random_phase,
    to_matrix,
    unknown,
)
from harness.reference.precision import Ball, power_of_two, rounded, state
from harness.reference.reductions import _total, square_modulus
from harness.reference.registry import portable

_SWEEPS = 60
_SPECTRAL = 8  # elements that a decomposition of an n x n matrix counts for, over n**3: as long as it takes


def _bar(x: Ball) -> Ball:
    return x.conjugate() if isinstance(x, acb) else x


def _norm(values: Objects) -> Ball:
    """An upper bound of the Frobenius norm, exact."""
    return _total([square_modulus(x) for x in values.ravel().tolist()]).upper().sqrt().upper()


def _middle(values: Objects) -> Objects:
    return A.fill([x.mid() for x in values.ravel().tolist()], values.shape, "r")


def _widened(values: Objects, radius: Ball) -> Objects:
    """The numbers with a radius added to each (to each part of a complex one)."""
    ball = arb(0, radius)
    return A.fill(
        [x + acb(ball, ball) if isinstance(x, acb) else x + ball for x in values.ravel().tolist()], values.shape, "r")


def _identity(n: int) -> Objects:
    return A.fill([arb(int(i == j)) for i in range(n) for j in range(n)], (n, n), "r")


def _rotation(p: Ball, q: Ball, off: Ball) -> tuple[Ball, Ball]:
    """(c, s) that diagonalise [[p, off], [conj(off), q]]: new columns are c x - conj(s) y and s x + c y."""
    size = abs(off).mid()
    theta = (q - p) / (2 * size)
    t = 1 / (abs(theta) + (theta * theta + 1).sqrt())
    t = (-t if theta < 0 else t).mid()
    c = (1 + t * t).rsqrt().mid()
    return c, (off / size * (t * c)).mid()


def finite(values: Objects) -> bool:
    return all(x.is_finite() for x in values.ravel().tolist())


def _clusters(values: Sequence[Ball], scale: Ball) -> list[list[int]]:
    """Runs of consecutive values that coincide at half of the working precision."""
    width = scale * power_of_two(-ctx.prec // 2)
    out: list[list[int]] = []
    for k, v in enumerate(values):
        if out and abs(v - values[out[-1][-1]]).mid() <= width:
            out[-1].append(k)
        else:
            out.append([k])
    return out


def _gap(values: Sequence[Ball], own: list[int], scale: Ball) -> Ball:
    """The distance from a cluster to the nearest other value."""
    others = [abs(values[own[0]] - v).mid() for k, v in enumerate(values) if k not in own]
    return min(others, default=scale)


def random_unitary(n: int, kind: str) -> Objects:
    """Orthonormal columns from the gauge's source."""
    draw = state.source.gauss
    q = A.fill([acb(draw(0, 1), draw(0, 1)) if kind == "c" else arb(draw(0, 1)) for _ in range(n * n)], (n, n), "r")
    return orthonormal(q)


def orthonormal(columns: Objects) -> Objects:
    """Gram-Schmidt, twice."""
    out = columns.copy()
    for j in range(out.shape[1]):
        for _ in range(2):
            for k in range(j):
                overlap = _total([_bar(x) * y for x, y in zip(out[:, k].tolist(), out[:, j].tolist(), strict=True)])
                out[:, j] = _middle(out[:, j] - out[:, k] * overlap)
        out[:, j] = _middle(out[:, j] / _total([square_modulus(x) for x in out[:, j].tolist()]).sqrt())
    return out


def completed(columns: Objects, count: int) -> Objects:
    """Orthonormal columns filled up to `count` with unit vectors, orthonormalised (the worst fitting last)."""
    out = columns
    m = columns.shape[0]
    while out.shape[1] < count:
        taken = [_total([square_modulus(x) for x in out[i].tolist()]).mid() if out.shape[1] else arb(0)
                 for i in range(m)]
        least = min(range(m), key=lambda i: taken[i])
        unit = A.fill([arb(int(i == least)) for i in range(m)], (m, 1), "r")
        out = orthonormal(np.concatenate([out, unit], axis=1))
    return out


# --- Hermitian --------------------------------------------------------------------------------------------------------


def _start(kind: str, n: int) -> Objects:
    """Where rotations begin: the vectors found at this place of the source before, at this precision."""
    found = state.vectors.get((state.site, ctx.prec))
    return found if found is not None and found.shape == (n, n) else _identity(n)


def hermitian_system(a: Objects) -> tuple[list[Ball], Objects, list[list[int]]]:
    """Ascending eigenvalues, orthonormal columns and the clusters of coinciding eigenvalues."""
    h, n = hermitian_part(a), a.shape[0]
    state.work(_SPECTRAL * n**3)
    exact = h
    v = _start(_kind(a), n)
    state.site += 1
    work = _middle(B.product(B.product(adjoint(v), h), v))
    scale = _norm(work)
    for _ in range(_SWEEPS):
        worst = max((abs(work[i, j]).mid() for i in range(n) for j in range(i + 1, n)), default=arb(0))
        if worst <= scale * power_of_two(8 - ctx.prec):
            break
        for i in range(n):
            for j in range(i + 1, n):
                if abs(work[i, j]).mid() <= scale * power_of_two(-ctx.prec - 64):
                    continue
                c, s = _rotation(work[i, i].real, work[j, j].real, work[i, j])
                _rotate(work, v, i, j, c, s)
    found: list[Ball] = [x.real.mid() for x in np.diagonal(work).tolist()]
    order = sorted(range(n), key=lambda k: found[k])
    v = _middle(v[:, order])
    values = [found[k] for k in order]
    state.vectors[state.site - 1, ctx.prec] = v
    residual = _norm(B.product(exact, v) - v * A.fill(values, (n,), "r")[None, :])
    skew = _norm(B.product(adjoint(v), v) - _identity(n))
    radius = (2 * residual + scale * skew).upper()
    clusters = _clusters(values, scale)
    columns = v.copy()
    for own in clusters:
        gap = _gap(values, own, scale)
        spread = (4 * residual / gap + skew).upper() if gap > 0 else skew
        columns[:, own] = _widened(columns[:, own], spread)
    return [x + arb(0, radius) for x in values], columns, clusters


def _rotate(work: Objects, v: Objects, i: int, j: int, c: Ball, s: Ball) -> None:
    """The similarity transform of the Hermitian `work`, and the columns of v."""
    s_bar = _bar(s)
    for m in (work, v):
        x, y = m[:, i].copy(), m[:, j].copy()
        m[:, i], m[:, j] = _middle(x * c - y * s_bar), _middle(x * s + y * c)
    x, y = work[i].copy(), work[j].copy()
    work[i], work[j] = _middle(x * c - y * s), _middle(x * s_bar + y * c)
    work[i, j] = work[j, i] = arb(0)


def _moved(a: Objects, columns: Objects, clusters: list[list[int]], kind: str) -> Objects:
    """The columns with another phase each and another basis in every cluster, where a gauge is set."""
    if not state.moves(a):
        return columns
    out = columns.copy()
    for own in clusters:
        if len(own) == 1:
            out[:, own[0]] = out[:, own[0]] * random_phase(kind)
        else:
            out[:, own] = B.product(out[:, own], random_unitary(len(own), kind))
    return out


def row(values: list[Ball]) -> Objects:
    return A.fill(values, (len(values),), "r")


@portable("eigh")
def eigh(x: Any) -> tuple[Array, ...]:
    def parts(a: Objects) -> tuple[Objects, Objects]:
        if not finite(a):
            return unknown(a.shape[:1], "r"), unknown(a.shape, _kind(a))
        values, columns, clusters = hermitian_system(a)
        return row(values), _moved(a, columns, clusters, _kind(a))

    return batched(parts, [lift(x)], [2], "r.")


@portable("eigvalsh")
def eigvalsh(x: Any) -> Array:
    return one(lambda a: row(hermitian_system(a)[0]) if finite(a) else unknown(a.shape[:1], "r"), [lift(x)], [2], "r")


# --- singular values --------------------------------------------------------------------------------------------------


def singular_system(a: Objects) -> tuple[Objects, list[Ball], Objects, list[list[int]]]:
    """(U, s, V, clusters) with a = U diag(s) V^H, thin: Jacobi rotations of the columns of a V (M. R. Hestenes)."""
    if a.shape[0] < a.shape[1]:
        left, values, right, clusters = singular_system(adjoint(a))
        return right, values, left, clusters
    m, n = a.shape
    state.work(_SPECTRAL * m * n * n)
    v = _start(_kind(a), n)
    site, state.site = state.site, state.site + 1
    w = _middle(B.product(a, v))
    scale = _norm(w)
    for _ in range(_SWEEPS):
        turned = False
        for i in range(n):
            for j in range(i + 1, n):
                p, q = (_total([square_modulus(x) for x in w[:, k].tolist()]).mid() for k in (i, j))
                off = _total([_bar(x) * y for x, y in zip(w[:, i].tolist(), w[:, j].tolist(), strict=True)]).mid()
                size = abs(off).mid()
                if size <= (p * q).sqrt() * power_of_two(10 - ctx.prec) or (
                        size <= scale * scale * power_of_two(-3 * ctx.prec)):
                    continue
                turned = True
                c, s = _rotation(p, q, off)
                s_bar = _bar(s)
                for block in (w, v):
                    x, y = block[:, i].copy(), block[:, j].copy()
                    block[:, i], block[:, j] = _middle(x * c - y * s_bar), _middle(x * s + y * c)
        if not turned:
            break
    lengths = [_total([square_modulus(x) for x in w[:, k].tolist()]).sqrt().mid() for k in range(n)]
    order = sorted(range(n), key=lambda k: lengths[k], reverse=True)
    values = [lengths[k] for k in order]
    v, w = _middle(v[:, order]), w[:, order]
    state.vectors[site, ctx.prec] = v
    rank = sum(x > scale * power_of_two(-ctx.prec // 2) for x in values)
    thin = A.fill([], (m, 0), "r") if not rank else np.stack(
        [_middle(w[:, k] / values[k]) for k in range(rank)], axis=1)
    u = completed(thin, n)
    return _with_radii(a, u, values, v, scale)


def _with_radii(
    a: Objects, u: Objects, values: list[Ball], v: Objects, scale: Ball,
) -> tuple[Objects, list[Ball], Objects, list[list[int]]]:
    """Radii from both residuals, a V - U S and a^H U - V S, over the gaps."""
    s, n = row(values)[None, :], len(values)
    residual = _norm(B.product(a, v) - u * s) + _norm(B.product(adjoint(a), u) - v * s)
    skew = _norm(B.product(adjoint(v), v) - _identity(n)) + _norm(B.product(adjoint(u), u) - _identity(n))
    clusters = _clusters(values, scale)
    wide_u, wide_v = u.copy(), v.copy()
    for own in clusters:
        gap = min(_gap(values, own, scale), 2 * values[own[0]]) if values[own[0]] > 0 else arb(0)
        spread = (8 * residual / gap + skew).upper() if gap > 0 else skew.upper()
        wide_u[:, own], wide_v[:, own] = _widened(u[:, own], spread), _widened(v[:, own], spread)
    radius = (2 * residual + scale * skew).upper()
    return wide_u, [x + arb(0, radius) for x in values], wide_v, clusters


@portable("svd")
def svd(x: Any, full_matrices: bool = True) -> tuple[Array, ...]:
    """U, S, V^H. The phase of each pair, the basis of coinciding and of vanishing ones, and that of the complement of
    a full U or V are the gauge."""

    def parts(a: Objects) -> tuple[Objects, Objects, Objects]:
        (m, n), kind = a.shape, _kind(a)
        k = min(m, n)
        if not finite(a):
            return (unknown((m, m if full_matrices else k), kind), unknown((k,), "r"),
                    unknown((n if full_matrices else k, n), kind))
        u, values, v, clusters = singular_system(a)
        if state.moves(a):
            u, v = u.copy(), v.copy()
            for own in clusters:
                turn = random_unitary(len(own), kind) if len(own) > 1 else A.fill([random_phase(kind)], (1, 1), "r")
                u[:, own] = B.product(u[:, own], turn)
                null = values[own[0]].contains(0)
                if null:
                    turn = random_unitary(len(own), kind)
                v[:, own] = B.product(v[:, own], turn)
        if full_matrices:
            u, v = _filled(u, m, kind), _filled(v, n, kind)
        return u, row(values), adjoint(v)

    return batched(parts, [lift(x)], [2], ".r.")


def _filled(columns: Objects, count: int, kind: str) -> Objects:
    """A full orthonormal basis; the new columns in another basis where a gauge is set."""
    have = columns.shape[1]
    if have == count:
        return columns
    whole = completed(_middle(columns), count)
    extra = whole[:, have:]
    radius = power_of_two(24 - ctx.prec)
    if state.gauge is not None:
        extra = B.product(extra, random_unitary(count - have, kind))
    return np.concatenate([columns, _widened(extra, radius)], axis=1)


@portable("svdvals")
def svdvals(x: Any) -> Array:
    def values(a: Objects) -> Objects:
        return row(singular_system(a)[1]) if finite(a) else unknown((min(a.shape),), "r")

    return one(values, [lift(x)], [2], "r")


# --- general ----------------------------------------------------------------------------------------------------------


def general_system(a: Objects, vectors: bool) -> tuple[list[Ball], Objects]:
    """Eigenvalues (and unit eigenvectors as columns) in LAPACK's order at the point itself, followed from there."""
    n = a.shape[0]
    state.work(_SPECTRAL * n**3)
    nothing = unknown((n, n), "c")
    try:
        if vectors:
            found, right = acb_mat(to_matrix(a)).eig(right=True)
            columns = A.fill(right.entries(), (n, n), "c")
        else:
            found, columns = acb_mat(to_matrix(a)).eig(multiple=True), nothing
    except ValueError:  # not isolated at this precision, or multiple
        return [acb(arb("nan"), arb("nan"))] * n, nothing
    order = _matched(found, a)
    values = [found[k] for k in order]
    columns = columns[:, order].copy()
    if vectors:
        for k in range(n):
            columns[:, k] = columns[:, k] / _total([square_modulus(x) for x in columns[:, k].tolist()]).sqrt()
    return values, columns


def _matched(found: Sequence[Ball], a: Objects) -> list[int]:
    """The order of `found` that follows the eigenvalues of the evaluation at the point itself."""
    site, state.site = state.site, state.site + 1
    if state.orders is not None and site < len(state.orders):
        targets = state.orders[site]
    else:
        plain = np.array([[complex(rounded(x.real), rounded(x.imag) if isinstance(x, acb) else 0.0)
                           for x in row] for row in a.tolist()])
        if not plain.imag.any():
            plain = plain.real
        # LAPACK's order is part of what eig returns; its numbers are used for nothing else.
        targets = [acb(z.real, z.imag) for z in np.linalg.eigvals(plain)]
    left, order = list(range(len(found))), []
    for t in targets:
        best = min(left, key=lambda k: abs(found[k] - t).mid())
        left.remove(best)
        order.append(best)
    if state.orders is None:
        state.recorded.append([found[k].mid() for k in order])
    return order


@portable("eig")
def eig(x: Any) -> tuple[Array, ...]:
    def parts(a: Objects) -> tuple[Objects, Objects]:
        if not finite(a):
            return unknown(a.shape[:1], "c"), unknown(a.shape, "c")
        values, columns = general_system(a, True)
        return row(values), _moved(a, columns, [[k] for k in range(len(values))], "c")

    return batched(parts, [lift(x)], [2], "cc")


@portable("eigvals")
def eigvals(x: Any) -> Array:
    def values(a: Objects) -> Objects:
        return row(general_system(a, False)[0]) if finite(a) else unknown(a.shape[:1], "c")

    return one(values, [lift(x)], [2], "c")
