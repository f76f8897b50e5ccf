"""What a point is: expected classes, one-sided derivatives and sides come from the mathematics of each function."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.formats import DOUBLE, SINGLE
from harness.model import Input
from harness.reference.function import Compiled
from harness.reference.singular import CUT, DOMAIN, GAUGE, KINK, POLE, REMOVABLE, SMOOTH, UNKNOWN
from harness.reference.solution import Solution, solve


def at(text: str, x: object, order: int = 1, *, name: str = "z") -> Solution:
    array = np.asarray(x)
    kind = {"f": "real", "c": "complex"}[array.dtype.kind]
    return solve(Compiled(text, [Input(name, kind, array.shape)]), {name: array}, form=DOUBLE, order=order)


BELOW = complex(-1.0, -0.0)


@pytest.mark.parametrize(
    ("text", "x", "kind"),
    [
        ("abs(z)", 0.0, KINK),
        ("abs(z)", 0j, KINK),
        ("relu(z)", 0.0, KINK),
        ("clip(z, -1, 1)", 1.0, KINK),
        ("clip(z, -1, 1)", -1.0, KINK),
        ("abs(z - 2)", 2.0, KINK),
        ("maximum(z, 1 - z)", 0.5, KINK),
        ("norm(z)", [0.0, 0.0], KINK),
        ("max(z)", [2.0, 2.0], KINK),
        ("leaky_relu(z)", -0.0, KINK),
        ("hard_tanh(z)", 1.0, KINK),
        ("conj(z) * z / abs(z + 0)", 1 + 1j, SMOOTH),
        ("z**2 / conj(z)", 1e-3j, SMOOTH),
        ("sqrt(z)", complex(-1.0, 0.0), CUT),
        ("sqrt(z)", BELOW, CUT),
        ("log(z)", BELOW, CUT),
        ("angle(z)", complex(-1.0, 0.0), CUT),
        ("arcsin(z)", complex(2.0, -0.0), CUT),
        ("arccosh(z)", complex(0.5, 0.0), CUT),
        ("arctan(z)", complex(0.0, 2.0), CUT),
        ("log(z - 1j)", -1 + 1j, CUT),
        ("floor(z)", 1.0, CUT),
        ("1 / z", 0j, POLE),
        ("1 / z", 0.0, POLE),
        ("log(z)", 0j, POLE),
        ("sqrt(z)", 0j, POLE),
        ("sqrt(z)", 0.0, POLE),
        ("exp(1 / z)", 0j, POLE),
        ("sign(z)", 0j, POLE),
        ("gamma(z)", -1.0, POLE),
        ("arccosh(z)", 1 + 0j, POLE),
        ("sin(z) / z", 0j, REMOVABLE),
        ("expm1(z) / z", 0.0, REMOVABLE),
        ("(1 - cos(z)) / z**2", 0.0, REMOVABLE),
        ("sinc(z)", 0j, SMOOTH),
        ("sinc(z)", 0.0, SMOOTH),
        ("z**2", 0j, SMOOTH),
        ("z**3", 0.0, SMOOTH),
        ("abs(z)**2", 0j, SMOOTH),
        ("z * abs(z)", 0j, SMOOTH),
        ("z * abs(z)", 0.0, SMOOTH),
        ("real(z)", 0j, SMOOTH),
        ("conj(z)", 0j, SMOOTH),
        ("relu(z)**2", 0.0, SMOOTH),
        ("where(z == 0, 1, sin(z) / z)", 0.0, SMOOTH),
        ("softplus(z)", 0.0, SMOOTH),
        ("i0e(z)", 0.0, KINK),
        ("softsign(z)", 0.0, SMOOTH),  # x / (1 + |x|) has derivative 1 from both sides
    ],
)
def test_class(text: str, x: object, kind: int) -> None:
    found = at(text, x)
    assert set(found.kind.ravel().tolist()) == {kind}
    regular = kind in (SMOOTH, REMOVABLE)
    assert np.isfinite(found.j).all() == (regular or kind == CUT)
    assert (found.bound < 1e-20).all() == (regular or kind == CUT)


@pytest.mark.parametrize(
    ("text", "x", "j"),
    [
        ("sinc(z)", 0.0, [[0.0]]),
        ("z**2", 0j, [[0.0, 0.0], [0.0, 0.0]]),
        ("sin(z) / z", 0.0, [[0.0]]),
        ("expm1(z) / z", 0.0, [[0.5]]),
        ("(1 - cos(z)) / z**2", 0.0, [[0.0]]),
        ("abs(z)", 5e-324 + 0j, [[1.0, 0.0]]),
        ("abs(z)", 3e200 + 4e200j, [[0.6, 0.8]]),
        ("sqrt(z)", 4e-320 + 0j, [[0.5 / math.sqrt(4e-320), 0.0], [0.0, 0.5 / math.sqrt(4e-320)]]),
        ("softsign(z)", 0.0, [[1.0]]),
    ],
)
def test_derivative_at_hard_points(text: str, x: object, j: list[list[float]]) -> None:
    found = at(text, x)
    np.testing.assert_allclose(found.j, j, rtol=1e-15, atol=1e-30)


def test_sqrt_of_the_smallest_number_has_a_finite_derivative() -> None:
    found = at("sqrt(z)", 5e-324 + 0j)
    # 1 / (2 sqrt(2**-1074)) = 2**536
    assert found.j[0, 0] == 2.0**536 == found.j[1, 1]
    assert (found.kind == SMOOTH).all() and found.bound.max() < 1e-30 * 2.0**536


def test_sinc_at_tiny_points_is_its_series() -> None:
    z = 1e-200 * (1 + 1j)
    found = at("sinc(z)", z)
    slope = -(math.pi**2) / 3 * z  # sinc'(z) = -pi^2 z / 3 + O(z^3)
    np.testing.assert_allclose(found.j, [[slope.real, -slope.imag], [slope.imag, slope.real]], rtol=1e-15)


@pytest.mark.parametrize(
    ("text", "x", "plus", "minus"),
    [
        ("abs(z)", 0.0, 1.0, -1.0),
        ("relu(z)", 0.0, 1.0, 0.0),
        ("clip(z, -1, 1)", 1.0, 0.0, 1.0),
        ("leaky_relu(z, 0.25)", 0.0, 1.0, 0.25),
        ("abs(z)", 0j, [1.0, 1.0], [-1.0, -1.0]),
        ("i0e(z)", 0.0, -1.0, 1.0),
    ],
)
def test_one_sided_derivatives_at_a_kink(text: str, x: object, plus: object, minus: object) -> None:
    found = at(text, x)
    np.testing.assert_allclose(found.plus.ravel(), np.ravel(plus), atol=1e-30)
    np.testing.assert_allclose(found.minus.ravel(), np.ravel(minus), atol=1e-30)


def test_clarke_samples_of_the_modulus_are_unit_vectors() -> None:
    found = at("abs(z)", 0j)
    assert found.samples is not None and len(found.samples) >= 12
    np.testing.assert_allclose(np.linalg.norm(found.samples[:, 0], axis=1), 1.0, rtol=1e-14)


def test_clarke_samples_of_a_maximum_are_its_pieces() -> None:
    found = at("max(z)", [2.0, 2.0, 0.0])
    assert found.samples is not None
    assert {tuple(row) for row in np.round(found.samples[:, 0], 12)} == {(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)}


@pytest.mark.parametrize(("x", "sign"), [(complex(-4.0, 0.0), 1), (complex(-4.0, -0.0), -1)])
def test_sides_of_the_cut_of_sqrt(x: complex, sign: int) -> None:
    found = at("sqrt(z)", x)
    assert found.value_plus[0] is not None and found.value_minus[0] is not None
    np.testing.assert_allclose(found.value_plus[0], 2j, atol=1e-30)
    np.testing.assert_allclose(found.value_minus[0], -2j, atol=1e-30)
    assert found.values[0] == sign * 2j
    slope = 1 / (2 * sign * 2j)  # f' = 1 / (2 f)
    j = [[slope.real, -slope.imag], [slope.imag, slope.real]]
    np.testing.assert_allclose(found.j, j, atol=1e-25)
    upper = [[0, 0.25], [-0.25, 0]]
    np.testing.assert_allclose(found.plus, upper, atol=1e-25)
    np.testing.assert_allclose(found.minus, np.negative(upper), atol=1e-25)


@pytest.mark.parametrize(
    "name", ["log", "arccosh", "sqrt", "log1p", "arcsin", "arccos", "arctanh", "arcsinh", "arctan"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("far", [2.5, -2.5])
def test_values_on_cuts_follow_signed_zeros(name: str, sign: float, far: float) -> None:
    """NumPy's complex functions follow C99 Annex G."""
    x = complex(sign * 0.0, far) if name in ("arcsinh", "arctan") else complex(far, sign * 0.0)
    if name in ("log", "sqrt", "log1p", "arccosh"):
        x = complex(-abs(far), sign * 0.0)
    found = at(f"{name}(z)", x)
    assert (found.kind == CUT).any()
    np.testing.assert_allclose(found.values[0], getattr(np, name)(np.complex128(x)), rtol=1e-14)


def test_an_infinite_limit_is_the_value() -> None:
    assert at("log(z)", 0.0).values[0] == -np.inf
    assert at("log(abs(z))", 0j).values[0] == -np.inf
    assert np.isnan(at("1 / z", 0.0).values[0])  # the two sides disagree


def test_the_removable_value_is_the_limit() -> None:
    assert at("sin(z) / z", 0j).values[0] == 1.0


_RNG = np.random.default_rng(5)
MATRIX = _RNG.normal(size=(3, 3)) + 1j * _RNG.normal(size=(3, 3))
HERMITIAN = MATRIX + MATRIX.conj().T


@pytest.mark.parametrize(
    ("text", "matrix", "free"),
    [
        ("svd(a).U", MATRIX, True),
        ("svd(a).Vh", MATRIX, True),
        ("svd(a).U", MATRIX.real, True),
        ("eigh(a)[1]", HERMITIAN, True),
        ("eig(a)[1]", MATRIX, True),
        ("qr(a)[0]", MATRIX, True),
        ("abs(qr(a)[1])", MATRIX, False),
        ("svd(a).S", MATRIX, False),
        ("abs(svd(a).U)", MATRIX, False),
        ("svd(a).U @ svd(a).Vh", MATRIX, False),
        ("svd(a)[0] * svd(a)[1] @ svd(a)[2]", MATRIX, False),
        ("eigvals(a)", MATRIX, False),
        ("real(einsum('ij,ij->j', conj(eigh(a)[1]), a @ eigh(a)[1]))", HERMITIAN, False),
        ("svd(a).U", np.diag([2.0, 2.0, 1.0]), True),
        ("abs(svd(a).U)", np.diag([2.0, 2.0, 1.0]), True),  # the basis of equal singular values is free
    ],
)
def test_gauge(text: str, matrix: np.ndarray, free: bool) -> None:
    found = at(text, matrix, name="a")
    assert (found.kind == GAUGE).any() == free
    if not free:
        assert np.isin(found.kind, (SMOOTH, DOMAIN)).all() and np.isfinite(found.j).all()


def test_polar_factor_through_the_svd() -> None:
    """U V^H is the unitary polar factor; for a unitary times a positive matrix it must give the unitary back."""
    unitary = np.linalg.qr(MATRIX)[0]
    positive = MATRIX @ MATRIX.conj().T + np.eye(3)
    found = at("svd(a).U @ svd(a).Vh", unitary @ positive, name="a")
    np.testing.assert_allclose(found.values[0], unitary, atol=1e-14)


def test_off_the_hermitian_matrices_a_derivative_is_a_convention() -> None:
    found = at("cholesky(a)", HERMITIAN + 8 * np.eye(3), name="a")
    assert found.domain is not None and (found.kind == DOMAIN).any()
    p = found.domain
    np.testing.assert_allclose(p @ p, p, atol=1e-12)
    assert round(np.trace(p)) == 9  # Hermitian 3 x 3 matrices have nine real dimensions of eighteen
    inside = at("cholesky(a @ adjoint(a))", MATRIX, name="a")
    assert inside.domain is None and (inside.kind == SMOOTH).all()


def test_degenerate_singular_values_are_a_kink_and_their_sum_is_smooth() -> None:
    matrix = np.diag([2.0, 2.0, 1.0])
    assert (at("svd(a).S", matrix, name="a").kind == KINK).any()
    assert (at("sum(svd(a).S)", matrix, name="a").kind == SMOOTH).all()


@pytest.mark.parametrize(
    ("text", "x", "hessian", "kind"),
    [
        ("sinc(z)", 0.0, -(math.pi**2) / 3, SMOOTH),
        ("z**2", 0.0, 2.0, SMOOTH),
        ("sin(z)", 0.0, 0.0, SMOOTH),
        ("exp(z)", 1e-200, 1.0, SMOOTH),
        ("z * abs(z)", 0.0, math.nan, KINK),
        ("relu(z)**2", 0.0, math.nan, KINK),
        ("abs(z)**1.5", 0.0, math.nan, POLE),
    ],
)
def test_second_order(text: str, x: float, hessian: float, kind: int) -> None:
    matrix, bound, classes, plus, minus = at(text, x, 2).hessians[0]
    assert classes[0, 0] == kind
    np.testing.assert_allclose(matrix[0, 0], hessian, rtol=1e-15, atol=1e-100)
    assert np.isinf(bound[0, 0]) == math.isnan(hessian)
    if kind == KINK:
        assert plus[0, 0] == 2.0 and minus[0, 0] in (-2.0, 0.0)


def test_non_finite_inputs_leave_their_neighbours_alone() -> None:
    found = at("sin(z)", np.array([1.0, np.nan, np.inf, 2.0]))
    assert np.diag(found.kind).tolist() == [SMOOTH, UNKNOWN, UNKNOWN, SMOOTH]
    np.testing.assert_allclose(found.j[[0, 3], [0, 3]], np.cos([1.0, 2.0]), rtol=1e-15)
    assert np.isnan(found.values[0]).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("text", "x", "kind"),
    [("cbrt(z)", 0.0, POLE), ("z**3", 0.0, SMOOTH), ("z**5 - z**3", 0.0, SMOOTH), ("z**3", 0j, SMOOTH),
     ("sign(z) * abs(z)**1.25", 0.0, SMOOTH), ("sign(z) * sqrt(abs(z))", 0.0, POLE)],
)
def test_odd_functions_do_not_hide_from_symmetric_differences(text: str, x: complex, kind: int) -> None:
    found = at(text, x)
    assert (found.kind == kind).all()
    if kind == SMOOTH:
        assert (found.j == 0).all() or (found.bound >= np.abs(found.j)).all()  # the truth is 0


@pytest.mark.parametrize("text", ["abs(z)**4", "z**4", "sum(abs(fft(stack([z, 2 * z])))**4)", "z**3", "z**6"])
def test_even_functions_do_not_hide_from_symmetric_second_differences(text: str) -> None:
    matrix, bound, classes, _, _ = at(text, 0.0, 2).hessians[0]
    assert classes[0, 0] == SMOOTH and matrix[0, 0] == 0.0
    assert bound[0, 0] < 1e-60


def test_a_power_of_a_negative_base_has_its_partial_derivative() -> None:
    arrays = {"x": np.array(-2.0), "y": np.array(3.0)}
    inputs = [Input("x", "real", ()), Input("y", "real", ())]
    found = solve(Compiled("x**y", inputs), arrays, form=DOUBLE)
    assert found.kind.tolist() == [[SMOOTH, UNKNOWN]] and found.j[0, 0] == 12.0
    origin = solve(Compiled("x**y", inputs), {"x": np.array(0.0), "y": np.array(0.0)}, form=DOUBLE)
    assert not np.isin(origin.kind, (SMOOTH, REMOVABLE)).any()


def test_functions_of_hermitian_matrices_decide_nothing_elsewhere() -> None:
    found = at("eigvalsh(a)", np.array([[1.0, 2.0], [0.0, 1.0]]), name="a")
    assert (found.kind == DOMAIN).all() and np.isnan(found.values[0]).all()


def test_at_the_end_of_its_range_a_quantile_has_the_limit_of_its_derivative() -> None:
    inputs = [Input("x", "real", (3,), False), Input("q", "real", ())]
    arrays = {"x": np.array([3.0, 1.0, 2.0]), "q": np.array(0.0)}
    found = solve(Compiled("quantile(x, q)", inputs), arrays, form=DOUBLE)
    assert found.kind[0, 0] == REMOVABLE and found.j[0, 0] == 2.0


def test_what_overflows_rounds_to_infinity() -> None:
    found = at("exp(z)", np.array([1.0, 800.0, -800.0]))
    assert np.diag(found.kind).tolist() == [SMOOTH, SMOOTH, SMOOTH]
    assert np.diag(found.j)[1] == np.inf
    assert found.values[0][1] == np.inf and found.values[0][2] == 0.0
    single = solve(Compiled("exp(z)", [Input("z", "real", (1,))]), {"z": np.array([100.0], np.float32)}, form=SINGLE)
    assert single.kind[0, 0] == SMOOTH and single.j[0, 0] == single.values[0][0] == np.inf


@pytest.mark.parametrize(
    ("text", "x", "known"),
    [
        ("where(abs(z) > 1, z - z / abs(z), 0 * z)", 0.6 + 0.8j, False),  # |z| = 1 + 2e-17 of these doubles
        ("where(abs(z) > 1, z - z / abs(z), 0 * z)", 0.7 + 0.8j, True),
        ("z / maximum(abs(z), 1)", 0.6 + 0.8j, False),
        ("where(x > 1, x, 2 * x)", 1 + 2.0**-52, True),  # two numbers of the machine: anybody can tell
        ("where(x * x > 2, x, 2 * x)", 2**0.5, False),
    ],
)
def test_a_comparison_that_rounding_decides_is_no_evidence(text: str, x: complex, known: bool) -> None:
    from harness.model import Input
    from harness.reference.function import Compiled
    from harness.reference.singular import SMOOTH, UNKNOWN
    from harness.reference.solution import solve

    name, array = ("z", np.array(x)) if isinstance(x, complex) else ("x", np.array(float(x)))
    kind = "complex" if name == "z" else "real"
    found = solve(Compiled(text, (Input(name, kind, ()),)), {name: array}, form=DOUBLE).kind
    assert set(found.ravel().tolist()) == {SMOOTH if known else UNKNOWN}


def slopes_next_to(name: str, at: np.ndarray) -> np.ndarray:
    from harness.reference.ball_arrays import from_numpy
    from harness.reference.local import local_derivative
    from harness.reference.namespace import namespace

    found = local_derivative(lambda xs: [namespace()[name](xs[0])], [from_numpy(at)], name, DOUBLE)
    assert found.samples is not None
    return found.samples


def test_slopes_next_to_a_cut_are_those_of_the_side_of_the_value() -> None:
    """At -3+0j on the cut of the root the value is i sqrt(3); its derivative -i/(2 sqrt(3)) comes from above alone."""
    for sample in slopes_next_to("sqrt", np.array([-3 + 0j, 2 + 0j])):  # rows: real, then imaginary parts; so columns
        np.testing.assert_allclose(sample[2, 0], -1 / (2 * np.sqrt(3)), rtol=1e-6)
        np.testing.assert_allclose(sample[1, 1], 1 / (2 * np.sqrt(2)), rtol=1e-6)


def test_slopes_next_to_a_kink_are_those_of_both_sides() -> None:
    assert {float(s[0, 0]) for s in slopes_next_to("abs", np.array([0.0]))} == {-1.0, 1.0}
