"""torch.autograd: wrong derivative of `triangular-solve` at generic-1 (complex128, pushforward),
observed with torch 2.13.0+cpu.

Run it with torch, numpy installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(a, b):
    return torch.triangular_solve(b, a, upper=False)[0]


# The exact inputs.
inputs = {
    "a": np.array([complex(0.3455843925476074, 0.9053554534912109), complex(0.8216180801391602, 0.44637441635131836), complex(0.33043718338012695, -0.5369529724121094), complex(-1.3031578063964844, 0.5811176300048828)], np.complex128).reshape((2, 2)),
    "b": np.array([complex(0.5333538055419922, 0.5679311752319336), complex(1.2422466278076172, 0.23272442817687988), complex(0.18187737464904785, -0.8474340438842773), complex(0.21865439414978027, 0.3498220443725586)], np.complex128).reshape((2, 2)),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
position = 0  # of a


def along(leaf):
    return outputs(*arguments[:position], leaf, *arguments[position + 1:])


leaf = arguments[position]
unit = np.zeros_like(inputs["a"])
unit.reshape(-1)[1] = 1  # the direction
import torch.autograd.forward_ad as forward

with forward.dual_level():
    dual = forward.make_dual(leaf, torch.from_numpy(unit))
    moved = forward.unpack_dual(along(dual)).tangent
    moved = torch.zeros_like(along(leaf)) if moved is None else moved
returned = float(moved.detach().resolve_conj().numpy().reshape(-1)[1].real)

# What is right (in arbitrary precision, error below 1.0e-300).
right = float("0")

# An independent check: extrapolated central differences of the framework's own values.
def value(*steps):
    at = [np.array(a, {"f": np.float64, "c": np.complex128}.get(a.dtype.kind, a.dtype)) for a in inputs.values()]
    at[0].reshape(-1)[1] += steps[0] * 1
    out = f(*(torch.from_numpy(a) for a in at))
    out = (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]
    out = out.detach().resolve_conj().numpy()
    return float(out.reshape(-1)[1].real)


steps = 0.9350435226151452 * 2.0 ** -np.arange(4, 16)
quotients = np.array([(value(h) - value(-h)) / (2 * h) for h in steps])
better = (4 * quotients[1:] - quotients[:-1]) / 3
check = float(better[1:][np.argmin(np.abs(np.diff(better)))])

print("torch", torch.__version__)
print("d Re f[0, 1] / d Re a[0, 1]")
print("  returned  ", returned)
print("  right     ", "0")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 1.0662200907071296e-12)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 1.0662200907071296e-12, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
