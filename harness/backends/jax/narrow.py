"""Single precision inside a program of JAX: the equations of its gradient that narrow what is differentiated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.backends.jax.loops import opened
from harness.backends.jax.recording import line_of
from harness.backends.side.narrow import Narrow
from harness.backends.side.recording import not_the_users
from harness.wirtinger import signed


def narrow(side: Any) -> list[Narrow]:
    """The lines, each once, in the order of the program: of the value and of its derivative."""
    jax, jnp = side.jax, side.jax.numpy
    natives, wanted = side.natives(), side._wanted()

    def gradient(*moving: Any) -> Any:
        def active(moving: Sequence[Any]) -> list[Any]:
            leaves = list(natives)
            for k, x in zip(wanted, moving, strict=True):
                leaves[k] = x
            return [v for _, v in side._traced(side.call(leaves)) if side.differentiable(v)]

        values, pull = jax.vjp(active, moving)
        seeds = [jnp.asarray(signed(c, -1), v.dtype) for c, v in zip(side._cotangents, values, strict=True)]
        return values, pull(seeds)

    program = jax.make_jaxpr(gradient)(*[natives[k] for k in wanted]).jaxpr
    folders = not_the_users(jax)
    base = max((_bits(jnp, x) for x in program.invars), default=0)
    return list(dict.fromkeys(_narrowing(jnp, program, list(program.invars), folders, ("", 0), base)))


def _narrowing(jnp: Any, jaxpr: Any, moving: Sequence[Any], folders: tuple[str, str],
               outer: tuple[str, int], base: int) -> Iterator[Narrow]:
    """moving: the variables of the jaxpr's own that are made of what is differentiated. base: bits of its numbers."""
    held = set(moving)
    for eqn in jaxpr.eqns:
        above = [x for x in eqn.invars if not hasattr(x, "val") and x in held]
        if not above:
            continue
        held.update(x for x in eqn.outvars if jnp.issubdtype(x.aval.dtype, jnp.inexact))
        here, inside = line_of(eqn, folders) or outer, list(opened(eqn))
        for inner in inside:
            pairs = zip(reversed(inner.invars), reversed(eqn.invars), strict=False)  # an index or a test comes first
            again = eqn.primitive.name in ("scan", "while")  # what goes round may become of anything
            fed = [x for x, given in pairs if again or any(given is a for a in above)]
            yield from _narrowing(jnp, inner, fed, folders, here, base)
        if inside:
            continue
        for x in eqn.outvars:
            if 0 < _bits(jnp, x) < min(base, max(_bits(jnp, y) for y in above)):
                yield Narrow(*here, str(x.aval.dtype))


def _bits(jnp: Any, x: Any) -> int:
    """Of a real or complex number's parts; 0 of any other dtype."""
    return int(jnp.finfo(x.aval.dtype).bits) if jnp.issubdtype(x.aval.dtype, jnp.inexact) else 0
