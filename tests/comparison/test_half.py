"""Half precision is judged by its own unit and range: roundings of 8 or 11 bits accuse nobody, a mistake beside them is
named. Two frameworks in NumPy's and ml_dtypes' arithmetic (`emulated`), which rounds after every operation."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from harness.comparison import compare_tables
from harness.comparison.judge import judge
from harness.comparison.tolerance import narrowed, tolerances
from harness.formats import FORMATS, HALVES
from harness.model import Expectation, Tolerance
from tests.comparison.build import Table, case, header
from tests.comparison.emulated import compared
from tests.comparison.test_formulas import EVERY, SHORT, named, told

INF, NAN = np.inf, np.nan
#: Texts with numbers beyond the range of float16: their infinities are the formula's, and are said.
_LARGE = re.compile(r"e1?\d|x\*\*4|sqrt\(x \* x|arcsinh")
#: What `emulated` has lost all digits of at the point, as frameworks have: rightly accused.
_LOST = re.compile(r"1 - tanh\(x\)\*\*2")


def nobody(chosen: Any, dtype: str, fused: bool = False) -> None:
    left_out = [_LOST] if dtype == "bfloat16" else [_LARGE]
    texts = named([c for c in chosen if not any(p.search(c[0]) for p in left_out)], single=True)
    frame = compared(texts, dtype=dtype, fused=fused)
    wrong = frame[~frame["culprit"].isin(["", "formula"]) | frame["surprising"]]
    assert wrong.empty, told(wrong, texts)
    assert len(frame) >= 6 * len(texts)


@pytest.mark.parametrize("dtype", HALVES)
def test_nobody_is_accused_of_a_formula_in_half(dtype: str) -> None:
    nobody(SHORT, dtype)


@pytest.mark.whole
@pytest.mark.parametrize("dtype", HALVES)
def test_nobody_is_accused_of_any_formula_in_half(dtype: str) -> None:
    nobody(EVERY, dtype)


def test_a_side_that_rounds_once_and_one_that_rounds_every_step_differ_by_rounding() -> None:
    nobody(SHORT, "bfloat16", fused=True)


@pytest.mark.whole
@pytest.mark.parametrize("dtype", HALVES)
def test_so_do_all_formulas(dtype: str) -> None:
    nobody(EVERY, dtype, fused=True)


#: (text, inputs, operation whose local derivative is wrong)
MISTAKES: tuple[tuple[str, dict[str, Any], str], ...] = tuple(
    (text, inputs, name) for text, inputs, names in (
        ("x * exp(-x * x)", {"x": 0.75}, ("exp", "multiply")), ("log(1 + exp(x))", {"x": 0.5}, ("log", "exp", "add")),
        ("sin(x) * x", {"x": 0.5}, ("sin",)), ("tanh(x) * x", {"x": 0.75}, ("tanh",)),
        ("sqrt(x * x + 1)", {"x": 1.5}, ("sqrt",)), ("x * sigmoid(x)", {"x": -1.0}, ("sigmoid",)),
        ("softmax(x) @ v", {"x": [0.5, -1.0, 0.25], "v": [1.0, -2.0, 3.0]}, ("softmax", "matmul")),
        ("log_softmax(x) @ v", {"x": [0.5, -1.0, 0.25], "v": [1.0, 0.0, 0.0]}, ("log_softmax",)),
        ("x / norm(x)", {"x": [0.5, -1.0, 0.25]}, ("norm", "divide")), ("erf(x) * x", {"x": 0.75}, ("erf",)),
        ("logsumexp(x) - x[1]", {"x": [0.5, -1.0, 0.25]}, ("logsumexp",)), ("exp(x)", {"x": 0.75}, ("exp",)),
        ("mean(x * x) * x", {"x": [0.5, -1.0, 0.25]}, ("mean",)),
    ) for name in names)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("by", [2.0, -1.0, 0.0, 0.5])
def test_a_mistake_is_named_in_half(dtype: str, by: float) -> None:
    texts = {f"f{k}": (text, inputs) for k, (text, inputs, _) in enumerate(MISTAKES)}
    frame = compared(texts, dtype=dtype, wrong={f"f{k}": (name, by) for k, (_, _, name) in enumerate(MISTAKES)})
    derived = frame[(frame["quantity"] == "differential")]
    own = derived[derived["left"] == "jax"]
    assert set(own["culprit"]) <= {"", "formula"}, told(own, texts)
    judged = derived[(derived["left"] == "torch.func") & (derived["right"] == "reference")]
    found = judged[(judged["culprit"] == "torch.func") & judged["surprising"]]
    missed = [MISTAKES[int(case[1:])] for case in texts if case not in set(found["case"])]
    assert not missed, missed


@pytest.mark.parametrize("dtype", HALVES)
def test_tolerances_are_those_of_the_format(dtype: str) -> None:
    form, tol = FORMATS[dtype], tolerances(dtype)
    assert (tol.eps, tol.fine, tol.coarse) == (form.eps, form.eps**0.75, form.eps**0.5) and tol.rounding == 4 * form.eps
    assert tolerances(dtype, Tolerance(1e-12, 1e-9)) == tol  # what a case says is said of single and double precision
    assert tolerances(dtype, Tolerance(0.5, 0.5)).fine == 0.5
    assert tol.tiny == (2.0**-126 if dtype == "bfloat16" else tol.coarse * 2.0**-14)


@pytest.mark.parametrize(("dtype", "left", "right", "verdict"), [
    ("bfloat16", 1.0, 1 + 2.0**-7, "agree"), ("bfloat16", 1.0, 1 + 6 * 2.0**-7, "precision"),
    ("bfloat16", 1.0, 1 + 14 * 2.0**-7, "mismatch"), ("float16", 1.0, 1 + 12 * 2.0**-7, "mismatch"),
    ("float16", 1.0, 1 + 2.0**-8, "agree"), ("float16", 1.0, 1 + 2.0**-6, "precision"), ("bfloat16", 1.0, 0.0, "zero"),
    ("float16", 20 * 2.0**-24, 21 * 2.0**-24, "precision"),  # below the normal numbers, a unit apart
    ("float16", 200 * 2.0**-24, 260 * 2.0**-24, "mismatch"), ("bfloat16", 2.0**-130, 0.0, "precision"),
])
def test_a_pair_of_numbers(dtype: str, left: float, right: float, verdict: str) -> None:
    assert judge(np.array([[left, 3.3]]).T, np.array([[right, 3.3]]).T, dtype=dtype).verdict == verdict


def test_ulps_are_counted_in_the_format() -> None:
    for dtype, unit in (("bfloat16", 2.0**-7), ("float16", 2.0**-10)):
        assert judge(np.array([[1.0]]), np.array([[1 + 3 * unit]]), dtype=dtype).ulp == 3.0


def test_an_expectation_of_no_dtype_is_owed_in_single_and_double_alone() -> None:
    """It covers what it speaks of in half precision too, but nothing is wrong where that does not happen there."""
    names, stated = ("torch.func", "jax"), Expectation(("sign",), "it was so once", backends=("torch.func", "jax"))
    for dtype, by, surprising in (("float64", 1, True), ("float16", 1, False), ("float16", -1, False)):
        table = Table()
        for name in names:
            table.add(name, "value", np.ones(()), dtype=dtype)
            j = np.array([[2.0 * (by if name == "jax" else 1)]])
            table.add(name, "differential", j, api="pullback", dtype=dtype)
        one = case(kind="real", expect=(stated,), dtypes=(dtype,))
        frame = compare_tables([table.frame()], [header(*names)], [[one]], "backend")
        assert bool(frame["surprising"].any()) == surprising, (dtype, by)


@pytest.mark.parametrize("fused", [False, True])
def test_a_square_beyond_the_range_is_the_formulas(fused: bool) -> None:
    """300^2 is no number of float16: -1 in place of -5.6e-6 is nobody's, be the square kept in more bits or not."""
    frame = compared({"f": ("sqrt(x * x + 1) - x", {"x": 300.0})}, dtype="float16", fused=fused)
    assert set(frame["culprit"]) <= {"", "formula"} and "formula" in set(frame["culprit"])
    frame = compared({"f": ("sqrt(x * x + 1) - x", {"x": 30.0})}, dtype="float16", wrong={"f": ("sqrt", -1.0)})
    assert "torch.func" in set(frame["culprit"])


def test_what_the_range_does_not_hold_is_an_infinity() -> None:
    exact = np.array([65519.0, 65520.0, 1e6, 3.4e38, -65520.0, NAN])
    np.testing.assert_array_equal(narrowed(exact, tolerances("float16")), [65519.0, INF, INF, INF, -INF, NAN])
    np.testing.assert_array_equal(narrowed(exact, tolerances("bfloat16")), [*exact[:3], INF, *exact[4:]])
