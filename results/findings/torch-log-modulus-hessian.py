"""torch.func: wrong second derivative of `log-modulus` at tiny-160 (complex128, reverse-over-reverse),
observed with torch 2.13.0+cpu.

Run it with torch, numpy installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(z):
    return torch.log(torch.abs(z))


# The exact inputs.
inputs = {
    "z": np.array([complex(1e-160, 2e-160), complex(-3e-160, 1e-160), complex(2e-160, -1e-160)], np.complex128),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
def loss(*arrays):
    return outputs(*arrays).sum()


first, second = 0, 0  # z, z
unit = np.zeros_like(inputs["z"])
unit.reshape(-1)[1] = 1  # the direction


def moving(k, x):
    return [x if j == k else other for j, other in enumerate(arguments)]


def slope(y):  # the gradient by the first input, as a function of the second one
    point = moving(second, y)
    return torch.func.grad(lambda x: loss(*[x if j == first else p for j, p in enumerate(point)]))(point[first])


cotangent = np.zeros_like(inputs["z"])
cotangent.reshape(-1)[0] = 1
(pulled,) = torch.func.vjp(slope, arguments[second])[1](torch.from_numpy(cotangent))
returned = float(pulled.detach().resolve_conj().numpy().reshape(-1)[1].real)

# What is right (in arbitrary precision, error below 1.0e-300).
right = float("0.0")

# An independent check: mathematics.
# Every term of the sum reads one element only: no two of them meet.
check = 0.0

print("torch", torch.__version__)
print("d2 sum(f) / d Re z[0] d Re z[1]")
print("  returned  ", returned)
print("  right     ", "0.0")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), float("inf"))
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), float("inf"), 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
