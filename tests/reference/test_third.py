"""Third derivatives of the reference against those that mpmath takes by its own numerical differentiation in 60 digits,
and against what is known by hand at singular points."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import mpmath
import numpy as np
import pytest

from harness.formats import DOUBLE
from harness.model import Input
from harness.reference.cache import Cache
from harness.reference.function import Compiled
from harness.reference.singular import KINK, POLE, SMOOTH, UNKNOWN
from harness.reference.solution import Solution, solve
from harness.wirtinger import components


def solved(text: str, **arrays: Any) -> Solution:
    inputs = tuple(Input(k, "complex" if np.iscomplexobj(a) else "real", np.shape(a)) for k, a in arrays.items())
    return solve(Compiled(text, inputs), {k: np.asarray(a) for k, a in arrays.items()}, form=DOUBLE, order=3)


def by_mpmath(f: Callable[..., Any], at: list[float]) -> np.ndarray:
    """All third derivatives of a real function of real numbers."""
    n = len(at)
    out = np.zeros((n, n, n))
    with mpmath.workdps(60):
        for index in product(range(n), repeat=3):
            counts = tuple(index.count(k) for k in range(n))
            out[index] = float(mpmath.diff(f, tuple(mpmath.mpf(x) for x in at), counts) if n > 1
                               else mpmath.diff(f, mpmath.mpf(at[0]), 3))
    return out


Z, W = 0.5 + 2j, -1.5 + 0.25j


@pytest.mark.parametrize(("text", "arrays", "f"), [
    ("exp(x) * sin(y)", {"x": 0.7, "y": 1.1}, lambda x, y: mpmath.exp(x) * mpmath.sin(y)),
    ("sinc(x)", {"x": 0.3}, mpmath.sincpi),
    ("sum(log(x) * x[0])", {"x": [0.25, 3.0]}, lambda a, b: (mpmath.log(a) + mpmath.log(b)) * a),
    ("real(arccosh(z))", {"z": -2 + 1j}, lambda x, y: mpmath.re(mpmath.acosh(mpmath.mpc(x, y)))),
    ("abs(z)", {"z": 3 - 4j}, mpmath.hypot),
    ("real(z * z * w) + imag(w / z)", {"z": Z, "w": W},
     lambda a, b, c, d: mpmath.re(mpmath.mpc(a, b)**2 * mpmath.mpc(c, d)) + mpmath.im(
         mpmath.mpc(c, d) / mpmath.mpc(a, b))),
    ("x * 1e-200 * y**2", {"x": 1e30, "y": 2.0}, lambda x, y: x * mpmath.mpf(1e-200) * y**2),
])
def test_against_mpmath(text: str, arrays: dict[str, Any], f: Callable[..., Any]) -> None:
    s = solved(text, **arrays)
    at = np.concatenate([components(np.asarray(a)) for a in arrays.values()]).tolist()
    value, bound, kind, _, _ = s.thirds[0]
    want = by_mpmath(f, at)
    assert (kind == SMOOTH).all() and (bound <= 1e-15 * np.abs(value).max()).all()
    np.testing.assert_allclose(value, want, rtol=4e-16, atol=1e-25 * np.abs(want).max())


def test_the_array_is_that_of_the_wirtinger_derivatives() -> None:
    """L = Re(c z^3): L_zzz = 3 c and L_zzz* = 0, by the formulas of docs/mathematics.md."""
    t = solved("real((1.5-2j) * z**3)", z=Z).thirds[0][0]
    xxx, xxy, xyy, yyy = t[0, 0, 0], t[0, 0, 1], t[0, 1, 1], t[1, 1, 1]
    assert (xxx - 3 * xyy - 1j * (3 * xxy - yyy)) / 8 == 3 * (1.5 - 2j)
    assert (xxx + xyy - 1j * (xxy + yyy)) / 8 == 0
    for order in ((0, 2, 1), (1, 0, 2), (2, 1, 0)):
        np.testing.assert_array_equal(t, t.transpose(order))


@pytest.mark.parametrize(("text", "kind"), [
    ("abs(x)**3", KINK),  # -6 and 6
    ("abs(x) * x", POLE),  # the second derivative jumps
    ("abs(x)", POLE),  # though a third difference of it vanishes
    ("x**2 * abs(x)**0.5", UNKNOWN),  # grows like |x|^(-1/2)
])
def test_points_without_a_third_derivative(text: str, kind: int) -> None:
    value, bound, found, plus, minus = solved(text, x=0.0).thirds[0]
    assert np.isnan(value).all() and np.isinf(bound).all()
    assert found.item() == kind or (kind == UNKNOWN and found.item() == POLE)
    if text == "abs(x)**3":
        assert (minus.item(), plus.item()) == (-6, 6)


def test_kept_and_read_back(tmp_path: Any) -> None:
    cache, s = Cache(tmp_path), solved("real(z**3)", z=Z)
    cache.store("k" * 40, s)
    again = cache.load("k" * 40)
    assert again is not None
    for a, b in zip(s.thirds[0], again.thirds[0], strict=True):
        np.testing.assert_array_equal(a, b)
