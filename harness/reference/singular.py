"""What a point is where the differential does not settle: looking at the function and its derivative from nearby.

The function is evaluated at x + delta d for shrinking delta along both sides of every coordinate and along random
directions d, and so is its differential. What has a limit, and whether the limits agree, says what the point is:

    values diverge, or the derivative does, or has no limit along a direction     pole (or essential singularity)
    values have different limits                                                 branch cut (or jump)
    values agree, derivatives have different limits                              kink
    both agree and the function itself is undefined at x                         removable
    both agree with the function                                                 smooth after all

No class is inferred from a function's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from flint import arb

from harness.reference.derivative import Differences, Differential
from harness.reference.function import Problem
from harness.reference.limits import (
    STEP,
    Key,
    Limit,
    agree,
    best,
    common_infinity,
    common_value,
    limit,
    meets,
    quotient,
    settling,
    steep,
)
from harness.reference.precision import Ball, Undecided, power_of_two, working
from harness.reference.unseen import Gradient, further

SMOOTH, KINK, CUT, POLE, REMOVABLE, UNKNOWN, GAUGE, DOMAIN = range(8)

#: Bits of precision for values near the point, tried in order.
_BITS = (800, 1600, 3600)
#: Steps and precision for differentials near the point (see derivative.ATTEMPTS).
_NEAR = ((100, 300), (100, 1500))
_RANDOM_DIRECTIONS, _MANY_GROUPS = 6, 8

_NAN, _ZERO = arb("nan"), arb(0)
Direction = dict[int, Ball]


@dataclass
class Found:
    """What was found in one row. By column: class, derivative with its bound, one-sided derivatives."""

    kind: dict[int, int] = field(default_factory=dict)
    entries: dict[int, tuple[Ball, Ball]] = field(default_factory=dict)
    plus: dict[int, Ball] = field(default_factory=dict)
    minus: dict[int, Ball] = field(default_factory=dict)
    value: Ball | None = None  # where it differs from the value at the point itself
    value_plus: Ball | None = None
    value_minus: Ball | None = None
    samples: list[dict[int, Ball] | None] = field(default_factory=list)  # limiting derivatives, one a direction
    sides: tuple[int, int, int] | None = None  # random direction, its sign for "plus", the side of the point (or 0)


class Neighbourhood:
    """A problem seen from around its point, for the rows in question."""

    def __init__(self, problem: Problem, centre: Differential, rows: set[int], signed: bool) -> None:
        self.problem, self.centre, self.rows, self.signed = problem, centre, rows, signed
        self.structure = problem.structure
        near = Differences(problem)
        self.scales, self.span = near.scales, near.span
        self._by_row = {r: [k for k, c in enumerate(problem.columns) if self.structure.seen[r] >> c.element & 1]
                        for r in rows}
        self.columns = sorted({k for ks in self._by_row.values() for k in ks})  # that any of the rows sees
        groups = [[k for k in g if k in self.columns] for g in self.structure.groups]
        self.groups = [g for g in groups if g]
        self.axes = [{k: arb(1) for k in g} for g in self.groups]
        self.random = [self._random(n) for n in range(
            _RANDOM_DIRECTIONS if len(self.groups) <= _MANY_GROUPS else 3)]

    def _random(self, number: int) -> Direction:
        """Weights of both signs, away from zero; the first direction has the first coordinates positive."""
        source = Random(1000 + number)
        return {k: arb(source.choice((-1, 1)) * source.randint(40, 128)) / 128 for k in self.columns}

    def _moved(self, direction: Direction, sign: int, level: int) -> Direction:
        columns = self.problem.columns
        return {k: sign * w * power_of_two(self.scales[columns[k].element] - STEP * level)
                for k, w in direction.items()}

    # --- values ------------------------------------------------------------------------------------------------------

    def values(self, direction: Direction, sign: int) -> dict[int, list[Ball]]:
        """For every row the values at three distances."""
        for number, bits in enumerate(_BITS):
            last = number == len(_BITS) - 1
            with working(bits + self.span, ties=last):
                try:
                    found = [self.problem.rows_at(self._moved(direction, sign, level)) for level in (1, 2, 3)]
                except Undecided:
                    continue
            if last or all(f[r].is_finite() for f in found for r in self.rows):
                return {r: [f[r] for f in found] for r in self.rows}
        return {r: [_NAN] * 3 for r in self.rows}

    # --- differentials -----------------------------------------------------------------------------------------------

    def derivative(self, direction: Direction, sign: int, level: int, tests: int) -> Differential | None:
        base = self._moved(direction, sign, level)
        try:
            return Differences(self.problem, base, -STEP * level, self.rows).differential(_NEAR, tests)
        except Undecided:
            return None

    def limits_along(self, direction: Direction, sign: int) -> dict[tuple[int, int], Limit]:
        """For every entry the limit of the derivative along a direction, from two distances."""
        # a direction that leaves arguments where they are leaves their ties: partial derivatives, but none as a whole
        tests = int(len(direction) < len(self.columns))
        far, close = self.derivative(direction, sign, 1, 0), self.derivative(direction, sign, 2, tests)
        out: dict[tuple[int, int], Limit] = {}
        blocks = self._blocks(far), self._blocks(close)
        for r in self.rows:
            tied = tests and close is not None and r in close.suspects and all(
                close.entries[r, k].settled for k in self._by_row[r] if (r, k) in close.entries)
            for k in self._by_row[r]:
                block = self._block(r, k)
                sizes = [found.get(block, _ZERO) for found in blocks]
                if sizes[0] is None or sizes[1] is None or far is None or close is None or tied:
                    out[r, k] = Limit("none")
                else:
                    out[r, k] = settling(far.entries[r, k].value, close.entries[r, k].value, sizes[0], sizes[1])
        return out

    def _block(self, r: int, k: int) -> tuple[int, int, int]:
        """The complex derivative that an entry is part of: output, its element, the input's element."""
        own = self.structure.rows[r]
        return own.output, own.index, self.problem.columns[k].element

    def _blocks(self, found: Differential | None) -> dict[tuple[int, int, int], Ball | None]:
        """The largest entry of each complex derivative; None unless all of them are settled."""
        out: dict[tuple[int, int, int], Ball | None] = {}
        for (r, k), e in ({} if found is None else found.entries).items():
            key = self._block(r, k)
            largest = out.get(key, _ZERO)
            out[key] = None if largest is None or not e.settled else max(largest, abs(e.value).upper())
        return out

    # --- the point ---------------------------------------------------------------------------------------------------

    def look(self) -> dict[int, Found]:
        seen = {("axis", n, s): self.values(d, s) for n, d in enumerate(self.axes) for s in (1, -1)}
        seen |= {("random", n, s): self.values(d, s) for n, d in enumerate(self.random) for s in (1, -1)}
        limits = {key: {r: limit(v[r]) for r in self.rows} for key, v in seen.items()}
        slopes: Slopes = {("random", n, s): self.limits_along(d, s) for n, d in enumerate(self.random) for s in (1, -1)}
        if len(self.groups) <= _MANY_GROUPS:
            slopes |= {("axis", n, s): self.limits_along(d, s) for n, d in enumerate(self.axes) for s in (1, -1)}
        out = {r: self._row(r, seen, limits, slopes) for r in self.rows}
        if self._unseen(out, slopes):
            out = {r: self._row(r, seen, limits, slopes) for r in self.rows}
        self._join(out, limits, slopes)
        return out

    def _unseen(self, out: Mapping[int, Found], slopes: Slopes) -> bool:
        """Adds directions that show other derivatives of rows with a kink in several arguments; whether it did."""
        rows = [r for r, f in out.items() if len(self._by_row[r]) > 1 and set(f.kind.values()) <= {KINK, SMOOTH}
                and KINK in f.kind.values() and self.centre.values[r].is_finite()]
        known: dict[int, list[Gradient]] = {r: [s for s in out[r].samples if s is not None] for r in rows}
        if not rows or not all(known.values()):
            return False
        first = len(self.random)

        def met(number: int) -> dict[int, list[Gradient]]:
            for sign in (1, -1):
                slopes["random", first + number, sign] = self.limits_along(self._random(first + number), sign)
            drawn = [slopes["random", first + number, sign] for sign in (1, -1)]
            found = {r: [_sample(s, r, self._by_row[r]) for s in drawn] for r in rows}
            return {r: [s for s in own if s is not None] for r, own in found.items()}

        with working(_BITS[0] + self.span):
            return bool(further(
                {r: self.centre.values[r] for r in rows}, known,
                lambda number: self._moved(self._random(first + number), 1, 1), self.problem.rows_at, met))

    def _join(
        self, out: Mapping[int, Found], limits: Mapping[Key, Mapping[int, Limit]],
        slopes: Mapping[Key, Mapping[tuple[int, int], Limit]],
    ) -> None:
        """A complex number is on a cut where either of its parts is: both then have the same two sides."""
        for r, found in out.items():
            own = self.structure.rows[r]
            for other in self.rows - {r}:
                row = self.structure.rows[other]
                if (row.output, row.index) != (own.output, own.index):
                    continue
                partner = out[other]
                if REMOVABLE in found.kind.values():
                    partner.kind = {k: REMOVABLE if c == SMOOTH else c for k, c in partner.kind.items()}
                if found.sides is None:
                    continue
                if partner.sides is None and CUT not in partner.kind.values() and POLE not in partner.kind.values():
                    partner.kind = dict.fromkeys(partner.kind, CUT)
                    partner.samples = []
                    self._take_sides(partner, other, {key: m[other] for key, m in limits.items()}, slopes, found.sides)

    def _row(
        self, r: int, seen: Mapping[Key, Mapping[int, list[Ball]]], limits: Mapping[Key, Mapping[int, Limit]],
        slopes: Mapping[Key, Mapping[tuple[int, int], Limit]],
    ) -> Found:
        out, columns = Found(), self._by_row[r]
        at_point = self.centre.values[r]
        met = {key: found[r] for key, found in limits.items()}
        self._one_sided(out, r, seen, at_point)
        if any(m.kind == "infinite" for m in met.values()):
            out.kind = dict.fromkeys(columns, POLE)
            if not at_point.is_finite():
                out.value = common_infinity(met)
            return out
        if any(m.kind == "none" for m in met.values()):
            if self._open_side(out, r, met, slopes, at_point):
                return out
            # Undefined on one side (the edge of a real domain), or values that oscillate.
            grows = any(steep(seen[key][r], at_point) for key in met)
            out.kind = dict.fromkeys(columns, POLE if grows else UNKNOWN)
            self._partial(out, r, met)
            return out
        continuous = agree(list(met.values()))
        same = at_point.is_finite() and meets(at_point, list(met.values()))
        for k in columns:
            along = [s[r, k] for key, s in slopes.items() if not (key[0] == "axis" and s[r, k].kind == "none")]
            if any(s.kind != "finite" for s in along):
                out.kind[k] = POLE
            elif not continuous:
                out.kind[k] = CUT
            elif not agree(along):
                out.kind[k] = KINK
            else:
                out.kind[k] = SMOOTH if same else POLE if at_point.is_finite() else REMOVABLE
                out.entries[k] = best(along)
        if continuous and not at_point.is_finite():
            out.value = common_value(list(met.values()))
        if not continuous:
            self._sides(out, r, met, slopes, at_point)
        if KINK in out.kind.values():
            out.samples = [_sample(s, r, columns) for s in slopes.values()]
        return out

    def _open_side(
        self, out: Found, r: int, met: Mapping[Key, Limit], slopes: Mapping[Key, Mapping[tuple[int, int], Limit]],
        at_point: Ball,
    ) -> bool:
        """At the edge of a domain: value and derivative as limits along every direction that leads into it, where these
        agree."""
        inward = [key for key, m in met.items() if m.kind == "finite"]
        along = [key for key in inward if key[0] == "random"]
        if not along or not agree([met[key] for key in inward]):
            return False
        if at_point.is_finite() and not meets(at_point, [met[key] for key in inward]):
            return False
        columns = self._by_row[r]
        if len(columns) > 1 and len({key[1] for key in along}) < 2:  # one shows no common limit
            return False
        if not at_point.is_finite() and len(columns) == 1:
            out.value = common_value([met[key] for key in inward])
        limits = {k: [slopes[key][r, k] for key in along] for k in columns}
        if any(s.kind != "finite" for own in limits.values() for s in own):
            return False
        if not all(agree(own) for own in limits.values()):
            return False
        for k in columns:
            out.kind[k], out.entries[k] = REMOVABLE, best(limits[k])
        if not at_point.is_finite():
            out.value = common_value([met[key] for key in inward])
        return True

    def _partial(self, out: Found, r: int, met: Mapping[Key, Limit]) -> None:
        """Where the function is undefined everywhere off a coordinate axis (a power of a negative real base), the
        partial derivative along that axis stands."""
        if any(m.kind != "none" for key, m in met.items() if key[0] == "random"):
            return
        for n, group in enumerate(self.groups):
            if any(met["axis", n, s].kind != "finite" for s in (1, -1)):
                continue
            for k in group:
                e = self.centre.entries.get((r, k))
                if e is not None and e.settled:
                    out.kind[k], out.entries[k] = SMOOTH, (e.value, e.bound)

    def _one_sided(self, out: Found, r: int, seen: Mapping[Key, Mapping[int, list[Ball]]], at_point: Ball) -> None:
        """Quotients along each coordinate from each side, where they converge."""
        for n, group in enumerate(self.groups):
            for k in group:
                if k not in self._by_row[r]:
                    continue
                for sign, into in ((1, out.plus), (-1, out.minus)):
                    values = seen["axis", n, sign][r]
                    into[k] = quotient(values, at_point, [
                        self._moved({k: arb(1)}, sign, level)[k] for level in (1, 2, 3)])

    def _sides(
        self, out: Found, r: int, met: Mapping[Key, Limit], slopes: Mapping[Key, Mapping[tuple[int, int], Limit]],
        at_point: Ball,
    ) -> None:
        """The limits of value and derivative on both sides of the jump, and the side on which the point lies."""
        columns = self._by_row[r]
        crossing = next((k for n, g in enumerate(self.groups) for k in g if k in columns and not agree(
            [met["axis", n, 1], met["axis", n, -1]])), None)
        number = next((n for n in range(len(self.random)) if not agree([met["random", n, 1], met["random", n, -1]])),
                      None)
        if number is None:
            return
        up = 1 if crossing is None or self.random[number][crossing] > 0 else -1
        ends = met["random", number, up], met["random", number, -up]
        own = [at_point.is_finite() and meets(at_point, [end]) for end in ends]
        side = 1 if own[0] else -1 if own[1] else 0
        if crossing is not None and self._has_side(crossing) and (side or not at_point.is_finite()):
            side = -1 if self.problem.negative_zero(self.problem.columns[crossing]) else 1
        out.sides = number, up, side
        self._take_sides(out, r, met, slopes, out.sides)

    def _take_sides(
        self, out: Found, r: int, met: Mapping[Key, Limit], slopes: Mapping[Key, Mapping[tuple[int, int], Limit]],
        sides: tuple[int, int, int],
    ) -> None:
        number, up, side = sides
        out.value_plus, out.value_minus = met["random", number, up].value, met["random", number, -up].value
        for k in self._by_row[r]:
            out.plus[k] = slopes["random", number, up][r, k].value
            out.minus[k] = slopes["random", number, -up][r, k].value
        ends = [("random", number, up * s) for s in ((side,) if side else (1, -1))]
        at_point = self.centre.values[r]
        if side and not (at_point.is_finite() and meets(at_point, [met[ends[0]]])):
            out.value = met[ends[0]].value
        for k in self._by_row[r]:
            found = [slopes[end][r, k] for end in ends]
            if all(f.kind == "finite" for f in found) and agree(found):  # one side, or both with the same derivative
                out.entries[k] = best(found)

    def _has_side(self, k: int) -> bool:
        """Whether the sign of a zero tells the side: parts of complex numbers, and real ones where `signed`."""
        column = self.problem.columns[k]
        complex_leaf = self.problem.leaves[column.leaf].kind == "c"
        return bool(self.problem.coordinate(column) == 0) and (complex_leaf or self.signed)


Slopes = dict[Key, dict[tuple[int, int], Limit]]


def _sample(slopes: Mapping[tuple[int, int], Limit], r: int, columns: Sequence[int]) -> dict[int, Ball] | None:
    if any(slopes[r, k].kind != "finite" for k in columns):
        return None
    return {k: slopes[r, k].value for k in columns}
