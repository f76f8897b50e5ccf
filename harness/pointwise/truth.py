"""The differential of an elementwise function over many points, in ball arithmetic (harness.reference), with bounds.

At each point the function is evaluated at z, z +- h and z +- ih with h 72 bits below the local scale, at 256 bits. The
central quotient is the entry; half the distance of the two one-sided quotients bounds its error (it is of order h
against h**2). An entry counts only if that bound and the radius of its ball are below 2**-58 of the largest entry at
the point, a factor of 32 below a double's rounding; elsewhere the reference has nothing to say and says so. Results
are pairs of doubles (high, low), so that an error of a fraction of an ulp is measured, not rounded.

Points that lie exactly on a branch cut or a kink have no derivative but one on each side; `sides` evaluates there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

import numpy as np

from harness.formats import DOUBLE, Format

Array = np.ndarray[Any, np.dtype[Any]]

_STEP, _BITS = 72, 256
_BOUND = 2.0**-58


@dataclass
class Truth:
    """value: (N,) complex or real; high + low: (N, rows, columns) the differential; bound: (N,) relative to its
    largest entry. known: (N,) where the differential is decided. jump: (N,) where the values on either side, however
    near, differ: the point is on a discontinuity. doubt: (N,) where that had to be looked at.
    """

    value: Array
    high: Array
    low: Array
    bound: Array
    known: Array
    jump: Array
    doubt: Array

    @classmethod
    def empty(cls, count: int, rows: int, columns: int, is_complex: bool) -> Truth:
        nan = np.full((count, rows, columns), np.nan)
        value = np.full(count, np.nan, np.complex128 if is_complex else np.float64)
        no = [np.zeros(count, bool) for _ in range(3)]
        return cls(value, nan, np.zeros_like(nan), np.full(count, np.inf), *no)


class Reference:
    """One function of one variable in ball arithmetic. is_real: of a real variable. form: its literals are read in
    it, as the frameworks do there. Raises harness.expr's errors for a text it cannot compile."""

    def __init__(self, text: str, argument: str, *, is_real: bool = False, form: Format = DOUBLE) -> None:
        from harness.model import Input
        from harness.reference.function import Compiled

        self.is_real, self.form = is_real, form
        self.call = Compiled(text, [Input(argument, "real" if is_real else "complex", ())])

    def evaluate(self, balls: list[Any]) -> list[Any]:
        """The function at each ball; None where it cannot be decided or evaluated."""
        from harness.reference.ball_arrays import Array as Balls
        from harness.reference.precision import NotInReference, Undecided

        if not balls:
            return []
        data = np.empty(len(balls), dtype=object)
        data[:] = balls
        try:
            (out,) = self.call([Balls(data, "r" if self.is_real else "c")])
            fits = out.data.shape == data.shape
            values: list[Any] = out.balls().data.ravel().tolist() if fits else [None] * len(balls)
            return values
        except NotInReference:
            return [None] * len(balls)
        except (Undecided, ArithmeticError, ValueError):
            if len(balls) == 1:
                return [None]
            middle = len(balls) // 2  # one point must not cost its neighbours
            return self.evaluate(balls[:middle]) + self.evaluate(balls[middle:])

    def at(self, points: Array, *, step: int = _STEP, bits: int = _BITS) -> Truth:
        """The differential at (N,) doubles."""
        from harness.reference.precision import power_of_two, state, working

        with working(bits):
            state.form = self.form
            try:
                out = self._at(points, step, power_of_two)
                self._again(out, points, step, power_of_two)
            finally:
                state.form = DOUBLE
        return out

    def _at(self, points: Array, step: int, power_of_two: Any) -> Truth:
        from flint import acb, arb

        count = points.size
        exponents = _scale(points)
        numbers = points.tolist()
        base = [arb(x) for x in numbers] if self.is_real else [acb(z.real, z.imag) for z in numbers]
        h = [power_of_two(int(e) - step) for e in exponents]
        middle = self.evaluate(base)
        blank = acb("nan", "nan") if any(isinstance(m, acb) for m in middle) else arb("nan")
        is_complex = isinstance(blank, acb)
        parts = ("real", "imag")[: 1 + is_complex]
        directions = (1,) if self.is_real else (1, 1j)
        out = Truth.empty(count, len(parts), len(directions), is_complex)
        center = _boxed(middle, blank)
        scale = _boxed([power_of_two(step - 1 - int(e)) for e in exponents], blank)
        radius, spread = np.zeros(count), np.zeros(count)
        for column, direction in enumerate(directions):
            d = h if direction == 1 else [acb(0, x) for x in h]
            ahead = _boxed(self.evaluate([b + x for b, x in zip(base, d, strict=True)]), blank)
            behind = _boxed(self.evaluate([b - x for b, x in zip(base, d, strict=True)]), blank)
            central = ((ahead - behind) * scale).tolist()
            apart = ((ahead + behind - 2 * center) * scale).tolist()
            for row, name in enumerate(parts):
                balls = [getattr(c, name) for c in central]
                mids = [c.mid() for c in balls]
                high = [float(m) for m in mids]
                out.high[:, row, column] = high
                rest = [float(m - x) if isfinite(x) else 0.0 for m, x in zip(mids, high, strict=True)]
                out.low[:, row, column] = rest
                radius = np.fmax(radius, _floats([c.rad() for c in balls]))
                halves = [getattr(a, name) for a in apart]
                apart_by = np.abs(_floats([a.mid() for a in halves])) + _floats([a.rad() for a in halves])
                spread = np.fmax(spread, apart_by)
        out.value[:] = _values(center.tolist(), is_complex)
        with np.errstate(all="ignore"):
            largest = np.abs(out.high).max(axis=(1, 2))
            error = radius + spread
            # Where the derivative vanishes there is no scale but that of the balls: exact zeros are known exactly.
            out.bound[:] = np.where(error == 0, 0.0, error / largest)
            out.known[:] = np.isfinite(out.value) & np.isfinite(largest) & (out.bound <= _BOUND)
            out.doubt[:] = np.ldexp(largest, exponents - step + 1) > 2.0**-30 * np.abs(out.value)
        return out

    def _again(self, out: Truth, points: Array, step: int, power_of_two: Any) -> None:
        """Where the function moved by much of itself within h it has a zero, or it jumps there: a zero gives the same
        quotient with a step 2**-20 as large, a jump one that is 2**20 as large, a branch point something between."""
        at = np.flatnonzero(out.doubt)
        if not at.size:
            return
        finer = self._at(points[at], step + 20, power_of_two)
        if finer.high.shape[1:] != out.high.shape[1:]:
            out.known[at] = False
            return
        with np.errstate(all="ignore"):
            size = np.abs(out.high[at]).max(axis=(1, 2))
            change = np.abs(finer.high - out.high[at]).max(axis=(1, 2))
            growth = np.abs(finer.high).max(axis=(1, 2)) / size
        out.known[at] &= (change <= _BOUND * size) | (size == 0) & (change == 0)
        out.jump[at] = (growth > 2.0**19) & (growth < 2.0**21)


def _boxed(balls: list[Any], blank: Any) -> Array:
    """An object array; what could not be evaluated becomes a ball that knows nothing."""
    out = np.empty(len(balls), dtype=object)
    out[:] = [blank if b is None else b for b in balls]
    return out


def _floats(balls: list[Any]) -> Array:
    return np.array([float(b) for b in balls], dtype=np.float64)


def _values(balls: list[Any], is_complex: bool) -> Array:
    """Midpoints as doubles; NaN for what is not finite."""
    if is_complex:
        nan = complex(np.nan, np.nan)
        return np.array([complex(float(b.real.mid()), float(b.imag.mid())) if b.is_finite() else nan for b in balls])
    return np.array([float(b.mid()) if b.is_finite() else np.nan for b in balls])


def _scale(points: Array) -> Array:
    """Binary exponent of the distance from the origin, at most 1 and 1 at the origin: h is taken below it."""
    size = np.abs(points)
    size = np.where((size > 0) & (size < 1), size, 1.0)
    return np.frexp(size)[1]


def joined(parts: Sequence[Truth]) -> Truth:
    """Truths laid end to end; where some parts met complex values and others none, real ones get zero rows."""
    is_complex = any(np.iscomplexobj(p.value) and p.known.any() for p in parts) or all(
        np.iscomplexobj(p.value) for p in parts)
    rows = 1 + is_complex

    def fitted(a: Array) -> Array:
        if a.shape[1] == rows:
            return a
        return np.concatenate([a, np.zeros_like(a)], axis=1) if rows == 2 else a[:, :1]

    return Truth(
        np.concatenate([p.value if is_complex else p.value.real for p in parts]),
        np.concatenate([fitted(p.high) for p in parts]), np.concatenate([fitted(p.low) for p in parts]),
        np.concatenate([p.bound for p in parts]), np.concatenate([p.known for p in parts]),
        np.concatenate([p.jump for p in parts]), np.concatenate([p.doubt for p in parts]),
    )


class Evaluator(Protocol):
    """A Reference, or a pool of them."""

    def at(self, points: Array) -> Truth: ...


def sides(pool: Evaluator, points: Array) -> Truth:
    """The differentials just beside points on a cut or a kink, in 4 directions (2 on the real line): (N * D,) in the
    order of directions within points. The displacement, 2**-44 of the local scale, is far below what a derivative in
    double precision could see except next to a branch point.
    """
    shift = np.ldexp(1.0, _scale(points) - 44)
    directions = [1.0, -1.0] if not np.iscomplexobj(points) else [1.0, -1.0, 1j, -1j]
    moves = shift[:, None] * np.array(directions)
    out = pool.at((points[:, None] + moves).reshape(-1))
    wider = pool.at((points[:, None] + moves * 2**10).reshape(-1))
    # What the value is at the point itself when it is reached from there, to first order.
    flat = moves.reshape(-1)
    slope = out.high[:, 0, 0] * flat.real
    if np.iscomplexobj(points):
        slope = slope + out.high[:, 0, 1] * flat.imag
    if np.iscomplexobj(out.value):
        rest = out.high[:, 1, 0] * flat.real
        if np.iscomplexobj(points):
            rest = rest + out.high[:, 1, 1] * flat.imag
        slope = slope + 1j * rest
    with np.errstate(all="ignore"):
        out.value = out.value - slope
    # A derivative that grows on the way has no limit: a branch point or a pole, not a cut or a kink.
    with np.errstate(all="ignore"):
        size, outer = (np.abs(t.high).max(axis=(1, 2)) for t in (out, wider))
        out.known &= (size < 4 * outer) | ~wider.known
    # To the point itself: what is left of an entry that fades on the way is zero (sinc' at 0).
    with np.errstate(all="ignore"):
        limit = out.high - (wider.high - out.high) / (2**10 - 1)
        limit[np.abs(limit) < 2.0**-20 * np.abs(wider.high)] = 0.0
    out.high = np.where(wider.known[:, None, None], limit, out.high)
    out.high[~out.known] = np.nan
    return out
