"""Whether a difference is one that a free sign or phase explains.

A gauge change multiplies a number by a sign or a phase, which may itself depend on the point. It leaves |f| alone, so
that Re(conj(f) df) = d|f|^2 / 2 is the same in every gauge (for a real f, whose sign is free, that is the derivative
itself once the sign is fixed). Numbers p and f of one vector share their phase, so that Im(conj(p) f) is the same too.
"""

from __future__ import annotations

import numpy as np

from harness.comparison.context import Context
from harness.comparison.facts import GAUGE, Facts
from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, Form

#: Of numbers in one line the first is the partner of all whose squared modulus is this part of the largest (as in
#: harness.reference.gauge).
_PARTNER = 0.3


def invalid(context: Context, row: int, side: Array, facts: Facts, form: Form, tol: Tolerances) -> bool:
    """Whether a derivative (m, n, c) of a gauge-dependent function is one that no gauge gives."""
    if facts.invariant is None or not (facts.kind == GAUGE).any():
        return False
    value = int(context.value_row[row])
    parts = None if value < 0 else context.seen.components(np.array([value]))[0]
    if parts is None or parts.size != form.m * (1 + form.out_complex):
        return False
    z = parts[: form.m] + (1j * parts[form.m :] if form.out_complex else 0)
    dz = np.zeros((form.m, form.n, 1 + form.in_complex), np.complex128)
    for k, (o, i) in enumerate(form.places):
        dz[..., i] += (1j if o else 1) * side[..., k]
    real, imaginary = ([k for k, (o, _) in enumerate(form.places) if o == part] for part in (0, 1))
    where: Array | None = None
    if facts.domain is not None and facts.domain.shape == (form.n * (1 + form.in_complex),) * 2:
        where = facts.domain
        dz = _along(dz, where)  # off Hermitian matrices each framework continues the function in its own way
    with np.errstate(all="ignore"):
        moduli = np.conj(z)[:, None, None] * dz
        if _differs(moduli.real, np.abs(moduli), _along(facts.invariant[..., real], where), tol):
            return True
        shape = context.out_shape(row) or ()
        if not imaginary or len(shape) < 2 or np.isnan(facts.invariant[..., imaginary]).all():
            return False
        for axis in (-2, -1):
            p = _partners(np.abs(z) ** 2, shape, axis)
            terms = np.conj(z[p])[:, None, None] * dz, np.conj(dz[p]) * z[:, None, None]
            size = np.abs(terms[0]) + np.abs(terms[1])
            if not _differs((terms[0] + terms[1]).imag, size, _along(facts.invariant[..., imaginary], where), tol):
                return False
    return True


def _along(rows: Array, domain: Array | None) -> Array:
    """(m, n, c) derivatives by the components of an input, along the directions of its domain alone."""
    if domain is None:
        return rows
    m, n, c = rows.shape
    with np.errstate(all="ignore"):
        flat = rows.transpose(0, 2, 1).reshape(m, c * n) @ domain
    return np.asarray(flat.reshape(m, c, n).transpose(0, 2, 1))


def _differs(own: Array, size: Array, truth: Array, tol: Tolerances) -> bool:
    """Whether entries (m, n, c) are further from the truth than a backward stable decomposition may be."""
    rows = np.nan_to_num(np.maximum(size, np.abs(truth))).max(axis=(1, 2), keepdims=True)
    known = np.isfinite(truth) & np.isfinite(own)
    return bool((known & (np.abs(own - truth) > tol.form.roundings * tol.coarse * rows)).any())


def _partners(sizes: Array, shape: tuple[int, ...], axis: int) -> Array:
    square = sizes.reshape(shape)
    chosen = np.argmax(square >= _PARTNER * square.max(axis=axis, keepdims=True), axis=axis)
    flat = np.arange(square.size).reshape(shape)
    own = np.take_along_axis(flat, np.expand_dims(chosen, axis), axis=axis)
    return np.asarray(np.broadcast_to(own, shape).reshape(-1))
