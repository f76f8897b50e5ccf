"""Steps of AdamW: torch's decay is 0.01 unless it is told, optax's 0.0001."""

import jax
import numpy as np
import optax
import torch

rng = np.random.default_rng(0)
torch_inputs = jax_inputs = {"w": rng.standard_normal((3, 2)), "x": rng.standard_normal((5, 3))}


def torch_side(w, x):
    return torch.tanh(x @ w).pow(2).sum()


def torch_step(w, x):
    optimiser = torch.optim.AdamW([w], lr=0.1)
    torch_side(w, x).backward()
    optimiser.step()
    return w


def jax_side(w, x):
    return (jax.numpy.tanh(x @ w) ** 2).sum()


def jax_step(w, x):
    optimiser = optax.adamw(0.1, weight_decay=0.01)
    updates, _ = optimiser.update(jax.grad(jax_side)(w, x), optimiser.init(w), w)
    return optax.apply_updates(w, updates)
