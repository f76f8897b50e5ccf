"""One shape for everything that is compared: a batch of blocks, (pairs, m, n, c).

A block is what a person calls one entry: the c real components of the derivative of complex output number i with
respect to complex input number j.  For a differential J they are u_x, u_y, v_x, v_y, less what a real input or
output drops; for a value, a gradient or a raw Jacobian they are the real and the imaginary part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Form:
    """How components are to be read.

    matrix: True for a real matrix J (rows u then v, columns x then y), False for an array of numbers.
    m, n: blocks along outputs and inputs.  n is 1 for anything that is not a matrix of derivatives.
    out_complex, in_complex: of a matrix; for an array `out_complex` says whether its numbers are complex.
    """

    matrix: bool
    m: int
    n: int
    out_complex: bool = False
    in_complex: bool = False

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """(row part, column part) of every component: 0 for u or x, 1 for v or y."""
        if not self.matrix:
            return ((0, 0), (1, 0)) if self.out_complex else ((0, 0),)
        return tuple((o, i) for o in range(1 + self.out_complex) for i in range(1 + self.in_complex))

    @property
    def names(self) -> tuple[str, ...]:
        """What a component is called in a note."""
        if not self.matrix:
            return ("real part", "imaginary part") if self.out_complex else ("entry",)
        return tuple("uv"[o] + "_" + "xy"[i] for o, i in self.places)

    @cached_property
    def conjugations(self) -> tuple[tuple[str, Array], ...]:
        """(in words, signs of the components): D = diag(1, -1) on the input side, on the output side, on both."""
        if not self.matrix:
            return (("", np.array([1.0, -1.0])),) if self.out_complex else ()
        found: list[tuple[str, Array]] = []
        both = self.in_complex and self.out_complex
        if both:
            # First, because it is what a whole result left in the other convention looks like.
            found.append(("on the input and the output side", self._signs(lambda o, i: (o + i) % 2)))
        if self.in_complex:
            found.append(("on the input side", self._signs(lambda o, i: i)))
        if self.out_complex:
            found.append(("on the output side", self._signs(lambda o, i: o)))
        return tuple(found)

    @cached_property
    def parts(self) -> tuple[tuple[str, str, Array], ...]:
        """(word of `relation`, in words, mask of the components that survive) of every way to lose half of a block."""
        if not self.matrix:
            if not self.out_complex:
                return ()
            keep = np.array([True, False])
            return ("real-part", "the imaginary part", keep), ("imag-part", "the real part", ~keep)
        found: list[tuple[str, str, Array]] = []

        def add(what: str, odd: Array) -> None:
            found.append(("real-part", f"the imaginary part{what}", ~odd))
            found.append(("imag-part", f"the real part{what}", odd))

        if self.in_complex:
            add(" of the gradient (columns y)", self._mask(lambda o, i: i))
        if self.out_complex:
            add(" of the output (rows v)", self._mask(lambda o, i: o))
        if self.in_complex and self.out_complex:
            add(" of a complex derivative (u_y and v_x)", self._mask(lambda o, i: (o + i) % 2))
        return tuple(found)

    def _mask(self, odd: Any) -> Array:
        return np.array([bool(odd(o, i)) for o, i in self.places])

    def _signs(self, odd: Any) -> Array:
        return np.where(self._mask(odd), -1.0, 1.0)

    def blocks(self, components: Array) -> Array:
        """(P, all components in J's or `components`' order) -> (P, m, n, c)."""
        count = components.shape[0]
        if self.matrix:
            a, b = 1 + self.out_complex, 1 + self.in_complex
            cube = components.reshape(count, a, self.m, b, self.n)
            return np.ascontiguousarray(cube.transpose(0, 2, 4, 1, 3)).reshape(count, self.m, self.n, a * b)
        parts = 1 + self.out_complex
        cube = components.reshape(count, parts, self.m, self.n)
        return np.ascontiguousarray(cube.transpose(0, 2, 3, 1))

    def widen(self, components: Array, out_complex: bool, in_complex: bool) -> Array:
        """Components of a result with fewer parts than this form, zeros where a real number stands for a complex one.

        out_complex, in_complex: of the result as it came.
        """
        count = components.shape[0]
        if not self.matrix:
            if self.out_complex and not out_complex:
                return np.concatenate([components, np.zeros_like(components)], axis=1)
            return components
        cube = components.reshape(count, 1 + out_complex, self.m, 1 + in_complex, self.n)
        if self.out_complex and not out_complex:
            cube = np.concatenate([cube, np.zeros_like(cube)], axis=1)
        if self.in_complex and not in_complex:
            cube = np.concatenate([cube, np.zeros_like(cube)], axis=3)
        return cube.reshape(count, -1)


def magnitudes(blocks: Array) -> Array:
    """(P, m, n) largest finite component of a block; infinities and NaN count as 0, they are compared as patterns."""
    if blocks.shape[-1] == 0:
        return np.zeros(blocks.shape[:3])
    size = np.abs(blocks)
    finite = np.isfinite(size)
    if not finite.all():
        size[~finite] = 0.0
    return _largest(size)


def _largest(size: Array) -> Array:
    """Maximum over the last axis; that axis is short, and a reduction over it would be slow."""
    out = size[..., 0]
    for k in range(1, size.shape[-1]):
        out = np.maximum(out, size[..., k])
    return np.asarray(out)


def scale(left: Array, right: Array, floor: Array | None = None) -> Array:
    """(P, m, n) size that rounding errors of a block are measured against.

    min(largest of its row, largest of its column), over both sides.  In a diagonal J (an elementwise function) that is
    the block itself, so an element of size 1e-200 is not hidden behind one of size 1e200; in a dense J an entry that
    cancels to rounding noise is judged against the numbers it was made from.  A block counts as a whole, so the noise
    in an imaginary part that ought to vanish is measured against the real part.
    floor: a further (P, m, n) lower bound, for sums whose terms are known.
    """
    size = magnitudes(left) if right is left else np.maximum(magnitudes(left), magnitudes(right))
    if size.size == 0:
        return size
    out = np.minimum(size.max(axis=2, keepdims=True), size.max(axis=1, keepdims=True))
    return np.asarray(out if floor is None else np.maximum(out, floor))


def same_pattern(left: Array, right: Array) -> Array:
    """(P, m, n, c): both finite, or both NaN, or the same infinity.  NaN never equals a number."""
    finite = np.isfinite(left) & np.isfinite(right)
    return finite if finite.all() else _pattern(left, right, finite)


def _pattern(left: Array, right: Array, finite: Array) -> Array:
    both_nan = np.isnan(left) & np.isnan(right)
    return np.asarray(finite | both_nan | (np.isinf(left) & (left == right)))


def differences(left: Array, right: Array) -> Array:
    """|left - right| where both are finite, 0 elsewhere (patterns are judged apart; inf - inf must not make a NaN)."""
    finite = np.isfinite(left) & np.isfinite(right)
    return _apart(left, right, None if finite.all() else finite)


def _apart(left: Array, right: Array, finite: Array | None) -> Array:
    with np.errstate(over="ignore"):
        if finite is None:
            return np.asarray(np.abs(left - right))
        return np.asarray(np.abs(np.where(finite, left, 0.0) - np.where(finite, right, 0.0)))


def close(left: Array, right: Array, relative: float, tiny: float, floor: Array | None = None) -> Array:
    """(P, m, n, c): equal to the relative tolerance, or apart by less than the smallest normal number `tiny`."""
    finite = np.isfinite(left) & np.isfinite(right)
    whole = bool(finite.all())
    delta = _apart(left, right, None if whole else finite)
    near = (delta <= relative * scale(left, right, floor)[..., None]) | (delta < tiny)
    return np.asarray(near if whole else near & _pattern(left, right, finite))


def real_note(left: bool, right: bool, what: str) -> str:
    """What is said of a pair of which one side is real; "" of any other."""
    return "" if left == right else f"{what} is real on the {'right' if left else 'left'}, complex on the other side"


def dimensions(size: int, in_size: int, kind: str) -> tuple[int, int]:
    """(m, n) of an array: a Jacobian or Hessian is a matrix of outputs by inputs, anything else a list."""
    matrix = kind.startswith("jacobian") or kind == "hessian"
    if matrix and in_size > 0 and size % in_size == 0:
        return size // in_size, in_size
    return size, 1
