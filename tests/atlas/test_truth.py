"""The reference over many points, against mpmath at 60 digits and against what is known of singular points."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from harness.pointwise.pool import Pool
from harness.pointwise.truth import Reference, sides

RNG = np.random.default_rng(11)
GENERIC = (RNG.normal(size=60) + 1j * RNG.normal(size=60)) * 2

#: text -> the derivative of a holomorphic function, as mpmath computes it from a textbook's formula
HOLOMORPHIC = {
    "exp(z)": mpmath.exp,
    "arccosh(z)": lambda z: 1 / (mpmath.sqrt(z - 1) * mpmath.sqrt(z + 1)),
    "sqrt(z)": lambda z: 1 / (2 * mpmath.sqrt(z)),
    "log(z)": lambda z: 1 / z,
    "tanh(z)": lambda z: mpmath.sech(z) ** 2,
    "z**(1.5+0.5j)": lambda z: mpmath.mpc(1.5, 0.5) * mpmath.exp(mpmath.mpc(0.5, 0.5) * mpmath.log(z)),
    "z**3 - 2*z": lambda z: 3 * z**2 - 2,
    "1/(1+exp(-z))": lambda z: mpmath.exp(-z) / (1 + mpmath.exp(-z)) ** 2,
    "arctan(z)": lambda z: 1 / (1 + z * z),
}


@pytest.mark.parametrize("text", HOLOMORPHIC)
def test_holomorphic_derivatives_to_thirty_digits(text: str) -> None:
    truth = Reference(text, "z").at(GENERIC)
    assert truth.known.all() and not truth.jump.any()
    with mpmath.workdps(60):
        for k, z in enumerate(GENERIC.tolist()):
            d = HOLOMORPHIC[text](mpmath.mpc(z.real, z.imag))
            exact = {(0, 0): d.real, (0, 1): -d.imag, (1, 0): d.imag, (1, 1): d.real}
            for (r, c), want in exact.items():
                got = mpmath.mpf(truth.high[k, r, c]) + mpmath.mpf(truth.low[k, r, c])
                assert abs(got - want) <= abs(d) * mpmath.mpf(10) ** -29


def test_non_holomorphic() -> None:
    x, y = GENERIC.real, GENERIC.imag
    size = np.abs(GENERIC)
    truth = Reference("abs(z)", "z").at(GENERIC)
    assert truth.high.shape == (60, 1, 2)  # a real output has no second row
    np.testing.assert_allclose(truth.high[:, 0], np.stack([x, y], axis=1) / size[:, None], rtol=4e-16)
    truth = Reference("conj(z)*z + 1j*real(z)", "z").at(GENERIC)
    np.testing.assert_allclose(truth.high[:, 0], np.stack([2 * x, 2 * y], axis=1), rtol=1e-15)
    np.testing.assert_allclose(truth.high[:, 1], np.stack([np.ones(60), np.zeros(60)], axis=1), atol=1e-15)


def test_high_and_low_are_one_number() -> None:
    """1/3 to 100 bits: the low part is what the high one lacks, not noise."""
    truth = Reference("z/3", "z").at(np.array([1.0 + 0.5j]))
    total = Fraction(truth.high[0, 0, 0]) + Fraction(truth.low[0, 0, 0])
    assert abs(total - Fraction(1, 3)) < Fraction(1, 2**100)
    assert truth.low[0, 0, 0] != 0


@pytest.mark.parametrize(
    ("text", "points", "known", "jump"),
    [
        ("sqrt(z)", [-2, -0.5, 2, 1j], [False, False, True, True], [True, True, False, False]),
        ("log(z)", [-1, 0, 1], [False, False, True], [True, False, False]),
        ("abs(z)", [0, 1], [False, True], [False, False]),
        ("sign(z)", [0, 1j], [False, True], [True, False]),
        ("1/z", [0, 1], [False, True], [False, False]),
        ("arctan(z)", [2j, -2j, 0.5j], [False, False, True], [True, True, False]),
        ("real(z) + 0*z", [0, 3 + 4j], [True, True], [False, False]),
        ("z", [0, 1e-300j, 1e20], [True, True, True], [False, False, False]),
    ],
)
def test_singular_points_are_not_judged(text: str, points: list[complex], known: list[bool], jump: list[bool]) -> None:
    truth = Reference(text, "z").at(np.array(points, np.complex128))
    assert truth.known.tolist() == known
    assert truth.jump.tolist() == jump


def test_sides_of_a_cut() -> None:
    """d sqrt / dz just above and just below -4 is -i/4 and i/4; along the cut there is none."""
    around = sides(Reference("sqrt(z)", "z"), np.array([-4.0 + 0j]))
    # directions: right, left, above, below
    assert np.isnan(around.high[:2]).all()
    np.testing.assert_allclose(around.high[2], [[0, 0.25], [-0.25, 0]], atol=1e-12)
    np.testing.assert_allclose(around.high[3], [[0, -0.25], [0.25, 0]], atol=1e-12)
    np.testing.assert_allclose(around.value[2:], [2j, -2j], atol=1e-12)


def test_sides_of_a_kink_and_of_a_removable_point() -> None:
    around = sides(Reference("abs(z)", "z"), np.array([0j]))
    np.testing.assert_allclose(around.high[:, 0], [[1, 0], [-1, 0], [0, 1], [0, -1]], atol=1e-12)
    np.testing.assert_allclose(around.value, 0, atol=1e-20)
    around = sides(Reference("sinc(z)", "z"), np.array([0j]))
    assert (around.high == 0).all() and np.allclose(around.value, 1)


def test_real_line() -> None:
    x = np.array([-1.5, 0.0, 2.0, 1e-8])
    truth = Reference("x*abs(x)", "x", is_real=True).at(x)
    assert truth.known.tolist() == [True, False, True, True]  # at 0 the second derivative jumps: not decided
    np.testing.assert_allclose(truth.high[truth.known, 0, 0], 2 * np.abs(x[truth.known]), rtol=1e-15)
    truth = Reference("abs(x)", "x", is_real=True).at(x)
    assert truth.known.tolist() == [True, False, True, True]


def test_one_bad_point_does_not_cost_its_neighbours() -> None:
    points = np.array([1 + 1j, 0, 2 - 1j])
    truth = Reference("where(abs(z) > 0, z, 1/z)", "z").at(points)
    assert truth.known[[0, 2]].all()


def test_processes_answer_as_one_does() -> None:
    points = (RNG.normal(size=5000) + 1j * RNG.normal(size=5000)) * 3
    with Pool("arccosh(z)", "z", jobs=2) as pool:
        many = pool.at(points)
    one = Reference("arccosh(z)", "z").at(points)
    for name in ("value", "high", "low", "known", "jump"):
        np.testing.assert_array_equal(getattr(many, name), getattr(one, name))
