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
    torch can be told to), so such a digit says nothing about a derivative. form: the format of the numbers.
    """

    fine: float
    coarse: float
    eps: float
    tiny: float
    form: Format

    @property
    def single(self) -> bool:
        """Whether the numbers have less than double precision."""
        return self.form != DOUBLE


def tolerances(dtype: str, override: Tolerance | None = None) -> Tolerances:
    """Tolerances of a case's dtype word; eps**0.75 and eps**0.5 unless the case says otherwise.

    ValueError for a dtype word that the harness does not know.
    """
    if dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; expected one of {', '.join(DTYPES)}")
    form = DTYPES[dtype]
    eps, tiny = form.eps, form.tiny
    fine = eps**0.75 if override is None or override.fine is None else float(override.fine)
    coarse = eps**0.5 if override is None or override.coarse is None else float(override.coarse)
    # A case that widens only `fine` must not end up with a coarse tolerance inside it.
    return Tolerances(fine, max(coarse, fine), eps, tiny, form)


def narrowed(exact: Array, tol: Tolerances) -> Array:
    """Exact numbers in double precision, those that are too large for the precision judged as infinities."""
    if tol.form == DOUBLE:
        return exact
    return np.where(np.isinf(tol.form.rounded(exact)), np.copysign(np.inf, exact), exact)
