"""Log densities of torch.distributions and of numpyro."""

import numpy as np
import numpyro.distributions as numpyro
import torch
import torch.distributions as pytorch

rng = np.random.default_rng(0)
data = {"a": rng.gamma(2, size=4), "b": rng.gamma(2, size=4), "x": rng.uniform(0.2, 0.8, 4)}
data["p"], data["m"] = data["x"] / data["x"].sum(), np.tril(rng.standard_normal((4, 4)), -1) + np.diag(data["a"])
torch_inputs = jax_inputs = (data,)


def torch_side(d):
    gamma = pytorch.Gamma(d["a"], d["b"]).log_prob(d["x"])
    beta = pytorch.Beta(d["a"], d["b"]).log_prob(d["x"])
    student = pytorch.StudentT(d["a"], d["x"], d["b"]).log_prob(d["p"])
    dirichlet = pytorch.Dirichlet(d["a"]).log_prob(d["p"])
    normal = pytorch.MultivariateNormal(d["b"], scale_tril=torch.tril(d["m"])).log_prob(d["x"])
    return gamma.sum() + beta.sum() + student.sum() + dirichlet + normal


def jax_side(d):
    gamma = numpyro.Gamma(d["a"], d["b"]).log_prob(d["x"])
    beta = numpyro.Beta(d["a"], d["b"]).log_prob(d["x"])
    student = numpyro.StudentT(d["a"], d["x"], d["b"]).log_prob(d["p"])
    dirichlet = numpyro.Dirichlet(d["a"]).log_prob(d["p"])
    normal = numpyro.MultivariateNormal(d["b"], scale_tril=d["m"]).log_prob(d["x"])
    return gamma.sum() + beta.sum() + student.sum() + dirichlet + normal
