"""Shaping, indexing, sorting, updating and creation; Fourier frequencies and windows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from flint import arb

from harness.reference import ball_arrays as A
from harness.reference.ball_arrays import Array, boxed, lift
from harness.reference.precision import Ball, state
from harness.reference.reductions import lines, ordered
from harness.reference.registry import portable


def _structural(name: str, function: Callable[..., Any], most: Callable[..., int] | None = None) -> None:
    """A function of one array that only moves elements. most: of its arguments, how many there may then be."""

    def moved(x: Any, *args: Any, **kw: Any) -> Array:
        a = lift(x)
        if most is not None:
            state.spend(most(a, *args, **kw))
        return a.structural(lambda d: function(d, *args, **kw))

    portable(name)(moved)


_structural("reshape", lambda d, shape: d.reshape(shape))
_structural("ravel", lambda d: d.reshape(-1))
_structural("expand_dims", lambda d, axis: np.expand_dims(d, axis))
_structural("squeeze", lambda d, axis=None: np.squeeze(d, axis))
_structural("transpose", lambda d, axes=None: np.transpose(d, axes))
_structural("permute_dims", lambda d, axes: np.transpose(d, axes))
_structural("swapaxes", lambda d, axis1, axis2: np.swapaxes(d, axis1, axis2))
_structural("moveaxis", lambda d, source, destination: np.moveaxis(d, source, destination))
_structural("broadcast_to", lambda d, shape: np.broadcast_to(d, shape).copy(), lambda a, shape: prod(_shape(shape)))
_structural("flip", lambda d, axis=None: np.flip(d, axis))
_structural("fliplr", np.fliplr)
_structural("flipud", np.flipud)
_structural("roll", lambda d, shift, axis=None: np.roll(d, shift, axis))
_structural("rot90", lambda d, k=1, axes=(0, 1): np.rot90(d, k, axes))
_structural("tile", lambda d, repetitions: np.tile(d, repetitions),
            lambda a, repetitions: a.size * prod(_shape(repetitions)))
_structural("repeat", lambda d, repeats, axis=None: np.repeat(d, repeats, axis),
            lambda a, repeats, axis=None: a.size * int(np.max(repeats, initial=0)))
_structural("matrix_transpose", lambda d: d.swapaxes(-1, -2))
_structural("diagonal", lambda d, offset=0, axis1=0, axis2=1: np.diagonal(d, offset, axis1, axis2).copy())


def _joining(name: str, function: Callable[..., Any]) -> None:
    def joined(arrays: Sequence[Any], *args: Any, **kw: Any) -> Array:
        return A.joined(lambda xs: function(xs, *args, **kw), [lift(x) for x in arrays])

    portable(name)(joined)


_joining("concat", lambda xs, axis=0: np.concatenate(xs, axis=axis))
_joining("stack", lambda xs, axis=0: np.stack(xs, axis=axis))
_joining("hstack", np.hstack)
_joining("vstack", np.vstack)
_joining("dstack", np.dstack)
_joining("column_stack", np.column_stack)


@portable("split")
def split(x: Any, sections: Any, axis: int = 0) -> tuple[Array, ...]:
    a = lift(x)
    count = len(np.array_split(a.data, sections, axis=axis))
    return tuple(a.structural(lambda d, k=k: np.array_split(d, sections, axis=axis)[k])  # type: ignore[misc]
                 for k in range(count))


@portable("unstack")
def unstack(x: Any, axis: int = 0) -> tuple[Array, ...]:
    a = lift(x)
    return tuple(a.structural(lambda d, k=k: np.moveaxis(d, axis, 0)[k])  # type: ignore[misc]
                 for k in range(a.shape[axis]))


@portable("pad")
def pad(x: Any, pad_width: Any, constant_values: float = 0.0) -> Array:
    a = lift(x)
    state.spend(prod(side + 2 * int(np.max(np.abs(pad_width), initial=0)) for side in a.shape))
    edge = (A.common([lift(constant_values), a])[0][0] if a.kind in "rc" else lift(int(constant_values))).data[()]
    data = np.pad(a.data, pad_width, constant_values=edge)
    mask = None
    if a.mask is not None:
        mask = boxed(np.pad(a.mask, pad_width, constant_values=0))
        mask[mask == 0] = 0  # what NumPy pads with is an integer of its own, of 64 bits only
    return Array(data, a.kind, mask)


@portable("meshgrid")
def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Array, ...]:
    given = [lift(x) for x in arrays]
    state.spend(prod(x.size for x in given))
    masks = A.masks_of(given)
    spread: Any = np.meshgrid
    grids = spread(*(a.data for a in given), indexing=indexing)
    mask_grids: Sequence[Any] = [None] * len(given) if masks is None else spread(*masks, indexing=indexing)
    return tuple(Array(g, a.kind, m) for g, a, m in zip(grids, given, mask_grids, strict=True))


# --- indexing, sorting, updating --------------------------------------------------------------------------------------


def _depends_on(out: Array, *others: Array) -> Array:
    extra = A.union_of(others)
    if extra:
        out.mask = boxed((A.no_mask(out.shape) if out.mask is None else out.mask) | extra)
    return out


@portable("take")
def take(x: Any, indices: Any, axis: int) -> Array:
    where = lift(indices)
    return _depends_on(lift(x).structural(lambda d: np.take(d, where.data, axis=axis)), where)


@portable("take_along_axis")
def take_along_axis(x: Any, indices: Any, axis: int) -> Array:
    where = lift(indices)
    return _depends_on(lift(x).structural(lambda d: np.take_along_axis(d, where.data, axis)), where)


def _updated(x: Any, indices: Any, values: Any, change: Callable[[Any, Any, Any], None]) -> Array:
    where = lift(indices)
    (a, v), kind = A.common([lift(x), lift(values)])
    data = a.data.copy()
    change(data, where.data, v.data)
    masks = A.masks_of([a, v])
    mask = None
    if masks is not None:
        mask = masks[0].copy()
        np.bitwise_or.at(mask, where.data, masks[1])
    return _depends_on(Array(data, kind, mask), where)


@portable("index_add")
def index_add(x: Any, indices: Any, values: Any) -> Array:
    return _updated(x, indices, values, lambda d, k, v: np.add.at(d, k, v))


@portable("index_copy")
def index_copy(x: Any, indices: Any, values: Any) -> Array:
    return _updated(x, indices, values, operator.setitem)


@portable("sort")
def sort(x: Any, axis: int = -1) -> Array:
    a = lift(x).balls()
    return lines(a, axis, lambda terms: [terms[k] for k in ordered(terms)], a.kind)


@portable("argsort")
def argsort(x: Any, axis: int = -1) -> Array:
    return lines(lift(x).balls(), axis, ordered, "i")


@portable("top_k")
def top_k(x: Any, k: int) -> Array:
    a = lift(x).balls()

    def rule(terms: list[Ball]) -> list[Ball]:
        return [terms[i] for i in reversed(ordered(terms))][:k]

    return lines(a, -1, rule, a.kind)


# --- creation ---------------------------------------------------------------------------------------------------------


def _shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, Array)) else tuple(int(n) for n in shape)


@portable("full")
def full(shape: Any, value: Any) -> Array:
    v: Array = lift(value).balls()
    state.spend(prod(_shape(shape)))
    return v.structural(lambda d: np.broadcast_to(d, _shape(shape)).copy())


@portable("zeros")
def zeros(shape: Any) -> Array:
    return full(shape, 0)


@portable("ones")
def ones(shape: Any) -> Array:
    return full(shape, 1)


@portable("full_like")
def full_like(x: Any, value: Any) -> Array:
    a = lift(x)
    out = full(a.shape, value)
    return out.to_complex() if a.kind == "c" else out


@portable("zeros_like")
def zeros_like(x: Any) -> Array:
    return full_like(x, 0)


@portable("ones_like")
def ones_like(x: Any) -> Array:
    return full_like(x, 1)


@portable("eye")
def eye(n: int, m: int | None = None) -> Array:
    state.spend(n * (n if m is None else m))
    return Array(np.eye(n, m, dtype=np.int64), "i").balls()


@portable("arange")
def arange(start: Any, stop: Any = None, step: Any = 1) -> Array:
    first, last = (0, start) if stop is None else (start, stop)
    count = max(int(np.ceil((last - first) / step)), 0)
    state.spend(count)
    out: Array = Array(np.arange(count), "i").balls() * step + first
    return out


@portable("indices")
def indices(n: int) -> Array:
    return Array(np.arange(n, dtype=np.int64), "i")


@portable("linspace")
def linspace(start: Any, stop: Any, num: int) -> Array:
    a, b = lift(start).balls(), lift(stop).balls()
    state.spend(num)
    return Array(np.arange(num), "i").balls() * (b - a) / max(num - 1, 1) + a


@portable("array")
def array(values: Any) -> Array:
    return lift(values).balls()


@portable("fftfreq")
def fftfreq(n: int, d: float = 1.0) -> Array:
    k = np.arange(n)
    return Array(np.where(k < (n + 1) // 2, k, k - n), "i").balls() / (lift(d) * n)


@portable("rfftfreq")
def rfftfreq(n: int, d: float = 1.0) -> Array:
    return Array(np.arange(n // 2 + 1), "i").balls() / (lift(d) * n)


def _window(name: str, *coefficients: tuple[int, int]) -> None:
    """A sum of cosines a_0 - a_1 cos(2 pi k / (n - 1)) + ...; the coefficients as fractions."""

    def window(n: int) -> Array:
        def at(k: int) -> Ball:
            if n == 1:
                return arb(1)
            terms = [(-1) ** j * arb(p) / q * (arb(2 * j * k) / (n - 1)).cos_pi()
                     for j, (p, q) in enumerate(coefficients)]
            return sum(terms[1:], terms[0])

        return Array(A.fill([at(k) for k in range(n)], (n,), "r"), "r")

    portable(name)(window)


_window("hanning", (1, 2), (1, 2))
_window("hamming", (54, 100), (46, 100))
_window("blackman", (42, 100), (50, 100), (8, 100))
