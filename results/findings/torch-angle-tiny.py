"""torch.autograd: wrong derivative of `angle` at huge-160 (complex128, pullback), observed with torch
2.13.0+cpu.

Run it with torch, numpy and mpmath installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import mpmath as mp
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(z):
    return torch.angle(z)


# The exact inputs.
inputs = {
    "z": np.array([complex(1e+160, 2e+160), complex(-3e+160, 1e+160), complex(2e+160, -1e+160)], np.complex128),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
position = 0  # of z


def along(leaf):
    return outputs(*arguments[:position], leaf, *arguments[position + 1:])


leaf = arguments[position]
unit = np.zeros_like(along(leaf).detach().resolve_conj().numpy())
unit.reshape(-1)[0] = 1  # the cotangent
leaf = leaf.requires_grad_()
(pulled,) = torch.autograd.grad(along(leaf), leaf, torch.from_numpy(unit), allow_unused=True)
pulled = torch.zeros_like(leaf) if pulled is None else pulled
returned = float(pulled.detach().resolve_conj().numpy().reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 4.4e-242).
right = float("-3.99999999999999997388636901973e-161")

# An independent check: central differences with mpmath.
mp.mp.dps = 361


def exact(z):
    return mp.arg(z)


at = [mp.mpc(float(inputs["z"].reshape(-1)[0].real), float(inputs["z"].reshape(-1)[0].imag))]
h = mp.mpf(10) ** -40 * mp.mpf(1.0)
step = h * 1
above, below = list(at), list(at)
above[0], below[0] = at[0] + step, at[0] - step
check = float(mp.re((exact(*above) - exact(*below)) / (2 * h)))

print("torch", torch.__version__)
print("d f[0] / d Re z[0]")
print("  returned  ", returned)
print("  right     ", "-3.99999999999999997388636901973e-161")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 4e-161)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 4e-161, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
