"""torch.autograd: wrong value of `sigmoid` at far (complex128, value), observed with torch 2.13.0+cpu.

Run it with torch, numpy and mpmath installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import mpmath as mp
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(z):
    return torch.sigmoid(z)


# The exact inputs.
inputs = {
    "z": np.array([complex(800.0, 1.0), complex(-800.0, 1.0), complex(100.0, -2.0)], np.complex128),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
returned = float(outputs(*arguments).detach().resolve_conj().numpy().reshape(-1)[1].real)

# What is right (in arbitrary precision, error below 1.0e-300).
right = float("1.98176109546634853596912656442e-348")

# An independent check: central differences with mpmath.
mp.mp.dps = 203


def exact(z):
    return 1 / (1 + mp.exp(-z))


at = [mp.mpc(float(inputs["z"].reshape(-1)[1].real), float(inputs["z"].reshape(-1)[1].imag))]
check = float(mp.re(exact(*at)))

print("torch", torch.__version__)
print("Re f[1]")
print("  returned  ", returned)
print("  right     ", "1.98176109546634853596912656442e-348")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 0.0)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 0.0, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
