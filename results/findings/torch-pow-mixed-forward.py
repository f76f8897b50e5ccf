"""torch.autograd: wrong derivative of `modulus-to-complex-power` at generic-1 (complex128,
pushforward), observed with torch 2.13.0+cpu.

Run it with torch, numpy and mpmath installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import mpmath as mp
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(z):
    return torch.abs(z) ** (1 + 1j)


# The exact inputs.
inputs = {
    "z": np.array([complex(0.3455843925476074, -1.3031578063964844), complex(0.8216180801391602, 0.9053554534912109), complex(0.33043718338012695, 0.44637441635131836)], np.complex128),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
position = 0  # of z


def along(leaf):
    return outputs(*arguments[:position], leaf, *arguments[position + 1:])


leaf = arguments[position]
unit = np.zeros_like(inputs["z"])
unit.reshape(-1)[0] = 1j  # the direction
import torch.autograd.forward_ad as forward

with forward.dual_level():
    dual = forward.make_dual(leaf, torch.from_numpy(unit))
    moved = forward.unpack_dual(along(dual)).tangent
    moved = torch.zeros_like(along(leaf)) if moved is None else moved
returned = float(moved.detach().resolve_conj().numpy().reshape(-1)[0].imag)

# What is right (in arbitrary precision, error below 3.2e-81).
right = float("-1.20828064266741998933879038287")

# An independent check: central differences with mpmath.
mp.mp.dps = 205


def exact(z):
    return abs(z) ** (1 + 1j)


at = [mp.mpc(float(inputs["z"].reshape(-1)[0].real), float(inputs["z"].reshape(-1)[0].imag))]
h = mp.mpf(10) ** -40 * mp.mpf(0.33043718338012695)
step = h * 1j
above, below = list(at), list(at)
above[0], below[0] = at[0] + step, at[0] - step
check = float(mp.im((exact(*above) - exact(*below)) / (2 * h)))

print("torch", torch.__version__)
print("d Im f[0] / d Im z[0]")
print("  returned  ", returned)
print("  right     ", "-1.20828064266741998933879038287")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 1.20828064266742)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 1.20828064266742, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
