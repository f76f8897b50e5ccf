"""How the entries of one array stand in another: as they are, under a reshape, with axes exchanged, or in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from harness.wirtinger import Array

#: Axes beyond which exchanges are not tried (720 orders).
_AXES = 5


@dataclass(frozen=True)
class Layout:
    """order: for each entry of the right array (C order) the place of its partner in the left one.

    axes: whether a reshape and an exchange of axes do it; an order of single entries is weaker.
    """

    left: tuple[int, ...]
    right: tuple[int, ...]
    order: Array | None  # None: the same C order
    axes: bool = True

    @property
    def plain(self) -> bool:
        """Whether it is a reshape alone."""
        return self.order is None

    def to_right(self, array: Array) -> Array:
        """An array of the left layout as the right side lays it out."""
        flat = np.asarray(array).reshape(-1)
        return (flat if self.order is None else flat[self.order]).reshape(self.right)

    def to_left(self, array: Array) -> Array:
        """The inverse of `to_right`."""
        flat = np.asarray(array).reshape(-1)
        if self.order is not None:
            back = np.empty_like(flat)
            back[self.order] = flat
            flat = back
        return flat.reshape(self.left)


def close(a: Any, b: Any, rtol: float) -> bool:
    """Equal within rtol of the largest entry; NaN and infinities in the same places."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if a.size > 4096 and not _close(a.reshape(-1)[:256], b.reshape(-1)[:256], rtol, _top(a)):
        return False
    return _close(a, b, rtol, _top(a))


def distance(a: Array, b: Array) -> float:
    """Of two arrays of one shape; an entry that is finite in one of them alone counts as the largest there is."""
    fine = np.isfinite(a) & np.isfinite(b)
    odd = int(np.count_nonzero((np.isfinite(a) != np.isfinite(b)) | (~fine & (a != b) & ~(np.isnan(a) & np.isnan(b)))))
    with np.errstate(all="ignore"):
        return float(np.hypot(np.linalg.norm((a - b)[fine]), np.sqrt(odd) * (1 + max(_top(a), _top(b)))))


def _top(a: Array) -> float:
    size = np.abs(a)
    return float(size[np.isfinite(size)].max(initial=0.0))


def _close(a: Array, b: Array, rtol: float, top: float) -> bool:
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= rtol * max(top, 1e-300)
    if near.all():
        return True
    odd = ~np.isfinite(a) | ~np.isfinite(b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return bool((near | (odd & same)).all())


def candidates(left: tuple[int, ...], right: tuple[int, ...]) -> Iterator[Layout]:
    """Layouts by reshape, then by an exchange of axes of either side; each once."""
    size = int(np.prod(left, dtype=np.int64))
    if size != int(np.prod(right, dtype=np.int64)):
        return
    yield Layout(left, right, None)
    seen: set[bytes] = set()
    place = np.arange(size)
    thin_left, thin_right = (tuple(n for n in shape if n > 1) for shape in (left, right))
    for axes in _exchanges(len(thin_left)):
        order = place.reshape(thin_left).transpose(axes).reshape(-1)
        if _fits(thin_left, axes, thin_right) and _new(order, seen):
            yield Layout(left, right, order)
    for axes in _exchanges(len(thin_right)):
        if not _fits(thin_right, axes, thin_left):
            continue
        order = np.empty(size, np.int64)
        order[place.reshape(thin_right).transpose(axes).reshape(-1)] = place
        if _new(order, seen):
            yield Layout(left, right, order)


def _exchanges(count: int) -> Iterator[tuple[int, ...]]:
    if 2 <= count <= _AXES:
        yield from list(permutations(range(count)))[1:]


def _fits(shape: tuple[int, ...], axes: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether the exchanged shape can be the other one with axes split or merged: every boundary of one is in both."""
    turned = np.cumprod([shape[k] for k in axes]).tolist()
    wanted = np.cumprod(other).tolist()
    return set(turned) <= set(wanted) or set(wanted) <= set(turned)


def _new(order: Array, seen: set[bytes]) -> bool:
    key = order.tobytes() if order.size <= 1 << 16 else order[:: max(1, order.size >> 14)].tobytes()
    if key in seen:
        return False
    seen.add(key)
    return True


def find(a: Array, b: Array, rtol: float) -> Layout | None:
    """The layout under which a is b within rtol of the largest entry; None where their entries are not the same."""
    for layout in candidates(a.shape, b.shape):
        if close(layout.to_right(a), b, rtol):
            return layout
    return entries(a, b, rtol)


def entries(a: Array, b: Array, rtol: float) -> Layout | None:
    """The order of single entries in which a is b; None where several are equal, or the entries are others."""
    x, y = a.reshape(-1), b.reshape(-1)
    if x.size != y.size or x.size < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    p, q = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    if not close(x[p], y[q], rtol):
        return None
    gaps = np.abs(np.diff(x[p]))
    if (gaps <= 2 * rtol * _top(x)).any():
        return None
    order = np.empty(x.size, np.int64)
    order[q] = p
    return Layout(a.shape, b.shape, order, axes=False)
