"""A small complex network on torch and its port to JAX, on devices that the environment names: what a survey audits.

HARNESS_TORCH_DEVICE and HARNESS_JAX_DEVICE: a device in the framework's own words ("cuda:0", "gpu:0"); without one, the
framework's own choice.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

TORCH, JAX = "HARNESS_TORCH_DEVICE", "HARNESS_JAX_DEVICE"


def inputs(path: Path) -> Path:
    """Parameters and data of two complex layers with a modulus between them, in double precision."""
    rng = np.random.default_rng(7)

    def draw(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / 2

    np.savez(path, x=draw(5, 4), first=draw(4, 6), bias=draw(6), second=draw(6, 3), target=draw(5, 3))
    return path


def torch_side(x: Any, first: Any, bias: Any, second: Any, target: Any) -> Any:
    """modReLU between two complex matrices; the mean squared distance from a target."""
    import torch

    device = os.environ.get(TORCH)
    x, first, bias, second, target = (a.to(device) if device else a for a in (x, first, bias, second, target))
    h = x @ first
    size = h.abs()
    h = torch.relu(size + bias.real) * h / size + 1j * bias.imag
    off = torch.fft.fft(h @ second) - target
    return (off * off.conj()).real.mean()


def jax_side(x: Any, first: Any, bias: Any, second: Any, target: Any) -> Any:
    """The same."""
    import jax
    import jax.numpy as jnp

    name = os.environ.get(JAX)
    if name:
        platform, _, number = name.partition(":")
        device = jax.devices(platform)[int(number or 0)]
        x, first, bias, second, target = (jax.device_put(a, device) for a in (x, first, bias, second, target))
    h = x @ first
    size = jnp.abs(h)
    h = jax.nn.relu(size + bias.real) * h / size + 1j * bias.imag
    off = jnp.fft.fft(h @ second) - target
    return (off * off.conj()).real.mean()
