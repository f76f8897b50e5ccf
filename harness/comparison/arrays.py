"""How two arrays of a user's function are related: equal, conjugated, a factor, a transposition, half of it lost.

Everything is measured against the largest entry of an array, not entry by entry: an activation that cancels to nearly
zero is accurate to the rounding of what was added up, and nobody's mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_MOST_AXES = 4  # 24 permutations; a fifth axis would make it 120
_LARGE = 1 << 20  # entries of an array whose axes are not turned where its shape fits as it is


@dataclass(frozen=True)
class Related:
    """What was found of two arrays.

    relation: "equal", "conjugate", "negated", "negated-conjugate", "factor", "complex-factor", "real-part",
        "imag-part", "zero", "square", "shape", "none". left stands in that relation to right: left = conj(right).
    axes: the permutation of right's axes under which it holds; () where no transposition is needed.
    factor: left / right, for "factor" and "complex-factor".
    turned: "" or "right": for "real-part", "imag-part", "zero", "square" the side that has lost something, or is the
        square.
    largest: largest difference of an entry (as they are, after `axes`), divided by the largest entry of either.
    where: flat index of that entry in left; -1 where there is none.
    """

    relation: str
    axes: tuple[int, ...] = ()
    factor: complex = 1.0
    side: str = ""
    largest: float = 0.0
    where: int = -1

    @property
    def same(self) -> bool:
        """Whether nothing is different, an order of axes apart."""
        return self.relation == "equal"


def tolerance(*arrays: Array, rtol: float | None = None) -> float:
    """Relative to the largest entry: rtol, else the square root of the spacing of 1 in the narrowest dtype."""
    if rtol is not None:
        return rtol
    eps = [float(np.finfo(a.dtype).eps) for a in arrays if a.dtype.kind in "fc"]
    return float(max(eps, default=0.0) ** 0.5)


def related(left: Array, right: Array, *, rtol: float | None = None, values: bool = False) -> Related:
    """Relate two arrays; `values` tries what only makes sense for values (one is the square of the other).

    left, right: numbers of any dtype and shape; shapes may differ by the order of axes and by axes of length one.
    """
    left, right = np.asarray(left), np.asarray(right)
    tol = tolerance(left, right, rtol=rtol)
    if left.size != right.size:
        return Related("shape")
    first: Related | None = None
    for axes, turned in _layouts(left, right):
        found = _related(left, turned, tol, values)
        if found.same:
            return _with(found, axes)
        if first is None or (first.relation == "none" and found.relation != "none"):
            first = _with(found, axes)
    return first or Related("shape")


def in_layout(array: Array, axes: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """right's array in left's order of axes."""
    return (array.transpose(axes) if axes else array).reshape(shape)


def _with(found: Related, axes: tuple[int, ...]) -> Related:
    return Related(found.relation, axes, found.factor, found.side, found.largest, found.where)


def _layouts(left: Array, right: Array) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Orders of right's axes that give left's shape, the given one first."""
    if left.shape == right.shape or _core(left.shape) == _core(right.shape):
        yield (), right.reshape(left.shape)
    if right.ndim <= _MOST_AXES and (left.shape != right.shape or left.size <= _LARGE):
        for axes in permutations(range(right.ndim)):
            if axes == tuple(range(right.ndim)):
                continue
            turned = right.transpose(axes)
            if turned.shape == left.shape:
                yield axes, turned


def _core(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _related(left: Array, right: Array, tol: float, values: bool) -> Related:
    a, b = (x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in (left, right))
    largest, where = distance(a, b)
    if largest <= tol:
        return Related("equal", largest=largest, where=where)

    def said(relation: str, factor: complex = 1.0, side: str = "") -> Related:
        return Related(relation, (), factor, side, largest, where)

    def near(x: Array, y: Array) -> bool:
        return distance(x, y)[0] <= tol

    complex_ = "c" in (a.dtype.kind, b.dtype.kind)
    if not np.any(a) or not np.any(b):
        return said("zero", side="right" if np.any(a) else "left")
    if complex_:
        if near(a, b.conj()):
            return said("conjugate")
        for word, part in (("real-part", np.real), ("imag-part", np.imag)):
            for side, whole, half in (("right", a, b), ("left", b, a)):
                if near(part(whole).astype(whole.dtype), half) and np.any(part(whole)):
                    return said(word, side=side)
    if near(a, -b):
        return said("negated")
    if complex_ and near(a, -b.conj()):
        return said("negated-conjugate")
    if values:
        for side, whole, root in (("left", a, b), ("right", b, a)):
            if a.size > 1 and near(whole, np.square(root)):
                return said("square", side=side)
    factor = _factor(a, b)
    if factor is not None and a.size > 1 and near(a, factor * b):
        plain = abs(factor.imag) <= tol * abs(factor)
        return said("factor" if plain else "complex-factor", factor.real if plain else factor)
    if factor is not None and a.size == 1 and _simple(factor, tol):
        return said("factor", factor.real)
    if a.size == 1 and values:  # any two numbers have a ratio; one that is a square says more
        for side, whole, root in (("left", a, b), ("right", b, a)):
            if near(whole, np.square(root)):
                return said("square", side=side)
    return said("none")


def _simple(factor: complex, tol: float) -> bool:
    """Whether a ratio of two numbers is one that somebody may have written: a small whole number or its inverse."""
    ratio = abs(factor)
    whole = max(ratio, 1 / ratio) if ratio else 0.0
    return abs(factor.imag) <= tol * ratio and whole <= 16.5 and abs(whole - round(whole)) <= tol * whole


def distance(a: Array, b: Array) -> tuple[float, int]:
    """(largest difference of an entry over the largest finite entry of both, its flat index); NaN equals NaN alone.

    A NaN or an infinity that one side lacks counts as infinitely far.
    """
    if a.size == 0:
        return 0.0, -1
    x, y = a.reshape(-1), b.reshape(-1)
    finite = np.isfinite(x) & np.isfinite(y)
    odd = ~finite & ~_same(x, y)
    if odd.any():
        return float("inf"), int(np.flatnonzero(odd)[0])
    scale = max((float(np.max(np.abs(v[finite]))) for v in (x, y) if finite.any()), default=0.0)
    gap = np.zeros(x.size)
    gap[finite] = np.abs(x[finite] - y[finite])
    where = int(np.argmax(gap))
    if gap[where] == 0:
        return 0.0, -1
    return float(gap[where] / scale), where


def _same(x: Array, y: Array) -> Array:
    """Per entry and per component: the same number or NaN on both sides."""

    def component(p: Array, q: Array) -> Array:
        return np.asarray((p == q) | (np.isnan(p) & np.isnan(q)))

    return component(x.real, y.real) & component(x.imag, y.imag)


def _factor(a: Array, b: Array) -> complex | None:
    """The least-squares c of a = c b over the finite entries."""
    finite = np.isfinite(a) & np.isfinite(b)
    x, y = a[finite], b[finite]
    norm = float(np.vdot(y, y).real) if y.size else 0.0
    return complex(np.vdot(y, x) / norm) if norm > 0 else None


def words(found: Related, left: str, right: str) -> str:
    """The relation as a clause: "torch's is the conjugate of jax's"."""
    ratio = f"{found.factor.real:.6g}" if not found.factor.imag else f"({found.factor:.4g})"
    lost, whole = (left, right) if found.side == "left" else (right, left)
    said = {
        "equal": "equal",
        "conjugate": f"{left}'s is the conjugate of {right}'s",
        "negated": f"{left}'s is minus {right}'s",
        "negated-conjugate": f"{left}'s is minus the conjugate of {right}'s",
        "factor": f"{left}'s is {ratio} times {right}'s",
        "complex-factor": f"{left}'s is {ratio} times {right}'s",
        "real-part": f"{lost}'s is only the real part of {whole}'s",
        "imag-part": f"{lost}'s is only the imaginary part of {whole}'s",
        "zero": f"{lost}'s is zero, {whole}'s is not",
        "square": f"{lost}'s is the square of {whole}'s",
        "shape": "the shapes differ",
        "none": f"they differ by {found.largest:.2g} of the largest entry" if np.isfinite(found.largest)
        else "one has a NaN or an infinity where the other has a number",
    }[found.relation]
    if found.axes:
        said += f" with {right}'s axes in the order {', '.join(map(str, found.axes))}"
    return said
