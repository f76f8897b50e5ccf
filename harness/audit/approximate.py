"""Values that are computed to a tolerance: ODE solvers, fixed points, loops that stop when they are near enough.

The gradient of such code is that of what it approximates (or of one path of its iterations), its value is off by as
much as its tolerance allows, and finite differences of the value are off by that over the step: what looks like a wrong
gradient may be nothing but this. First the value itself is looked at: it jumps where a loop takes one turn more, and a
polynomial does not follow it. What the jumps do not account for is told apart by a longer way. A gradient that is
wrong by r parts from the
value by r times the length of the way; one that is right, of a value that is off by e at most, by 2 e however long the
way is. So the gradient is integrated (Gauss and Legendre's rule) along the direction that accused it, and held against
the values at both ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.audit.checks import Direction, as_leaf, curves, predicted
from harness.audit.faults import SideFault
from harness.audit.moving import moved, put_back
from harness.audit.result import HARMLESS, Check, ParameterRow
from harness.audit.state import Faults, State
from harness.differences import FIRST

#: A gradient that is off by more than this share is not nearly right.
_NEARLY = 0.05
#: Half the way, in units of the direction, and the nodes of the two rules that have to agree.
_HALF, _NODES = 0.25, (5, 7)
#: Share of what a wrong gradient would part from the value by, below which it does not.
_SHARE = 0.25
#: Half widths of the neighbourhoods in which a polynomial is fitted, and its points.
_WIDTHS, _POINTS = (2.0**-3, 2.0**-4), 21
_MOST = 4


def settled(state: State, directions: Sequence[Direction], checks: Sequence[Check]) -> list[Check]:
    """The checks; those that accuse a side whose value is merely approximate accuse nobody. Raises Faults.

    directions: of the checks, torch's first, then JAX's (as `checks.checked` returns them).
    """
    out = list(checks)
    asked = [k for k, c in enumerate(checks[: 2 * len(directions)]) if _small(c)]
    asked = sorted(asked, key=lambda k: checks[k].direction != "difference")[:_MOST]
    for k in asked:
        off = _off(state, checks[k], directions[k % len(directions)])
        if off:
            out[k] = replace(checks[k], consistent=None, approximate=off)
    still = {c.side for c in out if c.consistent is False}
    return [replace(c, consistent=False, approximate=0.0) if c.approximate and c.side in still else c for c in out]


def _off(state: State, c: Check, direction: Direction) -> float:
    """How far the value may be off, where that explains what accuses a side; else 0."""
    if any(x.torch in state.sets and state.sets[x.torch].curved for x in direction.links):
        return 0.0  # the way back onto the set is no straight line
    gap = abs(c.predicted - c.estimate)
    try:
        jumps = _jumps(state, c.side, direction)
        if gap <= 2 * jumps / FIRST:
            return jumps
        apart = _apart(state, c.side, direction) if jumps else math.nan
    except Faults as found:
        if found.lost:
            raise
        return 0.0
    return apart / 2 if apart <= _SHARE * gap * 2 * _HALF else 0.0


def alike(state: State, rows: Sequence[ParameterRow], checks: Sequence[Check]) -> list[Check]:
    """The checks; two sides of one mind whose gradients leave their values by the same little accuse nobody where the
    code iterates and no derivative goes through the iteration.

    The gradient is that of the limit then (the envelope theorem, implicit differentiation), and a loop that was left
    early is as far from it as what it computes. Raises Faults.
    """
    out = list(checks)
    accusing = [k for k, c in enumerate(out) if c.consistent is False]
    pairs = {k: _twin(state, out, k) for k in accusing}
    if not accusing or any(r.verdict not in HARMLESS for r in rows) or any(j is None for j in pairs.values()):
        return out
    try:
        found = state.ask("iterates")
    except Faults as fault:
        if fault.lost:
            raise
        return out
    if any(found[side]["iterates"] for side in ("torch", "jax")):
        for k in accusing:
            out[k] = replace(out[k], consistent=None, limit=True)
    return out


def jumps_alone(checks: Sequence[Check]) -> bool:
    """Whether what looks like a kink is an iteration that takes one turn more."""
    bent = [c for c in checks if c.kink]
    return any(c.limit for c in checks) and all(
        abs(c.slopes[0] - c.slopes[1]) <= _NEARLY * max(*map(abs, c.slopes), c.size) for c in bent)


def _twin(state: State, checks: Sequence[Check], k: int) -> int | None:
    """The other side's check along the same direction, which says the same of a gap that is small; None without one."""
    c = checks[k]
    size = max(abs(c.predicted), abs(c.estimate), c.size)
    gap = c.predicted - c.estimate
    if not np.isfinite(gap) or abs(gap) > _NEARLY * size:
        return None
    for j, other in enumerate(checks):
        same = (other.where, other.direction, other.predicted) == (c.where, c.direction, c.other)
        if same and other.side != c.side and abs(c.other - c.predicted) <= state.tol.coarse * size and (
                abs(other.predicted - other.estimate - gap) <= 0.5 * abs(gap)):
            return j
    return None


def _values(state: State, side: str, direction: Direction, steps: Sequence[float]) -> np.ndarray:
    links = {x.torch: x for x in direction.links}
    arrays = dict(direction.arrays)
    if side == "jax":
        arrays = {links[n].jax: as_leaf(state, links[n], a) for n, a in arrays.items()}
    state.channels[side].ask("along", direction=arrays, steps=list(steps), curves=curves(state, side, direction.links))
    try:
        return np.array(state.channels[side].answer()["values"])
    except SideFault as fault:
        raise Faults([fault]) from fault


def _jumps(state: State, side: str, direction: Direction) -> float:
    """How far the value is from a polynomial around the point; 0 where that is what a smooth function leaves.

    Twice the width leaves 2**9 times as much of a smooth function and as much of one that jumps.
    """
    left = []
    for width in _WIDTHS:
        nodes = np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS)
        values = _values(state, side, direction, [float(width * t) for t in nodes])
        if not np.isfinite(values).all():
            return 0.0
        fit = np.polynomial.chebyshev.chebfit(nodes, values, 8)
        left.append(float(np.abs(values - np.polynomial.chebyshev.chebval(nodes, fit)).max()))
    rough = 64 * float(np.finfo(np.float64).eps) * float(np.abs(values).max())
    return left[0] if left[0] > rough and left[1] > left[0] / 64 else 0.0


def _small(c: Check) -> bool:
    gap = abs(c.predicted - c.estimate)
    return c.consistent is False and bool(np.isfinite(gap)) and gap <= _NEARLY * max(abs(c.predicted), abs(c.estimate))


def _apart(state: State, side: str, direction: Direction) -> float:
    """How far the integral of the gradient is from the change of the value."""
    low, high = _values(state, side, direction, [-_HALF, _HALF])
    try:
        sums = [_integral(state, side, direction, count) for count in _NODES]
    finally:
        put_back(state)
    return float(abs(high - low - sums[1]) + abs(sums[1] - sums[0]))


def _integral(state: State, side: str, direction: Direction, count: int) -> float:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return float(sum(w * _HALF * predicted(moved(state, direction, float(_HALF * t)), side, direction)
                     for t, w in zip(nodes, weights, strict=True)))


def sentence(checks: Sequence[Check]) -> str:
    """How near finite differences can see here, and the tolerance to use; "" where no value is approximate."""
    said = []
    limits = [c for c in checks if c.limit]
    if limits:
        gap = max(abs(c.predicted - c.estimate) / max(abs(c.predicted), abs(c.estimate), c.size) for c in limits)
        said.append(f"Both sides have the same gradient, and it differs from finite differences of both values by "
                    f"{gap:.1g} of it. The code iterates where no derivative goes: a gradient of the limit (the "
                    "envelope theorem, implicit differentiation) is off by as much as the loop is from its limit. More "
                    "turns bring them together; where they do not, both hold something still that they should not.")
    for side in ("torch", "jax"):
        found = [c for c in checks if c.side == side and c.approximate]
        if not found:
            continue
        gap = max(abs(c.predicted - c.estimate) / max(abs(c.predicted), abs(c.estimate)) for c in found)
        off = max(c.approximate for c in found)
        said.append(f"The value of the {side} side is approximate (a solver, a loop that stops?): it is off by "
                    f"about {off:.1g}, which is what makes finite differences differ from the gradient by {gap:.1g} of "
                    f"it, and accuses nobody. The tolerance to audit it with: --rtol {tolerance(gap):.0e}.")
    return " ".join(said)


def tolerance(gap: float) -> float:
    """A round number above what the finite differences are off by."""
    power = 10.0 ** math.floor(math.log10(gap))
    return float(next(f * power for f in (2, 5, 10, 20) if f * power >= 2 * gap))
