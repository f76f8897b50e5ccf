"""Many points at once on JAX, each of value, pullbacks and pushforwards compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.backends.sweep import Sweep
from harness.wirtinger import Array


class JaxSweep(Sweep):
    def __init__(self, backend: Any, call: Callable[..., Any], points: Array) -> None:
        super().__init__(backend, call, points)
        self.jax, self.jnp = backend.jax, backend.jnp

    def evaluate(self, points: Array) -> Array:
        return np.asarray(self.jax.jit(self.one)(points))

    def pullbacks(self, cotangents: Sequence[complex]) -> list[Array]:
        jnp, jax = self.jnp, self.jax
        kind = jax.eval_shape(self.one, self.points).dtype
        chosen = cotangents if jnp.issubdtype(kind, jnp.complexfloating) else cotangents[:1]

        def rows(x: Any) -> list[Any]:
            out, pull = jax.vjp(self.one, x)
            return [pull(jnp.full(out.shape, c, out.dtype))[0] for c in chosen]

        return [np.asarray(r) for r in jax.jit(rows)(self.points)]

    def pushforwards(self, tangents: Sequence[complex]) -> list[Array]:
        jnp, jax = self.jnp, self.jax

        def columns(x: Any) -> list[Any]:
            return [jax.jvp(self.one, (x,), (jnp.full(x.shape, t, x.dtype),))[1] for t in tangents]

        return [np.asarray(c) for c in jax.jit(columns)(self.points)]
