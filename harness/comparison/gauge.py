"""Whether a difference is one that a free sign or phase explains.

A gauge change multiplies a number by a sign or a phase, which may itself depend on the point. It leaves |f| alone, so
that Re(conj(f) df) = d|f|^2 / 2 is the same in every gauge (for a real f, whose sign is free, that is the derivative
itself once the sign is fixed).
"""

from __future__ import annotations

import numpy as np

from harness.comparison.context import Context
from harness.comparison.facts import GAUGE, Facts
from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, Form


def invalid(context: Context, row: int, side: Array, facts: Facts, form: Form, tol: Tolerances) -> bool:
    """Whether a derivative (m, n, c) of a gauge-dependent function is one that no gauge gives."""
    if facts.invariant is None or not (facts.kind == GAUGE).any():
        return False
    value = int(context.value_row[row])
    parts = None if value < 0 else context.seen.components(np.array([value]))[0]
    if parts is None or parts.size != form.m * (1 + form.out_complex):
        return False
    columns = 1 + form.in_complex
    own = np.zeros((form.m, form.n, columns))
    size = np.zeros(own.shape)
    with np.errstate(all="ignore"):
        for k, (o, i) in enumerate(form.places):
            value_part = parts[o * form.m : (o + 1) * form.m][:, None]
            own[..., i] += value_part * side[..., k]
            size[..., i] += np.abs(value_part * side[..., k])
        real = [k for k, (o, _) in enumerate(form.places) if o == 0]
        truth = facts.invariant[..., real]
        rows = np.nan_to_num(np.maximum(size, np.abs(truth))).max(axis=(1, 2), keepdims=True)
        known = np.isfinite(truth) & np.isfinite(own)
        return bool((known & (np.abs(own - truth) > 64 * tol.coarse * rows)).any())
