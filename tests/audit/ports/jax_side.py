"""The port of `torch_side` to JAX, in plain functions of nested dicts; kernels are (in, out), as in Flax."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import harness
from tests.audit.ports import data

FRAME, HOP, WIDTH, HEADS, CLASSES = 8, 4, 6, 2, 3

Params = dict[str, Any]


def dense(p: Params, x: jax.Array) -> jax.Array:
    """y = x K + b, K of shape (in, out)."""
    return x @ p["kernel"] + p["bias"]


def modrelu(p: Params, z: jax.Array) -> jax.Array:
    """The modulus goes through a ReLU with a real bias, the phase is kept."""
    size = jnp.abs(z)
    return jax.nn.relu(size + p["bias"]) * z / (size + 1e-6)


def norm(p: Params, z: jax.Array) -> jax.Array:
    """Centre, divide by the root mean square modulus, scale by real numbers, shift by complex ones."""
    z = z - z.mean(-1, keepdims=True)
    size = (jnp.abs(z) ** 2).mean(-1, keepdims=True)
    return p["scale"] * z / jnp.sqrt(size + 1e-5) + p["shift"]


def frames_of(signal: jax.Array) -> jax.Array:
    """Overlapping frames along a new axis."""
    count = 1 + (signal.shape[-1] - FRAME) // HOP
    index = jnp.arange(FRAME)[None, :] + HOP * jnp.arange(count)[:, None]
    return signal[..., index]


def spectrum(p: Params, signal: jax.Array) -> jax.Array:
    """Frames of a real signal under a learnt window, Fourier transformed."""
    return jnp.fft.rfft(frames_of(signal) * p["window"], axis=-1) / math.sqrt(FRAME)


def heads(z: jax.Array) -> jax.Array:
    """(batch, frames, width) to (batch, heads, frames, width / heads)."""
    return jnp.swapaxes(z.reshape(*z.shape[:-1], HEADS, z.shape[-1] // HEADS), -2, -3)


def attention(p: Params, z: jax.Array) -> jax.Array:
    """Heads that weigh frames by the real part of a Hermitian inner product."""
    q, k, v = (heads(dense(p[name], z)) for name in ("query", "key", "value"))
    scores = (q @ jnp.conj(jnp.swapaxes(k, -1, -2))).real / math.sqrt(q.shape[-1])
    mixed = jax.nn.softmax(scores, axis=-1) @ v
    joined = jnp.swapaxes(mixed, -2, -3).reshape(z.shape)
    return dense(p["out"], joined)


def phase(p: Params, z: jax.Array) -> jax.Array:
    """A diagonal unitary: each channel turned by a learnt angle."""
    return z * jnp.exp(1j * p["angle"])


def head(p: Params, power: jax.Array) -> jax.Array:
    """Real class scores from powers."""
    return power @ p["kernel"] + p["bias"]


def network(params: Params, signal: jax.Array) -> jax.Array:
    """Signals (batch, samples) to class scores (batch, CLASSES)."""
    z = harness.tap("spectrum", spectrum(params["spectrum"], signal))
    z = harness.tap("embed", dense(params["embed"], z))
    z = harness.tap("norm", norm(params["norm"], z))
    z = harness.tap("attention", z + attention(params["attention"], z))
    z = harness.tap("phase", phase(params["phase"], z))
    z = harness.tap("activation", modrelu(params["activation"], z))
    z = harness.tap("hidden", dense(params["hidden"], z))
    power = harness.tap("power", jnp.abs(z) ** 2)
    pooled = harness.tap("pooled", power.mean(-2))
    return harness.tap("scores", head(params["head"], pooled))


def penalty(params: Params) -> jax.Array:
    """Half the squared modulus of the complex weights, small."""
    weights = [params["embed"]["kernel"], params["hidden"]["kernel"], params["attention"]["out"]["kernel"]]
    return 0.5e-2 * sum((jnp.abs(w) ** 2).sum() for w in weights)


def cross_entropy(scores: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean negative log-likelihood of the labels."""
    logs = jax.nn.log_softmax(scores, axis=-1)
    return -jnp.take_along_axis(logs, labels[:, None], axis=-1).mean()


def loss(params: Params, signal: jax.Array, labels: jax.Array) -> jax.Array:
    """What is minimised."""
    return harness.tap("loss", cross_entropy(network(params, signal), labels) + penalty(params))


def step(params: Params, signal: jax.Array, labels: jax.Array, rate: float = 0.05) -> Params:
    """One step of gradient descent: jax.grad gives the conjugate of the direction of steepest ascent."""
    grads = jax.tree.map(jnp.conj, jax.grad(loss)(params, signal, labels))
    return jax.tree.map(lambda p, g: p - rate * g, params, grads)


def converted(state: dict[str, np.ndarray]) -> Params:
    """The state of the torch side in this layout: nested, its kernels transposed."""
    params: Params = {}
    for name, array in state.items():
        *folders, last = name.split(".")
        place = params
        for key in folders:
            place = place.setdefault(key, {})
        place["kernel" if last == "weight" else last] = array.T if last == "weight" else array
    return params


def inputs() -> tuple[Params, np.ndarray, np.ndarray]:
    """The arguments of `loss` and of `step`."""
    return (converted(data.parameters()), *data.signals())
