"""torch.autograd: wrong derivative of `second-det` at rank-one (complex128, pullback), observed with
torch 2.13.0+cpu.

Run it with torch, numpy installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(a):
    return torch.real(torch.linalg.det(a))


# The exact inputs.
inputs = {
    "a": np.array([complex(1.0, 0.0), complex(0.0, 1.0), complex(2.0, 0.0), complex(0.0, 2.0)], np.complex128).reshape((2, 2)),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
position = 0  # of a


def along(leaf):
    return outputs(*arguments[:position], leaf, *arguments[position + 1:])


leaf = arguments[position]
unit = np.zeros_like(along(leaf).detach().resolve_conj().numpy())
unit.reshape(-1)[0] = 1  # the cotangent
leaf = leaf.requires_grad_()
(pulled,) = torch.autograd.grad(along(leaf), leaf, torch.from_numpy(unit), allow_unused=True)
pulled = torch.zeros_like(leaf) if pulled is None else pulled
returned = float(pulled.detach().resolve_conj().numpy().reshape(-1)[1].real)

# What is right (in arbitrary precision, error below 1.0e-300).
right = float("-2.00000000000000000000000000000")

# An independent check: extrapolated central differences of the framework's own values.
def value(*steps):
    at = [np.array(a, {"f": np.float64, "c": np.complex128}.get(a.dtype.kind, a.dtype)) for a in inputs.values()]
    at[0].reshape(-1)[1] += steps[0] * 1
    out = f(*(torch.from_numpy(a) for a in at))
    out = (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]
    out = out.detach().resolve_conj().numpy()
    return float(out.reshape(-1)[0].real)


steps = 1.0 * 2.0 ** -np.arange(4, 16)
quotients = np.array([(value(h) - value(-h)) / (2 * h) for h in steps])
better = (4 * quotients[1:] - quotients[:-1]) / 3
check = float(better[1:][np.argmin(np.abs(np.diff(better)))])

print("torch", torch.__version__)
print("d f / d Re a[0, 1]")
print("  returned  ", returned)
print("  right     ", "-2.00000000000000000000000000000")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 2.0)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 2.0, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
