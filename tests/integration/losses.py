"""A user's own functions: z^2 conj(z) in torch with a hand-written gradient of the wrong sign, and in jax."""

from __future__ import annotations

from typing import Any


def torch_cubic(z: Any) -> Any:
    import torch

    class Cubic(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            ctx.save_for_backward(z)
            return z * z * z.conj()

        @staticmethod
        def backward(ctx: Any, c: Any) -> Any:
            (z,) = ctx.saved_tensors
            return -(c * 2 * (z * z.conj()).conj() + c.conj() * z * z)

    return Cubic.apply(z)


def jax_cubic(z: Any) -> Any:
    return z * z * z.conj()


def torch_kink(x: Any) -> Any:
    return x.abs()


def jax_kink(x: Any) -> Any:
    import jax.numpy as jnp

    return jnp.abs(x)
