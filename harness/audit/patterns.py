"""How two values are related, in the words of a mistake: doubled, squared, conjugated, real part, transposed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.wirtinger import Array


@dataclass(frozen=True)
class Pattern:
    """word: equal, factor, square, root, conjugate, real-part, imag-part, modulus, transposed, adjoint, negated, none.

    sentence: what it means, speaking of "torch" and "JAX"; "" for equal and none. factor: torch / JAX, where it is one.
    """

    word: str
    sentence: str = ""
    factor: float = float("nan")


def relate(torch: Array, jax: Array, rtol: float) -> Pattern:
    """How torch's value and JAX's of the same thing are related; rtol is relative to the largest entry.

    A relation that any two numbers have (a factor between two scalars) is believed only where it is a plain one.
    """
    a, b = np.asarray(torch), np.asarray(jax)
    if a.dtype.kind not in "fc" or b.dtype.kind not in "fc":
        return Pattern("equal" if np.array_equal(a, b) else "none")
    wide = [x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in (a, b)]
    a, b = wide
    if a.shape != b.shape:
        if a.ndim >= 2 and np.swapaxes(a, -1, -2).shape == b.shape and _close(np.swapaxes(a, -1, -2), b, rtol):
            return Pattern("transposed", "JAX's is torch's transposed")
        return Pattern("none", f"shape {list(a.shape)} in torch and {list(b.shape)} in JAX")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return Pattern("equal" if np.array_equal(a, b, equal_nan=True) else "none")
    if _close(a, b, rtol):
        return Pattern("equal")
    for p, q, x, y in ((a, b, "torch", "JAX"), (b, a, "JAX", "torch")):
        found = _one_way(p, q, x, y, rtol)
        if found:
            return found
    if _close(a, np.conj(b), rtol):
        return Pattern("conjugate", "JAX's is the conjugate of torch's")
    if a.ndim >= 2 and a.shape[-1] == a.shape[-2]:
        turned = np.swapaxes(b, -1, -2)
        if _close(a, turned, rtol):
            return Pattern("transposed", "JAX's is torch's transposed")
        if _close(a, np.conj(turned), rtol):
            return Pattern("adjoint", "JAX's is the conjugate transpose of torch's")
    factor = _factor(a, b, rtol)
    if factor is not None:
        if factor == -1:
            return Pattern("negated", "JAX's is minus torch's", -1.0)
        shown = f"{factor:.6g}"
        return Pattern("factor", f"torch's is {shown} times JAX's", factor)
    return Pattern("none")


def _one_way(p: Array, q: Array, x: str, y: str, rtol: float) -> Pattern | None:
    """q as a loss of something of p: its real part, its modulus, its square."""
    kinds = (np.iscomplexobj(p), np.iscomplexobj(q))
    if kinds[0] and np.abs(p.imag).max(initial=0) > rtol * np.abs(p).max(initial=0):
        if _close(p.real, q, rtol):
            return Pattern("real-part", f"{y}'s is the real part of {x}'s: its imaginary part was dropped before this")
        if _close(p.imag, q, rtol):
            return Pattern("imag-part", f"{y}'s is the imaginary part of {x}'s")
        if not kinds[1] and _close(np.abs(p), q, rtol):
            return Pattern("modulus", f"{y}'s is the modulus of {x}'s")
    if kinds[0] == kinds[1] or not kinds[1]:
        squared = np.abs(p) ** 2 if not kinds[1] else p * p
        if _close(squared, q, rtol):
            word = "square" if y == "JAX" else "root"
            return Pattern(word, f"{y}'s is the square of {x}'s: abs(z)**2 on one side against abs(z) on the other?")
    return None


def _factor(a: Array, b: Array, rtol: float) -> float | None:
    if a.size == 0 or not np.abs(b).max():
        return None
    at = int(np.abs(b).argmax())
    ratio = complex(a.reshape(-1)[at] / b.reshape(-1)[at])
    if abs(ratio.imag) > rtol * abs(ratio) or ratio.real == 0 or not _close(a, ratio.real * b, rtol):
        return None
    plain = [s * r for s in (1, -1) for r in (1, 2, 3, 4, 8, 1 / 2, 1 / 3, 1 / 4, 1 / 8)]
    near = [r for r in plain if abs(ratio.real / r - 1) <= 10 * rtol]
    if near:
        return float(near[0])
    # one or two numbers have some ratio by chance; a count of elements (mean against sum) is a whole number
    whole = round(ratio.real if abs(ratio.real) > 1 else 1 / ratio.real)
    exact = abs(whole) > 1 and abs((ratio.real if abs(ratio.real) > 1 else 1 / ratio.real) / whole - 1) <= 10 * rtol
    return ratio.real if a.size > 2 or (exact and abs(whole) * 10 * rtol < 1e-2) else None


def _close(a: Array, b: Array, rtol: float) -> bool:
    if a.shape != b.shape:
        return False
    scale = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
    return bool(np.abs(a - b).max(initial=0.0) <= rtol * scale)
