"""Where values part: the smallest pair of steps that, made equal, lets the programs meet again.

From the outputs that differ, back through values that the other side does not have: the region. In it stand the
mistake, what follows from it, and what is merely computed another way. A pair of steps is the end of a mistake where
the torch side's value, put in the place of JAX's, makes something that follows equal on both sides. The first such
pair, in the order of the torch program, ends the first mistake; the rest is looked at with that value in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from harness.audit.origins.cut import SIZES, Cut, joined, lacking, lines, one
from harness.audit.origins.layout import Layout, candidates, close, distance, find
from harness.audit.origins.match import Graph, constants, match
from harness.audit.origins.program import Program, Recording
from harness.audit.origins.region import Marks, Scene, ends, holding, region_of
from harness.audit.origins.reorder import moved
from harness.audit.origins.turned import turned
from harness.wirtinger import Array

#: Programs that are evaluated with another value in place, for one origin; and origins that are looked for.
TRIALS = 40
MOST = 24
_PER_STEP = 6  # partners that are tried for one step
_REPEATED = 12  # origins on one pair of lines (a loop) after which it is left at that


class Search:
    """The search of value origins. rtol: of matching."""

    def __init__(self, torch: Program, jax: Program, links: Sequence[tuple[int, int]], rtol: float) -> None:
        self.torch, self.jax, self.links, self.rtol = torch, jax, links, rtol
        self.replaced: dict[int, Array] = {}
        self.trials = 0
        self.exhausted = False
        self.last = jax.recording

    def scene(self, right: Recording, coarse: bool = False) -> Scene:
        """What is equal with the JAX program as recorded in `right`. coarse: see `match`."""
        graphs = (Graph.of("torch", self.torch.recording.steps, self.torch.inputs),
                  Graph.of("jax", right.steps, self.jax.inputs))
        found = match(*graphs, self.links, self.rtol, coarse)
        recordings = {"torch": self.torch.recording, "jax": right}
        scene = Scene(*graphs, found, recordings, {})
        odd = self._differing(right)
        for g in graphs:
            scene.regions[g.side] = region_of(g, found, recordings[g.side], odd)
        return scene

    def _differing(self, right: Recording) -> list[int]:
        """Positions of outputs that differ."""
        return self._places(right.outputs)

    def _places(self, outputs: Mapping[str, Array]) -> list[int]:
        pairs = zip(self.torch.recording.outputs.values(), outputs.values(), strict=True)
        return [k for k, (a, b) in enumerate(pairs) if not _equal(a, b, self.rtol)]

    def cuts(self) -> list[Cut]:
        """All mistakes in the order in which they are found."""
        right = self.jax.recording
        out: list[Cut] = []
        seen: dict[tuple[Any, ...], Cut] = {}
        while len(out) < MOST:
            scene = self.scene(right)
            both = scene.regions["torch"] and scene.regions["jax"]
            found = (self._turned(scene) or self._first(scene)) if both else self._at_end(scene)
            if found is None:
                break
            cut, after = found
            key = lines(cut)
            if out and one(out[-1], cut):
                out[-1] = seen[key] = joined(out[-1], cut)
            elif key in seen:
                seen[key].again.append(cut.jax.loop)
                if len(seen[key].again) >= _REPEATED:
                    self.exhausted = True
                    break
            else:
                seen[key] = cut
                out.append(cut)
            if after is None:
                break
            right = self.last = after
        return out

    def _turned(self, scene: Scene) -> tuple[Cut, Recording] | None:
        """See `turned`, and the JAX program with its loop in torch's order."""
        found = turned(scene, self.jax, self.replaced, self._places)
        if found is None:
            return None
        self.replaced |= found[1]
        return found[0], self.jax.source.replay(self.replaced)

    # -- one mistake ---------------------------------------------------------------------------------------------------

    def _first(self, scene: Scene) -> tuple[Cut, Recording | None] | None:
        """The earliest pair that is proven, and the JAX program with it in place."""
        self.trials = 0
        marks = {side: Marks(scene, side) for side in ("torch", "jax")}
        steps = sorted(marks["torch"].region)
        pairs: list[tuple[Any, Any, Layout]] = []
        ended, alone_tried = ends(scene), 0
        fixed = {g.side: constants(g) for g in (scene.left, scene.right)}
        for t in steps:
            both = [("", (scene.left.steps[t], scene.right.steps[j], layout), alike)
                    for j, layout, alike in islice(self._partners(scene, marks, t), _PER_STEP)]
            first, rest = ([(x[0], x[1], False) for x in both if x[2] == alike] for alike in (True, False))
            alone = list(self._one_sided(scene, marks, t))
            undone, missing = ([x for x in alone if x[0] == lacks] for lacks in ("torch", "jax"))
            near = sorted([*first, *missing], key=lambda x: _apart(scene, x[1]))
            # two constants explain all that is made of them: a carry that begins with ones, not each use of it
            begun = [x for x in first if t in fixed["torch"] and x[1][1].id in fixed["jax"]]
            for side, pair, again in [*begun, *undone, *near, *rest]:
                if self.trials >= TRIALS or (side and alone_tried >= TRIALS):
                    if not side:
                        return self._unproven(scene, marks, pairs)
                    continue
                self.trials, alone_tried = self.trials + (not side), alone_tried + bool(side)
                if not side:
                    pairs.append(pair)
                after = self._tried(scene, marks, [pair], set() if side else ended)
                if after is None or (side == "torch" and not self._settled(scene, after, pair)):
                    continue
                if again and len(self._differing(after)) >= len(self._differing(scene.recordings["jax"])):
                    continue  # the same statement meets its own values of another iteration easily
                if side:
                    return self._cut(scene, pair, after, side, self._beside(scene, after, side, pair))
                return self._above(scene, marks, pairs, ended, after)
        for many in islice(_together(marks, pairs, scene), TRIALS // 2):
            after = self._tried(scene, marks, many, ended)
            if after is not None:  # the first alone is put in place: the others come out by themselves
                return self._cut(scene, many[0], self._replay(scene, many[:1]))
        return self._unproven(scene, marks, pairs)

    def _at_end(self, scene: Scene) -> tuple[Cut, Recording | None] | None:
        """An output of one side that the other has as well and goes on from: what it does then is the mistake."""
        for k in self._differing(scene.recordings["jax"]):
            ends = {side: holding(scene.graph(side), scene.recordings[side], k) for side in ("torch", "jax")}
            alone = {side for side in ends if scene.regions[side] & set(ends[side][-1:])}
            if all(ends.values()) and len(alone) == 1:
                t, j = scene.left.steps[ends["torch"][-1]], scene.right.steps[ends["jax"][-1]]
                pair = t, j, Layout(t.shape, j.shape, None)
                return self._cut(scene, pair, self._replay(scene, [pair]))
        return None

    def _split(self, scene: Scene, marks: dict[str, Marks], pairs: Sequence[Any],
               ended: set[int]) -> tuple[Cut, Recording | None] | None:
        """Two mistakes that run together in the last pair, where two pairs above it explain as much as it does."""
        t, j, _ = pairs[-1]
        above = scene.left.ancestors([t.id]) - {t.id}, scene.right.ancestors([j.id]) - {j.id}
        if len([p for p in scene.left.parents(t.id) if p in marks["torch"].region]) < 2:
            return None
        inner = [p for p in pairs[:-1] if p[0].id in above[0] and p[1].id in above[1]]
        for many in islice(_together(marks, inner, scene), _PER_STEP):
            if len({(a.file, a.line, b.file, b.line) for a, b, _ in (*many, pairs[-1])}) == 1:
                continue  # of one line: one origin, whose end is the last pair
            if self._tried(scene, marks, many, ended) is not None:
                return self._cut(scene, many[0], self._replay(scene, many[:1]))
        return None

    def _one_sided(self, scene: Scene, marks: dict[str, Marks], t: int) -> Iterator[tuple[str, Any, bool]]:
        """What one side does and the other leaves out: torch's step put where JAX has its parent; JAX's step undone."""
        for u, j, again in self._before(scene, marks, "torch", t):
            found = self._in_place(scene, scene.left.steps[t], u, j)
            if found is not None and j >= 0:
                step, other, order = scene.left.steps[t], scene.right.steps[j], found
                yield "jax", (step, other, Layout(step.shape, other.shape, order.order)), again
        for j in sorted(marks["jax"].region) if t == min(marks["torch"].region) else ():
            for u, p, again in self._before(scene, marks, "jax", j):
                found = self._in_place(scene, scene.right.steps[j], u, p)
                if found is not None and u >= 0:
                    other, step = scene.left.steps[u], scene.right.steps[j]
                    yield "torch", (other, step, Layout(other.shape, step.shape, found.order)), again

    def _settled(self, scene: Scene, after: Recording, pair: tuple[Any, Any, Layout]) -> bool:
        """Whether everything that torch makes of a value is there on both sides once JAX's step behind it is undone."""
        again = self.scene(after)
        g, region = scene.left, scene.regions["torch"]
        held = scene.matching.members[scene.matching.of["torch"][pair[0].id]]["torch"]
        users = {c for i in held for c in g.children[i] if c in region}
        inner = [c for c in users if g.steps[c].quiet or not any(g.steps[p].quiet for p in g.parents(c))]
        return all(again.matching.matched("torch", c) for c in inner)

    def _before(self, scene: Scene, marks: dict[str, Marks], side: str, i: int) -> Iterator[tuple[int, int, bool]]:
        """(torch, JAX, whether it is no parent) of the values that a step is computed from and that both sides have.

        Its parents, and what the same line gave before it: another iteration of a loop.
        """
        g, m = scene.graph(side), scene.matching
        parents = {m.of[side][p] for p in g.parents(i) if p not in marks[side].region}
        last = not any(_statement(g.steps[c]) == _statement(g.steps[i]) for c in g.children[i])
        for made in marks[side].basis[i]:
            held = m.members[made]
            again = last and any(_statement(g.steps[k])[:2] == _statement(g.steps[i])[:2] for k in held[side])
            if (made in parents or again) and held["torch"] and held["jax"]:
                yield held["torch"][0 if side == "jax" else -1], held["jax"][-1], made not in parents

    def _in_place(self, scene: Scene, step: Any, u: int, j: int) -> Layout | None:
        """How equal values stand in one another, if they have the size and the kind of a step."""
        other = scene.left.steps[u]
        if other.print.size != step.print.size or _complex(other) != _complex(step) or (
                scene.right.steps[j].print.size != step.print.size):
            return None
        return _layout(scene, u, j, self.rtol)

    def _beside(self, scene: Scene, after: Recording, side: str, pair: tuple[Any, Any, Layout]) -> tuple[Any, Any]:
        """The pair of a step that one side lacks, with the line of the other side on which it would be.

        That of what stands on its line and is there on both sides, else that of what it is computed from.
        """
        t, j, _ = pair
        again = self.scene(after)
        mine, step = ("torch", t) if side == "jax" else ("jax", j)
        g, other = again.graph(mine), again.graph("jax" if mine == "torch" else "torch")
        near = [i for i, s in g.steps.items() if i >= 0 and i != step.id and (s.file, s.line) == (step.file, step.line)
                and s.loop == step.loop]
        below = g.descendants(step.id)
        for i in sorted(near, key=lambda i: (i not in below, abs(i - step.id))):
            for k in again.matching.partners(mine, i)[:1]:
                if k >= 0 and other.steps[k].file:
                    return (t, other.steps[k]) if mine == "torch" else (other.steps[k], j)
        return t, j

    def _cut(self, scene: Scene, pair: tuple[Any, Any, Layout], after: Recording | None,
             side: str = "", shown: tuple[Any, Any] | None = None) -> tuple[Cut, Recording | None]:
        """side: which side lacks the step. shown: other steps than the pair, whose lines are named."""
        t, j, layout = pair
        cut = Cut(t, j, layout, after is not None, scene, dict(self.replaced), side)
        if shown is not None and shown != (t, j):
            cut = replace(cut, torch=shown[0], jax=shown[1], said=lacking(cut) if cut.lacking else SIZES)
        given = layout.to_right(scene.recordings["torch"].value(t.id))
        twins = [] if after is None else _twins(scene, j)
        self.replaced |= dict.fromkeys([j.id, *twins], given)
        return cut, self._replay(scene, []) if twins else after

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
        """JAX steps that may be the same thing as a torch step, likeliest first.

        With each the layout to try, and whether it is computed from the same values.
        """
        step, value = scene.left.steps[t], scene.recordings["torch"].value(t)
        basis = marks["torch"].basis
        able = [j for j in marks["jax"].region if scene.right.steps[j].print.size == step.print.size
                and ("complex" in scene.right.steps[j].dtype) == ("complex" in step.dtype)]
        # Of steps that only repeat a value, the one that made it.
        made = scene.matching.of["jax"]
        able = [j for j in able if not any(made[p] == made[j] and p in able for p in scene.right.parents(j))]
        scene.recordings["jax"].want(able)
        ranked = []
        for j in able:
            other = scene.recordings["jax"].value(j)
            alike = marks["jax"].basis[j] == basis[t]
            # a mistake in a loop shows in its first iteration
            later = not alike and _repeats(scene, scene.right.steps[j], scene.regions["jax"])
            for gap, layout in _nearest(value, other)[: 2 if alike else 1]:
                ranked.append((not alike, later, gap, -j, j, layout))
        for unlike, *_, j, layout in sorted(ranked, key=lambda x: x[:4]):
            yield j, layout, not unlike

    def _replay(self, scene: Scene, pairs: Sequence[tuple[Any, Any, Layout]]) -> Recording:
        given = {j.id: layout.to_right(scene.recordings["torch"].value(t.id)) for t, j, layout in pairs}
        return self.jax.source.replay({**self.replaced, **given})

    def _tried(self, scene: Scene, marks: dict[str, Marks], pairs: Sequence[tuple[Any, Any, Layout]],
               ended: set[int]) -> Recording | None:
        """The JAX program with torch's values in place, if the programs then meet where they did not."""
        after = self._replay(scene, pairs)
        again = self.scene(after)
        placed = {again.matching.of["torch"][t.id] for t, _, _ in pairs}
        fed = [scene.left.descendants(t.id) for t, _, _ in pairs]
        behind = {d for _, j, _ in pairs for d in scene.right.descendants(j.id)} - {j.id for _, j, _ in pairs}
        fewer = len(self._differing(after)) < len(self._differing(scene.recordings["jax"]))
        repeated = len(pairs) == 1 and not fewer and _repeats(scene, pairs[0][1])
        for d in sorted(set.intersection(*fed)):
            if d not in marks["torch"].region or again.matching.of["torch"][d] in placed:
                continue
            if not scene.left.steps[d].print.max_abs:
                continue  # zeros come of anything times zero
            if repeated and not _joins(again, fed[0], d):
                continue  # one function of equal numbers: it says nothing of which iteration they belong to
            if any(j in behind for j in again.matching.partners("torch", d)):
                return after
        ends = len(pairs) == 1 and pairs[0][0].id in ended
        return after if ends and fewer else None


def _apart(scene: Scene, pair: tuple[Any, Any, Layout]) -> float:
    """How far the values of a pair are from each other."""
    t, j, layout = pair
    return distance(layout.to_right(scene.recordings["torch"].value(t.id)), scene.recordings["jax"].value(j.id))


def _nearest(value: Array, other: Array) -> list[tuple[float, Layout]]:
    """(distance relative to the size, layout), where the arrays are nearest first; plain ones are preferred."""
    found = []
    size = distance(other, np.zeros_like(other)) or 1.0
    for layout in islice(candidates(value.shape, other.shape), 24):
        gap = distance(layout.to_right(value), other) / size
        found.append((gap if layout.plain else gap / 0.6, gap, layout))
    return [(gap, layout) for _, gap, layout in sorted(found, key=lambda x: x[0])]


def _together(marks: dict[str, Marks], pairs: Sequence[tuple[Any, Any, Layout]], scene: Scene) -> Iterator[list[Any]]:
    """Two pairs at once, neither above the other: two mistakes that run together before the programs meet."""
    alike = [p for p in pairs if marks["torch"].basis[p[0].id] == marks["jax"].basis[p[1].id]] or list(pairs)
    for n, a in enumerate(alike):
        above = scene.left.descendants(a[0].id), scene.right.descendants(a[1].id)
        for b in alike[n + 1 :]:
            if b[0].id not in above[0] and b[1].id not in above[1] and a[1].id not in scene.right.descendants(b[1].id):
                yield [a, b]


def _twins(scene: Scene, step: Any) -> list[int]:
    """Steps of JAX that have the same numbers on the same line: the same mistake, where a function is called twice."""
    held = scene.matching.members[scene.matching.of["jax"][step.id]]["jax"]
    same = [scene.right.steps[i] for i in held if i in scene.regions["jax"] and i != step.id]
    return [s.id for s in same if (s.file, s.line, s.op, s.shape) == (step.file, step.line, step.op, step.shape)]


def _repeats(scene: Scene, step: Any, among: set[int] | None = None) -> bool:
    """Whether a step of JAX comes from one (among some) of the same statement in another iteration."""
    above = scene.right.ancestors([step.id]) if step.loop else set()
    above = above if among is None else above & among
    return any((s.file, s.line, s.op) == (step.file, step.line, step.op) and s.loop != step.loop
               for s in (scene.right.steps[i] for i in above))


def _joins(scene: Scene, fed: set[int], d: int) -> bool:
    """Whether something else than the first step of `fed`, which feeds the others, goes into step d too."""
    g, of = scene.left, scene.matching.of["torch"]
    fixed = constants(g)
    between = [i for i in g.ancestors([d]) & fed if of[i] != of[min(fed)]]
    return any(p not in fed and p not in fixed for i in between for p in g.parents(i))


def _statement(step: Any) -> tuple[Any, ...]:
    return step.file, step.line, step.loop


def _complex(step: Any) -> bool:
    return "complex" in str(step.dtype)


def _layout(scene: Scene, t: int, j: int, rtol: float) -> Layout | None:
    """How equal values of two steps stand in one another."""
    return find(scene.recordings["torch"].value(t), scene.recordings["jax"].value(j), rtol)


def _equal(a: Array, b: Array, rtol: float) -> bool:
    return a.size == b.size and close(a.reshape(-1), b.reshape(-1), rtol)
