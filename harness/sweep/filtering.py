"""Which of many points the reference should decide: where the answers are furthest apart, spread over the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.formats import Format
from harness.sweep.asking import Answer
from harness.sweep.points import modulus

Array = np.ndarray[Any, np.dtype[Any]]


def apart(form: Format, answers: Sequence[Answer]) -> dict[str, Array]:
    """quantity -> (N,) by how many units in the last place the answers differ, infinite where one is not finite and
    another is. Where all round to 0 or to the same infinity in the format they do not differ."""
    values = [a.value for a in answers if a.value is not None]
    slopes = [s for a in answers for s in (a.reverse, a.forward) if s is not None]
    out = {"value": _spread(form, [v[:, :, None] for v in values])} if len(values) > 1 else {}
    if len(slopes) > 1:
        out["slope"] = _spread(form, slopes)
    return out


def _spread(form: Format, arrays: Sequence[Array]) -> Array:
    rows = max(a.shape[1] for a in arrays)
    low = high = size = None
    finite = some = None
    for a in arrays:
        if a.shape[1] < rows:
            a = np.concatenate([a, np.zeros_like(a)], axis=1)
        a = np.clip(a, -form.largest, form.largest) if np.isinf(a).any() or form.high < 1023 else a
        good = np.isfinite(a).all(axis=(1, 2))
        low = a if low is None else np.fmin(low, a)
        high = a if high is None else np.fmax(high, a)
        finite = good if finite is None else finite & good
        some = good if some is None else some | good
    assert low is not None and high is not None and finite is not None and some is not None
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(low), np.abs(high)).max(axis=(1, 2))
        unit = form.unit(size)[:, None, None]
        out = (high / unit - low / unit).max(axis=(1, 2))
    return np.where(finite, out, np.where(some, np.inf, 0.0))


def chosen(points: Array, differences: dict[str, Array], keep: int) -> Array:
    """Numbers of at most `keep` points: of each quantity the furthest apart of each cell of the plane, then overall."""
    picked: list[Array] = []
    for difference in differences.values():
        share = keep // len(differences)
        ranked = np.argsort(-difference, kind="stable")
        ranked = ranked[difference[ranked] > 0.5]
        _, firsts = np.unique(cells(points[ranked]), return_index=True)
        firsts = np.sort(firsts)[: share * 3 // 4]
        rest = np.setdiff1d(np.arange(min(ranked.size, share)), firsts)[: share - firsts.size]
        picked.append(ranked[np.concatenate([firsts, rest]).astype(int)])
    return np.unique(np.concatenate(picked)) if picked else np.zeros(0, int)


def cells(points: Array, width: int = 1) -> Array:
    """A number for each `width` binades and eighth of the plane (a sign, of the real line)."""
    e = (np.frexp(modulus(points))[1].astype(np.int64) + 2000) // width
    if not np.iscomplexobj(points):
        return e * 2 + (points < 0)
    return e * 8 + np.floor(np.angle(points) / (np.pi / 4)).astype(np.int64) % 8
