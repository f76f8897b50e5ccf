"""Seeded numbers that are the same on every platform.

PCG64 gives the bits; only `standard_normal` and `random` are drawn. Elementwise samples are rounded to 20 significant
bits, which hides the last-bit differences of mathematical libraries and makes them exact in single precision: a case
is run at the same point in float32 and float64. Products and sums go by real components and without BLAS, whose
rounding depends on the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Shape: TypeAlias = tuple[int, ...]

BITS = 20


def tidy(x: Array) -> Array:
    """x (float64 or complex128) rounded to 20 significant bits, component by component."""
    if np.iscomplexobj(x):
        return join(tidy(x.real), tidy(x.imag))
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(mantissa * 2.0**BITS) / 2.0**BITS, exponent)


def join(re: Array, im: Array) -> Array:
    """re + i im as complex128, by component."""
    out = np.empty(np.broadcast_shapes(np.shape(re), np.shape(im)), np.complex128)
    out.real, out.imag = re, im
    return out


def times(a: Array, b: Array) -> Array:
    """a * b by real components, so that no processor fuses a multiplication with an addition."""
    if np.iscomplexobj(a) and np.iscomplexobj(b):
        return join(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real)
    if np.iscomplexobj(a):
        return join(a.real * b, a.imag * b)
    if np.iscomplexobj(b):
        return join(a * b.real, a * b.imag)
    return a * b


def matmul(a: Array, b: Array) -> Array:
    """a @ b over the last two axes, summed in the order of the index."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    complex_result = np.iscomplexobj(a) or np.iscomplexobj(b)
    out: Array = np.zeros((*lead, a.shape[-2], b.shape[-1]), np.complex128 if complex_result else np.float64)
    for k in range(a.shape[-1]):
        out = out + times(a[..., :, k, None], b[..., None, k, :])
    return out


def adjoint(a: Array) -> Array:
    """Conjugate transpose of the last two axes."""
    return np.conj(np.swapaxes(a, -1, -2))


class Draws:
    """A stream of seeded numbers. Every method takes a shape and returns float64, complex128 or int64 arrays."""

    def __init__(self, seed: Sequence[int]) -> None:
        self._generator = np.random.Generator(np.random.PCG64(list(seed)))

    def unit(self, shape: Shape) -> Array:
        """Uniform on [0, 1), multiples of 2**-20."""
        return np.floor(self._generator.random(shape) * 2.0**BITS) / 2.0**BITS

    def uniform(self, shape: Shape, low: float, high: float) -> Array:
        """Uniform on [low, high], rounded to 20 bits."""
        return np.clip(tidy(low + self.unit(shape) * (high - low)), low, high)

    def normal(self, shape: Shape, is_complex: bool = False) -> Array:
        """Standard normal; real and imaginary part each where complex."""
        re = tidy(np.asarray(self._generator.standard_normal(shape)))
        return join(re, self.normal(shape)) if is_complex else re

    def integers(self, shape: Shape, low: int, high: int) -> Array:
        """Uniform on low..high, both included."""
        return (low + np.floor(self._generator.random(shape) * (high - low + 1))).astype(np.int64)

    def signs(self, shape: Shape) -> Array:
        """+1.0 or -1.0."""
        return np.where(self._generator.random(shape) < 0.5, -1.0, 1.0)

    def order(self, shape: Shape) -> Array:
        """A permutation of 0..n-1 along the last axis, int64."""
        return np.argsort(self._generator.random(shape), axis=-1, kind="stable").astype(np.int64)

    def direction(self, shape: Shape) -> Array:
        """A complex number of modulus 1 (to rounding): a normal vector divided by its length."""
        x, y = self.normal(shape), self.normal(shape)
        length = np.sqrt(x * x + y * y)
        safe = np.where(length > 0, length, 1.0)
        return join(np.where(length > 0, x / safe, 1.0), y / safe)

    def orthonormal(self, lead: Shape, rows: int, columns: int, is_complex: bool) -> Array:
        """Orthonormal columns (rows >= columns), by Gram and Schmidt; the second pass removes what rounding left."""
        q = self.normal((*lead, rows, columns), is_complex)
        for k in range(columns):
            column = q[..., :, k : k + 1]
            for _ in range(2 if k else 0):
                done = q[..., :, :k]
                column = column - matmul_columns(done, matmul_rows(done, column))
            length = np.sqrt(np.add.reduce(column.real**2 + column.imag**2, axis=-2, keepdims=True))
            q[..., :, k : k + 1] = times(column, 1.0 / length)
        return q


def matmul_rows(q: Array, column: Array) -> Array:
    """q^H column, q (..., n, k), column (..., n, 1) -> (..., k, 1)."""
    coefficients: Array = np.add.reduce(times(np.conj(q), column), axis=-2)
    return coefficients[..., None]


def matmul_columns(q: Array, coefficients: Array) -> Array:
    """q coefficients, q (..., n, k), coefficients (..., k, 1) -> (..., n, 1)."""
    combined: Array = np.add.reduce(times(q, np.swapaxes(coefficients, -1, -2)), axis=-1)
    return combined[..., None]
