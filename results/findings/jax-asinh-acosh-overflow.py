"""jax: wrong derivative of `arccosh` at huge-10 (complex128, pullback), observed with jax 0.10.2,
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
    return jnp.arccosh(z)


# The exact inputs.
inputs = {
    "z": np.array([complex(10000000000.0, 20000000000.0), complex(-30000000000.0, 10000000000.0), complex(20000000000.0, -10000000000.0)], np.complex128),
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
unit.reshape(-1)[1] = 1  # the cotangent
_, pull = jax.vjp(along, leaf)
(pulled,) = pull(jnp.asarray(unit))
returned = float(np.asarray(pulled).reshape(-1)[1].real)

# What is right (in arbitrary precision, error below 1.4e-90).
right = float("-3.00000000000000000000090000000e-11")

# An independent check: central differences with mpmath.
mp.mp.dps = 211


def exact(z):
    return mp.acosh(z)


at = [mp.mpc(float(inputs["z"].reshape(-1)[1].real), float(inputs["z"].reshape(-1)[1].imag))]
h = mp.mpf(10) ** -40 * mp.mpf(1.0)
step = h * 1
above, below = list(at), list(at)
above[0], below[0] = at[0] + step, at[0] - step
check = float(mp.re((exact(*above) - exact(*below)) / (2 * h)))

print("jax", jax.__version__)
print("d Re f[1] / d Re z[1]")
print("  returned  ", returned)
print("  right     ", "-3.00000000000000000000090000000e-11")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 3e-11)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 3e-11, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
