"""Estimators and fits from their closed forms, SciPy's signal processing, and loops over samples."""

from __future__ import annotations

import cmath
import math

import numpy as np
import scipy.linalg
import scipy.signal
import scipy.stats

from tests.programs.known import Array, gradient, program


@program("phase-retrieval")
def phase_retrieval(a: Array, z: Array, y: Array) -> float:
    total = 0.0
    for row, count in zip(a, y, strict=True):
        # the intensity as a quadratic form of the rank-one matrix that "lifts" the measurement
        intensity = (z.conj() @ np.outer(row.conj(), row) @ z).real
        total += (intensity - count) ** 2 / (count + 0.5)
    return float(total) / 8


@gradient("phase-retrieval")
def phase_retrieval_flow(a: Array, z: Array, y: Array) -> dict[str, Array]:
    """The step of Wirtinger flow: A^H diag(w (|Az|^2 - y)) A z / m."""
    field = a @ z
    return {"z": a.conj().T @ ((np.abs(field) ** 2 - y) / (y + 0.5) * field) / 4}


@program("amplitude-retrieval")
def amplitude_retrieval(a: Array, z: Array, y: Array) -> float:
    # | |f| - y |^2 is the distance of f from the circle of radius y
    distances = [abs(f - cmath.rect(r, cmath.phase(f))) for f, r in zip(a.dot(z), y, strict=True)]
    return sum(d**2 for d in distances) + 0.01 * sum(abs(z) ** 2)


@program("mvdr-beamformer")
def mvdr_beamformer(x: Array, d: Array) -> float:
    covariance = sum(np.outer(s, s.conj()) for s in x.T) / 3 + 0.1 * np.eye(2)
    return float(1 / (d.conj() @ scipy.linalg.inv(covariance) @ d).real)


@gradient("mvdr-beamformer")
def mvdr_beamformer_gradient(x: Array, d: Array) -> dict[str, Array]:
    """With R^-1 d = u, P = 1/(d^H u) and w = P u:  dP/dx* = w w^H x / 3,  dP/dd* = -P^2 u."""
    u = np.linalg.inv(x @ x.conj().T / 3 + 0.1 * np.eye(2)) @ d
    power = 1 / (d.conj() @ u).real
    w = power * u
    return {"x": np.outer(w, w.conj() @ x) / 3, "d": -(power**2) * u}


@program("channel-capacity")
def channel_capacity(h: Array, snr: Array) -> float:
    return sum(math.log2(1 + snr * s**2) for s in np.linalg.svd(h, compute_uv=False)) - 0.05 * float(snr)


@gradient("channel-capacity")
def channel_capacity_gradient(h: Array, snr: Array) -> dict[str, Array]:
    inverse = np.linalg.inv(np.eye(2) + snr * h @ h.conj().T)
    return {
        "h": snr * inverse @ h / math.log(2),
        "snr": np.trace(inverse @ h @ h.conj().T).real / math.log(2) - 0.05,
    }


@program("gaussian-log-likelihood")
def gaussian_log_likelihood(b: Array, x: Array) -> float:
    s = b.conj().T @ b + 0.5 * np.eye(2)
    # circular: real and imaginary parts together are a real Gaussian vector of twice the length
    covariance = np.block([[s.real, -s.imag], [s.imag, s.real]]) / 2
    return -float(scipy.stats.multivariate_normal.logpdf([*x.real, *x.imag], cov=covariance))


@gradient("gaussian-log-likelihood")
def gaussian_log_likelihood_gradient(b: Array, x: Array) -> dict[str, Array]:
    """dL/dx* = S^-1 x and dL/db* = b (S^-1 - S^-1 x x^H S^-1)."""
    inverse = np.linalg.inv(b.conj().T @ b + 0.5 * np.eye(2))
    q = inverse @ x
    return {"x": q, "b": b @ (inverse - np.outer(q, q.conj()))}


@program("stft-magnitude-loss")
def stft_magnitude_loss(x: Array, y: Array) -> float:
    window = np.hamming(4)

    def magnitudes(signal: Array) -> Array:
        _, _, bins = scipy.signal.stft(signal, window=window, nperseg=4, noverlap=2, boundary=None, padded=False)
        return np.abs(bins) * window.sum()  # scipy divides by the sum of the window

    mine, wanted = magnitudes(x), magnitudes(y)
    assert mine.shape == (3, 3)
    convergence = np.linalg.norm(wanted - mine) / np.linalg.norm(wanted)
    return float(convergence + np.mean(np.abs(np.log((mine + 1e-3) / (wanted + 1e-3)))))


@program("multi-resolution-spectral-loss")
def multi_resolution_spectral_loss(x: Array, y: Array) -> float:
    def powers(signal: Array, n: int) -> Array:
        half = scipy.linalg.dft(n)[: n // 2 + 1]
        return np.array([np.abs(half @ signal[t : t + n]) ** 2 for t in range(0, 8, n)])

    short = np.mean(np.abs(powers(x, 2) - powers(y, 2)))
    medium = np.mean((np.sqrt(powers(x, 4)) - np.sqrt(powers(y, 4))) ** 2)
    long = np.mean(np.log((powers(x, 8) + 1e-2) / (powers(y, 8) + 1e-2)) ** 2)
    return float(short + medium + long)


@program("ofdm-equaliser")
def ofdm_equaliser(symbols: Array, noise: Array, taps: Array, estimate: Array, noise_power: Array) -> float:
    total = 0.0
    for k in range(4):
        # a cyclic prefix turns the channel into one complex gain for each subcarrier
        turn = cmath.exp(-2j * math.pi * k / 4)
        gain, believed = taps[0] + taps[1] * turn, estimate[0] + estimate[1] * turn
        received = gain * symbols[k] + noise[k]
        power = believed.real**2 + believed.imag**2
        total += abs(received * believed.conjugate() / (power + float(noise_power)) - symbols[k]) ** 2
    return total / 4


def decays(frequency: Array, log_rate: Array) -> Array:
    """The modes of a free induction decay, by multiplying from sample to sample."""
    modes = np.ones((2, 6), complex)
    for m in range(2):
        factor = cmath.rect(math.exp(-math.exp(log_rate[m]) / 2), math.pi * frequency[m])
        for n in range(1, 6):
            modes[m, n] = modes[m, n - 1] * factor
    return modes


@program("nmr-decay-fit")
def nmr_decay_fit(amplitude: Array, frequency: Array, log_rate: Array, data: Array) -> float:
    modes = decays(frequency, log_rate)
    return sum(abs(modes[0, n] * amplitude[0] + modes[1, n] * amplitude[1] - data[n]) ** 2 for n in range(6)) / 6


@gradient("nmr-decay-fit")
def nmr_decay_fit_gradient(amplitude: Array, frequency: Array, log_rate: Array, data: Array) -> dict[str, Array]:
    """Linear in the amplitudes: the normal equations; in the rates by the chain rule, d mode/d rate = t mode."""
    modes = decays(frequency, log_rate)
    residual = amplitude @ modes - data
    slope = (np.arange(6) / 2 * amplitude[:, None] * modes) @ residual.conj() / 6
    return {
        "amplitude": modes.conj() @ residual / 6,
        "frequency": 2 * (2j * math.pi * slope).real,
        "log_rate": 2 * (-np.exp(log_rate) * slope).real,
    }


@program("s-parameter-cascade")
def s_parameter_cascade(s: Array, t: Array) -> float:
    def transfer(p: Array) -> Array:
        """(b1, a1) = T (a2, b2)"""
        return np.array([[-np.linalg.det(p), p[0, 0]], [-p[1, 1], 1]]) / p[1, 0]

    chain = transfer(s) @ transfer(t)
    through, reflected = 1 / chain[1, 1], chain[0, 1] / chain[1, 1]
    return (10 * math.log10(abs(through) ** 2) + 3) ** 2 + 50 * abs(reflected) ** 2


@program("complex-lms-filter")
def complex_lms_filter(w: Array, log_mu: Array, x: Array, d: Array) -> float:
    taps, total = [complex(t) for t in w], 0.0
    for n in range(3):
        error = d[n] - sum(taps[i].conjugate() * x[n + i] for i in range(2))
        total += error.real**2 + error.imag**2
        taps = [taps[i] + math.exp(log_mu) * x[n + i] * error.conjugate() for i in range(2)]
    return total


@program("pulse-pair-doppler")
def pulse_pair_doppler(iq: Array) -> float:
    # element 4 of the full autocorrelation is that at lag 1, conjugated as numpy.correlate does
    lag = np.correlate(iq, iq, mode="full")[4] / 3
    power = np.vdot(iq, iq).real / 4
    turn = math.atan2(lag.imag, lag.real)
    return (turn / (4 * math.pi) + 0.05) ** 2 + math.log(power) - math.log(math.hypot(lag.real, lag.imag))


@program("iir-filter-design")
def iir_filter_design(roots: Array, gain: Array, wanted: Array) -> float:
    b = float(gain) * np.poly([roots[0], roots[0].conjugate()])
    a = np.poly([roots[1], roots[1].conjugate()])
    _, response = scipy.signal.freqz(b, a, worN=np.arange(4) * math.pi / 3)
    return float(np.mean((20 * np.log10(np.abs(response)) - wanted) ** 2))
