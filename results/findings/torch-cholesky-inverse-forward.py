"""torch.autograd: wrong derivative of `cholesky-inverse` at generic-2 (complex128, pushforward),
observed with torch 2.13.0+cpu.

Run it with torch, numpy installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(c):
    l = torch.tril(c, diagonal=-1) + torch.diag(torch.real(torch.diagonal(c, offset=0, dim1=0, dim2=1)), diagonal=0).to(complex_dtype)
    return torch.cholesky_inverse(l, upper=not True)


# The exact inputs.
inputs = {
    "c": np.array([complex(2.5409202575683594, -0.4526491165161133), complex(0.0, 0.0), complex(0.41809892654418945, -2.0199851989746094), complex(-1.067770004272461, -0.2319324016571045)], np.complex128).reshape((2, 2)),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
position = 0  # of c


def along(leaf):
    return outputs(*arguments[:position], leaf, *arguments[position + 1:])


leaf = arguments[position]
unit = np.zeros_like(inputs["c"])
unit.reshape(-1)[2] = 1j  # the direction
import torch.autograd.forward_ad as forward

with forward.dual_level():
    dual = forward.make_dual(leaf, torch.from_numpy(unit))
    moved = forward.unpack_dual(along(dual)).tangent
    moved = torch.zeros_like(along(leaf)) if moved is None else moved
returned = float(moved.detach().resolve_conj().numpy().reshape(-1)[3].real)

# What is right (in arbitrary precision, error below 1.0e-300).
right = float("0")

# An independent check: extrapolated central differences of the framework's own values.
def value(*steps):
    at = [np.array(a, {"f": np.float64, "c": np.complex128}.get(a.dtype.kind, a.dtype)) for a in inputs.values()]
    at[0].reshape(-1)[2] += steps[0] * 1j
    out = f(*(torch.from_numpy(a) for a in at))
    out = (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]
    out = out.detach().resolve_conj().numpy()
    return float(out.reshape(-1)[3].real)


steps = 1.0 * 2.0 ** -np.arange(4, 16)
quotients = np.array([(value(h) - value(-h)) / (2 * h) for h in steps])
better = (4 * quotients[1:] - quotients[:-1]) / 3
check = float(better[1:][np.argmin(np.abs(np.diff(better)))])

print("torch", torch.__version__)
print("d Re f[1, 1] / d Im c[1, 0]")
print("  returned  ", returned)
print("  right     ", "0")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 1.6428459675583372e-12)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 1.6428459675583372e-12, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
