"""torch.func: wrong second derivative of `gaussian-log-likelihood` at generic-2 (complex128, reverse-
over-forward), observed with torch 2.13.0+cpu.

Run it with torch, numpy installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(b, x):
    s = torch.matmul(torch.adjoint(b), b) + 0.5 * torch.eye(2, dtype=dtype, device=device)
    q = torch.linalg.solve(s, x[:, None])[:, 0]
    distance = torch.real(torch.vdot(x, q))
    volume = torch.linalg.slogdet(s)[1]
    return distance + volume + 2 * 1.1447298858494002


# The exact inputs.
inputs = {
    "b": np.array([complex(2.0409202575683594, -0.4526491165161133), complex(-2.5556640625, -0.21559715270996094), complex(0.41809892654418945, -2.0199851989746094), complex(-0.5677700042724609, -0.2319324016571045)], np.complex128).reshape((2, 2)),
    "x": np.array([complex(-0.40874385833740234, -0.23467803001403809), complex(0.5445222854614258, 0.5124197006225586)], np.complex128),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
def loss(*arrays):
    return outputs(*arrays).sum()


first, second = 0, 0  # b, b
unit = np.zeros_like(inputs["b"])
unit.reshape(-1)[2] = 1j  # the direction


def moving(k, x):
    return [x if j == k else other for j, other in enumerate(arguments)]


def slope(x):  # the derivative of the loss along the direction, as a function of the first input
    point = moving(first, x)
    return torch.func.jvp(lambda y: loss(*[y if j == second else p for j, p in enumerate(point)]), (point[second],), (torch.from_numpy(unit),))[1]


pulled = torch.func.grad(slope)(arguments[first])
returned = float(pulled.detach().resolve_conj().numpy().reshape(-1)[2].imag)

# What is right (in arbitrary precision, error below 1.7e-32).
right = float("-0.2443672608364569")

# An independent check: extrapolated central differences of the framework's own values.
def value(*steps):
    at = [np.array(a, {"f": np.float64, "c": np.complex128}.get(a.dtype.kind, a.dtype)) for a in inputs.values()]
    at[0].reshape(-1)[2] += steps[0] * 1j
    at[0].reshape(-1)[2] += steps[1] * 1j
    out = f(*(torch.from_numpy(a) for a in at))
    out = (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]
    out = out.detach().resolve_conj().numpy()
    return float(out.sum().real)


steps = 1.0 * 2.0 ** -np.arange(3, 11)
quotients = np.array([(value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h * h) for h in steps])
better = (4 * quotients[1:] - quotients[:-1]) / 3
check = float(better[1:][np.argmin(np.abs(np.diff(better)))])

print("torch", torch.__version__)
print("d2 sum(f) / d Im b[1, 0] d Im b[1, 0]")
print("  returned  ", returned)
print("  right     ", "-0.2443672608364569")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 0.38123748147176173)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 0.38123748147176173, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
