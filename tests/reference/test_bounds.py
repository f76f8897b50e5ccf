"""What the text of a recorded run may cost where it is evaluated beside a worker: refused before it is computed."""

from __future__ import annotations

import numpy as np
import pytest

from harness.formats import DOUBLE
from harness.model import Case, Input, Point
from harness.reference import steps
from harness.reference.documented import own_values
from harness.reference.exact_digits import digits
from harness.reference.function import Compiled, Problem
from harness.reference.precision import NotInReference, bounded, state, working
from harness.repro.script import NoScript, script

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
    assert steps.rounding(f"{text} * z", INPUTS, POINT, form=DOUBLE) is None
    assert refused
    refused.clear()
    if text in SLOW_TO_FOLLOW:
        return
    assert own_values(f"{text} * z", INPUTS, POINT, "torch", form=DOUBLE) is None
    assert state.room is None


def test_what_a_case_computes_is_far_below_the_bound() -> None:
    matrix = (Input("z", "complex", (3, 3)),)
    point = {"z": np.random.default_rng(0).normal(size=(3, 3)) + 1j * np.eye(3)}
    for text in ("inv(z) @ z", "kron(z, z)[:3, :3] + toeplitz(z[0], z[1])", "ifft(z) * det(z)"):
        with bounded(60_000):
            assert own_values(text, matrix, point, "torch", form=DOUBLE) is not None
        assert steps.rounding(text, matrix, point, form=DOUBLE) is not None


def test_digits_of_a_large_text_are_not_printed() -> None:
    case = Case("large", {"portable": "z + 0 * eigvalsh(eye(150))[:2]"}, INPUTS, (Point("p", POINT),), ("complex128",))
    assert "no digits: this takes too long" in digits(case, case.points[0], "complex128")


#: Small arrays, at which FLINT's series have no end, and what takes far longer than its elements say.
ENDLESS = [
    "polygamma(3, real(z) - 1e100)", "polygamma(60, z + 1e300j)", "polygamma(-100.5, real(z))", "zeta(1e15, real(z))",
    "zeta(1e100j, z)", "betainc(2.0, 1e-300, real(z) / 4)", "betainc(2.0, 0.5, -50 * abs(z))",
    "gammainc(1e15, 1e15 * abs(z))", "gammaincc(1e15, 1e15 * abs(z))", "expn(1e15, abs(z))",
    "hyp1f1(3.0, 1e15, 1e5 * abs(z))",
]
DEAR = [
    "svdvals(reshape(sin(arange(1600)), (40, 40)))[:2]", "eigvals(tril(ones((40, 40))))[:2]",
    "eigvalsh(reshape(cos(arange(1600)), (40, 40)))[:2]", "fft(ones(4001))[:2]", "sum(digamma(arange(60000) + 0.5))",
    "sum(betaln(arange(60000) + 0.5, 1.5))", "sum(sort(sin(arange(60000))))",
    "sum(convolve(ones(2000), ones(2000)))", "sum(interp(arange(2000), arange(2000), arange(2000)))",
]


@pytest.mark.parametrize("text", ENDLESS + DEAR)
def test_what_takes_for_ever_is_refused_at_once(text: str) -> None:
    """Nothing ends a call of FLINT that has begun, so a test that fails here does not end either."""
    case = Case("dear", {"portable": f"z * ({text})"}, INPUTS, (Point("p", POINT),), ("complex128",))
    assert "too long to be evaluated here" in digits(case, case.points[0], "complex128")
    assert own_values(f"z * ({text})", INPUTS, POINT, "torch", form=DOUBLE) is None
    assert steps.rounding(f"z * ({text})", INPUTS, POINT, form=DOUBLE) is None
    row = {"quantity": "differential", "culprit": "jax", "dtype": "complex128", "output": "out", "input": "z"}
    with pytest.raises(NoScript, match="too long to be evaluated here"):
        script(case, case.points[0], row, np.zeros((4, 4)))


@pytest.mark.parametrize("text", [
    "polygamma(2, z)", "zeta(2.5, abs(z))", "betainc(2.0, 1.5, real(z) / 4)", "gammainc(2.5, abs(z))",
    "expn(2, abs(z))", "gammaincc(0.5, abs(z))", "hyp1f1(0.5, 1.5, abs(z))", "gammainc(150.5, 100 * abs(z))",
])
def test_the_bound_changes_no_value(text: str) -> None:
    """Within the bounds the same numbers; beyond them only what is not beside a worker is refused."""
    with working(500):
        free = Problem(Compiled(text, INPUTS), POINT).outputs({})[0].data.ravel().tolist()
        with bounded():
            if "150" in text:
                with pytest.raises(NotInReference):
                    Problem(Compiled(text, INPUTS), POINT).outputs({})
                return
            held = Problem(Compiled(text, INPUTS), POINT).outputs({})[0].data.ravel().tolist()
    assert [x.str(60) for x in free] == [x.str(60) for x in held] and all(x.is_finite() for x in free)


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
