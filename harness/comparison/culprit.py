"""Which side is wrong, and on what evidence; and which differences are nobody's fault.

A majority is not evidence.  A side is wrong where it is further than the coarse tolerance from a derivative that is
known far better than the difference, at an entry that has a derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison.facts import CLASSES, CUT, DOMAIN, GAUGE, KINK, POLE, UNKNOWN, Facts
from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, close, differences, same_pattern, scale

_SMALLEST = 5e-324

#: Entries that a side is not accused of: the operations of a text explain them.
Excused = tuple[Array | None, Array | None]


@dataclass(frozen=True)
class Explained:
    """verdict: what the explained entries (m, n, c) in `mask` amount to; "" where nothing is explained."""

    verdict: str
    mask: Array
    note: str


def explain(left: Array, right: Array, facts: Facts, tol: Tolerances, floor: Array | None = None) -> Explained:
    """Differences that the kind of the point accounts for; left, right are (m, n, c), floor (m, n)."""
    both = [_admissible(side, facts, tol) for side in (left, right)]
    gauge = facts.kind == GAUGE
    differs = _differs(left, right, tol, floor)
    found = []
    for mask, word, note in (
        (both[0][0] & both[1][0], "branch", "on a branch cut, each side follows one of its limits"),
        (both[0][1] & both[1][1], "choice", "a kink, each side is between the one-sided derivatives"),
        (gauge, "gauge", "depends on a free phase, sign or basis"),
        (_beside_infinity(left, facts) | _beside_infinity(right, facts), "unsupported",
         "beside an infinite derivative, where zero times infinity is NaN"),
    ):
        if (differs & mask).any():
            found.append((differs & mask, word, note))
    if not found:
        return Explained("", np.zeros(differs.shape, bool), "")
    return Explained(found[0][1], np.logical_or.reduce([f[0] for f in found]), "; ".join(f[2] for f in found))


def explain_reference(
    left: Array, right: Array, facts: Facts, tol: Tolerances, floor: Array | None = None
) -> Explained:
    """The same where the right side is the reference, whose answer at a singular point is a set or nothing.

    A derivative inside that set agrees with it ("agree"); where there is nothing to compare with, or its bound is not
    far below what is judged, the reference refuses ("unsupported").
    """
    differs = _differs(left, right, tol, floor)
    cut, kink = _admissible(left, facts, tol)
    within = differs & np.isfinite(left) & np.isfinite(right) & (differences(left, right) <= facts.bound)
    differs &= ~within
    gauge = differs & (facts.kind == GAUGE)
    if gauge.any():
        return Explained("gauge", differs, "depends on a free phase, sign or basis")
    inside = differs & (cut | kink)
    lost = _spread(left, facts) & ~(_known_kink(facts) & ~_spoilt(left, facts))  # NaN is no choice at a kink
    nothing = differs & (np.isin(facts.kind, (POLE, UNKNOWN, DOMAIN)) | lost) & ~inside
    unsure = differs & facts.regular & ~sure(facts, right, tol)
    unsure &= np.isfinite(left) | ~np.isfinite(right) | ~np.isfinite(facts.bound)  # NaN is not a number nearby
    notes = [note for mask, note in (
        (inside & cut, "on a branch cut, one of its limits"),
        (inside & kink, "a kink, between the one-sided derivatives"),
        (within, "within the error bound of the reference"),
        (nothing, "there is no derivative here to compare with: " + ", ".join(
            CLASSES[k] for k in np.unique(facts.kind[~facts.regular]))),
        (unsure, "the reference is not sure enough here"),
    ) if mask.any()]
    if not notes:
        return Explained("", np.zeros(differs.shape, bool), "")
    word = "unsupported" if (nothing | unsure).any() else "agree"
    return Explained(word, inside | within | nothing | unsure, "; ".join(notes))


def sure(facts: Facts, truth: Array, tol: Tolerances, floor: Array | None = None) -> Array:
    """(m, n, c): entries known far below the last place of what is judged."""
    size = scale(truth[None], truth[None], _one(floor))[0][..., None]
    # A bound on something of size zero has underflow for its measure; one that underflows itself is no bound at all.
    return np.asarray((facts.bound <= 0.01 * tol.eps * np.maximum(size, tol.tiny)) | (facts.bound <= _SMALLEST))


def _spread(side: Array, facts: Facts) -> Array:
    """(m, n, c): not finite, in a row or column of blocks that holds an entry without a derivative, or another one of
    which the derivative is too large for the precision.

    0 * inf is NaN: what propagates a cotangent through a singular element spoils its neighbours, whoever does it; and
    the product of infinity with a complex number has no finite part.
    """
    if np.isfinite(side).all():
        return np.zeros(side.shape, bool)
    singular: Array = np.asarray(~facts.regular.all(axis=-1))
    lines = np.asarray(singular.any(axis=0))[None, :] | np.asarray(singular.any(axis=1))[:, None]
    return np.asarray((~np.isfinite(side) & lines[..., None]) | _beside_infinity(side, facts))


def _beside_infinity(side: Array, facts: Facts) -> Array:
    """(m, n, c): not finite, in a row or column that holds another block of which the derivative is too large for the
    precision, or in such a block of complex numbers."""
    if facts.truth is None or np.isfinite(side).all():
        return np.zeros(side.shape, bool)
    infinite: Array = np.asarray((facts.regular & np.isinf(facts.truth)).any(axis=-1))
    others = infinite.sum(axis=0)[None, :] + infinite.sum(axis=1)[:, None] - 2 * infinite
    return np.asarray(~np.isfinite(side) & ((others > 0) | (infinite & (side.shape[-1] > 1)))[..., None])


def _admissible(side: Array, facts: Facts, tol: Tolerances) -> tuple[Array, Array]:
    """(m, n, c) masks: a limit at a branch cut; within the set of one-sided derivatives at a kink."""
    nowhere = np.zeros(side.shape, bool)
    cut, kink = nowhere, nowhere
    if facts.plus is not None and facts.minus is not None and (facts.kind == CUT).any():
        cut = (facts.kind == CUT) & _is_limit(side, facts, tol)[..., None]
    if facts.low is not None and facts.high is not None and (facts.kind == KINK).any():
        kink = (facts.kind == KINK) & between(side, facts.low, facts.high, tol) & in_hull(side, facts, tol)
    return np.asarray(cut), np.asarray(kink)


def is_pole(left: Array, right: Array, facts: Facts, tol: Tolerances) -> bool:
    """Whether the sides differ at a pole or an essential singularity: there is no derivative to be right about."""
    return bool((_differs(left, right, tol, None) & (facts.kind == POLE)).any())


def _is_limit(side: Array, facts: Facts, tol: Tolerances) -> Array:
    """(m, n): the whole block is one of the two one-sided derivatives, as far as these are known."""
    out = np.zeros(side.shape[:2], bool)
    for limit in (facts.plus, facts.minus):
        if limit is not None:
            known = np.isfinite(limit) & (differences(side, limit) <= facts.bound)
            near = close(side[None], limit[None], tol.coarse, tol.tiny)[0]
            out |= ((known & np.isfinite(side)) | near).all(axis=-1)
    return out


def between(side: Array, low: Array, high: Array, tol: Tolerances) -> Array:
    """(m, n, c): within the box of the limiting derivatives."""
    with np.errstate(all="ignore"):
        room = tol.coarse * np.maximum(np.abs(low), np.abs(high))
        return np.asarray((side >= low - room) & (side <= high + room))


def in_hull(side: Array, facts: Facts, tol: Tolerances) -> Array:
    """(m, n, c): whether the row that an entry belongs to lies in the flat that the limits of the derivative span.

    The generalised derivative (F. H. Clarke, Optimization and Nonsmooth Analysis, 1983) is a set of rows: at a tie of
    max the entries of a gradient sum to one. What directions at random span, the hull of all limits spans as well.
    """
    out = np.ones(side.shape, bool)
    if facts.samples is None:
        return out
    plain = _two_slopes(facts, tol)
    for i in range(side.shape[0]):
        for parts in ([0, 1], [2, 3]) if side.shape[2] == 4 else [[k] for k in range(side.shape[2])]:
            points = facts.samples[:, i][..., parts].reshape(len(facts.samples), -1)
            box = (None if x is None else x[i][:, parts].reshape(-1) for x in (facts.low, facts.high))
            points = _with_ends(points, *box)
            row = side[i][:, parts].reshape(-1)
            known = plain[i][:, parts].all() and np.isfinite(points).all() and np.isfinite(row).all()
            if known and not _spanned(points, row, tol):
                out[i][:, parts] = False
    return out


def _with_ends(points: Array, low: Array | None, high: Array | None) -> Array:
    """With both ends of the box where one entry of a row alone is loose: a slope from one side is a limit, or between
    limits, whether or not a direction at random came upon it."""
    if low is None or high is None or not len(points):
        return points
    (loose,) = np.nonzero(low != high)
    if loose.size != 1 or not (np.isfinite(low[loose]) & np.isfinite(high[loose])).all():
        return points
    ends = np.repeat(points[:1], 2, axis=0)
    ends[:, loose[0]] = low[loose[0]], high[loose[0]]
    return np.concatenate([points, ends])


def _spanned(points: Array, row: Array, tol: Tolerances) -> bool:
    """Whether a row lies in the affine hull of points, where these are more than enough to know it."""
    size = max(float(np.abs(points).max(initial=0.0)), tol.tiny)
    offsets = (points[1:] - points[0]) / size
    if not len(offsets):
        return True
    _, values, rows = np.linalg.svd(offsets, full_matrices=False)
    rank = int((values > 1e-9).sum())
    if len(offsets) < rank + 2:  # another direction might show more
        return True
    rest = (row - points[0]) / size
    rest = rest - rows[:rank].T @ (rows[:rank] @ rest)
    return bool(np.abs(rest).max(initial=0.0) <= tol.coarse * max(1.0, float(np.abs(row).max(initial=0.0)) / size))


def accuse(
    left: Array, right: Array, own: tuple[Sequence[Facts], Sequence[Facts]], tol: Tolerances,
    floor: Array | None = None, noise: Array | None = None, excused: Excused = (None, None), *, kinks: bool = True,
) -> tuple[bool, bool, str]:
    """(left is wrong, right is wrong, evidence); (False, False, "") where nothing decides.

    noise: (m, n), an error below which nobody is accused. excused: (m, n, c) entries of either side that are nobody's
    fault. kinks: whether the limits at a kink are all there are (those of a second derivative are not).

    own: facts for the left and for the right side, strongest first, with equal kinds of evidence in equal places
    (they differ only for finite differences, where each side answers for its own function).
    """
    for evidence in ("closed-form", "reference", "finite-differences"):
        facts = [next((f for f in side if f.evidence == evidence and f.truth is not None), None) for side in own]
        if evidence == "finite-differences":
            if excused[0] is not None or excused[1] is not None:
                continue
            wrong = _by_differences(left, right, facts, tol, floor, noise)
        else:
            wrong = _by_truth(left, right, facts[0] or facts[1], tol, floor, noise, excused)
            beyond = _beyond(left, right, (facts[0] or facts[1]) if kinks else None, tol, excused)
            wrong = wrong[0] or beyond[0], wrong[1] or beyond[1]
        if wrong[0] or wrong[1]:
            return wrong[0], wrong[1], evidence
    return False, False, ""


def _beyond(left: Array, right: Array, facts: Facts | None, tol: Tolerances, excused: Excused) -> tuple[bool, bool]:
    """Sides that are outside of the generalised derivative at a kink, or not finite there."""
    if facts is None or facts.low is None or facts.high is None or not (facts.kind == KINK).any():
        return False, False
    known = _known_kink(facts)
    out = []
    for side, free in zip((left, right), excused, strict=True):
        inside = between(side, facts.low, facts.high, tol) & in_hull(side, facts, tol)
        wrong = known & (~np.isfinite(side) | (_two_slopes(facts, tol) & ~inside)) & ~_spoilt(side, facts)
        out.append(bool((wrong if free is None else wrong & ~free).any()))
    return out[0], out[1]


def _known_kink(facts: Facts) -> Array:
    """(m, n, c): kinks of which the limits are known, and finite."""
    if facts.low is None or facts.high is None:
        return np.zeros(facts.kind.shape, bool)
    return np.asarray((facts.kind == KINK) & np.isfinite(facts.low) & np.isfinite(facts.high))


def _two_slopes(facts: Facts, tol: Tolerances) -> Array:
    """(m, n, c): entries of which every direction showed one of two limits: then there is nothing beyond these. Of a
    set that is curved (eigenvalues that meet) no number of directions shows all."""
    if facts.samples is None or len(facts.samples) < 6 or facts.low is None or facts.high is None:
        return np.zeros(facts.kind.shape, bool)
    room = tol.coarse * np.maximum(np.abs(facts.low), np.abs(facts.high))
    ends = (np.abs(facts.samples - facts.low) <= room) | (np.abs(facts.samples - facts.high) <= room)
    return np.asarray((ends | ~np.isfinite(facts.samples)).all(axis=0))


def _spoilt(side: Array, facts: Facts) -> Array:
    """(m, n, c): not finite, next to an entry that has no derivative in any sense."""
    if np.isfinite(side).all():
        return np.zeros(side.shape, bool)
    open_ = ~(facts.regular | (facts.kind == KINK)).all(axis=-1)
    lines = np.asarray(open_.any(axis=0))[None, :] | np.asarray(open_.any(axis=1))[:, None]
    return np.asarray(~np.isfinite(side) & lines[..., None])


def _differs(left: Array, right: Array, tol: Tolerances, floor: Array | None) -> Array:
    return np.asarray(~close(left[None], right[None], tol.coarse, tol.tiny, _one(floor))[0])


def _one(floor: Array | None) -> Array | None:
    return None if floor is None else floor[None]


def _by_truth(
    left: Array, right: Array, facts: Facts | None, tol: Tolerances, floor: Array | None, noise: Array | None,
    excused: Excused = (None, None),
) -> tuple[bool, bool]:
    if facts is None or facts.truth is None:
        return False, False
    truth = facts.truth
    # A number that is singular in one of its arguments has no differential; its other partial derivatives may exist,
    # but nobody promised them.
    whole = np.asarray(facts.regular.all(axis=(1, 2)))[:, None, None]
    known = facts.regular & whole & ~np.isnan(truth)
    if not known.any():
        return False, False
    certain = sure(facts, truth, tol, floor)
    found = []
    for side, free in zip((left, right), excused, strict=True):
        # NaN against a number needs no more than that there is one.
        usable = known & (certain | (~np.isfinite(side) & np.isfinite(truth) & np.isfinite(facts.bound)))
        loud = ~np.isfinite(side) | ~np.isfinite(truth)
        loud |= True if noise is None else differences(side, truth) > noise[..., None]
        bad = usable & loud & ~_spread(side, facts)
        if free is not None:
            bad = bad & ~free
        if bad.any():
            bad &= ~close(side[None], truth[None], tol.coarse, tol.tiny, _one(floor))[0]
        found.append(bad)
    if not found[0].any() and not found[1].any():
        return False, False
    differs = _differs(left, right, tol, floor) | (~np.isfinite(left) & ~np.isfinite(right))
    if not any((bad & differs).any() for bad in found):  # equal and wrong is told against the reference
        return False, False
    return bool(found[0].any()), bool(found[1].any())


def both_refuted(
    left: Array, right: Array, facts: Sequence[Facts | None], tol: Tolerances, floor: Array | None, noise: Array,
) -> bool:
    """Whether finite differences of either side's values are one, and sure, and far from what both sides returned;
    from NaN and infinity on both sides every estimate is far.

    noise: (m, n), an error below which nobody is accused.
    """
    if facts[0] is None or facts[1] is None or facts[0].truth is None or facts[1].truth is None:
        return False
    first, second = facts[0], facts[1]
    assert first.truth is not None and second.truth is not None
    bound = first.bound + second.bound
    usable = first.regular & second.regular & np.isfinite(first.truth) & np.isfinite(second.truth) & np.isfinite(bound)
    usable &= differences(first.truth, second.truth) <= bound
    size = scale(first.truth[None], left[None], _one(floor))[0][..., None]
    room = np.maximum(100 * bound + 100 * tol.coarse * size, noise[..., None])
    far = np.minimum(differences(left, first.truth), differences(right, second.truth)) > room
    lost = ~np.isfinite(left) & ~np.isfinite(right)
    return bool((usable & (lost | (far & np.isfinite(left) & np.isfinite(right)))).any())


def _by_differences(
    left: Array, right: Array, facts: Sequence[Facts | None], tol: Tolerances, floor: Array | None,
    noise: Array | None = None,
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
        loud = ~finite | (True if noise is None else delta > noise[..., None])
        far.append(usable & loud & (~finite | (delta > tol.coarse * size + 10 * fact.bound)))
    # Neither side may be far somewhere while the other is not cleared there: then the estimate does not separate them.
    left_wrong, right_wrong = far[0] & near[1], far[1] & near[0]
    if (far[0] & far[1]).any() or (left_wrong.any() and right_wrong.any()):
        return False, False
    return bool(left_wrong.any()), bool(right_wrong.any())
