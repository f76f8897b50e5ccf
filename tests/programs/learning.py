"""Layers and sequence models by their definitions: loops, rotations, matrices of the DFT, a recurrence."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np
import scipy.linalg

from tests.programs.known import Array, program


@program("seed-layer")
def seed_layer(x: Array, weight: Array, bias: Array) -> tuple[float, float]:
    loss = 0j
    decay = 0.0
    for j in range(2):
        neuron = bias[j]
        for i in range(2):
            neuron += x[0, i] * weight[j, i]
            decay += 0.05 * (weight[j, i].real ** 2 + weight[j, i].imag ** 2)
        loss += neuron * (2 + 3j)
    return loss.real + decay, loss.imag + decay


@program("complex-convolution")
def complex_convolution(x: Array, w: Array, b: Array, y: Array) -> float:
    total = 0.0
    for channel in range(2):
        kernel = w[channel, 0]
        # numpy.correlate conjugates its second argument; a layer does not conjugate its kernel.
        h = np.correlate(x[0, 0], kernel.conj(), mode="valid") + b[channel]
        for got, wanted in zip(h, y[0, channel], strict=True):
            total += (max(got.real, 0) - wanted.real) ** 2 + (max(got.imag, 0) - wanted.imag) ** 2
    return total / 6


def modrelu(h: complex, b: float) -> complex:
    """The modulus thresholded, the phase kept."""
    return cmath.rect(abs(h) + b, cmath.phase(h)) if abs(h) + b > 0 else 0j


@program("modrelu-layer")
def modrelu_layer(x: Array, w: Array, b: Array, y: Array) -> float:
    return sum(abs(modrelu(sum(w[j] * x), b[j]) - y[j]) ** 2 for j in range(2))


@program("unitary-rnn-step")
def unitary_rnn_step(h: Array, v: Array, x: Array, theta: Array, b: Array, y: Array) -> float:
    unitary = np.diag([cmath.rect(1, t) for t in theta]) @ scipy.linalg.dft(3, scale="sqrtn")
    np.testing.assert_allclose(unitary @ unitary.conj().T, np.eye(3), atol=1e-14)
    before = unitary @ h + v * float(x)
    return sum(abs(modrelu(before[j], b[j]) - y[j]) ** 2 for j in range(3))


@program("complex-batch-norm")
def complex_batch_norm(z: Array, gamma: Array, beta: Array, y: Array) -> float:
    pairs = np.array([z.real, z.imag])
    covariance = np.cov(pairs, bias=True) + 1e-3 * np.eye(2)
    whitening = scipy.linalg.inv(scipy.linalg.sqrtm(covariance))
    white = whitening @ (pairs - pairs.mean(axis=1, keepdims=True))
    scaled = np.array([[gamma[0], gamma[1]], [gamma[1], gamma[2]]]) @ white
    return float(sum(abs(scaled[0] + 1j * scaled[1] + complex(beta) - y) ** 2))


@program("complex-attention")
def complex_attention(q: Array, k: Array, v: Array, y: Array) -> float:
    scores = []
    for key in k:
        scores.append(sum(a.real * c.real + a.imag * c.imag for a, c in zip(key, q, strict=True)) / math.sqrt(2))
    top = max(scores)
    weights = [math.exp(s - top) for s in scores]
    out = [sum(weights[t] * v[t, i] for t in range(3)) / sum(weights) for i in range(2)]
    return sum(abs(out[i] - y[i]) ** 2 for i in range(2))


@program("rotary-embedding")
def rotary_embedding(q: Array, k: Array, theta: Array) -> float:
    def turned(z: complex, angle: float) -> Any:
        c, s = math.cos(angle), math.sin(angle)
        return np.array([[c, -s], [s, c]]) @ [z.real, z.imag]

    # Only the difference of the two positions matters, so the query stays where it is.
    near, far = (
        sum(turned(k[i], away * theta[i]) @ turned(q[i], 0) for i in range(2)) / math.sqrt(2) for away in (2, 8)
    )
    return math.log1p(math.exp(far - near))


@program("s4d-kernel")
def s4d_kernel(c: Array, log_decay: Array, frequency: Array, log_dt: Array) -> float:
    step = math.exp(log_dt)
    nodes, weights = np.polynomial.legendre.leggauss(30)
    state, advance = [], []
    for decay, omega in zip(log_decay, frequency, strict=True):
        pole = complex(-math.exp(decay), omega)
        # x(step) of x' = pole x + 1 with x(0) = 0: a held input, integrated numerically
        state.append(
            step / 2 * sum(w * cmath.exp(pole * step * (1 - s) / 2) for s, w in zip(nodes, weights, strict=True))
        )
        advance.append(cmath.exp(pole * step))
    total = 0.0
    for _ in range(3):
        total += sum(c[n] * state[n] for n in range(2)).real ** 2
        state = [state[n] * advance[n] for n in range(2)]
    return float(total)


@program("fourier-neural-operator")
def fourier_neural_operator(v: Array, r: Array, bypass: Array, y: Array) -> float:
    total = 0.0
    for j in range(6):
        mean = sum(v) / 6
        wave = sum(v[n] * cmath.rect(2 / 6, 2 * math.pi * (j - n) / 6) for n in range(6))
        h = r[0].real * mean + (r[1] * wave).real + bypass[0] * v[j] + bypass[1]
        gelu = h / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
        total += (gelu - y[j]) ** 2
    return total / 6
