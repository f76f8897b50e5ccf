"""Third derivatives of losses of few variables by third differences in ball arithmetic, with a bound for every entry.

As in `hessian`: the loss of an output is the sum of its elements. For columns i, j and k, with S over their subsets,

    forward   sum_S (-1)**(3 - |S|) f(x + sum of h over S) / h_i h_j h_k
    backward  the same with -h

The entry is their mean (error of order h**2), its bound half their distance (of order h), the rigorous radius, and what
a third difference along a direction that moves every coordinate, with another step, leaves unexplained.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement, permutations
from math import factorial
from random import Random

from flint import arb

from harness.reference.derivative import Differences
from harness.reference.function import Problem
from harness.reference.hessian import Second, one_sided, refined
from harness.reference.precision import Ball, power_of_two
from harness.reference.singular import SMOOTH, UNKNOWN

_ATTEMPTS = ((100, 300), (100, 1100), (400, 1200), (900, 3000))
_FAR_BELOW, _NEGLIGIBLE, _NOTHING = power_of_two(-62), power_of_two(-90), power_of_two(-350)

Key = tuple[int, int, int]
Entries = dict[int, dict[Key, Second]]


class Thirds:
    """The third derivatives of the losses of real outputs: output -> (i, j, k) with i <= j <= k -> entry."""

    def __init__(self, problem: Problem, outputs: set[int]) -> None:
        self.problem, self.outputs = problem, outputs
        self.near = Differences(problem)
        self.keys = list(combinations_with_replacement(range(len(problem.columns)), 3))

    def entries(self) -> Entries:
        return refined(self, _ATTEMPTS, 3)

    def _losses(self, shifts: Mapping[int, Ball]) -> dict[int, Ball]:
        """The loss of every output at a displaced point."""
        rows = self.problem.rows_at(shifts)
        return {o: sum((rows[r] for r, row in enumerate(self.problem.structure.rows) if row.output == o), arb(0))
                for o in self.outputs}

    def _attempt(self, step_bits: int) -> Entries:
        step = [self.near.step(c, step_bits) for c in self.problem.columns]
        seen: dict[tuple[int, tuple[int, ...]], dict[int, Ball]] = {}

        def at(sign: int, chosen: tuple[int, ...]) -> dict[int, Ball]:
            if not chosen:
                sign = 1
            if (sign, chosen) not in seen:
                seen[sign, chosen] = self._losses({k: sign * chosen.count(k) * step[k] for k in set(chosen)})
            return seen[sign, chosen]

        out: Entries = {o: {} for o in self.outputs}
        for key in self.keys:
            volume = step[key[0]] * step[key[1]] * step[key[2]]
            for o in self.outputs:
                ends = []
                for sign in (1, -1):
                    total = arb(0)
                    for mask in range(8):
                        chosen = tuple(sorted(k for p, k in enumerate(key) if mask >> p & 1))
                        total = total + (-1) ** (3 - len(chosen)) * at(sign, chosen)[o]
                    ends.append(sign * total / volume)
                out[o][key] = one_sided(*ends)
        return out

    def _settle(self, found: Entries, step_bits: int) -> None:
        columns = self.problem.columns
        for own in found.values():
            block: dict[tuple[int, ...], Ball] = {}  # by elements: the parts of one complex derivative
            lines: dict[int, Ball] = {}  # by column: a mixed derivative that is zero is zero against these
            for key, e in own.items():
                if e.value.is_finite():
                    size, elements = abs(e.value).lower(), tuple(columns[k].element for k in key)
                    block[elements] = max(block.get(elements, arb(0)), size)
                    for line in key:
                        lines[line] = max(lines.get(line, arb(0)), size)
            for key, e in own.items():
                if e.settled or not (e.value.is_finite() and e.bound.is_finite()):
                    continue
                size = block[tuple(columns[k].element for k in key)]
                e.settled = bool(
                    e.bound <= abs(e.value).mid() * _FAR_BELOW or e.bound <= size * _NEGLIGIBLE
                    or e.bound + abs(e.value) <= min(lines[k] for k in key) * _NEGLIGIBLE
                    or (step_bits >= 400 and e.bound <= _NOTHING))
                if e.settled:
                    e.kind = SMOOTH
                    if abs(e.value.mid()) <= e.bound:  # zero as far as anybody can tell
                        e.value, e.bound = arb(0), e.bound + abs(e.value.mid())

    def _along(self, found: Entries, step_bits: int) -> None:
        """Test (f(x + 2d) - 2 f(x + d) + 2 f(x - d) - f(x - 2d)) / 2 = T[d, d, d] with another step."""
        source = Random(step_bits)
        d = [self.near.step(c, step_bits + 9) * source.choice((-1, 1)) * source.randint(64, 128) / 128
             for c in self.problem.columns]
        at = {n: self._losses({k: n * h for k, h in enumerate(d)}) for n in (-2, -1, 1, 2)}
        for o, own in found.items():
            change = (at[2][o] - 2 * at[1][o] + 2 * at[-1][o] - at[-2][o]) / 2
            total, size, natural = arb(0), arb(0), arb(0)
            terms = {}
            for key, e in own.items():
                terms[key] = d[key[0]] * d[key[1]] * d[key[2]] * len(set(permutations(key)))
                total = total + e.value.mid() * terms[key]
                size = size + (abs(e.value.mid()) + e.bound) * abs(terms[key])
                natural = natural + abs(terms[key])
            rest = change - total
            room = size * power_of_two(-40) + natural * power_of_two(-step_bits // 2) + 2 * change.rad()
            whole = abs(rest.mid()) <= room
            for key, e in own.items():
                if not whole:
                    e.settled, e.kind, e.bound = False, UNKNOWN, arb("inf")
                elif not e.settled:
                    e.bound = e.bound + (factorial(3) * abs(rest) / abs(terms[key])).upper()
