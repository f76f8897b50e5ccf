"""Values and derivatives where an argument is infinite: limits along arguments that grow.

Every infinite coordinate takes three growing powers of two, each coordinate its own, in two orders: what depends on
the order in which two arguments go to infinity has no limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from harness.reference.derivative import Differences
from harness.reference.function import Problem
from harness.reference.precision import Ball, Undecided, power_of_two, state, working

Floats = np.ndarray[Any, np.dtype[Any]]

#: Exponents of the powers of two, and how far those of two coordinates are apart.
_LEVELS = (60, 120, 240)
#: A last one that is no whole number: of frac(x) all others show zero.
_ODD = 40
_APART = 7
#: Moves from level to level shrink by this where there is a limit.
_CONVERGED = power_of_two(-30)
_BITS = 1500
_MOST = 6  # coordinates that are apart
Order = Callable[[int], int]
_ORDERS: tuple[Order, ...] = (lambda n: n, lambda n: -n, lambda n: (n + _MOST // 2) % _MOST)


@dataclass
class Limits:
    """By row the limit of its value; by row and column that of its derivative, with a bound of its error."""

    values: dict[int, Ball]
    entries: dict[tuple[int, int], tuple[Ball, Ball]]


def limits(problem: Problem, rows: set[int], kinds: Sequence[str]) -> Limits:
    """The limits that rows of real outputs have at a point of real arguments with an infinity; what has none is absent.

    kinds: of the outputs.
    """
    structure, columns = problem.structure, problem.columns
    endless = [k for k, c in enumerate(columns) if not problem.coordinate(c).is_finite()]
    if not endless or any(leaf.kind == "c" for leaf in problem.leaves):
        return Limits({}, {})
    rows = {r for r in rows if kinds[structure.rows[r].output] == "r" and any(
        structure.seen[r] >> columns[k].element & 1 for k in endless if not problem.coordinate(columns[k]).is_nan())}
    if not rows:
        return Limits({}, {})
    found = [_along(problem, rows, order) for order in (_ORDERS if len(endless) > 1 else _ORDERS[:1])]
    values = {r: x for r, x in found[0].values.items() if all(
        r in other.values and _same(x, other.values[r], power_of_two(-60)) for other in found[1:])}
    entries = {at: e for at, e in found[0].entries.items() if all(
        at in other.entries and abs(e[0] - other.entries[at][0]) <= 2 * (e[1] + other.entries[at][1])
        for other in found[1:])}
    # Where one argument's share of an output depends on the order, so do the others', shown or not.
    own = {r: structure.rows[r].output for r in rows}
    torn = {own[r] for r in rows if r not in values and any(r in o.values for o in found)}
    bent = torn | {own[r] for o in found for r, k in o.entries if (r, k) not in entries and k in endless}
    return Limits({r: x for r, x in values.items() if own[r] not in torn},
                  {(r, k): e for (r, k), e in entries.items() if own[r] not in bent or k not in endless})


def _same(x: Ball, y: Ball, room: Ball) -> bool:
    if not x.is_finite() or not y.is_finite():
        return bool(not x.is_nan() and not y.is_nan() and (x > 0) == (y > 0) and x.is_finite() == y.is_finite())
    return bool(abs(x - y).mid() <= abs(x).mid() * room)


def _along(problem: Problem, rows: set[int], order: Order) -> Limits:
    values: list[list[Ball]] = []
    slopes: list[dict[tuple[int, int], Ball]] = []
    for level in (*_LEVELS, _ODD):
        near = Problem(problem.function, _moved(problem, level, order))
        state.vectors.clear()
        try:
            with working(_BITS):
                values.append(near.rows_at({}))
            entries = Differences(near, rows=rows).differential(directions=0).entries
        except (Undecided, ArithmeticError):
            return Limits({}, {})
        slopes.append({at: e.value for at, e in entries.items() if e.settled})
    met = {r: _limit([v[r] for v in values[:-1]], values[-1][r]) for r in rows}
    seen = {at: _limit([s[at] for s in slopes[:-1]], slopes[-1][at]) for at in slopes[0]
            if at[0] in rows and all(at in s for s in slopes)}
    return Limits({r: x[0] for r, x in met.items() if x is not None},
                  {at: x for at, x in seen.items() if x is not None and x[0].is_finite()})


def _moved(problem: Problem, level: int, order: Order) -> Mapping[str, Floats]:
    out, number = {}, 0
    for i in problem.function.inputs:
        a = np.array(problem.arrays[i.name])
        if i.kind == "real":
            flat = a.astype(np.float64).reshape(-1)
            for k in np.flatnonzero(np.isinf(flat)):
                apart = min(_APART, 2) if level == _ODD else _APART
                size = 2.0 ** (level + apart * order(number % _MOST))
                flat[k] = np.copysign(size + 0.37 if level == _ODD else size, flat[k])
                number += 1
            a = flat.reshape(a.shape)
        out[i.name] = a
    return out


def _limit(sequence: Sequence[Ball], check: Ball) -> tuple[Ball, Ball] | None:
    """(limit, bound of its error); an infinity where the sequence grows without end; None where it has none.

    check: the same at an argument of another kind, which has to be near.
    """
    if not all(x.is_finite() for x in (*sequence, check)):
        return None
    first, second, third = (x.mid() for x in sequence)
    early, late = abs(first - second), abs(second - third)
    if late <= early * _CONVERGED or late <= abs(third) * _CONVERGED * _CONVERGED:
        found = arb(0) if abs(third) <= late else third
        near = abs(check.mid() - found) <= power_of_two(-16) * (1 + abs(found))
        return (found, late + sequence[2].rad()) if near else None
    if abs(third) * _CONVERGED >= abs(second) and abs(second) * _CONVERGED >= abs(first):
        grows = (third > 0) == (check.mid() > 0) and abs(check.mid()) >= 64
        return (arb("inf") if third > 0 else arb("-inf"), arb(0)) if grows else None
    return None
