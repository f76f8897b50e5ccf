"""A network with a normalisation and a dropout that is off, in Flax nnx; the weights are torch's."""

import jax
import numpy as np
import torch
from flax import nnx

x = np.random.default_rng(0).standard_normal((5, 3))
layers = {"up": torch.nn.Linear(3, 8), "norm": torch.nn.LayerNorm(8), "down": torch.nn.Linear(8, 2)}


class Net(nnx.Module):
    def __init__(self, rngs):
        self.up, self.down = (nnx.Linear(*n, param_dtype=float, rngs=rngs) for n in ((3, 8), (8, 2)))
        self.norm, self.drop = nnx.LayerNorm(8, epsilon=1e-5, param_dtype=float, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)


torch_inputs = torch.nn.ModuleDict({**layers, "drop": torch.nn.Dropout()}).eval(), x
jax_inputs = nnx.view(Net(nnx.Rngs(0)), deterministic=True), x


def torch_side(model, x):
    h = model["up"](x)
    h = model["norm"](h)
    h = torch.nn.functional.gelu(h)
    return model["down"](model["drop"](h))


def jax_side(model, x):
    h = model.up(x)
    h = model.norm(h)
    h = jax.nn.gelu(h, approximate=False)
    return model.down(model.drop(h))
