"""Finite differences of a side's own value, along directions that the coordinator gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from harness.backends.side.faults import AuditFault
from harness.backends.side.sets import Set
from harness.differences import Difference, difference, noise
from harness.wirtinger import Array, below_double

#: leaf name -> (word, axes) of the curved set that it stays in (harness.backends.side.sets)
Curves = Mapping[str, tuple[str, Sequence[int]]]


class Valued(Protocol):
    """What is wanted of a side: its leaves, its outputs with some of them replaced, and the cotangents."""

    leaves: Any
    _cotangents: Any

    def value(self, changes: Mapping[str, Array] | None = None) -> dict[str, Array]: ...


def functional(outputs: Mapping[str, Array], cotangents: Sequence[Array]) -> float:
    """The real number whose gradient was taken: the loss, or Re <cotangent, outputs>. Double precision."""
    total, at = 0.0, 0
    for value in outputs.values():
        if value.dtype.kind in "fc":
            wide = value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)
            with np.errstate(all="ignore"):
                total += float(np.real(np.vdot(cotangents[at].astype(wide.dtype), wide)))
            at += 1
    return total


def differences(
    side: Valued, directions: Sequence[Mapping[str, Array]], curves: Sequence[Curves] = (), jumps: float | None = None,
    rough: bool = False,
) -> list[Difference]:
    """Directional derivatives of the side's own value by extrapolated central differences.

    directions: leaf name -> array of its shape, of the size of the leaf (steps are fractions of it). curves: of each
    direction, the curved sets that leaves stay in. jumps: the noise of the value, measured along the first direction
    where it is not known. rough: whether single precision is known to be inside. A function that refuses the points
    beside the given ones has no difference there: `failed` says what it said. A worker that dies or hangs is another
    matter.
    """
    found: list[Difference] = []
    for k, direction in enumerate(directions):
        at, single = _along(side, direction, curves[k] if curves else {})
        try:
            if jumps is None:
                jumps = noise(at, single, rough)
            found.append(difference(at, single, jumps))
        except AuditFault as fault:
            if fault.word not in ("raised", "structure"):
                raise
            found.append(Difference(np.nan, np.inf, np.nan, 0, failed=fault.sentence))
    return found


def _along(side: Valued, direction: Mapping[str, Array], curves: Curves) -> tuple[Callable[[float], float], bool]:
    """(the functional at t along a direction, whether it is computed in single precision)."""
    arrays = {leaf.name: leaf.array for leaf in side.leaves if leaf.array is not None}
    held = {name: Set(word, tuple(axes)) for name, (word, axes) in curves.items()}

    def at(t: float) -> float:
        moved = {k: arrays[k] + (t * d).astype(arrays[k].dtype) for k, d in direction.items()}
        moved |= {k: s.back(moved[k]).astype(arrays[k].dtype) for k, s in held.items() if k in moved}
        return functional(side.value(moved), side._cotangents)

    return at, any(below_double(a.dtype) for a in (*(arrays[k] for k in direction), *side._cotangents))


def along(side: Valued, direction: Mapping[str, Array], steps: Sequence[float], curves: Curves) -> list[float]:
    """The functional at some steps along a direction."""
    at, _ = _along(side, direction, curves)
    return [at(t) for t in steps]
