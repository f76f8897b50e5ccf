"""A neural differential equation by torchdiffeq and by diffrax, both with the method of Dormand and Prince."""

import diffrax
import jax.numpy as jnp
import numpy as np
import torch
import torchdiffeq

rng = np.random.default_rng(0)
torch_inputs = jax_inputs = {"w": rng.standard_normal((3, 3)), "y": rng.standard_normal(3)}


def torch_side(w, y):
    def field(t, y):
        return torch.tanh(w @ y) - 0.1 * t * y

    path = torchdiffeq.odeint(field, y, torch.tensor([0.0, 1.0]), rtol=1e-9, atol=1e-9)
    return path[-1].sum()


def jax_side(w, y):
    def field(t, y, w):
        return jnp.tanh(w @ y) - 0.1 * t * y

    term, control = diffrax.ODETerm(field), diffrax.PIDController(rtol=1e-9, atol=1e-9)
    path = diffrax.diffeqsolve(term, diffrax.Dopri5(), 0.0, 1.0, 0.1, y, w, stepsize_controller=control)
    return path.ys[-1].sum()
