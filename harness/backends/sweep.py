"""Value and differential of an elementwise function over many points at once.

An elementwise function of one array has a diagonal differential, so two pullbacks (along 1 and along i everywhere)
or two pushforwards give all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.backends.base import Backend
from harness.formats import DTYPES
from harness.wirtinger import Array, Convention

#: Points at which the function is evaluated alone as well, to see that it is elementwise.
_PROBES = 7


class NotElementwise(Exception):
    """The function mixes its points, or does not return one number a point."""


def single(call: Callable[..., Any]) -> Callable[[Any], Any]:
    """The function with its single output, whatever container it comes in. Raises NotElementwise when it is called."""

    def one(x: Any) -> Any:
        out = call(x)
        if isinstance(out, tuple | list) and len(out) == 1:
            out = out[0]
        if getattr(out, "shape", None) != x.shape:
            shape = getattr(out, "shape", type(out).__name__)
            raise NotElementwise(f"an array of shape {tuple(x.shape)} gives {shape}, not one number a point")
        return out

    return one


class Sweep:
    """Value, reverse and forward differential; subclasses say how a pullback and a pushforward are made.

    dtype: "" for that of the points, or one that NumPy lacks ("bfloat16", "float16"): the points are then single
    precision numbers that it holds exactly, and so are the answers.
    """

    def __init__(self, backend: Backend, call: Callable[..., Any], points: Array, dtype: str = "") -> None:
        self.backend, self.call, self.points, self.dtype = backend, call, points, dtype
        self.one = single(call)
        self.convention: Convention = backend.convention

    def value(self) -> Array:
        full = self.evaluate(self.points)
        at = np.linspace(0, self.points.size - 1, _PROBES).astype(int) if self.points.size else np.zeros(0, int)
        alone, there = self.evaluate(self.points[at]), full[at]
        room = max(1e-3, 8 * DTYPES[self.dtype].eps if self.dtype else 0.0)  # alone it may be another kernel that runs
        with np.errstate(all="ignore"):
            close = np.abs(alone - there) <= room * np.abs(there)
        if not (close | (alone == there) | ~np.isfinite(alone) | ~np.isfinite(there)).all():
            raise NotElementwise("the value at a point depends on the other points")
        return full

    def reverse(self) -> Array:
        signs = self.convention
        rows = self.pullbacks([1.0, 1j * signs.cotangent])
        if not np.iscomplexobj(self.points):
            return np.stack([r.real for r in rows], axis=1)[:, :, None]
        return np.stack([np.stack([r.real, signs.pullback * r.imag], axis=1) for r in rows], axis=1)

    def forward(self) -> Array:
        signs = self.convention
        directions = [1.0, 1j * signs.tangent] if np.iscomplexobj(self.points) else [1.0]
        columns = self.pushforwards(directions)
        if not np.iscomplexobj(columns[0]):
            return np.stack(columns, axis=1)[:, None, :]
        return np.stack([np.stack([c.real, signs.pushforward * c.imag], axis=1) for c in columns], axis=2)

    def evaluate(self, points: Array) -> Array:
        raise NotImplementedError

    def pullbacks(self, cotangents: Sequence[complex]) -> list[Array]:
        """One array a cotangent; only the first (1 everywhere) where the output is real."""
        raise NotImplementedError

    def pushforwards(self, tangents: Sequence[complex]) -> list[Array]:
        raise NotImplementedError

    def parts(self) -> Mapping[str, Callable[[], Array]]:
        """What `Backend.sweep` returns: value (N,), and reverse and forward (N, rows of J, columns of J), by name."""
        return {"value": self.value, "reverse": self.reverse, "forward": self.forward}
