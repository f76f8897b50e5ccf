"""README, results and report speak of the same functions."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from tests import recorded

ROOT = Path(__file__).parents[1]
#: "1,025 functions at 6,364 points", as the report counts; "1,025 cases" where pages speak of the catalogue.
_COUNTED = re.compile(r"([\d,]+) functions at ([\d,]+) points")
_CASES = re.compile(r"([\d,]+) cases at ([\d,]+) points")


def number(text: str) -> int:
    return int(text.replace(",", ""))


def counted() -> tuple[int, int]:
    """Functions and points that the committed report was made of, as its first sentence says."""
    with (ROOT / "results" / "report.html").open(encoding="utf-8") as file:
        for line in file:
            if found := _COUNTED.search(line):
                return number(found[1]), number(found[2])
    raise AssertionError("the report does not say of how many functions it is")


@pytest.mark.parametrize("page", ["README.md", "results/README.md"])
def test_a_page_counts_as_the_report_does(page: str) -> None:
    told = _CASES.findall((ROOT / page).read_text(encoding="utf-8"))
    assert told and {(number(a), number(b)) for a, b in told} == {counted()}


def test_the_results_are_of_cases_that_there_are() -> None:
    """No table names a point that was renamed, and the report is of the catalogue but for its newest cases."""
    known = {case.id: {p.name for p in case.points} for case in recorded.catalogue()}
    assert 0.9 * len(known) < counted()[0] <= len(known)
    for name, column in (("findings.csv", "points"), ("singular.csv", "place")):
        with (ROOT / "results" / name).open(encoding="utf-8", newline="") as file:
            places = {place for row in csv.DictReader(file) for place in row[column].split()}
        assert places and {p for p in places if p.partition("@")[2] not in known.get(p.partition("@")[0], ())} == set()
