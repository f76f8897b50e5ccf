"""Limits of values and derivatives at shrinking distances from a point, and which of them are one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flint import arb

from harness.reference.precision import Ball, power_of_two

#: delta is 2**-(STEP * level) of the local scale.
STEP = 60
#: Distances shrink by 2**-STEP; a sequence whose moves shrink by this has a limit (distance**0.2 still has).
_CONVERGED = power_of_two(-12)

_NAN = arb("nan")
#: "axis" or "random", the number of the direction, its sign.
Key = tuple[str, int, int]


@dataclass
class Limit:
    """The limit of a sequence at shrinking distances: "finite", "infinite", or "none"; and how sure the value is."""

    kind: str
    value: Ball = _NAN
    error: Ball = _NAN


def common_value(limits: Sequence[Limit]) -> Ball:
    """The value that limits have in common: zero where it is smaller than what is known of it."""
    best = min(limits, key=lambda m: m.error)
    return arb(0) if abs(best.value).mid() <= best.error else best.value


def limit(sequence: Sequence[Ball]) -> Limit:
    """The limit of values at three distances that shrink by 2**-STEP each."""
    if not all(v.is_finite() for v in sequence):
        return Limit("none")
    first, second, third = sequence
    early, late = abs(first - second).upper(), abs(second - third).upper()
    if late <= early * _CONVERGED or late <= abs(third).upper() * power_of_two(-STEP - 30):
        return Limit("finite", third, late)
    if abs(third).lower() > abs(second).upper() and early <= late * 4:
        return Limit("infinite", third)
    return Limit("none")


def settling(far: Ball, close: Ball, far_size: Ball, close_size: Ball) -> Limit:
    """The limit of a derivative from two distances, for an approach like distance**p.

    What remains is the last move times the factor by which the next one is smaller: that of a square root at most
    where p >= 1/2, and for smaller p the ratio of the move to the derivative itself.
    """
    move = abs(far - close).upper()
    size = max(far_size, close_size)
    if close_size > far_size * 1024:
        return Limit("infinite", close)
    if close_size <= far_size * _CONVERGED:
        return Limit("finite", close, 2 * close_size)
    if move <= size * _CONVERGED:
        ratio = max(power_of_two(4 - STEP // 2), (16 * move / size).upper()) if size > 0 else arb(0)
        return Limit("finite", close, (move * ratio).upper())
    return Limit("none")


def agree(found: Sequence[Limit]) -> bool:
    """Whether finite limits are one and the same."""
    kept = [f for f in found if f.kind == "finite"]
    if not kept:
        return True
    largest = max(abs(f.value).upper() for f in kept)
    room = largest * power_of_two(-20) + 4 * max(f.error for f in kept)
    first = kept[0].value
    return all(abs(f.value - first).mid() <= room for f in kept[1:])


def meets(value: Ball, found: Sequence[Limit]) -> bool:
    return agree([Limit("finite", value, value.rad()), *found])


def best(found: Sequence[Limit]) -> tuple[Ball, Ball]:
    """The limit with the smallest error; its bound also covers how far the directions are apart."""
    kept = [f for f in found if f.kind == "finite"]
    best = min(kept, key=lambda f: f.error)
    bound = best.error + max(abs(f.value - best.value).upper() for f in kept)
    if abs(best.value).mid() <= bound:  # zero as far as anybody can tell
        return arb(0), bound + abs(best.value).mid()
    return best.value, bound


def quotient(values: Sequence[Ball], at_point: Ball, steps: Sequence[Ball]) -> Ball:
    """The one-sided derivative, or NaN where the quotients do not converge."""
    if not at_point.is_finite():
        return _NAN
    q = [(v - at_point) / h for v, h in zip(values, steps, strict=True)]
    if not all(x.is_finite() for x in q):
        return _NAN
    if abs(q[2]).mid() <= q[2].rad() <= _CONVERGED:  # a constant, evaluated with its rounding
        return arb(0)
    late, size = abs(q[1] - q[2]).mid(), max(abs(q[1]).mid(), abs(q[2]).mid())
    settled = late <= size * _CONVERGED or abs(q[2]).mid() <= abs(q[1]).mid() * _CONVERGED
    return q[2] if settled else _NAN


def steep(values: Sequence[Ball], at_point: Ball) -> bool:
    """Whether the quotients grow without bound towards the point."""
    if not (at_point.is_finite() and all(v.is_finite() for v in values)):
        return False
    moves = [abs(v - at_point).mid() for v in values]
    return moves[2] > 0 and bool(moves[2] > moves[1] * power_of_two(10 - STEP))


def common_infinity(met: Mapping[Key, Limit]) -> Ball:
    """An infinity that every direction along which the function is defined leads to; else NaN."""
    kept = [m for m in met.values() if m.kind != "none"]
    signs = {bool(m.value > 0) for m in kept}
    if len(signs) == 1 and all(m.kind == "infinite" for m in kept):
        return arb.pos_inf() if signs.pop() else arb.neg_inf()
    return _NAN
