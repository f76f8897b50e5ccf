"""Finite differences of anybody's own values in double (or single) precision, with an error estimate that may be used.

For functions that have no reference text. NumPy alone. Ridders' scheme: central quotients at steps that halve, a
Richardson tableau over them, and the entry with the smallest estimated error; the estimate is widened by what rounding
of the values does at that step. One-sided quotients are extrapolated from the same values: where they disagree, the
function has no derivative there and the estimate is infinite.

C. J. F. Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Adv. Eng. Software 4 (1982). (numdifftools
extrapolates likewise and estimates errors from the spread of the tableau; it neither splits complex coordinates nor
looks at both sides, so it is not used here.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from harness.wirtinger import components, from_components, real_size

Array = np.ndarray[Any, np.dtype[Any]]

#: Halvings of the step.
_STEPS = 9
#: The first step, in units of the local scale.
_FIRST = 2.0**-4
#: A tableau's own estimate is the difference of neighbouring entries; it is multiplied by this.
_SAFETY = 4.0
#: The first step of a direction in double precision.
FIRST = 2.0**-6
#: Below this scale of a coordinate, steps of the length of one are tried as well.
_SMALL = 2.0**-6


def numeric_differential(
    f: Callable[[Mapping[str, Array]], Array], arrays: Mapping[str, Array], wrt: str, *, limit: int = 4000,
) -> tuple[Array, Array]:
    """(J, error) of f with respect to the input `wrt`: both (2m, 2n) in float64 (design section 2's rows and columns).

    f maps input arrays to one output array; it is called 2 * 9 times for each real coordinate (twice as often
    for a small one) and once at the point,
    with arrays of the dtypes given. error: an estimate meant to bound |J - truth|, inf where there is no derivative
    or none was found. Raises ValueError where more than `limit` calls would be needed.
    """
    x = np.asarray(arrays[wrt])
    n, is_complex = real_size(x.shape, np.iscomplexobj(x)), np.iscomplexobj(x)
    if 4 * _STEPS * n + 1 > limit:
        raise ValueError(f"up to {4 * _STEPS * n + 1} evaluations would be needed; the limit is {limit}")
    row = components(x)
    centre = components(np.asarray(f(arrays)))
    noise = np.finfo(centre.dtype).eps if centre.dtype.kind == "f" else np.finfo(np.float64).eps
    j, error = np.empty((centre.size, n)), np.empty((centre.size, n))

    def at(k: int, value: Any) -> Array:
        moved = row.copy()
        moved[k] = value
        leaf = from_components(moved, x.shape, is_complex).astype(x.dtype, copy=False)
        return components(np.asarray(f({**arrays, wrt: leaf}))).astype(np.float64)

    sizes = _local_scales(row, is_complex)
    with np.errstate(all="ignore"):
        for k in range(n):
            found = _column(partial(at, k), row[k], sizes[k], centre.astype(np.float64), noise)
            if sizes[k] < _SMALL:  # the function's own scale may be larger than the coordinate
                found = _better(found, _column(partial(at, k), row[k], 1.0, centre.astype(np.float64), noise))
            j[:, k], error[:, k] = found
    return j, error


def _better(near: tuple[Array, Array], far: tuple[Array, Array]) -> tuple[Array, Array]:
    """Of two estimates by steps of different lengths the one with the smaller error, where they do not contradict."""
    agree = np.isfinite(near[1]) & np.isfinite(far[1]) & (np.abs(near[0] - far[0]) <= near[1] + far[1])
    use = agree & (far[1] < near[1])
    return np.where(use, far[0], near[0]), np.where(use, far[1], near[1])


def _local_scales(row: Array, is_complex: bool) -> Array:
    """The length by which each coordinate's steps are measured: the modulus of its element, or of the smallest other
    one that is not zero, or one."""
    wide = row.astype(np.float64)
    if is_complex:
        half = wide.size // 2
        modulus = np.hypot(wide[:half], wide[half:])
        modulus = np.concatenate([modulus, modulus])
    else:
        modulus = np.abs(wide)
    usable = modulus[(modulus > 0) & np.isfinite(modulus)]
    other = min(float(usable.min()), 1.0) if usable.size else 1.0
    return np.where((modulus > 0) & np.isfinite(modulus), modulus, other)


def _column(at: Callable[[Any], Array], x: Any, size: float, centre: Array, noise: float) -> tuple[Array, Array]:
    """One column of J and its error."""
    steps, above, below = [], [], []
    for i in range(_STEPS):
        h = x.dtype.type(_FIRST * size * 0.5**i)
        high, low = x + h, x - h
        steps.append((float(high) - float(x), float(x) - float(low)))
        above.append(at(high))
        below.append(at(low))
    up, down = np.array([s[0] for s in steps])[:, None], np.array([s[1] for s in steps])[:, None]
    plus, minus = np.array(above), np.array(below)
    largest = np.maximum(np.abs(plus).max(axis=0), np.abs(minus).max(axis=0))
    middle = (plus - minus) / (up + down)
    value, error = _extrapolated(middle, 2, largest * noise / (up + down) * 2)
    right = _extrapolated((plus - centre) / up, 1, largest * noise / up * 2)
    left = _extrapolated((centre - minus) / down, 1, largest * noise / down * 2)
    one_sided = np.abs(right[0] - left[0])
    torn = ~(one_sided <= right[1] + left[1] + error + 1e-3 * np.maximum(np.abs(right[0]), np.abs(left[0])))
    bad = torn | ~np.isfinite(value) | ~np.isfinite(centre)
    return np.where(bad, np.nan, value), np.where(bad, np.inf, error)


def _extrapolated(quotients: Array, order: int, rounding: Array) -> tuple[Array, Array]:
    """Richardson's tableau over steps that halve, for an error in powers h**order, h**(2 order), ...

    quotients, rounding: (steps, m). Returns the entries with the smallest estimated error, and that error.
    """
    table, floor = [quotients], np.broadcast_to(rounding, quotients.shape)
    best = quotients[-1].copy()
    least = np.full(best.shape, np.inf)
    for level in range(1, len(quotients)):
        factor = 2.0 ** (order * level)
        last = table[-1]
        table.append((factor * last[1:] - last[:-1]) / (factor - 1))
        new = table[-1]
        estimate = np.maximum(np.abs(new - last[1:]), np.abs(new - last[:-1])) * _SAFETY + floor[level:] * _SAFETY
        estimate = np.where(np.isfinite(estimate), estimate, np.inf)
        at = np.argmin(estimate, axis=0)
        here = np.take_along_axis(estimate, at[None], 0)[0]
        better = here < least
        best = np.where(better, np.take_along_axis(new, at[None], 0)[0], best)
        least = np.where(better, here, least)
    return best, least


@dataclass
class Difference:
    """estimate of d/dt f(x + t d) at 0, its error, |f| and how many values were taken. NaN where f is not finite.

    right, left: the one-sided derivatives at 0, NaN where f is not finite. torn: whether they differ by more than
    their errors, so that f has a kink (or a jump) at 0 along d. noise: as `noise` measures it. failed: what f said
    where it refused a point.
    """

    estimate: float
    error: float
    size: float
    values: int
    right: float = np.nan
    left: float = np.nan
    torn: bool = False
    noise: float = 0.0
    failed: str = ""


#: Half the distances at which noise is measured, in units of the direction: next to the point, and farther.
_NEXT = (4.6e-7, 5.9e-7, 7.8e-7, 9.7e-7)
_FARTHER = (3.7e-6, 5.2e-6)


def noise(f: Callable[[float], float], single: bool, rough: bool = False) -> float:
    """How far f jumps between points next to each other, beyond rounding: its largest second difference there.

    A loop that takes one turn more, a solver that takes another step, or single precision inside shows so. That of a
    smooth function shrinks with the square of the distance, that of a kink with the distance itself. 0 where they are
    lost in rounding themselves (single), or f is not finite. rough: whether f is known to jump, by however little.
    """
    if single:
        return 0.0
    centre = f(0.0)
    ends = np.array([(f(t), f(-t)) for t in (*_NEXT, *_FARTHER)])
    if not (np.isfinite(centre) and np.isfinite(ends).all()):
        return 0.0
    bend = np.abs(ends.sum(axis=1) - 2 * centre)
    near, far = float(bend[: len(_NEXT)].max()), float(bend[len(_NEXT) :].max())
    least = float(np.finfo(np.float64).eps) * max(abs(centre), float(np.abs(ends).max()))
    if rough:
        return max(near, far, least)
    return max(near, far) if near > 1e5 * least and near > 0.25 * far else 0.0


def difference(f: Callable[[float], float], single: bool, jumps: float = 0.0) -> Difference:
    """The derivative of f at 0. single: f is computed in single precision. Steps are fractions of the direction.

    jumps: the noise of f, which bounds what its differences can tell.
    """
    rough = single or jumps > 0
    first, rows = (2.0**-4, 4) if rough else (FIRST, 5)
    eps = float(np.finfo(np.float32 if single else np.float64).eps)
    best, error = np.nan, np.inf
    table: list[list[float]] = []
    centre = f(0.0)
    size, count = abs(centre) if np.isfinite(centre) else 0.0, 1
    taken: list[tuple[float, float, float]] = []
    for k in range(rows):
        h = first / 2**k
        above, below = f(h), f(-h)
        count += 2
        if not np.isfinite([above, below]).all():
            continue
        taken.append((h, above, below))
        size = max(size, abs(above), abs(below))
        rounding = (4 * eps * size + 2 * jumps) / h
        row = [(above - below) / (2 * h)]
        before = table[-1] if table else []
        for j, older in enumerate(before):
            row.append(row[j] + (row[j] - older) / (4.0 ** (j + 1) - 1))
            guess = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - older)) + rounding
            if guess < error:
                best, error = row[j + 1], guess
        table.append(row)
    right, left, torn = _one_sided(taken, centre, size * eps + jumps, rows, rough)
    return Difference(float(best), float(error), float(size), count, right, left, torn, jumps)


def _one_sided(
    taken: list[tuple[float, float, float]], centre: float, rounding: float, rows: int, single: bool
) -> tuple[float, float, bool]:
    """(derivative from the right, from the left, whether they differ by more than their errors)."""
    if len(taken) < rows or not np.isfinite(centre):
        return np.nan, np.nan, False
    steps, above, below = (np.array(c)[:, None] for c in zip(*taken, strict=True))
    (right,), (wide,) = _extrapolated((above - centre) / steps, 1, 2 * rounding / steps)
    (left,), (far,) = _extrapolated((centre - below) / steps, 1, 2 * rounding / steps)
    least = (1e-3 if single else 1e-8) * max(abs(right), abs(left))
    return float(right), float(left), bool(abs(right - left) > wide + far + least)
