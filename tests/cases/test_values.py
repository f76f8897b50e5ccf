"""Values of inputs: literals with their signed zeros, lists, files, parts."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cases.constants import BadNumber, number
from harness.model import Case

Make = Callable[..., Case]


def bits(array: np.ndarray) -> list[tuple[float, float]]:
    """Signs of zero are visible in (value, sign); NaN is turned into a word by its caller."""
    parts = [array.real.ravel(), array.imag.ravel()] if np.iscomplexobj(array) else [array.ravel()]
    return [(float(x), math.copysign(1.0, x)) for part in parts for x in part]


@pytest.mark.parametrize(
    ("text", "re", "im"),
    [
        ("1+2j", 1.0, 2.0),
        ("-1-0j", -1.0, -0.0),
        ("-1 - 0j", -1.0, -0.0),
        ("-1+0j", -1.0, 0.0),
        ("-0.0", -0.0, None),
        ("-0", -0.0, None),
        ("-0.0-0j", -0.0, -0.0),
        ("(1-0j)", 1.0, -0.0),
        ("3j", 0.0, 3.0),
        ("-j", 0.0, -1.0),
        ("1e-200", 1e-200, None),
        ("5e-324", 5e-324, None),
        (".inf", math.inf, None),
        ("-inf", -math.inf, None),
        ("infj", 0.0, math.inf),
        ("2-infj", 2.0, -math.inf),
        ("inf*(1+1j)", math.inf, math.inf),
        ("1e-200*(1+1j)", 1e-200, 1e-200),
        ("pi/2", math.pi / 2, None),
        ("pi/2*j", 0.0, math.pi / 2),
        ("2*-0j", 0.0, -0.0),
        ("sqrt(2)/2*(1-1j)", math.sqrt(2) / 2, -math.sqrt(2) / 2),
        ("sqrt(-4)", 0.0, 2.0),
        ("1/(2j)", 0.0, -0.5),
        ("(1+1j)*(1-1j)", 2.0, 0.0),
        ("(1+2j)**2", -3.0, 4.0),
        ("2**10", 1024.0, None),
        ("huge", 1.7976931348623157e308, None),
    ],
)
def test_numbers(text: str, re: float, im: float | None) -> None:
    found = number(text)
    assert found.is_real == (im is None)
    assert (found.real, math.copysign(1, found.real)) == (re, math.copysign(1, re))
    wanted = 0.0 if im is None else im
    assert (found.imag, math.copysign(1, found.imag)) == (wanted, math.copysign(1, wanted))


def test_nan_stays_in_its_part() -> None:
    assert math.isnan(number("nan").real)
    half = number("1+nanj")
    assert half.real == 1.0 and math.isnan(half.imag)
    half = number("nan+infj")
    assert math.isnan(half.real) and half.imag == math.inf


@given(st.complex_numbers(allow_nan=False))
def test_every_complex_number_comes_back(z: complex) -> None:
    for text in (repr(z), repr(z).strip("()")):
        found = number(text).as_complex()
        assert np.array([found]).tobytes() == np.array([complex(text)]).tobytes()


@given(st.floats(allow_nan=False))
def test_every_real_number_comes_back(x: float) -> None:
    found = number(repr(x))
    assert found.is_real and np.array([found.real]).tobytes() == np.array([x]).tobytes()


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    with contextlib.suppress(BadNumber):
        number(text)


def test_complex_list_keeps_signed_zeros(one: Make) -> None:
    case = one("{p: {z: [-1-0j, -1+0j, -0.0]}}")
    array = case.points[0].arrays["z"]
    assert array.dtype == np.complex128
    assert bits(array) == [(-1.0, -1.0), (-1.0, -1.0), (-0.0, -1.0), (-0.0, -1.0), (0.0, 1.0), (0.0, 1.0)]


def test_scalar_fills_the_shape_and_nested_lists_must_match(one: Make) -> None:
    case = one("{a: {z: 2j}, b: {z: [[1, 2, 3], [4, 5, 6]]}}", '{z: "complex[2,3]"}')
    assert np.array_equal(case.points[0].arrays["z"], np.full((2, 3), 2j))
    assert np.array_equal(case.points[1].arrays["z"], np.arange(1, 7).reshape(2, 3))


def test_scalar_inputs(one: Make) -> None:
    for kind in ("complex", '"complex[]"'):
        assert one("{p: {z: 1+2j}}", f"{{z: {kind}}}").points[0].arrays["z"].shape == ()


def test_parts_keep_signed_zeros_and_nan(one: Make) -> None:
    array = one("{p: {z: {re: [-0.0, nan, inf], im: [-0.0, 1, nan]}}}").points[0].arrays["z"]
    assert np.signbit(array.real[0]) and np.signbit(array.imag[0])
    assert np.isnan(array.real[1]) and array.imag[1] == 1
    assert array.real[2] == np.inf and np.isnan(array.imag[2])
    only_imaginary = one("{p: {z: {im: 2}}}").points[0].arrays["z"]
    assert np.array_equal(only_imaginary, np.full(3, 2j)) and not np.signbit(only_imaginary.real).any()


def test_kinds(one: Make) -> None:
    case = one(
        "{p: {z: 1, x: [-0.0, 1.5], k: [1, -2], b: [true, false]}}",
        '{z: "complex[3]", x: "real[2]", k: "int[2]", b: "bool[2]"}',
    )
    arrays = case.points[0].arrays
    assert [arrays[n].dtype.name for n in "zxkb"] == ["complex128", "float64", "int64", "bool"]
    assert np.signbit(arrays["x"][0]) and arrays["k"].tolist() == [1, -2] and arrays["b"].tolist() == [True, False]
    assert [i.differentiate for i in case.inputs] == [True, True, False, False]


def test_no_norway_problem(one: Make) -> None:
    case = one("{on: {no: 1, y: 2}, off: {no: 1, y: 2}}", "{no: complex, y: real}", function="no * y")
    assert [i.name for i in case.inputs] == ["no", "y"]
    assert [p.name for p in case.points] == ["on", "off"]


def test_numbers_as_yaml_1_2_has_them(one: Make) -> None:
    case = one("{p: {z: [1e-200, 1E5, 010]}}", '{z: "real[3]"}')
    assert case.points[0].arrays["z"].tolist() == [1e-200, 1e5, 10.0]


def test_size_zero(one: Make) -> None:
    case = one("{a: {z: []}, b: {z: 1}, c: {z: {sample: normal}}}", '{z: "complex[0,3]"}')
    assert all(p.arrays["z"].shape == (0, 3) for p in case.points)


def test_files(one: Make, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    stored = np.asfortranarray(np.arange(6.0).reshape(2, 3)).astype(">f4")
    np.savez_compressed(tmp_path / "data" / "x.npz", w=stored, z=stored + 1j)
    np.save(tmp_path / "one.npy", stored)
    case = one(
        "{a: {z: {file: data/x.npz, key: w}}, b: {z: {file: data/x.npz, key: z}}, c: {z: {file: one.npy}}}",
        '{z: "complex[2,3]"}',
    )
    expected = np.arange(6.0).reshape(2, 3)
    for point, extra in zip(case.points, (0, 1j, 0), strict=True):
        assert np.array_equal(point.arrays["z"], expected + extra)
        assert point.arrays["z"].dtype == np.complex128


def test_link_inside_the_folder_is_fine(one: Make, tmp_path: Path) -> None:
    np.savez(tmp_path / "real.npz", w=np.ones(3))
    (tmp_path / "link.npz").symlink_to("real.npz")
    assert np.array_equal(one("{p: {z: {file: link.npz}}}").points[0].arrays["z"], np.ones(3))


def test_mapping_of_arrays(one: Make, tmp_path: Path) -> None:
    np.savez(tmp_path / "params.npz", w=np.ones((2, 2), np.complex64), b=np.zeros(2), n=np.arange(3))
    np.savez(tmp_path / "other.npz", w=np.full((2, 2), 1j), b=np.ones(2), n=np.arange(3))
    case = one(
        '[{p: {}, q: {params: {file: other.npz}}, r: {"params.w": 5}}]',
        "{params: {file: params.npz}}", function='sum(params["w"]) + sum(params["b"])',
    )
    assert [(i.name, i.kind, i.shape, i.differentiate, i.group) for i in case.inputs] == [
        ("params.w", "complex", (2, 2), True, "params"),
        ("params.b", "real", (2,), True, "params"),
        ("params.n", "integer", (3,), False, "params"),
    ]
    p, q, r = case.points
    assert p.arrays["params.w"].tolist() == [[1, 1], [1, 1]]
    assert q.arrays["params.w"].tolist() == [[1j, 1j], [1j, 1j]] and q.arrays["params.b"].tolist() == [1, 1]
    assert r.arrays["params.w"].tolist() == [[5, 5], [5, 5]] and r.arrays["params.b"].tolist() == [0, 0]


def test_differentiate_some_leaves(one: Make, tmp_path: Path) -> None:
    np.savez(tmp_path / "params.npz", w=np.ones(2), b=np.zeros(2))
    case = one("{p: {}}", "{params: {file: params.npz, differentiate: [b]}}", function='sum(params["w"] * params["b"])')
    assert {i.name: i.differentiate for i in case.inputs} == {"params.w": False, "params.b": True}


def test_one_array_of_a_file_is_a_plain_input(one: Make, tmp_path: Path) -> None:
    np.savez(tmp_path / "params.npz", w=np.ones((2, 1)), b=np.zeros(2))
    case = one("{p: {}}", "{w: {file: params.npz, key: w}}", function="sum(w)")
    assert [(i.name, i.shape) for i in case.inputs] == [("w", (2, 1))]


def test_defaults_of_inputs_and_a_case_without_points(tmp_path: Path) -> None:
    from harness.cases import load

    path = tmp_path / "a.yaml"
    path.write_text(
        "cases:\n  - {id: a, function: z * w, inputs: {z: {type: complex, value: 2-0j}, w: {type: real, value: 3}}}\n"
    )
    (case,) = load([path])
    assert [p.name for p in case.points] == ["default"]
    assert np.signbit(case.points[0].arrays["z"].imag)


def test_const_and_differentiate_false(one: Make) -> None:
    case = one("{p: {z: 1, a: 1, b: 1}}", '{z: complex, a: "const real", b: {type: real, differentiate: false}}')
    assert [i.differentiate for i in case.inputs] == [True, False, False]


def test_arrays_of_points_cannot_be_changed(one: Make) -> None:
    with pytest.raises(ValueError, match="read-only"):
        one().points[0].arrays["z"][0] = 2
