"""Many points at once on JAX, each of value, pullbacks and pushforwards compiled once a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from harness.backends.sweep import Sweep, single
from harness.wirtinger import Array

#: Points up to which fewer of them are filled up to as many: another size would be compiled anew.
_SHARED = 4096


class JaxSweep(Sweep):
    def __init__(self, backend: Any, call: Callable[..., Any], points: Array, dtype: str = "") -> None:
        super().__init__(backend, call, points, dtype)
        self.jax, self.jnp = backend.jax, backend.jnp

    def given(self, points: Array) -> Any:
        return self.jnp.asarray(points, dtype=self.dtype) if self.dtype else points

    def numpy(self, array: Any) -> Array:
        return np.asarray(array.astype(np.float32) if self.dtype else array)

    def evaluate(self, points: Array) -> Array:
        few = points.size
        if few < self.points.size <= _SHARED:
            points = np.resize(points, self.points.size)
        return self.numpy(_program(self.jax, self.call, "value", ())(self.given(points)))[:few]

    def pullbacks(self, cotangents: Sequence[complex]) -> list[Array]:
        points = self.given(self.points)
        kind = self.jax.eval_shape(single(self.call), points).dtype
        chosen = cotangents if self.jnp.issubdtype(kind, self.jnp.complexfloating) else cotangents[:1]
        return [self.numpy(r) for r in _program(self.jax, self.call, "reverse", tuple(chosen))(points)]

    def pushforwards(self, tangents: Sequence[complex]) -> list[Array]:
        program = _program(self.jax, self.call, "forward", tuple(tangents))
        return [self.numpy(c) for c in program(self.given(self.points))]


@lru_cache(maxsize=64)
def _program(jax: Any, call: Callable[..., Any], what: str, directions: tuple[complex, ...]) -> Callable[..., Any]:
    """One jitted function, kept so that further points of the same function and number compile nothing."""
    jnp, one = jax.numpy, single(call)

    def reverse(x: Any) -> list[Any]:
        out, pull = jax.vjp(one, x)
        return [pull(jnp.full(out.shape, c, out.dtype))[0] for c in directions]

    def forward(x: Any) -> list[Any]:
        return [jax.jvp(one, (x,), (jnp.full(x.shape, t, x.dtype),))[1] for t in directions]

    chosen: Callable[..., Any] = {"value": one, "reverse": reverse, "forward": forward}[what]
    made: Callable[..., Any] = jax.jit(chosen)
    return made
