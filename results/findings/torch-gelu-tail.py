"""torch.autograd: wrong value of `gelu-exact` at tail (float64, value), observed with torch
2.13.0+cpu.

Run it with torch, numpy and mpmath installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import mpmath as mp
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(x):
    return torch.nn.functional.gelu(x, approximate='none')


# The exact inputs.
inputs = {
    "x": np.array([-10.0, 10.0, -20.0], np.float64),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
returned = float(outputs(*arguments).detach().resolve_conj().numpy().reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 1.0e-300).
right = float("-7.61985302416052606597334325160e-23")

# An independent check: central differences with mpmath.
mp.mp.dps = 202


def exact(x):
    return x * mp.ncdf(x)


at = [mp.mpf(float(inputs["x"].reshape(-1)[0]))]
check = float(mp.re(exact(*at)))

print("torch", torch.__version__)
print("f[0]")
print("  returned  ", returned)
print("  right     ", "-7.61985302416052606597334325160e-23")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 7.619853024160526e-23)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 7.619853024160526e-23, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
