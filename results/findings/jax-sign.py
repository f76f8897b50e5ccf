"""jax: wrong derivative of `second-sign` at generic-1 (complex128, pullback), observed with jax
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
    return jnp.real((1 + 1j) * jnp.sign(z))


# The exact inputs.
inputs = {
    "z": np.array([complex(0.3455843925476074, -1.3031578063964844), complex(0.8216180801391602, 0.9053554534912109), complex(0.33043718338012695, 0.44637441635131836)], np.complex128),
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
returned = float(np.asarray(pulled).reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 3.5e-81).
right = float("0.509218430538317462767205661703")

# An independent check: central differences with mpmath.
mp.mp.dps = 205


def exact(z):
    return mp.re((1 + 1j) * mp.sign(z))


at = [mp.mpc(float(inputs["z"].reshape(-1)[0].real), float(inputs["z"].reshape(-1)[0].imag))]
h = mp.mpf(10) ** -40 * mp.mpf(0.33043718338012695)
step = h * 1
above, below = list(at), list(at)
above[0], below[0] = at[0] + step, at[0] - step
check = float(mp.re((exact(*above) - exact(*below)) / (2 * h)))

print("jax", jax.__version__)
print("d f[0] / d Re z[0]")
print("  returned  ", returned)
print("  right     ", "0.509218430538317462767205661703")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 0.5092184305383175)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 0.5092184305383175, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
