"""Formats, samples, the truth over the whole range, and errors in ulp, each against another computation of it."""

from __future__ import annotations

from fractions import Fraction

import ml_dtypes
import mpmath
import numpy as np
import pytest

from harness.formats import DTYPES, FORMATS
from harness.pointwise import everywhere
from harness.pointwise.truth import Reference
from harness.sweep import errors
from harness.sweep.points import SECTORS, Sampler, constants_of

NUMPY = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_rounds_and_steps_as_its_numbers_do(name: str) -> None:
    form, kind = FORMATS[name], NUMPY[name]
    rng = np.random.default_rng(5)
    x = np.concatenate([
        np.ldexp(rng.uniform(-2, 2, 400), rng.integers(form.low - form.digits, form.high, 400)),
        [0.0, form.smallest, form.tiny, form.largest, -form.largest],
    ])
    with np.errstate(over="ignore"):
        want = x.astype(kind)
    mine = form.rounded(x)
    np.testing.assert_array_equal(mine, want.astype(np.float64))
    inside = np.abs(mine) < form.largest
    for step in (1, -1):
        toward = np.full(want.shape, np.inf * step).astype(kind)
        want_next = np.nextafter(want, toward, where=inside, out=want.copy())[inside]
        np.testing.assert_array_equal(
            form.next(mine, np.full(x.size, step))[inside], want_next.astype(np.float64))
    assert float(ml_dtypes.finfo(kind).max) == form.largest
    assert float(ml_dtypes.finfo(kind).smallest_subnormal) == form.smallest


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_every_number_of_a_half_precision(name: str) -> None:
    numbers = FORMATS[name].every()
    assert numbers.size == 1 << 16
    want = np.arange(1 << 16, dtype=np.uint16).view(NUMPY[name]).astype(np.float32)
    np.testing.assert_array_equal(numbers, want)


@pytest.mark.parametrize("name", ["complex128", "complex64", "float64", "bfloat16"])
def test_strata_fill_every_binade_and_sector_alike(name: str) -> None:
    form = DTYPES[name]
    sampler = Sampler(form, not name.startswith("complex"))
    cells = 2 if sampler.is_real else SECTORS
    points = sampler.strata(sampler.binades.size * cells)
    np.testing.assert_array_equal(form.rounded(points.real), points.real)
    e, counts = np.unique(np.frexp(np.abs(points))[1] - 1, return_counts=True)
    middle = (e > form.low) & (e < form.high)  # the moduli of the subnormals are coarse, the largest ones are clipped
    assert middle.sum() == form.high - form.low - 1
    assert (counts[middle] >= cells - 1).all() and (counts[middle] <= cells + 2).all()


def test_numbers_written_in_a_text_are_looked_at() -> None:
    assert set(constants_of("where(x > 2.0**300, x, 1/3 - x)")) >= {2.0**300, -(2.0**300), 1 / 3, -1 / 3}
    x = Sampler(DTYPES["float64"], True).structured(constants_of("x > 0.7"))
    assert {0.7, np.nextafter(0.7, 1), np.nextafter(0.7, 0), -0.7} <= set(x.tolist())
    z = Sampler(DTYPES["complex128"], False).structured()
    assert ((z.real < 0) & (z.imag == 5e-324)).any() and ((z.imag == 0) & np.signbit(z.imag)).any()
    assert np.isfinite(z).all()


#: text -> derivative at a real or complex mpmath number
DERIVATIVES = {
    "exp(z)": mpmath.exp, "arctan(z)": lambda z: 1 / (1 + z * z), "log(z)": lambda z: 1 / z,
    "sqrt(z)": lambda z: 1 / (2 * mpmath.sqrt(z)), "sin(z)": mpmath.cos,
}


@pytest.mark.parametrize("text", DERIVATIVES)
def test_the_truth_over_the_whole_range(text: str) -> None:
    points = Sampler(DTYPES["complex128"], False, seed=2).strata(400)[::4]
    points = points[(points.real != 0) & (points.imag != 0) & (np.abs(points) < 1e200 if text == "sin(z)" else True)]
    truth = everywhere.at(Reference(text, "z"), points)
    assert truth.slope_known.all() and truth.value_known.all()
    with mpmath.workprec(3000):
        for k, z in enumerate(points.tolist()):
            d = DERIVATIVES[text](mpmath.mpc(z.real, z.imag))
            size = abs(d)
            for row, column, want in ((0, 0, d.real), (0, 1, -d.imag), (1, 0, d.imag), (1, 1, d.real)):
                high = truth.slope[k, row, column]
                if np.isinf(high):
                    assert abs(want) > mpmath.mpf(2) ** 1023 and (want > 0) == (high > 0)
                    continue
                got = Fraction(high) + Fraction(truth.slope_low[k, row, column])
                off = abs(mpmath.mpf(got.numerator) / got.denominator - want)
                assert off <= max(size * mpmath.mpf(2) ** -57, mpmath.mpf(2) ** -1074)


def test_a_number_next_to_a_branch_point_is_seen_from_near_enough() -> None:
    z = np.array([1 + 5e-324j, np.nextafter(1, 2) + 0j, -1 + 1e-300j])
    truth = everywhere.at(Reference("arccosh(z)", "z"), z)
    assert truth.slope_known.all()
    with mpmath.workprec(3000):
        for k, p in enumerate(z.tolist()):
            w = mpmath.mpc(p.real, p.imag)
            d = 1 / (mpmath.sqrt(w - 1) * mpmath.sqrt(w + 1))
            assert complex(truth.slope[k, 0, 0], truth.slope[k, 1, 0]) == pytest.approx(complex(d), rel=1e-15)


def test_steps_of_size_one_are_seen_at_huge_numbers() -> None:
    """floor(x) x has the slope floor(x) at every x that is no integer and none at the others, however large x is."""
    x = np.array([1e40, -1.7e300, 2.0**60 + 2.0**8, 1234.5])
    truth = everywhere.at(Reference("floor(x) * x", "x", is_real=True), x)
    assert truth.slope_known.tolist() == [False, False, False, True]
    assert truth.slope[3, 0, 0] == 1234
    around = everywhere.around(Reference("x - trunc(x)", "x", is_real=True), x[:1])
    assert around.slope_known.all() and (around.slope == 1).all()


def test_both_limits_at_a_cut_are_right_and_nothing_else_is() -> None:
    points = np.array([-4 + 0j, complex(-4, -0.0)])
    reference = Reference("sqrt(z)", "z")
    exact = everywhere.at(reference, points)
    assert not exact.slope_known.any()
    limits = errors.Limits.of(np.arange(2), everywhere.around(reference, points))
    form = DTYPES["complex128"]

    def off(slope: complex, value: complex) -> list[float]:
        j = np.array([[[slope.real, -slope.imag], [slope.imag, slope.real]]] * 2)
        v = np.array([[value.real, value.imag]] * 2)
        return [*errors.value_errors(form, v, exact, limits), *errors.slope_errors(form, j, exact, limits, v)[0]]

    assert max(off(-0.25j, 2j)) <= 0.5 and max(off(0.25j, -2j)) <= 0.5
    assert min(off(0.25, 2)) > 1e15


def test_a_kink_is_anything_between_its_slopes() -> None:
    reference = Reference("abs(x)", "x", is_real=True)
    zero = np.zeros(1)
    exact = everywhere.at(reference, zero)
    limits = errors.Limits.of(np.arange(1), everywhere.around(reference, zero))
    form = DTYPES["float64"]
    for slope, wrong in ((0.0, False), (1.0, False), (-1.0, False), (0.3, False), (1.5, True), (np.nan, True)):
        error = errors.slope_errors(form, np.array([[[slope]]]), exact, limits, zero)[0]
        assert bool(error[0] > 1e10) is wrong, slope


@pytest.mark.parametrize(("name", "true", "mine", "error"), [
    ("float64", 1.0, 1.0 + 2.0**-52, 1.0), ("float64", 1.5, np.nan, np.inf), ("float64", 1.0, np.inf, np.inf),
    ("float64", np.inf, np.inf, 0.0), ("float64", -np.inf, np.inf, np.inf), ("float32", 1e39, np.inf, 0.0),
    ("float32", 1e39, 1.0, None), ("float32", 1e-50, 0.0, 0.0), ("float64", 1e-310, 0.0, 1e-310 / 2.0**-1022),
    ("float64", 1e-300, 0.0, 1e-300 / np.spacing(1e-300)), ("float16", 1e-6, 0.0, 1e-6 / 2.0**-24),
    ("bfloat16", 1.0, 1.0 + 2.0**-7, 1.0),
])
def test_errors_in_ulp(name: str, true: float, mine: float, error: float | None) -> None:
    form = DTYPES[name]
    exact = everywhere.Exact(
        np.array([[true]]), np.zeros((1, 1)), np.ones(1, bool), np.array([[[true]]]), np.zeros((1, 1, 1)),
        np.ones(1, bool))
    told = errors.value_errors(form, np.array([[mine]]), exact, None)[0]
    slope = errors.slope_errors(form, np.array([[[mine]]]), exact, None, np.zeros(1))[0][0]
    assert slope == told
    if error is None:
        assert told > 1e6
    else:
        assert told == pytest.approx(error, rel=1e-9, abs=1e-6)
