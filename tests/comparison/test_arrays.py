"""The one relation of arrays: each word from mathematics, with what must never be said."""

from __future__ import annotations

import numpy as np
import pytest

from harness.audit.judging import judge_gradient
from harness.comparison.arrays import ratio_text, relation, words
from harness.comparison.tolerance import tolerances

RNG = np.random.default_rng(7)
Z = RNG.standard_normal((4, 4)) + 1j * RNG.standard_normal((4, 4))
X = RNG.standard_normal(5)


@pytest.mark.parametrize(
    ("left", "right", "word"),
    [
        (1j * Z, Z, "complex-factor"), (np.array(2 - 4j), np.array(-4 - 2j), "complex-factor"),
        (100 * Z, Z, "factor"), (np.array(100 * 1.7), np.array(1.7), "factor"), (Z / 3, Z, "factor"),
        (np.array([2.6, 0.0]), np.array([1.7, 0.0]), "none"),  # one number: any two have a ratio
        (np.array([4.0, 4.0]), np.array([2.0, 2.0]), "factor"),
        (Z, np.abs(Z), "modulus"), (np.abs(X), X, "modulus"), (np.abs(Z) ** 2, Z, "square"), (Z**2, Z, "square"),
        (Z[[2, 0, 3, 1]], Z, "permutation"), (Z[:, [1, 0, 2, 3]], Z, "permutation"), (X[::-1], X, "permutation"),
        (Z, Z.T, "transposed"), (Z, Z.conj().T, "adjoint"),
        (Z, 0 * Z, "zero"), (6.049e-17 * Z, Z, "zero"), (1e-10 * Z, Z, "factor"),
        (Z[0, :1], 6e-17 * Z[0, :1], "zero"), (np.array([True, False]), np.array([1.0, 0.0]), "equal"),
        (np.zeros(3), np.zeros(3), "equal"), (np.zeros((0, 2)), np.zeros((0, 2)), "equal"),
        (np.array([1, 2, 3]), np.array([1, 2, 4]), "none"), (np.inf * X, np.inf * X, "equal"),
        (np.array([np.inf, 1.0]), np.array([np.inf, 2.0]), "none"),
    ],
)
def test_words(left: np.ndarray, right: np.ndarray, word: str) -> None:
    found = relation(left, right, tolerance=1e-8)
    assert found.word == word
    said = words(found, "torch", "jax")
    assert said and " 1 times" not in said and "e-17" not in said


def test_which_side_has_lost_something() -> None:
    assert relation(Z, np.abs(Z)).side == "right" and relation(np.abs(Z), Z).side == "left"
    assert relation(Z, 1e-17 * Z).side == "right" and relation(0 * Z, Z).side == "left"
    assert relation(Z, Z**2).side == "right"
    assert relation(1j * Z, Z).factor == pytest.approx(1j)


def test_the_norm_is_the_callers() -> None:
    left, right = np.array([1.0, 1e-12]), np.array([1.0, 3e-12])
    assert relation(left, right, tolerance=1e-8).word == "equal"
    assert relation(left, right, tolerance=1e-8, norm="entry").word == "none"


@pytest.mark.parametrize(
    ("factor", "text"),
    [(2, "2"), (1 + 1e-7, "(1 + 1e-07)"), (-1 + 1e-7, "-(1 - 1e-07)"), (1j, "1j"), (1 - 2j, "(1-2j)"),
     (1 / 3, "0.333333")],
)
def test_a_ratio_in_digits(factor: complex, text: str) -> None:
    assert ratio_text(factor) == text


@pytest.mark.parametrize(
    ("change", "verdict", "note"),
    [
        (lambda g: 100 * g, "factor", "torch's is 100 times JAX's"),
        (lambda g: 1j * g, "mismatch", "torch's is 1j times JAX's"),
        (lambda g: 6.049e-17 * g, "zero", "torch's is zero, JAX's is not"),
        (lambda g: g[::-1], "mismatch", "torch's has the entries of JAX's in another order"),
        (lambda g: g * (1 + 1e-6), "factor", "torch's is (1 + 1e-06) times JAX's"),
    ],
)
@pytest.mark.parametrize("shape", [(), (1,), (4, 3)])
def test_a_gradient_and_a_value_are_said_alike(change, verdict: str, note: str, shape: tuple[int, ...]) -> None:  # type: ignore[no-untyped-def]
    right = RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)
    if shape in ((), (1,)) and "order" in note:
        return
    left = change(right)
    found = judge_gradient(left, right, tolerances("complex128"), raw_sign=1)
    assert (found.verdict, found.note) == (verdict, note)
    assert words(relation(left, right, tolerance=tolerances("complex128").coarse), "torch", "JAX") == note
    assert (found.factor == found.factor) == (verdict == "factor")
