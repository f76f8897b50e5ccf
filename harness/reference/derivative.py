"""The differential by differences of a function evaluated in ball arithmetic, with a bound for every entry.

For each real coordinate x_k the function is evaluated at x, x + h and x - h with h some 140 bits below the smallest
component that the row sees. The central quotient C = (f(x+h) - f(x-h)) / 2h is the entry; its error is of order h**2.
A second estimate comes from another formula and another step, h' = h / 512: the forward quotient at h', less the
slope's own change over it,

    E = (f(x+h') - f(x)) / h' - (h'/2) (f(x+h) - 2 f(x) + f(x-h)) / h**2,

whose error is of order h'**2 where f is smooth. |C - E| is then the error of C almost exactly; the bound is twice
that, and the rigorous radii of both. Where f has a kink, a jump or a steeper singularity at x the two do not come
together however small h is, and `singular` looks closer. Two further evaluations along a direction that moves every
coordinate at once, with another step again, test all entries of a row together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from flint import arb

from harness.reference.function import Column, Problem, Structure, bits_of
from harness.reference.precision import Ball, Undecided, power_of_two, working

#: (bits of the step below the local scale, bits of precision beyond what the scales need), in the order of trial.
ATTEMPTS = ((140, 200), (140, 700), (600, 1400), (1300, 3000), (1300, 6000))

_FAR_BELOW = power_of_two(-64)  # relative bound of an entry that is evidence: 11 bits below a double's ulp
_NEGLIGIBLE = power_of_two(-100)  # the same against the largest of the four entries of one complex derivative
_NOTHING = power_of_two(-400)  # an entry whose whole block vanishes: absolute, in units of the scale
_FLAT = power_of_two(-200)  # next to a singular point: absolute, in units of the scale of the point itself
_ZERO = arb(0)
_CLOSER = power_of_two(-9)  # h' / h


@dataclass
class Entry:
    """An entry of J: its ball-free value, a bound of its error, and whether that bound is far below an ulp."""

    value: Ball
    bound: Ball
    gap: Ball  # how far the two estimates are apart
    settled: bool = False


@dataclass
class Differential:
    """Rows of values and entries of J at a point.

    values: the rows as balls, at the highest precision used. entries: (row, column) -> Entry; absent pairs are
    structural zeros. suspects: rows in which an entry is not settled or the test along a direction fails.
    """

    values: list[Ball]
    entries: dict[tuple[int, int], Entry] = field(default_factory=dict)
    suspects: set[int] = field(default_factory=set)
    bits: int = 0


def exponent(x: Ball) -> int:
    """The binary exponent of a finite non-zero exact ball: 2**(e-1) <= |x| < 2**e."""
    mantissa, power = x.man_exp()
    return int(mantissa).__abs__().bit_length() + int(power)


def scales(problem: Problem, structure: Structure) -> tuple[list[int], int]:
    """For every element the exponent of the smallest non-zero coordinate it meets (at most 0), and the widest span
    of exponents within one neighbourhood."""
    low: dict[int, int] = {}
    high: dict[int, int] = {}
    for c in problem.columns:
        x = problem.coordinate(c)
        if x.is_finite() and x != 0:
            e = exponent(x)
            low[c.element] = min(low.get(c.element, e), e)
            high[c.element] = max(high.get(c.element, e), e)
    out, span = [], 0
    for mask in structure.neighbours:
        met = bits_of(mask)
        smallest = min((low[e] for e in met if e in low), default=0)
        largest = max((high[e] for e in met if e in high), default=0)
        out.append(min(smallest, 0))
        span = max(span, max(largest, 0) - out[-1])
    return out, span


class Differences:
    """Differences of one problem. `base` is a fixed displacement (column -> ball) added to every evaluation, and
    `scale` the exponent that stands for the local scale there (None: from the coordinates)."""

    def __init__(
        self, problem: Problem, base: Mapping[int, Ball] | None = None, scale: int | None = None,
        rows: set[int] | None = None,
    ) -> None:
        self.problem, self.structure = problem, problem.structure
        self.base = dict(base or {})
        self.rows = set(range(len(self.structure.rows))) if rows is None else rows
        self.scales, self.span = scales(problem, self.structure)
        self._around = list(self.scales)
        if scale is not None:
            self.scales = [min(s, 0) + scale for s in self.scales]
            self.span -= scale

    def at(self, shifts: Mapping[int, Ball]) -> list[Ball]:
        if not self.base:
            return self.problem.rows_at(shifts)
        total = dict(self.base)
        for k, by in shifts.items():
            total[k] = total[k] + by if k in total else by
        return self.problem.rows_at(total)

    def step(self, column: Column, bits: int) -> Ball:
        return power_of_two(self.scales[column.element] - bits)

    def differential(self, attempts: Sequence[tuple[int, int]] = ATTEMPTS, directions: int = 1) -> Differential:
        out = Differential([])
        for number, (step_bits, spare) in enumerate(attempts):
            bits = 2 * step_bits + spare + self.span - 60
            last = number == len(attempts) - 1
            with working(bits, ties=last or number >= 3):
                try:
                    self._attempt(out, step_bits)
                    self._along(out, step_bits, directions)
                except Undecided:
                    if last:
                        raise
                    continue
            out.bits = bits
            out.suspects = self._unsettled(out) | out.suspects
            if not out.suspects or not self._worth_another(out, number):
                break
        return out

    # --- one precision -----------------------------------------------------------------------------------------------

    def _attempt(self, out: Differential, step_bits: int) -> None:
        out.values = centre = self.at({})
        structure, columns = self.structure, self.problem.columns
        for group, pairs in zip(structure.groups, structure.entries, strict=True):
            wanted = [p for p in pairs if p[0] in self.rows and not (p in out.entries and out.entries[p].settled)]
            if not wanted:
                continue
            steps = {k: self.step(columns[k], step_bits) for k in group}
            above, below = self.at(steps), self.at({k: -h for k, h in steps.items()})
            near = self.at({k: h * _CLOSER for k, h in steps.items()})
            for r, k in wanted:
                out.entries[r, k] = _entry(centre[r], above[r], below[r], near[r], steps[k])
        self._settle(out, step_bits)

    def _settle(self, out: Differential, step_bits: int) -> None:
        """Which entries are evidence: by their own size, or against the block of one complex derivative."""
        columns, rows = self.problem.columns, self.structure.rows
        widest: dict[int, Ball] = {}  # next to a singular point zero is zero against the rest of its row
        for (r, _), e in out.entries.items():
            if self.base and e.value.is_finite():
                widest[r] = max(widest.get(r, _ZERO), abs(e.value))
        largest: dict[tuple[int, int, int], Ball] = {}
        for (r, k), e in out.entries.items():
            if e.value.is_finite():
                key = (rows[r].output, rows[r].index, columns[k].element)
                size = abs(e.value)
                if key not in largest or size > largest[key]:
                    largest[key] = size
        for (r, k), e in out.entries.items():
            if e.settled or not (e.value.is_finite() and e.bound.is_finite()):
                continue
            if e.bound <= abs(e.value) * _FAR_BELOW:
                e.settled = True
                continue
            size = largest[rows[r].output, rows[r].index, columns[k].element]
            scale = power_of_two(self.scales[columns[k].element])
            if e.value == 0 and e.bound <= widest.get(r, _ZERO) * _NEGLIGIBLE:
                e.settled = True
                continue
            if self.base and e.value == 0:  # the slope of a constant, evaluated with its rounding
                natural = abs(out.values[r]).mid() / power_of_two(self._around[columns[k].element])
                if e.bound <= _FLAT * max(natural, arb(1)):
                    e.settled = True
                    continue
            e.settled = bool(e.bound == 0 or (size > 0 and e.bound <= size * _NEGLIGIBLE) or (
                step_bits >= 600 and e.bound <= _NOTHING * max(abs(out.values[r]).mid() / scale, arb(1))))

    def _along(self, out: Differential, step_bits: int, directions: int) -> None:
        """Test f(x + d) - f(x) = J d for directions that move every coordinate, with another step."""
        columns = self.problem.columns
        rows = [r for r in self.rows if all(
            e.settled for e in (out.entries.get((r, k)) for k in self._columns_of(r)) if e is not None)]
        out.suspects = set()
        if not rows:
            return
        for number in range(directions):
            source = Random(number)
            weights = [arb(source.choice((-1, 1)) * source.randint(64, 128)) / 128 for _ in columns]
            # every coordinate, also those that no row is thought to see: a dependence that was missed shows here
            steps = {k: self.step(c, step_bits + 9) * weights[k] for k, c in enumerate(columns)}
            forth, back = self.at(steps), self.at({k: -h for k, h in steps.items()})
            for r in rows:
                if not self._fits(out, r, steps, forth[r], back[r], step_bits):
                    out.suspects.add(r)

    def _fits(
        self, out: Differential, row: int, steps: Mapping[int, Ball], forth: Ball, back: Ball, step_bits: int,
    ) -> bool:
        """Whether f is J d to first order both ways along d: the odd part is J d, the even part is of second order."""
        total, size, natural = _ZERO, _ZERO, _ZERO
        unit = abs(out.values[row]).mid()
        for k in self._columns_of(row):
            e, h = out.entries[row, k], steps[k]
            total = total + e.value * h
            size = size + (abs(e.value) + e.bound) * abs(h)
            scale = power_of_two(self._around[self.problem.columns[k].element])
            natural = natural + abs(h) * max(unit / scale, arb(1))
        odd, even = (forth - back) / 2 - total, (forth + back) / 2 - out.values[row]
        room = size.upper() * power_of_two(-40) + natural.upper() * power_of_two(-step_bits // 2)
        return all(part.is_finite() and abs(part.mid()) <= room + 2 * part.rad() for part in (odd, even))

    def _columns_of(self, row: int) -> list[int]:
        found = self._by_row.get(row)
        if found is None:
            mask = self.structure.seen[row]
            found = self._by_row[row] = [k for k, c in enumerate(self.problem.columns) if mask >> c.element & 1]
        return found

    @property
    def _by_row(self) -> dict[int, list[int]]:
        cache: dict[int, list[int]] | None = self.__dict__.get("_row_columns")
        if cache is None:
            cache = self.__dict__["_row_columns"] = {}
        return cache

    def _unsettled(self, out: Differential) -> set[int]:
        values = {r for r in self.rows if not value_settled(out.values, r, self.structure)}
        return values | {r for (r, _), e in out.entries.items() if not e.settled}

    def _worth_another(self, out: Differential, number: int) -> bool:
        """Not where a further attempt at a smaller step showed the same jump or the same infinity."""
        return number < 2 or any(
            not e.settled and e.value.is_finite() and e.value.rad() > e.gap for e in out.entries.values())


def _entry(centre: Ball, above: Ball, below: Ball, near: Ball, h: Ball) -> Entry:
    first = (above - below) / (2 * h)
    closer = h * _CLOSER
    second = (near - centre) / closer - (above - 2 * centre + below) * (closer / (2 * h * h))
    gap = first - second
    if not gap.is_finite():
        return Entry(first, arb("nan"), arb("nan"))
    bound = (2 * abs(gap)).upper() + first.rad()
    if abs(first.mid()) <= bound:  # zero as far as anybody can tell
        return Entry(_ZERO, bound + abs(first.mid()), abs(gap.mid()))
    return Entry(first, bound, abs(gap.mid()))


def value_settled(values: Sequence[Ball], row: int, structure: Structure) -> bool:
    """Whether a value is known far below an ulp: of itself, or of the other part of the same complex number."""
    x = values[row]
    if not x.is_finite():
        return False
    if x.rad() <= abs(x.mid()) * _FAR_BELOW:
        return True
    own = structure.rows[row]
    largest = max((abs(values[r].mid()) for r, o in enumerate(structure.rows)
                   if o.output == own.output and o.index == own.index and values[r].is_finite()), default=_ZERO)
    return bool(x.rad() <= largest * _NEGLIGIBLE or x.rad() <= _NOTHING)
