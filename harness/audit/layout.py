"""How an array of one side is laid out on the other: its axes in another order, split or merged. Structure alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from harness.wirtinger import Array

Axes = tuple[int, ...]
Shape = tuple[int, ...]
#: Arrays of more axes are compared as they are.
_MAX_AXES = 5


@dataclass(frozen=True)
class Layout:
    """torch's array is JAX's after: reshape to `split`, transpose by `axes`, reshape to `merged`.

    () and None stand for "as it is".
    """

    axes: Axes = ()
    split: Shape | None = None
    merged: Shape | None = None

    def to_jax(self, array: Array) -> Array:
        seen = array if self.split is None else array.reshape(self.split)
        turned = np.transpose(seen, self.axes) if self.axes else seen
        return turned if self.merged is None else turned.reshape(self.merged)

    def to_torch(self, array: Array, shape: Shape) -> Array:
        """The way back; shape: torch's."""
        seen = shape if self.split is None else self.split
        whole = array if self.merged is None else array.reshape([seen[k] for k in self.axes] if self.axes else seen)
        turned = np.transpose(whole, np.argsort(self.axes)) if self.axes else whole
        return turned if self.split is None else turned.reshape(shape)

    @property
    def words(self) -> str:
        order = "" if not self.axes else "transposed" if self.axes == (1, 0) else f"axes {list(self.axes)}"
        shape = self.merged if self.split is None else self.split
        split = "" if shape is None else f"as {list(shape)}"
        return ", ".join(filter(None, (split, order)))


PLAIN = Layout()


def layouts(torch: Shape, jax: Shape) -> Iterator[Layout]:
    """Every layout under which an array of torch's shape has JAX's, the plain one first."""
    if len(torch) == len(jax):
        if sorted(torch) == sorted(jax) and len(torch) <= _MAX_AXES:
            plain = tuple(range(len(torch)))
            yield from (Layout(() if p == plain else p) for p in permutations(plain)
                        if tuple(torch[k] for k in p) == jax)
        return
    high, low = (torch, jax) if len(torch) > len(jax) else (jax, torch)
    if len(high) > _MAX_AXES or int(np.prod(high)) != int(np.prod(low)):
        return
    if not low:  # one number, in an array or not
        yield Layout((), None, ()) if high is torch else Layout((), high, None)
        return
    for groups in _groups(len(high), len(low)):
        fused = tuple(int(np.prod([high[k] for k in g])) for g in groups)
        if sorted(fused) != sorted(low):
            continue
        for order in permutations(range(len(low))):
            if tuple(fused[k] for k in order) != low:
                continue
            if high is torch:  # axis j of JAX is group order[j] of torch's axes
                axes = tuple(k for j in order for k in groups[j])
                yield Layout(() if axes == tuple(range(len(high))) else axes, None, low)
            else:  # axis order.index(g) of low is group g of high
                place = [order.index(g) for g in range(len(groups))]
                split = tuple(high[k] for j in np.argsort(place) for k in groups[j])
                axes = _axes_from(groups, order)
                yield Layout(() if axes == tuple(range(len(high))) else axes, split, None)


def _axes_from(groups: list[list[int]], order: tuple[int, ...]) -> Axes:
    """Where each of JAX's axes lies among those of torch's array once it is split (groups in torch's order)."""
    where: dict[int, int] = {}
    for j in order:
        for k in groups[j]:
            where[k] = len(where)
    return tuple(where[k] for k in range(len(where)))


def _groups(high: int, low: int) -> Iterator[list[list[int]]]:
    """All ways to fuse neighbouring axes so that `low` are left; none for a scalar, which has its own way."""
    if low == 0:
        if high == 0:
            yield []
        return
    for size in range(1, high - low + 2):
        for rest in _groups(high - size, low - 1):
            yield [list(range(size)), *[[k + size for k in g] for g in rest]]


def equal(a: Array, b: Array) -> bool:
    """The same numbers, in the narrower of the two precisions; NaN equals NaN."""
    if a.shape != b.shape or (a.dtype.kind in "fc") != (b.dtype.kind in "fc"):
        return False
    if a.dtype.kind == "c" and b.dtype.kind == "f":
        return bool(np.array_equal(a, b))
    with np.errstate(all="ignore"):
        if a.dtype.kind != b.dtype.kind or a.dtype == b.dtype:
            return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
        narrow = min(a.dtype, b.dtype, key=lambda d: d.itemsize)
        return bool(np.array_equal(a.astype(narrow), b.astype(narrow), equal_nan=a.dtype.kind in "fc"))


def same(torch: Array, jax: Array) -> Layout | None:
    """The layout under which both hold the same numbers; the plain one where several do. None where none does."""
    if torch.size != jax.size:
        return None
    return next((way for way in layouts(torch.shape, jax.shape) if equal(way.to_jax(torch), jax)), None)


def constant(array: Array) -> bool:
    """Whether all entries are one number: what such an array is cannot be told from its values."""
    return array.size < 2 or bool((array == array.reshape(-1)[0]).all())


def likely(torch: Array, jax: Array, torch_name: str, jax_name: str) -> Layout | None:
    """How torch's array is probably laid out on the JAX side, where the values do not say; None where no way fits.

    A square kernel counts as transposed if it goes by Flax's name and torch's does not; the kernel of a convolution is
    (out, in, ...) in torch and (..., in, out) in Flax and Keras.
    """
    ways = list(layouts(torch.shape, jax.shape))
    if not ways:
        return None
    turned = jax_name.endswith("kernel") and not torch_name.endswith("kernel")
    if len(ways) > 1 and torch.ndim == 2 and turned:
        found = next((w for w in ways if w.axes and w.axes != tuple(range(len(w.axes)))), None)
        if found is not None:
            return found
    usual = (*range(2, torch.ndim), 1, 0)
    if turned and torch.ndim > 2 and any(w.axes == usual and w.split is None and w.merged is None for w in ways):
        return Layout(usual)
    if not ways[0].axes or len(ways) == 1:
        return ways[0]
    return None
