"""torch.func: wrong second derivative of `softplus` at threshold (float64, forward-over-reverse),
observed with torch 2.13.0+cpu.

Run it with torch, numpy and mpmath installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import mpmath as mp
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(x):
    return torch.nn.functional.softplus(x)


# The exact inputs.
inputs = {
    "x": np.array([20.0, 20.5, 19.5], np.float64),
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


def slope(y):  # the gradient by the first input, as a function of the second one
    point = moving(second, y)
    return torch.func.grad(lambda x: loss(*[x if j == first else p for j, p in enumerate(point)]))(point[first])


moved = torch.func.jvp(slope, (arguments[second],), (torch.from_numpy(unit),))[1]
returned = float(moved.detach().resolve_conj().numpy().reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 1.6e-39).
right = float("2.061153613941849e-09")

# An independent check: central differences with mpmath.
mp.mp.dps = 202


def exact(x):
    return mp.log(1 + mp.exp(x))


at = [mp.mpf(float(inputs["x"].reshape(-1)[0]))]


def moved_to(s0, s1):
    moved = list(at)
    moved[0] += s0 * 1
    moved[0] += s1 * 1
    return mp.re(exact(*moved))


h = mp.mpf(10) ** -40 * mp.mpf(1.0)
check = float((moved_to(h, h) - moved_to(h, -h) - moved_to(-h, h) + moved_to(-h, -h)) / (4 * h * h))

print("torch", torch.__version__)
print("d2 sum(f) / d x[0] d x[0]")
print("  returned  ", returned)
print("  right     ", "2.061153613941849e-09")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 3.398267796398623e-09)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 3.398267796398623e-09, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
