"""Value and differential over the whole range of floating-point numbers, in ball arithmetic, to well below an ulp.

As in `truth` an entry is a central quotient, bounded by how far the two one-sided ones are apart and by the radius of
its ball. Here the step is below the smallest component of the point, so that z = 1 + 1e-300j is seen from as near as
it has to be, and what no double can hold is known as well: a derivative below the smallest double is 0, one beyond
the largest is infinite, and both are right answers.

On a cut or a kink there is no derivative but one on each side: `around` evaluates there, 100 bits below the local
scale, which no double-precision derivative can tell from the limit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.formats import DOUBLE

if TYPE_CHECKING:
    from harness.pointwise.truth import Reference

Array = np.ndarray[Any, np.dtype[Any]]

#: (step below the scale in bits, bits of precision, whether the scale is relative to the point even for a large one)
_ATTEMPTS = ((128, 330, True), (128, 330, False), (320, 1000, False), (1200, 3200, False))
#: Functions with a structure of size 1 everywhere: from far off floor(x) is x, and no quotient over a step that is
#: relative to a large x shows that it is not.
_STEPS = re.compile(r"\b(floor|ceil|trunc|round|remainder|fmod|floor_divide|heaviside|sign)\b|//|%")
_LAST_FEW = 3000  # points for which the slow attempts are made, at most
_SIDE = 100  # bits below the local scale at which a limit is taken
_BOUND = -58  # bits: relative bound of an entry that counts
_NOTHING = -1080  # bits: what is below rounds to zero in double precision, whatever it is
DIRECTIONS: tuple[complex, ...] = (1.0, -1.0, 1j, -1j)


@dataclass
class Exact:
    """value, slope: high parts (N, rows) and (N, rows, columns); *_low: what they lack, so that an error of a
    fraction of an ulp is measured. *_known: (N,) where they are decided. Entries may be infinite: beyond a double.
    """

    value: Array
    value_low: Array
    value_known: Array
    slope: Array
    slope_low: Array
    slope_known: Array

    @classmethod
    def empty(cls, count: int, rows: int, columns: int) -> Exact:
        value, slope = np.full((count, rows), np.nan), np.full((count, rows, columns), np.nan)
        return cls(value, np.zeros_like(value), np.zeros(count, bool), slope, np.zeros_like(slope),
                   np.zeros(count, bool))

    def __getitem__(self, at: Any) -> Exact:
        return Exact(*(getattr(self, f.name)[at] for f in fields(self)))

    def with_rows(self, rows: int) -> Exact:
        """With a second row of zeros where only real values were met, so that parts can be joined."""
        if self.value.shape[1] == rows:
            return self
        out = Exact.empty(len(self.value), rows, self.slope.shape[2])
        for f in fields(self):
            mine, theirs = getattr(out, f.name), getattr(self, f.name)
            if mine.ndim == 1:
                mine[:] = theirs
            else:
                mine[:] = 0.0
                mine[:, : theirs.shape[1]] = theirs
        return out


def joined(parts: Sequence[Exact]) -> Exact:
    """Laid end to end."""
    rows = max(p.value.shape[1] for p in parts)
    wide = [p.with_rows(rows) for p in parts]
    return Exact(*(np.concatenate([getattr(p, f.name) for p in wide]) for f in fields(Exact)))


def at(reference: Reference, points: Array) -> Exact:
    """Value and differential at (N,) doubles, single-precision numbers or complex ones of either."""
    return _attempted(reference, points, 0.0)


def around(reference: Reference, points: Array) -> Exact:
    """The limits from 4 directions (2 on the real line) at each point: (N * D,), directions within points.

    A limit that is still moving 20 bits nearer is none: a pole or a branch point is not known.
    """
    directions = DIRECTIONS[:2] if reference.is_real else DIRECTIONS
    parts = []
    for direction in directions:
        near, nearer = (_attempted(reference, points, direction, more) for more in (0, 20))
        if near.slope.shape == nearer.slope.shape:
            with np.errstate(all="ignore"):
                size = np.abs(near.slope).max(axis=(1, 2))
                moved = np.abs(near.slope - nearer.slope).max(axis=(1, 2))
                near.slope_known &= nearer.slope_known & (moved <= 2.0**-50 * size)
                moved = np.abs(near.value - nearer.value).max(axis=1)
                near.value_known &= nearer.value_known & (moved <= 2.0**-50 * np.abs(near.value).max(axis=1))
        parts.append(near)
    rows = max(p.value.shape[1] for p in parts)
    parts = [p.with_rows(rows) for p in parts]
    order = np.arange(points.size * len(directions)).reshape(len(directions), -1).T.reshape(-1)
    return joined(parts)[order]


def _attempted(reference: Reference, points: Array, toward: complex, more: int = 0) -> Exact:
    out: Exact | None = None
    todo = np.arange(points.size)
    has_steps = _STEPS.search(reference.call.text) is not None
    for number, (step, bits, relative) in enumerate(_ATTEMPTS):
        if relative and has_steps:
            continue
        if number == len(_ATTEMPTS) - 1 and todo.size > _LAST_FEW:
            break
        low, high = _exponents(points[todo], relative)
        extra = np.where(toward != 0, _SIDE + more, 0)
        needed = bits + -(-(high - low) // 256) * 256 + 2 * extra
        part = _grouped(reference, points[todo], low, step, needed, toward, int(extra))
        if out is None:
            out = part
        else:
            rows = max(out.value.shape[1], part.value.shape[1])
            out, part = out.with_rows(rows), part.with_rows(rows)
            for name in ("value", "slope"):
                better = getattr(part, f"{name}_known") & ~getattr(out, f"{name}_known")[todo]
                for word in (name, f"{name}_low", f"{name}_known"):
                    getattr(out, word)[todo[better]] = getattr(part, word)[better]
        todo = np.flatnonzero(~(out.slope_known & out.value_known))
        if not todo.size:
            break
    assert out is not None
    return out


def _exponents(points: Array, relative: bool) -> tuple[Array, Array]:
    """Binary exponents of the smallest and of the largest non-zero component; with the exponent of 1 unless relative
    (where both vanish 1 is all there is)."""
    parts = np.stack([points.real, points.imag], axis=1) if np.iscomplexobj(points) else points[:, None]
    parts = parts.astype(np.float64)
    e = np.frexp(parts)[1].astype(np.int64)
    there = parts != 0
    low = np.where(there, e, 5000).min(axis=1)
    high = np.where(there, e, -5000).max(axis=1)
    nothing = ~there.any(axis=1)
    low, high = np.where(nothing, 0, low), np.where(nothing, 0, high)
    return (low, high) if relative else (np.minimum(low, 0), np.maximum(high, 0))


def _grouped(
    reference: Reference, points: Array, low: Array, step: int, needed: Array, toward: complex, extra: int
) -> Exact:
    """`_at` for groups of points of one precision each."""
    from harness.reference.precision import state, working

    parts, order = [], []
    for bits in np.unique(needed).tolist():
        chosen = np.flatnonzero(needed == bits)
        with working(int(bits)):
            state.form = reference.form
            try:
                parts.append(_at(reference, points[chosen], low[chosen] - extra, step, toward))
            finally:
                state.form = DOUBLE
        order.append(chosen)
    back = np.argsort(np.concatenate(order), kind="stable")
    return joined(parts)[back]


def _at(reference: Reference, points: Array, scale: Array, step: int, toward: complex) -> Exact:
    from flint import acb, arb

    from harness.reference.precision import power_of_two

    exact = points.tolist()
    base = [arb(x) for x in exact] if reference.is_real else [acb(z.real, z.imag) for z in exact]
    if toward:
        # twice the scale, so that the steps stay on this side
        base = [b + (toward.real if reference.is_real else acb(toward.real, toward.imag)) * power_of_two(int(e) + 1)
                for b, e in zip(base, scale, strict=True)]
    h = [power_of_two(int(e) - step) for e in scale]
    over = [power_of_two(step - 1 - int(e)) for e in scale]
    middle = reference.evaluate(base)
    rows = 2 if any(isinstance(m, acb) for m in middle) else 1
    out = Exact.empty(points.size, rows, 1 if reference.is_real else 2)
    entries: list[list[tuple[Any, Any] | None]] = [[] for _ in exact]
    for direction in (1,) if reference.is_real else (1, 1j):
        moved = h if direction == 1 else [acb(0, x) for x in h]
        ahead = reference.evaluate([b + x for b, x in zip(base, moved, strict=True)])
        behind = reference.evaluate([b - x for b, x in zip(base, moved, strict=True)])
        for k, (a, m, b, o) in enumerate(zip(ahead, middle, behind, over, strict=True)):
            if a is None or m is None or b is None:
                entries[k].append(None)
            else:
                entries[k].append(((a - b) * o, (a + b - 2 * m) * o))
    for k, (m, found) in enumerate(zip(middle, entries, strict=True)):
        if m is not None:
            parts = _parts(m, rows)
            out.value_known[k] = _settle([(p.mid(), abs(p.rad())) for p in parts], out.value[k], out.value_low[k])
        if all(f is not None for f in found):
            pairs = []
            for f in found:
                assert f is not None
                pairs += [(c.mid(), c.rad() + abs(s).upper()) for c, s in zip(
                    _parts(f[0], rows), _parts(f[1], rows), strict=True)]
            high, low = np.empty(len(pairs)), np.empty(len(pairs))
            out.slope_known[k] = _settle(pairs, high, low)
            out.slope[k], out.slope_low[k] = high.reshape(-1, rows).T, low.reshape(-1, rows).T
    return out


def _parts(ball: Any, rows: int) -> list[Any]:
    """The real components of a ball; a real one has an imaginary part of 0 where others are complex."""
    from flint import acb, arb

    if isinstance(ball, acb):
        return [ball.real, ball.imag]
    return [ball, arb(0)][:rows]


def _settle(pairs: Sequence[tuple[Any, Any]], high: Array, low: Array) -> bool:
    """Write numbers, given as midpoints and bounds of their errors, as pairs of doubles; whether all are known: to 58
    bits of the largest one, or to below anything that a double can hold."""
    from harness.reference.precision import power_of_two

    sizes = [abs(mid) for mid, _ in pairs]
    if not all(s.is_finite() and b.is_finite() for s, (_, b) in zip(sizes, pairs, strict=True)):
        high[:], low[:] = nan, 0.0
        return False
    largest = max(sizes)
    room = max(largest * power_of_two(_BOUND), power_of_two(_NOTHING))
    for k, (mid, _) in enumerate(pairs):
        high[k] = x = float(mid)
        low[k] = float(mid - x) if isfinite(x) else 0.0
        if not isfinite(x):
            high[k] = inf if mid > 0 else -inf
    return all(b <= room for _, b in pairs)
