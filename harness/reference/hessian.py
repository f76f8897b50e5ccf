"""Real Hessians of losses by second differences in ball arithmetic, with a bound for every entry.

The loss of an output is the sum of its elements, as the frameworks' `.sum()` makes one. For columns k and l,

    forward   (f(x + h e_k + h e_l) - f(x + h e_k) - f(x + h e_l) + f(x)) / h_k h_l
    backward  the same with -h

The entry is their mean (error of order h**2). The bound is half their distance (of order h), the rigorous radius,
and what a second difference along a direction that moves every coordinate, with another step, leaves unexplained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from flint import arb

from harness.reference.derivative import Differences
from harness.reference.function import Problem
from harness.reference.precision import Ball, Undecided, power_of_two, working
from harness.reference.singular import KINK, POLE, SMOOTH, UNKNOWN

_ATTEMPTS = ((100, 200), (100, 900), (500, 1000), (1200, 3000))
_FAR_BELOW, _NEGLIGIBLE, _NOTHING = power_of_two(-62), power_of_two(-90), power_of_two(-350)

Key = TypeVar("Key")


@dataclass
class Second:
    """A second or third derivative: mean, bound, the two one-sided values, whether it is evidence, and its class."""

    value: Ball
    bound: Ball
    plus: Ball
    minus: Ball
    settled: bool = False
    kind: int = UNKNOWN


def refined(
    differences: Any, attempts: Sequence[tuple[int, int]], order: int
) -> dict[int, dict[Any, Second]]:
    """Output -> entries, by attempts of (bits of the step, spare bits), each finer than the one before, until all are
    settled or no finer one would help. differences: `Hessians` or `Thirds`, of derivatives of this order."""
    found: dict[int, dict[Any, Second]] = {o: {} for o in differences.outputs}
    before: dict[int, dict[Any, Second]] = {}
    for number, (step_bits, spare) in enumerate(attempts):
        bits = (order + 2) * step_bits + spare + order * differences.near.span
        with working(bits, ties=number == len(attempts) - 1):
            try:
                now = differences._attempt(step_bits)
                for o, own in now.items():
                    for key, e in own.items():
                        if key not in found[o] or not found[o][key].settled:
                            found[o][key] = e
                differences._along(found, step_bits)
            except Undecided:
                continue
            differences._settle(found, step_bits)
        if all(e.settled for own in found.values() for e in own.values()):
            break
        if number >= 1:
            classify(found, before)
        if number >= 2 and not any(too_wide(e) for own in found.values() for e in own.values()):
            break
        before = now
    return found


class Hessians:
    """The Hessians of the losses of all real outputs of a problem: output -> (k, l) with k <= l -> Second."""

    def __init__(self, problem: Problem, outputs: set[int]) -> None:
        self.problem, self.structure = problem, problem.structure
        self.outputs = outputs
        self.near = Differences(problem)
        self.by_row: list[dict[int, int]] = [{} for _ in self.structure.rows]  # row -> group -> column
        for g, pairs in enumerate(self.structure.entries):
            for r, k in pairs:
                if self.structure.rows[r].output in outputs:
                    self.by_row[r][g] = k

    def entries(self) -> dict[int, dict[tuple[int, int], Second]]:
        return refined(self, _ATTEMPTS, 2)

    def _attempt(self, step_bits: int) -> dict[int, dict[tuple[int, int], Second]]:
        columns, groups = self.problem.columns, self.structure.groups
        used = sorted({g for row in self.by_row for g in row})
        step = {k: self.near.step(columns[k], step_bits) for g in used for k in groups[g]}
        at = self.problem.rows_at
        centre = at({})

        def moved(*gs: int, sign: int) -> list[Ball]:
            total: dict[int, Ball] = {}
            for g in gs:
                for k in groups[g]:
                    total[k] = total.get(k, 0) + sign * step[k]
            return at(total)

        single = {(g, s): moved(g, sign=s) for g in used for s in (1, -1)}
        out: dict[int, dict[tuple[int, int], list[Ball]]] = {o: {} for o in self.outputs}
        for i, g in enumerate(used):
            for other in used[i:]:
                rows = [r for r, met in enumerate(self.by_row) if g in met and other in met]
                if not rows:
                    continue
                forth, back = moved(g, other, sign=1), moved(g, other, sign=-1)
                for r in rows:
                    k, m = self.by_row[r][g], self.by_row[r][other]
                    area = step[k] * step[m]
                    plus = (forth[r] - single[g, 1][r] - single[other, 1][r] + centre[r]) / area
                    minus = (back[r] - single[g, -1][r] - single[other, -1][r] + centre[r]) / area
                    key = (min(k, m), max(k, m))
                    kept = out[self.structure.rows[r].output].get(key)
                    out[self.structure.rows[r].output][key] = (
                        [plus, minus] if kept is None else [kept[0] + plus, kept[1] + minus])
        return {o: {key: one_sided(p, m) for key, (p, m) in own.items()} for o, own in out.items()}

    def _settle(self, found: Mapping[int, dict[tuple[int, int], Second]], step_bits: int) -> None:
        columns = self.problem.columns
        for own in found.values():
            largest: dict[tuple[int, int], Ball] = {}
            lines: dict[int, Ball] = {}  # by column: a mixed derivative that is zero is zero against these
            for (k, m), e in own.items():
                if e.value.is_finite():
                    for line in (k, m):
                        lines[line] = max(lines.get(line, arb(0)), abs(e.value).lower())
            for (k, m), e in own.items():
                if e.value.is_finite():
                    block = columns[k].element, columns[m].element
                    largest[block] = max(largest.get(block, arb(0)), abs(e.value).lower())
            for (k, m), e in own.items():
                if e.settled or not (e.value.is_finite() and e.bound.is_finite()):
                    continue
                size = largest[columns[k].element, columns[m].element]
                e.settled = bool(
                    e.bound <= abs(e.value).mid() * _FAR_BELOW or e.bound <= size * _NEGLIGIBLE
                    or e.bound + abs(e.value) <= min(lines[k], lines[m]) * _NEGLIGIBLE
                    or (step_bits >= 500 and e.bound <= _NOTHING))
                if e.settled:
                    e.kind = SMOOTH
                    if abs(e.value.mid()) <= e.bound:  # zero as far as anybody can tell
                        e.value, e.bound = arb(0), e.bound + abs(e.value.mid())

    def _along(self, found: Mapping[int, dict[tuple[int, int], Second]], step_bits: int) -> None:
        """Test f(x + d) + f(x - d) - 2 f(x) = d^T H d with another step; an output that fails is not settled."""
        columns = self.problem.columns
        source = Random(step_bits)
        used = {k for own in found.values() for key in own for k in key}
        d = {k: self.near.step(columns[k], step_bits + 9) * source.choice((-1, 1)) * source.randint(64, 128) / 128
             for k in sorted(used)}
        rows = [self.problem.rows_at(x) for x in (d, {k: -h for k, h in d.items()}, {})]
        for o, own in found.items():
            change = sum((rows[0][r] + rows[1][r] - 2 * rows[2][r] for r, row in enumerate(self.structure.rows)
                          if row.output == o), arb(0))
            total, size, natural = arb(0), arb(0), arb(0)
            for (k, m), e in own.items():
                term = d[k] * d[m] * (1 if k == m else 2)
                total = total + e.value.mid() * term
                size = size + (abs(e.value.mid()) + e.bound) * abs(term)
                natural = natural + abs(term)
            rest = change - total
            room = size * power_of_two(-40) + natural * power_of_two(-step_bits // 2) + 2 * change.rad()
            if not abs(rest.mid()) <= room:
                for e in own.values():
                    e.settled, e.kind, e.bound = False, UNKNOWN, arb("inf")
                continue
            for (k, m), e in own.items():
                if not e.settled:
                    e.bound = e.bound + (4 * abs(rest) / abs(d[k] * d[m])).upper()


def classify(found: Mapping[int, dict[Key, Second]], before: Mapping[int, dict[Key, Second]]) -> None:
    """A kink of a lower derivative: both one-sided derivatives stay where they are as the step shrinks."""
    for o, own in found.items():
        for key, e in own.items():
            old = before.get(o, {}).get(key)
            if e.settled or old is None or not (e.plus.is_finite() and e.minus.is_finite()):
                continue
            if _same(e.plus, old.plus) and _same(e.minus, old.minus):
                e.kind = KINK
            elif any(abs(a).mid() > abs(b).mid() * power_of_two(20)
                     for a, b in ((e.plus, old.plus), (e.minus, old.minus))):
                e.kind = POLE


def _same(x: Ball, y: Ball) -> bool:
    return bool(abs(x - y).mid() <= max(abs(x).mid(), abs(y).mid()) * power_of_two(-30) + 2 * (x.rad() + y.rad()))


def one_sided(plus: Ball, minus: Ball) -> Second:
    """The entry between a forward and a backward difference."""
    value = (plus + minus) / 2
    gap = plus - minus
    bound = (abs(gap) / 2).upper() + value.rad() if gap.is_finite() else arb("nan")
    return Second(value, bound, plus, minus)


def too_wide(e: Second) -> bool:
    """Whether more precision would help: the radius, not the step, is what the bound consists of."""
    return not e.settled and e.value.is_finite() and bool(e.value.rad() > abs(e.plus - e.minus).mid())
