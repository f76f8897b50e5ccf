"""How two arrays are related: equal, conjugated, a factor, transposed, half of it lost. One answer for every screen.

`norm` says what a difference is measured against: "largest", the largest entry of either array, for activations and
gradients (what cancels to nearly zero is accurate to the rounding of what was added up, and nobody's mistake), or
"entry", the larger of the two entries that differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Norm = Literal["largest", "entry"]

_MOST_AXES = 4  # 24 permutations; a fifth axis would make it 120
_LARGE = 1 << 20  # entries of an array whose axes are not turned where its shape fits as it is
#: An array below this many eps of the other's largest entry is what rounding left of zero.
_ROUNDING = 64.0


@dataclass(frozen=True)
class Relation:
    """What was found of two arrays; left stands in that relation to right: left = conj(right).

    word: "equal", "conjugate", "negated", "negated-conjugate", "factor", "complex-factor", "modulus", "square",
        "permutation", "transposed", "adjoint", "real-part", "imag-part", "zero", "shape", "none".
    axes: the order of right's axes under which it holds; () where they are not turned. "transposed" and "adjoint" are
        equality and conjugation with turned axes; other words may carry axes too.
    factor: left / right, for "factor" and "complex-factor"; never zero, and never 1 to rounding.
    side: for "real-part", "imag-part", "modulus", "zero" the side that has lost something, for "square" the square.
    largest: largest difference of an entry (as they are, after `axes`), in the norm that was asked for.
    where: flat index of that entry in left; -1 where there is none.
    """

    word: str
    axes: tuple[int, ...] = ()
    factor: complex = 1.0
    side: str = ""
    largest: float = 0.0
    where: int = -1

    @property
    def same(self) -> bool:
        """Whether nothing is different, an order of axes apart."""
        return self.word in ("equal", "transposed")


def default_tolerance(*arrays: Array) -> float:
    """The square root of the spacing of 1 in the narrowest dtype."""
    return float(_eps(*arrays) ** 0.5)


def _eps(*arrays: Array) -> float:
    return max((float(np.finfo(a.dtype).eps) for a in arrays if a.dtype.kind in "fc"), default=0.0)


def relation(left: Array, right: Array, *, tolerance: float | None = None, norm: Norm = "largest") -> Relation:
    """Relate two arrays of numbers, of any dtype and shape; shapes may differ by the order of axes and by axes of
    length one. tolerance: of a relative difference (default: `default_tolerance`). NaN equals NaN alone.

    `equal` wins where several hold, and a relation that any two numbers have (a ratio) is believed of one number only
    where it is a plain one.
    """
    left, right = np.asarray(left), np.asarray(right)
    near = _Near(default_tolerance(left, right) if tolerance is None else tolerance, norm, _eps(left, right))
    if left.size != right.size:
        return Relation("shape")
    first: Relation | None = None
    for axes, turned in _layouts(left, right):
        found = replace(_related(left, turned, near), axes=axes)
        if found.word == "equal":
            return replace(found, word="transposed") if axes else found
        if first is None or (first.word == "none" and found.word != "none"):
            first = replace(found, word="adjoint") if axes and found.word == "conjugate" else found
    if first is None:
        return Relation("shape")
    return _permuted(left, right, near, first) if first.word == "none" and left.shape == right.shape else first


def in_layout(array: Array, axes: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """right's array in left's order of axes."""
    return (array.transpose(axes) if axes else array).reshape(shape)


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


@dataclass(frozen=True)
class _Near:
    """Whether two arrays are equal, by one tolerance in one norm."""

    tolerance: float
    norm: Norm
    eps: float

    def __call__(self, x: Array, y: Array) -> bool:
        return distance(x, y, self.norm)[0] <= self.tolerance


def _related(left: Array, right: Array, near: _Near) -> Relation:
    """Of two arrays of one shape, their axes as they are."""
    a, b = (x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in (left, right))
    largest, where = distance(a, b, near.norm)
    if largest <= near.tolerance:
        return Relation("equal", largest=largest, where=where)
    word, side, factor = _zero(a, b, near) or _turned(a, b, near) or _part(a, b, near) or _scaled(a, b, near)
    return Relation(word, (), factor, side, largest, where)


_Said = tuple[str, str, complex]  # word, side, factor


def _zero(a: Array, b: Array, near: _Near) -> _Said | None:
    """One side is zero, or what rounding leaves of it."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    x, y = float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0))
    small = _ROUNDING * near.eps * max(x, y)
    return ("zero", "left", 1.0) if x <= small else ("zero", "right", 1.0) if y <= small else None


def _turned(a: Array, b: Array, near: _Near) -> _Said | None:
    complex_ = "c" in (a.dtype.kind, b.dtype.kind)
    if complex_ and near(a, b.conj()):
        return "conjugate", "", 1.0
    if near(a, -b):
        return "negated", "", 1.0
    if complex_ and near(a, -b.conj()):
        return "negated-conjugate", "", 1.0
    return None


def _part(a: Array, b: Array, near: _Near) -> _Said | None:
    """One side is the real or imaginary part, or the modulus, of the other."""
    for side, whole, half in (("right", a, b), ("left", b, a)):
        if whole.dtype.kind == "c" and np.any(whole.imag):
            for word, part in (("real-part", whole.real), ("imag-part", whole.imag)):
                if np.any(part) and near(part.astype(whole.dtype), half):
                    return word, side, 1.0
        if not np.any(half.imag) and (half.real >= 0).all() and near(np.abs(whole), half.real):
            return "modulus", side, 1.0
    return None


def _scaled(a: Array, b: Array, near: _Near) -> _Said:
    """A constant ratio, real or complex; a square; or nothing."""
    ratio = _factor(a, b)
    with np.errstate(invalid="ignore"):  # infinity times a complex number
        constant = ratio is not None and ratio != 0 and near(a, ratio * b)
    if ratio is not None and constant:
        plain = abs(ratio.imag) <= near.tolerance * abs(ratio)
        weight = np.abs(b) > near.tolerance * np.abs(b).max()
        seen = int(weight.sum()) * (2 if plain and np.any(b[weight].imag) else 1)  # numbers that bear it out
        if _simple(ratio, near.tolerance) or (seen > 1 and not _squares(a, b, near)):
            return ("factor", "", ratio.real) if plain else ("complex-factor", "", ratio)
    side = _squares(a, b, near)
    return ("square", side, 1.0) if side else ("none", "", 1.0)


def _squares(a: Array, b: Array, near: _Near) -> str:
    """The side that is the square of the other, or of its modulus."""
    for side, whole, root in (("left", a, b), ("right", b, a)):
        if near(whole, np.square(root)) or (np.iscomplexobj(root) and near(whole, np.abs(root) ** 2)):
            return side
    return ""


def _permuted(left: Array, right: Array, near: _Near, otherwise: Relation) -> Relation:
    """The slices along one axis, in another order. They are put in order by one random projection of each."""
    if left.size < 2 or not (np.isfinite(left).all() and np.isfinite(right).all()):
        return otherwise
    for axis in range(left.ndim):
        if left.shape[axis] < 2:
            continue
        a, b = (np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1) for x in (left, right))
        random = np.random.default_rng(a.shape[1])
        weights = random.standard_normal(a.shape[1]) + 1j * random.standard_normal(a.shape[1])
        if near(a[np.argsort((a @ weights).real)], b[np.argsort((b @ weights).real)]):
            return replace(otherwise, word="permutation")
    return otherwise


def _simple(factor: complex, tolerance: float) -> bool:
    """Whether a ratio is one that somebody may have written: a whole number or its inverse, or that times i.

    A small one (1/2, 3, 16), or one that is a count of elements (a mean against a sum) and whole beyond any chance.
    """
    size = abs(factor)
    whole = max(size, 1 / size) if size else 0.0
    straight = min(abs(factor.imag), abs(factor.real)) <= tolerance * size
    believed = whole <= 16.5 or whole * tolerance < 1e-4
    return straight and believed and abs(whole - round(whole)) <= 4 * tolerance * whole


def distance(a: Array, b: Array, norm: Norm = "largest") -> tuple[float, int]:
    """(largest relative difference of an entry in a norm, its flat index); NaN equals NaN alone.

    A NaN or an infinity that one side lacks counts as infinitely far.
    """
    if a.size == 0:
        return 0.0, -1
    x, y = a.reshape(-1), b.reshape(-1)
    finite = np.isfinite(x) & np.isfinite(y)
    odd = ~finite & ~_same(x, y)
    if odd.any():
        return float("inf"), int(np.flatnonzero(odd)[0])
    gap = np.zeros(x.size)
    gap[finite] = np.abs(x[finite] - y[finite])
    if not gap.any():
        return 0.0, -1
    size = np.zeros(x.size)
    size[finite] = np.maximum(np.abs(x[finite]), np.abs(y[finite]))
    relative = gap / (size.max() if norm == "largest" else np.where(size == 0, 1.0, size))
    where = int(np.argmax(relative))
    return float(relative[where]), where


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


#: Each word as a clause about {left} and {right}, {half} and {whole} where one side has lost something.
_CLAUSES = {
    "equal": "equal",
    "transposed": "equal",
    "conjugate": "{left}'s is the conjugate of {right}'s",
    "adjoint": "{left}'s is the conjugate of {right}'s",
    "negated": "{left}'s is minus {right}'s",
    "negated-conjugate": "{left}'s is minus the conjugate of {right}'s",
    "factor": "{left}'s is {ratio} times {right}'s",
    "complex-factor": "{left}'s is {ratio} times {right}'s",
    "real-part": "{half}'s is only the real part of {whole}'s",
    "imag-part": "{half}'s is only the imaginary part of {whole}'s",
    "modulus": "{half}'s is the modulus of {whole}'s",
    "zero": "{half}'s is zero, {whole}'s is not",
    "square": "{half}'s is the square of {whole}'s",
    "permutation": "{left}'s has the entries of {right}'s in another order",
    "shape": "the shapes differ",
    "none": "they differ by {largest:.2g} of the largest entry",
}


def words(found: Relation, left: str, right: str) -> str:
    """The relation as a clause: "torch's is the conjugate of jax's"."""
    half, whole = (left, right) if found.side == "left" else (right, left)
    clause = _CLAUSES[found.word]
    if found.word == "none" and not np.isfinite(found.largest):
        clause = "one has a NaN or an infinity where the other has a number"
    said = clause.format(
        left=left, right=right, half=half, whole=whole, ratio=ratio_text(found.factor), largest=found.largest
    )
    if found.axes:
        said += f" with {right}'s axes in the order {', '.join(map(str, found.axes))}"
    return said


def ratio_text(factor: complex) -> str:
    """A ratio in digits: "2", "1/3" as 0.333333, "1j"; one that is nearly 1 by what it differs in: "(1 + 1e-06)"."""
    factor = complex(factor)
    if factor.imag:
        real, imag = f"{factor.real:.6g}", f"{factor.imag:.6g}"
        small = abs(factor.real) < 1e-6 * abs(factor.imag)
        return f"{imag}j" if small else f"({real}{'' if imag.startswith('-') else '+'}{imag}j)"
    shown = f"{factor.real:.6g}"
    if shown in ("1", "-1") and abs(factor.real) != 1:
        rest = abs(factor.real) - 1
        return f"{'-' if factor.real < 0 else ''}(1 {'+' if rest > 0 else '-'} {abs(rest):.2g})"
    return shown
