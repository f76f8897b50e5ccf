"""Differences met with facts: explained by the point, or charged to a side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.comparison.context import BEYOND, NOT_FINITE
from harness.comparison.culprit import both_refuted
from harness.comparison.differing_pair import OPEN, DifferingPair
from harness.comparison.engine import Engine
from harness.comparison.facts import FactIndex
from harness.comparison.magnitudes import unseen
from harness.comparison.results import Results
from harness.comparison.targets import REFERENCE
from harness.comparison.tolerance import CEILING
from harness.comparison.value_kinds import Array
from harness.verdicts import HIGHER, RELATION, VERDICT

#: Verdicts of sides that are equal.
EQUAL = VERDICT["agree"], VERDICT["precision"]


@dataclass
class Evidence:
    """One entry a pair: "", "left", "right" or "both", and the kind of evidence."""

    culprit: Array
    evidence: Array


def weigh(engine: Engine) -> Evidence:
    """Go through the pairs that differ: revise their verdicts where the point explains them, else name the culprit."""
    count = engine.pairs.count
    found = Evidence(np.full(count, "", dtype=object), np.full(count, "", dtype=object))
    index = FactIndex.shared(engine.context)
    pairs, out = engine.pairs, engine.out
    known = (pairs.left >= 0) & (pairs.right >= 0)
    # Agreement on NaN is looked at as well, but not of one backend with itself: that is told against the reference.
    lost = out.lost & np.isin(out.verdict, EQUAL) & (pairs.left_target != pairs.right_target)
    far = (out.verdict == VERDICT["precision"]) & (out.ulp > CEILING) & ~engine.pairs.predicted
    open_pairs = _with_finite_inputs(engine, np.flatnonzero((np.isin(out.verdict, OPEN) | lost | far) & known))
    settled: dict[object, _Said] = {}
    for group in engine.groups(open_pairs):
        if group.quantity in ("differential", *HIGHER, "raw"):
            for k, sides in zip(group.pairs, engine.each(group), strict=True):
                case = DifferingPair(engine, index, group, int(k), *sides)
                key = case.key()
                if key not in settled:
                    settled[key] = _Said(*case.settle(), *(getattr(out, name)[k] for name in _REVISED))
                settled[key].of(out, found, k)
    _shared_mistakes(engine, index, found)
    return found


def _shared_mistakes(engine: Engine, index: FactIndex, found: Evidence) -> None:
    """Sides that agree with each other, and not with the finite differences of their own values, where there is no
    reference: both are wrong where both estimates are sure and are one."""
    pairs, out, seen = engine.pairs, engine.out, engine.seen
    agree = np.isin(out.verdict, EQUAL) & ~pairs.predicted
    chosen = np.flatnonzero(agree & (pairs.left >= 0) & (pairs.right >= 0) & (pairs.left_target != pairs.right_target))
    chosen = chosen[seen.is_word("quantity", "differential")[pairs.left[chosen]]]
    chosen = chosen[index.only_differences(pairs.left[chosen]) & index.only_differences(pairs.right[chosen])]
    for group in engine.groups(chosen):
        for k, (left, right, floor) in zip(group.pairs, engine.each(group), strict=True):
            own = [index.of(int(side[k]), group.form) for side in (pairs.left, pairs.right)]
            facts = [next((f for f in each if f.evidence == "finite-differences"), None) for each in own]
            tol = engine.context.tolerances[group.tolerance]
            noise = np.maximum.reduce([
                unseen(engine.context, int(side[k]), group.form, each, tol)
                for side, each in zip((pairs.left, pairs.right), own, strict=True)])
            if both_refuted(left, right, facts, tol, floor, noise):
                lost = not (np.isfinite(left) & np.isfinite(right)).all()
                out.verdict[k], out.relation[k] = VERDICT["nonfinite" if lost else "mismatch"], RELATION["none"]
                out.note[k] = ("not finite on both sides, where finite differences of the own values are" if lost
                               else "equal, but not to the finite differences of their own values")
                found.culprit[k], found.evidence[k] = "both", "finite-differences"


def _with_finite_inputs(engine: Engine, chosen: Array) -> Array:
    """No derivative at a complex argument that is infinite or undefined has been agreed upon by anybody; a real one has
    its limits, entry by entry."""
    context, pairs, out = engine.context, engine.pairs, engine.out
    finite = np.array([context.has_finite_inputs(int(row)) or context.has_limits(int(row))
                       for row in pairs.left[chosen]], bool)
    beyond = np.zeros(chosen.size, bool)
    beyond[~finite] = [context.beyond_range(int(row)) for row in pairs.left[chosen[~finite]]]
    referees = np.array([t.backend == REFERENCE for t in context.targets] or [False])
    open_ = ~finite & np.isin(out.verdict[chosen], OPEN)
    for refused, told in ((chosen[open_ & referees[pairs.right_target[chosen]]], NOT_FINITE),
                          (chosen[open_ & beyond], BEYOND)):
        out.verdict[refused], out.relation[refused] = VERDICT["unsupported"], RELATION["none"]
        out.note[refused] = told
    return np.asarray(chosen[finite])


#: What of a pair's result is revised.
_REVISED = ("verdict", "relation", "factor", "note")


@dataclass(frozen=True)
class _Said:
    """What was found of a pair. The same numbers at one spot (of torch.autograd and torch.func) are one question."""

    culprit: str
    evidence: str
    verdict: int
    relation: int
    factor: float
    note: str

    def of(self, out: Results, found: Evidence, k: int) -> None:
        found.culprit[k], found.evidence[k] = self.culprit, self.evidence
        for name in _REVISED:
            getattr(out, name)[k] = getattr(self, name)
