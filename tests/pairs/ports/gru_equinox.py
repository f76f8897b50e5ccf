"""torch.nn.GRU as Equinox's cell in a scan: two of three biases are added up."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import torch

x = np.random.default_rng(0).standard_normal((5, 3))
gru, cell = torch.nn.GRU(3, 4), eqx.nn.GRUCell(3, 4, key=jax.random.key(0))
wi, wh, bi, bh = (jnp.array(p.detach().numpy()) for p in gru.parameters())
new = wi, wh, jnp.concatenate([bi[:8] + bh[:8], bi[8:]]), bh[8:]
cell = eqx.tree_at(lambda c: (c.weight_ih, c.weight_hh, c.bias, c.bias_n), cell, new)
torch_inputs, jax_inputs = (gru, x), (cell, x)


def torch_side(model, x):
    states, _ = model(x)
    return states.pow(2).sum()


def jax_side(model, x):
    def step(h, u):
        h = model(u, h)
        return h, h

    _, states = jax.lax.scan(step, jnp.zeros(4), x)
    return jnp.sum(states**2)
