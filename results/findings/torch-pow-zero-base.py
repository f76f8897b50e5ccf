"""torch.autograd: wrong derivative of `power` at zero-base (complex128, pullback), observed with torch
2.13.0+cpu.

Run it with torch, numpy and mpmath installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import mpmath as mp
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(z, w):
    return torch.pow(z, w)


# The exact inputs.
inputs = {
    "z": np.array([complex(0.0, 0.0), complex(0.0, 0.0), complex(0.0, 0.0)], np.complex128),
    "w": np.array([complex(1.0, 1.0), complex(2.0, 0.0), complex(0.5, 0.0)], np.complex128),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
position = 1  # of w


def along(leaf):
    return outputs(*arguments[:position], leaf, *arguments[position + 1:])


leaf = arguments[position]
unit = np.zeros_like(along(leaf).detach().resolve_conj().numpy())
unit.reshape(-1)[0] = 1  # the cotangent
leaf = leaf.requires_grad_()
(pulled,) = torch.autograd.grad(along(leaf), leaf, torch.from_numpy(unit), allow_unused=True)
pulled = torch.zeros_like(leaf) if pulled is None else pulled
returned = float(pulled.detach().resolve_conj().numpy().reshape(-1)[0].real)

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

print("torch", torch.__version__)
print("d Re f[0] / d Re w[0]")
print("  returned  ", returned)
print("  right     ", "0")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 0.0)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 0.0, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
