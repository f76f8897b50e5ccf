"""A complex-valued network for short signals, in torch: the original that `jax_side` is the port of."""

from __future__ import annotations

import math

import torch
from torch import nn

import harness
from tests.audit.ports import data

FRAME, HOP, WIDTH, HEADS, CLASSES = 8, 4, 6, 2, 3


def complex_normal(*shape: int) -> torch.Tensor:
    """Complex entries of variance 1 / (number of inputs)."""
    return torch.randn(*shape, dtype=torch.complex128) / math.sqrt(shape[-1])


class ComplexLinear(nn.Module):
    """y = W x + b with complex W, of shape (out, in), and b."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(complex_normal(outputs, inputs))
        self.bias = nn.Parameter(0.1 * complex_normal(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T + self.bias


class ModReLU(nn.Module):
    """The modulus goes through a ReLU with a real bias, the phase is kept."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.full((width,), 0.2, dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        size = z.abs()
        return torch.relu(size + self.bias) * z / (size + 1e-6)


class ComplexNorm(nn.Module):
    """Centre, divide by the root mean square modulus, scale by real numbers, shift by complex ones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.8, 1.2, width, dtype=torch.float64))
        self.shift = nn.Parameter(0.1 * complex_normal(width))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        z = z - z.mean(-1, keepdim=True)
        size = (z.abs() ** 2).mean(-1, keepdim=True)
        return self.scale * z / torch.sqrt(size + 1e-5) + self.shift


class Spectrum(nn.Module):
    """Frames of a real signal under a learnt window, Fourier transformed."""

    def __init__(self) -> None:
        super().__init__()
        self.window = nn.Parameter(torch.hann_window(FRAME + 2, periodic=False, dtype=torch.float64)[1:-1])

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        frames = signal.unfold(-1, FRAME, HOP)
        return torch.fft.rfft(frames * self.window, dim=-1) / math.sqrt(FRAME)


class Attention(nn.Module):
    """Heads that weigh frames by the real part of a Hermitian inner product."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = ComplexLinear(width, width)
        self.key = ComplexLinear(width, width)
        self.value = ComplexLinear(width, width)
        self.out = ComplexLinear(width, width)

    def heads(self, z: torch.Tensor) -> torch.Tensor:
        frames, width = z.shape[-2:]
        return (
            z.reshape(*z.shape[:-1], HEADS, width // HEADS).transpose(-2, -3).reshape(-1, HEADS, frames, width // HEADS)
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        q, k, v = self.heads(self.query(z)), self.heads(self.key(z)), self.heads(self.value(z))
        scores = (q @ k.mH).real / math.sqrt(q.shape[-1])
        mixed = torch.softmax(scores, dim=-1).to(v.dtype) @ v
        joined = mixed.transpose(-2, -3).reshape(z.shape)
        return self.out(joined)


class Phase(nn.Module):
    """A diagonal unitary: each channel turned by a learnt angle."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.angle = nn.Parameter(torch.linspace(-1.0, 1.0, width, dtype=torch.float64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z * torch.polar(torch.ones_like(self.angle), self.angle)


class Head(nn.Module):
    """Real class scores from powers."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, width, dtype=torch.float64) / math.sqrt(width))
        self.bias = nn.Parameter(torch.zeros(classes, dtype=torch.float64))

    def forward(self, power: torch.Tensor) -> torch.Tensor:
        return power @ self.weight.T + self.bias


class Network(nn.Module):
    """Signals (batch, samples) to class scores (batch, CLASSES)."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = Spectrum()
        self.embed = ComplexLinear(FRAME // 2 + 1, WIDTH)
        self.norm = ComplexNorm(WIDTH)
        self.attention = Attention(WIDTH)
        self.phase = Phase(WIDTH)
        self.activation = ModReLU(WIDTH)
        self.hidden = ComplexLinear(WIDTH, WIDTH)
        self.head = Head(WIDTH, CLASSES)

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        z = harness.tap("spectrum", self.spectrum(signal))
        z = harness.tap("embed", self.embed(z))
        z = harness.tap("norm", self.norm(z))
        z = harness.tap("attention", z + self.attention(z))
        z = harness.tap("phase", self.phase(z))
        z = harness.tap("activation", self.activation(z))
        z = harness.tap("hidden", self.hidden(z))
        power = harness.tap("power", z.abs() ** 2)
        pooled = harness.tap("pooled", power.mean(-2))
        return harness.tap("scores", self.head(pooled))


def penalty(model: Network) -> torch.Tensor:
    """Half the squared modulus of the complex weights, small."""
    weights = [model.embed.weight, model.hidden.weight, model.attention.out.weight]
    return 0.5e-2 * sum((w.abs() ** 2).sum() for w in weights)


def cross_entropy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of the labels."""
    logs = scores - torch.logsumexp(scores, -1, keepdim=True)
    return -logs.gather(-1, labels[:, None]).mean()


def loss(model: Network, signal: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """What is minimised."""
    return harness.tap("loss", cross_entropy(model(signal), labels) + penalty(model))


def step(model: Network, signal: torch.Tensor, labels: torch.Tensor, rate: float = 0.05) -> None:
    """One step of gradient descent, in place."""
    model.zero_grad()
    loss(model, signal, labels).backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= rate * p.grad


def make() -> Network:
    """A network with parameters that are always the same."""
    model = Network()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in data.parameters().items()})
    return model


def inputs() -> tuple[Network, torch.Tensor, torch.Tensor]:
    """The arguments of `loss` and of `step`."""
    signal, labels = data.signals()
    return make(), torch.from_numpy(signal), torch.from_numpy(labels)
