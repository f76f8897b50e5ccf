"""torch.nn.MultiheadAttention as Flax linen's: q, k and v in one matrix against three, with the heads split."""

import flax.linen as nn
import jax
import numpy as np
import torch

x = np.random.default_rng(0).standard_normal((2, 5, 6))
layer = torch.nn.MultiheadAttention(6, 2, batch_first=True)
net = nn.MultiHeadDotProductAttention(2, param_dtype=float)
state = {k: v.detach().numpy() for k, v in layer.named_parameters()}
params = {"out": {"kernel": state["out_proj.weight"].T.reshape(2, 3, 6), "bias": state["out_proj.bias"]}}
for k, name in enumerate(("query", "key", "value")):
    w, b = state["in_proj_weight"][6 * k : 6 * k + 6], state["in_proj_bias"][6 * k : 6 * k + 6]
    params[name] = {"kernel": w.T.reshape(6, 2, 3), "bias": b.reshape(2, 3)}
torch_inputs, jax_inputs = (layer, x), (params, x)


def torch_side(model, x):
    y, _ = model(x, x, x)
    return y.pow(2).mean()


def jax_side(params, x):
    y = net.apply({"params": params}, x)
    return jax.numpy.mean(y**2)
