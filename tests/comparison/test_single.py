"""Single precision is judged at its own range and rounding: what it cannot hold is nobody's mistake, and a mistake
beside that is still named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.comparison import compare_tables
from harness.formats import SINGLE
from harness.model import Case, Input, Point
from harness.reference.steps import Rounding, rounding
from tests.comparison.build import Table, header

INF, NAN = np.inf, np.nan


def compared(
    sides: dict[str, Any], truth: Any, point: Any, dtype: str, axis: str = "backend", **apis: Any,
) -> pd.DataFrame:
    """Differentials of f(z) at a point, each backend's as a pullback (apis: as a pushforward too), beside the truth."""
    z = np.asarray(point)
    case = Case("f", {"portable": "f(z)"}, (Input("z", "complex" if np.iscomplexobj(z) else "real", z.shape),),
                (Point("p", {"z": z}),), (dtype,))
    table, wide = Table(), np.asarray(truth, float)
    narrow = np.float32 if dtype in ("float32", "complex64") else np.float64
    value = np.ones(wide.shape[0] // (2 if np.iscomplexobj(z) else 1), np.complex128 if np.iscomplexobj(z) else float)
    for backend in (*sides, "reference"):
        table.add(backend, "value", value, dtype=dtype, api="reference" if backend == "reference" else "")
    for backend, j in sides.items():
        table.add(backend, "differential", np.asarray(j, narrow), api="pullback", dtype=dtype)
        if backend in apis:
            table.add(backend, "differential", np.asarray(apis[backend], narrow), api="pushforward", dtype=dtype)
    for quantity, data in (("differential", wide), ("bound", np.zeros(wide.shape)),
                           ("class", np.zeros(wide.shape, np.int8))):
        table.add("reference", quantity, data, api="reference", dtype=dtype)
    frame = pd.DataFrame(compare_tables([table.frame()], [header(*sides, "reference")], [[case]], axis))
    return frame[frame["quantity"].astype(str) == "differential"]


LARGE = [[1e43, 0.0], [0.0, 2.0]]


@pytest.mark.parametrize(("j", "wrong"), [
    ([[INF, 0], [0, 2]], False), ([[INF, NAN], [0, 2]], False), ([[NAN, 0], [0, 2]], True), ([[3, 0], [0, 2]], True),
    ([[INF, 0], [0, 4]], True), ([[-INF, 0], [0, 2]], True),
])
def test_a_derivative_too_large_for_the_precision_is_an_infinity(j: Any, wrong: bool) -> None:
    frame = compared({"jax": j, "torch.func": [[INF, 0], [0, 2]]}, LARGE, [100.0, 1.0], "float32")
    assert set(frame["culprit"]) == ({"", "jax"} if wrong else {""}), frame[["left", "right", "verdict", "note"]]
    assert bool(frame["surprising"].any()) == wrong


def test_zero_times_that_infinity_is_nobodys_along_the_apis_either() -> None:
    reverse, forward = [[INF, NAN], [NAN, 2]], [[INF, 0], [0, 2]]
    for truth, calm in ((LARGE, True), ([[1e30, 0.0], [0.0, 2.0]], False)):
        frame = compared({"jax": reverse}, truth, [100.0, 1.0], "float32", "api", jax=forward)
        assert bool(frame["surprising"].any()) != calm, frame[["left", "right", "verdict", "note"]].to_string()


@pytest.mark.parametrize(("point", "dtype", "verdict"), [
    (1e160 + 1e160j, "complex64", "unsupported"), (1e10 + 1e10j, "complex64", "nonfinite"),
    (1e160 + 1e160j, "complex128", "nonfinite"), (complex(INF, 0), "complex64", "nonfinite"),
])
def test_a_point_that_the_precision_does_not_hold_is_not_its_point(point: complex, dtype: str, verdict: str) -> None:
    zero = np.zeros((2, 2))
    frame = compared({"jax": zero, "torch.func": np.full((2, 2), NAN)}, zero, np.array(point), dtype)
    pair = frame[frame["right"] != "reference"]
    assert set(pair["verdict"].astype(str)) == {verdict} and bool(pair["surprising"].all()) == (verdict == "nonfinite")


def test_sides_that_have_lost_digits_in_two_directions_have_lost_digits() -> None:
    frame = compared({"jax": [[1.0003]], "torch.func": [[0.9997]]}, [[1.0]], [3.0], "float32")
    assert set(frame["verdict"].astype(str)) == {"precision"} and set(frame["culprit"]) == {""}
    frame = compared({"jax": [[1.0003]], "torch.func": [[0.999]]}, [[1.0]], [3.0], "float32")
    assert set(frame["culprit"][frame["left"] == "torch.func"]) == {"torch.func"}


def apart(text: str, z: Any) -> Rounding:
    z = np.asarray(z)
    found = rounding(text, [Input("z", "complex" if np.iscomplexobj(z) else "real", z.shape)], {"z": z}, form=SINGLE)
    assert found is not None
    return found


def test_a_factorisation_inside_of_a_text_is_that_of_a_matrix_nearby() -> None:
    """Eigenvalues 1e-8 apart are one in single precision, of which (1, 0) and (1/2, 1/2) are derivatives alike."""
    text = "eigvalsh((z + adjoint(z)) / 2)"
    near = apart(text, [[2.0, 1e-8j], [-1e-8j, 2.0]])
    assert (near.room[0][:, 0] > 0.5).all() and np.allclose(near.slope[0][:, 0], 0.5)
    far = apart(text, [[2.0, 1j], [-1j, 5.0]])
    assert far.room[0].max() < 1e-4


def test_a_centred_sum_of_squares_is_that_of_numbers_nearby() -> None:
    """The rounding of the mean, half a unit of 1, is a thousandth of the deviations."""
    assert (apart("2 * std(z)", [1.0, 1.0001, 1.0]).room[0][0, [0, 2]] > 1e-3 * 0.47).all()
    assert apart("2 * std(z)", [1.0, 2.0, 4.0]).room[0].max() < 1e-4


def test_where_a_softmax_saturates_its_digits_are_gone_and_it_is_named() -> None:
    """w (1 - w) is 1e-4 where w is 0.9999, from numbers of the size of one: an error of 1e-7 is a thousandth."""
    found = apart("softmax(z)[1] * 3", [-1.0, 11.4, 3.0])
    w = float(np.exp(11.4) / np.exp([-1.0, 11.4, 3.0]).sum())
    assert found.slope[0][0, 1] == pytest.approx(3 * w * (1 - w), rel=1e-5)
    assert 3e-7 < found.room[0][0, 1] < 1e-5 < found.slope[0][0, 1] / 2 and found.blame == "softmax"
    even = apart("softmax(z)[1] * 3", [0.1, 0.2, 0.3])
    assert even.room[0].max() < 1e-5 and even.blame == ""


@pytest.mark.parametrize("text", ["2 * sum(z)", "2 * prod(z)", "2 * norm(z)", "2 * mean(z)"])
def test_what_is_homogeneous_saturates_nowhere(text: str) -> None:
    """Though the value is 1e8 the derivative by the small numbers has all its digits."""
    found = apart(text, [1e8, 1.0, 2.0])
    assert (found.room[0] <= 1e-4 * np.abs(found.slope[0])).all()
