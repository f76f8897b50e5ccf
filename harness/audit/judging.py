"""One parameter's gradient on both sides: verdict, relation of the raw results, sizes, blindness.

The words, and the hypotheses behind them, are harness.comparison's; the scale is another. A gradient's entries are
long sums, so rounding is measured against the largest entry of the parameter, and a parameter whose whole gradient is
rounding noise of the others is judged against them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.comparison.arrays import relation, words
from harness.comparison.batch import judge_batch
from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Form
from harness.verdicts import VERDICTS
from harness.wirtinger import Array, components, signed

#: Entries that the hypotheses (conjugate, factor, ...) are tried on; the sizes are measured on all of them.
SAMPLE = 200_000
_CHUNK = 1 << 20
#: Differences below this many eps of the largest gradient of all are rounding; in half precision below one.
_NOISE = 8.0


@dataclass(frozen=True)
class Finding:
    """What is to be said of one pair of arrays; left is torch's. factor: left / right, NaN where there is none."""

    verdict: str
    relation: str
    factor: float
    max_abs: float
    max_rel: float
    blind: str
    note: str
    word: str = ""  # how the two are related once the conventions are removed, where the verdict does not say it


def largest(array: Array | None) -> float:
    """Largest finite component, 0 where there is none. In chunks: the array may be a file."""
    if array is None or array.size == 0:
        return 0.0
    return max(_largest(part) for part in _chunks(array))


def _largest(part: Array) -> float:
    size = np.abs(components(part))
    return float(size[np.isfinite(size)].max(initial=0.0))


def _chunks(array: Array) -> list[Array]:
    flat = array.reshape(-1)
    return [flat[k : k + _CHUNK] for k in range(0, flat.size, _CHUNK)] or [flat]


def judge_gradient(
    left: Array | None,
    right: Array | None,
    tol: Tolerances,
    *,
    whole: float = 0.0,
    atol: float = 0.0,
    raw_sign: int = -1,
    like: Array | None = None,
) -> Finding:
    """Judge gradients L_x + i L_y; None is the framework's way to say that there is none (zero).

    whole: largest entry of any parameter's gradient. raw_sign: of the right side's own gradient.
    """
    if left is None and right is None:
        return Finding("agree", "equal", np.nan, 0.0, 0.0, "sign+factor", "neither side depends on it")
    shape_of = left if left is not None else right
    assert shape_of is not None
    a = np.zeros(shape_of.shape, shape_of.dtype) if left is None else left
    b = np.zeros(shape_of.shape, shape_of.dtype) if right is None else right
    note = "torch gives None: its output does not depend on it" if left is None else ""
    is_complex = np.iscomplexobj(a) or np.iscomplexobj(b)
    top = max(largest(a), largest(b))
    noise = (1.0 if tol.form.half else _NOISE) * tol.eps * whole
    if top <= noise and all(np.isfinite(part).all() for g in (a, b) for part in _chunks(g)):
        # not a derivative but what rounding left of one that is zero
        raw = "equal" if raw_sign == 1 or not is_complex else "none"
        hidden = "conjugation+sign+factor" if is_complex else "sign+factor"
        return Finding("agree", raw, np.nan, top, 0.0, hidden, "zero, to rounding of the other gradients")
    floor = max(top, tol.coarse * whole)
    max_abs, imaginary, nan, where = _apart(a, b, max(tol.fine * floor, atol, noise, tol.tiny))
    blind = _blind(is_complex, top, imaginary, tol)
    raw = "equal" if raw_sign == 1 or not is_complex or imaginary <= tol.coarse * top else "conjugate"
    max_rel = max_abs / floor if floor else 0.0
    if nan and not where.size:
        told = f"NaN on both sides in {nan:,} of {a.size:,} entries" if a.size > 1 else "NaN on both sides"
        return Finding("nonfinite", raw, np.nan, max_abs, max_rel, blind, told)
    if not where.size:
        if is_complex and np.iscomplexobj(a) != np.iscomplexobj(b):
            note = "one side is real, and the imaginary part that it lacks is zero here"
        return Finding("agree", raw, np.nan, max_abs, max_rel, blind, note)
    judged = _explain(a, b, where, tol, floor, is_complex)
    if judged[0] == "agree":
        judged = ("precision", np.nan, judged[2])
    verdict, factor, said, word = _related(judged, a, b, where, tol)
    if word in ("transposed", "adjoint"):
        raw = word
    elif verdict != "precision":
        raw = _raw_relation(verdict, a, b, tol, floor, raw_sign, is_complex)
    share = (
        ""
        if where.size == a.size or verdict in ("precision", "mismatch")
        else f"in {where.size:,} of {a.size:,} entries"
    )
    said = "; ".join(x for x in (note, said, share) if x)
    return Finding(verdict, raw, factor, max_abs, max_rel, blind, said, word)


def _apart(a: Array, b: Array, allowed: float) -> tuple[float, float, int, Array]:
    """(largest finite difference, largest imaginary part, entries that are NaN on both sides, indices of entries
    that differ by more than is allowed or in where they are finite). NaN equals nothing, not even itself."""
    max_abs, imaginary, nan, bad = 0.0, 0.0, 0, []
    for k, (x, y) in enumerate(zip(_chunks(a), _chunks(b), strict=True)):
        with np.errstate(all="ignore"):
            delta = np.maximum(np.abs(np.real(x) - np.real(y)), np.abs(np.imag(x) - np.imag(y)))
        finite = np.isfinite(x) & np.isfinite(y)
        max_abs = max(max_abs, float(delta[finite].max(initial=0.0)))
        nan += int((np.isnan(x) & np.isnan(y)).sum())
        imaginary = max(imaginary, _largest(np.imag(x)), _largest(np.imag(y)))
        bad.append(np.flatnonzero(~_same_pattern(x, y) | (finite & (delta > allowed))) + k * _CHUNK)
    return max_abs, imaginary, nan, np.concatenate(bad)


def _related(
    judged: tuple[str, float, str], a: Array, b: Array, where: Array, tol: Tolerances
) -> tuple[str, float, str, str]:
    """(verdict, factor, note, word): the words of `comparison.arrays`, which the values and taps of the screen use."""
    verdict, factor, said = judged
    if verdict not in ("mismatch", "factor"):
        return verdict, factor, said, ""
    picked = where if where.size <= SAMPLE else where[np.linspace(0, where.size - 1, SAMPLE).astype(np.int64)]
    found = relation(a.reshape(-1)[picked], b.reshape(-1)[picked], tolerance=tol.coarse)
    if found.word in ("factor", "zero", "negated", "conjugate"):
        verdict = {"negated": "sign"}.get(found.word, found.word)
        return verdict, found.factor.real if found.word == "factor" else np.nan, words(found, "torch", "JAX"), ""
    if verdict == "factor":
        return verdict, factor, said, ""
    if a.size <= SAMPLE:
        found = relation(a, b, tolerance=tol.coarse)
    if found.word in ("none", "shape", "equal"):
        return verdict, factor, said, ""
    return verdict, np.nan, words(found, "torch", "JAX"), found.word


def _same_pattern(x: Array, y: Array) -> Array:
    out = np.ones(x.shape, bool)
    for part in (np.real, np.imag):
        p, q = part(x), part(y)
        both = np.isfinite(p) & np.isfinite(q)
        out &= both | (np.isnan(p) & np.isnan(q)) | (np.isinf(p) & (p == q))
    return out


def _explain(
    a: Array, b: Array, where: Array, tol: Tolerances, floor: float, is_complex: bool
) -> tuple[str, float, str]:
    """(verdict, factor, note) of the entries that differ, by harness.comparison's hypotheses on a sample of them."""
    if where.size > SAMPLE:
        where = where[np.linspace(0, where.size - 1, SAMPLE).astype(np.int64)]
    form = Form(False, where.size, 1, is_complex)

    def blocks(array: Array) -> Array:
        picked = array.reshape(-1)[where]
        row = components(picked).astype(np.float64)[None]
        return form.blocks(form.widen(row, bool(np.iscomplexobj(picked)), False))

    low = np.full((1, where.size, 1), floor)
    judged = judge_batch(form, blocks(a), blocks(b), tol, low)
    note = judged.note[0].replace("left", "torch's").replace("right", "JAX's")
    return VERDICTS[judged.verdict[0]], float(judged.factor[0]), note


def _raw_relation(
    verdict: str, a: Array, b: Array, tol: Tolerances, floor: float, raw_sign: int, is_complex: bool
) -> str:
    """How the results are related as each framework returned them."""
    raw = signed(np.asarray(b), raw_sign)
    if _within(a, raw, tol.coarse * floor):
        return "equal"
    if is_complex and _within(a, signed(raw, -1), tol.coarse * floor):
        return "conjugate"
    if _within(a, -raw, tol.coarse * floor):
        return "negated"
    if is_complex and _within(a, -signed(raw, -1), tol.coarse * floor):
        return "negated-conjugate"
    if verdict == "factor":
        return "factor"
    return "none"


def _within(a: Array, b: Array, size: float) -> bool:
    with np.errstate(all="ignore"):
        return bool((np.abs(a - b) <= size).all())


def _blind(is_complex: bool, top: float, imaginary: float, tol: Tolerances) -> str:
    hidden = []
    if is_complex and imaginary <= tol.coarse * top:
        hidden.append("conjugation")
    if top == 0:
        hidden.append("sign+factor")
    return "+".join(hidden)
