"""One pair of arrays, judged by the same code that judges a million of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.comparison.batch import judge_batch
from harness.comparison.blind import blindness
from harness.comparison.culprit import explain
from harness.comparison.facts import Facts
from harness.comparison.relation import relations, turned
from harness.comparison.tolerance import tolerances
from harness.comparison.value_kinds import Array, Form
from harness.model import Tolerance
from harness.verdicts import HIGHER, RELATIONS, VERDICT, VERDICTS
from harness.wirtinger import components, signed


@dataclass(frozen=True)
class Judgement:
    """What is to be said of one pair.

    factor: left / right where the verdict is `factor`, else NaN.  max_rel and ulp are in units of the scale of an
    entry (harness.comparison.value_kinds.scale) and of its last place.
    """

    verdict: str
    relation: str
    factor: float
    max_abs: float
    max_rel: float
    ulp: float
    blind: str
    note: str


def judge(
    left: Any, right: Any, *, quantity: str = "differential", dtype: str = "complex128", out_complex: bool = False,
    in_complex: bool = False, tolerance: Tolerance | None = None, facts: Facts | None = None, left_sign: int = 1,
    right_sign: int = 1, in_shape: Sequence[int] = (), out_shape: Sequence[int] = (),
) -> Judgement:
    """Judge one pair.

    quantity "differential", "hessian" or "third": left and right are real matrices J, and out_complex and in_complex
    say which of their sides are in pairs.  "value" or "raw": arrays as they were returned; the signs are those of each
    API (harness.wirtinger.Api.sign), removed before judging and kept for the relation.
    Raises ValueError for shapes that cannot be laid over each other.
    """
    tol = tolerances(dtype, tolerance)
    a, b = np.asarray(left), np.asarray(right)
    if quantity in ("differential", *HIGHER):
        if a.ndim != 2 or a.shape != b.shape or (out_complex and a.shape[0] % 2) or (in_complex and a.shape[1] % 2):
            raise ValueError(f"differentials of shapes {a.shape} and {b.shape} cannot be compared")
        form = Form(True, a.shape[0] // (1 + out_complex), a.shape[1] // (1 + in_complex), out_complex, in_complex)
        x, y = (form.blocks(m.reshape(1, -1).astype(np.float64)) for m in (a, b))
        judged = judge_batch(form, x, y, tol)
        blind = blindness(form, x, tol)[0]
    else:
        if a.size != b.size:
            raise ValueError(f"results of shapes {a.shape} and {b.shape} cannot be compared")
        is_complex = bool(np.iscomplexobj(a) or np.iscomplexobj(b))
        form = Form(False, a.size, 1, is_complex)

        def blocks(array: Array, sign: int) -> Array:
            row = components(signed(array, sign)).astype(np.float64)[None]
            return form.blocks(form.widen(row, bool(np.iscomplexobj(array)), False))

        x, y = blocks(a, left_sign), blocks(b, right_sign)
        judged = judge_batch(form, x, y, tol)
        blind = ""
        if quantity == "value":
            judged.verdict[judged.verdict > VERDICT["precision"]] = VERDICT["value"]
        else:
            judged.relation = relations(form, blocks(a, 1), blocks(b, 1), tol, None, in_shape, out_shape)
    if facts is not None and judged.verdict[0] > VERDICT["precision"]:
        said = explain(x[0], y[0], facts, tol)
        if said.verdict:
            again = judge_batch(form, x, np.where(said.mask, x, y), tol)
            if again.verdict[0] <= VERDICT["precision"]:
                judged.verdict[0], judged.note[0] = VERDICT[said.verdict], said.note
    if judged.verdict[0] == VERDICT["mismatch"]:
        _, note = turned(form, x, y, tol, in_shape, out_shape)
        judged.note[0] = f"{note}; {judged.note[0]}" if note else judged.note[0]
    return Judgement(
        VERDICTS[judged.verdict[0]], RELATIONS[judged.relation[0]], float(judged.factor[0]), float(judged.max_abs[0]),
        float(judged.max_rel[0]), float(judged.ulp[0]), blind, judged.note[0],
    )
