"""A loop that takes its sequence in the other order than torch: one mistake, although every step of it differs.

With the sequence of JAX's loop reversed, and where that does not do it alone the results of the loop too, the program
is evaluated: it is said only if outputs that differed are torch's then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.audit.origins.cut import Cut
from harness.audit.origins.program import Program, code
from harness.audit.origins.region import Scene
from harness.wirtinger import Array

#: Loops that are tried, and sequences of one loop.
_LOOPS, _SEQUENCES = 4, 4


@dataclass
class Loop:
    """Steps of one loop; sequences: what it takes a slice of each time; results: what its iterations are stacked to."""

    steps: list[int]
    sequences: list[int]
    results: list[int]


def loops(scene: Scene) -> Iterator[Loop]:
    """The loops of JAX in which it differs, with what they run over."""
    g = scene.right
    groups: list[list[int]] = []
    last: tuple[int, ...] = ()
    for i, s in sorted(g.steps.items()):
        if i < 0:
            continue
        if s.loop and not (last and abs(s.loop[0] - last[0]) <= 1):
            groups.append([])
        if s.loop:
            groups[-1].append(i)
        last = s.loop
    for steps in groups:
        inside = set(steps)
        count = len({g.steps[i].loop[0] for i in steps})
        if count < 2 or inside.isdisjoint(scene.regions["jax"]):
            continue
        feeding = dict.fromkeys(p for i in steps for p in g.parents(i) if p not in inside)
        sequences = [p for p in feeding if g.steps[p].shape[:1] == (count,)]
        results = [i for i in dict.fromkeys(c for i in steps for c in g.children[i])
                   if i not in inside and g.steps[i].op == "scan" and g.steps[i].shape[:1] == (count,)]
        if sequences:
            yield Loop(steps, sequences[:_SEQUENCES], results)


def turned(scene: Scene, jax: Program, replaced: Mapping[int, Array],
           differing: Callable[[Mapping[str, Array]], Sequence[int]]) -> tuple[Cut, dict[int, Array]] | None:
    """The mistake and JAX's values with which it is none; differing: outputs to the places of those that differ."""
    before = len(differing(scene.recordings["jax"].outputs))
    for n, loop in enumerate(loops(scene)):
        if n >= _LOOPS:
            return None
        for sequences in [loop.sequences] + [[p] for p in loop.sequences if len(loop.sequences) > 1]:
            given = {p: _reversed(scene.recordings["jax"].value(p)) for p in sequences}
            both = _both(jax, {**replaced, **given}, loop.results)
            for values, too in ((given, False), ({**given, **both}, True)):
                if (not too or both) and len(differing(jax.source.outputs({**replaced, **values}))) < before:
                    return _cut(scene, loop, sequences, too, dict(replaced)), values
    return None


def _both(jax: Program, replaced: Mapping[int, Array], results: Sequence[int]) -> dict[int, Array]:
    """The results of a loop in the other order."""
    found = jax.source.probe(replaced, results) if results else {}
    return {i: _reversed(v) for i, v in found.items()}


def _reversed(array: Array) -> Array:
    return np.ascontiguousarray(array[::-1])


def _cut(scene: Scene, loop: Loop, sequences: Sequence[int], too: bool, before: dict[int, Array]) -> Cut:
    g = scene.right
    above = [i for i in sorted(g.ancestors(list(sequences))) if g.steps[i].op == "rev"]
    line = g.steps[[*above[-1:], *loop.results[:1], loop.steps[0]][0]]
    torch = scene.left.steps[min(i for i in scene.regions["torch"] if i >= 0)]
    results = " and its results" if too else ""
    what = f"the loop runs in the other order: with its sequence{results} reversed the outputs are torch's"
    return Cut(torch, line, None, True, scene, before, said=(what, f"go through it as torch's line does: {code(line)}"))
