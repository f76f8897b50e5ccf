"""Spherical harmonics and an equivariant product of e3nn and of e3nn-jax, which order the parts of it otherwise."""

import e3nn_jax
import numpy as np
from e3nn import o3

rng = np.random.default_rng(0)
torch_inputs = jax_inputs = tuple(rng.standard_normal((4, 3)) for _ in "rv")
product = o3.FullTensorProduct("0e+1o+2e", "1o")


def torch_side(r, v):
    harmonics = o3.spherical_harmonics([0, 1, 2], r, normalize=True, normalization="component")
    out = product(harmonics, v)
    return out.pow(4).sum()


def jax_side(r, v):
    harmonics = e3nn_jax.spherical_harmonics("0e+1o+2e", r, normalize=True, normalization="component")
    out = e3nn_jax.tensor_product(harmonics, e3nn_jax.IrrepsArray("1o", v))
    return (out.array**4).sum()
