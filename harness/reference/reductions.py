"""Reductions, order statistics, cumulative functions, differences and integrals, with NumPy's conventions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from flint import acb, arb

from harness.reference import ball_arrays as A
from harness.reference import ball_numbers as B
from harness.reference.ball_arrays import Array, boxed, lift
from harness.reference.elementary import larger, log_of_sum, precedes, smaller, undefined
from harness.reference.precision import Ball, NotInReference, state
from harness.reference.registry import portable

Axis = int | Sequence[int] | None


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in ((axis,) if isinstance(axis, int) else axis)) if ndim else ()


def along(
    x: Array, axis: Axis, keepdims: bool, rule: Callable[[list[Any]], Any], kind: str,
) -> Array:
    """rule of the list of elements along the axes; every result depends on the whole list."""
    axes = axes_of(axis, x.ndim)
    rest = tuple(k for k in range(x.ndim) if k not in axes)
    shape = tuple(x.shape[k] for k in rest)
    count = int(np.prod([x.shape[k] for k in axes], dtype=np.int64))
    rows = x.data.transpose(*rest, *axes).reshape(int(np.prod(shape, dtype=np.int64)), count)
    data = A.fill([rule(row.tolist()) for row in rows], shape, kind)
    mask = None
    if x.mask is not None:
        mask_rows = x.mask.transpose(*rest, *axes).reshape(rows.shape)
        mask = A.fill([_or(row.tolist()) for row in mask_rows], shape, "r")
    out = Array(data, kind, mask)
    if keepdims:
        kept = tuple(1 if k in axes else x.shape[k] for k in range(x.ndim))
        out = out.reshape(kept)
    return out


def _or(masks: list[int]) -> int:
    out = 0
    for m in masks:
        out |= m
    return out


def lines(x: Array, axis: int, rule: Callable[[list[Any]], list[Any]], kind: str) -> Array:
    """rule maps the list of elements along one axis to another list (of any length); all of it depends on all."""
    moved = np.moveaxis(x.data, axis, -1)
    rows = moved.reshape(-1, moved.shape[-1]) if moved.size else moved.reshape(
        int(np.prod(moved.shape[:-1], dtype=np.int64)), moved.shape[-1])
    results = [rule(row.tolist()) for row in rows]
    length = len(results[0]) if results else 0
    shape = (*moved.shape[:-1], length)
    data = A.fill([v for r in results for v in r], shape, kind)
    mask = None
    if x.mask is not None:
        mask_rows = np.moveaxis(x.mask, axis, -1).reshape(rows.shape)
        mask = A.fill([m for row in mask_rows for m in [_or(row.tolist())] * length], shape, "r")
        mask = np.moveaxis(mask, -1, axis)
    return Array(np.moveaxis(data, -1, axis), kind, mask)


def _total(terms: list[Ball]) -> Ball:
    return sum(terms[1:], terms[0]) if terms else arb(0)


def _product(terms: list[Ball]) -> Ball:
    out = arb(1)
    for t in terms:
        out = out * t
    return out


def _number(x: Any) -> Array:
    return lift(x).balls()


def _kinded(x: Any, kind: str) -> Any:
    return acb(x) if kind == "c" else x


def _reduced(rule: Callable[[list[Ball]], Ball]) -> Callable[..., Array]:
    def function(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
        a = _number(x)
        return along(a, axis, keepdims, lambda terms: _kinded(rule(terms), a.kind), a.kind)

    return function


def _reduction(name: str, rule: Callable[[list[Ball]], Ball]) -> Callable[..., Array]:
    return portable(name)(_reduced(rule))


def _mean(terms: list[Ball]) -> Ball:
    return _total(terms) / len(terms)


def _extreme(choose: Callable[[Ball, Ball], Ball]) -> Callable[[list[Ball]], Ball]:
    def rule(terms: list[Ball]) -> Ball:
        out = terms[0]
        for t in terms[1:]:
            out = choose(out, t)
        return out

    return rule


def _without_nan(rule: Callable[[list[Ball]], Ball], empty: Ball | None = None) -> Callable[[list[Ball]], Ball]:
    def function(terms: list[Ball]) -> Ball:
        kept = [t for t in terms if not undefined(t)]
        if not kept:
            return arb("nan") if empty is None else empty
        return rule(kept)

    return function


def ordered(terms: list[Ball]) -> list[int]:
    """The stable ascending order, NaN last; complex numbers lexicographically."""

    def sign(i: int, j: int) -> int:
        x, y = terms[i], terms[j]
        if undefined(x) or undefined(y):
            return int(undefined(x)) - int(undefined(y))
        return -1 if precedes(x, y) else 1 if precedes(y, x) else 0

    state.work(len(terms) * len(terms).bit_length())
    return sorted(range(len(terms)), key=cmp_to_key(sign))


def _median(terms: list[Ball]) -> Ball:
    if any(undefined(t) for t in terms):
        return arb("nan")
    s, half = [terms[k] for k in ordered(terms)], len(terms) // 2
    return s[half] if len(s) % 2 else (s[half - 1] + s[half]) / 2


def _lower_median(terms: list[Ball]) -> Ball:
    return arb("nan") if any(undefined(t) for t in terms) else terms[ordered(terms)[(len(terms) - 1) // 2]]


sum_ = _reduction("sum", _total)
prod = _reduction("prod", _product)
mean = _reduction("mean", _mean)
amax = _reduction("max", _extreme(larger))
amin = _reduction("min", _extreme(smaller))
_reduction("median", _median)
_reduction("nansum", _without_nan(_total, arb(0)))
_reduction("nanmean", _without_nan(_mean))
_reduction("nanmedian", _without_nan(_median))
lower_median, lower_nanmedian = _reduced(_lower_median), _reduced(_without_nan(_lower_median))
_reduction("nanprod", _without_nan(_product, arb(1)))
_reduction("nanmax", _without_nan(_extreme(larger)))
_reduction("nanmin", _without_nan(_extreme(smaller)))
_reduction("logsumexp", log_of_sum)


def square_modulus(t: Ball) -> Ball:
    return t.real * t.real + t.imag * t.imag if isinstance(t, acb) else t * t


def _variance(terms: list[Ball], correction: float) -> Ball:
    centre = _mean(terms)
    return _total([square_modulus(t - centre) for t in terms]) / (arb(len(terms)) - arb(correction))


def _spread(name: str, finish: Callable[[Ball], Ball], skip: bool) -> Callable[..., Array]:
    def function(x: Any, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Array:
        def rule(terms: list[Ball]) -> Ball:
            return finish(_variance(terms, correction))

        return along(_number(x), axis, keepdims, _without_nan(rule) if skip else rule, "r")

    return portable(name)(function)


var = _spread("var", lambda v: v, False)
std = _spread("std", arb.sqrt, False)
_spread("nanvar", lambda v: v, True)
_spread("nanstd", arb.sqrt, True)


@portable("quantile")
def quantile(x: Any, q: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Linear interpolation between order statistics; q a number or a one-dimensional list, in [0, 1]."""
    a, levels = _number(x), _number(q)

    def at(level: Ball) -> Array:
        def rule(terms: list[Ball]) -> Ball:
            if any(undefined(t) for t in terms) or B.less(level, arb(0)) or B.less(arb(1), level):
                return arb("nan")
            s = [terms[k] for k in ordered(terms)]
            position = level * (len(s) - 1)
            low = min(max(int(B.whole(position, arb.floor).unique_fmpz()), 0), len(s) - 1)
            high = min(low + 1, len(s) - 1)
            return s[low] + (s[high] - s[low]) * (position - low)

        return along(a, axis, keepdims, rule, a.kind)

    results = [at(level) for level in levels.data.ravel().tolist()]
    out = results[0] if levels.ndim == 0 else A.stack(results)
    if levels.mask is not None:
        own = A.no_mask(out.shape) if out.mask is None else out.mask
        out.mask = boxed(own | A.union_of([levels]))
    return out


def _position(name: str, better: Callable[[Ball, Ball], bool]) -> None:
    def rule(terms: list[Ball]) -> int:
        best = 0
        for k, t in enumerate(terms):
            if undefined(terms[best]):
                break
            if undefined(t) or better(t, terms[best]):
                best = k
        return best

    def function(x: Any, axis: int | None = None) -> Array:
        return along(_number(x), axis, False, rule, "i")

    portable(name)(function)


_position("argmax", lambda x, y: precedes(y, x))
_position("argmin", precedes)


@portable("all")
def all_(x: Any) -> Array:
    return along(A.truth(lift(x)), None, False, all, "b")


@portable("any")
def any_(x: Any) -> Array:
    return along(A.truth(lift(x)), None, False, any, "b")


@portable("count_nonzero")
def count_nonzero(x: Any) -> Array:
    return along(A.truth(lift(x)), None, False, lambda terms: int(sum(terms)), "i")


# --- norms of vectors -------------------------------------------------------------------------------------------------


def p_norm(terms: list[Ball], order: Any) -> Ball:
    """The vector norm of a list; order as NumPy has it."""
    if order == 2:
        return _total([square_modulus(t) for t in terms]).sqrt()
    sizes = [abs(t) for t in terms]
    if order in (float("inf"), "inf"):
        return _extreme(larger)(sizes)
    if order in (float("-inf"), "-inf"):
        return _extreme(smaller)(sizes)
    if order == 0:
        return arb(sum(not B.equal(s, arb(0)) for s in sizes))
    if order == 1:
        return _total(sizes)
    p = arb(order)
    return _total([s**p for s in sizes]) ** (1 / p)


@portable("vector_norm")
def vector_norm(x: Any, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Array:
    return along(_number(x), axis, keepdims, lambda terms: p_norm(terms, ord), "r")


# --- cumulative -------------------------------------------------------------------------------------------------------


def running(x: Array, axis: int, step: Callable[[Ball, Ball], Ball]) -> Array:
    """A running combination along an axis; the masks run along too."""
    moved = np.moveaxis(x.data, axis, -1)
    rows = moved.reshape(-1, moved.shape[-1])
    data = A.fill([v for row in rows for v in accumulate(row.tolist(), step)], moved.shape, x.kind)
    mask = None if x.mask is None else boxed(np.bitwise_or.accumulate(x.mask, axis=axis))
    return Array(np.moveaxis(data, -1, axis), x.kind, mask)


@portable("cumsum")
def cumsum(x: Any, axis: int) -> Array:
    return running(_number(x), axis, lambda s, t: s + t)


@portable("cumprod")
def cumprod(x: Any, axis: int) -> Array:
    return running(_number(x), axis, lambda s, t: s * t)


@portable("cummax")
def cummax(x: Any, axis: int) -> Array:
    return running(_number(x), axis, larger)


@portable("cummin")
def cummin(x: Any, axis: int) -> Array:
    return running(_number(x), axis, smaller)


@portable("logcumsumexp")
def logcumsumexp(x: Any, axis: int) -> Array:
    a = _number(x)
    out = lines(a, axis, lambda terms: [log_of_sum(terms[: k + 1]) for k in range(len(terms))], a.kind)
    if a.mask is not None:
        out.mask = boxed(np.bitwise_or.accumulate(a.mask, axis=axis))
    return out


# --- differences, integrals, interpolation ----------------------------------------------------------------------------


def part(x: Array, axis: int, start: int | None, stop: int | None) -> Array:
    """x[..., start:stop, ...] along an axis."""
    key: list[Any] = [slice(None)] * x.ndim
    key[axis % x.ndim] = slice(start, stop)
    return x[tuple(key)]


@portable("diff")
def diff(x: Any, n: int = 1, axis: int = -1) -> Array:
    out = lift(x)
    for _ in range(n):
        out = part(out, axis, 1, None) - part(out, axis, None, -1)
    return out


@portable("gradient")
def gradient(x: Any, axis: int) -> Array:
    """Central differences, one-sided at the ends (spacing 1)."""
    a = _number(x)
    inner = (part(a, axis, 2, None) - part(a, axis, None, -2)) / 2
    first = part(a, axis, 1, 2) - part(a, axis, 0, 1)
    size = a.shape[axis]
    last = part(a, axis, size - 1, size) - part(a, axis, size - 2, size - 1)
    return A.joined(lambda xs: np.concatenate(xs, axis=axis), [first, inner, last])


def _panels(y: Any, x: Any, dx: Any, axis: int) -> Array:
    a = _number(y)
    heights = (part(a, axis, 1, None) + part(a, axis, None, -1)) / 2
    if x is None:
        return heights * lift(dx)
    b = _number(x)
    if b.ndim == 1 and a.ndim > 1:
        shape = [1] * a.ndim
        shape[axis] = b.shape[0]
        b = b.reshape(tuple(shape))
    return heights * (part(b, axis, 1, None) - part(b, axis, None, -1))


@portable("trapezoid")
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    return sum_(_panels(y, x, dx, axis), axis=axis)


@portable("cumulative_trapezoid")
def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    return cumsum(_panels(y, x, dx, axis), axis)


@portable("unwrap")
def unwrap(x: Any, axis: int = -1) -> Array:
    """Jumps of more than pi are made smaller by multiples of 2 pi (NumPy's rule for the tie)."""

    def rule(terms: list[Ball]) -> list[Ball]:
        turn, out, shift = 2 * arb.pi(), terms[:1], arb(0)
        for before, after in pairwise(terms):
            step = after - before
            wrapped = step + arb.pi() - B.whole((step + arb.pi()) / turn, arb.floor) * turn - arb.pi()
            if B.less(arb.pi(), abs(step)):
                shift = shift + wrapped - step
            out.append(after + shift)
        return out

    a = _number(x)
    if a.kind == "c":
        raise NotInReference("unwrap of a complex array")
    return lines(a, axis, rule, "r")


@portable("interp")
def interp(x: Any, xp: Any, fp: Any) -> Array:
    """Piecewise linear, constant beyond the ends."""
    a, nodes, values = _number(x), _number(xp), _number(fp)
    knots, heights = nodes.data.tolist(), values.data.tolist()
    state.work(a.size * len(knots))

    def rule(t: Ball) -> Ball:
        if B.less_equal(t, knots[0]):
            return heights[0]
        for k in range(1, len(knots)):
            if B.less_equal(t, knots[k]):
                weight = (t - knots[k - 1]) / (knots[k] - knots[k - 1])
                return heights[k - 1] + (heights[k] - heights[k - 1]) * weight
        return heights[-1]

    data = A.fill([rule(t) for t in a.data.ravel().tolist()], a.shape, values.kind)
    if all(b.mask is None for b in (a, nodes, values)):
        return Array(data, values.kind)
    own = A.no_mask(a.shape) if a.mask is None else a.mask
    return Array(data, values.kind, boxed(own | A.union_of([nodes, values])))


@portable("polyval")
def polyval(p: Any, x: Any) -> Array:
    """Horner's rule, highest power first."""
    coefficients, a = _number(p), _number(x)
    out = a * 0
    for c in coefficients:
        out = out * a + c
    return out
