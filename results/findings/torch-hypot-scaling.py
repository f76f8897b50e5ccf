"""torch.autograd: wrong derivative of `real-hypot` at real-largest (float64, pullback), observed with
torch 2.13.0+cpu.

Run it with torch, numpy and mpmath installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import mpmath as mp
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(x, y):
    return torch.hypot(x, y)


# The exact inputs.
inputs = {
    "x": np.array([1.7976931348623157e+308, -1.7976931348623157e+308, 1.7976931348623157e+308], np.float64),
    "y": np.array([-1.7976931348623157e+308, 1.7976931348623157e+308, -1.7976931348623157e+308], np.float64),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
position = 0  # of x


def along(leaf):
    return outputs(*arguments[:position], leaf, *arguments[position + 1:])


leaf = arguments[position]
unit = np.zeros_like(along(leaf).detach().resolve_conj().numpy())
unit.reshape(-1)[0] = 1  # the cotangent
leaf = leaf.requires_grad_()
(pulled,) = torch.autograd.grad(along(leaf), leaf, torch.from_numpy(unit), allow_unused=True)
pulled = torch.zeros_like(leaf) if pulled is None else pulled
returned = float(pulled.detach().resolve_conj().numpy().reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 2.4e-81).
right = float("0.707106781186547524400844362105")

# An independent check: central differences with mpmath.
mp.mp.dps = 509


def exact(x, y):
    return mp.sqrt(x ** 2 + y ** 2)


at = [mp.mpf(float(inputs["x"].reshape(-1)[0])), mp.mpf(float(inputs["y"].reshape(-1)[0]))]
h = mp.mpf(10) ** -40 * mp.mpf(1.0)
step = h * 1
above, below = list(at), list(at)
above[0], below[0] = at[0] + step, at[0] - step
check = float(mp.re((exact(*above) - exact(*below)) / (2 * h)))

print("torch", torch.__version__)
print("d f[0] / d x[0]")
print("  returned  ", returned)
print("  right     ", "0.707106781186547524400844362105")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 0.7071067811865476)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 0.7071067811865476, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
