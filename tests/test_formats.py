"""The formats: rounding against exact fractions, and against NumPy's own types where it has them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from harness.formats import DTYPES, FORMATS, HALVES, Format, holder
from harness.model import as_held, concrete_dtype

INF = np.inf


def nearest(x: float, form: Format) -> float:
    """The number of a format nearest to a double, ties to even: by fractions, which round nowhere."""
    exact = abs(Fraction(x))
    power = form.low
    while Fraction(2) ** (power + 1) <= exact:
        power += 1
    unit = Fraction(2) ** (power - form.digits + 1)
    whole, rest = divmod(exact, unit)
    whole += 2 * rest > unit or (2 * rest == unit and whole % 2 == 1)
    found = whole * unit
    size = INF if found >= Fraction(2) ** (form.high + 1) else float(found)
    return float(np.copysign(size, x))


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32"])
def test_rounding_is_to_the_nearest_and_of_ties_to_the_even_one(name: str) -> None:
    form = FORMATS[name]
    rng = np.random.default_rng(3)
    numbers = form.every()[:1 << 15].astype(np.float64) if form.half else rng.standard_normal(2000).astype(
        np.float32).astype(np.float64)
    numbers = rng.choice(numbers[np.isfinite(numbers)], 400)
    numbers = np.concatenate([numbers, [0.0, -0.0, form.smallest, form.tiny, form.largest, -form.largest]])
    half = np.where(np.abs(numbers) < form.tiny, form.smallest, form.unit(numbers)) / 2
    near = np.concatenate([numbers + half, np.nextafter(numbers + half, INF), np.nextafter(numbers + half, -INF)])
    np.testing.assert_array_equal(form.rounded(near), [nearest(float(x), form) for x in near])
    assert form.rounded(np.array([INF, -INF])).tolist() == [INF, -INF]
    assert np.isnan(form.rounded(np.array([np.nan]))).all() and np.signbit(form.rounded(np.array([-0.0]))).all()


def test_a_number_next_to_a_tie_is_rounded_once() -> None:
    """By way of single precision 1 + 2^-8 + 2^-40 would be a tie, and go down."""
    form = FORMATS["bfloat16"]
    assert form.rounded(np.array([1 + 2.0**-8, 1 + 2.0**-8 + 2.0**-40, 1 + 3 * 2.0**-8])).tolist() == [
        1.0, 1 + 2.0**-7, 1 + 2.0**-6]


@pytest.mark.parametrize(("name", "largest", "smallest", "eps"), [
    ("float16", 65504.0, 2.0**-24, 2.0**-10), ("bfloat16", (2 - 2.0**-7) * 2.0**127, 2.0**-133, 2.0**-7),
    ("float32", float(np.finfo(np.float32).max), 2.0**-149, 2.0**-23),
    ("float64", float(np.finfo(np.float64).max), 2.0**-1074, 2.0**-52),
])
def test_range_and_unit(name: str, largest: float, smallest: float, eps: float) -> None:
    form = FORMATS[name]
    assert (form.largest, form.smallest, form.eps) == (largest, smallest, eps)
    unit = 2.0**form.high * eps
    if name != "float64":
        assert form.rounded(np.array([largest + unit / 2, largest + unit / 4])).tolist() == [INF, largest]
    np.testing.assert_array_equal(form.spacing(np.array([1.0, 0.0, form.tiny, largest / 2])), [
        eps, smallest, smallest, unit / 2])
    assert not form.half or form.spacing(np.array([largest]))[0] == unit
    assert np.isnan(form.spacing(np.array([INF, np.nan]))).all()


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_spacing_is_numpys(name: str) -> None:
    x = np.abs(np.ldexp(np.random.default_rng(1).standard_normal(200), np.random.default_rng(2).integers(-20, 12, 200)))
    np.testing.assert_array_equal(FORMATS[name].spacing(x), np.spacing(x.astype(name)))


def test_arrays_of_a_case_are_held_as_its_dtype_has_them() -> None:
    x = np.array([0.1, 1 + 2.0**-8 + 2.0**-40, 70000.0, 1e39, 1e-6])
    half, brain = (as_held(x, "real", word) for word in HALVES[::-1])
    assert half.dtype == np.float16 and half[2:4].tolist() == [INF, INF] and float(half[4]) == 17 * 2.0**-24
    assert brain.dtype == np.float32 and brain.tolist()[1:4] == [1 + 2.0**-7, 70144.0, INF]
    assert as_held(np.arange(3), "integer", "bfloat16").dtype == np.int64
    assert [str(concrete_dtype("complex", word)) for word in ("float32", "complex128")] == ["complex64", "complex128"]
    assert [holder(word) for word in ("bfloat16", "float16", "int64")] == ["float32", "float16", "int64"]
    assert list(DTYPES)[:2] == list(HALVES)
