"""Points at which the function bends: exact zeros before a ReLU, ties of a maximum, |x| at 0.

There a central difference is the mean of two slopes and proves nothing, and each framework returns an element of its
own choice of the generalised derivative. So the neighbourhood is asked: at x + t d and x - t d, for random d, the
function is smooth, and a gradient that is wrong is wrong there too. The gradients found there span the generalised
derivative (Clarke, Optimization and Nonsmooth Analysis, theorem 2.5.1: the hull of limits of gradients), against which
those at the point are held; and entries that do not vary give a direction that avoids the bend, along which the value
decides at the point itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.audit.answer import Audit
from harness.audit.checks import Direction, along_difference, checked, directions, random_direction
from harness.audit.faults import SideFault
from harness.audit.judging import judge_gradient, largest
from harness.audit.moving import moved, put_back
from harness.audit.result import HARMLESS, Check, ParameterRow
from harness.audit.sides import traced
from harness.audit.state import Faults, State
from harness.wirtinger import Array

if TYPE_CHECKING:
    from harness.audit.mapping import Link

#: Directions along which the neighbourhood is looked at, on both sides of the point.
_RAYS = 2
#: More of them, for their gradients alone, where those do not span what was chosen.
_FURTHER = 6
#: Share of an entry's size by which the neighbourhood's gradients vary where it is the bend that makes them.
_VARIES = 0.1
#: How far beyond the gradients that were found a bending entry may lie: few samples of many bends stay near the middle.
_BEYOND = 8.0
#: torch's functions that bend at 0 (by the last part of the name).
_AT_ZERO = ("relu", "relu_", "leaky_relu", "leaky_relu_", "abs", "relu6", "prelu", "rrelu", "threshold")


@dataclass(frozen=True)
class Settled:
    """What is left of the checks and rows once bends are accounted for. kinked: whether there is one."""

    checks: tuple[Check, ...]
    rows: tuple[ParameterRow, ...]
    kinked: bool = False
    bends: str = ""


def settled(state: State, audit: Audit, checks: Sequence[Check]) -> Settled:
    """The checks and rows of an audit, those at a bend decided by its neighbourhood. Raises Faults."""
    if not any(c.kink for c in checks):
        return Settled(tuple(checks), audit.rows)
    links = state.differentiated
    samples: dict[str, list[Array]] = {x.torch: [] for x in links}
    beside: list[Check] = []
    differing: set[str] = set()
    try:
        for ray in range(_RAYS):
            along = random_direction(state, state.movable, "random", 1 + 10 * ray)
            for t in (_distance(state), -_distance(state)):
                near = moved(state, along, t)
                judged = [judge_gradient(*near.gradients(x), near.tol, whole=_whole(near),
                                         raw_sign=near.loaded["jax"].raw_sign) for x in links]
                differing |= {x.torch for x, f in zip(links, judged, strict=True) if f.verdict not in HARMLESS}
                own = [d for d in directions(near, judged, audit.values_agree) if d.word == "difference"]
                beside += [_unscaled(c, t) for c in checked(near, [_scaled(d, t) for d in (along, *own)])]
                _keep(near, samples)
        _further(state, audit.rows, differing, samples)
    except Faults as found:
        if any(fault.word not in ("raised", "structure") for fault in found.faults):
            raise
        return Settled(tuple(checks), audit.rows, True)  # the neighbourhood is refused: nothing is known of it
    finally:
        put_back(state)
    explained = {x.torch: x.torch not in differing and _explained(state, x, samples[x.torch]) for x in links}
    smooth = _avoiding(state, samples)
    more = checked(state, [smooth]) if smooth else []
    clear = all(explained.values()) and all(c.consistent is not False for c in beside)
    kept = [replace(c, consistent=None) if clear and c.consistent is False and np.isfinite(c.predicted) else c
            for c in checks]
    rows = tuple(_chosen(row) if row.verdict not in HARMLESS and explained[row.torch] else row for row in audit.rows)
    return Settled((*kept, *more, *beside), rows, True, _bends(state))


def _keep(near: State, samples: dict[str, list[Array]]) -> None:
    for x in near.differentiated:
        samples[x.torch] += [g for g in near.gradients(x) if g is not None]


def _further(
    state: State, rows: Sequence[ParameterRow], differing: set[str], samples: dict[str, list[Array]]
) -> None:
    """More gradients around the point where the first do not span the choices: a tie of many has many slopes.

    Along the difference of the two gradients lies what the one side has chosen, and against it what the other has.
    """
    links = state.differentiated
    towards = along_difference(state, [x for x, r in zip(links, rows, strict=True)
                                       if r.verdict not in HARMLESS and x.torch not in state.unchecked])
    for ray in range(_FURTHER):
        if all(x.torch in differing or _explained(state, x, samples[x.torch]) for x in links):
            return
        along = random_direction(state, state.movable, "random", 50 + ray)
        if towards is not None and not ray:
            along = replace(along, arrays={
                n: (a * np.asarray(0.1, a.dtype) + towards.arrays.get(n, 0)).astype(a.dtype)
                for n, a in along.arrays.items()
            })
        for t in (_distance(state), -_distance(state)):
            _keep(moved(state, along, t), samples)


def _distance(state: State) -> float:
    return 2.0**-4 if state.tol.single else 2.0**-7


def _whole(state: State) -> float:
    return max((largest(g) for x in state.differentiated for g in state.gradients(x)), default=0.0)


def _scaled(d: Direction, t: float) -> Direction:
    word = "beside" if d.word == "random" else d.word
    return Direction(word, {n: a * np.asarray(t, a.dtype) for n, a in d.arrays.items()}, d.links)


def _unscaled(c: Check, t: float) -> Check:
    return replace(c, predicted=c.predicted / t, estimate=c.estimate / t, error=c.error / abs(t), other=c.other / t,
                   size=c.size / abs(t), slopes=(c.slopes[0] / t, c.slopes[1] / t))


def _explained(state: State, x: Link, samples: Sequence[Array]) -> bool:
    """Whether both gradients at the point lie in what those around it span, entry by entry."""
    if not samples:
        return False
    low, high, spread, size = _spread(samples)
    slack = np.where(spread > _VARIES * size, _BEYOND * spread, spread) + state.tol.coarse * _whole(state)
    for gradient in state.gradients(x):
        g = np.zeros_like(low) if gradient is None else _parts(gradient, low.shape[0] == 2)
        if not bool(((g >= low - slack) & (g <= high + slack)).all()):
            return False
    return True


def _parts(gradient: Array, complex_: bool) -> Array:
    flat = np.asarray(gradient).reshape(-1)
    parts = [np.real(flat), np.imag(flat)] if complex_ else [np.real(flat)]
    return np.stack(parts).astype(np.float64)


def _spread(samples: Sequence[Array]) -> tuple[Array, Array, Array, Array]:
    """(smallest, largest, their difference, size) of each component of each entry over gradients around the point."""
    complex_ = any(np.iscomplexobj(g) for g in samples)
    low = high = _parts(samples[0], complex_)
    for g in samples[1:]:
        parts = _parts(g, complex_)
        low, high = np.fmin(low, parts), np.fmax(high, parts)
    return low, high, high - low, np.maximum(np.abs(low), np.abs(high))


def _avoiding(state: State, samples: dict[str, list[Array]]) -> Direction | None:
    """A random direction of the entries whose gradient does not jump: moving them alone does not cross the bend."""
    whole = random_direction(state, state.movable, "random", 7)
    kept: dict[str, Array] = {}
    for x in whole.links:
        if not samples[x.torch]:
            continue
        _, _, spread, size = _spread(samples[x.torch])
        still = (spread <= _VARIES * size).all(axis=0).reshape(whole.arrays[x.torch].shape)
        if still.all() or (still.any() and x.torch not in state.sets):  # a part of a step leaves the set
            kept[x.torch] = np.where(still, whole.arrays[x.torch], 0).astype(whole.arrays[x.torch].dtype)
    return Direction("avoiding", kept, tuple(x for x in whole.links if x.torch in kept)) if kept else None


def _chosen(row: ParameterRow) -> ParameterRow:
    return replace(row, verdict="choice", factor=float("nan"),
                   note="a kink: the two sides choose differently, both validly")


def _bends(state: State) -> str:
    """Which of torch's functions bend at how many elements, where its trace shows it; "" otherwise."""
    state.channels["torch"].ask("trace")
    try:
        calls = traced(state.channels["torch"].answer())
    except SideFault as fault:
        if fault.lost:
            raise Faults([fault]) from fault
        return ""
    found = []
    for call in calls:
        zeros = int((np.asarray(call["elements"]) == 0).sum())
        if call["function"].rpartition(".")[2] in _AT_ZERO and zeros:
            place = f" ({call['where']})" if call["where"] else ""
            found.append(f"`{call['function']}`{place} at {zeros:,} of {np.asarray(call['elements']).size:,} elements")
    return ", ".join(found[:3])


def sentence(found: Settled, checks: Sequence[Check]) -> str:
    """What the kink is: both slopes along one direction, and what each side took there."""
    bent = [c for c in checks if c.kink and c.direction != "beside"]
    bent.sort(key=lambda c: c.direction != "difference")
    if not bent:
        return ""
    c = bent[0]
    took = dict(zip((c.side, "jax" if c.side == "torch" else "torch"), (c.predicted, c.other), strict=True))
    at = f": {found.bends}" if found.bends else ""
    low, high = sorted(c.slopes)
    slack = 1e-6 * max(abs(low), abs(high))
    valid = all(low - slack <= v <= high + slack for v in took.values())
    same = abs(took["torch"] - took["jax"]) <= slack
    words = (f"both took {took['torch']:.6g}" if same else f"torch took {took['torch']:.6g}, JAX {took['jax']:.6g}")
    told = f"A kink{at}: along one direction the slopes are {low:.6g} and {high:.6g}; {words}"
    return told + ("; both are valid." if valid and not same else "; it is valid." if valid else ".")
