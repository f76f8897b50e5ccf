"""Arrays as text, in the digits of their own precision: the shortest that give the number back."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

Entry = list[str]  # [real] or [real, "+imag" + "j"]


def entries(values: Array) -> list[Entry]:
    """One list a number: ["1.5"] or ["1.5", "-0.25j"]; signed zeros, NaN and infinities kept by component."""
    flat = np.asarray(values).reshape(-1)
    if flat.dtype.kind == "c":
        real, imag = _texts(flat.real), _texts(flat.imag)
        return [[r, (i if i[0] == "-" else "+" + i) + "j"] for r, i in zip(real, imag, strict=True)]
    return [[text] for text in _texts(flat)]


def _texts(flat: Array) -> list[str]:
    if flat.dtype.kind == "f":
        # Each dtype's own shortest digits: float32's 0.1 is "0.1", not "0.10000000149011612".
        return [str(t) for t in np.ascontiguousarray(flat).astype("U32").tolist()]
    return [str(v) for v in flat.tolist()]


def difference(sides: list[Array]) -> Array:
    """(size,) how far apart the sides are, entry by entry, against the largest magnitude; NaN patterns count as far."""
    stack = np.stack([np.asarray(s).reshape(-1) for s in sides])
    parts = np.stack([stack.real, stack.imag]) if np.iscomplexobj(stack) else stack[None]
    finite = np.isfinite(parts)
    with np.errstate(all="ignore"):
        low = np.where(finite, parts, np.inf).min(axis=1)
        high = np.where(finite, parts, -np.inf).max(axis=1)
        spread = np.where(finite.any(axis=1), high - low, 0.0)
        size = np.where(finite, np.abs(parts), 0.0).max(axis=(0, 1))
        score = spread.max(axis=0) / np.where(size > 0, size, 1.0)
    patterns = np.where(np.isnan(parts), 2, np.where(finite, 0, np.where(parts > 0, 1, -1)))
    out: Array = np.where((patterns != patterns[:, :1]).any(axis=(0, 1)), np.inf, score)
    return out


def magnitude(sides: list[Array]) -> Array:
    """(size,) the largest finite magnitude of any side, entry by entry; NaN or infinity counts as large."""
    stack = np.stack([np.asarray(s).reshape(-1) for s in sides])
    parts = np.stack([stack.real, stack.imag]) if np.iscomplexobj(stack) else stack[None]
    out: Array = np.where(np.isfinite(parts), np.abs(parts), np.inf).max(axis=(0, 1))
    return out


def choose(sides: list[Array], limit: int) -> Array:
    """Flat indices of at most `limit` entries, in order: those that differ most, then the largest."""
    size = int(np.asarray(sides[0]).size)
    if size <= limit:
        return np.arange(size)
    order = np.lexsort((np.arange(size), -magnitude(sides), -difference(sides)))
    return np.sort(order[:limit])
