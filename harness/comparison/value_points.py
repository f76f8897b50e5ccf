"""Where function values differ: on a cut, in a gauge, by the rounding of the text, or as two functions do."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from harness.comparison.context import BEYOND, NOT_FINITE
from harness.comparison.documented import two_functions
from harness.comparison.engine import Engine
from harness.comparison.facts import CUT, GAUGE, POLE, UNKNOWN, FactIndex
from harness.comparison.magnitudes import SHAKEN, shaken, unseen
from harness.comparison.observations import combine
from harness.comparison.rounding import portable, single_call, told, values_of
from harness.comparison.targets import REFERENCE
from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, Form, close
from harness.verdicts import RELATION, VERDICT


def settle_values(engine: Engine) -> None:
    """Where values differ, derivatives are not judged; on a branch cut or with a free phase values may differ."""
    pairs, out, context = engine.pairs, engine.out, engine.context
    differing = np.flatnonzero(out.verdict == VERDICT["value"])
    if differing.size == 0:
        return
    index = FactIndex.shared(context)
    place = _pair_place(engine)
    if index.any:
        for k in differing:
            if _of_rounding(engine, int(k)) or _of_shaking(engine, int(k)) or _of_unseen(engine, index, int(k)):
                continue
            open_ = _left_open(engine, int(k))
            if open_:
                out.formula[k] = False
                out.verdict[k], out.relation[k], out.note[k] = VERDICT["unsupported"], RELATION["none"], open_
                continue
            for kind, word, sentence in (
                (CUT, "branch", "on a branch cut, the values follow different limits"),
                (GAUGE, "gauge", "depends on a free phase, sign or basis"),
                (POLE, "nonfinite", "a pole or essential singularity, where the values are a matter of taste"),
                (UNKNOWN, "unsupported", "rounding decides a comparison inside of the function here"),
            ):
                if _of_kind(engine, index, int(k), kind):
                    out.verdict[k] = VERDICT[word]
                    out.note[k] = f"{sentence}; {out.note[k]}"
                    break
    stands = np.flatnonzero(out.verdict == VERDICT["value"])
    blocked = place[stands[[not _judged_by_truth(engine, int(k)) for k in stands]]]
    derivatives = np.flatnonzero(out.verdict > VERDICT["value"])
    hit = derivatives[np.isin(place[derivatives], blocked)]
    hit = hit[~context.joiner.value[np.maximum(pairs.left[hit], 0)]]
    out.verdict[hit] = VERDICT["value"]
    out.factor[hit] = np.nan
    out.note[hit] = "the function values differ; the derivatives are not judged"


def _of_rounding(engine: Engine, k: int) -> bool:
    """Values that operations give which are all right to their own rounding: finite ones do not count as different.

    `out.formula` is set where they are.
    """
    context, out = engine.context, engine.out
    finite, sentence = True, ""
    for row, where in ((engine.pairs.left[k], engine.pairs.left_target), (engine.pairs.right[k],
                                                                         engine.pairs.right_target)):
        if context.targets[int(where[k])].backend == REFERENCE:
            continue
        found = values_of(context, int(row), _is_number(engine, k))
        held = engine.seen.components(np.array([row]))[0]
        if found is None and _is_right(engine, int(row), held):  # a text of its own beside one that is taken apart
            continue
        if found is None or held.size != found[0].size:
            return False
        here = np.isfinite(held)
        with np.errstate(all="ignore"):
            near = (np.abs(held - found[0]) <= found[1]) | np.isinf(found[1])
        if not np.where(here, near, np.isinf(found[1]) | (held == found[0])).all():
            return False
        finite &= bool(here.all())
        sentence = told(found[2].blame, found[2].advice)
    out.formula[k] = bool(sentence)
    if finite and sentence:
        out.verdict[k], out.relation[k], out.note[k] = VERDICT["precision"], RELATION["equal"], sentence
    elif sentence:
        out.note[k] = f"{out.note[k]}; {sentence}"
    return finite and bool(sentence)


def _is_right(engine: Engine, row: int, held: Array) -> bool:
    """Whether a row's values are the reference's, within the tolerance of derivatives."""
    truth = int(engine.context.truth_row[row])
    right = held if truth < 0 else engine.seen.components(np.array([truth]))[0]
    if truth < 0 or right.size != held.size or not np.isfinite(held).all():
        return False
    return holds(engine, row, right)


def holds(engine: Engine, row: int, right: Array) -> bool:
    """Whether a row's value is a given one of the same size, within the tolerance of derivatives."""
    held = engine.seen.components(np.array([row]))[0]
    tol = engine.context.tolerances[int(engine.context.tolerance_id[row])]
    return bool(close(held[None, :, None, None], right[None, :, None, None], tol.coarse, tol.tiny).all())


def _is_number(engine: Engine, k: int) -> bool:
    """Whether every number of both sides, and of what is right, is one."""
    rows = [int(engine.pairs.left[k]), int(engine.pairs.right[k])]
    rows.append(int(engine.context.truth_row[rows[0]]))
    return min(rows) >= 0 and all(bool(np.isfinite(engine.seen.components(np.array([r]))[0]).all()) for r in rows)


def _of_shaking(engine: Engine, k: int) -> bool:
    """Values of a matrix that is singular as far as its precision tells: those do not count as different."""
    truth, out = int(engine.context.truth_row[engine.pairs.left[k]]), engine.out
    if truth < 0 or not shaken(engine.context, truth):
        return False
    out.verdict[k], out.relation[k], out.note[k] = VERDICT["precision"], RELATION["equal"], SHAKEN
    return True


def _of_unseen(engine: Engine, index: FactIndex, k: int) -> bool:
    """Values around zero of texts that cannot be taken apart, where finite differences show no derivative either: what
    terms of the size of the inputs, or of one, leave of a sum that cancels."""
    context, out, size = engine.context, engine.out, 0.0
    for row in (int(engine.pairs.left[k]), int(engine.pairs.right[k])):
        if row < 0 or int(context.truth_row[row]) >= 0:
            return False
        tol = context.tolerances[int(context.tolerance_id[row])]
        size = max(size, float(np.abs(engine.seen.components(np.array([row]))[0]).max(initial=0.0)))
        largest = max([1.0, *(float(s.max(initial=0.0)) for s in context.sizes(row))])
        rows = [(name, context.row_of("differential", row, name)) for name in context.inputs_of(row)]
        forms = [(j, context.j_form(j)) for _, j in rows if j >= 0]
        noises = [unseen(context, j, form, index.of(j, form), tol) for j, form in forms if form is not None]
        if not noises or not all((n > 0).all() for n in noises) or not size <= tol.rounding * largest:
            return False
    out.verdict[k], out.relation[k] = VERDICT["agree"], RELATION["equal"]
    out.note[k] = f"rounding around zero, of size {size:.2g}"
    return True


def _judged_by_truth(engine: Engine, k: int) -> bool:
    """Whether both sides evaluated one portable text whose value is known: then each is judged against the truth."""
    context, left = engine.context, int(engine.pairs.left[k])
    right = int(engine.pairs.right[k])
    if left < 0 or right < 0 or not context.joiner.value[left] or not portable(context, left):
        return False
    if context.targets[int(engine.pairs.right_target[k])].backend != REFERENCE and not portable(context, right):
        return False
    if two_functions(context, left, right):
        return False
    truth = int(context.truth_row[left])
    return truth >= 0 and not bool(np.isnan(engine.seen.components(np.array([truth]))).any())


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
    """Why there is no value to differ from: the precision does not hold the point, or the reference has none; "" where
    there is."""
    left, right = int(engine.pairs.left[k]), int(engine.pairs.right[k])
    if engine.context.beyond_range(left):
        return BEYOND
    if engine.context.targets[int(engine.pairs.right_target[k])].backend != REFERENCE:
        return ""
    if not engine.context.has_finite_inputs(left) and not engine.context.has_limits(left):
        return NOT_FINITE
    if not _same_numbers(engine, left, right):
        return ""
    _, sides = _as_values(engine, left, right)
    tol = engine.context.tolerances[int(engine.context.tolerance_id[left])]
    differs = ~close(sides[0], sides[1], tol.coarse, tol.tiny).all(axis=-1)
    undefined = np.isnan(sides[1]).any(axis=-1)
    return "" if (differs & ~undefined).any() else "the mathematics leaves the value open here"


def _of_kind(engine: Engine, index: FactIndex, k: int, kind: int) -> bool:
    """Whether every number in which the values differ has an entry of its differential of this kind.

    On a branch cut each side also has to be one of the two values of the function, where those are known: unless a text
    that is more than one operation on numbers met once has neither there (arctan2(x, x) at 0, which the signs of zeros
    decide).
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
            here = facts.crossed if kind == CUT and facts.crossed is not None else facts.kind == kind
            if kind == UNKNOWN:  # not where there is no derivative, but where the function is one of two
                whole = here & np.isfinite(facts.truth) if facts.truth is not None else np.zeros(here.shape, bool)
                here = np.broadcast_to(whole.all(axis=(1, 2), keepdims=True), here.shape)
            there |= here.any(axis=(1, 2))
    cut = index.sides_of_cut(left)
    if kind == CUT and cut is not None and cut[0].size == sides[0].size == cut[1].size:
        limits = [form.blocks(c) for c in cut]
        truth, free = int(context.truth_row[left]), np.zeros(form.m, bool)
        if truth >= 0 and not single_call(portable(context, left)) and _same_numbers(engine, left, truth):
            free = ~_is_limit(_as_values(engine, left, truth)[1][1], limits, tol)
        for side in sides:
            there &= free | _is_limit(side, limits, tol)
    return bool((there | ~differs).all() and differs.any())


def _is_limit(side: Array, limits: Sequence[Array], tol: Tolerances) -> Array:
    """(m,): values that are one of two limits."""
    near = [close(side, limit, tol.coarse, tol.tiny)[0, :, 0].all(axis=-1) for limit in limits]
    return np.asarray(near[0] | near[1])


def _same_numbers(engine: Engine, left: int, right: int) -> bool:
    """Whether two values have as many numbers (one of them may be real, or of another shape)."""
    seen = engine.seen
    sizes = [prod(seen.shapes[seen.shape[r]]) for r in (left, right)]
    return bool(sizes[0] == sizes[1])


def _as_values(engine: Engine, *rows: int) -> tuple[Form, list[Array]]:
    """The form of values and their blocks (1, m, 1, c), complex where any of them is."""
    seen = engine.seen
    kinds = [seen.kinds[seen.codes["kind"][r]] for r in rows]
    complexes = [k is not None and k.kind == "c" for k in kinds]
    size = prod(seen.shapes[seen.shape[rows[0]]])
    form = Form(False, size, 1, any(complexes))
    parts = [seen.components(np.array([r])) for r in rows]
    return form, [form.blocks(form.widen(p, c, False)) for p, c in zip(parts, complexes, strict=True)]
