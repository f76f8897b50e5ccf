"""Blame by operation: emulated results of correctly rounded operations, and of planted mistakes among them."""

from __future__ import annotations

import numpy as np
import pytest

from harness.comparison.rounding import _reached
from harness.formats import DOUBLE, SINGLE, Format
from harness.model import Input
from harness.reference.steps import Rounding, rounding

#: (text, point): formulas that cancel and derivatives that are exactly zero; written with NumPy's names.
FORMULAS = (
    ("(1 - cos(x)) / x**2", 1e-4), ("(exp(x) - 1) / x", 1e-7), ("log(1 + x) / x", 1e-8), ("sqrt(1 + x) - 1", 1e-9),
    ("tanh(x) - tanh(x)", 0.7), ("sin(x)**2 + cos(x)**2", 0.4), ("(x + 1e8) - 1e8", 0.3), ("sin(x) / x", 1e-5),
    ("exp(x) * exp(-x)", 1.3), ("1 / (x + 1e-9) - 1 / x", 0.3), ("sqrt(x * x + 1) - x", 3e5),
    ("log(x + 1) - log(x)", 4e6),
)


def taken_apart(text: str, x: float, *, form: Format = DOUBLE) -> Rounding:
    found = rounding(text, [Input("x", "real", ())], {"x": np.float64(x)}, form=form)
    assert found is not None
    return found


class Dual:
    """Forward mode in NumPy's own arithmetic; `wrong` names a function whose derivative is doubled."""

    def __init__(self, value: np.floating, slope: np.floating) -> None:
        self.value, self.slope = value, slope

    def __add__(self, other: object) -> Dual:
        a, b = self, lifted(other, self)
        return Dual(a.value + b.value, a.slope + b.slope)

    def __mul__(self, other: object) -> Dual:
        a, b = self, lifted(other, self)
        return Dual(a.value * b.value, a.slope * b.value + a.value * b.slope)

    def __truediv__(self, other: object) -> Dual:
        a, b = self, lifted(other, self)
        return Dual(a.value / b.value, a.slope / b.value - a.value / b.value / b.value * b.slope)

    def __pow__(self, power: int) -> Dual:
        return Dual(self.value**power, power * self.value ** (power - 1) * self.slope)

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __sub__(self, other: object) -> Dual:
        return self + -lifted(other, self)

    def __rsub__(self, other: object) -> Dual:
        return lifted(other, self) - self

    def __rtruediv__(self, other: object) -> Dual:
        return lifted(other, self) / self

    __radd__, __rmul__ = __add__, __mul__


def lifted(x: object, like: Dual) -> Dual:
    if isinstance(x, Dual):
        return x
    kind = type(like.value)
    return Dual(kind(x), kind(0))


def forward(text: str, x: float, real: type, wrong: str = "") -> float:
    rules = {
        "sin": (np.sin, np.cos), "cos": (np.cos, lambda v: -np.sin(v)), "exp": (np.exp, np.exp),
        "log": (np.log, lambda v: 1 / v), "sqrt": (np.sqrt, lambda v: real(0.5) / np.sqrt(v)),
        "tanh": (np.tanh, lambda v: 1 - np.tanh(v) ** 2),
    }

    def make(name: str):
        value, slope = rules[name]
        return lambda d: Dual(value(d.value), slope(d.value) * d.slope * real(2 if name == wrong else 1))

    out = eval(text, {name: make(name) for name in rules} | {"x": Dual(real(x), real(1))})
    return float(out.slope)


@pytest.mark.parametrize("real", [np.float64, np.float32])
@pytest.mark.parametrize(("text", "x"), FORMULAS)
def test_faithful_operations_are_within_the_room(text: str, x: float, real: type) -> None:
    x = x if real is np.float64 or abs(x) > 1e-4 else 1e-3
    found = taken_apart(text, float(real(x)), form=SINGLE if real is np.float32 else DOUBLE)
    assert abs(forward(text, x, real) - found.slope[0][0, 0]) <= found.room[0][0, 0]


@pytest.mark.parametrize(("text", "x"), [f for f in FORMULAS if "(x)" in f[0] and f[0] not in (
    "tanh(x) - tanh(x)", "exp(x) * exp(-x)")])  # where a doubled rule cancels with itself
def test_a_doubled_derivative_inside_is_beyond_the_room(text: str, x: float) -> None:
    found = taken_apart(text, x)
    for name in ("sin", "cos", "exp", "log", "sqrt"):
        if f"{name}(x)" in text:
            got = forward(text, x, np.float64, name)
            assert abs(got - found.slope[0][0, 0]) > found.room[0][0, 0], name


@pytest.mark.parametrize(("text", "x", "blame"), [
    ("1 / (1 + exp(-x))", -750.0, "exp"), ("x * x * log(x)", 0.0, "log"), ("sqrt(maximum(x, 0)) * x", 0.0, "sqrt"),
])
def test_infinity_inside_explains_nan_and_names_its_operation(text: str, x: float, blame: str) -> None:
    found = taken_apart(text, x)
    assert found.wild[0].all() and found.blame == blame


def test_a_rewriting_is_named_where_one_is_known() -> None:
    assert taken_apart("exp(x) - 1", 1e-9).advice == "expm1"
    assert taken_apart("sin(x) / x", 1e-5).advice == "sinc"
    assert taken_apart("1 / (1 + exp(-x))", -750.0).advice == "sigmoid"


def told(found: Rounding) -> list[object]:
    arrays = (found.values, found.value_room, found.slope, found.size, found.room, found.loose, found.wild,
              found.spoilt, (found.kinked,), *found.choices)
    return [found.kinds, found.blame, found.advice, found.operations,
            *(np.asarray(x).tobytes() for part in arrays for x in part)]


@pytest.mark.parametrize("text", ["abs(x) * sin(x[::-1])", "x[0] - x[1] + sum(x ** 2)", "abs(x) - x[0] / 2.0"])
def test_operations_that_are_remembered_are_those_that_would_be_found(
    text: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same text with nothing remembered, with all of it, and at other numbers in between, at which it differs."""
    from harness.reference import operations, steps

    def ask(at: list[float]) -> list[object]:
        monkeypatch.setattr(steps, "_KEPT", {})
        found = rounding(text, [Input("x", "real", (2,))], {"x": np.array(at)}, form=DOUBLE)
        assert found is not None
        return told(found)

    monkeypatch.setattr(operations, "_KEPT", {})
    first, other, again = ask([0.0, 1.5]), ask([-0.5, 1.5]), ask([0.0, 1.5])
    assert operations._KEPT and first == again != other
    monkeypatch.setattr(operations, "_KEPT", {})
    assert ask([-0.5, 1.5]) == other


def test_what_is_remembered_counts_as_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text is refused for what it asks, not for what was asked before it."""
    from harness.reference import operations
    from harness.reference.precision import bounded, state
    from harness.reference.steps import Text

    monkeypatch.setattr(operations, "_KEPT", {})
    left = []
    for _ in range(2):
        with bounded():
            Text("sum(abs(x) ** 3)", [Input("x", "real", (3,))]).evaluate({"x": np.array([0.0, 1, 2])}, DOUBLE, None)
            left.append(state.room)
    assert left[0] == left[1] and operations._KEPT


def test_equal_singular_values_are_no_derivative_for_svd_whichever_way_they_are_left() -> None:
    """The polar factor of a rotation is smooth, by svd it is not: no column of the derivative is finite."""
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    turn[:, 1] = -turn[1, 0], turn[0, 0]
    found = rounding("sum(svd(a)[0] @ svd(a)[2])", [Input("a", "real", (2, 2))], {"a": turn}, form=DOUBLE)
    assert found is not None and found.wild[0].all() and found.blame == "svd"


@pytest.mark.parametrize(("target", "reached"), [
    ([1.0, 0.0], True), ([0.25, 0.75], True), ([0.0, 0.0], False), ([np.inf, 0.0], False), ([np.nan, 0.0], False)])
def test_choices_at_a_kink_reach_no_number_that_is_none(target: list[float], reached: bool) -> None:
    """Two slopes of one kink move a derivative by (1, 0) or (0, 1), or by a mixture of these."""
    assert _reached(np.array(target), [np.eye(2)], np.zeros(2)) == reached
