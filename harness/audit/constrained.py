"""Inputs that must lie in a set: covariances, Cholesky factors, probabilities, unit vectors.

Beside the set such code refuses its input, returns NaN, or reads it as if it lay there: one triangle of a matrix, or
its symmetric part. A random step proves nothing then. So where one fails, each input that lies in a set (see
harness.backends.side.sets) is moved on its own, first freely and then along each of its sets; it stays in the
largest along which the code behaves. A step that spoke against a gradient is not forgiven for that alone: the gradient
itself must lie along the set, the code must be seen to read one triangle, or both sides be of one opinion about a
matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.audit.checks import Direction, checked, random_direction, twin, within
from harness.audit.judging import largest
from harness.audit.result import HARMLESS, Check, ParameterRow
from harness.audit.state import SIDES, State
from harness.backends.side.sets import Set, sets
from harness.wirtinger import Array

if TYPE_CHECKING:
    from harness.audit.mapping import Link

#: Inputs that are looked at one by one.
_MOST = 32


def suspicious(checks: Sequence[Check]) -> bool:
    """Whether a step beside the point failed, or spoke against a gradient."""
    return any(c.kink or not _fine(c) for c in checks)


def _fine(c: Check) -> bool:
    return not c.failed and bool(np.isfinite(c.estimate)) and c.consistent is not False


def settle(state: State, rows: Sequence[ParameterRow]) -> bool:
    """Find the set of each input that needs one, and those that cannot be moved; whether there are any. Raises Faults.
    """
    differing = {r.torch for r in rows if r.verdict not in HARMLESS}
    links = state.movable
    if len(links) > _MOST:
        links = [x for x in links if _options(state, x)][:_MOST]
    for x in links:
        free = checked(state, [random_direction(state, [x], "random", 20)])
        if all(map(_fine, free)):
            continue
        for held in _options(state, x):
            state.sets[x.torch] = held
            along = checked(state, [random_direction(state, [x], "random", 21)])
            if _explains(state, x, held, free, along, x.torch in differing):
                break
            del state.sets[x.torch]
        else:
            broken = next((c for c in free if c.failed or not np.isfinite(c.estimate)), None)
            if broken is not None:
                who = "torch" if broken.side == "torch" else "JAX"
                what = _short(broken.failed) or "gives no finite number"
                state.unchecked[x.torch] = f"beside the point {who} {what}"
    return bool(state.sets or state.unchecked)


def _options(state: State, x: Link) -> list[Set]:
    """The sets that both sides' arrays lie in. One that is cut into parts is not bent along a curve."""
    whole = all(any(leaf.name == name for leaf in state.whole(side))
                for side, name in (("torch", x.torch), ("jax", x.jax)))
    found = sets(state.array("torch", x.torch))
    return [s for s in found if (whole or not s.curved) and twin(state, x, s) is not None]


def _explains(
    state: State, x: Link, held: Set, free: Sequence[Check], along: Sequence[Check], differ: bool
) -> bool:
    """Whether the set is why a side failed when it was moved freely. A side that is wrong along the set too is wrong.
    """
    if any(c.failed or not np.isfinite(c.estimate) for c in along):
        return False
    right = {c.side for c in along if c.consistent is not False}
    broken = {c.side for c in free if c.failed or not np.isfinite(c.estimate)}
    wrong = {c.side for c in free if c.consistent is False} - broken
    if not right & (broken | wrong):
        return False
    if any(c.consistent is None and not c.kink for c in along if c.side in wrong):
        return False
    matrix = held.word.startswith(("symmetric", "Hermitian"))
    if matrix and not differ and not _diagonal(state.array("torch", x.torch)):
        return True  # of one opinion everywhere, and right along the set
    return all(_tangent(state, x, held, side) or (matrix and _one_triangle(state, x, side)) for side in wrong & right)


def _diagonal(a: Array) -> bool:
    return not a[..., ~np.eye(a.shape[-1], dtype=bool)].any()


def _tangent(state: State, x: Link, held: Set, side: str) -> bool:
    """Whether a side's gradient lies along the set: it is that of the function on the set."""
    g = state.gradients(x)[SIDES.index(side)]
    if g is None or held.open:
        return False
    like = state.array("torch", x.torch)
    return largest(g - held.tangent(like, g)) <= state.tol.coarse * largest(g)


def _one_triangle(state: State, x: Link, side: str, upper: Sequence[bool] = (False, True)) -> bool:
    """Whether moving one triangle alone (without the diagonal) changes nothing at all. upper: which may be the one."""
    held = state.sets.pop(x.torch, None)
    try:
        whole = random_direction(state, [x], "random", 22)
        mask = np.tril(np.ones(whole.arrays[x.torch].shape[-2:], bool), -1)
        parts = [Direction("random", {x.torch: np.where(m, whole.arrays[x.torch], 0)}, (x,))
                 for m in (mask.T if above else mask for above in upper)]
        return any(c.side == side and c.estimate == 0 and c.error <= state.tol.fine * max(1.0, abs(c.predicted))
                   for c in checked(state, parts))
    finally:
        if held is not None:
            state.sets[x.torch] = held


def judged(state: State, rows: Sequence[ParameterRow]) -> tuple[ParameterRow, ...]:
    """The rows; a difference that no direction along the set can see is none of the function on it."""
    links = {x.torch: x for x in state.differentiated}
    return tuple(_row(state, links[row.torch], row) if row.verdict not in HARMLESS else row for row in rows)


def _row(state: State, x: Link, row: ParameterRow) -> ParameterRow:
    held = state.sets.get(x.torch) or next((s for s in _options(state, x) if _meant(state, x, s)), None)
    if held is None:
        return row
    if held.open or any(g is None or not np.isfinite(g).all() for g in state.gradients(x)):
        return row
    if not within(state, x, held):
        return row
    what = f"{row.torch} is {held.word}: along {held.way} directions the gradients are equal"
    return replace(row, verdict="gauge", factor=float("nan"), note=what)


def _meant(state: State, x: Link, held: Set) -> bool:
    """Whether an input that can be moved freely is yet meant to lie in a set: it is no accident that it does, and one
    side's function is that of the set (it takes the symmetric part or one triangle, or divides by the sum or the norm).
    """
    array = state.array("torch", x.torch)
    if held.word in ("lower triangular", "upper triangular"):  # a factor, whose diagonal is positive
        factor = bool((np.diagonal(array, axis1=-2, axis2=-1) > 0).all()) and not _diagonal(array)
        return factor and any(_tangent(state, x, held, side) and _one_triangle(state, x, side, [held.word[0] == "l"])
                              for side in SIDES)
    if held.word.endswith("positive definite"):
        return not _diagonal(array) and any(_tangent(state, x, held, side) for side in SIDES)
    if held.axes and (np.count_nonzero(array, axis=held.axes) > 1).all():
        sphere = Set("of unit norm", held.axes)
        return any(_tangent(state, x, sphere, side) for side in SIDES)
    return False


def sentence(state: State) -> str:
    """What was moved along its set only, and what could not be moved."""
    told = []
    for name, held in state.sets.items():
        how = "by steps that keep it so" if held.open else f"along {held.way} directions only"
        told.append(f"{name} is {held.word}, and the code takes it as such: it was moved {how}.")
    told += [f"{name} was not checked by finite differences: {why}." for name, why in state.unchecked.items()]
    few = told[:4]
    return " ".join(few) + (f" And {len(told) - len(few)} more like these." if told[4:] else "")


def _short(text: str) -> str:
    """What a side said when it refused, without the matrix that the user did not give."""
    return text.partition(":")[0].removeprefix("the function ") if text else ""
