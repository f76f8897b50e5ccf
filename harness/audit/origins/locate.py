"""The step of an audit that says where the two programs part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any

from harness.audit.answer import Audit
from harness.audit.faults import SideFault
from harness.audit.origins.backward import Part, Walk
from harness.audit.origins.cut import Cut
from harness.audit.origins.explain import explain_cut, explain_part, rounded
from harness.audit.origins.forward import Search
from harness.audit.origins.match import SINGLE
from harness.audit.origins.program import Input, Program, Recording
from harness.audit.origins.region import Scene
from harness.audit.result import Origin
from harness.audit.sides import arrays
from harness.audit.state import SIDES, State
from harness.backends.side.recording import Step, fingerprint, read
from harness.wirtinger import Array


def with_origins(state: State, audit: Audit) -> Audit:
    """The audit with its origins, in the order of the program. What cannot be recorded is a note."""
    coarse = any(v.verdict == "precision" for v in audit.values)
    odd = not audit.values_agree or not audit.gradients_agree or coarse
    if not state.options.trace or state.stuck or not (odd or state.options.lines):
        return audit
    try:
        # Cotangents are dear: where values differ they are had once the values have been put right.
        wanted = audit.values_agree and not audit.gradients_agree
        programs = {side: _program(state, side, wanted) for side in SIDES}
        search = _search(state, programs)
        found = _origins(state, audit, programs, search) if odd else []
        lines = matched_lines(search.scene(search.last))
    except SideFault as fault:
        return replace(audit, notes=(*audit.notes, f"where it starts could not be looked for ({fault.side}: "
                                                   f"{fault.sentence})"))
    said = [note for side in SIDES for note in programs[side].source.notes]
    said += ["there may be more origins than are listed"] if search.exhausted else []
    return replace(audit, origins=tuple(found), lines=tuple(lines), notes=(*audit.notes, *said))


def _search(state: State, programs: Mapping[str, Program]) -> Search:
    numbers = {side: {leaf.name: -k - 1 for k, leaf in enumerate(state.whole(side))} for side in SIDES}
    links = [(numbers["torch"][x.torch], numbers["jax"][x.jax]) for x in state.matching.links
             if x.torch in numbers["torch"] and x.jax in numbers["jax"]]  # parts are found by their values
    rtol = SINGLE if state.single else 1e-9
    if state.inside_words == "half":  # a value that is rounded to eight bits cannot be put right beyond them
        rtol = 4 * state.tol.eps
    return Search(programs["torch"], programs["jax"], links, rtol)


def _origins(state: State, audit: Audit, programs: Mapping[str, Program], search: Search) -> list[Origin]:
    cuts = search.cuts() if any(v.verdict != "agree" for v in audit.values) else []
    if audit.values_agree:  # equal to a coarse tolerance: what follows from a rounding to single precision alone
        inside = any(state.narrow.values())
        cuts = [c for c in cuts if rounded(c) or (inside and c.proven and _of_rounding(c))]
    parts = _parts(state, audit, programs, search, cuts)
    first = [(c.torch.id, _value(c, search)) for c in cuts]
    rest = [(p.torch.id, _gradient(p)) for p in parts]
    return [o for _, o in sorted([*first, *rest], key=lambda x: x[0])]


def _of_rounding(cut: Cut) -> bool:
    """Whether what a mistake ends in comes of single precision on a side."""
    return cut.torch.id in cut.at.left.rough() or cut.jax.id in cut.at.right.rough()


def _parts(state: State, audit: Audit, programs: Mapping[str, Program], search: Search,
           cuts: Sequence[Cut]) -> list[Part]:
    """Mistakes of derivatives. None are looked for where each side's gradient is known to be that of its own value and
    the values differ: such gradients differ for that reason alone."""
    consistent = bool(audit.checks) and all(c.consistent is not False for c in audit.checks)
    if audit.gradients_agree:
        return []
    # Along the difference of two gradients one is wrong, unless the functions differ by less than is told apart.
    apart = {c.side for c in audit.checks if c.direction == "difference" and c.consistent}
    if consistent and apart == set(SIDES):
        return []
    if not audit.values_agree and (consistent or not all(c.proven for c in cuts)):
        return []
    inside = any(state.narrow.values())
    if inside and audit.values_agree:  # to single precision: no value is put right
        cuts, search.replaced = [], {}
    placed: list[Mapping[int, Array]] = [*(c.before for c in cuts), dict(search.replaced)]
    if not audit.values_agree:
        programs["torch"].recording = programs["torch"].source.replay({}, gradients=True)
    jax = programs["jax"].source
    first = programs["jax"].recording
    rights = [first if audit.values_agree and not p else jax.replay(p, gradients=True) for p in placed]
    scenes = [search.scene(right, inside) for right in rights]
    moving = {side: {-k - 1 for k, leaf in enumerate(state.whole(side)) if leaf.differentiate} for side in SIDES}
    sound: frozenset[str] = frozenset() if cuts else _sound(audit)
    walk = Walk(programs["torch"], programs["jax"], scenes, cuts, placed, state.single, consistent, moving, sound)
    return walk.parts()


def _sound(audit: Audit) -> frozenset[str]:
    """Sides whose gradient is that of their own value, as far as all directions tell, all parameters moved at once."""
    wrong = {c.side for c in audit.checks if c.consistent is False or c.kink}
    right = {c.side for c in audit.checks if c.consistent and c.direction == "random"}
    return frozenset(right - wrong) if audit.values_agree else frozenset()


def _value(cut: Cut, search: Search) -> Origin:
    said = explain_cut(cut, search)
    torch, jax = said.torch or cut.torch, said.jax or cut.jax
    return Origin(place(torch), place(jax), "value", said.what, said.fix, torch.text, jax.text,
                  _loops(jax.loop, cut.again))


def _gradient(part: Part) -> Origin:
    what, fix = explain_part(part)
    return Origin(place(part.torch), place(part.jax), "gradient", what, fix, part.torch.text, part.jax.text,
                  _loops(part.jax.loop, part.again))


def matched_lines(scene: Scene) -> list[tuple[str, str]]:
    """Lines of both sides that compute the same numbers, each with the one that it shares the most with."""
    counts: dict[tuple[str, str], int] = {}
    for held in scene.matching.members:
        sides = [dict.fromkeys(place(scene.graph(side).steps[i]) for i in held[side] if i >= 0) for side in SIDES]
        for torch, jax in product(*([p for p in places if p][:3] for places in sides)):
            counts[torch, jax] = counts.get((torch, jax), 0) + 1
    best: dict[str, dict[str, tuple[int, str]]] = {side: {} for side in SIDES}
    for (torch, jax), n in counts.items():
        for side, mine, other in (("torch", torch, jax), ("jax", jax, torch)):
            if n > best[side].get(mine, (0, ""))[0]:
                best[side][mine] = n, other
    pairs = {(t, j) for t, (_, j) in best["torch"].items()} | {(t, j) for j, (_, t) in best["jax"].items()}
    return sorted(pairs, key=lambda p: [(x.rpartition(":")[0], int(x.rpartition(":")[2])) for x in p])


def place(step: Any) -> str:
    """ "file.py:5"; the path as it was recorded."""
    return f"{step.file}:{step.line}" if step.file else ""


def _loops(loop: tuple[int, ...], again: Sequence[Any]) -> str:
    if not loop and not again:
        return ""
    first = f"iteration {', '.join(map(str, loop))}" if loop else "the first time"
    return f"{first}{f', and {len(again)} times more on this line' if again else ''}"


@dataclass
class _Asked:
    """A program of a side behind its channel."""

    state: State
    side: str
    notes: dict[str, None] = field(default_factory=dict)

    def ask(self, request: str, **fields: Any) -> dict[str, Any]:
        channel = self.state.channels[self.side]
        channel.ask(request, **fields)
        return channel.answer()

    def values(self, number: int, ids: Sequence[int]) -> dict[int, tuple[Array, Array | None]]:
        reply = self.ask("recorded", number=number, ids=list(ids))
        out = {}
        for i, value, cotangent in reply["arrays"]:
            known = arrays({k: v for k, v in (("v", value), ("c", cotangent)) if v is not None})
            out[int(i)] = known["v"], known.get("c")
        return out

    def record(self, replaced: Mapping[int, Array], gradients: bool = False) -> tuple[Recording, list[Array]]:
        reply = self.ask("record", replace=[[i, a] for i, a in replaced.items()], gradients=gradients)
        self.notes |= dict.fromkeys(reply["notes"])
        steps = [s if isinstance(s, Step) else read(s) for s in reply["steps"]]
        cotangents = list(arrays(reply["cotangents"]).values())
        return Recording(steps, arrays(reply["outputs"]), partial(self.values, reply["number"])), cotangents

    def replay(self, replaced: Mapping[int, Array], gradients: bool = False) -> Recording:
        return self.record(replaced, gradients)[0]

    def outputs(self, replaced: Mapping[int, Array], factors: Mapping[int, float] | None = None) -> Mapping[str, Array]:
        given = [[i, f] for i, f in (factors or {}).items()]
        put = [[i, a] for i, a in replaced.items()]
        return arrays(self.ask("rerun", replace=put, ids=[], factors=given)["outputs"])

    def probe(self, replaced: Mapping[int, Array], ids: Sequence[int]) -> dict[int, Array]:
        reply = self.ask("rerun", replace=[[i, a] for i, a in replaced.items()], ids=list(ids))
        return {int(i): arrays({"v": v})["v"] for i, v in reply["values"]}

    def options(self, replaced: Mapping[int, Array], number: int) -> list[tuple[str, str, Array]]:
        reply = self.ask("options", replace=[[i, a] for i, a in replaced.items()], id=number)
        return [(what, fix, arrays({"v": value})["v"]) for what, fix, value in reply["options"]]


def _program(state: State, side: str, gradients: bool) -> Program:
    source = _Asked(state, side)
    recording, cotangents = source.record({}, gradients)
    inputs = {}
    for k, leaf in enumerate(state.whole(side)):
        if leaf.array is not None and leaf.array.dtype.kind in "fc":
            i = -k - 1
            inputs[i] = Input(i, fingerprint(leaf.array), leaf.array.shape, str(leaf.array.dtype))
    return Program(side, source, recording, inputs, cotangents)
