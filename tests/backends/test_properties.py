"""Random R-linear maps and random polynomials in z and conj z come back as their exact Wirtinger pair.

Coefficients and points are small Gaussian integers, so that every product and sum is exact in double precision and
the comparison is equality. Each example is a batch of points, because jax compiles once a task.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.wirtinger import wirtinger_pair
from tests.backends.tasks import FRAMEWORKS, data, make_task, observe

POINTS = 12
EXAMPLES = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))


def gaussian(draw: Any, *shape: int) -> np.ndarray:
    n = int(np.prod(shape))
    numbers = draw(st.lists(st.integers(-9, 9), min_size=2 * n, max_size=2 * n))
    return (np.array(numbers[:n]) + 1j * np.array(numbers[n:])).reshape(shape)


@st.composite
def linear(draw: Any) -> list[dict[str, np.ndarray]]:
    return [{"z": gaussian(draw, 2), "a": gaussian(draw, 3, 2), "b": gaussian(draw, 3, 2)} for _ in range(POINTS)]


@st.composite
def polynomial(draw: Any) -> list[dict[str, np.ndarray]]:
    return [{"z": gaussian(draw, 2), "k": gaussian(draw, 4, 4)} for _ in range(POINTS)]


@pytest.mark.parametrize("name", FRAMEWORKS)
@EXAMPLES
@given(points=linear())
def test_linear_maps(name: str, points: list[dict[str, np.ndarray]]) -> None:
    found = observe(make_task("a @ z + b @ conj(z)", name, points, fixed=("a", "b"), apis=()))
    for n, p in enumerate(points):
        for api in ("pullback", "pushforward"):
            dz, dzbar = wirtinger_pair(data(found, f"p{n}", api, "differential", "z", "out"), True, True)
            np.testing.assert_array_equal(dz, p["a"])
            np.testing.assert_array_equal(dzbar, p["b"])


#: sum over p, q < 4 of k[p, q] z^p conj(z)^q, by products alone (a power may round).
POWERS = ["", "z", "z * z", "z * z * z"]
CONJUGATES = ["", "conj(z)", "conj(z) * conj(z)", "conj(z) * conj(z) * conj(z)"]
TEXT = " + ".join(
    " * ".join(part for part in (f"k[{p}, {q}]", POWERS[p], CONJUGATES[q]) if part) for p in range(4) for q in range(4)
    if p + q
)


@pytest.mark.parametrize("name", FRAMEWORKS)
@EXAMPLES
@given(points=polynomial())
def test_polynomials(name: str, points: list[dict[str, np.ndarray]]) -> None:
    found = observe(make_task(TEXT, name, points, fixed=("k",), apis=()))
    for n, point in enumerate(points):
        z, k = point["z"], point["k"]
        powers, conj = [np.ones(2), z, z * z, z * z * z], [np.ones(2), z.conj(), z.conj() ** 2, z.conj() ** 3]
        by_z = sum(p * k[p, q] * powers[p - 1] * conj[q] for p in range(1, 4) for q in range(4))
        by_conj = sum(q * k[p, q] * powers[p] * conj[q - 1] for p in range(4) for q in range(1, 4))
        for api in ("pullback", "pushforward"):
            dz, dzbar = wirtinger_pair(data(found, f"p{n}", api, "differential", "z", "out"), True, True)
            np.testing.assert_array_equal(dz, np.diag(by_z))
            np.testing.assert_array_equal(dzbar, np.diag(by_conj))
