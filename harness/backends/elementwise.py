"""Value and differential of elementwise functions at given numbers, in a process that has the framework already.

Unlike a backend this changes no setting of the framework: the user's own function runs in the same process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from harness import expr
from harness.model import Source
from harness.wirtinger import JAX, TORCH, Array


def observe(family: str, functions: Sequence[tuple[str, str, str, Array]]) -> list[dict[str, Any]]:
    """For each (kind, text, argument, (N,) points): {"value": (N,), "reverse": (N, rows, columns)} or {"message": ...}.

    kind: "portable" or "native", as in harness.model.Source.
    family: "torch" or "jax". The reverse differential alone: that is what a gradient is made of.
    """
    out = []
    for kind, text, argument, points in functions:
        try:
            out.append(_observed(family, Source(kind, text), argument, points))
        except Exception as error:  # a refusal of the framework, or a text that it has no words for
            out.append({"message": f"{type(error).__name__}: {error}"[:500]})
    return out


def _observed(family: str, source: Source, argument: str, points: Array) -> dict[str, Any]:
    grid: Any
    roots: Mapping[str, Any]
    if family == "torch":
        import torch

        from harness.backends.torch.sweep import AutogradSweep

        roots = {"torch": torch}
        backend: Any = SimpleNamespace(torch=torch, convention=TORCH)
        grid = AutogradSweep
    else:
        import jax
        import jax.numpy as jnp

        from harness.backends.jax.sweep import JaxSweep

        roots = {"jax": jax, "jnp": jnp}
        backend = SimpleNamespace(jax=jax, jnp=jnp, convention=JAX)
        grid = JaxSweep
    call = expr.compile_source(source, (argument,), family, roots)
    asked = grid(backend, call, points)
    return {"value": asked.value(), "reverse": asked.reverse()}
