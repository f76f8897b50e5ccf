"""Where values part: the smallest pair of steps that, made equal, lets the programs meet again.

From the outputs that differ, back through values that the other side does not have: the region. In it stand the
mistake, what follows from it, and what is merely computed another way. A pair of steps is the end of a mistake where
the torch side's value, put in the place of JAX's, makes something that follows equal on both sides. The first such
pair, in the order of the torch program, ends the first mistake; the rest is looked at with that value in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from harness.audit.origins.layout import Layout, candidates, close, distance, find
from harness.audit.origins.match import Graph, Matching, constants, match
from harness.audit.origins.program import Program, Recording
from harness.audit.origins.reorder import moved
from harness.wirtinger import Array

#: Programs that are evaluated with another value in place, for one origin; and origins that are looked for.
TRIALS = 40
MOST = 24
_PER_STEP = 6  # partners that are tried for one step
_REPEATED = 12  # origins on one pair of lines (a loop) after which it is left at that


@dataclass
class Cut:
    """The end of one mistake: steps of both sides that should be equal, with what is known around them.

    layout: torch's entries in JAX's array. proven: whether torch's value in JAX's place made the programs meet again.
    lacking: the side that has no such step at all ("jax": torch's step is missing there). said: what it is and what to
    write, where the search itself found out.
    """

    torch: Any
    jax: Any
    layout: Layout | None
    proven: bool
    at: Scene
    before: dict[int, Array]
    lacking: str = ""
    said: tuple[str, str] = ("", "")
    again: list[tuple[int, ...]] = field(default_factory=list)


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


class Search:
    """The search of value origins. rtol: of matching."""

    def __init__(self, torch: Program, jax: Program, links: Sequence[tuple[int, int]], rtol: float) -> None:
        self.torch, self.jax, self.links, self.rtol = torch, jax, links, rtol
        self.replaced: dict[int, Array] = {}
        self.trials = 0
        self.exhausted = False

    def scene(self, right: Recording) -> Scene:
        """What is equal with the JAX program as recorded in `right`."""
        graphs = (Graph.of("torch", self.torch.recording.steps, self.torch.inputs),
                  Graph.of("jax", right.steps, self.jax.inputs))
        found = match(*graphs, self.links, self.rtol)
        recordings = {"torch": self.torch.recording, "jax": right}
        scene = Scene(*graphs, found, recordings, {})
        odd = self._differing(right)
        for g in graphs:
            scene.regions[g.side] = _region(g, found, recordings[g.side], odd)
        return scene

    def _differing(self, right: Recording) -> list[int]:
        """Positions of outputs that differ."""
        pairs = zip(self.torch.recording.outputs.values(), right.outputs.values(), strict=True)
        return [k for k, (a, b) in enumerate(pairs) if not _equal(a, b, self.rtol)]

    def cuts(self) -> list[Cut]:
        """All mistakes in the order in which they are found."""
        right, out = self.jax.recording, []
        lines: dict[tuple[Any, ...], Cut] = {}
        while len(out) < MOST:
            scene = self.scene(right)
            if not (scene.regions["torch"] and scene.regions["jax"]):
                break
            found = self._first(scene, set(lines))
            if found is None:
                break
            cut, after = found
            key = _lines(cut)
            if out and _one(out[-1], cut):
                out[-1] = lines[key] = _joined(out[-1], cut)
            elif key in lines:
                lines[key].again.append(cut.jax.loop)
                if len(lines[key].again) >= _REPEATED:
                    self.exhausted = True
                    break
            else:
                lines[key] = cut
                out.append(cut)
            if after is None:
                break
            right = after
        return out

    # -- one mistake ---------------------------------------------------------------------------------------------------

    def _first(self, scene: Scene, known: set[tuple[Any, ...]]) -> tuple[Cut, Recording | None] | None:
        """The earliest pair that is proven, and the JAX program with it in place."""
        self.trials = 0
        marks = {side: Marks(scene, side) for side in ("torch", "jax")}
        steps = sorted(marks["torch"].region)
        pairs: list[tuple[Any, Any, Layout]] = []
        ended = _ends(scene)
        for t in steps:
            both = [("", (scene.left.steps[t], scene.right.steps[j], layout), alike)
                    for j, layout, alike in islice(self._partners(scene, marks, t), _PER_STEP)]
            first = [x[:2] for x in both if x[2]]
            rest = [x[:2] for x in both if not x[2]]
            alone = list(self._one_sided(scene, marks, t))
            undone, missing = ([x for x in alone if x[0] == side] for side in ("torch", "jax"))
            for lacking, pair in [*undone, *first, *missing, *rest]:
                if self.trials >= TRIALS:
                    return self._unproven(scene, marks, pairs)
                if not lacking:
                    pairs.append(pair)
                after = self._tried(scene, marks, [pair], set() if lacking else ended)
                if after is None:
                    continue
                if lacking:
                    return self._cut(scene, pair, after, lacking)
                return self._above(scene, marks, pairs, ended, after)
        for many in islice(_together(marks, pairs, scene), TRIALS // 2):
            after = self._tried(scene, marks, many, ended)
            if after is not None:  # the first alone is put in place: the others come out by themselves
                return self._cut(scene, many[0], self._replay(scene, many[:1]))
        return self._unproven(scene, marks, pairs)

    def _split(self, scene: Scene, marks: dict[str, Marks], pairs: Sequence[Any],
               ended: set[int]) -> tuple[Cut, Recording | None] | None:
        """Two mistakes that run together in the last pair, where two pairs above it explain as much as it does."""
        t, j, _ = pairs[-1]
        above = scene.left.ancestors([t.id]) - {t.id}, scene.right.ancestors([j.id]) - {j.id}
        if len([p for p in scene.left.parents(t.id) if p in marks["torch"].region]) < 2:
            return None
        inner = [p for p in pairs[:-1] if p[0].id in above[0] and p[1].id in above[1]]
        for many in islice(_together(marks, inner, scene), _PER_STEP):
            if self._tried(scene, marks, many, ended) is not None:
                return self._cut(scene, many[0], self._replay(scene, many[:1]))
        return None

    def _one_sided(self, scene: Scene, marks: dict[str, Marks], t: int) -> Iterator[tuple[str, Any]]:
        """What one side does and the other leaves out: torch's step put where JAX has its parent; JAX's step undone."""
        step = scene.left.steps[t]
        for p in scene.left.parents(t):
            for j in scene.matching.partners("torch", p)[-1:] if p not in marks["torch"].region else ():
                other = scene.right.steps[j]
                if j >= 0 and other.print.size == step.print.size and _complex(other) == _complex(step):
                    layout = _layout(scene, p, j, self.rtol)
                    if layout is not None:
                        yield "jax", (step, other, Layout(step.shape, layout.right, layout.order))
        for j in sorted(marks["jax"].region) if t == min(marks["torch"].region) else ():
            step = scene.right.steps[j]
            for p in scene.right.parents(j):
                for u in scene.matching.partners("jax", p)[:1] if p not in marks["jax"].region else ():
                    other = scene.left.steps[u]
                    if u >= 0 and other.print.size == step.print.size and _complex(other) == _complex(step):
                        layout = _layout(scene, u, p, self.rtol)
                        if layout is not None:
                            yield "torch", (other, step, Layout(other.shape, step.shape, layout.order))

    def _cut(self, scene: Scene, pair: tuple[Any, Any, Layout], after: Recording | None,
             lacking: str = "", shown: tuple[Any, Any] | None = None) -> tuple[Cut, Recording | None]:
        """shown: other steps than the pair, whose lines are named."""
        t, j, layout = pair
        cut = Cut(t, j, layout, after is not None, scene, dict(self.replaced), lacking)
        if shown is not None and shown != (t, j):
            cut = replace(cut, torch=shown[0], jax=shown[1], said=_SIZES)
        self.replaced[j.id] = layout.to_right(scene.recordings["torch"].value(t.id))
        return cut, after

    def _unproven(self, scene: Scene, marks: dict[str, Marks], pairs: Sequence[Any]) -> tuple[Cut, None] | None:
        """The first steps of both regions: nothing that was put in place made the programs meet again."""
        sources = {side: marks[side].sources() for side in marks}
        if not all(sources.values()):
            return None
        t = scene.left.steps[sources["torch"][0]]
        alike = [j for j in sources["jax"] if marks["jax"].basis[j] == marks["torch"].basis[t.id]]
        j = scene.right.steps[(alike or sources["jax"])[0]]
        return Cut(t, j, None, False, scene, dict(self.replaced)), None

    def _above(self, scene: Scene, marks: dict[str, Marks], pairs: Sequence[Any], ended: set[int],
               after: Recording) -> tuple[Cut, Recording | None]:
        """The origin of a difference that ends in the last pair: the pair itself, or what comes before it."""
        pair = pairs[-1]
        found = moved(scene, pair, self.jax.source, self.replaced, self.rtol)
        if found is None:
            split = self._split(scene, marks, pairs, ended)
            if split is not None:
                return split
            start = self._resized(scene, marks, pair)
            return self._cut(scene, pair, after, shown=start or pair[:2])
        before = dict(self.replaced)
        self.replaced |= found.given
        cut = Cut(found.torch, found.jax, found.layout, True, scene, before, said=(found.what, found.fix))
        return cut, self.jax.source.replay(self.replaced)

    def _resized(self, scene: Scene, marks: dict[str, Marks], pair: tuple[Any, Any, Layout]) -> tuple[Any, Any] | None:
        """The first steps before a pair where both sides compute of the same numbers arrays of another size."""
        t, j, _ = pair
        above = {"torch": scene.left.ancestors([t.id]) & marks["torch"].region,
                 "jax": scene.right.ancestors([j.id]) & marks["jax"].region}
        begin = [i for i in marks["torch"].sources() if i in above["torch"] - {t.id}]
        if not begin:
            return None
        u = scene.left.steps[begin[0]]
        alike = [i for i in sorted(above["jax"] - {j.id}) if marks["jax"].basis[i] == marks["torch"].basis[u.id]]
        if not alike or any(scene.right.steps[i].print.size == u.print.size for i in alike):
            return None
        return u, scene.right.steps[alike[0]]

    def _partners(self, scene: Scene, marks: dict[str, Marks], t: int) -> Iterator[tuple[int, Layout, bool]]:
        """JAX steps that may be the same thing as a torch step, likeliest first, with the layout to try, and whether they
        are computed from the same."""
        step, value = scene.left.steps[t], scene.recordings["torch"].value(t)
        basis = marks["torch"].basis
        able = [j for j in marks["jax"].region if scene.right.steps[j].print.size == step.print.size
                and ("complex" in scene.right.steps[j].dtype) == ("complex" in step.dtype)]
        scene.recordings["jax"].want(able)
        ranked = []
        for j in able:
            other = scene.recordings["jax"].value(j)
            gap, layout = _nearest(value, other)
            alike = marks["jax"].basis[j] == basis[t]
            ranked.append((not alike, gap, -j, j, layout))
        for other, _, _, j, layout in sorted(ranked, key=lambda x: x[:3]):
            yield j, layout, not other

    def _replay(self, scene: Scene, pairs: Sequence[tuple[Any, Any, Layout]]) -> Recording:
        given = {j.id: layout.to_right(scene.recordings["torch"].value(t.id)) for t, j, layout in pairs}
        return self.jax.source.replay({**self.replaced, **given})

    def _tried(self, scene: Scene, marks: dict[str, Marks], pairs: Sequence[tuple[Any, Any, Layout]],
               ended: set[int]) -> Recording | None:
        """The JAX program with torch's values in place, if the programs then meet where they did not."""
        self.trials += 1
        after = self._replay(scene, pairs)
        again = self.scene(after)
        placed = {again.matching.of["torch"][t.id] for t, _, _ in pairs}
        fed = [scene.left.descendants(t.id) for t, _, _ in pairs]
        behind = {d for _, j, _ in pairs for d in scene.right.descendants(j.id)} - {j.id for _, j, _ in pairs}
        for d in sorted(set.intersection(*fed)):
            if d not in marks["torch"].region or again.matching.of["torch"][d] in placed:
                continue
            if any(j in behind for j in again.matching.partners("torch", d)):
                return after
        ends = len(pairs) == 1 and pairs[0][0].id in ended
        fewer = len(self._differing(after)) < len(self._differing(scene.recordings["jax"]))
        return after if ends and fewer else None


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


def _region(g: Graph, found: Matching, recording: Recording, odd: Sequence[int]) -> set[int]:
    """Steps without counterpart from which the differing outputs are computed through such steps alone."""
    known = {i for i in g.steps if found.matched(g.side, i)}
    outputs = list(recording.outputs.values())
    starts = []
    for k in odd:
        ends = [i for i, s in g.steps.items() if s.print.size == outputs[k].size and i not in known]
        near = [i for i in ends if _holds(recording, i, outputs[k])]
        if near:
            starts.append(max(near))
    if odd and not starts:  # an output that is made without a recorded step, such as a cast
        starts = [i for i in g.steps if i not in known and not g.children[i]]
    return g.ancestors(starts, known)


def _holds(recording: Recording, i: int, output: Array) -> bool:
    if i < 0:
        return False
    value = recording.value(i)
    return bool(np.array_equal(value.reshape(-1), output.reshape(-1), equal_nan=True))


def _ends(scene: Scene) -> set[int]:
    """Torch steps of the region that feed no other step of it."""
    region = scene.regions["torch"]
    return {i for i in region if not any(c in region for c in scene.left.children[i])}


def _equal(a: Array, b: Array, rtol: float) -> bool:
    return a.size == b.size and close(a.reshape(-1), b.reshape(-1), rtol)


def _nearest(value: Array, other: Array) -> tuple[float, Layout]:
    """(distance relative to the size, the layout in which the arrays are nearest); plain ones are preferred."""
    best: tuple[float, Layout] | None = None
    size = distance(other, np.zeros_like(other)) or 1.0
    for layout in islice(candidates(value.shape, other.shape), 24):
        gap = distance(layout.to_right(value), other) / size
        if best is None or gap < 0.6 * best[0]:
            best = (gap, layout)
    assert best is not None
    return best


def _together(marks: dict[str, Marks], pairs: Sequence[tuple[Any, Any, Layout]], scene: Scene) -> Iterator[list[Any]]:
    """Two pairs at once, neither above the other: two mistakes that run together before the programs meet."""
    alike = [p for p in pairs if marks["torch"].basis[p[0].id] == marks["jax"].basis[p[1].id]] or list(pairs)
    for n, a in enumerate(alike):
        above = scene.left.descendants(a[0].id), scene.right.descendants(a[1].id)
        for b in alike[n + 1 :]:
            if b[0].id not in above[0] and b[1].id not in above[1] and a[1].id not in scene.right.descendants(b[1].id):
                yield [a, b]


def _complex(step: Any) -> bool:
    return "complex" in str(step.dtype)


def _layout(scene: Scene, t: int, j: int, rtol: float) -> Layout | None:
    """How equal values of two steps stand in one another."""
    return find(scene.recordings["torch"].value(t), scene.recordings["jax"].value(j), rtol)


_SIZES = ("from the same numbers the two sides compute arrays of another size here; with torch's value in place at the end "
          "of that the programs agree again", "")


def _one(first: Cut, second: Cut) -> bool:
    """Whether two cuts are one mistake: what one torch line does is left out at one place and done at the next."""
    sides = (first.torch, second.torch), (first.jax, second.jax)
    near = all(a.file == b.file and abs(a.line - b.line) <= 1 for a, b in sides)
    return near and bool(first.lacking) and bool(second.lacking)


def _joined(first: Cut, second: Cut) -> Cut:
    what = (f"torch's {first.torch.op!r} comes at another place than JAX's {second.jax.op!r}: with each as torch has it the "
            "programs agree again")
    return replace(second, said=(what, f"compute as torch's line does: {second.torch.text}"), before=first.before)


def _lines(cut: Cut) -> tuple[Any, ...]:
    return cut.torch.file, cut.torch.line, cut.jax.file, cut.jax.line
