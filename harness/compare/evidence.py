"""Differences met with facts: explained by the point, or charged to a side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.compare.batch import RELATION, VERDICT, judge_batch
from harness.compare.culprit import accuse, explain, explain_reference, is_pole
from harness.compare.engine import Engine
from harness.compare.facts import CUT, GAUGE, FactIndex, Facts
from harness.compare.form import Array, Form, close
from harness.compare.predict import VECTOR_OF, predicted
from harness.compare.table import combine, lookup
from harness.compare.targets import REFERENCE
from harness.compare.tolerance import Tolerances

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
    rows = np.concatenate([pairs.left[open_pairs], pairs.right[open_pairs]])
    jays = engine.context.j_row[rows]
    index.prepare(np.unique(np.concatenate([rows, jays[jays >= 0]])))
    for group in engine.groups(open_pairs):
        raw = group.quantity == "raw"
        if group.quantity not in ("differential", "hessian", "raw"):
            continue
        for k, (left, right, floor) in zip(group.pairs, engine.each(group), strict=True):
            tol = engine.context.tolerances[group.tolerance]
            ends = int(pairs.left[k]), int(pairs.right[k])
            if raw:
                own = [_raw_facts(engine, index, end, group.form, group.kind) for end in ends]
            else:
                hessian = group.quantity == "hessian"
                own = [index.of(end, group.form, hessian) for end in ends]
                _explain(engine, int(k), group.form, left, right, own[0] or own[1], tol)
            if engine.out.verdict[k] not in OPEN:
                continue
            wrong = accuse(left, right, (own[0], own[1]), tol, floor)
            if wrong[0] or wrong[1]:
                found.culprit[k] = "both" if wrong[0] and wrong[1] else "left" if wrong[0] else "right"
                found.evidence[k] = wrong[2]
    return found


def _explain(
    engine: Engine, k: int, form: Form, left: Array, right: Array, facts: list[Facts], tol: Tolerances
) -> None:
    """Revise the verdict of one pair where the kind of the point accounts for some or all of the difference."""
    out = engine.out
    known = next((f for word in ("reference", "closed-form") for f in facts if f.evidence == word), None)
    if known is None:
        return
    reference = engine.context.targets[int(engine.pairs.right_target[k])].backend == REFERENCE
    said = (explain_reference if reference else explain)(left, right, known, tol)
    if said.verdict:
        rest = np.where(said.mask, left, right)
        again = judge_batch(form, left[None], rest[None], tol)
        if again.verdict[0] <= VERDICT["precision"]:
            out.verdict[k] = VERDICT[said.verdict]
            out.factor[k] = np.nan
            out.relation[k] = RELATION["equal" if said.verdict == "agree" else "none"]
            out.note[k] = said.note
        else:
            out.verdict[k], out.relation[k] = again.verdict[0], again.relation[0]
            out.factor[k] = again.factor[0]
            out.note[k] = f"{again.note[0]}; elsewhere {said.note}"
    elif is_pole(left, right, known, tol):
        out.note[k] = f"a pole or essential singularity, there is no derivative here; {out.note[k]}"


def _raw_facts(engine: Engine, index: FactIndex, row: int, form: Form, kind: str) -> list[Facts]:
    """Facts about what a native API ought to return, made from the facts about the differential.

    Only where every entry of the differential that it sums is regular.
    """
    context = engine.context
    j = int(context.j_row[row])
    if j < 0 or kind not in VECTOR_OF:
        return []
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
                   (context.spot[row], int(context.spot.max(initial=0)) + 1)])  # fmt: skip
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
            for kind, word, told in (
                (CUT, "branch", "on a branch cut, the values follow different limits"),
                (GAUGE, "gauge", "depends on a free phase, sign or basis"),
            ):
                if _of_kind(engine, index, int(k), kind):
                    out.verdict[k] = VERDICT[word]
                    out.note[k] = f"{told}; {out.note[k]}"
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
    ])  # fmt: skip


def _of_kind(engine: Engine, index: FactIndex, k: int, kind: int) -> bool:
    """Whether every number in which the values differ has an entry of its differential of this kind."""
    context, seen, left = engine.context, engine.seen, int(engine.pairs.left[k])
    right = int(engine.pairs.right[k])
    if seen.shape[left] != seen.shape[right] or seen.codes["kind"][left] != seen.codes["kind"][right]:
        return False
    a = seen.array(left).reshape(-1)
    tol = context.tolerances[int(context.tolerance_id[left])]
    form = Form(False, a.size, 1, bool(np.iscomplexobj(a)))
    sides = [form.blocks(seen.components(np.array([r]))) for r in (left, right)]
    differs = ~close(sides[0], sides[1], tol.coarse, tol.tiny)[0, :, 0].all(axis=-1)
    there = np.zeros(a.size, bool)
    case = context.cases.get(seen.text("case", left))
    for site in () if case is None else case.inputs:
        j = context.row_of("differential", left, site.name)
        j_form = context.j_form(j) if j >= 0 else None
        if j_form is None or j_form.m != a.size:
            continue
        index.prepare(np.array([j]))
        for facts in index.of(j, j_form):
            there |= (facts.kind == kind).any(axis=(1, 2))
    return bool((there | ~differs).all() and differs.any())
