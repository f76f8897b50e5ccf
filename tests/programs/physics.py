"""Waves, images and matter from their textbooks' formulas: sums over pairs and modes, dense operators, recursions."""

from __future__ import annotations

import cmath
import math
import statistics

import numpy as np
import scipy.linalg

from tests.programs.known import Array, gradient, program


@program("kuramoto-order-parameter")
def kuramoto_order_parameter(theta: Array, coupling: Array, omega: Array) -> float:
    velocities = [omega[i] + coupling / 4 * sum(math.sin(theta[j] - theta[i]) for j in range(4)) for i in range(4)]
    order = math.hypot(sum(map(math.cos, theta)), sum(map(math.sin, theta))) / 4
    return 1 - order + statistics.pvariance(velocities)


@program("angular-spectrum-propagation")
def angular_spectrum_propagation(phase: Array, distance: Array, wavelength: Array) -> float:
    image = [0j] * 4
    for f in (-1.0, -0.5, 0.0, 0.5):  # waves per unit length; pixels are half a unit apart
        axial = 1 / float(wavelength) ** 2 - f**2
        if axial >= 0:
            passed = cmath.rect(1, 2 * math.pi * float(distance) * math.sqrt(axial))
        else:
            passed = complex(math.exp(-2 * math.pi * float(distance) * math.sqrt(-axial)))
        amplitude = sum(cmath.rect(1 / 4, phase[n] - math.pi * f * n) for n in range(4))
        for j in range(4):
            image[j] += amplitude * passed * cmath.rect(1, math.pi * f * j)
    return -4 * abs(image[1]) ** 2 / sum(abs(u) ** 2 for u in image)


@program("sense-mri")
def sense_mri(image: Array, coils: Array, mask: Array, y: Array) -> float:
    dft = scipy.linalg.dft(2, scale="sqrtn")
    encoding = np.vstack([np.diag(mask.ravel()) @ np.kron(dft, dft) @ np.diag(coil.ravel()) for coil in coils])
    misfit = np.linalg.norm(encoding @ image.ravel() - y.ravel()) ** 2 / 2
    (a, b), (c, d) = image
    down, across = [c - a, d - b], [b - a, d - c]
    return float(misfit) + 0.1 * sum(
        math.sqrt(abs(p) ** 2 + abs(q) ** 2 + 0.01) for p, q in zip(down, across, strict=True)
    )


@program("thin-film-reflectance")
def thin_film_reflectance(index: Array, thickness: Array) -> float:
    layers = [1.0, index[0], index[1], 1.5]
    r = (layers[2] - layers[3]) / (layers[2] + layers[3])
    for k in (1, 0):  # from the glass up (Rouard's recursion)
        back = r * cmath.exp(-4j * math.pi * layers[k + 1] * thickness[k])
        face = (layers[k] - layers[k + 1]) / (layers[k] + layers[k + 1])
        r = (face + back) / (1 + face * back)
    return 20 * math.log10(abs(r))


@program("hermitian-eigenvalue-loss")
def hermitian_eigenvalue_loss(a: Array, beta: Array) -> float:
    centre = (a[0, 0].real + a[1, 1].real) / 2
    # h = centre + b . sigma, with the levels centre -+ |b|
    field = [(a[0, 1] + a[1, 0].conjugate()) / 2, (a[0, 0].real - a[1, 1].real) / 2]
    half_gap = math.hypot(field[0].real, field[0].imag, field[1])
    free_energy = centre - float(np.logaddexp(-beta * half_gap, beta * half_gap)) / float(beta)
    return free_energy + (2 * half_gap - 1) ** 2


def ring(flux: float) -> Array:
    """The quadratic form of the kinetic energy of three islands in a ring."""
    k = 2 * np.eye(3, dtype=complex)
    for j in range(3):
        k[(j + 1) % 3, j] -= cmath.rect(1, flux / 3)
        k[j, (j + 1) % 3] -= cmath.rect(1, -flux / 3)
    return k


@program("ginzburg-landau-ring")
def ginzburg_landau_ring(psi: Array, flux: Array) -> float:
    kinetic = (psi.conj() @ ring(float(flux)) @ psi).real
    return float(kinetic) + sum((p.real**2 + p.imag**2 - 1) ** 2 / 2 for p in psi)


@gradient("ginzburg-landau-ring")
def ginzburg_landau_ring_gradient(psi: Array, flux: Array) -> dict[str, Array]:
    """The Ginzburg-Landau equation, and the current along the ring."""
    current = sum((1j / 3 * cmath.rect(1, -float(flux) / 3) * psi[j].conjugate() * psi[(j + 1) % 3]).real * 2
                  for j in range(3))
    return {"psi": ring(float(flux)) @ psi + (np.abs(psi) ** 2 - 1) * psi, "flux": current}
