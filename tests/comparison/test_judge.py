"""Verdicts on pairs whose relation is known from mathematics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.comparison import RELATIONS, VERDICTS, judge, tolerances
from harness.model import Tolerance
from tests.comparison.build import holomorphic

NAN, INF = float("nan"), float("inf")
D2 = np.diag([1.0, -1.0])

#: J of f = z**2 at 1.5 + 0.5i: f' = 3 + i.
SQUARE = holomorphic(3 + 1j)
#: J of f = |z|**2 (real) at 3 + 4i: (2x, 2y).
MODULUS = np.array([[6.0, 8.0]])
EPS = 2.0**-52

# (what, left, right, out_complex, in_complex, verdict, relation)
TABLE: list[tuple[str, Any, Any, bool, bool, str, str]] = [
    ("the same", SQUARE, SQUARE, True, True, "agree", "equal"),
    ("one ulp", SQUARE, SQUARE * (1 + EPS), True, True, "agree", "equal"),
    ("eight digits", SQUARE, SQUARE * (1 + 1e-9), True, True, "precision", "equal"),
    ("seven digits", SQUARE, SQUARE * (1 + 1e-6), True, True, "factor", "factor"),
    ("conjugate of f'", SQUARE, holomorphic(3 - 1j), True, True, "conjugate", "conjugate"),
    ("conjugated on the input only", SQUARE @ D2, SQUARE, True, True, "conjugate", "conjugate"),
    ("conjugated on the output only", D2 @ SQUARE, SQUARE, True, True, "conjugate", "conjugate"),
    ("gradient of a real loss conjugated", MODULUS @ D2, MODULUS, False, True, "conjugate", "conjugate"),
    ("complex function of a real", D2 @ [[1.0], [2.0]], [[1.0], [2.0]], True, False, "conjugate", "conjugate"),
    ("negated", -SQUARE, SQUARE, True, True, "sign", "negated"),
    ("negated real", [[-2.0]], [[2.0]], False, False, "sign", "negated"),
    ("negated conjugate", -MODULUS @ D2, MODULUS, False, True, "conjugate", "negated-conjugate"),
    ("half", MODULUS / 2, MODULUS, False, True, "factor", "factor"),
    ("twice", 2 * SQUARE, SQUARE, True, True, "factor", "factor"),
    ("minus half", -0.5 * SQUARE, SQUARE, True, True, "factor", "factor"),
    ("twice a single number", [[2.0]], [[1.0]], False, False, "factor", "factor"),
    ("some ratio of single numbers is no evidence", [[2.71]], [[1.0]], False, False, "mismatch", "none"),
    ("half and conjugated", 0.5 * MODULUS @ D2, MODULUS, False, True, "conjugate", "none"),
    ("imaginary part of the gradient lost", MODULUS * [1, 0], MODULUS, False, True, "part", "real-part"),
    ("real part of the gradient lost", MODULUS, MODULUS * [0, 1], False, True, "part", "imag-part"),
    ("imaginary part of the output lost", SQUARE * [[1], [0]], SQUARE, True, True, "part", "real-part"),
    ("imaginary part of f' lost", holomorphic(3), SQUARE, True, True, "part", "real-part"),
    ("real part of f' lost", SQUARE, holomorphic(1j), True, True, "part", "imag-part"),
    ("zero on the left", 0 * SQUARE, SQUARE, True, True, "zero", "none"),
    ("zero on the right", SQUARE, 0 * SQUARE, True, True, "zero", "none"),
    ("zero against zero", 0 * SQUARE, -0.0 * SQUARE, True, True, "agree", "equal"),
    ("NaN against a number", [[NAN]], [[1.0]], False, False, "nonfinite", "none"),
    ("a number against NaN", [[1.0]], [[NAN]], False, False, "nonfinite", "none"),
    ("NaN against NaN", [[NAN]], [[NAN]], False, False, "agree", "equal"),
    ("NaN in another entry", [[NAN, 1.0]], [[1.0, NAN]], False, True, "nonfinite", "none"),
    ("infinity against infinity", [[INF]], [[INF]], False, False, "agree", "equal"),
    ("infinity against minus infinity", [[INF]], [[-INF]], False, False, "nonfinite", "none"),
    ("infinity against NaN", [[INF]], [[NAN]], False, False, "nonfinite", "none"),
    ("infinity against a large number", [[INF]], [[1.7e308]], False, False, "nonfinite", "none"),
    ("NaN equal, the rest negated", [[NAN, -1.0]], [[NAN, 1.0]], False, True, "conjugate", "conjugate"),
    ("NaN equal, the rest different", [[NAN, 2.0, 3.0]], [[NAN, 1.0, 5.0]], False, False, "mismatch", "none"),
    ("overflowing difference", [[1.7e308]], [[-1.7e308]], False, False, "sign", "negated"),
    ("subnormal against zero", [[5e-324]], [[0.0]], False, False, "precision", "equal"),
    ("small is not zero", [[1e-200]], [[0.0]], False, False, "zero", "none"),
    ("unrelated", [[1.0, 2.0]], [[4.0, -1.0]], False, False, "mismatch", "none"),
    ("imaginary part that ought to be zero", SQUARE + 1e-17, SQUARE, True, True, "agree", "equal"),
    ("empty", np.zeros((0, 2)), np.zeros((0, 2)), False, True, "agree", "equal"),
]


NAMES = ("what", "left", "right", "out", "into", "verdict", "relation")


@pytest.mark.parametrize(NAMES, TABLE, ids=[t[0] for t in TABLE])
def test_table(what: str, left: Any, right: Any, out: bool, into: bool, verdict: str, relation: str) -> None:
    found = judge(left, right, out_complex=out, in_complex=into)
    assert (found.verdict, found.relation) == (verdict, relation), found


@pytest.mark.parametrize(("left", "right", "factor"), [(SQUARE * 2, SQUARE, 2.0), (MODULUS, MODULUS * 4, 0.25)])
def test_factor_is_left_over_right(left: Any, right: Any, factor: float) -> None:
    assert judge(left, right, out_complex=left is not MODULUS, in_complex=True).factor == pytest.approx(factor)


def test_swapping_sides_keeps_the_verdict() -> None:
    for _, left, right, out, into, verdict, _ in TABLE:
        assert judge(right, left, out_complex=out, in_complex=into).verdict == verdict


def test_some_elements_only() -> None:
    """jax's arccosh has the wrong sign where Re z < 0: the other elements of the point are right."""
    right = holomorphic(1 + 2j, -3 + 1j, 0.5 - 1j)
    left = holomorphic(-1 - 2j, 3 - 1j, 0.5 - 1j)
    found = judge(left, right, out_complex=True, in_complex=True)
    assert found.verdict == "sign"
    assert found.note == "negated, in 2 of 3 elements"
    lost = judge(holomorphic(0, -3 + 1j, 0), right, out_complex=True, in_complex=True)
    assert (lost.verdict, lost.note) == ("zero", "left is zero, in 2 of 3 elements")
    half = judge(holomorphic(1 + 2j, -3 + 1j, 0.25 - 0.5j), right, out_complex=True, in_complex=True)
    assert (half.verdict, half.factor) == ("factor", pytest.approx(0.5))


def test_columns_of_a_dense_matrix() -> None:
    """One input element of a dense function is negated: a column of blocks, not of entries."""
    right = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 10]])
    left = right * [1, -1, 1]
    found = judge(left, right)
    assert (found.verdict, found.note) == ("sign", "negated, in 1 of 3 columns")
    single = right.copy()
    single[1, 1] *= -1  # one entry of a dense matrix: a coincidence, not a sign
    assert judge(single, right).verdict == "mismatch"
    triangle = np.tril(right)
    assert judge(triangle, right).verdict == "mismatch"  # gradients are not zero, some of their entries are


def test_badly_scaled_elements_are_not_hidden() -> None:
    """A norm would hide the second element behind the first."""
    right = holomorphic(1e200, 1e-200 * (1 + 1j))
    left = holomorphic(1e200, 1e-200 * (1 - 1j))
    found = judge(left, right, out_complex=True, in_complex=True)
    assert (found.verdict, found.max_rel) == ("conjugate", pytest.approx(2.0))


def test_cancellation_in_a_dense_matrix_is_not_held_against_it() -> None:
    right = np.array([[1.0, 2.0], [3.0, 0.0]])
    for noise, verdict in ((3e-16, "agree"), (1e-9, "precision"), (1e-3, "mismatch")):
        left = right.copy()
        left[1, 1] = noise
        assert judge(left, right).verdict == verdict


def test_a_wrong_giant_entry_does_not_hide_the_others() -> None:
    right = np.array([[1.0, 2.0], [3.0, 4.0]])
    left = np.array([[1e30, 2.0], [3.0, 5.0]])
    found = judge(left, right)
    assert found.verdict == "mismatch"
    assert "differs in 2 of 4" in found.note


def test_sizes() -> None:
    found = judge([[1.0 + 4 * EPS, 3.0]], [[1.0, 3.0]])
    # scale of the first entry is min(row 3, column 1): its own size; spacing(1 + 4 eps) is eps
    assert found.max_abs == pytest.approx(4 * EPS)
    assert found.ulp == pytest.approx(4.0)
    assert judge([[NAN]], [[NAN]]).max_abs != 0  # nothing was measured


@pytest.mark.parametrize("dtype", ["complex64", "float32"])
def test_single_precision(dtype: str) -> None:
    eps = 2.0**-23
    assert judge([[1 + 4 * eps]], [[1.0]], dtype=dtype).verdict == "agree"
    assert judge([[1 + 4 * eps]], [[1.0]], dtype=dtype).ulp == pytest.approx(4.0)
    assert judge([[1 + 1e-4]], [[1.0]], dtype=dtype).verdict == "precision"
    assert judge([[1 + 1e-3]], [[1.0]], dtype=dtype).verdict == "mismatch"
    assert judge([[1 + 1e-4]], [[1.0]], dtype="float64").verdict == "mismatch"


def test_tolerance_of_a_case() -> None:
    wide = Tolerance(coarse=1e-2)
    assert judge([[1 + 1e-3]], [[1.0]], tolerance=wide).verdict == "precision"
    assert judge([[1 + 1e-3]], [[1.0]], tolerance=Tolerance(fine=1e-2)).verdict == "agree"
    assert tolerances("float64", Tolerance(fine=0.5)).coarse == 0.5
    with pytest.raises(ValueError, match="float8"):
        tolerances("float8")


# -- values and raw results -------------------------------------------------------------------------------------------

Z = np.array([1 + 2j, -3 + 1j])

# (what, left, right, left sign, right sign, verdict, relation)
RAW: list[tuple[str, Any, Any, int, int, str, str]] = [
    ("same convention", Z, Z, 1, 1, "agree", "equal"),
    ("jax against torch", Z, Z.conj(), 1, -1, "agree", "conjugate"),
    ("both in jax's", Z, Z, -1, -1, "agree", "equal"),
    ("real on both sides", Z.real, Z.real, 1, -1, "agree", "equal"),
    ("complex without imaginary part", Z.real + 0j, Z.real + 0j, 1, -1, "agree", "equal"),
    ("convention forgotten", Z, Z, 1, -1, "conjugate", "equal"),
    ("negated in the same convention", Z, -Z, 1, 1, "sign", "negated"),
    ("negated in the other convention", Z, -Z.conj(), 1, -1, "sign", "negated-conjugate"),
    ("twice in the other convention", 2 * Z, Z.conj(), 1, -1, "factor", "none"),
    ("twice", 2 * Z, Z, 1, 1, "factor", "factor"),
    ("real part of a complex gradient", Z.real, Z, 1, 1, "part", "real-part"),
    ("real part, other convention", Z.real, Z.conj(), 1, -1, "part", "real-part"),
    ("imaginary part", 1j * Z.imag, Z, 1, 1, "part", "imag-part"),
    ("zero", 0 * Z, Z, 1, 1, "zero", "none"),
    ("one of two elements", Z * [1, -1], Z, 1, 1, "sign", "none"),
    ("i times", 1j * Z, Z, 1, 1, "mismatch", "none"),
]


@pytest.mark.parametrize(("what", "left", "right", "s", "t", "verdict", "relation"), RAW, ids=[r[0] for r in RAW])
def test_raw(what: str, left: Any, right: Any, s: int, t: int, verdict: str, relation: str) -> None:
    found = judge(left, right, quantity="raw", left_sign=s, right_sign=t)
    assert (found.verdict, found.relation) == (verdict, relation), found


def test_transposed_and_adjoint() -> None:
    matrix = np.array([[1 + 2j, 3 - 1j], [0.5j, 4]])
    shapes = {"in_shape": (2, 2)}
    assert judge(matrix, matrix.T, quantity="raw", **shapes).relation == "transposed"
    found = judge(matrix, matrix.conj().T, quantity="raw", **shapes)
    assert (found.verdict, found.relation) == ("mismatch", "adjoint")
    assert "transposed" in judge([[1.0, 2, 3, 4]], [[1.0, 3, 2, 4]], in_shape=(2, 2)).note
    square = np.array([[1.0, 2], [3, 4]])
    assert judge(square, square.T).note.startswith("left is right with the Jacobian transposed")


def test_i_times_is_said() -> None:
    assert "left is i times right" in judge(1j * Z, Z, quantity="raw").note


def test_values_are_the_same_or_not() -> None:
    assert judge(Z, Z, quantity="value").verdict == "agree"
    assert judge(Z, -Z, quantity="value").verdict == "value"
    assert judge(NAN, 1.0, quantity="value").verdict == "value"
    assert judge(1.0 + 1e-10, 1.0, quantity="value").verdict == "precision"
    assert judge(True, True, quantity="value", dtype="float64").verdict == "agree"


# -- blindness --------------------------------------------------------------------------------------------------------

BLIND: list[tuple[str, Any, bool, bool, str]] = [
    ("z**2 at a generic point", SQUARE, True, True, ""),
    ("z**2 on the real axis", holomorphic(3), True, True, "conjugation-both"),
    ("z**2 on the imaginary axis", holomorphic(3j), True, True, ""),
    ("|z|**2 at a generic point", MODULUS, False, True, ""),
    ("|z|**2 on the real axis", [[6.0, 0.0]], False, True, "conjugation"),
    ("|z|**2 with a complex type", [[6.0, 8.0], [0.0, 0.0]], True, True, "conjugation-output"),
    ("Re z as a complex number", [[1.0, 0.0], [0.0, 0.0]], True, True, "conjugation"),
    ("x as a complex number", [[1.0], [0.0]], True, False, "conjugation"),
    ("exp(ix)", [[1.0], [2.0]], True, False, ""),
    ("x**2", [[3.0]], False, False, ""),
    ("zero", [[0.0]], False, False, "sign+factor"),
    ("complex zero", np.zeros((2, 2)), True, True, "conjugation+sign+factor"),
    ("an imaginary part of rounding noise", [[6.0, 1e-17]], False, True, "conjugation"),
    ("NaN", [[NAN, NAN]], False, True, "conjugation+sign+factor"),
    ("one element shows it", [[6.0, 0, 0, 1.0]], False, True, ""),
]


@pytest.mark.parametrize(("what", "j", "out", "into", "blind"), BLIND, ids=[b[0] for b in BLIND])
def test_blind(what: str, j: Any, out: bool, into: bool, blind: str) -> None:
    assert judge(j, j, out_complex=out, in_complex=into).blind == blind


def test_a_blind_point_hides_exactly_what_it_says() -> None:
    """Apply each conjugation to J: the verdict stays `agree` if and only if the point is called blind to it."""
    for _, j, out, into, _ in BLIND:
        j = np.asarray(j, float)
        left_d = np.diag([1.0, -1.0]) if out else np.eye(j.shape[0])
        right_d = np.diag(np.repeat([1.0, -1.0], j.shape[1] // 2)) if into else np.eye(j.shape[1])
        if not np.isfinite(j).all() or not (out or into):
            continue
        blind = judge(j, j, out_complex=out, in_complex=into).blind.split("+")
        whole = out and into
        for word, other in (
            ("conjugation-both", left_d @ j @ right_d), ("conjugation-input", j @ right_d),
            ("conjugation-output", left_d @ j),
        ):
            if (word == "conjugation-input" and not into) or (word == "conjugation-output" and not out):
                continue
            hidden = "conjugation" in blind or (whole and word in blind)
            assert (judge(other, j, out_complex=out, in_complex=into).verdict in ("agree", "precision")) == hidden


def test_words_are_the_contract() -> None:
    assert VERDICTS == (
        "unsupported", "error", "crash", "timeout", "branch", "value", "agree", "precision", "nonfinite", "choice",
        "gauge", "conjugate", "sign", "factor", "part", "zero", "mismatch",
    )
    assert set(RELATIONS) == {
        "", "equal", "conjugate", "negated", "negated-conjugate", "factor", "real-part", "imag-part", "transposed",
        "adjoint", "none",
    }


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        judge([[1.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="cannot be compared"):
        judge([[1.0]], [[1.0]], in_complex=True)


def test_rounding_of_outputs_that_depend_on_nothing_stands_in_no_ratio() -> None:
    left, right = np.array([[2.0, 4.0], [1e-17, -3e-17]]), np.array([[1.0, 2.0], [0.0, 2e-17]])
    assert judge(left, right, dtype="float64").verdict == "factor"
    left[1] = 1e-3
    assert judge(left, right, dtype="float64").verdict == "mismatch"
