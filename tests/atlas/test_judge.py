"""Verdicts point by point, with sides that are wrong on purpose; window, subject and features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.atlas import describe, features
from harness.atlas.survey import Survey
from harness.atlas.window import Window
from harness.model import Case, CaseError, Input, Point
from harness.pointwise.judge import UNKNOWN, Beside, judge
from harness.pointwise.observe import Observed
from harness.pointwise.subject import find
from harness.pointwise.truth import Reference, sides
from harness.verdicts import VERDICT, VERDICTS

Array = np.ndarray[Any, np.dtype[Any]]


def matrix(d: Array) -> Array:
    """J of a holomorphic function with derivative d: (N,) -> (N, 2, 2)."""
    return np.stack([np.stack([d.real, -d.imag], axis=1), np.stack([d.imag, d.real], axis=1)], axis=1)


def observed(name: str, value: Array, d: Array, forward: Array | None = None) -> Observed:
    return Observed(name, {}, value, matrix(d), matrix(d if forward is None else forward))


Z = Window(axes=False).grid(24).reshape(-1)
EXP = Reference("exp(z)", "z").at(Z)


def word(code: int) -> str:
    return "" if code == UNKNOWN else VERDICTS[code]


DEFECTS = {
    "sign": lambda d: np.where(Z.real < 0, -d, d),
    "conjugate": lambda d: np.where(Z.real < 0, np.conj(d), d),
    "zero": lambda d: np.where(Z.real < 0, 0, d),
    "factor": lambda d: np.where(Z.real < 0, 2 * d, d),
    "nonfinite": lambda d: np.where(Z.real < 0, np.nan, d),
    "mismatch": lambda d: np.where(Z.real < 0, d * (1.1 + 0.3j) + 1, d),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_planted_defects_are_found_where_they_are(name: str) -> None:
    right = np.exp(Z)
    judged = judge([observed("good", right, right), observed("bad", right, DEFECTS[name](right))], EXP, None,
                   "complex128")
    good, bad = judged.sides
    assert [s.name for s in judged.sides] == ["good", "bad"]
    left = Z.real < 0
    assert set(good.against) == {VERDICT["agree"]}
    assert {word(c) for c in judged.pairs[0, 1][~left]} == {"agree"}
    # On its left half: by far most samples get the planted verdict (a conjugation of a nearly real number is a sign
    # of nothing, and no sample may pass as agreement).
    words = [word(c) for c in judged.pairs[0, 1][left]]
    assert words.count(name) > 0.9 * len(words) and "agree" not in words
    assert (bad.error[left] > 1e6).all() and (good.error < 4).all()


def test_equal_digits_are_one_side_and_forward_mode_is_its_own_only_where_it_differs() -> None:
    right = np.exp(Z)
    same = judge([observed("a", right, right), observed("b", right, right)], EXP, None, "complex128")
    assert [s.name for s in same.sides] == ["a, b"] and same.pairs == {}
    apart = judge([observed("a", right, right, forward=-right)], EXP, None, "complex128")
    assert [s.name for s in apart.sides] == ["a", "a forward"]
    assert set(apart.pairs[0, 1]) == {VERDICT["sign"]}


def test_other_values_are_another_function() -> None:
    judged = judge([observed("a", np.exp(Z), np.exp(Z)), observed("b", np.exp(Z) + 1, np.exp(Z))], None, None,
                   "complex128")
    assert set(judged.pairs[0, 1]) == {VERDICT["value"]}


def test_who_does_not_answer_is_named() -> None:
    judged = judge([observed("a", np.exp(Z), np.exp(Z)), Observed("b", messages={"value": "cannot"})], None, None,
                   "complex128")
    assert judged.messages == {"b": "cannot"} and len(judged.sides) == 1


def edge(text: str, points: Array) -> tuple[Any, Beside]:
    reference = Reference(text, "z")
    truth = reference.at(points)
    around = sides(reference, points)
    beside = Beside(np.arange(points.size), truth.jump, around.value.reshape(-1, 4),
                    around.high.reshape(points.size, 4, *around.high.shape[1:]))
    return truth, beside


def test_on_a_cut_each_limit_is_right_and_anything_else_is_not() -> None:
    points = np.array([-4.0, -1.0, -0.25]).astype(complex)
    truth, beside = edge("sqrt(z)", points)
    root = np.sqrt(-points.real)
    above = observed("above", 1j * root, -0.5j / root)
    below = observed("below", -1j * root, 0.5j / root)
    judged = judge([above, below], truth, beside, "complex128")
    assert set(judged.pairs[0, 1]) == {VERDICT["branch"]}
    assert all(set(s.against) == {VERDICT["agree"]} for s in judged.sides)
    wrong = judge([above, observed("wrong", -1j * root, 3 * 0.5j / root)], truth, beside, "complex128")
    assert set(wrong.sides[1].against) == {VERDICT["factor"]}
    assert VERDICT["branch"] not in set(wrong.pairs[0, 1])


def test_on_a_kink_what_lies_between_the_limits_is_a_choice() -> None:
    truth, beside = edge("abs(z)", np.array([0j]))

    def side(name: str, u_x: float) -> Observed:
        j = np.array([[[u_x, 0.0]]])
        return Observed(name, {}, np.array([0.0]), j, j)

    judged = judge([side("zero", 0.0), side("one", 1.0), side("five", 5.0)], truth, beside, "complex128")
    assert judged.pairs[0, 1][0] == VERDICT["choice"]
    assert judged.pairs[0, 2][0] not in (VERDICT["choice"], VERDICT["agree"])


def test_window_meets_the_axes_from_both_signs_of_zero() -> None:
    z = Window().grid(64)
    zeros = z.real[0][z.real[0] == 0]
    assert zeros.size == 2 and np.signbit(zeros).tolist() == [True, False]
    zeros = z.imag[:, 0][z.imag[:, 0] == 0]
    assert zeros.size == 2 and np.signbit(zeros).tolist() == [True, False]
    off = Window(axes=False).grid(65)
    assert not (off.real == 0).any() and not (off.imag == 0).any()
    assert "−0" in Window().describe(64) and "no sample" in Window(axes=False).describe(64)


@pytest.mark.parametrize("text", ["", "2", "-1,3", "-1,3,0,2"])
def test_windows_are_parsed(text: str) -> None:
    w = Window.parse(text)
    want = {"": (-3, 3, -3, 3), "2": (-2, 2, -2, 2), "-1,3": (-1, 3, -1, 3), "-1,3,0,2": (-1, 3, 0, 2)}[text]
    assert w.extent == want


@pytest.mark.parametrize("text", ["a", "1,2,3", "3,1", "nan", "0", "-1,1,2,inf", "1,1,1,1"])
def test_windows_that_make_no_sense(text: str) -> None:
    with pytest.raises(CaseError, match="window"):
        Window.parse(text)


def test_subjects() -> None:
    assert find("arccosh").text == "arccosh(z)"
    assert find("w**2 + 1").argument == "w"
    assert find("pow").text.startswith("z**")
    case = Case("mine", {"torch": "torch.sin(x)", "jax": "jnp.sin(x)", "reference": "sin(x)"},
                (Input("x", "real", (3,)),), (Point("p", {}),), ("float64",))
    subject = find("mine", [case])
    assert subject.real and subject.reference == "sin(x)"
    source = subject.source("torch")
    assert source is not None and source.kind == "native" and subject.source("other") is None


@pytest.mark.parametrize(
    "text",
    [
        "a + b",
        "1 + 2",
        "arccoshh",
        "__import__('os')",
        "z.__class__",
        "open('x')",
        "lambda z: z",
        "",
        "(" * 5000,
        "[z for z in z]",
    ],
)
def test_subjects_that_make_no_sense(text: str) -> None:
    with pytest.raises(CaseError):
        find(text)


def named(text: str, size: int = 96) -> tuple[features.Features, list[tuple[str, complex]]]:
    z = Window().grid(size)
    reference = Reference(text, "z")
    truth = reference.at(z.reshape(-1))
    j = np.where(truth.known[:, None, None], truth.high, np.nan)
    found = features.find(z, truth.value.reshape(z.shape), np.abs(j).max(axis=(1, 2)).reshape(z.shape),
                          truth.known.reshape(z.shape), reference)
    return found, [(what, point) for point, what in found.singular]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("arccosh(z)", [("branch point", -1), ("branch point", 1)]),
        ("sqrt(z)", [("branch point", 0)]),
        ("log(z**2+1)", [("branch point", -1j), ("branch point", 1j)]),
        ("tan(z)", [("pole", -np.pi / 2), ("pole", np.pi / 2)]),
        ("1/(z-1)**2", [("pole", 1)]),
        ("abs(z)", [("kink", 0)]),
        ("exp(z)", []),
        ("z**2", []),
        ("sinc(z)", []),
    ],
)
def test_features(text: str, want: list[tuple[str, complex]]) -> None:
    _, found = named(text)
    assert len(found) == len(want)
    for what, point in want:
        assert any(w == what and abs(p - point) < 1e-3 for w, p in found), (what, point, found)


def test_cuts_lie_where_they_are_by_definition() -> None:
    found, _ = named("arccosh(z)")
    assert found.cuts.size > 40
    assert (np.abs(found.cuts.imag) < 1e-6).all() and (found.cuts.real < 1.01).all()
    assert found.cuts.real.min() < -2.8 and found.cuts.real.max() > 0.9
    assert named("exp(z)")[0].cuts.size == 0


def test_sentences() -> None:
    assert describe.percent(0) == "0 %" and describe.percent(1) == "100 %"
    assert describe.percent(1e-5) == "< 0.1 %" and describe.percent(1 - 1e-5) == "> 99.9 %"
    right = np.exp(Z)
    judged = judge([observed("good", right, right), observed("bad", right, DEFECTS["sign"](right))], EXP, None,
                   "complex128")
    made = Survey(find("exp"), Window(axes=False), "complex128", Z.reshape(24, 24), [], judged, EXP, 1,
                  EXP.high.reshape(24, 24, 2, 2), "reference", EXP.value.reshape(24, 24),
                  features.Features(np.zeros(0, complex), (), True))
    assert made.holomorphic
    good, bad = (describe.side_in_words(made, s) for s in judged.sides)
    assert "right wherever the reference decides" in good
    assert "wrong in 50 % of the window" in bad and "only in the left half plane, all of it" in bad
