"""Which side is wrong, and on what evidence; and which differences are nobody's fault.

A majority is not evidence.  A side is wrong where it is further than the coarse tolerance from a derivative that is
known far better than the difference, at an entry that has a derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.compare.facts import CUT, GAUGE, KINK, POLE, Facts
from harness.compare.form import Array, close, differences, same_pattern, scale
from harness.compare.tolerance import Tolerances


@dataclass(frozen=True)
class Explained:
    """verdict: "branch", "choice" or "gauge", or "" where nothing is explained; mask: (m, n, c) explained entries."""

    verdict: str
    mask: Array
    note: str


def explain(left: Array, right: Array, facts: Facts, tol: Tolerances) -> Explained:
    """Differences that the kind of the point accounts for; left, right are (m, n, c)."""
    differs = ~close(left[None], right[None], tol.coarse, tol.tiny)[0]
    mask = np.zeros(differs.shape, bool)
    words: list[str] = []
    notes: list[str] = []
    if facts.plus is not None and facts.minus is not None:
        at_cut = (differs & (facts.kind == CUT)).any(axis=-1)
        limits = [_is_limit(side, facts.plus, facts.minus, tol) for side in (left, right)]
        cut = (at_cut & limits[0] & limits[1])[..., None] & differs
        kink = differs & (facts.kind == KINK)
        kink &= _between(left, facts.plus, facts.minus, tol) & _between(right, facts.plus, facts.minus, tol)
        for found, word, note in (
            (cut, "branch", "on a branch cut, each side follows one of its limits"),
            (kink, "choice", "a kink, each side is between the one-sided derivatives"),
        ):
            if found.any():
                mask |= found
                words.append(word)
                notes.append(note)
    gauge = differs & (facts.kind == GAUGE)
    if gauge.any():
        mask |= gauge
        words.append("gauge")
        notes.append("depends on a free phase, sign or basis")
    return Explained(words[0] if words else "", mask, "; ".join(notes))


def is_pole(left: Array, right: Array, facts: Facts, tol: Tolerances) -> bool:
    """Whether the sides differ at a pole or an essential singularity, where there is no derivative to be right about."""
    differs = ~close(left[None], right[None], tol.coarse, tol.tiny)[0]
    return bool((differs & (facts.kind == POLE)).any())


def _is_limit(side: Array, plus: Array, minus: Array, tol: Tolerances) -> Array:
    """(m, n): the whole block is one of the two one-sided derivatives."""
    near = [close(side[None], limit[None], tol.coarse, tol.tiny)[0].all(axis=-1) for limit in (plus, minus)]
    return np.asarray(near[0] | near[1])


def _between(side: Array, plus: Array, minus: Array, tol: Tolerances) -> Array:
    """(m, n, c): within the interval of the one-sided derivatives (along one real direction, the Clarke set)."""
    low, high = np.fmin(plus, minus), np.fmax(plus, minus)
    with np.errstate(all="ignore"):
        room = tol.coarse * np.maximum(np.abs(low), np.abs(high))
        return np.asarray((side >= low - room) & (side <= high + room))


def accuse(
    left: Array, right: Array, own: tuple[Sequence[Facts], Sequence[Facts]], tol: Tolerances,
    floor: Array | None = None,
) -> tuple[bool, bool, str]:
    """(left is wrong, right is wrong, evidence); (False, False, "") where nothing decides.

    own: facts for the left and for the right side, strongest first, with equal kinds of evidence in equal places
    (they differ only for finite differences, where each side answers for its own function).
    """  # fmt: skip
    for evidence in ("closed-form", "reference", "finite-differences"):
        facts = [next((f for f in side if f.evidence == evidence and f.truth is not None), None) for side in own]
        if evidence == "finite-differences":
            wrong = _by_differences(left, right, facts, tol, floor)
        else:
            wrong = _by_truth(left, right, facts[0] or facts[1], tol, floor)
        if wrong[0] or wrong[1]:
            return wrong[0], wrong[1], evidence
    return False, False, ""


def _differs(left: Array, right: Array, tol: Tolerances, floor: Array | None) -> Array:
    return np.asarray(~close(left[None], right[None], tol.coarse, tol.tiny, _one(floor))[0])


def _one(floor: Array | None) -> Array | None:
    return None if floor is None else floor[None]


def _by_truth(
    left: Array, right: Array, facts: Facts | None, tol: Tolerances, floor: Array | None
) -> tuple[bool, bool]:
    if facts is None or facts.truth is None:
        return False, False
    truth = facts.truth
    size = scale(truth[None], truth[None], _one(floor))[0][..., None]
    # Far below the last place of what is judged; a bound on something of size zero has underflow for its measure.
    sure = facts.bound <= 0.01 * tol.eps * np.maximum(size, tol.tiny)
    usable = facts.regular & np.isfinite(truth) & sure & _differs(left, right, tol, floor)
    wrong = [usable & ~close(side[None], truth[None], tol.coarse, tol.tiny, _one(floor))[0] for side in (left, right)]
    return bool(wrong[0].any()), bool(wrong[1].any())


def _by_differences(
    left: Array, right: Array, facts: Sequence[Facts | None], tol: Tolerances, floor: Array | None
) -> tuple[bool, bool]:
    """An estimate accuses one side only where it clears the other at the same entry."""
    if facts[0] is None or facts[1] is None:
        return False, False
    differs = _differs(left, right, tol, floor)
    near, far = [], []
    for side, fact in zip((left, right), facts, strict=True):
        assert fact is not None and fact.truth is not None
        size = scale(fact.truth[None], fact.truth[None], _one(floor))[0][..., None]
        usable = fact.regular & np.isfinite(fact.truth) & np.isfinite(fact.bound) & differs
        delta, finite = differences(side, fact.truth), same_pattern(side, fact.truth)
        near.append(usable & finite & (delta <= tol.coarse * size + fact.bound))
        far.append(usable & (~finite | (delta > tol.coarse * size + 10 * fact.bound)))
    # Neither side may be far somewhere while the other is not cleared there: then the estimate does not separate them.
    left_wrong, right_wrong = far[0] & near[1], far[1] & near[0]
    if (far[0] & far[1]).any() or (left_wrong.any() and right_wrong.any()):
        return False, False
    return bool(left_wrong.any()), bool(right_wrong.any())
