"""Sets that inputs lie in: symmetric, Hermitian, positive definite and triangular matrices, simplices, spheres.

A covariance that is moved at random is no covariance any more: code refuses it, or reads one triangle of it. What a
set knows is how to turn any direction into one along which its arrays stay in it, and, where it is curved, the way
back. Matrices are the last two axes; the axes before them are a batch.

Tangent spaces: Absil, Mahony and Sepulchre, "Optimization Algorithms on Matrix Manifolds" (2008), chapters 3 and 4;
positive definite matrices and simplices are moved in the metric in which their border is infinitely far away (Bhatia,
"Positive Definite Matrices" (2007), chapter 6; Amari, "Information Geometry" (2016), chapter 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from harness.wirtinger import Array

#: An array lies in a set to this many eps of its size.
_CLOSE = 64.0
#: Larger matrices are not looked at.
_LARGEST = 1024


@dataclass(frozen=True)
class Set:
    """A set and, of simplices and spheres, the axes over which numbers sum to one (their squares to one number).

    word: as people read it; it ends a sentence "C is ...".
    """

    word: str
    axes: tuple[int, ...] = ()

    @property
    def open(self) -> bool:
        """Whether all directions stay in it, if only they are short enough."""
        return self.word in ("positive", "between 0 and 1")

    @property
    def curved(self) -> bool:
        return self.word in ("of unit norm", "orthogonal", "unitary")

    @property
    def way(self) -> str:
        """What a direction along it is called."""
        return {
            "symmetric positive definite": "symmetric", "Hermitian positive definite": "Hermitian",
            "of unit norm": "tangential", "orthogonal": "tangential", "unitary": "tangential",
            "a simplex (sums to 1)": "sum-preserving",
        }.get(self.word, self.word)

    def tangent(self, at: Array, direction: Array) -> Array:
        """The part of a direction that stays in the set, to first order, in the plain metric."""
        d: Array = np.asarray(direction)
        if self.word.startswith(("symmetric", "complex symmetric")):
            return np.asarray((d + np.swapaxes(d, -1, -2)) / 2)
        if self.word.startswith("Hermitian"):
            return np.asarray((d + np.swapaxes(d, -1, -2).conj()) / 2)
        if self.word in _MASKS:
            return np.asarray(np.where(_MASKS[self.word](at.shape[-1]), d, 0))
        if self.word.startswith("a simplex"):
            kept = np.where(at > 0, d, 0)
            count = (at > 0).sum(axis=self.axes, keepdims=True)
            return np.asarray(np.where(at > 0, kept - kept.sum(axis=self.axes, keepdims=True) / count, 0))
        if self.word == "of unit norm":
            inner = np.real(np.sum(at.conj() * d, axis=self.axes, keepdims=True))
            size = np.sum(np.abs(at) ** 2, axis=self.axes, keepdims=True)
            return np.asarray(d - at * (inner / np.where(size == 0, 1, size)))
        if self.word in ("orthogonal", "unitary"):
            inner = np.swapaxes(at, -1, -2).conj() @ d
            return np.asarray(at @ (inner - np.swapaxes(inner, -1, -2).conj()) / 2)
        return d

    def step(self, at: Array, direction: Array, random: bool = False) -> Array:
        """A direction along the set, of a length such that `at` stays in it for a quarter of the step.

        A difference d of two gradients becomes a step along which they still predict different numbers: the inner
        product of d and of the step is not negative, and zero only where the tangent part of d is. random: the
        direction is one of random numbers, and all directions of the set are to be as likely.
        """
        like = np.asarray(direction).dtype
        wide = np.asarray(direction, np.complex128 if like.kind == "c" else np.float64)
        x = np.asarray(at, wide.dtype if wide.dtype.kind == "c" or at.dtype.kind == "c" else np.float64)
        with np.errstate(all="ignore"):
            made = self._step(x, wide, random)
        return np.asarray(made).astype(like)

    def _step(self, x: Array, d: Array, random: bool) -> Array:
        if self.word.endswith("positive definite"):
            root = np.linalg.cholesky(x)
            inner = self.tangent(x, d if random else np.swapaxes(root, -1, -2).conj() @ d @ root)
            size = np.sqrt(np.sum(np.abs(inner) ** 2, axis=(-1, -2), keepdims=True))
            return np.asarray(root @ (inner / _nonzero(size)) @ np.swapaxes(root, -1, -2).conj())
        if self.word.startswith("a simplex"):
            moved = x * (d - np.sum(x * d, axis=self.axes, keepdims=True))  # (its sum is zero, as that of x is one)
            room = np.max(np.abs(moved) / np.where(x > 0, x, 1), axis=self.axes, keepdims=True)
            return np.asarray(moved / _nonzero(room))
        if self.word in ("positive", "between 0 and 1"):
            room = x if self.word == "positive" else x * (1 - x)
            return room * d / _nonzero(np.max(np.abs(d)))
        out = self.tangent(x, d)
        if self.word in _MASKS:  # the diagonal of a factor stays positive
            diagonal = np.eye(x.shape[-1], dtype=bool) & (np.real(x) > 0)
            scale = np.abs(x) / _nonzero(np.max(np.abs(d)))
            out = np.where(diagonal, scale * np.real(d), out)
        return out

    def back(self, moved: Array) -> Array:
        """The array of a curved set that belongs to one beside it; any other as it is."""
        if self.word == "of unit norm":
            return moved / _nonzero(np.sqrt(np.sum(np.abs(moved) ** 2, axis=self.axes, keepdims=True)))
        if self.word in ("orthogonal", "unitary"):
            left, _, right = np.linalg.svd(moved)
            return np.asarray(left @ right)
        return moved


def _lower(n: int) -> Array:
    return np.tril(np.ones((n, n), bool))


_MASKS: dict[str, Callable[[int], Array]] = {
    "lower triangular": _lower, "upper triangular": lambda n: _lower(n).T, "diagonal": lambda n: np.eye(n, dtype=bool),
}


def _nonzero(size: Array) -> Array:
    return np.where(size == 0, 1, size)


def sets(array: Array) -> Iterator[Set]:
    """The sets that an array lies in, those with the most directions first."""
    if array.dtype.kind not in "fc" or array.size < 2 or not np.isfinite(array).all():
        return
    real = array.dtype.kind == "f"
    if real and (array > 0).all():
        yield Set("between 0 and 1") if (array < 1).all() else Set("positive")
    if array.ndim >= 2 and array.shape[-1] == array.shape[-2] and 2 <= array.shape[-1] <= _LARGEST:
        yield from _matrices(array)
    if real and (array >= 0).all() and (array <= 1).all():
        yield from (Set("a simplex (sums to 1)", axes) for axes in _axes(array) if _ones(array.sum(axes), array))
    for axes in _axes(array):
        if _ones(np.sum(np.abs(array.astype(_wide(array))) ** 2, axis=axes), array):
            yield Set("of unit norm", axes)


def _matrices(a: Array) -> Iterator[Set]:
    size = float(np.abs(a).max())
    if size == 0:
        return
    slack = _CLOSE * float(np.finfo(a.dtype).eps) * size
    turned = np.swapaxes(a, -1, -2)
    real = a.dtype.kind == "f"
    word = "symmetric" if real else "Hermitian"
    if (np.abs(a - turned.conj()) <= slack).all():
        yield Set(f"{word} positive definite") if _definite(a) else Set(word)
    elif not real and (np.abs(a - turned) <= slack).all():
        yield Set("complex symmetric")
    n = a.shape[-1]
    flat = [word for word, mask in _MASKS.items() if not np.where(mask(n), 0, a).any()]
    yield from (Set(word) for word in flat if word != "diagonal")
    inner = np.swapaxes(a, -1, -2).conj() @ a
    if (np.abs(inner - np.eye(n)) <= _CLOSE * n * float(np.finfo(a.dtype).eps)).all():
        yield Set("orthogonal" if real else "unitary")
    yield from (Set(word) for word in flat if word == "diagonal")


def _definite(a: Array) -> bool:
    try:
        np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return False
    return bool((np.linalg.eigvalsh(a) > 0).all())


def _axes(array: Array) -> Iterator[tuple[int, ...]]:
    """Each axis that has more than one entry, the last first; then all together."""
    yield from ((k,) for k in reversed(range(array.ndim)) if array.shape[k] > 1)
    if array.ndim > 1:
        yield tuple(range(array.ndim))


def _ones(sums: Array, array: Array) -> bool:
    return bool((np.abs(sums - 1) <= _CLOSE * float(np.finfo(array.dtype).eps)).all())


def _wide(array: Array) -> type:
    return np.complex128 if array.dtype.kind == "c" else np.float64
