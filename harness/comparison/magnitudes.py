"""Scales that an array alone does not show: the numbers that its entries were summed from.

An entry of a gradient that cancels to rounding noise, or of a value such as one bin of an FFT, has no relative accuracy
of its own.  What it was made from is in the differential.  These are lower bounds of a scale; they are looked up only
for pairs that are not equal without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from harness.comparison.context import Context
from harness.comparison.facts import Facts
from harness.comparison.predict import VECTOR_OF, salt, vector_components
from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, Form
from harness.verdicts import HIGHER

#: A unit in the last place that moves a result by more than its eighth leaves nothing of it.
_SHAKEN = 8.0
SHAKEN = "the rounding of the point moves this by as much as it is"


def _extent(size: Array) -> Array:
    """(m, n): min(largest of the row, largest of the column) of sizes (m, n)."""
    if size.size == 0:
        return size
    return np.asarray(np.minimum(size.max(axis=1, keepdims=True), size.max(axis=0, keepdims=True)))


def _neighbours(context: Context, row: int, quantity: str, name: str) -> list[tuple[Array, Array | None]]:
    """(sizes (m, n) of the entries of the derivative by each input, absolute values (n,) of that input)."""
    case = context.cases.get(context.seen.text("case", row))
    out = []
    for site in () if case is None else case.inputs:
        j = context.row_of(quantity, row, name.format(site.name))
        found = None if j < 0 else context.j_sizes(j)
        if found is not None:
            out.append((found, context.sizes_of_input(row, site.name)))
    return out


def value_floor(context: Context, row: int, count: int, tol: Tolerances) -> Array | None:
    """(count, 1) for a value with `count` numbers: the condition sum_n |df_m / dz_n| |z_n|, with the factor that makes
    the fine tolerance equal to `Tolerances.rounding` of it."""
    total = np.zeros(count)
    for size, z in _neighbours(context, row, "differential", "{}"):
        if z is not None and size.shape == (count, z.size):
            with np.errstate(all="ignore"):
                total += np.nan_to_num(size @ np.where(np.isfinite(z), z, 0.0), posinf=0.0)
    return (total * (tol.rounding / tol.fine))[:, None]


def matrix_floor(context: Context, row: int, form: Form, tol: Tolerances) -> Array | None:
    """`_matrix_floor`, remembered."""
    key = ("matrix floor", row, form)
    if key not in context.memo:
        context.memo[key] = _matrix_floor(context, row, form, tol)
    found: Array | None = context.memo[key]
    return found


def _matrix_floor(context: Context, row: int, form: Form, tol: Tolerances) -> Array | None:
    """(form.m, form.n) for a derivative that may vanish because terms cancel inside the function.

    A Hessian with respect to several inputs is one matrix: the scale of a mixed block is that of its rows and columns
    in the whole.  In a differential, rounding leaves eps times what the other inputs contribute to the same row:
    max_k |J_mk| |z_k| / |z_n|, at most max_k |J_mk|.  It counts 64 times, and through the fine tolerance.  A function
    of one number has no other inputs, so there a derivative is measured against itself alone.
    """
    seen = context.seen
    name = seen.text("input", row)
    if seen.text("quantity", row) == "hessian":
        a, _, b = name.partition(",")
        rows, columns = np.zeros(form.m), np.zeros(form.n)
        for other in context.inputs_of(row):
            for block, into in ((a if other == a else f"{a},{other}", rows),
                                ((b or a) if other == (b or a) else f"{other},{b or a}", columns)):
                j = context.row_of("hessian", row, block)
                size = None if j < 0 else context.j_sizes(j)
                if size is None:
                    continue
                largest = size.max(axis=1 if into is rows else 0, initial=0.0)
                if largest.shape == into.shape:
                    np.maximum(into, largest, out=into)
        return np.minimum(rows[:, None], columns[None, :])
    if seen.text("quantity", row) == "third":
        return _third_floor(context, row, form)
    found_all = [(s, z) for s, z in _neighbours(context, row, "differential", "{}") if s.shape[0] == form.m]
    z_own = context.sizes_of_input(row, name)
    if not found_all or z_own is None or z_own.size != form.n:
        return None
    with np.errstate(all="ignore"):
        largest = np.max([s.max(axis=1, initial=0.0) for s, _ in found_all], axis=0)[:, None]
        parts = [np.nan_to_num(s * z, posinf=0.0).max(axis=1, initial=0.0) for s, z in found_all
                 if z is not None and z.size == s.shape[1]]
        share = np.max(parts, axis=0)[:, None] / z_own[None, :] if parts else np.inf
        floor = np.fmin(largest, np.where(np.isnan(share), 0.0, share))
    return np.asarray(np.broadcast_to(floor * (tol.rounding / tol.fine), (form.m, form.n)))


def _third_floor(context: Context, row: int, form: Form) -> Array | None:
    """(form.m, form.n): third derivatives by all inputs are one symmetric array; the scale of an entry is the smallest
    of the largest numbers along each of its three indices."""
    names = [*context.seen.text("input", row).split(",")] * 3
    lines = {}
    for name in dict.fromkeys(names[:3]):
        sizes = []
        for b in context.inputs_of(row):
            for c in context.inputs_of(row):
                j = context.row_of("third", row, name if name == b == c else f"{name},{b},{c}")
                size = None if j < 0 else context.j_sizes(j)
                real = _real_size(context, row, name)
                if size is not None and real and size.shape[0] % real == 0:
                    sizes.append(size.reshape(real, -1).max(axis=1, initial=0.0))
        if not sizes:
            return None
        lines[name] = np.max(sizes, axis=0)
    first, second, third = (lines[name] for name in names[:3])
    if form.in_complex:
        third = np.maximum(*np.split(third, 2))
    out = np.minimum(np.minimum(first[:, None, None], second[None, :, None]), third[None, None, :])
    return out.reshape(form.m, form.n) if out.size == form.m * form.n else None


def _real_size(context: Context, row: int, name: str) -> int:
    """Real components of an input."""
    case = context.cases[context.seen.text("case", row)]
    return next((prod(i.shape) * (2 if i.kind == "complex" else 1) for i in case.inputs if i.name == name), 0)


def noise(context: Context, row: int, form: Form, tol: Tolerances) -> Array:
    """`_noise`, remembered."""
    key = ("noise", row, form)
    if key not in context.memo:
        context.memo[key] = _noise(context, row, form, tol)
    return np.asarray(context.memo[key])


def _noise(context: Context, row: int, form: Form, tol: Tolerances) -> Array:
    """(form.m, form.n) below which an error proves nothing: 8 eps |f_m| / max(1, |z_n|).

    What is computed by way of numbers of the size of f cannot be more accurate, and a culprit must not be named for it
    (1 - tanh(x)^2 far out). Not so for an argument near zero, where a derivative that vanishes with it is easily had.
    Infinite where rounding left nothing of the value itself: |sum exp(i theta)| where the terms cancel is a number of
    the size of eps, and its derivative is taken wherever that number happens to lie.
    """
    seen = context.seen
    value = int(context.value_row[row])
    out = np.zeros((form.m, form.n))
    if value < 0:
        return out
    kind = seen.kinds[seen.codes["kind"][value]]
    parts = seen.components(np.array([value]))[0]
    if kind is not None and kind.kind == "c":
        parts = np.fmax(np.abs(parts[: parts.size // 2]), np.abs(parts[parts.size // 2 :]))
    size = np.where(np.isfinite(parts), np.abs(parts), 0.0)
    lost = _lost(context, row, value, size, tol)
    quantity = seen.text("quantity", row)
    higher = quantity in HIGHER
    if lost.any() and (higher or size.size == form.m):
        out[np.ones(form.m, bool) if higher else lost] = np.inf
    z = context.sizes_of_input(row, seen.text("input", row).rpartition(",")[2])
    if higher:
        lower = [s.max(initial=0.0) for s, _ in _neighbours(context, row, "differential", "{}")]
        if quantity == "third":
            for a in context.inputs_of(row):
                pairs = _neighbours(context, row, "hessian", f"{a},{{}}") + _neighbours(context, row, "hessian", a)
                lower += [s.max(initial=0.0) for s, _ in pairs]
        out += 8 * tol.eps * max([float(size.max(initial=0.0)), *map(float, lower)])
    elif size.size == form.m:
        far = np.ones(form.n) if z is None or z.size != form.n else z
        saturated = 8 * tol.eps * size[:, None] / np.fmax(1.0, far)[None, :]
        out += np.where((far >= 2.0**-20)[None, :], saturated, 0.0)
    return out


def _lost(context: Context, row: int, value: int, size: Array, tol: Tolerances) -> Array:
    """(m,): numbers that a target returned further than the coarse tolerance from the reference's, though not further
    than a stable evaluation may be: |f - f_true| <= 64 eps sum |df/dz| |z|."""
    nothing = np.zeros(size.shape, bool)
    truth = int(context.truth_row[value])
    floor = value_floor(context, row, size.size, tol)
    if truth < 0 or truth == value or floor is None:
        return nothing
    found, right = (context.seen.components(np.array([r]))[0] for r in (value, truth))
    if found.size != right.size or not np.isfinite(right).all():
        return nothing
    with np.errstate(all="ignore"):
        off, true = np.abs(found - right), np.abs(right)
    if found.size == 2 * size.size:  # real parts, then imaginary parts
        off, true = (np.fmax(x[: size.size], x[size.size :]) for x in (off, true))
    return np.asarray((off > tol.coarse * true) & (off <= floor[:, 0] * tol.fine))


def shaken(context: Context, truth: int) -> bool:
    """Whether a unit in the last place of a matrix may move a value of the reference by as much as it is: next to a
    singular matrix, on which a backward stable algorithm may land."""
    case = context.cases.get(context.seen.text("case", truth))
    if case is None or not any(i.differentiate and len(i.shape) >= 2 for i in case.inputs):
        return False
    tol = context.tolerances[int(context.tolerance_id[truth])]
    value = context.seen.components(np.array([truth]))[0]
    floor = value_floor(context, truth, value.size, tol)
    if floor is None or not np.isfinite(value).all():
        return False
    moves = floor[:, 0] * (tol.fine / tol.form.roundings)  # eps times the condition
    return bool((_SHAKEN * moves >= np.abs(value)).all() and value.any())


def moving(facts: Facts, tol: Tolerances) -> Array:
    """(m, n) below which an error proves nothing: the derivative moves by as much with its point's rounding, of which a
    backward stable algorithm may make several."""
    assert facts.stability is not None
    return np.asarray(tol.form.roundings * np.nan_to_num(facts.stability, posinf=np.inf).max(axis=-1))


def unsettled(facts: Facts) -> Array:
    """(m, n, c): entries that a unit in the last place of the point moves by as much as the largest of their row is:
    there a backward stable algorithm may land on a singular point."""
    if facts.stability is None or facts.truth is None:
        return np.zeros(facts.kind.shape, bool)
    with np.errstate(all="ignore"):
        size = np.abs(np.where(np.isfinite(facts.truth), facts.truth, 0.0)).max(axis=(1, 2), keepdims=True, initial=0.0)
        moves = np.nan_to_num(facts.stability, posinf=np.inf).max(axis=(1, 2), keepdims=True, initial=0.0)
    return np.broadcast_to((size > 0) & (_SHAKEN * moves >= size), facts.kind.shape)


def unseen(context: Context, row: int, form: Form, facts: Sequence[Facts], tol: Tolerances) -> Array:
    """(m, n): what terms that nobody saw may leave of a zero: 64 eps max(1, |f_m|, |z|) / |z_n|, in a text that cannot
    be taken apart, where finite differences of the own values show no derivative; else zero.

    Finite differences show a derivative where they exceed their own bound, as they do of 1e-20 x.
    """
    out = np.zeros((form.m, form.n))
    own = next((f for f in facts if f.evidence == "finite-differences" and f.truth is not None), None)
    z = context.sizes_of_input(row, context.seen.text("input", row))
    value = int(context.value_row[row])
    if own is None or own.truth is None or z is None or z.size != form.n or value < 0:
        return out
    held = context.seen.components(np.array([value]))[0]
    if held.size % form.m or not np.isfinite(held).all():
        return out
    shown = (np.isfinite(own.bound) & (np.abs(own.truth) > own.bound)).any(axis=-1)
    largest = max([1.0, *(float(s.max(initial=0.0)) for s in context.sizes(row) if np.isfinite(s).all())])
    size = np.maximum(np.abs(held).reshape(-1, form.m).max(axis=0), largest)
    far = np.maximum(np.where(np.isfinite(z), z, np.inf), 2.0**-20 * largest)
    return np.asarray(np.where(shown, 0.0, tol.rounding * size[:, None] / far[None, :]))


def raw_floor(context: Context, row: int, form: Form, kind: str, tol: Tolerances) -> Array | None:
    """(form.m, form.n): the sizes of the terms that a raw result of an API of this kind is a sum of, entries of a
    derivative: each on the scale on which it is measured itself."""
    seen = context.seen
    second = kind.startswith("hessian")
    j = context.row_of("hessian", row, seen.text("input", row)) if second else int(context.j_row[row])
    found = None if j < 0 else context.j_sizes(j)
    if found is None:
        return None
    size = _extent(found)
    j_form = None if second else context.j_form(j)
    own = None if j_form is None else matrix_floor(context, j, j_form, tol)
    if own is not None and own.shape == size.shape:
        size = np.maximum(size, np.where(found > 0, own, 0.0))  # not where nothing was found: f_m may not know z_n
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
    if shape is None or prod(shape) != size:
        return np.full(size, 2.0)
    vector = vector_components(
        tuple(shape), is_complex, seen.text("dtype", row), salt(kind, seen.text("case", row), name)
    )
    return np.abs(vector[:size]) + np.abs(vector[size:]) if is_complex else np.abs(vector)


