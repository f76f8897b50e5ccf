"""Shared point sets, and the ways to use them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.cases import catalogue_path, load, point_arrays
from harness.cases.pointsets import PointSet, read_sets
from harness.model import Case

Make = Callable[..., Case]

SETS = """\
sets:
  mine:
    description: two points
    kind: complex
    points:
      a: [1, 2j, -1-0j]
      b: {sample: unit-circle, seed: 1}
  reals: {description: one, kind: real, points: {r: [-0.0, 3]}}
"""


@pytest.fixture
def shared(tmp_path: Path, one: Make) -> Make:
    (tmp_path / "points.yaml").write_text(SETS)
    return one


def test_cycle_through_any_shape(shared: Make) -> None:
    z = shared("[mine]", '{z: "complex[2,2]"}').points[0].arrays["z"]
    assert z.tolist() == [[1, 2j], [-1, 1]]
    assert np.signbit(z[1, 0].imag)
    assert shared("[mine]", "{z: complex}").points[0].arrays["z"].shape == ()


def test_second_input_starts_one_later(shared: Make) -> None:
    case = shared("[mine]", '{z: "complex[3]", w: "complex[3]"}', function="z * w")
    a, b = case.points
    assert a.arrays["z"].tolist() == [1, 2j, -1] and a.arrays["w"].tolist() == [2j, -1, 1]
    assert not np.array_equal(b.arrays["z"], b.arrays["w"])
    assert np.allclose(np.abs(b.arrays["w"]), 1)


def test_reference_with_everything(shared: Make) -> None:
    case = shared(
        "[{set: mine, for: w, with: {z: 5}, only: a, layout: noncontiguous, note: why}, {p: {z: 1, w: 2}}]",
        '{z: "complex[2]", w: "complex[2]"}', function="z * w",
    )
    a, p = case.points
    assert (a.name, a.layout, a.note) == ("a", "noncontiguous", "why")
    assert a.arrays["w"].tolist() == [1, 2j] and a.arrays["z"].tolist() == [5, 5]
    assert p.name == "p" and p.layout == ""


def test_defaults_stand_in_for_the_others(shared: Make) -> None:
    case = shared("[mine]", '{z: "complex[2]", x: {type: "real[2]", value: [3, 4]}}', function="z * x")
    assert [p.arrays["x"].tolist() for p in case.points] == [[3, 4], [3, 4]]


def test_real_set_for_a_complex_input(shared: Make) -> None:
    z = shared("[{set: reals, for: z}]", '{z: "complex[2]"}').points[0].arrays["z"]
    assert z.dtype == np.complex128 and np.signbit(z[0].real) and not np.signbit(z.imag).any()


def test_except(shared: Make) -> None:
    assert [p.name for p in shared('[{set: mine, except: "a*"}]').points] == ["b"]


def test_shipped_sets_are_seen_from_anywhere(one: Make) -> None:
    assert [p.name for p in one("[zero]").points] == ["zero", "zero-below", "zero-left", "zero-left-below"]


def test_nearest_file_wins(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "points.yaml").write_text(SETS.replace("a: [1", "outer: [1"))
    (tmp_path / "a" / "points.yaml").write_text(SETS)
    (inner / "c.yaml").write_text("cases:\n  - {id: c, function: z, inputs: {z: complex}, points: [mine]}\n")
    (case,) = load([inner / "c.yaml"])
    assert [p.name for p in case.points] == ["a", "b"]
    assert case.family == "b/c"


# ---- the shipped sets ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> dict[str, PointSet]:
    path = catalogue_path() / "points.yaml"
    return read_sets(path, str(path))


def numbers(point_set: PointSet, point: str) -> np.ndarray:
    return point_set.array(point, point_set.kind, (7,), "z", 0)


def test_signed_zeros_of_the_cuts(shipped: dict[str, PointSet]) -> None:
    """Above a cut along the real axis the imaginary part is +0, below it -0; likewise for cuts along the other axis."""
    for name in ("negative-axis", "right-cut", "left-cut", "unit-interval", "real-valued"):
        for point in shipped[name].points:
            z = numbers(shipped[name], point)
            if "just" in point:
                assert (z.imag > 0).all() if "above" in point else (z.imag < 0).all()
            else:
                assert (z.imag == 0).all() and (np.signbit(z.imag) == ("below" in point)).all()
    for name in ("imaginary-cuts", "imaginary-interval"):
        for point in shipped[name].points:
            z = numbers(shipped[name], point)
            assert (np.signbit(z.real) == ("left" in point)).all()
            assert ((z.real != 0) == ("just" in point)).all()


def test_cuts_are_where_they_are_said_to_be(shipped: dict[str, PointSet]) -> None:
    names = (
        "negative-axis", "right-cut", "left-cut", "unit-interval", "imaginary-cuts", "imaginary-interval",
        "real-unit-interval", "real-above-one", "real-positive", "real-negative", "infinite",
    )
    everywhere = {n: np.concatenate([numbers(shipped[n], p) for p in shipped[n].points]) for n in names}
    assert (everywhere["negative-axis"].real < 0).all()
    assert (everywhere["right-cut"].real > 1).all() and (everywhere["left-cut"].real < -1).all()
    assert (np.abs(everywhere["unit-interval"].real) < 1).all()
    assert (np.abs(everywhere["imaginary-cuts"].imag) > 1).all()
    assert (np.abs(everywhere["imaginary-interval"].imag) < 1).all()
    assert (np.abs(everywhere["real-unit-interval"]) <= 1).all() and (everywhere["real-above-one"] > 1).all()
    assert (everywhere["real-positive"] > 0).all() and (everywhere["real-negative"] < 0).all()
    assert np.isinf(everywhere["infinite"]).any() and not np.isnan(everywhere["infinite"]).any()


def test_numpy_sees_the_two_sides_of_each_cut(shipped: dict[str, PointSet]) -> None:
    """An independent check: NumPy's C99 functions jump between the two sides, at the same |z|."""
    for name, above, below, function in (
        ("negative-axis", "negative-axis-above", "negative-axis-below", np.log),
        ("right-cut", "right-cut-above", "right-cut-below", np.arcsin),
        ("left-cut", "left-cut-above", "left-cut-below", np.arctanh),
        ("imaginary-cuts", "upper-cut-right", "upper-cut-left", np.arctan),
        ("imaginary-cuts", "lower-cut-right", "lower-cut-left", np.arcsinh),
    ):
        a, b = (numbers(shipped[name], p) for p in (above, below))
        assert np.array_equal(a, b)  # equal as numbers: only the sign of a zero tells them apart
        assert np.abs(function(a) - function(b)).min() > 0.1


def test_every_combination_of_signed_zeros(shipped: dict[str, PointSet]) -> None:
    zeros = [numbers(shipped["zero"], p)[0] for p in shipped["zero"].points]
    assert {(bool(np.signbit(z.real)), bool(np.signbit(z.imag))) for z in zeros} == {
        (a, b) for a in (0, 1) for b in (0, 1)
    }


def test_range_of_floating_point(shipped: dict[str, PointSet]) -> None:
    smallest = numbers(shipped["tiny"], "smallest-subnormal")
    assert np.abs(smallest.imag).max() == np.nextafter(0, 1)
    assert numbers(shipped["huge"], "largest").real.max() == np.finfo(float).max
    assert (np.abs(numbers(shipped["tiny"], "tiny-310").imag) < np.finfo(float).tiny).all()


def test_shipped_points_fill_matrices_without_equal_rows(shipped: dict[str, PointSet]) -> None:
    for name in ("generic", "quadrants", "small", "real-generic", "real-integers"):
        for point in shipped[name].points:
            matrix = shipped[name].array(point, shipped[name].kind, (4, 4), "z", 0)
            assert len(np.unique(matrix, axis=0)) == 4


def test_cast_to_single_precision(one: Make) -> None:
    case = one("[{set: huge, only: huge-160}, {set: tiny, only: tiny-200}, {p: {z: -0.0-0j}}]")
    single = {p.name: p.arrays["z"] for p in point_arrays(case, "complex64")}
    assert all(a.dtype == np.complex64 and a.flags.writeable for a in single.values())
    assert np.isinf(single["huge-160"]).all() and (single["tiny-200"] == 0).all()
    assert np.signbit(single["p"].real).all() and np.signbit(single["p"].imag).all()
    double = point_arrays(case, "complex128")
    assert all(a.arrays["z"].tobytes() == b.arrays["z"].tobytes() for a, b in zip(double, case.points, strict=True))
    assert double[0].arrays["z"] is not case.points[0].arrays["z"]
