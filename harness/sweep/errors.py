"""How far what a framework returned is from the truth, in units in the last place, point by point.

A unit is that of the largest component of the true number in the format at hand, of d/dz and d/dz* together. Where
hardware may flush what is below the smallest normal number to 0, on the way as well, it is that number for errors no
larger than two of it. What rounds to 0 or to an
infinity is right as 0 or as an infinity. At a cut or a kink every limit is right, and at a kink what lies between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.formats import Format
from harness.pointwise.everywhere import Exact

Array = np.ndarray[Any, np.dtype[Any]]

QUANTITIES = ("value", "dz", "dzbar")


@dataclass
class Limits:
    """Points on a cut or a kink, by their numbers (K,), and the limits around them: value (K, D, rows), slope
    (K, D, rows, columns), whether each is known (K, D)."""

    index: Array
    value: Array
    value_known: Array
    slope: Array
    slope_known: Array

    @classmethod
    def of(cls, index: Array, around: Exact) -> Limits:
        directions = 2 if around.slope.shape[2] == 1 else 4

        def shaped(array: Array) -> Array:
            return array.reshape(index.size, directions, *array.shape[1:])

        return cls(index, shaped(around.value), shaped(around.value_known), shaped(around.slope),
                   shaped(around.slope_known))


def bad_from(form: Format) -> float:
    """The error in ulp from which a number counts as wrong: half of its digits, at least 16."""
    return float(max(16.0, 2.0 ** (form.digits / 2)))


def value_errors(form: Format, value: Array, exact: Exact, limits: Limits | None) -> Array:
    """(N,) errors of values (N, rows); NaN where the truth is not known."""
    out = np.full(len(value), np.nan)
    known = exact.value_known
    out[known] = _off(form, _fitted(value, exact.value.shape[1])[known], exact.value[known], exact.value_low[known])
    if limits is not None and limits.index.size:
        best = out[limits.index]
        mine = _fitted(value, limits.value.shape[2])[limits.index]
        for d in range(limits.value.shape[1]):
            there = limits.value[:, d]
            error = _off(form, mine, there, np.zeros_like(there))
            best = np.where(limits.value_known[:, d], np.fmin(best, error), best)
        out[limits.index] = best
    return out


def slope_errors(
    form: Format, slope: Array, exact: Exact, limits: Limits | None, value_error: Array
) -> tuple[Array, Array]:
    """(N,) errors of d/dz and of d/dz* of differentials (N, rows, columns); of a real variable the latter is NaN."""
    rows = exact.slope.shape[1]
    mine = _padded(slope, rows)
    out = np.full((2, len(slope)), np.nan)
    known = exact.slope_known
    out[:, known] = _pair_off(form, mine[known], exact.slope[known], exact.slope_low[known])
    if limits is not None and limits.index.size:
        best = np.full((2, limits.index.size), np.nan)
        here = mine[limits.index]
        for d in range(limits.slope.shape[1]):
            there = limits.slope[:, d]
            error = _pair_off(form, here, there, np.zeros_like(there))
            usable = limits.slope_known[:, d]
            closer = usable & ~(error.max(axis=0) >= np.nan_to_num(best.max(axis=0), nan=np.inf, posinf=1e300))
            best[:, closer] = error[:, closer]
            best[:, usable & np.isnan(best[0])] = error[:, usable & np.isnan(best[0])]
        best[:, _between(here, limits)] = 0.0
        out[:, limits.index] = best
    if slope.shape[2] == 1:
        out[1] = np.nan
    return out[0], out[1]


def _between(mine: Array, limits: Limits) -> Array:
    """Whether each entry lies between the smallest and the largest limit of it (a member of the generalised
    derivative, or outside it by less than can be told)."""
    some = limits.slope_known[:, :, None, None]
    with np.errstate(all="ignore"):
        low = np.where(some, limits.slope, np.inf).min(axis=1)
        high = np.where(some, limits.slope, -np.inf).max(axis=1)
        room = 2.0**-40 * np.maximum(np.abs(low), np.abs(high))
        inside = (mine >= low - room) & (mine <= high + room)
    several = (high > low).any(axis=(1, 2)) & limits.slope_known.all(axis=1)
    return np.asarray(inside.all(axis=(1, 2)) & several)


def _fitted(value: Array, rows: int) -> Array:
    """Values with as many components as the truth has; a complex value where the truth is real keeps its real part
    and what is lost is nothing, an imaginary part that is not 0 makes the number wrong."""
    if value.shape[1] == rows:
        return value
    if value.shape[1] < rows:
        return np.concatenate([value, np.zeros((len(value), rows - value.shape[1]))], axis=1)
    kept = value[:, :rows].copy()
    kept[(value[:, rows:] != 0).any(axis=1)] = np.nan
    return kept


def _padded(slope: Array, rows: int) -> Array:
    if slope.shape[1] >= rows:
        return slope[:, :rows]
    out = np.zeros((len(slope), rows, slope.shape[2]))
    out[:, : slope.shape[1]] = slope
    return out


def _off(form: Format, mine: Array, high: Array, low: Array) -> Array:
    """(N,) errors of numbers of one or two components against high + low, in units of the largest component."""
    with np.errstate(all="ignore"):
        unit = form.unit(np.abs(high).max(axis=1))[:, None]
        error = np.abs((mine - high) / unit - low / unit)
        error = _flushed(form, np.where(np.isnan(error), np.inf, error), unit)
        error = np.where(_same_overflow(form, mine, high), 0.0, error)
        if mine.shape[1] == 1:
            return error[:, 0]
        # a complex number with an infinite part is infinite, whatever its other part says
        whole = np.isinf(form.rounded(high)).any(axis=1) & (np.abs(mine) >= form.largest).any(axis=1)
    return np.where(whole, 0.0, error.max(axis=1))


def _flushed(form: Format, error: Array, unit: Array) -> Array:
    """Errors in units; those of two of the smallest normal numbers or less are counted in that number."""
    absolute = error * unit / form.floor
    return np.where(absolute <= 2, np.minimum(error, absolute), error)


def _same_overflow(form: Format, mine: Array, high: Array) -> Array:
    """Entries whose truth is beyond the format (or within half a unit of that) and that say so, as an infinity or as
    the largest number."""
    over = np.isinf(form.rounded(high)) | (np.abs(high) > form.largest)
    return np.asarray(over & (np.sign(mine) == np.sign(high)) & (np.abs(mine) >= form.largest))


def halves(j: Array) -> Array:
    """(N, 4): real and imaginary part of d/dz, then of d/dz*, from (N, rows, 2); halved first: nothing overflows."""
    u_x, u_y = j[:, 0, 0] / 2, j[:, 0, 1] / 2
    v_x, v_y = (j[:, 1, 0] / 2, j[:, 1, 1] / 2) if j.shape[1] > 1 else (np.zeros(len(j)),) * 2
    with np.errstate(invalid="ignore"):
        return np.stack([u_x + v_y, v_x - u_y, u_x - v_y, v_x + u_y], axis=1)


def _pair_off(form: Format, mine: Array, high: Array, low: Array) -> Array:
    """(2, N) errors of d/dz and d/dz*."""
    if high.shape[2] == 1:  # of a real variable
        error = _off(form, mine[:, :, 0], high[:, :, 0], low[:, :, 0])
        return np.stack([error, np.zeros_like(error)])
    with np.errstate(all="ignore"):
        true = halves(high)
        unit = form.unit(np.abs(true).max(axis=1))[:, None]
        off = (mine - high) / unit[:, :, None] - low / unit[:, :, None]
        off = np.where(_same_overflow(form, mine, high), 0.0, off)
        parts = np.abs(halves(off))
        parts = _flushed(form, np.where(np.isnan(parts), np.inf, parts), unit)
        over = np.isinf(form.rounded(high)).any(axis=(1, 2)) & (np.abs(mine) >= form.largest).any(axis=(1, 2))
        parts[over] = 0.0
    return np.stack([parts[:, :2].max(axis=1), parts[:, 2:].max(axis=1)])
