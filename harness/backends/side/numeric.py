"""Finite differences of a side's own value, along directions that the coordinator gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from harness.backends.side.faults import AuditFault
from harness.backends.side.sets import Set
from harness.differences import Difference, difference
from harness.wirtinger import Array

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
    side: Valued, directions: Sequence[Mapping[str, Array]], curves: Sequence[Curves]
) -> list[Difference]:
    """Directional derivatives of the side's own value by extrapolated central differences.

    directions: leaf name -> array of its shape, of the size of the leaf (steps are fractions of it). curves: of each
    direction, the curved sets that leaves stay in. A function that refuses the points beside the given ones has no
    difference there: `failed` says what it said. A worker that dies or hangs is another matter.
    """
    arrays = {leaf.name: leaf.array for leaf in side.leaves if leaf.array is not None}
    found = []
    for k, direction in enumerate(directions):
        held = {name: Set(word, tuple(axes)) for name, (word, axes) in (curves[k] if curves else {}).items()}

        def at(t: float, direction: Mapping[str, Array] = direction, held: Mapping[str, Set] = held) -> float:
            moved = {k: arrays[k] + (t * d).astype(arrays[k].dtype) for k, d in direction.items()}
            moved |= {k: s.back(moved[k]).astype(arrays[k].dtype) for k, s in held.items() if k in moved}
            return functional(side.value(moved), side._cotangents)

        single = any(arrays[k].dtype.itemsize // (1 + (arrays[k].dtype.kind == "c")) < 8 for k in direction)
        try:
            found.append(difference(at, single or _single(side._cotangents)))
        except AuditFault as fault:
            if fault.word not in ("raised", "structure"):
                raise
            found.append(Difference(np.nan, np.inf, np.nan, 0, failed=fault.sentence))
    return found


def _single(cotangents: Sequence[Array]) -> bool:
    return any(c.dtype in (np.float32, np.complex64, np.float16) for c in cotangents)
