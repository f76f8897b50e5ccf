"""The wrong backends are wrong in the way they say; the one on a third convention is right."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Backend
from tests import wrong_backends as wrong
from tests.backends.tasks import backend, data, make_task, observe

POINT = {
    "z": np.array([1 + 2j, -0.5 + 0.75j]), "w": np.array([0.25 - 1j, 2 + 0.5j]),
    "m": np.array([[1 + 1j, 2 - 1j], [3j, 0.5]]),
}
TEXT = "(m @ z) * conj(z) * w"
RIGHT_FROM = np.diag([1, 1, -1, -1])  # conjugates an input (columns) or an output (rows)


@cache
def instance(cls: type[Backend]) -> Backend:
    return cls()


def j(cls: type[Backend] | None, api: str = "pullback", name: str = "z") -> np.ndarray:
    task = make_task(TEXT, "torch.func", [POINT], fixed=("m",), apis=())
    found = observe(task, backend("torch.func") if cls is None else instance(cls))
    return data(found, "p0", api, "differential", name, "out")


@pytest.mark.parametrize(
    ("cls", "change"),
    [
        (wrong.ConjugatesPullback, lambda x: x @ RIGHT_FROM),
        (wrong.ConjugatesCotangent, lambda x: RIGHT_FROM @ x),
        (wrong.FlipsSign, lambda x: -x),
        (wrong.Halves, lambda x: x / 2),
        (wrong.Doubles, lambda x: 2 * x),
        (wrong.DropsImaginary, lambda x: x * [1, 1, 0, 0]),
        (wrong.ReturnsZero, lambda x: 0 * x),
        (wrong.ReturnsNaN, lambda x: np.nan * x),
        (wrong.Transposes, lambda x: np.block([[x[:2, :2].T, x[:2, 2:].T], [x[2:, :2].T, x[2:, 2:].T]])),
    ],
)
def test_pullbacks_are_altered_as_announced(cls: type[Backend], change: Any) -> None:
    right = j(None)
    np.testing.assert_array_equal(j(cls), change(right))
    assert not np.array_equal(change(right), right)
    np.testing.assert_array_equal(j(cls, "pushforward"), j(None, "pushforward"))


def test_swapped_inputs() -> None:
    np.testing.assert_array_equal(j(wrong.SwapsInputs), j(None, name="w"))
    np.testing.assert_array_equal(j(wrong.SwapsInputs, name="w"), j(None))


def test_forward_differs_from_reverse() -> None:
    np.testing.assert_array_equal(j(wrong.ForwardDiffersFromReverse), j(None))
    np.testing.assert_array_equal(j(wrong.ForwardDiffersFromReverse, "pushforward"), 2 * j(None, "pushforward"))


@pytest.mark.parametrize(
    ("cls", "status", "part"),
    [
        (wrong.Raises, "error", "divides by zero"), (wrong.Refuses, "refused", "no reverse mode"),
        (wrong.ReturnsReal, "error", "came back real (float64), expected a complex array"),
    ],
)
def test_failures_are_rows_and_leave_the_rest(cls: type[Backend], status: str, part: str) -> None:
    found = observe(make_task(TEXT, "torch.func", [POINT], fixed=("m",), apis=()), instance(cls))
    seen = found["p0", "pullback", "differential", "z", "out"]
    assert seen.status == status and part in seen.message
    assert found["p0", "pushforward", "differential", "z", "out"].status == "ok"


def test_a_third_convention_is_the_same_differential() -> None:
    for api in ("pullback", "pushforward"):
        for name in ("z", "w"):
            np.testing.assert_array_equal(j(wrong.ThirdConvention, api, name), j(None, api, name))


def test_a_third_convention_is_the_same_hessian_and_the_conjugate_gradient() -> None:
    task = make_task("sum(abs(m @ z)**2 * real(z * w))", "torch.func", [POINT], fixed=("m",), order=2)
    right, third = observe(task), observe(task, instance(wrong.ThirdConvention))
    seen = 0
    for key, row in right.items():
        if key[2] == "hessian":
            assert row.data is not None
            np.testing.assert_allclose(data(third, *key), row.data, rtol=1e-12, atol=1e-12)
            seen += 1
    assert seen == 16
    np.testing.assert_array_equal(
        data(third, "p0", "grad", "raw", "z", "out"), data(right, "p0", "grad", "raw", "z", "out").conj()
    )


def test_there_are_enough_of_them_and_they_say_what_to_expect() -> None:
    names = {cls.name for cls in wrong.WRONG}
    assert len(names) == len(wrong.WRONG) >= 14
    verdicts = {"conjugate", "sign", "factor", "part", "zero", "nonfinite", "mismatch", "timeout", "crash", "error",
                "unsupported"}
    assert {cls.expected_verdict for cls in wrong.WRONG} == verdicts  # type: ignore[attr-defined]
