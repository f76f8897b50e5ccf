"""Where two matched programs differ: steps without counterpart behind outputs that differ, and what they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.audit.origins.match import Graph, Matching, constants
from harness.audit.origins.program import Recording
from harness.wirtinger import Array


@dataclass
class Scene:
    """Both programs with some values in place, matched."""

    left: Graph
    right: Graph
    matching: Matching
    recordings: dict[str, Recording]
    regions: dict[str, set[int]]

    def graph(self, side: str) -> Graph:
        return self.left if side == "torch" else self.right


class Marks:
    """The part of one side's region that computes, and for each of its steps the classes that it is computed from."""

    def __init__(self, scene: Scene, side: str) -> None:
        g, m = scene.graph(side), scene.matching
        fixed = constants(g)
        self.region = {i for i in scene.regions[side] if i >= 0}
        self.basis: dict[int, frozenset[int]] = {}
        self._parents = {i: g.parents(i) for i in self.region}
        self._fixed = fixed
        for i in sorted(self.region):
            basis: set[int] = set()
            for p in g.parents(i):
                basis |= self.basis[p] if p in self.basis else set() if p in fixed else {m.of[side][p]}
            self.basis[i] = frozenset(basis)

    def sources(self) -> list[int]:
        """Steps of the region all of whose parents are outside; those that compute from inputs first."""
        first = [i for i in sorted(self.region) if not any(p in self.region for p in self._parents[i])]
        return sorted(first, key=lambda i: (i in self._fixed, i))


def region_of(g: Graph, found: Matching, recording: Recording, odd: Sequence[int]) -> set[int]:
    """Steps without counterpart from which the differing outputs are computed through such steps alone."""
    known = {i for i in g.steps if found.matched(g.side, i)}
    starts = []
    for k in odd:
        near = [i for i in holding(g, recording, k) if i not in known]
        if near:
            starts.append(max(near))
    if odd and not starts:  # an output that is made without a recorded step, such as a cast
        starts = [i for i in g.steps if i not in known and not g.children[i]]
    return g.ancestors(starts, known)


def holding(g: Graph, recording: Recording, k: int) -> list[int]:
    """The steps that have the value of the k-th output, in program order."""
    output = list(recording.outputs.values())[k]
    return sorted(i for i, s in g.steps.items() if s.print.size == output.size and _holds(recording, i, output))


def _holds(recording: Recording, i: int, output: Array) -> bool:
    if i < 0:
        return False
    value = recording.value(i)
    return bool(np.array_equal(value.reshape(-1), output.reshape(-1), equal_nan=True))


def ends(scene: Scene) -> set[int]:
    """Torch steps of the region that feed no other step of it."""
    region = scene.regions["torch"]
    return {i for i in region if not any(c in region for c in scene.left.children[i])}
