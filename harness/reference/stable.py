"""What faithful algorithms may leave of one operation beyond the rounding of its result.

A backward stable algorithm returns what is exact for numbers near the given ones (Higham, Accuracy and Stability of
Numerical Algorithms, section 1.5), and where a function of several numbers saturates, its derivative is a difference of
numbers of the size of its value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np

from harness.formats import Format
from harness.reference.arithmetic import Local

Floats = np.ndarray[Any, np.dtype[Any]]

#: Where factorisations are and what is computed by them; functions that take off what their elements have in common.
_FACTORISING = tuple(f"harness.reference.{name}" for name in ("spectral", "linalg", "least_squares"))
_CENTRED = ("var", "std", "nanvar", "nanstd", "layer_norm", "cov", "corrcoef")
#: Roundings of its value that the derivative of a function of several numbers may carry.
_SATURATED = 8
_WHOLE = 2.0**-40


def backward_stable(name: str, function: Callable[..., Any]) -> bool:
    """Whether no more can be asked of an operation than what is exact for numbers near the given ones."""
    return name in _CENTRED or factorising(function)


def factorising(function: Callable[..., Any]) -> bool:
    """Whether it is, or is computed by, the factorisation of a matrix."""
    return getattr(function, "__module__", "") in _FACTORISING


def graded(held: Floats, shape: tuple[int, ...], form: Format) -> bool:
    """Whether the numbers of a matrix are of so many sizes that the largest says nothing of the others' errors."""
    size = np.abs(held[np.isfinite(held) & (held != 0)])
    return len(shape) > 1 and size.size > 1 and bool(size.min() < size.max() * 2.0 ** -(form.digits // 2))


def nearby(held: Floats, shape: tuple[int, ...], draw: Random, form: Format, *, own: bool = False) -> Floats:
    """The real components of an array, moved by up to two units in the last place, in a matrix of its largest number;
    Hermitian if it was. own: each by the last place of what elimination makes of it, for numbers that are graded."""
    size, square = np.abs(held), len(shape) > 1 and shape[-1] == shape[-2]
    parts = held.reshape(-1, *shape)
    if len(shape) > 1 and not own:
        size = np.full_like(size, size.max(initial=0.0))
    elif square:
        whole = (parts[0] + 1j * parts[1] if len(parts) == 2 else parts[0]).reshape(-1, *shape[-2:])
        size = np.maximum(size, np.tile(np.stack([eliminated(a) for a in whole]).reshape(-1), len(parts)))
    moves = np.array([draw.uniform(-2, 2) for _ in range(held.size)]).reshape(parts.shape)
    if square:
        signs = np.array([1.0, -1.0][: len(parts)]).reshape(-1, *[1] * len(shape))
        if (parts == signs * parts.swapaxes(-1, -2)).all():
            moves = (moves + signs * moves.swapaxes(-1, -2)) / 2
    with np.errstate(all="ignore"):
        return form.rounded(held + form.eps * size * moves.reshape(-1))


def eliminated(a: Floats) -> Floats:
    """|L| |U| of a square matrix, its rows in their own order, by elimination with partial pivoting: what its errors
    are small beside (Higham, section 9.3). Without what overflows on the way."""
    upper, lower, order = a.copy(), np.zeros(a.shape), np.arange(len(a))
    with np.errstate(all="ignore"):
        for k in range(len(a)):
            pivot = k + int(np.argmax(np.abs(upper[k:, k])))
            for x in (upper, lower, order):
                x[[k, pivot]] = x[[pivot, k]]
            factor = np.where(upper[k, k] == 0, 0, upper[k + 1 :, k] / upper[k, k])
            upper[k + 1 :] = upper[k + 1 :] - factor[:, None] * upper[k]
            lower[k, k], lower[k + 1 :, k] = 1.0, np.abs(factor)
        made = lower @ np.abs(np.triu(upper))
    out = np.zeros(a.shape)
    out[order] = np.where(np.isfinite(made), made, 0.0)
    return out


def saturated(local: Local, exact: Floats, held: Sequence[Floats], form: Format) -> Floats | None:
    """(rows, columns): 8 eps |f_m| / max(1, |z_n|), below which a derivative of a function of several numbers has no
    digits (w - w^2 of a softmax); None where the function is homogeneous, as sums, products and norms are: by Euler's
    theorem its derivative is of the size of f / z, and saturates nowhere."""
    given = np.concatenate([np.ravel(x) for x in held]).astype(np.float64)
    if not local.mixes or local.structural or not (np.isfinite(exact).all() and np.isfinite(given).all()):
        return None
    with np.errstate(all="ignore"):
        slope = local.slope.astype(np.float64)
        degree = np.round(slope @ given / exact)
        room = _WHOLE * (np.abs(slope) @ np.abs(given) + np.abs(exact))
        homogeneous = (exact == 0) | ((degree != 0) & (np.abs(slope @ given - degree * exact) <= room))
        noise = np.abs(exact)[:, None] / np.maximum(1.0, np.abs(given))[None, :]
    if homogeneous.all():
        return None
    return np.asarray(np.where(local.reach & ~homogeneous[:, None], _SATURATED * form.eps * noise, 0.0))


def factorised(local: Local, noise: Floats | None, form: Format) -> Floats:
    """(rows, columns): with `noise`, what a factorisation leaves of a derivative: 8 eps of its largest number, since
    its errors are small beside the norm of a matrix, and not beside each entry."""
    with np.errstate(all="ignore"):
        size = np.abs(local.slope.astype(np.float64))
        largest = float(np.max(size[np.isfinite(size)], initial=0.0))
    found = np.where(local.reach, _SATURATED * form.eps * largest, 0.0)
    return found if noise is None else np.asarray(np.maximum(found, noise))


def saturation(local: Local, noise: Floats, form: Format) -> float:
    """How far the derivative of a row is below the numbers that it is a difference of, at worst."""
    largest = np.abs(local.slope.astype(np.float64)).max(axis=1, initial=0.0)
    size = noise.max(axis=1, initial=0.0) / (_SATURATED * form.eps)
    with np.errstate(all="ignore"):
        return float(np.max(np.where((largest > 0) & (size > 0), size / largest, 1.0), initial=1.0))
