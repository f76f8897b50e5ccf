"""jax: wrong derivative of `power` at zero-base (complex128, pullback), observed with jax 0.10.2,
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


def f(z, w):
    return jnp.power(z, w)


# The exact inputs.
inputs = {
    "z": np.array([complex(0.0, 0.0), complex(0.0, 0.0), complex(0.0, 0.0)], np.complex128),
    "w": np.array([complex(1.0, 1.0), complex(2.0, 0.0), complex(0.5, 0.0)], np.complex128),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [jnp.asarray(a) for a in inputs.values()]
position = 1  # of w


def along(leaf):
    return outputs(*arguments[:position], leaf, *arguments[position + 1:])


leaf = arguments[position]
along = jax.jit(along)
unit = np.zeros_like(np.asarray(along(leaf)))
unit.reshape(-1)[0] = 1  # the cotangent
_, pull = jax.vjp(along, leaf)
(pulled,) = pull(jnp.asarray(unit))
returned = float(np.asarray(pulled).reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 6.7e-34).
right = float("0")

# An independent check: central differences with mpmath.
mp.mp.dps = 205


def exact(z, w):
    return mp.mpf(0) if z == 0 and mp.re(w) > 0 else mp.power(z, w)


at = [mp.mpc(float(inputs["z"].reshape(-1)[0].real), float(inputs["z"].reshape(-1)[0].imag)), mp.mpc(float(inputs["w"].reshape(-1)[0].real), float(inputs["w"].reshape(-1)[0].imag))]
h = mp.mpf(10) ** -40 * mp.mpf(0.5)
step = h * 1
above, below = list(at), list(at)
above[1], below[1] = at[1] + step, at[1] - step
check = float(mp.re((exact(*above) - exact(*below)) / (2 * h)))

print("jax", jax.__version__)
print("d Re f[0] / d Re w[0]")
print("  returned  ", returned)
print("  right     ", "0")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 0.0)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 0.0, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
