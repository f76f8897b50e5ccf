"""Random smooth compositions: who is wrong is told by differences in mpmath with 60 digits, which share no code with
the reference. No side within the coarse tolerance of the truth is accused, and every side beyond it is."""

from __future__ import annotations

from random import Random
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from tests.comparison.emulated import Program, compared

_UNARY = ("sin({})", "cos({})", "tanh({})", "arctan({})", "exp({} / 4)", "log(2 + square({}))", "sqrt(1 + square({}))",
          "sigmoid({})", "erf({})", "arcsinh({})", "expm1({} / 3)", "reciprocal(2 + sin({}))", "sinh({} / 3)")
_BINARY = ("({} + {})", "({} - {})", "({} * {})", "({} / (3 + cos({})))")
_INNER = ("sin", "cos", "tanh", "arctan", "exp", "log", "sqrt", "sigmoid", "erf", "arcsinh", "multiply", "divide")


def composed(draw: Random, depth: int) -> str:
    if depth == 0:
        return draw.choice(("x", "y", "0.7 * x", "y / 3"))
    if draw.random() < 0.5:
        return draw.choice(_UNARY).format(composed(draw, depth - 1))
    return draw.choice(_BINARY).format(composed(draw, depth - 1), composed(draw, draw.randrange(depth)))


def truth(text: str, x: float, y: float) -> dict[str, float]:
    names = {n: getattr(mp, n) for n in ("sin", "cos", "tanh", "exp", "log", "sqrt", "erf", "sinh", "expm1")} | {
        "arctan": mp.atan, "arcsinh": mp.asinh, "square": lambda t: t * t, "reciprocal": lambda t: 1 / t,
        "sigmoid": lambda t: 1 / (1 + mp.exp(-t))}
    with mp.workdps(60):
        def at(a: Any, b: Any) -> Any:
            return eval(text.replace("0.7", "c"), {"__builtins__": {}}, names | {"x": a, "y": b, "c": mp.mpf(0.7)})

        a, b, h = mp.mpf(x), mp.mpf(y), mp.mpf(10) ** -20
        return {"x": float((at(a + h, b) - at(a - h, b)) / (2 * h)),
                "y": float((at(a, b + h) - at(a, b - h)) / (2 * h))}


def judged(seeds: range) -> tuple[int, int]:
    """(how many were accused, rightly; how many sides were judged)."""
    texts: dict[str, tuple[str, dict[str, Any]]] = {}
    wrong: dict[str, tuple[str, float]] = {}
    for seed in seeds:
        draw, name = Random(seed), f"r{seed}"
        texts[name] = composed(draw, 4), {"x": draw.uniform(-2, 2), "y": draw.uniform(-2, 2)}
        inside = [n for n in _INNER if f"{n}(" in texts[name][0]]
        if seed % 2 and inside:
            wrong[name] = draw.choice(inside), draw.choice((2.0, -1.0, 0.0, 1.001))
    frame = compared(texts, wrong=wrong)
    rows = frame[(frame["quantity"] == "differential") & (frame["right"] == "reference")]
    accused = 0
    for row in rows.itertuples(index=False):
        text, given = texts[row.case]
        side = Program(np.float64, wrong.get(row.case, ("", 1.0)) if row.left == "torch.func" else ("", 1.0))
        _, slopes = side.evaluate(text, {k: np.float64(v) for k, v in given.items()}, row.left == "jax")
        exact, got = truth(text, given["x"], given["y"])[row.input], float(slopes[row.input][0, 0])
        size = max(abs(v) for v in truth(text, given["x"], given["y"]).values())
        off = abs(got - exact)
        assert (row.culprit == row.left) or off <= 1e-7 * size, (text, given, row.left, got, exact, row.verdict)
        assert row.culprit != row.left or off > 1e-9 * abs(exact), (text, given, row.left, got, exact, row.verdict)
        accused += row.culprit == row.left
    return accused, len(rows)


def test_thirty_random_compositions() -> None:
    accused, count = judged(range(30))
    assert count >= 100 and accused >= 15


@pytest.mark.whole
def test_three_hundred_random_compositions() -> None:
    accused, count = judged(range(1000, 1300))
    assert count >= 1000 and accused >= 150
