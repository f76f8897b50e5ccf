"""jax: wrong derivative of `second-sinc` at small-16 (complex128, pushforward), observed with jax
0.10.2, jaxlib 0.10.2.

Run it with jax, numpy and mpmath installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import mpmath as mp
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

dtype, complex_dtype = jnp.float64, jnp.complex128


def f(z):
    return jnp.real(jnp.sinc(z))


# The exact inputs.
inputs = {
    "z": np.array([complex(1e-16, 2e-16), complex(-3e-16, 1e-16), complex(2e-16, -1e-16)], np.complex128),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [jnp.asarray(a) for a in inputs.values()]
position = 0  # of z


def along(leaf):
    return outputs(*arguments[:position], leaf, *arguments[position + 1:])


leaf = arguments[position]
along = jax.jit(along)
unit = np.zeros_like(inputs["z"])
unit.reshape(-1)[2] = 1  # the direction
_, moved = jax.jvp(along, (leaf,), (jnp.asarray(unit),))
returned = float(np.asarray(moved).reshape(-1)[2].real)

# What is right (in arbitrary precision, error below 6.2e-81).
right = float("-6.57973626739290560835860990593e-16")

# An independent check: central differences with mpmath.
mp.mp.dps = 264


def exact(z):
    return mp.re(mp.sincpi(z))


at = [mp.mpc(float(inputs["z"].reshape(-1)[2].real), float(inputs["z"].reshape(-1)[2].imag))]
h = mp.mpf(10) ** -40 * mp.mpf(1e-16)
step = h * 1
above, below = list(at), list(at)
above[0], below[0] = at[0] + step, at[0] - step
check = float(mp.re((exact(*above) - exact(*below)) / (2 * h)))

print("jax", jax.__version__)
print("d f[2] / d Re z[2]")
print("  returned  ", returned)
print("  right     ", "-6.57973626739290560835860990593e-16")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 6.579736267392905e-16)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 6.579736267392905e-16, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
