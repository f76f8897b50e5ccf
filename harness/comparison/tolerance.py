"""How close is equal: relative tolerances for a precision, and nothing absolute except underflow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.comparison.value_kinds import Array
from harness.formats import DOUBLE, DTYPES, Format
from harness.model import Tolerance

#: Units in the last place beyond which `precision` names who lost the digits. In single precision that is `mismatch`.
CEILING = 2.0**20


@dataclass(frozen=True)
class Tolerances:
    """Numbers that decide equality at one precision.

    fine, coarse: relative to the scale of an entry (see `harness.comparison.value_kinds.scale`).
    eps: spacing of 1.  tiny: smallest normal number; a difference below it is never more than `precision`, because
    gradual underflow is a mode of the hardware that compilers switch off (XLA flushes subnormals to zero on the CPU,
    torch can be told to), so such a digit says nothing about a derivative. Where nobody flushes (float16) it is the
    coarse tolerance of that number: the unit in the last place is the same from there down. form: of the numbers.
    """

    fine: float
    coarse: float
    eps: float
    tiny: float
    form: Format

    @property
    def rounding(self) -> float:
        """What a backward stable evaluation may be off by, relative to the terms that it is made of."""
        return self.form.roundings * self.eps

    @property
    def single(self) -> bool:
        """Whether the numbers have less than double precision."""
        return self.form != DOUBLE


def tolerances(dtype: str, override: Tolerance | None = None) -> Tolerances:
    """Tolerances of a case's dtype word; eps**0.75 and eps**0.5 unless the case says otherwise. What a case says is for
    single and double precision: half precision has no fewer than its own.

    ValueError for a dtype word that the harness does not know.
    """
    if dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; expected one of {', '.join(DTYPES)}")
    form = DTYPES[dtype]
    eps = form.eps
    fine = eps**0.75 if override is None or override.fine is None else float(override.fine)
    coarse = eps**0.5 if override is None or override.coarse is None else float(override.coarse)
    if form.half:
        fine, coarse = max(fine, eps**0.75), max(coarse, eps**0.5)
    tiny = form.tiny if form.flushes else max(coarse, fine) * form.tiny
    # A case that widens only `fine` must not end up with a coarse tolerance inside it.
    return Tolerances(fine, max(coarse, fine), eps, tiny, form)


def narrowed(exact: Array, tol: Tolerances) -> Array:
    """Exact numbers in double precision, those that are too large for the precision judged as infinities."""
    if tol.form == DOUBLE:
        return exact
    return np.where(np.isinf(tol.form.rounded(exact)), np.copysign(np.inf, exact), exact)
