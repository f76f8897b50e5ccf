"""How a side's loss changes with one of its values: finite differences, and how far they can be trusted there.

A loss that is computed in double precision tells a slope to many digits. Where a value goes through single precision on
its way to the loss, the loss jumps between points next to each other; how far is measured there, steps are long, and a
cotangent is held against the slope to single precision alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from harness.audit.origins.layout import find
from harness.audit.origins.match import SINGLE, Graph
from harness.audit.origins.program import Program
from harness.audit.origins.region import Scene
from harness.audit.state import SIDES
from harness.wirtinger import Array

#: Of a difference, as a part of the value: in double precision, in single, with single inside, and with half inside.
_STEP = (2e-4, 3e-2, 1e-2, 6e-2)
#: What a slope may be off by, likewise; and cotangents of equal values.
_TOLERANCE = (1e-5, 3e-2, 1e-3, 6e-2)
_LOOSE = (1e-9, 1e-4, 1e-5, 5e-4)
#: Half the distances, as parts of the value, at which the jumps of a loss are measured.
_NEXT = (1.3e-6, 2.9e-6)


class Bends(Exception):
    """The loss has two slopes along a direction: a kink."""


class Slopes:
    """Slopes of both sides. replaced: of each scene, the values that are put right in JAX. single: both in single."""

    def __init__(self, programs: Mapping[str, Program], scenes: Sequence[Scene],
                 replaced: Sequence[Mapping[int, Array]], single: bool) -> None:
        self.programs, self.scenes, self.replaced, self.single = programs, scenes, replaced, single
        self.spent = 0
        self._after = {(side, k): _above(scene.graph(side)) for k, scene in enumerate(scenes) for side in SIDES}
        self._before = {(side, k): scene.graph(side).rough() for k, scene in enumerate(scenes) for side in SIDES}

    def rough(self, side: str, k: int, roots: Sequence[int]) -> bool:
        """Whether a narrower precision stands between a value and the loss."""
        return not self._after[side, k].isdisjoint(roots)

    def kind(self, k: int, roots: Mapping[str, Sequence[int]]) -> int:
        """Of a value on both sides: 0 in double precision, 1 in single, 2 where single precision comes before or after
        on a side though the inputs are in double, 3 where half precision does."""
        near = any(self.rough(s, k, roots[s]) or not self._before[s, k].isdisjoint(roots[s]) for s in roots)
        half = near and any(self.scenes[k].graph(s).blur > SINGLE for s in SIDES)
        return 3 if half else 1 if self.single else 2 if near else 0

    def tolerance(self, k: int, roots: Mapping[str, Sequence[int]]) -> float:
        return _TOLERANCE[self.kind(k, roots)]

    def loose(self, k: int, roots: Mapping[str, Sequence[int]]) -> float:
        """Within which values, and a hundred times that cotangents, are the same on both sides."""
        return _LOOSE[self.kind(k, roots)]

    def along(self, side: str, k: int, roots: Sequence[int], v: Array,
              factors: Mapping[int, float] | None = None) -> float:
        """The loss along v at a value, by an extrapolated central difference. factors: by step, how much of its change
        goes on. Raises Bends."""
        loss = self._loss(side, k, roots, v, factors)
        kind = self.kind(k, {side: roots})
        h = _STEP[kind]
        here = self.programs[side].loss(self.scenes[k].recordings[side].outputs)
        ends = [(loss(s), loss(-s), s) for s in (h, h / 2)]
        coarse, fine = ((above - below) / (2 * s) for above, below, s in ends)
        # Of a smooth loss the two one-sided slopes draw together as the step does; at a kink they stay apart.
        apart = [abs((above - here) - (here - below)) / s for above, below, s in ends]
        if apart[1] > 0.75 * apart[0] and apart[1] > _TOLERANCE[kind] * (abs(fine) + abs(here)):
            raise Bends
        return (4 * fine - coarse) / 3

    def _loss(self, side: str, k: int, roots: Sequence[int], v: Array, factors: Mapping[int, float] | None
              ) -> Callable[[float], float]:
        program, recording = self.programs[side], self.scenes[k].recordings[side]
        base = {**(self.replaced[k] if side == "jax" else {}), **{c: recording.value(c) for c in factors or ()}}
        main = recording.value(roots[0])
        layouts = [find(main, recording.value(i), self.loose(k, {side: roots})) for i in roots]

        def at(h: float) -> float:
            self.spent += 1
            moved = {i: recording.value(i) + (h * lay.to_right(v)).astype(recording.value(i).dtype)
                     for i, lay in zip(roots, layouts, strict=True) if lay is not None}
            return program.loss(program.source.outputs({**base, **moved}, factors))

        return at

    def noise(self, k: int, roots: Mapping[str, Sequence[int]], turned: Mapping[str, Array]) -> float:
        """What rounding of the losses makes of a slope along a direction, on the worse of both sides."""
        terms = 0.0
        for side in SIDES:
            held = zip(self.scenes[k].recordings[side].outputs.values(), self.programs[side].cotangents, strict=False)
            terms += sum(float(np.abs(np.asarray(value) * np.asarray(cot)).sum()) for value, cot in held)
        eps, h = (1.2e-7 if self.single else 2.3e-16), _STEP[self.kind(k, roots)]
        found = 32 * eps * terms / (h / 2)
        for side in roots:
            if self.rough(side, k, roots[side]):
                loss = self._loss(side, k, roots[side], turned[side], None)
                here = self.programs[side].loss(self.scenes[k].recordings[side].outputs)
                found = max(found, 8 * max(abs(loss(t) + loss(-t) - 2 * here) for t in _NEXT) / h)
        return found


def _above(g: Graph) -> set[int]:
    """Values that go through single precision, and what is held in it."""
    return g.ancestors(list(g.narrow))
