"""torch.func: wrong second derivative of `kalman-filter` at generic-2 (complex128, reverse-over-
forward), observed with torch 2.13.0+cpu.

Run it with torch, numpy installed; it exits with 0 where the finding is confirmed.
"""

import sys

import numpy as np
import torch

dtype, complex_dtype = torch.float64, torch.complex128
device = "cpu"


def f(f, log_noise, x0, h, y):
    q, r = (torch.exp(log_noise[0]) * torch.eye(2, dtype=dtype, device=device), torch.exp(log_noise[1]) * torch.eye(2, dtype=dtype, device=device))
    prior = torch.matmul(f, torch.adjoint(f)) + q
    s1 = h @ prior @ torch.adjoint(h) + r
    e1 = y[0] - h @ (f @ x0)
    gain1 = torch.adjoint(torch.linalg.solve(s1, h @ prior))
    x1 = f @ x0 + gain1 @ e1
    p1 = prior - gain1 @ h @ prior
    ahead = f @ p1 @ torch.adjoint(f) + q
    s2 = h @ ahead @ torch.adjoint(h) + r
    e2 = y[1] - h @ (f @ x1)
    first = torch.linalg.slogdet(s1)[1] + torch.real(torch.vdot(e1, torch.linalg.solve(s1, e1[:, None])[:, 0]))
    second = torch.linalg.slogdet(s2)[1] + torch.real(torch.vdot(e2, torch.linalg.solve(s2, e2[:, None])[:, 0]))
    return first + second


# The exact inputs.
inputs = {
    "f": np.array([complex(-0.8019313812255859, 1.13604736328125), complex(-1.3243598937988281, 0.10970640182495117), complex(-0.24836158752441406, -0.552647590637207), complex(0.42044544219970703, -0.7847805023193359)], np.complex128).reshape((2, 2)),
    "log_noise": np.array([0.2, -2.0], np.float64),
    "x0": np.array([complex(1.5204277038574219, -0.6124706268310547), complex(-1.5866718292236328, -1.0427970886230469)], np.complex128),
    "h": np.array([complex(-1.6672782897949219, -0.41154956817626953), complex(0.06387507915496826, 0.40432214736938477), complex(1.4946327209472656, -1.5239944458007812), complex(-1.1283950805664062, 0.2448902130126953)], np.complex128).reshape((2, 2)),
    "y": np.array([complex(-1.7822036743164062, 0.0521392822265625), complex(0.5976552963256836, 0.016845643520355225), complex(-0.43642139434814453, 0.7451591491699219), complex(-0.4553217887878418, -0.8887748718261719)], np.complex128).reshape((2, 2)),
}


def outputs(*arrays):
    out = f(*arrays)
    return (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]


arguments = [torch.from_numpy(a.copy()) for a in inputs.values()]
def loss(*arrays):
    return outputs(*arrays).sum()


first, second = 1, 1  # log_noise, log_noise
unit = np.zeros_like(inputs["log_noise"])
unit.reshape(-1)[1] = 1  # the direction


def moving(k, x):
    return [x if j == k else other for j, other in enumerate(arguments)]


def slope(x):  # the derivative of the loss along the direction, as a function of the first input
    point = moving(first, x)
    return torch.func.jvp(lambda y: loss(*[y if j == second else p for j, p in enumerate(point)]), (point[second],), (torch.from_numpy(unit),))[1]


pulled = torch.func.grad(slope)(arguments[first])
returned = float(pulled.detach().resolve_conj().numpy().reshape(-1)[0].real)

# What is right (in arbitrary precision, error below 2.3e-31).
right = float("4.32733678458895")

# An independent check: extrapolated central differences of the framework's own values.
def value(*steps):
    at = [np.array(a, {"f": np.float64, "c": np.complex128}.get(a.dtype.kind, a.dtype)) for a in inputs.values()]
    at[1].reshape(-1)[1] += steps[0] * 1
    at[1].reshape(-1)[0] += steps[1] * 1
    out = f(*(torch.from_numpy(a) for a in at))
    out = (tuple(out) if isinstance(out, (tuple, list)) else (out,))[0]
    out = out.detach().resolve_conj().numpy()
    return float(out.sum().real)


steps = 0.2 * 2.0 ** -np.arange(3, 11)
quotients = np.array([(value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h * h) for h in steps])
better = (4 * quotients[1:] - quotients[:-1]) / 3
check = float(better[1:][np.argmin(np.abs(np.diff(better)))])

print("torch", torch.__version__)
print("d2 sum(f) / d log_noise[1] d log_noise[0]")
print("  returned  ", returned)
print("  right     ", "4.32733678458895")
print("  check     ", check)
wrong = not abs(returned - right) <= 1e-10 * max(abs(right), 4.6682756820441655)
distance = abs(returned - right) if np.isfinite(returned) else max(abs(right), 4.6682756820441655, 1e-6)
sound = abs(check - right) <= 0.01 * distance
print("CONFIRMED: what was returned is wrong" if wrong and sound else "NOT CONFIRMED")
sys.exit(0 if wrong and sound else 1)
