"""torch.autograd: wrong derivative of `silu` at saturated (complex128, pushforward), observed with
torch 2.13.0+cpu.

Run it with torch, numpy and mpmath installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import mpmath as mp
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(z):
    return torch.nn.functional.silu(z)


# The exact inputs.
inputs = {
    "z": np.array([complex(40.0, 1.0), complex(-40.0, 1.0), complex(20.0, -2.0)], np.complex128),
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
unit.reshape(-1)[1] = 1j  # the direction
import torch.autograd.forward_ad as forward

with forward.dual_level():
    dual = forward.make_dual(leaf, torch.from_numpy(unit))
    moved = forward.unpack_dual(along(dual)).tangent
    moved = torch.zeros_like(along(leaf)) if moved is None else moved
returned = float(moved.detach().resolve_conj().numpy().reshape(-1)[1].real)

# What is right (in arbitrary precision, error below 2.1e-98).
right = float("1.37124411121229444911705083253e-16")

# An independent check: central differences with mpmath.
mp.mp.dps = 202


def exact(z):
    return z / (1 + mp.exp(-z))


at = [mp.mpc(float(inputs["z"].reshape(-1)[1].real), float(inputs["z"].reshape(-1)[1].imag))]
h = mp.mpf(10) ** -40 * mp.mpf(1.0)
step = h * 1j
above, below = list(at), list(at)
above[0], below[0] = at[0] + step, at[0] - step
check = float(mp.re((exact(*above) - exact(*below)) / (2 * h)))

print("torch", torch.__version__)
print("d Re f[1] / d Im z[1]")
print("  returned  ", returned)
print("  right     ", "1.37124411121229444911705083253e-16")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 1.3712441112122944e-16)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 1.3712441112122944e-16, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
