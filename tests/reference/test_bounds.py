"""What the text of a recorded run may cost where it is evaluated beside a worker: refused before it is computed."""

from __future__ import annotations

import numpy as np
import pytest

from harness.model import Case, Input, Point
from harness.reference import steps
from harness.reference.documented import own_values
from harness.reference.exact_digits import digits
from harness.reference.precision import NotInReference, bounded, state

INPUTS = (Input("z", "complex", (2,)),)
POINT = {"z": np.array([1 + 2j, 3 - 1j])}

#: Each would take gigabytes or minutes.
LARGE = [
    "sum(toeplitz(arange(100000), arange(100000)))", "kron(ones(100000), ones(1000))[:2]",
    "sum(ones((10000, 1)) * ones((1, 10000)))",
    "sum(outer(ones(100000), ones(100000)))", "sum(tile(ones(1000000), 1000))", "sum(repeat(ones(100000), 100000, 0))",
    "sum(pad(ones((1000, 1000)), 100000))", "sum(meshgrid(ones(10000), ones(10000))[0])",
    "einsum('i,j->', ones(100000), ones(100000))", "eigvalsh(eye(150))[:2]", "inv(eye(500))[0, :2]",

    "sum(zeros((z.shape[0] * 2000000, 16)))", "sum(ones((1000, 1000)) @ ones((1000, 1000)))", "det(eye(400))",
]


#: The value is soon found; following each operation is not.
SLOW_TO_FOLLOW = ["sum(broadcast_to(z, (200000, 2)) * ones((200000, 1)))",
                  "a = kron(z, z); b = kron(a, a); c = kron(b, b); sum(kron(c, c))"]


@pytest.mark.parametrize("text", LARGE + SLOW_TO_FOLLOW)
def test_a_large_text_is_refused_before_it_is_evaluated(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[str] = []

    def note(bound: str) -> None:
        refused.append(bound)

    class Watched(type(state)):  # type: ignore[misc]
        def work(self, elements: int) -> None:
            try:
                super().work(elements)
            except NotInReference as error:
                note(str(error))
                raise

        def spend(self, elements: int) -> None:
            try:
                super().spend(elements)
            except NotInReference as error:
                note(str(error))
                raise

    monkeypatch.setattr(state, "__class__", Watched)
    assert steps.rounding(f"{text} * z", INPUTS, POINT, single=False) is None
    assert refused
    refused.clear()
    if text in SLOW_TO_FOLLOW:
        return
    assert own_values(f"{text} * z", INPUTS, POINT, "torch", single=False) is None
    assert state.room is None


def test_what_a_case_computes_is_far_below_the_bound() -> None:
    matrix = (Input("z", "complex", (3, 3)),)
    point = {"z": np.random.default_rng(0).normal(size=(3, 3)) + 1j * np.eye(3)}
    for text in ("inv(z) @ z", "kron(z, z)[:3, :3] + toeplitz(z[0], z[1])", "ifft(z) * det(z)"):
        with bounded(60_000):
            assert own_values(text, matrix, point, "torch", single=False) is not None
        assert steps.rounding(text, matrix, point, single=False) is not None


def test_digits_of_a_large_text_are_not_printed() -> None:
    case = Case("large", {"portable": "z + 0 * eigvalsh(eye(150))[:2]"}, INPUTS, (Point("p", POINT),), ("complex128",))
    assert "no digits: this takes too long" in digits(case, case.points[0], "complex128")


def test_room_is_given_back() -> None:
    with bounded(10):
        with pytest.raises(NotInReference, match="too long"):
            state.spend(11)
        with bounded(100):
            state.spend(50)
        with pytest.raises(NotInReference):
            state.spend(1)
    state.spend(1000)
    with pytest.raises(NotInReference, match="too large"):
        state.spend(1 << 21)
