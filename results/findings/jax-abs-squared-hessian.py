"""jax: wrong second derivative of `abs-squared` at zero (complex128, forward-over-reverse), observed
with jax 0.10.2, jaxlib 0.10.2.

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
    return jnp.abs(z) ** 2


# The exact inputs.
inputs = {
    "z": np.array([complex(0.0, 0.0), complex(0.0, 0.0), complex(0.0, 0.0)], np.complex128),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [jnp.asarray(a) for a in inputs.values()]
def loss(*arrays):
    return outputs(*arrays).sum()


first, second = 0, 0  # z, z
unit = np.zeros_like(inputs["z"])
unit.reshape(-1)[0] = 1  # the direction


def moving(k, x):
    return [x if j == k else other for j, other in enumerate(arguments)]


def slope(y):  # the gradient by the first input, as a function of the second one
    point = moving(second, y)
    return jax.grad(lambda x: loss(*[x if j == first else p for j, p in enumerate(point)]))(point[first])


moved = jax.jvp(slope, (arguments[second],), (jnp.asarray(unit),))[1]
returned = float(np.asarray(moved).reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 1.2e-178).
right = float("2.0")

# An independent check: central differences with mpmath.
mp.mp.dps = 200


def exact(z):
    return abs(z) ** 2


at = [mp.mpc(float(inputs["z"].reshape(-1)[0].real), float(inputs["z"].reshape(-1)[0].imag))]


def moved_to(s0, s1):
    moved = list(at)
    moved[0] += s0 * 1
    moved[0] += s1 * 1
    return mp.re(exact(*moved))


h = mp.mpf(10) ** -40 * mp.mpf(1.0)
check = float((moved_to(h, h) - moved_to(h, -h) - moved_to(-h, h) + moved_to(-h, -h)) / (4 * h * h))

print("jax", jax.__version__)
print("d2 sum(f) / d Re z[0] d Re z[0]")
print("  returned  ", returned)
print("  right     ", "2.0")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 2.0)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 2.0, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
