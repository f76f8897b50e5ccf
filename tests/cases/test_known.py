"""Known differences that several cases share: what they become, and what is wrong with a bad file of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cases import CaseErrors, lint, load
from harness.model import CaseError

CASES = """
cases:
  - id: first
    function: abs(z)
    inputs: {z: "complex[2]"}
    points: {generic: {z: [1+2j, 3-1j]}, zero: {z: [0, 0]}}
    expect: {verdict: choice, because: its own, points: zero}
  - id: second
    function: sqrt(z)
    inputs: {z: "complex[2]"}
    points: {generic: {z: [1+2j, 3-1j]}, cut: {z: [-1, -2]}}
"""
KNOWN = """
known:
  - id: one-cause
    because: two cases,
      one reason
    link: https://example.org/1
    versions: {torch: ">=2"}
    in:
      first: {verdict: [zero, nonfinite], points: "z*"}
      second:
        - {verdict: branch, points: cut, dtype: complex64}
        - {verdict: sign, versions: {jax: "<0.5"}, strict: false}
"""


def catalogue(folder: Path, known: str = KNOWN) -> Path:
    (folder / "points.yaml").write_text("sets: {}\n")
    (folder / "known.yaml").write_text(known)
    (folder / "deep").mkdir()
    (folder / "deep" / "cases.yaml").write_text(CASES)
    return folder


def test_a_cause_becomes_expectations_of_its_cases(tmp_path: Path) -> None:
    first, second = load([catalogue(tmp_path)])
    assert [e.because for e in first.expect] == ["its own", "two cases, one reason"]
    assert first.expect[0].cause == "" and first.expect[1].cause == "one-cause"
    assert first.expect[1].verdict == ("zero", "nonfinite") and first.expect[1].points == ("zero",)
    assert first.expect[1].versions == {"torch": ">=2"} and first.expect[1].link == "https://example.org/1"
    cut, sign = second.expect
    assert cut.dtype == ("complex64",) and cut.strict and not sign.strict and sign.versions == {"jax": "<0.5"}


def test_a_single_file_of_the_catalogue_has_them_too(tmp_path: Path) -> None:
    loaded = load([catalogue(tmp_path) / "deep" / "cases.yaml"])
    assert [e.cause for case in loaded for e in case.expect] == ["", "one-cause", "one-cause", "one-cause"]


def test_a_copy_outside_the_catalogue_has_none(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    catalogue(tmp_path / "inner")
    (tmp_path / "copy.yaml").write_text(CASES)
    assert [e.cause for case in load([tmp_path / "copy.yaml"]) for e in case.expect] == [""]


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        ("      second:", "      secnd:", "10:7", "there is no case 'secnd'"),
        ("first: {verdict: [zero, nonfinite]", "first: {verdict: [zeros]", "9:25", "cannot be 'zeros'"),
        ('points: "z*"', "points: nowhere", "9:51", "the case has no point"),
        ("    because: two cases,\n      one reason\n", "", "3:5", "needs `because`"),
        ("    link:", "    lnk:", "6:5", "lnk"),
        ("  - id: one-cause\n", "  - id: one cause\n", "3:9", "is not a name"),
        ("known:\n", "knwn:\n", "2:1", "knwn"),
    ],
)
def test_a_bad_file_is_told_by_place(tmp_path: Path, old: str, new: str, place: str, problem: str) -> None:
    assert old in KNOWN
    problems = lint([catalogue(tmp_path, KNOWN.replace(old, new))])
    assert len(problems) == 1, problems
    text = str(problems[0])
    assert problem in text and f"known.yaml:{place}" in text


def test_a_cause_has_one_entry(tmp_path: Path) -> None:
    twice = KNOWN + KNOWN.partition("known:\n")[2]
    assert "the id 'one-cause' is used twice" in str(lint([catalogue(tmp_path, twice)])[0])


def test_the_file_itself_is_no_case_file(tmp_path: Path) -> None:
    with pytest.raises((CaseError, CaseErrors), match="known differences, not cases"):
        load([catalogue(tmp_path) / "known.yaml"])
