"""States and gates built with matrix exponentials, expectation values term by term, rotations as quaternions."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
import scipy.linalg
from scipy.spatial.transform import Rotation

from tests.programs.known import Array, gradient, program

PAULI = {
    "I": np.eye(2, dtype=complex),
    "X": np.array([[0, 1], [1, 0]], complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.array([[1, 0], [0, -1]], complex),
}


def pauli(word: str) -> Array:
    """The product of Pauli matrices over the qubits, the first letter being the most significant."""
    return reduce(np.kron, [PAULI[letter] for letter in word])


def turned(word: str, angle: float, state: Array) -> Array:
    """exp(-i angle P / 2) applied to a state."""
    return np.asarray(scipy.linalg.expm(-0.5j * angle * pauli(word)) @ state)


def expected(word: str, state: Array) -> float:
    return float(np.vdot(state, pauli(word) @ state).real)


@program("qubit-expectation")
def qubit_expectation(a: Array, b: Array) -> float:
    return math.sin(a) * math.cos(b)


@gradient("qubit-expectation")
def qubit_expectation_gradient(a: Array, b: Array) -> dict[str, float]:
    return {"a": math.cos(a) * math.cos(b), "b": -math.sin(a) * math.sin(b)}


@program("quantum-circuit-parity")
def quantum_circuit_parity(theta: Array) -> float:
    state = np.array([1, 0, 0, 0], complex)
    for word, angle in zip(("YI", "IY", "ZI", "IZ"), theta, strict=True):
        state = turned(word, float(angle), state)
    state[2], state[3] = state[3], state[2]  # the target flips where the control is 1
    return expected("XZ", state)  # the Hadamard gate turns Z into X


@gradient("quantum-circuit-parity")
def quantum_circuit_parity_gradient(theta: Array) -> dict[str, Array]:
    """Back through the CNOT the parity is -Y Y, whose value is minus the product of the four sines."""
    sines, cosines = np.sin(theta), np.cos(theta)
    return {"theta": -np.array([cosines[k] * np.prod(np.delete(sines, k)) for k in range(4)])}


@program("vqe-energy")
def vqe_energy(theta: Array, g: Array) -> float:
    state = np.array([1, 0, 0, 0], complex)
    for word, angle in (("YI", theta[0]), ("IY", theta[1]), ("ZI", theta[2]), ("XY", 2 * theta[3])):
        state = turned(word, float(angle), state)
    words = [("II", g[0]), ("ZI", g[1]), ("IZ", g[2]), ("ZZ", g[3]), ("XX", g[4]), ("YY", g[4])]
    return float(sum(weight * expected(word, state) for word, weight in words))


@program("entanglement-entropy")
def entanglement_entropy(psi: Array) -> float:
    a, b, c, d = psi
    concurrence = min(1.0, 2 * abs(a * d - b * c) / sum(abs(psi) ** 2))
    larger = (1 + math.sqrt(1 - concurrence**2)) / 2
    return -sum(p * math.log2(p) for p in (larger, 1 - larger) if p > 0)


@program("pulse-infidelity")
def pulse_infidelity(u: Array, detuning: Array) -> float:
    # (1 + i v.sigma/4)^-1 (1 - i v.sigma/4) turns about v by 4 arctan(|v|/4), where exp(-i v.sigma/2) turns by |v|;
    # tr(X U)/2 is -i times the first part of the rotation's quaternion.
    turns = []
    for k in range(2):
        v = np.array([u[k, 0], u[k, 1], float(detuning)])
        length = np.linalg.norm(v)
        turns.append(Rotation.from_rotvec(v * (4 * math.atan(length / 4) / length if length else 1)))
    first, second = turns
    return 1 - float((second * first).as_quat()[0]) ** 2
