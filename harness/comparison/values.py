"""Whose value is wrong, where two function values differ and the reference has one."""

from __future__ import annotations

import numpy as np

from harness.comparison.documented import own_value, two_functions
from harness.comparison.engine import Engine
from harness.comparison.evidence import Evidence
from harness.comparison.facts import FactIndex
from harness.comparison.magnitudes import shaken, value_floor
from harness.comparison.observations import combine
from harness.comparison.pairs import Pairs
from harness.comparison.rounding import one_operation, portable, told, values_of
from harness.comparison.targets import REFERENCE
from harness.comparison.tolerance import CEILING
from harness.comparison.value_kinds import Array
from harness.comparison.value_points import holds
from harness.verdicts import RELATION, VERDICT


def weigh_values(engine: Engine, found: Evidence) -> None:
    """Name the side whose value differs from that of the reference, where values differ or agree on NaN.

    One portable text is one function, and a value of it that is wrong is wrong; two native texts may be two functions.
    """
    pairs, joiner, context = engine.pairs, engine.context.joiner, engine.context
    found.culprit[engine.out.formula], found.evidence[engine.out.formula] = "formula", REFERENCE
    _over_ceiling(engine, found)
    lost = engine.out.lost & (engine.out.verdict == VERDICT["agree"]) & (pairs.left_target != pairs.right_target)
    differ = (engine.out.verdict == VERDICT["value"]) & ~engine.out.formula
    chosen = np.flatnonzero((differ | lost) & (pairs.left >= 0) & (pairs.right >= 0))
    chosen = chosen[joiner.value[pairs.left[chosen]]]
    truth = context.truth_row[pairs.left[chosen]]
    chosen, truth = chosen[truth >= 0], truth[truth >= 0]
    # Where the reference leaves the value open, or an argument is infinite or NaN, it speaks for nobody.
    index = FactIndex.shared(context)
    known = [(context.has_finite_inputs(int(t)) or context.has_limits(int(t))) and _known(engine, index, int(t))
             for t in truth]
    chosen, truth = chosen[known], truth[known]
    if not chosen.size:
        return
    none = np.full(chosen.size, -1)
    shaky = np.array([shaken(context, int(t)) for t in truth])
    wrong = []
    for side, where in ((pairs.left, pairs.left_target), (pairs.right, pairs.right_target)):
        referee = joiner.target[truth].astype(np.int32)
        against = Pairs(side[chosen], truth, where[chosen], referee, none, none, np.zeros(chosen.size, bool))
        wrong.append(Engine(context, against).run().verdict == VERDICT["value"])
        wrong[-1] &= ~_another_branch(engine, side[chosen], truth)
        wrong[-1] &= ~shaky
    _by_own_documents(engine, chosen, wrong)
    one_text = np.array([bool(portable(context, int(row))) for row in pairs.left[chosen]])
    same = one_text | ~_two_functions(engine, chosen)
    _agreed_on_nothing(engine, found, chosen, wrong[0] & wrong[1])
    for word, mask in (("left", wrong[0] & ~wrong[1]), ("right", wrong[1] & ~wrong[0]), ("both", wrong[0] & wrong[1])):
        mask = mask & (engine.out.verdict[chosen] != VERDICT["agree"]) & ~engine.out.formula[chosen]
        found.culprit[chosen[mask & same]], found.evidence[chosen[mask & same]] = word, "reference"


def _over_ceiling(engine: Engine, found: Evidence) -> None:
    """Name sides of which a value has lost more digits than any faithful algorithm does, though it is no other one."""
    pairs, out, context = engine.pairs, engine.out, engine.context
    chosen = np.flatnonzero((out.verdict == VERDICT["precision"]) & (out.ulp > CEILING) & ~out.formula
                            & (pairs.left >= 0) & (pairs.right >= 0))
    chosen = chosen[context.joiner.value[pairs.left[chosen]] & (context.truth_row[pairs.left[chosen]] >= 0)]
    for k in chosen:
        if not one_operation(context, int(pairs.left[k])):
            continue
        truth = int(context.truth_row[pairs.left[k]])
        right = engine.seen.components(np.array([truth]))[0]
        if not np.isfinite(right).all() or shaken(context, truth):
            continue
        tol = context.tolerances[int(context.tolerance_id[truth])]
        floor = value_floor(context, truth, right.size, tol)
        ends = int(pairs.left[k]), int(pairs.right[k])
        apart, wrong = two_functions(context, *ends), []
        for row in ends:
            held, steps = engine.seen.components(np.array([row]))[0], values_of(context, row, True)
            if held.size != right.size or not np.isfinite(held).all():
                break
            own = own_value(context, row) if apart else None
            off = np.abs(held - (right if own is None or own.size != right.size else own))
            room = np.maximum(CEILING * tol.eps * np.abs(right).max(initial=0.0), tol.tiny)
            room = room if floor is None else room + floor.max(initial=0.0) * tol.fine
            bad = off > room
            wrong.append(bool((bad if steps is None else bad & (np.abs(held - steps[0]) > steps[1])).any()))
        if apart and not any(wrong):
            out.note[k] = apart
        if any(wrong) and len(wrong) == 2:
            found.culprit[k] = "both" if all(wrong) else "left" if wrong[0] else "right"
            found.evidence[k], out.note[k] = REFERENCE, f"{out.ulp[k]:.2g} units in the last place apart"


def _known(engine: Engine, index: FactIndex, truth: int) -> bool:
    """Whether the reference knows a value: a number, or one that is too large for the precision at a regular point."""
    context, value = engine.context, engine.seen.components(np.array([truth]))[0]
    if np.isnan(value).any():
        return False
    if np.isfinite(value).all():
        return True
    for name in context.inputs_of(truth):
        j = context.row_of("differential", truth, name)
        form = context.j_form(j) if j >= 0 else None
        if form is not None and not all(f.regular.all() for f in index.of(j, form)):
            return False
    return True


def _by_own_documents(engine: Engine, chosen: Array, wrong: list[Array]) -> None:
    """Where frameworks document different functions under one name, each side is wrong against its own alone."""
    context, pairs, out = engine.context, engine.pairs, engine.out
    for n, k in enumerate(chosen):
        sentence = two_functions(context, int(pairs.left[k]), int(pairs.right[k]))
        if not sentence:
            continue
        for mask, rows in zip(wrong, (pairs.left, pairs.right), strict=True):
            mask[n] &= not _as_documented(engine, int(rows[k]))
        if not any(mask[n] for mask in wrong):
            out.note[k] = sentence


def _as_documented(engine: Engine, row: int) -> bool:
    own, held = own_value(engine.context, row), engine.seen.components(np.array([row]))[0]
    if own is None or own.size != held.size:
        return own is None
    return holds(engine, row, own)


def _agreed_on_nothing(engine: Engine, found: Evidence, chosen: Array, wrong: Array) -> None:
    """Sides that agree on NaN or infinity where the function has a value differ from it together."""
    out, pairs = engine.out, engine.pairs
    for k in chosen[wrong & (out.verdict[chosen] == VERDICT["agree"])]:
        out.verdict[k], out.relation[k] = VERDICT["nonfinite"], RELATION["none"]
        out.note[k] = "not finite on both sides, where the function is"
        both = [values_of(engine.context, int(side[k])) for side in (pairs.left, pairs.right)]
        held = [engine.seen.components(np.array([side[k]]))[0] for side in (pairs.left, pairs.right)]
        if all(v is not None and v[0].size == h.size and (np.isfinite(h) | np.isinf(v[1]) | (h == v[0])).all()
               for v, h in zip(both, held, strict=True)):
            out.formula[k] = True
            first = both[0]
            assert first is not None
            out.note[k] += f"; {told(first[2].blame, first[2].advice)}"
            found.culprit[k], found.evidence[k] = "formula", REFERENCE


def _two_functions(engine: Engine, chosen: Array) -> Array:
    """Pairs of sides that differ at more than half of the ordinary points of a case: two functions under one name, such
    as the exact gelu and its approximation, of which neither is wrong. A defect shows at some points, not everywhere.
    Ordinary is a point whose numbers are all between 2^-20 and 2^20 in modulus. A framework that differs from itself
    (eager and compiled, two devices, two releases) evaluates one function, and may be wrong everywhere."""
    pairs, seen = engine.pairs, engine.seen
    settled = np.flatnonzero(
        (engine.out.verdict >= 0) & (pairs.left >= 0) & engine.context.joiner.value[np.maximum(pairs.left, 0)]
    )
    rows = pairs.left[settled]
    key = combine([
        (seen.codes["case"][rows], len(seen.words["case"])), (seen.codes["dtype"][rows], len(seen.words["dtype"])),
        (seen.codes["output"][rows], len(seen.words["output"])),
        (pairs.left_target[settled], len(engine.context.targets)),
        (pairs.right_target[settled], len(engine.context.targets)),
    ])
    asked = np.isin(key, key[np.isin(settled, chosen)])
    asked[asked] = [_ordinary(engine, int(row)) for row in rows[asked]]
    settled, key = settled[asked], key[asked]
    _, inverse = np.unique(key, return_inverse=True)
    inverse = inverse.reshape(-1)
    differ = np.bincount(inverse, engine.out.verdict[settled] == VERDICT["value"])
    share = (differ / np.bincount(inverse))[inverse]
    every = np.zeros(pairs.count, bool)
    family = np.array([target.family for target in engine.context.targets])
    every[settled] = (share > 0.5) & (family[pairs.left_target[settled]] != family[pairs.right_target[settled]])
    return np.asarray(every[chosen])


def _ordinary(engine: Engine, row: int) -> bool:
    context, seen = engine.context, engine.seen
    case = context.cases.get(seen.text("case", row))
    key = ("ordinary", seen.text("case", row), seen.text("point", row), seen.text("dtype", row))
    if key not in context.memo:
        sizes = [context.sizes_of_input(row, i.name) for i in case.inputs if i.differentiate] if case else []
        context.memo[key] = all(s is None or bool(((s >= 2.0**-20) & (s <= 2.0**20)).all()) for s in sizes)
    return bool(context.memo[key])


def _another_branch(engine: Engine, side: Array, truth: Array) -> Array:
    """Values that differ from the truth by multiples of 2 pi i alone: another branch of the logarithm."""
    out = np.zeros(side.size, bool)
    for k, (row, right) in enumerate(zip(side, truth, strict=True)):
        a, b = (engine.seen.components(np.array([r]))[0] for r in (row, right))
        if a.size != b.size or not engine.context.out_complex[row] or not (np.isfinite(a) & np.isfinite(b)).all():
            continue
        half, tol = a.size // 2, engine.context.tolerances[int(engine.context.tolerance_id[row])]
        turns = (a[half:] - b[half:]) / (2 * np.pi)
        near = np.abs(a - b - np.concatenate([np.zeros(half), 2 * np.pi * np.round(turns)]))
        room = tol.coarse * np.maximum(np.abs(b), 1.0)
        out[k] = bool((near <= room).all() and np.round(turns).any())
    return out
