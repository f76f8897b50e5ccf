"""Native functions with one mistake in a rare region each: a sweep has to find it, and nothing else.

The mistakes are written here, so what is right is known by construction: the same text without the mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness.model import Source
from harness.pointwise.subject import Subject
from harness.sweep.asking import Asker
from harness.sweep.engine import sweep
from harness.sweep.regions import Region, regions


@dataclass(frozen=True)
class Wrong:
    """wrong: torch's text. inside: a point of the region, and outside: one next to it. kinds: one of them is said."""

    reference: str
    wrong: str
    inside: str
    kinds: tuple[str, ...]
    dtype: str = "complex128"


def _where(condition: str, wrong: str, right: str) -> str:
    return f"torch.where({condition}, {wrong}, {right})"


WRONG = {
    "a binade": Wrong("sin(x)", _where("(abs_x >= 2.0 ** -30) & (abs_x < 2.0 ** -29)", "2 * x", "torch.sin(x)"),
                      "2.0 ** -30 <= abs(p) < 2.0 ** -29", ("wrong",), "float64"),
    "a quadrant": Wrong("sqrt(z)", _where("(z.real < 0) & (z.imag < 0)", "-torch.sqrt(z)", "torch.sqrt(z)"),
                        "p.real < 0 and p.imag < 0", ("sign",)),
    "the last number above a cut": Wrong(
        "log(z)", _where("(z.real < 0) & (z.imag == 5e-324)", "torch.log(-z)", "torch.log(z)"),
        "p.real < 0 and p.imag == 5e-324", ("wrong",)),
    "a unit in the last place above 1": Wrong(
        "log(x)", _where("(x > 1) & (x < 1.0000000000000004)", "0 * x", "torch.log(x)"), "1 < p < 1.0000000000000004",
        ("zero",), "float64"),
    "the derivative alone": Wrong(
        "arctan(x)", _where("(x > 32) & (x < 64)", "torch.arctan(x) * 0 + 1.55", "torch.arctan(x)"), "32 < p < 64",
        ("zero",), "float64"),
    "a diagonal": Wrong("z * z", _where("z.real == z.imag", "0 * z", "z * z"), "p.real == p.imag", ("zero",)),
    "beside the imaginary axis": Wrong(
        "exp(z)", _where("(z.real != 0) & (torch.abs(z.real) < 1e-290)", "torch.conj(torch.exp(z))", "torch.exp(z)"),
        "0 < abs(p.real) < 1e-290", ("conjugate", "wrong")),
    "huge numbers": Wrong("1 / x", _where("abs_x > 1e300", "0 * x", "1 / x"), "abs(p) > 1e300", ("zero",), "float64"),
    "tiny numbers": Wrong("arcsinh(z)", _where("torch.abs(z) < 1e-200", "z * z", "torch.asinh(z)"),
                          "abs(p) < 1e-200", ("zero", "wrong")),
    "a sector of one binade": Wrong(
        "tanh(z)", _where("(z.real > 1) & (z.real < 1.4) & (z.imag > 1) & (z.imag < 1.4)", "-torch.tanh(z)",
                          "torch.tanh(z)"), "1 < p.real < 1.4 and 1 < p.imag < 1.4", ("sign",)),
    "a binade in single precision": Wrong(
        "cos(x)", _where("(abs_x >= 8) & (abs_x < 16)", "torch.cos(x) * 1.001", "torch.cos(x)"), "8 <= abs(p) < 16",
        ("digits",), "float32"),
}
QUICK = ("a binade", "a quadrant", "the last number above a cut", "a unit in the last place above 1")


@pytest.fixture(scope="module")
def asker() -> Iterator[Asker]:
    with Asker({"torch.autograd": "torch"}) as made:
        yield made


def found(wrong: Wrong, asker: Asker, points: int, decided: int) -> list[Region]:
    name = "z" if wrong.dtype.startswith("complex") else "x"
    text = wrong.wrong.replace("abs_x", "torch.abs(x)")
    subject = Subject("wrong", name, {"torch": Source("native", text)}, wrong.reference, name == "x")
    made = sweep(subject, wrong.dtype, asker, points=points, decided=decided, jobs=1, rounds=2)
    assert made.sides, made.messages
    return regions(made)


def _is_told(wrong: Wrong, told: list[Region]) -> bool:
    return any(r.kind in wrong.kinds and eval(wrong.inside, {"p": r.at if wrong.dtype[0] == "c" else r.at.real})
               for r in told)


@pytest.mark.parametrize("name", QUICK)
def test_a_mistake_in_a_rare_region_is_found(name: str, asker: Asker) -> None:
    told = found(WRONG[name], asker, 20_000, 1_500)
    assert _is_told(WRONG[name], told), told


@pytest.mark.whole
@pytest.mark.parametrize("name", WRONG)
def test_every_mistake_is_found_and_nothing_else_is_wrong(name: str, asker: Asker) -> None:
    wrong = WRONG[name]
    told = found(wrong, asker, 300_000, 12_000)
    assert _is_told(wrong, told), told
    right = Wrong(wrong.reference, _spelled(wrong), wrong.inside, wrong.kinds, wrong.dtype)
    assert not _is_told(right, found(right, asker, 60_000, 4_000))


def _spelled(wrong: Wrong) -> str:
    """The text without the mistake: what stands last in the torch.where."""
    return wrong.wrong.rpartition(", ")[2].removesuffix(")")
