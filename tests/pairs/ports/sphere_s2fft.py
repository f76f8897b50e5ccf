"""The spherical harmonic transform of s2fft, on torch and on JAX: one package, two frameworks."""

import jax.numpy as jnp
import numpy as np
import s2fft
from s2fft.precompute_transforms import spherical

L = 4
rng = np.random.default_rng(0)
torch_inputs = jax_inputs = (rng.standard_normal((L, 2 * L - 1)) + 1j * rng.standard_normal((L, 2 * L - 1)),)


def torch_side(f):
    flm = spherical.forward(f, L, method="torch")
    return (flm.abs() ** 2).sum()


def jax_side(f):
    flm = s2fft.forward(f, L, method="jax")
    return jnp.sum(jnp.abs(flm) ** 2)
