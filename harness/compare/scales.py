"""Scales that an array alone does not show: the numbers that its entries were summed from.

An entry of a gradient that cancels to rounding noise, or of a value such as one bin of an FFT, has no relative accuracy
of its own.  What it was made from is in the differential.  These are lower bounds of a scale; they are looked up only
for pairs that are not equal without them.
"""

from __future__ import annotations

import numpy as np

from harness.compare.context import Context
from harness.compare.form import Array, Form, magnitudes
from harness.compare.predict import VECTOR_OF, salt, vector_components
from harness.compare.tolerance import Tolerances

#: Rounding errors of a backward stable evaluation, in units of eps times the condition, that are not held against it.
_STABLE = 64.0


def _extent(blocks: Array) -> Array:
    """(m, n): min(largest of the row, largest of the column) of (1, m, n, c)."""
    size = magnitudes(blocks)[0]
    if size.size == 0:
        return np.asarray(size)
    return np.asarray(np.minimum(size.max(axis=1, keepdims=True), size.max(axis=0, keepdims=True)))


def value_floor(context: Context, row: int, count: int, tol: Tolerances) -> Array | None:
    """(count, 1) for a value with `count` numbers: the condition sum_n |df_m / dz_n| |z_n|, with the factor that makes
    the fine tolerance equal to 64 eps of it."""
    seen = context.seen
    case = context.cases.get(seen.text("case", row))
    point = None if case is None else next((p for p in case.points if p.name == seen.text("point", row)), None)
    if case is None or point is None:
        return None
    total = np.zeros(count)
    for site in case.inputs:
        j = context.row_of("differential", row, site.name)
        found = None if j < 0 else context.j_blocks(j)
        if found is None or site.name not in point.arrays:
            continue
        form, blocks = found
        size = np.abs(np.asarray(point.arrays[site.name], np.complex128)).reshape(-1)
        if form.m == count and form.n == size.size:
            with np.errstate(all="ignore"):
                total += np.nan_to_num(magnitudes(blocks)[0] @ np.where(np.isfinite(size), size, 0.0), posinf=0.0)
    return (total * (_STABLE * tol.eps / tol.fine))[:, None]


def raw_floor(context: Context, row: int, form: Form, kind: str) -> Array | None:
    """(form.m, form.n): the sizes of the terms that a raw result of an API of this kind is a sum of."""
    seen = context.seen
    second = kind.startswith("hessian")
    j = context.row_of("hessian", row, seen.text("input", row)) if second else int(context.j_row[row])
    found = None if j < 0 else context.j_blocks(j)
    if found is None:
        return None
    size = _extent(found[1])
    m, n = size.shape
    if kind in ("gradient", "batched-gradient"):
        out = size.sum(axis=0)
        out = np.concatenate([out, out]) if kind == "batched-gradient" else out
    elif kind == "hessian-vector":
        out = size.sum(axis=1) * 2.0  # the entries of a generic vector are below 2
    elif VECTOR_OF.get(kind) == "output":
        out = np.abs(_vector(context, row, kind, "output", m)) @ size
    elif VECTOR_OF.get(kind) == "input":
        out = size @ np.abs(_vector(context, row, kind, "input", n))
    else:
        out = size.reshape(-1)
    return out.reshape(form.m, form.n) if out.size == form.m * form.n else None


def _vector(context: Context, row: int, kind: str, side: str, size: int) -> Array:
    seen = context.seen
    shape = context.out_shape(row) if side == "output" else context.in_shape(row)
    is_complex = bool(context.out_complex[row] if side == "output" else context.in_complex[row])
    name = seen.text(side, row)
    if shape is None or int(np.prod(shape)) != size:
        return np.full(size, 2.0)
    vector = vector_components(
        tuple(shape), is_complex, seen.text("dtype", row), salt(kind, seen.text("case", row), name)
    )
    return np.abs(vector[:size]) + np.abs(vector[size:]) if is_complex else np.abs(vector)


