"""The ports of `modules_torch`: a tree as Flax nests it, and an Equinox module."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def apply(params: Any, x: Any) -> Any:
    for name in ("layers_0", "layers_1"):
        x = jnp.tanh(x @ params[name]["kernel"] + params[name]["bias"]) + 1
    return x


def loss(params: Any, x: Any) -> Any:
    return (apply(params["params"], x) ** 2).sum()


def x_only() -> Any:
    return {"x": np.arange(6, dtype=np.float32).reshape(2, 3) / 4}


def equinox_model() -> Any:
    import equinox as eqx

    class Net(eqx.Module):
        layers: list
        activation: Any

        def __init__(self) -> None:
            keys = jax.random.split(jax.random.key(0))
            self.layers = [eqx.nn.Linear(3, 4, key=keys[0]), eqx.nn.Linear(4, 4, key=keys[1])]
            self.activation = jnp.tanh

        def __call__(self, x: Any) -> Any:
            for layer in self.layers:
                x = self.activation(jax.vmap(layer)(x)) + 1
            return x

    return Net()


def equinox_inputs() -> Any:
    return equinox_model(), x_only()["x"]


def with_module(model: Any, x: Any) -> Any:
    return (model(x) ** 2).sum()


def batch_norm(params: Any, x: Any) -> Any:
    centred = x - x.mean(0)
    size = (centred**2).mean(0)
    return ((centred / jnp.sqrt(size + 1e-5) * params["weight"] + params["bias"]) ** 3).sum()


def descend(params: Any, x: Any) -> Any:
    grads = jax.grad(lambda p: (apply(p, x) ** 2).sum())(params)
    return jax.tree.map(lambda p, g: p - 0.1 * g, params, grads), "state"
