"""Rows that are less precise than their dtype says, and by whose doing.

Two reasons: a framework returned single precision where double was asked (jax with x64 off), and hardware that
multiplies matrices in fewer bits than the dtype has (TF32: 10 bits of fraction, bfloat16: 7), where the flags of a
target say that it may. Such rows are judged at the precision that they have; what agrees there is `precision`, never
`agree`. Formats: NVIDIA A100 whitepaper (TF32), Intel bfloat16 numerics definition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from harness import formats
from harness.comparison.observations import Observations
from harness.comparison.targets import Target
from harness.comparison.tolerance import Tolerances, tolerances
from harness.comparison.value_kinds import Array
from harness.model import Case

#: What a row can be: as its dtype says, or less.
AS_SAID, SINGLE, TF32, BFLOAT16 = range(4)
NOTES = (
    "", "single precision was returned where double was asked: judged as single",
    "matrices are multiplied in TF32 here: judged at its precision",
    "matrices are multiplied in bfloat16 here: judged at its precision",
)
_EPS = {TF32: 2.0**-10, BFLOAT16: 2.0**-7}

#: Functions that multiply matrices, in the texts of cases.
_MULTIPLIES = re.compile(
    r"@|\b(matmul|mm|bmm|dot|vdot|inner|outer|tensordot|einsum|kron|multi_dot|matrix_power|conv\w*|linear|bilinear|"
    r"linalg|solve\w*|inv|pinv|cholesky\w*|svd\w*|eig\w*|qr|lu\w*|lstsq|attention|vecdot|cov|corrcoef)\b|_attention"
)
#: Flags of targets, and what their words mean. On the CPU they have no effect, except where a machine multiplies
#: bfloat16 matrices, which torch does only at "medium".
_FLAGS: Mapping[str, Mapping[str, int]] = {
    "float32_matmul_precision": {"high": TF32, "medium": BFLOAT16},
    "tf32": {"on": TF32},
    "matmul_precision": {
        "tensorfloat32": TF32, "high": TF32, "bfloat16_3x": TF32, "default": BFLOAT16, "bfloat16": BFLOAT16,
        "fastest": BFLOAT16, "None": BFLOAT16,
    },
}


def multiplies(case: Case | None) -> bool:
    """Whether the texts of a case contain a product of matrices."""
    return case is not None and any(_MULTIPLIES.search(text) for text in case.function.values())


def of_target(target: Target) -> int:
    """How a target multiplies single-precision matrices; the CPU never with less than it says, as far as known."""
    if target.device_class == "cpu":
        return AS_SAID
    found = [words.get(str(target.flags.get(name, "")), AS_SAID) for name, words in _FLAGS.items()]
    if target.device_class == "gpu":  # no GPU of NVIDIA rounds float32 to bfloat16 on its own
        found = [min(code, TF32) for code in found]
    return max(found)


def of_rows(seen: Observations, targets: list[Target], target: Array, cases: Mapping[str, Case]) -> Array:
    """(N,) int8: AS_SAID, SINGLE, TF32 or BFLOAT16 for every row. target: index of each row's target."""
    asked = [formats.DTYPES.get(w, formats.SINGLE) for w in seen.words["dtype"]]
    double, single = (np.array([form == own for form in asked] or [False])[seen.codes["dtype"]]
                      for own in (formats.DOUBLE, formats.SINGLE))
    narrow = np.array([k is not None and k.kind in "fc" and k.itemsize <= (8 if k.kind == "c" else 4)
                       for k in seen.kinds] or [False])[seen.codes["kind"]]
    out = np.where(double & narrow, SINGLE, AS_SAID).astype(np.int8)
    reduced = np.array([of_target(t) for t in targets] or [0], np.int8)[target]
    if reduced.any():
        products = np.array([multiplies(cases.get(w)) for w in seen.words["case"]] or [False])[seen.codes["case"]]
        out = np.where(single & products, reduced, out)
    return out


def tolerances_of(code: int) -> Tolerances:
    """Tolerances of rows with this code, from the spacing of the precision that they have."""
    single = tolerances("complex64")
    if code == SINGLE:
        return single
    eps = _EPS[code]
    return Tolerances(eps**0.75, eps**0.5, eps, single.tiny, single.form)
