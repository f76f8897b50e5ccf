"""jax: wrong derivative of `spence` at removable (float64, pullback), observed with jax 0.10.2, jaxlib
0.10.2.

Run it with jax, numpy installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

dtype, complex_dtype = jnp.float64, jnp.complex128


def f(x):
    return jax.scipy.special.spence(x)


# The exact inputs.
inputs = {
    "x": np.array([1.0, 1.0, 1.0], np.float64),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [jnp.asarray(a) for a in inputs.values()]
position = 0  # of x


def along(leaf):
    return outputs(*arguments[:position], leaf, *arguments[position + 1:])


leaf = arguments[position]
along = jax.jit(along)
unit = np.zeros_like(np.asarray(along(leaf)))
unit.reshape(-1)[0] = 1  # the cotangent
_, pull = jax.vjp(along, leaf)
(pulled,) = pull(jnp.asarray(unit))
returned = float(np.asarray(pulled).reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 1.1e-85).
right = float("-1.00000000000000000000000000000")

# An independent check: extrapolated central differences of the framework's own values.
def value(*steps):
    at = [np.array(a, {"f": np.float64, "c": np.complex128}.get(a.dtype.kind, a.dtype)) for a in inputs.values()]
    at[0].reshape(-1)[0] += steps[0] * 1
    out = f(*(jnp.asarray(a) for a in at))
    out = (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]
    out = np.asarray(out)
    return float(out.reshape(-1)[0].real)


steps = 1.0 * 2.0 ** -np.arange(4, 16)
quotients = np.array([(value(h) - value(-h)) / (2 * h) for h in steps])
better = (4 * quotients[1:] - quotients[:-1]) / 3
check = float(better[1:][np.argmin(np.abs(np.diff(better)))])

print("jax", jax.__version__)
print("d f[0] / d x[0]")
print("  returned  ", returned)
print("  right     ", "-1.00000000000000000000000000000")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 1.0)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 1.0, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
