"""torch.func: wrong second derivative of `real-cumprod` at zero-first (float64, reverse-over-forward),
observed with torch 2.13.0+cpu.

Run it with torch, numpy installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(x):
    return torch.cumprod(x, dim=0)


# The exact inputs.
inputs = {
    "x": np.array([0.0, 1.0, 2.0], np.float64),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
def loss(*arrays):
    return outputs(*arrays).sum()


first, second = 0, 0  # x, x
unit = np.zeros_like(inputs["x"])
unit.reshape(-1)[0] = 1  # the direction


def moving(k, x):
    return [x if j == k else other for j, other in enumerate(arguments)]


def slope(x):  # the derivative of the loss along the direction, as a function of the first input
    point = moving(first, x)
    return torch.func.jvp(lambda y: loss(*[y if j == second else p for j, p in enumerate(point)]), (point[second],), (torch.from_numpy(unit),))[1]


pulled = torch.func.grad(slope)(arguments[first])
returned = float(pulled.detach().resolve_conj().numpy().reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 1.0e-300).
right = float("0.0")

# An independent check: extrapolated central differences of the framework's own values.
def value(*steps):
    at = [np.array(a, {"f": np.float64, "c": np.complex128}.get(a.dtype.kind, a.dtype)) for a in inputs.values()]
    at[0].reshape(-1)[0] += steps[0] * 1
    at[0].reshape(-1)[0] += steps[1] * 1
    out = f(*(torch.from_numpy(a) for a in at))
    out = (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]
    out = out.detach().resolve_conj().numpy()
    return float(out.sum().real)


steps = 1.0 * 2.0 ** -np.arange(3, 11)
quotients = np.array([(value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h * h) for h in steps])
better = (4 * quotients[1:] - quotients[:-1]) / 3
check = float(better[1:][np.argmin(np.abs(np.diff(better)))])

print("torch", torch.__version__)
print("d2 sum(f) / d x[0] d x[0]")
print("  returned  ", returned)
print("  right     ", "0.0")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 3.0)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 3.0, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
