"""Many points at once: value and differential of an elementwise function over a whole grid, in a process of its own.

    python -m harness.backends.sweep REQUEST.npz ANSWER.npz

An elementwise function of one array has a diagonal differential, so two pullbacks (along 1 and along i everywhere)
or two pushforwards give all of it. The request holds `points` (N,) and the JSON `spec`: source kind and text, the
argument's name, the backends of one family. The answer holds for each backend `NAME/value` (N,) and
`NAME/reverse`, `NAME/forward`: (N, rows of J, columns of J), and the JSON `spec`: versions, and the framework's own
message where one of them refused. A backend that has a method `grid(call, points)` answers with the same keys itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from harness import backends, expr
from harness.backends.base import Backend
from harness.model import Source
from harness.wirtinger import Array, Convention

#: Points at which the function is evaluated alone as well, to see that it is elementwise.
_PROBES = 7


class NotElementwise(Exception):
    """The function mixes its points, or does not return one number a point."""


def main(argv: Sequence[str]) -> int:
    """Answer one request. Refusals of the framework are part of the answer; only a defect here raises."""
    request, answer = argv
    with np.load(request, allow_pickle=False) as given:
        points, spec = given["points"], json.loads(str(given["spec"]))
    arrays: dict[str, Array] = {}
    told: dict[str, Any] = {"backends": {}}
    for name in spec["backends"]:
        found, facts = observe(name, Source(spec["kind"], spec["text"]), spec["argument"], points, spec["modules"])
        arrays.update({f"{name}/{key}": value for key, value in found.items()})
        told["backends"][name] = facts
    with open(answer, "wb") as file:
        np.savez(file, spec=np.array(json.dumps(told)), **arrays)  # type: ignore[arg-type]
    return 0


def observe(
    name: str, source: Source, argument: str, points: Array, modules: Sequence[str] = ()
) -> tuple[dict[str, Array], dict[str, Any]]:
    """(arrays, facts) of one backend: see the module's docstring."""
    facts: dict[str, Any] = {"versions": {}, "messages": {}}
    arrays: dict[str, Array] = {}
    try:
        backend: Any = backends.load(name)()
        facts["versions"] = dict(backend.versions())
        call = expr.compile_source(source, (argument,), backend.family, backend.roots(), tuple(modules))
    except Exception as error:
        facts["messages"]["value"] = _said(error)
        return arrays, facts
    parts = _parts(backend, call, points)
    for key, work in parts.items():
        try:
            arrays[key] = work()
        except Exception as error:
            facts["messages"][key] = _said(error)
    return arrays, facts


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]


def _parts(backend: Any, call: Callable[..., Any], points: Array) -> Mapping[str, Callable[[], Array]]:
    if hasattr(backend, "grid"):
        own: Mapping[str, Callable[[], Array]] = backend.grid(call, points)
        return own
    family = {"torch.autograd": _Autograd, "torch.func": _Func, "jax": _Jax}.get(backend.name)
    if family is None:
        raise NotImplementedError(f"the backend {backend.name} has no method grid(call, points)")
    grid = family(backend, call, points)
    return {"value": grid.value, "reverse": grid.reverse, "forward": grid.forward}


class _Grid:
    """Value, reverse and forward differential; subclasses say how a pullback and a pushforward are made."""

    def __init__(self, backend: Backend, call: Callable[..., Any], points: Array) -> None:
        self.backend, self.call, self.points = backend, call, points
        self.convention: Convention = backend.convention

    def one(self, x: Any) -> Any:
        """The function with its single output, whatever container it comes in."""
        out = self.call(x)
        if isinstance(out, tuple | list) and len(out) == 1:
            out = out[0]
        if getattr(out, "shape", None) != x.shape:
            shape = getattr(out, "shape", type(out).__name__)
            raise NotElementwise(f"an array of shape {tuple(x.shape)} gives {shape}, not one number a point")
        return out

    def value(self) -> Array:
        full = self.evaluate(self.points)
        at = np.linspace(0, self.points.size - 1, _PROBES).astype(int) if self.points.size else np.zeros(0, int)
        alone, there = self.evaluate(self.points[at]), full[at]
        with np.errstate(all="ignore"):
            close = np.abs(alone - there) <= 1e-3 * np.abs(there)
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


class _Torch(_Grid):
    def __init__(self, backend: Any, call: Callable[..., Any], points: Array) -> None:
        super().__init__(backend, call, points)
        self.torch = backend.torch

    def tensor(self, points: Array) -> Any:
        return self.torch.from_numpy(np.array(points))

    def numpy(self, tensor: Any) -> Array:
        if tensor is None:
            return np.zeros_like(self.points)
        out: Array = np.array(tensor.detach().resolve_conj().resolve_neg().numpy())
        return out

    def filled(self, like: Any, number: complex) -> Any:
        return self.torch.full_like(like, number if like.is_complex() else complex(number).real)

    def evaluate(self, points: Array) -> Array:
        with self.torch.no_grad():
            return self.numpy(self.one(self.tensor(points)))


class _Autograd(_Torch):
    def pullbacks(self, cotangents: Sequence[complex]) -> list[Array]:
        x = self.tensor(self.points).requires_grad_()
        out = self.one(x)
        if not out.requires_grad:
            return [np.zeros_like(self.points) for _ in (cotangents if out.is_complex() else cotangents[:1])]
        return [
            self.numpy(self.torch.autograd.grad(out, x, self.filled(out, c), retain_graph=True, allow_unused=True)[0])
            for c in (cotangents if out.is_complex() else cotangents[:1])
        ]

    def pushforwards(self, tangents: Sequence[complex]) -> list[Array]:
        dual = self.torch.autograd.forward_ad
        columns = []
        for t in tangents:
            with dual.dual_level():
                x = self.tensor(self.points)
                out = self.one(dual.make_dual(x, self.filled(x, t)))
                primal, tangent = dual.unpack_dual(out)
                columns.append(self.numpy(self.torch.zeros_like(primal) if tangent is None else tangent))
        return columns


class _Func(_Torch):
    def pullbacks(self, cotangents: Sequence[complex]) -> list[Array]:
        out, pull = self.torch.func.vjp(self.one, self.tensor(self.points))
        return [self.numpy(pull(self.filled(out, c))[0]) for c in (cotangents if out.is_complex() else cotangents[:1])]

    def pushforwards(self, tangents: Sequence[complex]) -> list[Array]:
        x = self.tensor(self.points)
        return [self.numpy(self.torch.func.jvp(self.one, (x,), (self.filled(x, t),))[1]) for t in tangents]


class _Jax(_Grid):
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
