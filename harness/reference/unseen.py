"""Derivatives next to a kink that the directions tried so far have not met.

Next to a tie a function of the order of its arguments (a median, a quantile, the largest of many) has one derivative
for each ordering, and a few directions at random need not meet all of them. A value is cheap where a derivative is
dear: along a direction d the function moves by g·d with g the derivative that holds there (it is piecewise smooth), so
a direction in which it moves by g·d for none of those that are known shows another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count

from flint import arb

from harness.reference.precision import Ball, Undecided, power_of_two

#: Directions in turn that show nothing new, until the search ends; new ones that are taken; new ones without a single
#: familiar one, after which there are as many derivatives as directions (a norm at 0).
QUIET, MOST, STRANGE = 32, 12, 3
_ROOM = power_of_two(-20)

Gradient = Mapping[int, Ball]
Moves = Mapping[int, Ball]


def further(
    centre: Mapping[int, Ball], known: Mapping[int, list[Gradient]], move: Callable[[int], Moves],
    values: Callable[[Moves], Sequence[Ball]], met: Callable[[int], Mapping[int, Sequence[Gradient]]],
) -> int:
    """How many directions show a derivative that is not in `known`, which is added to.

    centre: row -> value at the point. known: row -> derivatives by column. move: the displacement of a direction by its
    number. values: the rows at a displacement; may raise Undecided. met: row -> derivatives along that direction.
    """
    taken = familiar = quiet = 0
    for number in count():
        if quiet == QUIET or taken == MOST or (not familiar and taken == STRANGE):
            break
        quiet += 1
        moves = move(number)
        try:
            there = values(moves)
        except Undecided:
            continue
        if all(_explained(there[r] - at, known[r], moves) for r, at in centre.items()):
            familiar += 1
            continue
        for r, gradients in met(number).items():
            known[r] += gradients
        taken, quiet = taken + 1, 0
    return taken


def _explained(change: Ball, known: Sequence[Gradient], moves: Moves) -> bool:
    """Whether a change of the value is that of one of the known derivatives. What is not finite tells nothing."""
    if not change.is_finite():
        return True
    parts = [[x * moves[k] for k, x in g.items()] for g in known]
    size = max((sum((abs(p).upper() for p in own), arb(0)) for own in parts), default=arb(0))
    room = size * _ROOM
    return any(abs(change - sum(own, arb(0))).lower() <= room for own in parts)
