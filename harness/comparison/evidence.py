"""Differences met with facts: explained by the point, or charged to a side."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.comparison.batch import judge_batch
from harness.comparison.culprit import accuse, explain, explain_reference, is_pole
from harness.comparison.engine import Engine, Group
from harness.comparison.facts import CUT, DOMAIN, GAUGE, POLE, SMOOTH, FactIndex, Facts
from harness.comparison.magnitudes import moving, noise
from harness.comparison.observations import combine, lookup
from harness.comparison.predict import VECTOR_OF, predicted
from harness.comparison.targets import REFERENCE
from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, Form, close, differences, scale
from harness.verdicts import RELATION, VERDICT

#: Verdicts that leave open who is wrong.
OPEN = tuple(VERDICT[v] for v in ("nonfinite", "conjugate", "sign", "factor", "part", "zero", "mismatch"))

@dataclass
class Evidence:
    """One entry a pair: "", "left", "right" or "both", and the kind of evidence."""

    culprit: Array
    evidence: Array


def weigh(engine: Engine) -> Evidence:
    """Go through the pairs that differ: revise their verdicts where the point explains them, else name the culprit."""
    count = engine.pairs.count
    found = Evidence(np.full(count, "", dtype=object), np.full(count, "", dtype=object))
    index = FactIndex(engine.context)
    if not index.any:
        return found
    pairs = engine.pairs
    open_pairs = np.flatnonzero(np.isin(engine.out.verdict, OPEN) & (pairs.left >= 0) & (pairs.right >= 0))
    for group in engine.groups(open_pairs):
        if group.quantity in ("differential", "hessian", "raw"):
            for k, sides in zip(group.pairs, engine.each(group), strict=True):
                found.culprit[k], found.evidence[k] = _Case(engine, index, group, int(k), *sides).settle()
    return found


class _Case:
    """One pair that differs, and what is known about it."""

    def __init__(
        self, engine: Engine, index: FactIndex, group: Group, k: int, left: Array, right: Array, floor: Array
    ) -> None:
        self.engine, self.index, self.group, self.k = engine, index, group, k
        self.left, self.right, self.floor = left, right, floor
        self.tol = engine.context.tolerances[group.tolerance]
        self.ends = int(engine.pairs.left[k]), int(engine.pairs.right[k])
        self.against_reference = engine.context.targets[int(engine.pairs.right_target[k])].backend == REFERENCE

    def settle(self) -> tuple[str, str]:
        """Revise the verdict, or find the culprit: ("left", "right", "both" or "", the kind of evidence)."""
        context, out, k = self.engine.context, self.engine.out, self.k
        if not context.has_finite_inputs(self.ends[0]):
            # No derivative at an infinite or undefined argument has been agreed upon by anybody.
            if self.against_reference:
                out.verdict[k], out.relation[k] = VERDICT["unsupported"], RELATION["none"]
                out.note[k] = "an input is not finite, there is nothing to compare with"
            return "", ""
        if self.group.quantity == "raw":
            own = [_raw_facts(self.engine, self.index, end, self.group.form, self.group.kind) for end in self.ends]
            if self._raw_is_free():
                return "", ""
            form, kind = self.group.form, self.group.kind
            noises = [_raw_noise(self.engine, self.index, end, form, kind, self.tol) for end in self.ends]
        else:
            hessian = self.group.quantity == "hessian"
            own = [self.index.of(end, self.group.form, hessian) for end in self.ends]
            own = self._within_domain(own)
            self._explain(own[0] or own[1])
            if out.verdict[k] not in OPEN:
                return "", ""
            noises = [noise(context, end, self.group.form, self.tol) for end in self.ends]
            noises += [moving(f) for f in own[0] + own[1] if f.stability is not None]
        allowed = np.maximum.reduce(noises)
        truth = next((f.truth for f in own[0] + own[1] if f.truth is not None), None)
        constant = np.zeros(allowed.shape)
        if truth is not None and self.group.quantity == "differential":
            constant = _structural_zeros(self.left, self.right, truth, self.tol)
            allowed = np.maximum(allowed, constant)
        left, right, word = accuse(self.left, self.right, (own[0], own[1]), self.tol, self.floor, allowed)
        right &= not self.against_reference
        if not (left or right):
            if truth is not None and out.verdict[k] in OPEN:
                self._within_rounding(truth, constant)
            return "", ""
        return "both" if left and right else "left" if left else "right", word

    def _within_rounding(self, truth: Array, allowed: Array) -> None:
        """Outputs that depend on nothing do not differ by what rounding leaves there."""
        near = [
            (differences(side, truth) <= allowed[..., None]) & np.isfinite(side) for side in (self.left, self.right)
        ]
        same = close(self.left[None], self.right[None], self.tol.coarse, self.tol.tiny, self.floor[None])[0]
        if (same | (near[0] & near[1] & (allowed > 0)[..., None])).all():
            self._say("precision", "within rounding of the reference")

    def _raw_is_free(self) -> bool:
        """A raw result whose differential is free to differ: in a gauge, or off the domain of the function."""
        context = self.engine.context
        j = int(context.j_row[self.ends[0]])
        form = context.j_form(j) if j >= 0 else None
        if form is None or self.engine.pairs.predicted[self.k]:
            return False
        for facts in self.index.of(j, form):
            for kind, verdict, told in (
                (GAUGE, "gauge", "depends on a free phase, sign or basis"),
                (DOMAIN, "choice", "depends on how the function is continued where it is not defined"),
            ):
                if (facts.kind == kind).any():
                    self._say(verdict, told)
                    return True
        return False

    def _within_domain(self, own: list[list[Facts]]) -> list[list[Facts]]:
        """Where a function is defined along some directions only, look along those: J P in place of J."""
        domain = next((f.domain for f in own[0] + own[1] if f.domain is not None), None)
        form = self.group.form
        if domain is None or not all((f.kind == DOMAIN).any() for f in own[0] if f.evidence == "reference"):
            return own
        if domain.shape != (form.n * (1 + form.in_complex),) * 2:
            return own
        size = scale(self.left[None], self.right[None])[0]
        self.floor = np.maximum(self.floor, size)
        self.left, self.right = (_projected(x, form, domain) for x in (self.left, self.right))
        return [
            [
                replace(
                    f, kind=np.where(f.kind == DOMAIN, SMOOTH, f.kind), domain=None,
                    truth=None if f.truth is None else _projected(f.truth, form, domain),
                    bound=_projected(f.bound, form, np.abs(domain)),
                )
                for f in facts
            ]
            for facts in own
        ]

    def _explain(self, facts: list[Facts]) -> None:
        """Revise the verdict where the kind of the point accounts for some or all of the difference."""
        out, k, form, tol = self.engine.out, self.k, self.group.form, self.tol
        known = next((f for word in ("reference", "closed-form") for f in facts if f.evidence == word), None)
        if known is None:
            return
        floor = self.floor[None]
        if close(self.left[None], self.right[None], tol.coarse, tol.tiny, floor).all():
            self._say("agree" if self.against_reference else "choice",
                      "equal along the directions in which the function is defined")
            return
        said = (explain_reference if self.against_reference else explain)(self.left, self.right, known, tol, self.floor)
        if said.verdict:
            again = judge_batch(form, self.left[None], np.where(said.mask, self.left, self.right)[None], tol, floor)
            if again.verdict[0] <= VERDICT["precision"]:
                self._say(said.verdict, said.note)
            else:
                out.verdict[k], out.relation[k] = again.verdict[0], again.relation[0]
                out.factor[k] = again.factor[0]
                out.note[k] = f"{again.note[0]}; elsewhere {said.note}"
        elif is_pole(self.left, self.right, known, tol):
            out.note[k] = f"a pole or essential singularity, there is no derivative here; {out.note[k]}"

    def _say(self, verdict: str, note: str) -> None:
        out, k = self.engine.out, self.k
        out.verdict[k], out.note[k], out.factor[k] = VERDICT[verdict], note, np.nan
        out.relation[k] = RELATION["equal" if verdict in ("agree", "precision") else "none"]


def _projected(blocks: Array, form: Form, domain: Array) -> Array:
    """(m, n, c) of J P.  An entry that is not finite spreads along its row, as it ought to."""
    with np.errstate(all="ignore"):
        matrix = _matrix(blocks, form)[0] @ domain
    return np.asarray(form.blocks(matrix.reshape(1, -1))[0])


def _structural_zeros(left: Array, right: Array, truth: Array, tol: Tolerances) -> Array:
    """(m, n): 64 eps of what else an input contributes, for outputs that do not depend on anything (R below its
    diagonal): what a decomposition leaves there is its rounding."""
    with np.errstate(all="ignore"):
        sizes = np.fmax(np.abs(left), np.abs(right)).max(axis=-1)
    columns = np.where(np.isfinite(sizes), sizes, 0.0).max(axis=0, initial=0.0)
    constant = (truth == 0).all(axis=(1, 2))
    return np.asarray(np.where(constant[:, None], 64 * tol.eps * columns[None, :], 0.0))


def _raw_noise(engine: Engine, index: FactIndex, row: int, form: Form, kind: str, tol: Tolerances) -> Array:
    """(m, n): the noise of the differential, summed as the API sums."""
    context = engine.context
    j = int(context.j_row[row])
    key = ("raw noise", j, form, kind)
    if key not in context.memo:
        context.memo[key] = _sum_noise(engine, index, j, form, kind, tol)
    return np.asarray(context.memo[key])


def _sum_noise(engine: Engine, index: FactIndex, j: int, form: Form, kind: str, tol: Tolerances) -> Array:
    context = engine.context
    j_form = context.j_form(j) if j >= 0 and kind in VECTOR_OF else None
    if j_form is None:
        return np.zeros((form.m, form.n))
    shape = engine.seen.shapes[engine.seen.shape[j]]
    side = VECTOR_OF[kind]
    vectors = [engine.vector(j, kind, side, shape)] if side else None
    own = noise(context, j, j_form, tol)
    own = np.maximum.reduce([own, *(moving(f) for f in index.of(j, j_form) if f.stability is not None)])
    each = np.repeat(own[..., None], len(j_form.places), axis=-1)
    total, is_complex = predicted(
        kind, _matrix(each, j_form), j_form.out_complex, j_form.in_complex, vectors, absolute=True
    )
    if total.shape[1] != form.m * form.n * (1 + is_complex):
        return np.zeros((form.m, form.n))
    return np.asarray(form.blocks(form.widen(total, is_complex, False))[0].max(axis=-1))


def _raw_facts(engine: Engine, index: FactIndex, row: int, form: Form, kind: str) -> list[Facts]:
    """Facts about what a native API ought to return, made from the facts about the differential.

    Only where every entry of the differential that it sums is regular.
    """
    context = engine.context
    j = int(context.j_row[row])
    if j < 0 or kind not in VECTOR_OF:
        return []
    own = int(context.place[j])  # the row's own differences may be among its facts
    key = ("raw facts", own, form, kind)
    if key not in context.memo:
        context.memo[key] = _sum_facts(engine, index, j, form, kind)
    found: list[Facts] = context.memo[key]
    return found


def _sum_facts(engine: Engine, index: FactIndex, j: int, form: Form, kind: str) -> list[Facts]:
    context = engine.context
    j_form = context.j_form(j)
    if j_form is None:
        return []
    shape = engine.seen.shapes[engine.seen.shape[j]]
    side = VECTOR_OF[kind]
    vectors = [engine.vector(j, kind, side, shape)] if side else None
    parts = j_form.out_complex, j_form.in_complex
    found = []
    for facts in index.of(j, j_form):
        if facts.truth is None or not facts.regular.all():
            continue
        truth, is_complex = predicted(kind, _matrix(facts.truth, j_form), *parts, vectors)
        bound, _ = predicted(kind, _matrix(facts.bound, j_form), *parts, vectors, absolute=True)
        if truth.shape[1] != form.m * form.n * (1 + is_complex):
            continue
        blocks = [form.blocks(form.widen(x, is_complex, False))[0] for x in (truth, bound)]
        found.append(Facts(facts.evidence, blocks[0], blocks[1], np.zeros(blocks[0].shape, np.int64)))
    return found


def _matrix(blocks: Array, form: Form) -> Array:
    """(m, n, c) blocks back to J as (1, 2m, 2n)."""
    a, b = 1 + form.out_complex, 1 + form.in_complex
    cube = blocks.reshape(form.m, form.n, a, b).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(cube).reshape(1, a * form.m, b * form.n)


def inherit(engine: Engine) -> None:
    """Raw results that differ because their differentials do, at a branch cut, a kink or in a gauge, say so too."""
    pairs, out, context = engine.pairs, engine.out, engine.context
    if pairs.count == 0:
        return
    row = np.where(pairs.left >= 0, pairs.left, pairs.right)
    raw = context.joiner.raw[row]
    forward = np.array([k in ("pushforward", "jacobian-forward") for k in engine.kinds] + [False])[engine.kind]
    pushed = np.where(raw, forward[row], engine.seen.is_word("api", "pushforward")[row])
    size = len(context.targets)
    key = combine([(pairs.left_target, size), (pairs.right_target, size), (pushed.astype(np.int64), 2),
                   (context.spot[row], int(context.spot.max(initial=0)) + 1)])
    explained = np.isin(out.verdict, [VERDICT[v] for v in ("branch", "choice", "gauge")])
    sources = np.flatnonzero(explained & engine.seen.is_word("quantity", "differential")[row])
    heirs = np.flatnonzero(raw & np.isin(out.verdict, OPEN) & ~pairs.predicted)
    at = lookup(key[sources], key[heirs])
    heirs, sources = heirs[at >= 0], sources[at[at >= 0]]
    out.verdict[heirs] = out.verdict[sources]
    out.factor[heirs] = np.nan
    out.note[heirs] = out.note[sources]


def settle_values(engine: Engine) -> None:
    """Where values differ, derivatives are not judged; on a branch cut or with a free phase values may differ."""
    pairs, out, context = engine.pairs, engine.out, engine.context
    differing = np.flatnonzero(out.verdict == VERDICT["value"])
    if differing.size == 0:
        return
    index = FactIndex(context)
    place = _pair_place(engine)
    if index.any:
        for k in differing:
            if context.targets[int(pairs.right_target[k])].backend == REFERENCE:
                told = _left_open(engine, int(k))
                if told:
                    out.verdict[k], out.relation[k], out.note[k] = VERDICT["unsupported"], RELATION["none"], told
                    continue
            for kind, word, told in (
                (CUT, "branch", "on a branch cut, the values follow different limits"),
                (GAUGE, "gauge", "depends on a free phase, sign or basis"),
                (POLE, "nonfinite", "a pole or essential singularity, where the values are a matter of taste"),
            ):
                if _of_kind(engine, index, int(k), kind):
                    out.verdict[k] = VERDICT[word]
                    out.note[k] = f"{told}; {out.note[k]}"
                    break
    blocked = place[out.verdict == VERDICT["value"]]
    derivatives = np.flatnonzero(out.verdict > VERDICT["value"])
    hit = derivatives[np.isin(place[derivatives], blocked)]
    hit = hit[~context.joiner.value[np.maximum(pairs.left[hit], 0)]]
    out.verdict[hit] = VERDICT["value"]
    out.factor[hit] = np.nan
    out.note[hit] = "the function values differ; the derivatives are not judged"


def _pair_place(engine: Engine) -> Array:
    """One code for the two targets, case, point, dtype and output of every pair."""
    pairs, joiner = engine.pairs, engine.context.joiner
    row = np.where(pairs.left >= 0, pairs.left, pairs.right)
    size = len(engine.context.targets)
    return combine([
        (pairs.left_target, size), (pairs.right_target, size),
        (joiner.where[row], int(joiner.where.max(initial=0)) + 1),
    ])


def _left_open(engine: Engine, k: int) -> str:
    """Why the reference has no value where the left side differs from it; "" where it has."""
    left, right = int(engine.pairs.left[k]), int(engine.pairs.right[k])
    if not engine.context.has_finite_inputs(left):
        return "an input is not finite, there is nothing to compare with"
    if not _same_numbers(engine, left, right):
        return ""
    _, sides = _as_values(engine, left, right)
    tol = engine.context.tolerances[int(engine.context.tolerance_id[left])]
    differs = ~close(sides[0], sides[1], tol.coarse, tol.tiny).all(axis=-1)
    undefined = np.isnan(sides[1]).any(axis=-1)
    return "" if (differs & ~undefined).any() else "the mathematics leaves the value open here"


def _of_kind(engine: Engine, index: FactIndex, k: int, kind: int) -> bool:
    """Whether every number in which the values differ has an entry of its differential of this kind.

    On a branch cut each side also has to be one of the two values of the function, where those are known.
    """
    context, seen, left = engine.context, engine.seen, int(engine.pairs.left[k])
    right = int(engine.pairs.right[k])
    if not _same_numbers(engine, left, right):
        return False
    tol = context.tolerances[int(context.tolerance_id[left])]
    form, sides = _as_values(engine, left, right)
    differs = ~close(sides[0], sides[1], tol.coarse, tol.tiny)[0, :, 0].all(axis=-1)
    there = np.zeros(form.m, bool)
    case = context.cases.get(seen.text("case", left))
    for site in () if case is None else case.inputs:
        j = context.row_of("differential", left, site.name)
        j_form = context.j_form(j) if j >= 0 else None
        if j_form is None or j_form.m != form.m:
            continue
        for facts in index.of(j, j_form):
            there |= (facts.kind == kind).any(axis=(1, 2))
    cut = index.sides_of_cut(left)
    if kind == CUT and cut is not None and cut[0].size == sides[0].size == cut[1].size:
        limits = [form.blocks(c) for c in cut]
        for side in sides:
            near = [close(side, limit, tol.coarse, tol.tiny)[0, :, 0].all(axis=-1) for limit in limits]
            there &= near[0] | near[1]
    return bool((there | ~differs).all() and differs.any())


def _same_numbers(engine: Engine, left: int, right: int) -> bool:
    """Whether two values have as many numbers (one of them may be real, or of another shape)."""
    seen = engine.seen
    sizes = [int(np.prod(seen.shapes[seen.shape[r]], dtype=np.int64)) for r in (left, right)]
    return sizes[0] == sizes[1]


def _as_values(engine: Engine, *rows: int) -> tuple[Form, list[Array]]:
    """The form of values and their blocks (1, m, 1, c), complex where any of them is."""
    seen = engine.seen
    kinds = [seen.kinds[seen.codes["kind"][r]] for r in rows]
    complexes = [k is not None and k.kind == "c" for k in kinds]
    size = int(np.prod(seen.shapes[seen.shape[rows[0]]], dtype=np.int64))
    form = Form(False, size, 1, any(complexes))
    parts = [seen.components(np.array([r])) for r in rows]
    return form, [form.blocks(form.widen(p, c, False)) for p, c in zip(parts, complexes, strict=True)]
