"""A network of Haiku: modules are made inside the function that is transformed. The weights are torch's."""

import haiku as hk
import jax
import numpy as np
import torch

x = np.random.default_rng(0).standard_normal((5, 3))
up, norm, down = torch.nn.Linear(3, 8), torch.nn.LayerNorm(8), torch.nn.Linear(8, 2)
torch_inputs = torch.nn.ModuleDict({"linear": up, "layer_norm": norm, "linear_1": down}), x


def torch_side(model, x):
    h = model["linear"](x)
    h = torch.relu(model["layer_norm"](h))
    return torch.log_softmax(model["linear_1"](h), -1)


def forward(x):
    h = hk.Linear(8)(x)
    h = jax.nn.relu(hk.LayerNorm(-1, True, True)(h))
    return jax.nn.log_softmax(hk.Linear(2)(h), -1)


net = hk.without_apply_rng(hk.transform(forward))
jax_inputs, jax_side = (net.init(jax.random.key(0), x), x), net.apply
