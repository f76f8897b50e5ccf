"""Formulas that cancel and identities whose derivative vanishes: nobody is accused; a mistake inside of one is named.

The two frameworks are NumPy's arithmetic (`emulated`), faithful to the last place or wrong in one local derivative.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.comparison.emulated import compared

X3, V3, Y3 = [0.3, -1.2, 2.1], [0.1, 0.2, 0.3], [1.1, 0.4, -0.9]

#: (text, inputs in double, inputs in single or None for the same)
CANCELLING: tuple[tuple[str, dict[str, Any], dict[str, Any] | None], ...] = tuple(
    (text, {"x": x}, {"x": single}) for text, x, single in (
        ("(1 - cos(x)) / x**2", 1e-4, 1e-2), ("(exp(x) - 1) / x", 1e-7, 1e-3), ("log(1 + x) / x", 1e-8, 1e-3),
        ("sqrt(1 + x) - 1", 1e-9, 1e-4), ("sin(x) / x", 1e-5, 1e-2), ("(x - sin(x)) / x**3", 1e-3, 0.05),
        ("(tan(x) - x) / x**3", 1e-3, 0.05), ("(x + 1e8) - 1e8", 0.3, 0.3), ("1 / (x + 1e-9) - 1 / x", 0.3, 0.3),
        ("sqrt(x * x + 1) - x", 3e5, 300.0), ("log(x + 1) - log(x)", 4e6, 2e3),
        ("(exp(x) + exp(-x)) / 2 - 1", 1e-5, 1e-2),
        ("(exp(x) - exp(-x)) / (x + x)", 1e-6, 1e-2), ("1 - tanh(x)**2", 3.0, 3.0),
        ("sqrt(x + 1) - sqrt(x)", 1e9, 1e4),
        ("arctan(x + 1) - arctan(x)", 1e5, 300.0), ("x**2 - (x - 1e-6) * (x + 1e-6)", 0.8, 0.8),
        ("(1 / (1 - x) - 1 / (1 + x)) / x", 1e-7, 1e-3), ("log((1 + x) / (1 - x))", 1e-9, 1e-4),
        ("exp(x) - exp(x * (1 + 1e-9))", 1.2, 1.2), ("(sqrt(4 + x) - 2) / x", 1e-9, 1e-4),
        ("sin(x + 1e-7) - sin(x)", 0.9, 0.9), ("(x - log(1 + x)) / x**2", 1e-6, 1e-2),
        ("1e16 * (x - x * (1 - 1e-16))", 0.7, 0.7), ("sinh(x) - cosh(x)", 17.0, 8.0), ("(1 - exp(-x)) / x", 1e-9, 1e-4),
        ("log(cosh(x))", 1e-6, 1e-3), ("(1 + x)**2 - 1 - 2 * x", 1e-7, 1e-3), ("erf(x) - erf(x - 1e-9)", 0.4, 0.4),
        ("arcsinh(x) - log(2 * x)", 1e5, 300.0), ("x * (sqrt(x * x + 1) - x)", 1e5, 300.0),
        ("1 / sqrt(x) - 1 / sqrt(x + 1e-6)", 2.0, 2.0), ("(3 * x**4 - 1) - (3 * x**4 - 2)", 40.0, 40.0),
    ))
IDENTITIES: tuple[tuple[str, dict[str, Any], dict[str, Any] | None], ...] = tuple(
    (text, inputs, None) for text, inputs in (
        ("tanh(x) - tanh(x)", {"x": 0.7}), ("sin(x)**2 + cos(x)**2", {"x": 0.4}), ("exp(x) * exp(-x)", {"x": 1.3}),
        ("log(exp(x)) - x", {"x": 2.2}), ("exp(log(x)) / x", {"x": 3.1}), ("cosh(x)**2 - sinh(x)**2", {"x": 2.5}),
        ("sum(softmax(x))", {"x": X3}), ("sum(softmax(x * 3))", {"x": X3}), ("logsumexp(log_softmax(x))", {"x": X3}),
        ("sum(x - mean(x))", {"x": X3}), ("(x - mean(x)) @ v", {"x": X3, "v": [0.3, 0.3, 0.3]}),
        ("softmax(x) @ v", {"x": X3, "v": [0.3, 0.3, 0.3]}), ("log_softmax(x) @ v", {"x": [0.1, 0.1, 0.1], "v": V3}),
        ("norm(x / norm(x))", {"x": X3}), ("sum((x / norm(x))**2)", {"x": X3}), ("x / x + x - x", {"x": 0.9}),
        ("1.5e10 * (1 - x / x) + x", {"x": 0.2345}), ("sqrt(x * x) / x", {"x": 1.7}),
        ("sigmoid(x) + sigmoid(-x)", {"x": 0.9}), ("tan(arctan(x)) - x", {"x": 1.9}),
        ("sin(arcsin(x)) - x", {"x": 0.3}),
        ("expm1(x) + 1 - exp(x)", {"x": 0.6}), ("log1p(x) - log(1 + x)", {"x": 0.6}), ("square(x) - x * x", {"x": 1.9}),
        ("reciprocal(x) * x", {"x": 2.9}), ("(x + y) - (y + x)", {"x": 0.3, "y": 0.7}),
        ("(x + y)**2 - x**2 - 2 * x * y - y**2", {"x": 0.3, "y": 0.7}), ("x * y / y - x", {"x": 1.3, "y": 0.7}),
        ("tanh(0.3 * x + y) - tanh(y + 0.3 * x) + y", {"x": 0.7, "y": 0.2}), ("logsumexp(x + y) - logsumexp(x) - y", {
            "x": X3, "y": 0.8}),
        ("sum(log_softmax(x) - log_softmax(x + 2))", {"x": X3}), ("mean(x - mean(x))", {"x": X3}),
        ("(x / norm(x)) @ (x / norm(x))", {"x": X3}), ("x @ v - v @ x", {"x": X3, "v": V3}),
    ))
EVERY = CANCELLING + IDENTITIES
SHORT = (*CANCELLING[::4], *IDENTITIES[::5])


def named(chosen: Any, *, single: bool = False) -> dict[str, tuple[str, dict[str, Any]]]:
    return {f"f{k}": (text, narrow if single and narrow else wide) for k, (text, wide, narrow) in enumerate(chosen)}


def told(frame: pd.DataFrame, chosen: dict[str, Any]) -> str:
    shown = frame[["case", "quantity", "input", "left", "right", "verdict", "culprit", "note"]]
    return shown.assign(text=[chosen[c][0] for c in frame["case"]]).to_string()


def nobody(chosen: Any, single: bool) -> None:
    texts = named(chosen, single=single)
    frame = compared(texts, single=single)
    wrong = frame[~frame["culprit"].isin(["", "formula"]) | frame["surprising"]]
    assert wrong.empty, told(wrong, texts)
    assert len(frame) >= 6 * len(texts)


@pytest.mark.parametrize("single", [False, True])
def test_nobody_is_accused_of_a_formula(single: bool) -> None:
    nobody(SHORT, single)


@pytest.mark.whole
@pytest.mark.parametrize("single", [False, True])
def test_nobody_is_accused_of_any_formula(single: bool) -> None:
    assert 2 * len(EVERY) >= 100
    nobody(EVERY, single)


#: (text, inputs, operation whose local derivative is wrong, by what factor)
MISTAKES: tuple[tuple[str, dict[str, Any], str, float], ...] = tuple(
    (text, {"x": x}, name, by) for text, x, names in (
        ("(1 - cos(x)) / x**2", 1e-2, ("cos", "subtract", "divide")), ("(exp(x) - 1) / x", 1e-3, ("exp", "divide")),
        ("log(1 + x) / x", 1e-4, ("log", "add")), ("sqrt(1 + x) - 1", 1e-6, ("sqrt", "subtract")),
        ("sin(x) / x", 1e-2, ("sin", "divide")), ("(x - sin(x)) / x**3", 0.05, ("sin", "power")),
        ("sqrt(x * x + 1) - x", 3e3, ("sqrt", "multiply")), ("log(x + 1) - log(x)", 1e3, ("log",)),
        ("1 - tanh(x)**2", 9.0, ("tanh", "power")), ("sin(x + 1e-7) - sin(x)", 0.9, ("sin",)),
        ("sin(x)**2 + cos(x)**2", 0.4, ("sin", "cos")), ("cosh(x)**2 - sinh(x)**2", 2.5, ("cosh", "sinh")),
        ("log(exp(x)) - x", 2.2, ("exp", "log")), ("tan(arctan(x)) - x", 1.9, ("tan", "arctan")),
        ("(x + 1e8) - 1e8", 0.3, ("add", "subtract")), ("expm1(x) + 1 - exp(x)", 0.6, ("expm1", "exp")),
        ("log(cosh(x))", 1e-3, ("log", "cosh")),
    ) for name in names for by in ((2.0, -1.0) if name not in ("log",) or "cosh" in text else (2.0,))
)


def all_named(chosen: Any) -> None:
    texts = {f"f{k}": (text, inputs) for k, (text, inputs, _, _) in enumerate(chosen)}
    frame = compared(texts, wrong={f"f{k}": (name, by) for k, (_, _, name, by) in enumerate(chosen)})
    judged = frame[(frame["quantity"] == "differential") & (frame["left"] == "torch.func")]
    missed = judged[(judged["culprit"] != "torch.func") | ~judged["surprising"]]
    assert missed.empty, told(missed, texts)
    own = frame[(frame["quantity"] == "differential") & (frame["left"] == "jax")]
    assert set(own["culprit"]) <= {"", "formula"}, told(own, texts)


def test_a_mistake_inside_of_a_formula_is_named() -> None:
    all_named(MISTAKES[::6])


@pytest.mark.whole
def test_every_mistake_inside_of_a_formula_is_named() -> None:
    assert len(MISTAKES) >= 60
    all_named(MISTAKES)
