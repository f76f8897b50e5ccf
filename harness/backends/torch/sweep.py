"""Many points at once on torch, by torch.autograd and by torch.func."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.backends.sweep import Sweep
from harness.wirtinger import Array


class TorchSweep(Sweep):
    def __init__(self, backend: Any, call: Callable[..., Any], points: Array, dtype: str = "") -> None:
        super().__init__(backend, call, points, dtype)
        self.torch = backend.torch

    def tensor(self, points: Array) -> Any:
        made = self.torch.from_numpy(np.array(points))
        return made.to(getattr(self.torch, self.dtype)) if self.dtype else made

    def numpy(self, tensor: Any) -> Array:
        if tensor is None:
            return np.zeros_like(self.points)
        tensor = tensor.detach().resolve_conj().resolve_neg()
        out: Array = np.array((tensor.float() if self.dtype else tensor).numpy(force=True))  # a ZeroTensor too
        return out

    def filled(self, like: Any, number: complex) -> Any:
        return self.torch.full_like(like, number if like.is_complex() else complex(number).real)

    def evaluate(self, points: Array) -> Array:
        with self.torch.no_grad():
            return self.numpy(self.one(self.tensor(points)))


class AutogradSweep(TorchSweep):
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


class FuncSweep(TorchSweep):
    def pullbacks(self, cotangents: Sequence[complex]) -> list[Array]:
        out, pull = self.torch.func.vjp(self.one, self.tensor(self.points))
        return [self.numpy(pull(self.filled(out, c))[0]) for c in (cotangents if out.is_complex() else cotangents[:1])]

    def pushforwards(self, tangents: Sequence[complex]) -> list[Array]:
        x = self.tensor(self.points)
        return [self.numpy(self.torch.func.jvp(self.one, (x,), (self.filled(x, t),))[1]) for t in tangents]
