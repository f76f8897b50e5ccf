"""Limits at infinite arguments, worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.formats import DOUBLE
from harness.model import Input
from harness.reference.function import Compiled
from harness.reference.solution import solve

NAN, INF = float("nan"), float("inf")


def known(text: str, x: Any) -> tuple[Any, Any]:
    """(value, derivative) of a function of one real array."""
    z = np.asarray(x, float)
    s = solve(Compiled(text, (Input("x", "real", z.shape),)), {"x": z}, form=DOUBLE)
    return s.values[0], s.j


@pytest.mark.parametrize(("text", "x", "value", "slope"), [
    ("x * exp(x)", -INF, 0.0, [[0.0]]), ("x * sigmoid(x)", -INF, 0.0, [[0.0]]),
    ("sum(x * x / (1 + x * x))", [INF, 0.5], 1.2, [[0.0, 0.64]]), ("sqrt(x * x + 1) - x", INF, 0.0, [[0.0]]),
    ("norm(x)", [INF, 1.0], INF, [[1.0, 0.0]]), ("softmax(x)", [INF, 1.0], [1.0, 0.0], [[0.0, 0.0], [0.0, 0.0]]),
    ("arctan(x)", -INF, -np.pi / 2, [[0.0]]), ("log(1 + exp(x))", INF, INF, [[1.0]]),
])
def test_limits(text: str, x: Any, value: Any, slope: Any) -> None:
    found = known(text, x)
    np.testing.assert_allclose(found[0], value, rtol=1e-15)
    np.testing.assert_allclose(found[1], slope, rtol=1e-15)


@pytest.mark.parametrize(("text", "x"), [
    ("x - floor(x)", INF), ("sin(x)", INF), ("softmax(x)", [-INF, -INF, -INF]), ("x[0] - x[1]", [INF, INF]),
    ("max(x)", [INF, INF]), ("x * x", NAN),
])
def test_what_depends_on_the_way_has_no_limit(text: str, x: Any) -> None:
    assert np.isnan(known(text, x)[1]).all()


def test_the_value_of_a_limit_at_zero_is_zero() -> None:
    for text in ("x**2 * log(abs(x))", "x**4 / abs(x)"):
        assert known(text, 0.0)[0] == 0.0
