"""Discrete Fourier and cosine transforms, with NumPy's conventions (s, axes, norm)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from flint import acb, arb, ctx

from harness.reference.ball_arrays import Array, lift
from harness.reference.precision import Ball, NotInReference, state
from harness.reference.reductions import lines
from harness.reference.registry import portable


def _scale(n: int, norm: str | None, inverse: bool) -> Ball:
    """The factor in front of the sum."""
    if norm in (None, "backward"):
        return 1 / arb(n) if inverse else arb(1)
    if norm == "forward":
        return arb(1) if inverse else 1 / arb(n)
    if norm == "ortho":
        return arb(n).rsqrt()
    raise NotInReference(f"norm={norm!r} of a Fourier transform")


def roots(n: int) -> tuple[Ball, ...]:
    """exp(-2 pi i k / n) for k = 0 .. n - 1."""
    return _roots(n, ctx.prec)


@lru_cache(maxsize=64)
def _roots(n: int, bits: int) -> tuple[Ball, ...]:
    """At the precision in force, which is part of the key."""
    angles = [arb(2 * k) / n for k in range(n)]
    return tuple(acb(angle.cos_pi(), -angle.sin_pi()) for angle in angles)


def _sized(terms: list[Ball], n: int) -> list[Ball]:
    """Cut or padded with zeros to length n."""
    return terms[:n] + [acb(0)] * (n - len(terms))


def transformed(terms: list[Ball], norm: str | None, inverse: bool) -> list[Ball]:
    """The transform of a list by its definition."""
    n = len(terms)
    state.work(n * n >> 3)
    w: Sequence[Ball] = roots(n)
    if inverse:
        w = [z.conjugate() for z in w]
    factor = _scale(n, norm, inverse)
    return [sum((terms[j] * w[j * k % n] for j in range(1, n)), terms[0]) * factor for k in range(n)]


def _complex_line(x: Array, n: int | None, axis: int, norm: str | None, inverse: bool) -> Array:
    size = x.shape[axis] if n is None else n
    return lines(x.to_complex(), axis, lambda t: transformed(_sized(t, size), norm, inverse), "c")


@portable("fft")
def fft(x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    return _complex_line(lift(x), n, axis, norm, False)


@portable("ifft")
def ifft(x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    return _complex_line(lift(x), n, axis, norm, True)


def _need_real(x: Array, name: str) -> Array:
    if x.kind == "c":
        raise NotInReference(f"{name} of a complex array")
    return x.balls()


@portable("rfft")
def rfft(x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    a = _need_real(lift(x), "rfft")
    size = a.shape[axis] if n is None else n
    return lines(a.to_complex(), axis, lambda t: transformed(_sized(t, size), norm, False)[: size // 2 + 1], "c")


def _hermitian(terms: list[Ball], n: int) -> list[Ball]:
    """The whole spectrum of a real signal of length n; the imaginary parts at 0 and n / 2 count for nothing."""
    half = _sized(terms, n // 2 + 1)
    half[0] = acb(half[0].real)
    if n % 2 == 0:
        half[n // 2] = acb(half[n // 2].real)
    return half + [half[n - k].conjugate() for k in range(n // 2 + 1, n)]


@portable("irfft")
def irfft(x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    a = lift(x).to_complex()
    size = 2 * (a.shape[axis] - 1) if n is None else n
    return lines(a, axis, lambda t: [z.real for z in transformed(_hermitian(t, size), norm, True)], "r")


@portable("hfft")
def hfft(x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """The spectrum of a Hermitian signal: a forward transform, and real."""
    a = lift(x).to_complex()
    size = 2 * (a.shape[axis] - 1) if n is None else n
    return lines(a, axis, lambda t: [z.real for z in transformed(_hermitian(t, size), norm, False)], "r")


@portable("ihfft")
def ihfft(x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    a = _need_real(lift(x), "ihfft")
    size = a.shape[axis] if n is None else n
    return lines(a.to_complex(), axis, lambda t: transformed(_sized(t, size), norm, True)[: size // 2 + 1], "c")


def _plan(x: Array, s: Sequence[int] | None, axes: Sequence[int] | None) -> list[tuple[int | None, int]]:
    """(length, axis) for every axis to be transformed."""
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    sizes: Sequence[int | None] = [None] * len(axes) if s is None else list(s)
    return list(zip(sizes, (a % x.ndim for a in axes), strict=True))


def _many(name: str, default: Sequence[int] | None, kind: str, inverse: bool) -> None:
    def function(
        x: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = default, norm: str | None = None,
    ) -> Array:
        out = lift(x)
        plan = _plan(out, s, axes)
        if kind == "complex":
            for n, axis in plan:
                out = _complex_line(out, n, axis, norm, inverse)
            return out
        n_last, last = plan[-1]
        if kind == "real":
            out = rfft(out, n_last, last, norm)
            for n, axis in plan[:-1]:
                out = _complex_line(out, n, axis, norm, False)
            return out
        for n, axis in plan[:-1]:
            out = _complex_line(out, n, axis, norm, True)
        return irfft(out, n_last, last, norm)

    portable(name)(function)


for _suffix, _axes in (("2", (-2, -1)), ("n", None)):
    _many("fft" + _suffix, _axes, "complex", False)
    _many("ifft" + _suffix, _axes, "complex", True)
    _many("rfft" + _suffix, _axes, "real", False)
    _many("irfft" + _suffix, _axes, "hermitian", True)


@portable("fftshift")
def fftshift(x: Any, axes: Any = None) -> Array:
    return lift(x).structural(lambda d: np.fft.fftshift(d, axes))


@portable("ifftshift")
def ifftshift(x: Any, axes: Any = None) -> Array:
    return lift(x).structural(lambda d: np.fft.ifftshift(d, axes))


def _weight(k: int, n: int, norm: str | None) -> Ball:
    if norm is None or norm == "backward":
        return arb(1)
    if norm == "ortho":
        return arb(4 * n if k == 0 else 2 * n).rsqrt()
    raise NotInReference(f"norm={norm!r} of a cosine transform")


@portable("dct")
def dct(x: Any, norm: str | None = None) -> Array:
    """Type 2: 2 sum x_j cos(pi k (2 j + 1) / (2 n))."""
    a = lift(x).balls()

    def rule(t: list[Ball]) -> list[Ball]:
        n = len(t)
        return [2 * _weight(k, n, norm) * sum((t[j] * (arb(k * (2 * j + 1)) / (2 * n)).cos_pi() for j in range(1, n)),
                                              t[0] * (arb(k) / (2 * n)).cos_pi()) for k in range(n)]

    return lines(a, -1, rule, a.kind)


@portable("idct")
def idct(x: Any, norm: str | None = None) -> Array:
    """The inverse of `dct`: (y_0 / w_0 / 2 + sum y_k / w_k cos(pi k (2 j + 1) / (2 n))) / n, w the weights there."""
    a = lift(x).balls()

    def rule(t: list[Ball]) -> list[Ball]:
        n = len(t)
        scaled = [t[k] / _weight(k, n, norm) for k in range(n)]
        return [sum((scaled[k] * (arb(k * (2 * j + 1)) / (2 * n)).cos_pi() for k in range(1, n)), scaled[0] / 2) / n
                for j in range(n)]

    return lines(a, -1, rule, a.kind)
