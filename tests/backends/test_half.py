"""Half precision on both frameworks: what goes in and out is of the format, values are those of mpmath rounded."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from harness.formats import FORMATS, HALVES
from tests.backends.tasks import FRAMEWORKS, data, make_task, observe
from tests.test_formats import nearest

X = np.array([0.5, -1.25, 2.0, 0.0625])


def asked(text: str, name: str, dtype: str, at: Any = X, **more: Any) -> Any:
    return observe(make_task(text, name, [{"x": at}], dtype=dtype, **more))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_product_is_what_its_format_makes_of_it(name: str, dtype: str) -> None:
    """x^3 at numbers whose cubes are rounded: x * x * x in two roundings or one, its slope near 3 x^2."""
    form = FORMATS[dtype]
    at = np.array([1.171875, -2.34375, 0.328125])
    found = asked("x * x * x", name, dtype, at, apis=())
    unit = form.spacing(np.abs(at**3))
    for (_, api, quantity, _, _), row in found.items():
        assert row.status == "ok", row.message
        assert row.data is not None and str(row.data.dtype) == ("float32" if dtype == "bfloat16" else "float16")
        wide = np.asarray(row.data, np.float64)
        np.testing.assert_array_equal(form.rounded(wide), wide)
        if quantity == "value":
            assert (np.abs(wide - at**3) <= 2 * unit).all()
        if quantity == "differential":
            assert (np.abs(np.diag(wide) - 3 * at**2) <= 4 * form.spacing(3 * at**2)).all(), api
            assert not wide[~np.eye(3, dtype=bool)].any()


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_values_are_those_of_mpmath_rounded(name: str, dtype: str) -> None:
    form = FORMATS[dtype]
    with mpmath.workdps(40):
        right = [nearest(float(mpmath.exp(x)), form) for x in X]
    value = np.asarray(data(asked("exp(x)", name, dtype), "p0", "", "value", "", "out"), np.float64)
    assert (np.abs(value - right) <= form.spacing(np.array(right))).all()


@pytest.mark.parametrize(("dtype", "at", "right"), [
    ("float16", [11.0, 11.1, -17.5], [nearest(float(np.exp(11.0)), FORMATS["float16"]), np.inf, 0.0]),
    ("float16", [-16.0], [nearest(float(np.exp(-16.0)), FORMATS["float16"])]),  # two units above nothing
    ("bfloat16", [11.125, 89.0], [nearest(float(np.exp(11.125)), FORMATS["bfloat16"]), np.inf]),
])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_ends_of_the_range(name: str, dtype: str, at: list[float], right: list[float]) -> None:
    form, x = FORMATS[dtype], FORMATS[dtype].rounded(np.array(at))
    found = asked("exp(x)", name, dtype, x)
    for row in (data(found, "p0", "", "value", "", "out"), np.diag(data(found, "p0", "pullback", "differential", "x",
                                                                        "out"))):
        got, want = np.asarray(row, np.float64), np.array(right)
        assert (np.isinf(got) == np.isinf(want)).all()
        known = np.isfinite(want)
        assert (np.abs(got - want)[known] <= form.spacing(np.abs(want[known]))).all()


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_api_answers_in_half(name: str) -> None:
    """Raw results are those of float64 where all numbers are short, at both halves."""
    text = "sum(x * x * w)"
    point = {"x": np.array([1.0, -2.0, 0.5]), "w": np.array([2.0, 1.0, -4.0])}
    wide = observe(make_task(text, name, [point], dtype="float64", order=2))
    for dtype in HALVES:
        narrow = observe(make_task(text, name, [point], dtype=dtype, order=2))
        assert set(narrow) == set(wide)
        for key, row in wide.items():
            assert narrow[key].status == row.status, (key, narrow[key].message)
            if row.data is not None:
                np.testing.assert_array_equal(np.asarray(narrow[key].data, np.float64), row.data, err_msg=str(key))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_is_lacking_is_a_refusal_and_no_gap(name: str) -> None:
    found = observe(make_task("inv(x)", name, [{"x": np.array([[2.0, 1.0], [0.5, 3.0]])}], dtype="bfloat16"))
    assert found and all(row.status in ("refused", "unsupported") and row.message for row in found.values())


@pytest.mark.parametrize(("layout", "dtype"), [("noncontiguous", "bfloat16"), ("noncontiguous", "float16")])
def test_layouts_in_half(layout: str, dtype: str) -> None:
    plain, strided = (observe(make_task("sum(x) * x", "torch.func", [{"x": X}], dtype=dtype, layout=word))
                      for word in ("", layout))
    for key, row in plain.items():
        np.testing.assert_array_equal(row.data, strided[key].data)


def test_other_modes_in_half() -> None:
    for name, mode in (("torch.func", "vmap"), ("torch.autograd", "vmap"), ("jax", "eager"), ("jax", "checkpoint")):
        found = asked("sin(x) * x", name, "bfloat16", mode=mode, apis=())
        assert found and all(row.status == "ok" for row in found.values()), (name, mode)
        j = np.asarray(data(found, "p0", "pullback", "differential", "x", "out"), np.float64)
        right = np.cos(X) * X + np.sin(X)
        assert (np.abs(np.diag(j) - right) <= 4 * 2.0**-8 * (np.abs(np.cos(X) * X) + np.abs(np.sin(X)))).all()
