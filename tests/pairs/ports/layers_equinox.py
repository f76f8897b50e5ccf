"""Residual layers one by one, and stacked by Equinox for a scan; the weights are torch's."""

import equinox as eqx
import jax
import numpy as np
import torch

ids = np.array([[1, 4, 0, 2], [3, 3, 1, 0]])
layers = torch.nn.ModuleList([torch.nn.Linear(6, 6) for _ in range(3)])
keys = jax.random.split(jax.random.key(0), 3)
stacked = eqx.filter_vmap(lambda key: eqx.nn.Linear(6, 6, key=key))(keys)
torch_inputs = torch.nn.ModuleDict({"embed": torch.nn.Embedding(5, 6), "layers": layers}), ids
jax_inputs = {"embed": eqx.nn.Embedding(5, 6, key=keys[0]), "layers": stacked}, ids


def torch_side(model, ids):
    h = model["embed"](ids)
    for layer in model["layers"]:
        h = h + torch.tanh(layer(h))
    return h.mean(1)


def jax_side(model, ids):
    def step(h, layer):
        return h + jax.numpy.tanh(jax.vmap(jax.vmap(layer))(h)), None

    h, _ = jax.lax.scan(step, model["embed"].weight[ids], model["layers"])
    return h.mean(1)
