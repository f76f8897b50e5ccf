"""The steps of a function on JAX: its jaxpr, equation by equation, and the cotangents of all results in one pass."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.backends.side.recording import Row, own_place
from harness.wirtinger import Array

_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
#: Programs that are opened: their inner equations are steps.
_INNER = ("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint")
#: Iterations of all scans together that are opened; a longer one is one step.
ITERATIONS = 400


@dataclass
class Steps:
    """One evaluation. zeros: added to each result, so that their cotangents come out; None for the values alone."""

    jax: Any
    replace: Mapping[int, Array]
    zeros: Sequence[Any] | None = None
    values: list[Any] = field(default_factory=list)
    meta: list[tuple[str, tuple[str, int], tuple[int, ...], str, tuple[int, ...]]] = field(default_factory=list)
    opened: int = 0

    @property
    def folder(self) -> str:
        return os.path.dirname(os.path.abspath(self.jax.__file__))

    def run(self, closed: Any, args: Sequence[Any], ids: Sequence[int | None], loop: tuple[int, ...],
            site: tuple[str, int], scope: str) -> tuple[list[Any], list[int | None]]:
        """(results, their steps) of a closed jaxpr."""
        jaxpr, consts = getattr(closed, "jaxpr", closed), getattr(closed, "consts", ())
        env: dict[Any, tuple[Any, int | None]] = dict(zip(jaxpr.constvars, ((c, None) for c in consts), strict=True))
        env.update(zip(jaxpr.invars, zip(args, ids, strict=True), strict=True))

        def get(atom: Any) -> tuple[Any, int | None]:
            return (atom.val, None) if hasattr(atom, "val") else env[atom]

        for eqn in jaxpr.eqns:
            read = [get(x) for x in eqn.invars]
            here = _where(eqn, self.folder) or site
            stack = str(getattr(eqn.source_info, "name_stack", "")) or scope
            results = self._equation(eqn, [v for v, _ in read], [i for _, i in read], loop, here, stack)
            env.update(zip(eqn.outvars, zip(*results, strict=True), strict=True))
        pairs = [get(x) for x in jaxpr.outvars]
        return [v for v, _ in pairs], [i for _, i in pairs]

    def _equation(self, eqn: Any, args: list[Any], ids: list[int | None], loop: tuple[int, ...], here: tuple[str, int],
                  scope: str) -> tuple[list[Any], list[int | None]]:
        name, params = eqn.primitive.name, eqn.params
        inner = params.get("jaxpr") or params.get("call_jaxpr")
        if name in _INNER and inner is not None:
            return self.run(inner, args, ids, loop, here, scope)
        if name == "cond" and all(not isinstance(x, self.jax.core.Tracer) for x in args[:1]):
            branch = params["branches"][int(np.clip(args[0], 0, len(params["branches"]) - 1))]
            return self.run(branch, args[1:], ids[1:], loop, here, scope)
        if name == "scan" and self.opened + params["length"] <= ITERATIONS and params["length"]:
            return self._scan(params, args, ids, loop, here, scope)
        known = tuple(dict.fromkeys(i for i in ids if i is not None))
        results = _bind(eqn, args)
        return self._note(name, results, known, loop, here, scope)

    def _note(self, name: str, results: list[Any], known: tuple[int, ...], loop: tuple[int, ...],
              here: tuple[str, int], scope: str) -> tuple[list[Any], list[int | None]]:
        jnp, out, numbers = self.jax.numpy, [], []
        for x in results:
            if not jnp.issubdtype(x.dtype, jnp.inexact):
                out.append(x)
                numbers.append(None)
                continue
            number = len(self.values)
            if number in self.replace:
                given = jnp.asarray(np.asarray(self.replace[number])).astype(x.dtype).reshape(x.shape)
                x = x + self.jax.lax.stop_gradient(given - x)
            if self.zeros is not None:
                x = x + self.zeros[number]
            self.values.append(x)
            self.meta.append((name, here, known, scope, loop))
            out.append(x)
            numbers.append(number)
        return out, numbers

    def _scan(self, params: Any, args: list[Any], ids: list[int | None], loop: tuple[int, ...], here: tuple[str, int],
              scope: str) -> tuple[list[Any], list[int | None]]:
        first, count, length = params["num_consts"], params["num_carry"], params["length"]
        self.opened += length
        carry, at = args[first : first + count], ids[first : first + count]
        rows: list[Any] = [None] * length
        for t in reversed(range(length)) if params["reverse"] else range(length):
            taken = [x[t] for x in args[first + count :]]
            got, which = self.run(params["jaxpr"], [*args[:first], *carry, *taken],
                                  [*ids[:first], *at, *ids[first + count :]], (*loop, t), here, scope)
            carry, at = got[:count], which[:count]
            rows[t] = (got[count:], which[count:])
        stacked = [self.jax.numpy.stack([r[0][k] for r in rows]) for k in range(len(rows[0][0]))]
        out, numbers = list(carry), list(at)
        for k, x in enumerate(stacked):
            known = tuple(dict.fromkeys(r[1][k] for r in rows if r[1][k] is not None))
            more, which = self._note("scan", [x], known, loop, here, scope)
            out += more
            numbers += which
        return out, numbers


def _bind(eqn: Any, args: list[Any]) -> list[Any]:
    """The results of one equation, with the rule of derivative that it has."""
    params, functions = eqn.params, ()
    if eqn.primitive.name.startswith("custom_") and hasattr(eqn.primitive, "get_bind_params"):
        found = eqn.primitive.get_bind_params(params)
        functions, params = found if isinstance(found, tuple) else ((), found)
    results = eqn.primitive.bind(*functions, *args, **params)
    return list(results) if eqn.primitive.multiple_results else [results]


def _where(eqn: Any, folder: str) -> tuple[str, int] | None:
    """The user's own file and line of an equation; folder: JAX's."""
    trace = eqn.source_info.traceback
    places = [] if trace is None else [(f.file_name, f.line_num) for f in trace.frames]
    return own_place(places, (folder, _OURS))


def rows(
    side: Any, program: Program, replace: Mapping[int, Array], gradients: bool
) -> tuple[list[Row], dict[str, Array], dict[int, Any]]:
    """(steps, outputs, cotangents of the leaves) of a side's function; without gradients the outputs alone."""
    jax = side.jax
    jnp = jax.numpy
    names = {leaf.name: replace[-k - 1] for k, leaf in enumerate(side.leaves) if -k - 1 in replace}
    natives = side.natives(names)
    places = [k for k, leaf in enumerate(side.leaves) if leaf.array is not None]
    args, ids = [jnp.asarray(natives[k]) for k in places], [-k - 1 for k in places]
    plain = Steps(jax, replace)
    results, _ = plain.run(program.closed, args, ids, (), ("", 0), "")
    outputs = {n: np.asarray(v) for n, v in zip(program.names, results, strict=True)}
    if not gradients:
        return [], outputs, {}
    wanted = set(side._wanted())
    seeds = iter(side._cotangents)
    weights = [next(seeds) if jnp.issubdtype(v.dtype, jnp.inexact) else None for v in results]

    def loss(zeros: Any, leaves: Any) -> Any:
        steps = Steps(jax, replace, zeros)
        given = [leaves.get(k, a) for k, a in zip(places, args, strict=True)]
        found, _ = steps.run(program.closed, given, ids, (), ("", 0), "")
        return sum(jnp.real(jnp.sum(jnp.conj(w) * v)) for w, v in zip(weights, found, strict=True) if w is not None)

    zeros = [jnp.zeros_like(v) for v in plain.values]
    active = {k: a for k, a in zip(places, args, strict=True) if k in wanted}
    cots, grads = jax.grad(loss, argnums=(0, 1))(zeros, active)
    out = [
        Row(name, where, parents, np.asarray(v), np.conj(np.asarray(c)), scope, loop)
        for (name, where, parents, scope, loop), v, c in zip(plain.meta, plain.values, cots, strict=True)
    ]
    return out, outputs, {k: np.conj(np.asarray(g)) for k, g in grads.items()}


@dataclass(frozen=True)
class Program:
    """The jaxpr of a side's function of its array leaves, and the names of its outputs."""

    closed: Any
    names: list[str]


def program(side: Any) -> Program:
    """Trace the function of a side at the shapes of its leaves."""
    jax = side.jax
    natives = side.natives()
    places = [k for k, leaf in enumerate(side.leaves) if leaf.array is not None]
    names: list[str] = []

    def function(*arrays: Any) -> list[Any]:
        leaves = list(natives)
        for k, a in zip(places, arrays, strict=True):
            leaves[k] = a
        named = side._traced(side.call(leaves))
        names[:] = [n for n, _ in named]
        return [v for _, v in named]

    closed = jax.make_jaxpr(function)(*[jax.numpy.asarray(natives[k]) for k in places])
    return Program(closed, list(names))
