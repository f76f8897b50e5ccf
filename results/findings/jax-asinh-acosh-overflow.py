"""jax: wrong derivative of `arcsinh` at huge-160 (complex128, pullback), observed with jax 0.10.2,
jaxlib 0.10.2.

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
    return jnp.arcsinh(z)


# The exact inputs.
inputs = {
    "z": np.array([complex(1e+160, 2e+160), complex(-3e+160, 1e+160), complex(2e+160, -1e+160)], np.complex128),
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
unit = np.zeros_like(np.asarray(along(leaf)))
unit.reshape(-1)[0] = 1  # the cotangent
_, pull = jax.vjp(along, leaf)
(pulled,) = pull(jnp.asarray(unit))
returned = float(-np.asarray(pulled).reshape(-1)[0].imag)

# What is right (in arbitrary precision, error below 1.0e-300).
right = float("3.99999999999999997388636901973e-161")

# An independent check: central differences with mpmath.
mp.mp.dps = 361


def exact(z):
    return mp.asinh(z)


at = [mp.mpc(float(inputs["z"].reshape(-1)[0].real), float(inputs["z"].reshape(-1)[0].imag))]
h = mp.mpf(10) ** -40 * mp.mpf(1.0)
step = h * 1j
above, below = list(at), list(at)
above[0], below[0] = at[0] + step, at[0] - step
check = float(mp.re((exact(*above) - exact(*below)) / (2 * h)))

print("jax", jax.__version__)
print("d Re f[0] / d Im z[0]")
print("  returned  ", returned)
print("  right     ", "3.99999999999999997388636901973e-161")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 4e-161)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 4e-161, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
