"""jax: wrong derivative of `real-hypot` at real-tiny-310 (float64, pullback), observed with jax
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


def f(x, y):
    return jnp.hypot(x, y)


# The exact inputs.
inputs = {
    "x": np.array([1e-310, -2e-310, 3e-310], np.float64),
    "y": np.array([-2e-310, 3e-310, -5e-310], np.float64),
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
unit.reshape(-1)[1] = 1  # the cotangent
_, pull = jax.vjp(along, leaf)
(pulled,) = pull(jnp.asarray(unit))
returned = float(np.asarray(pulled).reshape(-1)[1].real)

# What is right (in arbitrary precision, error below 1.8e-85).
right = float("-0.554700196225229122018341733457")

# An independent check: central differences with mpmath.
mp.mp.dps = 1440


def exact(x, y):
    return mp.sqrt(x ** 2 + y ** 2)


at = [mp.mpf(float(inputs["x"].reshape(-1)[1])), mp.mpf(float(inputs["y"].reshape(-1)[1]))]
h = mp.mpf(10) ** -40 * mp.mpf(1e-310)
step = h * 1
above, below = list(at), list(at)
above[0], below[0] = at[0] + step, at[0] - step
check = float(mp.re((exact(*above) - exact(*below)) / (2 * h)))

print("jax", jax.__version__)
print("d f[1] / d x[1]")
print("  returned  ", returned)
print("  right     ", "-0.554700196225229122018341733457")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 0.5547001962252291)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 0.5547001962252291, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
