"""jax: wrong value of `log-ndtr` at right-tail (float64, value), observed with jax 0.10.2, jaxlib
0.10.2.

Run it with jax, numpy and mpmath installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import mpmath as mp
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

dtype, complex_dtype = jnp.float64, jnp.complex128


def f(x):
    return jax.scipy.special.log_ndtr(x)


# The exact inputs.
inputs = {
    "x": np.array([8.0, 20.0, 100.0], np.float64),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [jnp.asarray(a) for a in inputs.values()]
returned = float(np.asarray(outputs(*arguments)).reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 1.0e-300).
right = float("-6.22096057427178605853351850479e-16")

# An independent check: central differences with mpmath.
mp.mp.dps = 202


def exact(x):
    return mp.log(mp.ncdf(x))


at = [mp.mpf(float(inputs["x"].reshape(-1)[0]))]
check = float(mp.re(exact(*at)))

print("jax", jax.__version__)
print("f[0]")
print("  returned  ", returned)
print("  right     ", "-6.22096057427178605853351850479e-16")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 6.220960574271786e-16)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 6.220960574271786e-16, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
