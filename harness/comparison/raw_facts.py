"""What is known about the result of a native API: sums of what is known about the differential of its backend."""

from __future__ import annotations

import numpy as np

from harness.comparison.context import Context
from harness.comparison.engine import Engine
from harness.comparison.facts import FactIndex, Facts
from harness.comparison.magnitudes import moving, noise, unseen
from harness.comparison.predict import VECTOR_OF, predicted
from harness.comparison.rounding import as_matrix
from harness.comparison.tolerance import Tolerances, narrowed
from harness.comparison.value_kinds import Array, Form


def noise_of(context: Context, row: int, form: Form, tol: Tolerances, truth: Array | None) -> Array:
    """(m, n): the noise of a differential; none where each output number is a function of one input number alone."""
    found = noise(context, row, form, tol)
    if truth is None or not elementwise(truth, context, row):
        return found
    exact = (truth != 0).any(axis=-1)  # a zero has no digits of its own
    return np.where(np.isinf(found) | ~exact, found, 0.0)


def elementwise(truth: Array, context: Context, row: int) -> bool:
    """Whether each output number is a function of one input number alone: then a derivative is judged by itself."""
    if len(context.inputs_of(row)) > 1 or truth.shape[0] != truth.shape[1]:
        return False
    return not truth[~np.eye(truth.shape[0], dtype=bool)].any()


def raw_noise(engine: Engine, index: FactIndex, row: int, form: Form, kind: str, tol: Tolerances) -> Array:
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
    facts = index.of(j, j_form)
    truth = next((f.truth for f in facts if f.truth is not None and f.evidence != "finite-differences"), None)
    own = noise_of(context, j, j_form, tol, truth)
    if truth is None:
        own = np.maximum(own, unseen(context, j, j_form, facts, tol))
    own = np.maximum.reduce([own, *(moving(f, tol) for f in facts if f.stability is not None)])
    each = np.repeat(own[..., None], len(j_form.places), axis=-1)
    total, is_complex = predicted(
        kind, as_matrix(each, j_form), j_form.out_complex, j_form.in_complex, vectors, absolute=True
    )
    if total.shape[1] != form.m * form.n * (1 + is_complex):
        return np.zeros((form.m, form.n))
    return np.asarray(form.blocks(form.widen(total, is_complex, False))[0].max(axis=-1))


def raw_facts(engine: Engine, index: FactIndex, row: int, form: Form, kind: str) -> list[Facts]:
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
    parts, tol = (j_form.out_complex, j_form.in_complex), context.tolerances[int(context.tolerance_id[j])]
    found = []
    for facts in index.of(j, j_form):
        if facts.truth is None or not facts.regular.all():
            continue
        truth, is_complex = predicted(kind, as_matrix(facts.truth, j_form), *parts, vectors)
        bound, _ = predicted(kind, as_matrix(facts.bound, j_form), *parts, vectors, absolute=True)
        if truth.shape[1] != form.m * form.n * (1 + is_complex):
            continue
        if tol.form.half:  # 1.4 times a number below 65504 is beyond it
            truth = narrowed(truth, tol)
        parts_of = [truth, bound]
        if facts.stability is not None:
            parts_of.append(predicted(kind, as_matrix(facts.stability, j_form), *parts, vectors, absolute=True)[0])
        blocks = [form.blocks(form.widen(x, is_complex, False))[0] for x in parts_of]
        moves = blocks[2] if len(blocks) > 2 else None
        found.append(Facts(
            facts.evidence, blocks[0], blocks[1], np.zeros(blocks[0].shape, np.int64), stability=moves))
    return found
