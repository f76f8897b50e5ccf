"""Where cotangents part although values agree: back from the loss, over values that both sides have.

A step's own cotangent predicts how the loss changes with its value; finite differences of the loss say how it does. The
first value, from the loss back, at which a side's prediction fails and the other's does not, stands before the mistake.
Which of the steps that use it is to blame is measured too: with one of them held at its value, the loss changes by that
much less, and what the cotangent lacks is that, or a multiple of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.audit.origins.cut import Cut
from harness.audit.origins.layout import Layout, candidates, close, find
from harness.audit.origins.match import Graph
from harness.audit.origins.program import Program
from harness.audit.origins.region import Scene
from harness.audit.origins.slopes import Bends, Slopes
from harness.audit.state import SIDES
from harness.wirtinger import Array

#: Evaluations of either side that may be spent.
EVALUATIONS = 600
_MOST = 24
_DEEP = 24  # steps of one side alone that are looked at for one mistake
_DIRECTIONS = 2


@dataclass
class Part:
    """One mistake of a derivative. wrong: sides whose cotangent is not the derivative of their own loss there.

    torch, jax: the step before whose parents' cotangents part; factor: what the step passes on of its true share
    (0: nothing; NaN: no multiple of it); before: the value whose cotangents differ, on both sides.
    """

    torch: Any
    jax: Any
    wrong: tuple[str, ...]
    factor: float
    before: tuple[Any, Any]
    predicted: Mapping[str, float]
    measured: Mapping[str, float]
    again: list[tuple[int, ...]] = field(default_factory=list)
    digits: int = 6  # of the factor
    alone: bool = True  # whether the step is the only one that can be to blame, or has a rule of its own


class Walk:
    """The search of gradient origins. cuts: mistakes of values, which are put right where that is possible."""

    def __init__(self, torch: Program, jax: Program, scenes: Sequence[Scene], cuts: Sequence[Cut],
                 replaced: Sequence[Mapping[int, Array]], single: bool, self_consistent: bool,
                 moving: Mapping[str, set[int]], sound: frozenset[str] = frozenset()) -> None:
        """moving: the inputs of each side that are differentiated. sound: sides whose gradient is known to be right
        along a direction through all of them: their cotangents are not asked about."""
        self.sound = sound
        self.slopes = Slopes({"torch": torch, "jax": jax}, scenes, replaced, single)
        self.scenes, self.cuts, self.quiet, self.moving = scenes, cuts, self_consistent, moving
        self.blocks: dict[str, list[tuple[int, float]]] = {side: [] for side in SIDES}
        self.tolerance = 0.0  # of a slope at the value that is looked at

    def parts(self) -> list[Part]:
        """All mistakes of derivatives, the one nearest to the loss first."""
        out: list[Part] = []
        seen: dict[tuple[Any, ...], Part] = {}
        for _, members, k in self._classes():
            if self.slopes.spent > EVALUATIONS or len(out) >= _MOST:
                break
            try:
                found = self._at(members, k)
            except Bends:  # a central difference proves nothing here; other values may
                continue
            if found is None:
                continue
            steps = {"torch": found.torch, "jax": found.jax}  # a line that is wrong is one mistake, whatever it meets
            key = tuple((s.file, s.line or s.id) for s in (steps[side] for side in found.wrong))
            if key in seen:
                seen[key].again.append(found.torch.loop or found.jax.loop)
            else:
                seen[key] = found
                out.append(found)
        return out

    def _classes(self) -> list[tuple[int, dict[str, list[int]], int]]:
        """(torch step, steps by side, which scene) of every matched value, the nearest to the loss first."""
        out = []
        last = len(self.scenes) - 1
        downstream = [self.scenes[0].left.ancestors([c.torch.id]) for c in self.cuts]
        for k, scene in enumerate(self.scenes):
            for held in scene.matching.members:
                if not all(held.values()):
                    continue
                t = held["torch"][0]
                later = [n for n, above in enumerate(downstream) if t in above]
                if (later[0] if later else last) == k and scene.left.steps[t].print.size:
                    out.append((t, held, k))
        return sorted(out, key=lambda x: -x[0] if x[0] >= 0 else 10**9 - x[0])

    # -- one value -----------------------------------------------------------------------------------------------------

    def _at(self, members: dict[str, list[int]], k: int) -> Part | None:
        scene = self.scenes[k]
        last = k == len(self.scenes) - 1
        if (self.quiet and not last) or self._hidden(scene, members):
            return None
        found = self._cotangents(scene, members, k)
        if found is None:
            return None
        roots, values, cots, layout, differ = found
        self.tolerance = self.slopes.tolerance(k, roots)
        if last and not differ:
            return None
        directions = self._directions(values["torch"])
        seen: dict[str, list[tuple[float, ...]]] = {side: [] for side in SIDES}
        floor: list[float] = []
        noise = 0.0
        for n, v in enumerate(directions):
            for side in SIDES:
                turned = v if side == "torch" else layout.to_right(v)
                seen[side].append(self._told(side, k, roots[side], turned, _dot(cots[side], turned)))
            if not n:
                checked = {side: roots[side] for side in SIDES if side not in self.sound}
                noise = self.slopes.noise(k, checked, {"torch": v, "jax": layout.to_right(v)})
            sizes = [max(abs(x) for side in SIDES for x in seen[side][m][1:3]) for m in range(n + 1)]
            floor = [max(self.tolerance * max(x, 1e-3 * max(sizes), 1e-12), noise) for x in sizes]
            if not n and all(abs(seen[side][0][3]) <= floor[0] for side in SIDES):
                return None  # differences of the loss are too coarse to tell, or nothing is wrong: nothing is said
        truths, left, _, defects = ({side: [row[m] for row in seen[side]] for side in SIDES} for m in range(4))
        odd = {side: any(not abs(d) <= f for d, f in zip(defects[side], floor, strict=True)) for side in SIDES}
        if odd["torch"] and odd["jax"]:
            alike = all(abs(a - b) <= 4 * f for a, b, f in zip(*(defects[s] for s in SIDES), floor, strict=True))
            if alike:
                return None  # both leave out the same
        wrong = tuple(side for side in SIDES if odd[side])
        return self._blamed(scene, roots, cots, k, layout, directions, defects, truths, left, wrong) if wrong else None

    def _told(self, side: str, k: int, roots: Sequence[int], v: Array, said: float) -> tuple[float, ...]:
        """(slope, what is left of it by the mistakes that are known, what the cotangent says, what it lacks)."""
        if side in self.sound:
            return said, said, said, 0.0
        truth = self.slopes.along(side, k, roots, v)
        left = self._expected(side, k, roots, v, truth)
        return truth, left, said, said - left

    def _hidden(self, scene: Scene, members: dict[str, list[int]]) -> bool:
        """Whether a mistake that follows no rule stands between a value and the loss: nothing can be said of it."""
        for side in SIDES:
            g = scene.graph(side)
            wild = {c for c, f in self.blocks[side] if not np.isfinite(f)}
            if wild and any(wild & g.descendants(i) for i in members[side][:1]):
                return True
        return False

    def _blamed(self, scene: Scene, roots: Any, cots: Any, k: int, layout: Layout, directions: Any, defects: Any,
                truths: Any, left: Any, wrong: tuple[str, ...]) -> Part | None:
        side = wrong[0]
        other = SIDES[1 - SIDES.index(side)]
        turned = {s: [v if s == "torch" else layout.to_right(v) for v in directions] for s in SIDES}
        users = {s: self._users(scene, s, roots[s]) for s in SIDES}
        shares: dict[str, dict[int, list[float]]] = {s: {} for s in SIDES}
        c, factor = self._again(scene, k, side, roots[side], turned[side], left[side], defects[side])
        if c is None:
            shares = {s: {c: self._shares(s, k, roots[s], turned[s], left[s], c) for c in users[s]} for s in SIDES}
            c, factor = self._scored(scene.graph(side), shares[side], defects[side], left[side])
        c = (users[side] or [roots[side][0]])[0] if c is None else c
        if not np.isfinite(factor):  # no user alone lacks it: what comes behind them may
            deeper = self._deeper(scene, k, side, roots[side])
            c, factor = (c, factor) if deeper is None else deeper
        g, inside = scene.graph(side), set(scene.matching.members[scene.matching.of[side][roots[side][0]]][side])
        silent = not any(np.abs(cots[side]).ravel() > 0) and c not in inside
        if silent and roots[side][0] >= 0:  # nothing arrives at all: the step itself is left out
            c, factor = roots[side][0], 0.0
        near = self._like(scene, side, c, shares, users, roots)
        alone = silent or len(g.steps[c].parents) == 1
        self.blocks[side].append((c, factor if alone else float("nan")))
        steps = {side: _outside(scene.graph(side), c), other: _outside(scene.graph(other), near)}
        before = scene.left.steps[roots["torch"][0]], scene.right.steps[roots["jax"][0]]
        predicted = {s: _dot(cots[s], turned[s][0]) for s in SIDES}
        return Part(steps["torch"], steps["jax"], wrong, factor, before, predicted,
                    {s: truths[s][0] for s in SIDES}, digits=6 if self.tolerance < 1e-4 else 3,
                    alone=np.isfinite(factor) or len(users[side]) == 1 or _special(g.steps[c]))

    def _scored(self, g: Graph, shares: Mapping[int, list[float]], defects: Sequence[float],
                expected: Sequence[float]) -> tuple[int | None, float]:
        """The step whose share in the loss, or a multiple of it, is what a cotangent lacks, and what the step passes on
        of it: NaN where it is no multiple, None where no step has a share. expected: see `_expected`."""
        scored = []
        for c, share in shares.items():
            useful = [(d, x) for d, x in zip(defects, share, strict=True)
                      if abs(x) > 10 * self.tolerance * max(map(abs, expected), default=0.0)]
            if not useful:
                continue
            ratios = [1 + d / x for d, x in useful]
            spread = max(ratios) - min(ratios)
            scored.append((spread > self._wide * max(1.0, *map(abs, ratios)), abs(ratios[0]), c,
                           float(np.mean(ratios))))
        exact = [s for s in scored if not s[0]]
        if exact:
            *_, c, factor = min(exact, key=lambda s: (s[1] > 1e-2, s[2]))
            return c, 0.0 if abs(factor) < self.tolerance else factor
        first = min(scored, key=lambda s: (not _special(g.steps[s[2]]), s[2]), default=None)
        return None if first is None else first[2], float("nan")

    def _again(self, scene: Scene, k: int, side: str, roots: Sequence[int], turned: Any, expected: Any,
               defects: Any) -> tuple[int | None, float]:
        """As `_scored`, of the steps on lines that are known to be wrong: other iterations of a loop."""
        g = scene.graph(side)
        known = {_place(g.steps[c]) for c, _ in self.blocks[side]}
        same = [i for i in self._alone(scene, side, roots) | set(self._users(scene, side, roots))
                if _place(g.steps[i]) in known] if known else []
        shares = {c: self._shares(side, k, roots, turned, expected, c) for c in same}
        c, factor = self._scored(g, shares, defects, expected)
        return (c, factor) if np.isfinite(factor) else (None, factor)

    def _deeper(self, scene: Scene, k: int, side: str, roots: Sequence[int]) -> tuple[int, float] | None:
        """As `_scored`, behind the users of a value: of the steps that this side alone has, the one nearest to the loss
        whose cotangent is not the derivative of its own loss; the step that uses it."""
        g, recording = scene.graph(side), scene.recordings[side]
        for i in sorted(self._alone(scene, side, roots), reverse=True)[:_DEEP]:
            if self.slopes.spent > EVALUATIONS:
                return None
            directions = self._directions(recording.value(i))
            cot = recording.cotangent(i)
            cot = np.zeros_like(recording.value(i)) if cot is None else cot
            truths = [self.slopes.along(side, k, [i], v) for v in directions[:1]]
            known = [self._expected(side, k, [i], v, w) for v, w in zip(directions, truths, strict=False)]
            said = _dot(cot, directions[0])
            near = self.slopes.tolerance(k, {side: [i]}) * max(abs(truths[0]), abs(said))
            if abs(said - known[0]) <= max(near, self.slopes.noise(k, {side: [i]}, {side: directions[0]})):
                continue
            truths += [self.slopes.along(side, k, [i], v) for v in directions[1:]]
            known += [self._expected(side, k, [i], v, w) for v, w in zip(directions[1:], truths[1:], strict=True)]
            shares = {c: self._shares(side, k, [i], directions, known, c) for c in self._users(scene, side, [i])}
            c, factor = self._scored(g, shares, [_dot(cot, v) - e for v, e in zip(directions, known, strict=True)],
                                     known)
            return None if c is None else (c, factor)
        return None

    def _alone(self, scene: Scene, side: str, roots: Sequence[int]) -> set[int]:
        """The steps with a cotangent that come behind a value before the other side has it again."""
        g, other = scene.graph(side), scene.graph(SIDES[1 - SIDES.index(side)])
        of, own = scene.matching.of[side], {scene.matching.of[side][r] for r in roots}
        met = {i for i in g.steps if of[i] not in own and any(
            not other.steps[p].quiet for p in scene.matching.partners(side, i))}
        found: set[int] = set()
        todo = [c for i in roots for c in g.children[i]]
        while todo:
            i = todo.pop()
            if i not in found and i not in met:
                found.add(i)
                todo += g.children[i]
        return {i for i in found if not g.steps[i].quiet}

    def _like(self, scene: Scene, side: str, c: int, shares: Any, users: Any, roots: Any) -> int:
        """The step of the other side that does what step c does: by its value, by its share in the loss, or the step
        that has the next value that both sides have."""
        other = SIDES[1 - SIDES.index(side)]
        g, first = scene.graph(side), roots[side][0]
        of = scene.matching.of[side]
        if c in roots[side] or (of[c] == of[first] and _place(g.steps[c])[:2] == _place(g.steps[first])[:2]
                                and roots[other][0] >= 0):
            return int(roots[other][0])  # made and stopped on one line
        behind = set().union(*(scene.graph(other).descendants(r) for r in roots[other])) - set(roots[other])
        partners = [p for p in scene.matching.partners(side, c) if p in behind]
        direct = [p for p in partners if p in users[other]]
        if direct or (partners and c not in users[side]):
            return int((direct or partners)[0])
        mine = shares[side].get(c)
        if mine:
            size = max(map(abs, mine)) or 1.0
            gaps = {n: max(abs(a - b) for a, b in zip(mine, share, strict=True)) / size
                    for n, share in shares[other].items()}
            near = [n for n, gap in gaps.items() if gap <= self._wide]
            if near:
                return int(min(near))
        if partners:
            return partners[0]
        for d in sorted(scene.graph(side).descendants(c) - {c}):
            met = [p for p in scene.matching.partners(side, d) if p in behind]
            if met:
                return met[0]
        return int((users[other] or [max(scene.graph(other).steps)])[0])

    # -- numbers -------------------------------------------------------------------------------------------------------

    def _cotangents(self, scene: Scene, members: dict[str, list[int]], k: int) -> Any:
        """(roots, values, cotangents, layout, whether cotangents differ) by side; None where layouts are unknown."""
        roots, values, cots = {}, {}, {}
        loose = self.slopes.loose(k, members)
        for side in SIDES:
            g, recording = scene.graph(side), scene.recordings[side]
            loud = [i for i in members[side] if not g.steps[i].quiet]  # inside a call there are no cotangents
            if not loud:
                return None
            ids = [i for i in loud if g.steps[i].print.size == g.steps[loud[0]].print.size]
            inside = set(ids)
            mine = [i for i in ids if not (g.ancestors([i]) - {i}) & inside]
            mine = [_handed_on(g, recording, i, inside, loose) for i in mine] if len(mine) == 1 else mine
            if not g.ancestors(mine) & self.moving[side]:
                return None  # made of constants alone: torch asks for no gradient there, and JAX need not be asked
            roots[side] = mine
            recording.want(mine)
            values[side] = recording.value(mine[0])
            total = np.zeros(values[side].shape, np.result_type(values[side].dtype, np.float64))
            for i in mine:
                cot = recording.cotangent(i)
                if cot is None:
                    continue
                layout = find(recording.value(i), values[side], loose)
                if layout is None:
                    return None
                total = total + layout.to_right(cot)
            cots[side] = total
        if values["torch"].size != values["jax"].size:
            return None
        top = max(float(np.abs(c).max(initial=0)) for c in cots.values())
        first = None
        for layout in [*candidates(values["torch"].shape, values["jax"].shape), None]:
            if layout is None:
                layout = find(values["torch"], values["jax"], loose) if first is None else None
                if layout is None:
                    break
            if not close(layout.to_right(values["torch"]), values["jax"], loose):
                continue
            first = first or layout
            gap = np.abs(layout.to_right(cots["torch"]) - cots["jax"]).max(initial=0)
            if gap <= max(loose * 100 * top, 1e-14 * self._largest(scene)):
                return roots, values, cots, layout, False
        return None if first is None else (roots, values, cots, first, True)

    @property
    def _wide(self) -> float:
        """Within which shares of a slope are the same."""
        return min(1e3 * self.tolerance, 0.2)

    def _largest(self, scene: Scene) -> float:
        return max((s.cotangent.max_abs for g in (scene.left, scene.right) for s in g.steps.values()
                    if s.cotangent is not None), default=0.0)

    def _directions(self, value: Array) -> list[Array]:
        draw = np.random.default_rng(value.size)
        size = float(np.sqrt(np.mean(np.abs(value) ** 2))) or 1.0
        out = []
        for _ in range(_DIRECTIONS):
            v = np.asarray(draw.standard_normal(value.shape))
            out.append(size * (v + 1j * draw.standard_normal(value.shape) if np.iscomplexobj(value) else v))
        return out

    def _passing(self, scene: Scene, side: str, roots: Sequence[int]) -> dict[int, float]:
        """The mistakes that are known below a value, and what each passes on."""
        below = set().union(*(scene.graph(side).descendants(r) for r in roots))
        return {c: f for c, f in self.blocks[side] if c in below and np.isfinite(f)}

    def _expected(self, side: str, k: int, roots: Sequence[int], v: Array, truth: float) -> float:
        """What the cotangent would predict if the mistakes that are known were the only ones."""
        known = self._passing(self.scenes[k], side, roots)
        return self.slopes.along(side, k, roots, v, known) if known else truth

    def _shares(self, side: str, k: int, roots: Sequence[int], turned: Any, expected: Any, c: int) -> list[float]:
        """How much of the loss's change goes through step c."""
        held = {**self._passing(self.scenes[k], side, roots), c: 0.0}
        return [w - self.slopes.along(side, k, roots, v, held) for v, w in zip(turned, expected, strict=True)]

    def _users(self, scene: Scene, side: str, roots: Sequence[int]) -> list[int]:
        """Steps that use the value of the roots."""
        g = scene.graph(side)
        users = {c for r in roots for c in g.children[r]} - set(roots)
        return sorted(c for c in users if side == "jax" or not g.steps[c].quiet)


def _outside(g: Graph, i: int) -> Any:
    """A step, or the result of the rule that it is inside of: the rule is what is differentiated."""
    loud = [k for k in sorted(g.descendants(i)) if not g.steps[k].quiet] if g.steps[i].quiet else []
    return g.steps[loud[0] if loud else i]


def _handed_on(g: Graph, recording: Any, i: int, inside: set[int], loose: float) -> int:
    """The last step that a value is handed on to, by that alone, with its cotangent: times one, plus zero, reshaped."""
    while len(g.children[i]) == 1 and g.children[i][0] in inside:
        c = g.children[i][0]
        cots = recording.cotangent(i), recording.cotangent(c)
        layout = find(recording.value(i), recording.value(c), loose)
        if layout is None or any(x is None for x in cots) or not close(layout.to_right(cots[0]), cots[1], loose):
            break
        i = c
    return i


def _place(step: Any) -> tuple[str, int, str]:
    return step.file, step.line, step.op


def _special(step: Any) -> bool:
    """Whether a step has a rule of its own; asked only among steps that numbers could not tell apart."""
    return any(word in step.op.lower() for word in ("custom", "apply", "stop_gradient", "detach"))


def _dot(a: Array, b: Array) -> float:
    return float(np.real(np.vdot(a.astype(np.complex128), b.astype(np.complex128))))
