"""The marginal likelihood of a Gaussian process: gpytorch's variance is noise, tinygp's diagonal too."""

import gpytorch
import jax.numpy as jnp
import numpy as np
import tinygp
import torch

rng = np.random.default_rng(0)
torch_inputs = jax_inputs = np.array(-0.3), np.array(-2.0), rng.uniform(0, 3, 7), rng.standard_normal(7)


def torch_side(log_scale, log_noise, x, y):
    kernel = gpytorch.kernels.MaternKernel(nu=1.5)
    kernel.lengthscale = 1.0
    k = kernel((x / log_scale.exp())[:, None]).to_dense()
    cov = k + log_noise.exp() * torch.eye(7)
    return gpytorch.distributions.MultivariateNormal(torch.zeros(7), cov).log_prob(y)


def jax_side(log_scale, log_noise, x, y):
    kernel = tinygp.kernels.Matern32(jnp.exp(log_scale))
    gp = tinygp.GaussianProcess(kernel, x, diag=jnp.exp(log_noise))
    return gp.log_probability(y)
