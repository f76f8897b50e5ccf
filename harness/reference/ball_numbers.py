"""Operations of balls that flint leaves to its user: IEEE's division by zero, steps, comparisons, sums of nothing.

A comparison of two balls that overlap raises `Undecided`, so that more digits are tried, unless ties are told to be
ties (`state.ties`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import acb, arb

from harness.reference.precision import Ball, Undecided, power_of_two, state

Objects = np.ndarray[Any, np.dtype[Any]]


def quotient(x: Ball, y: Ball) -> Ball:
    """Real division with the infinities of IEEE 754."""
    if y == 0 and x != 0 and not x.is_nan() and not x.contains(0):
        return arb.pos_inf() if x > 0 else arb.neg_inf()
    return x / y


def integer_power(x: Ball, n: Any) -> Ball:
    exponent = int(n)
    if exponent > 0 and isinstance(x, arb) and x.mid() == 0 and not x.is_exact():
        # FLINT 3.6 answers NaN for a power of a real ball whose middle is 0, even for the first.
        r = abs(x).upper() ** exponent
        return arb(0, r).nonnegative_part() if exponent % 2 == 0 else arb(0, r)
    return x**exponent


def whole(x: Ball, function: Callable[[Ball], Ball]) -> Ball:
    """floor, ceil or the like of a ball, as an exact integer; undecided where the ball reaches across a step."""
    if not x.is_finite():
        return arb("nan")
    out = function(x)
    if out.is_exact():
        return out
    if state.ties:
        return function(x.mid())
    raise Undecided


# --- comparisons ------------------------------------------------------------------------------------------------------


def _note_closeness(x: Ball, y: Ball) -> None:
    """Remember a comparison that rounding may decide otherwise: nearer than 4 eps (in double 2^-50), of numbers that
    are not both numbers of the machine, which everybody compares exactly. Balls that overlap are ties: not that."""
    if state.near or isinstance(x, acb) or isinstance(y, acb) or x.overlaps(y) or not (x.is_finite() and y.is_finite()):
        return
    gap, size = abs(x.mid() - y.mid()), max(abs(x.mid()), abs(y.mid()))
    if gap <= size * power_of_two(3 - state.form.digits) and not (_of_machine(x) and _of_machine(y)):
        state.near = True


def _of_machine(x: arb) -> bool:
    return bool(x.is_exact()) and bool(arb(float(x.mid())) == x)


def less(x: Ball, y: Ball) -> bool:
    """x < y; False for a NaN, and `Undecided` where two balls overlap."""
    _note_closeness(x, y)
    if x < y:
        return True
    if x >= y or _undefined(x) or _undefined(y):
        return False
    if state.ties:
        return False
    raise Undecided


def less_equal(x: Ball, y: Ball) -> bool:
    _note_closeness(x, y)
    if x <= y:
        return True
    if x > y or _undefined(x) or _undefined(y):
        return False
    if state.ties:
        return True
    raise Undecided


def equal(x: Ball, y: Ball) -> bool:
    if x == y:
        return True
    if not x.overlaps(y) or _undefined(x) or _undefined(y):
        return False
    if state.ties:
        return True
    raise Undecided


def _undefined(x: Ball) -> bool:
    parts = (x.real, x.imag) if isinstance(x, acb) else (x,)
    return any(p.is_nan() for p in parts)


# --- products ---------------------------------------------------------------------------------------------------------


def product(left: Objects, right: Objects) -> Objects:
    """(..., l, m) @ (..., m, n) of arrays of balls; of nothing (m = 0) the sum is an exact zero."""
    if not left.shape[-1] and not right.shape[-2]:
        left = np.full((*left.shape[:-1], 1), arb(0), object)
        right = np.full((*right.shape[:-2], 1, right.shape[-1]), arb(0), object)
    return np.asarray(np.matmul(left, right), object)
