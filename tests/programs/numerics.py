"""Iterations and decompositions by another road: spectra, real arithmetic, dense covariances, SciPy's factors."""

from __future__ import annotations

import cmath
import math

import numpy as np
import scipy.linalg

from tests.programs.known import Array, gradient, program


@program("rayleigh-quotient")
def rayleigh_quotient(a: Array, v: Array) -> float:
    levels, vectors = np.linalg.eigh((a + a.conj().T) / 2)
    weights = np.abs(vectors.conj().T @ v) ** 2
    return float(levels @ weights / weights.sum())


@gradient("rayleigh-quotient")
def rayleigh_quotient_gradient(a: Array, v: Array) -> dict[str, Array]:
    """(H v - rho v)/(v^H v) for the vector; v v^H/(2 v^H v) for the matrix, of which only the Hermitian part counts."""
    h, length = (a + a.conj().T) / 2, np.vdot(v, v).real
    quotient = np.vdot(v, h @ v).real / length
    return {"v": (h @ v - quotient * v) / length, "a": np.outer(v, v.conj()) / (2 * length)}


@program("mandelbrot-escape")
def mandelbrot_escape(c: Array) -> Array:
    out = []
    for start in c:
        x, y = start.real, start.imag
        for _ in range(3):
            x, y = x * x - y * y + start.real, 2 * x * y + start.imag
        out.append(math.log(x * x + y * y) / 2 if x or y else -math.inf)
    return np.array(out)


@gradient("mandelbrot-escape")
def mandelbrot_escape_gradient(c: Array) -> dict[str, Array]:
    """Of the sum of log|z4|: conj(z4'/z4)/2 with z' = 2 z z' + 1."""
    z, slope = c, np.ones(3, complex)
    for _ in range(3):
        z, slope = z * z + c, 2 * z * slope + 1
    return {"c": np.conj(slope / z) / 2}


@program("newton-fractal")
def newton_fractal(z: Array) -> Array:
    roots = [cmath.rect(1, 2 * math.pi * k / 3) for k in range(3)]
    out = []
    for at in z:
        for _ in range(3):
            # p/p' is one over the sum of 1/(z - root)
            gaps = [at - root for root in roots]
            at = at if 0 in gaps else at - 1 / sum(1 / gap for gap in gaps)
        out.append(math.log(abs(math.prod((at - root for root in roots), start=1 + 0j)) + 1e-3))
    return np.array(out)


@program("moebius-map")
def moebius_map(m: Array, z: Array, target: Array) -> float:
    above, below = m @ [z, np.ones(2)]  # homogeneous coordinates
    distortion = 2 * math.log(abs(np.linalg.det(m))) - 2 * sum(math.log(abs(w)) for w in below)
    return float(np.linalg.norm(above / below - target) ** 2) + 0.1 * distortion


@program("contour-integral")
def contour_integral(centre: Array, radius: Array, pole: Array) -> float:
    total = 0j
    for k in range(8):
        spoke = cmath.rect(float(radius), math.pi * k / 4)
        at = complex(centre) + spoke
        total += cmath.exp(at) * spoke / (at - complex(pole)) / 8  # dz/(2 pi i) is spoke dt/(2 pi)
    return (total.real - 1) ** 2 + total.imag**2


@program("kalman-filter")
def kalman_filter(f: Array, log_noise: Array, x0: Array, h: Array, y: Array) -> float:
    """The two measurements are one Gaussian vector of four; no filter is needed to know its density."""
    q, r = (math.exp(level) * np.eye(2) for level in log_noise)
    first = f @ f.conj().T + q  # covariance of the first state, and of both states with each other
    second = f @ first @ f.conj().T + q
    states = np.block([[first, first @ f.conj().T], [f @ first, second]])
    look = scipy.linalg.block_diag(h, h)
    covariance = look @ states @ look.conj().T + scipy.linalg.block_diag(r, r)
    away = y.ravel() - look @ np.concatenate([f @ x0, f @ f @ x0])
    factor = scipy.linalg.cholesky(covariance, lower=True)
    white = scipy.linalg.solve_triangular(factor, away, lower=True)
    return float(np.sum(np.abs(white) ** 2) + 2 * np.sum(np.log(np.diag(factor).real)))


@program("matrix-square-root")
def matrix_square_root(a: Array, m: Array) -> float:
    x = np.eye(2, dtype=complex)
    for _ in range(4):  # Newton's iteration, with which that of Denman and Beavers agrees in exact arithmetic
        x = (x + scipy.linalg.solve(x, a)) / 2
    root = scipy.linalg.sqrtm(a)
    np.testing.assert_allclose(x, root, atol=1e-4)
    return float(np.sum(m.conj() * x).real + np.linalg.norm(x) ** 2)


@program("polar-decomposition-loss")
def polar_decomposition_loss(a: Array, target: Array) -> float:
    stretch = scipy.linalg.sqrtm(a.conj().T @ a)
    rotation = a @ scipy.linalg.inv(stretch)
    np.testing.assert_allclose(rotation, scipy.linalg.polar(a)[0], atol=1e-12)
    return float(np.linalg.norm(rotation - target) ** 2 + np.linalg.norm(stretch - np.eye(2)) ** 2 / 2)
