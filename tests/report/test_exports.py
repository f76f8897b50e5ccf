"""Markdown, JUnit, SARIF and the badge: what they count, and that no name escapes from them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from harness.model import Case, Input, Place, Point
from harness.report.exports import badge, junit, markdown, sarif
from harness.report.headline import function_outcomes, headline
from harness.report.verdict_style import GROUPS, OUTCOMES, STYLES, style
from harness.verdicts import worst
from tests.report import synthetic


def rows(*given: dict[str, Any]) -> pd.DataFrame:
    """A frame in which every row agrees unless it says otherwise."""
    plain = {
        "case": "exp", "point": "generic", "dtype": "complex128", "api": "pullback", "quantity": "differential",
        "input": "z", "output": "out", "axis": "backend", "left": "torch.func", "right": "jax", "verdict": "agree",
        "relation": "", "culprit": "", "evidence": "", "max_abs": 0.0, "max_rel": 0.0, "ulp": 0.0, "blind": "",
        "expected": "", "surprising": False, "note": "",
    }
    return pd.DataFrame([plain | row for row in given])


FRAME = rows(
    {},
    {"quantity": "raw", "api": "grad", "relation": "conjugate"},
    {"case": "arccosh", "verdict": "sign", "culprit": "jax", "evidence": "reference", "max_rel": 2.0,
     "surprising": True},
    {"case": "arccosh", "point": "right", "dtype": "complex64"},
    {"case": "abs", "verdict": "choice", "expected": "a kink at zero"},
    {"case": "silu", "verdict": "crash", "surprising": True, "note": "signal 11"},
    {"case": "only-refused", "quantity": "raw", "api": "jacfwd", "verdict": "unsupported", "note": "no | such"},
    {"case": "same"},
)


def test_outcome_of_a_function_is_its_worst_row() -> None:
    assert function_outcomes(FRAME).to_dict() == {
        "abs": "choice", "arccosh": "wrong", "exp": "convention", "only-refused": "refused", "same": "agree",
        "silu": "failed",
    }
    head = headline(FRAME)
    assert head.culprits == {"jax": 1} and head.surprising == 2 and head.functions == 6


def test_a_refused_api_is_no_agreement() -> None:
    refused = {"case": "f", "quantity": "raw", "verdict": "unsupported"}
    assert function_outcomes(rows(refused)).to_dict() == {"f": "refused"}
    assert function_outcomes(rows(refused, {"case": "f"})).to_dict() == {"f": "agree"}
    assert function_outcomes(rows(refused | {"quantity": "value"}, {"case": "f"})).to_dict() == {"f": "refused"}


def test_an_unknown_verdict_is_not_agreement() -> None:
    assert function_outcomes(rows({"verdict": "brand-new"})).to_dict() == {"exp": "undecided"}


def test_styles_cover_the_contract_and_differ() -> None:
    contract = (
        "unsupported", "error", "crash", "timeout", "branch", "value", "agree", "precision", "nonfinite", "choice",
        "gauge", "conjugate", "sign", "factor", "part", "zero", "mismatch",
    )
    assert set(STYLES) == set(contract)
    symbols = [s.symbol for s in STYLES.values()]
    assert len(set(symbols)) == len(symbols)  # colour is never alone
    assert {s.group for s in STYLES.values()} | {o.group for o in OUTCOMES.values()} <= set(GROUPS)
    assert style("agree", "conjugate").verdict == "convention" and style("agree", "equal").verdict == "agree"
    assert worst(["agree", "sign", "", "precision"]) == "sign" and worst([]) == ""


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("name", GROUPS)
def test_text_colours_have_contrast(name: str) -> None:
    for ink, background in ((GROUPS[name].ink, "#FFFFFF"), (GROUPS[name].ink_dark, "#15191D")):
        high, low = sorted((_luminance(ink), _luminance(background)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_markdown_tells_the_story() -> None:
    text = markdown(FRAME, families={"exp": "elementwise/exp"})
    assert "6 functions at 7 points" in text and "1 wrong on a side (jax 1)" in text
    surprising = text[text.index("### Surprising") : text.index("<details>")]
    assert "`arccosh`" in surprising and "**`jax`** (reference)" in surprising and "`silu`" in surprising
    assert "`abs`" not in surprising and "a kink at zero" in text
    assert text.count("<details>") == text.count("</details>") == 2
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1  # every line of a table has the same number of cells


def test_markdown_of_hostile_names_is_inert() -> None:
    frame = synthetic.hostile_frame()
    frame["surprising"] = True
    frame["note"] = ["@octocat fixes #1 [x](javascript:alert(1)) <img src=x> ![a](https://example.org/b.png) | `"] * 40
    text = markdown(frame)
    bare = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)  # without code spans
    bare = re.sub(r"</?(details|summary)>", "", bare)
    assert not re.search(r"(?<!\\)<", bare)
    assert not re.search(r"(?<!\\)!?\[[^\]]*[^\\]\]\(", bare)
    assert not re.search(r"@[a-z]", bare) and not re.search(r"(?<!\\)#1", bare)
    assert "https://" not in bare
    assert "\u202e" not in text
    assert len(text) < 65_536
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_markdown_stays_within_a_comment() -> None:
    assert len(markdown(synthetic.frame(20_000, 400), runs=[synthetic.FakeRun(400)])) < 65_536
    short = markdown(synthetic.frame(20_000, 400), runs=[synthetic.FakeRun(400)], limit=4_000)
    assert len(short) <= 4_000 and "did not fit" in short


def test_junit_counts() -> None:
    root = ET.fromstring(junit(FRAME, families={"exp": "elementwise/exp"}))
    assert {k: root.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7", "failures": "1", "errors": "1", "skipped": "2",
    }
    cases = {c.get("name"): c for c in root.iter("testcase")}
    failure = cases["arccosh@generic [complex128]"].find("failure")
    assert failure is not None and "jax wrong by reference" in failure.get("message", "")
    assert cases["silu@generic [complex128]"].find("error") is not None
    assert "a kink at zero" in cases["abs@generic [complex128]"].find("skipped").get("message")  # type: ignore[union-attr]
    assert list(cases["arccosh@right [complex64]"]) == []
    assert cases["exp@generic [complex128]"].get("classname") == "elementwise/exp"


def test_junit_of_hostile_names_is_xml() -> None:
    frame = synthetic.hostile_frame()
    frame["note"] = pd.Series(["\x00\x1b[31m\ud800 ]]> \u202e"] * len(frame), dtype=object)
    frame["surprising"] = True
    root = ET.fromstring(junit(frame))
    assert {e.tag for e in root.iter()} == {"testsuites", "testsuite", "testcase", "failure"}


def test_sarif_places_results_at_the_case() -> None:
    place = Place("cases/elementwise/inverse hyperbolic.yaml", 12, 5)
    case = Case("arccosh", {"portable": "arccosh(z)"}, (Input("z", "complex", ()),), (Point("generic", {}),),
                ("complex128",), place=place)
    log = json.loads(sarif(FRAME, cases=[case]))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    results = {r["locations"][0]["logicalLocations"][0]["name"]: r for r in run["results"]}
    assert set(results) == {"arccosh", "silu", "abs"}
    assert results["arccosh"]["level"] == "error" and results["abs"]["level"] == "note"
    physical = results["arccosh"]["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "cases/elementwise/inverse%20hyperbolic.yaml"
    assert physical["region"] == {"startLine": 12, "startColumn": 5}
    for r in run["results"]:
        assert run["tool"]["driver"]["rules"][r["ruleIndex"]]["id"] == r["ruleId"]
    json.loads(sarif(synthetic.hostile_frame(), cases=synthetic.hostile_cases()))


def test_sarif_has_a_rule_a_cause_with_its_help_and_suppresses_what_is_known() -> None:
    known = {"surprising": False, "expected": "a known sign flip", "verdict": "sign", "culprit": "jax"}
    frame = rows(
        {**known, "case": "a", "cause": "jax-arccosh", "link": "https://github.com/jax-ml/jax/pull/40643"},
        {**known, "case": "b", "cause": "jax-arccosh", "link": "https://github.com/jax-ml/jax/pull/40643"},
        {**known, "case": "c", "cause": "other", "link": "javascript:alert(1)"},
        {"case": "d", "verdict": "zero", "surprising": True, "culprit": "torch.func"},
    )
    (run,) = json.loads(sarif(frame))["runs"]
    rules = {r["id"]: r for r in run["tool"]["driver"]["rules"]}
    assert set(rules) == {"jax-arccosh", "other", "zero"}
    assert rules["jax-arccosh"]["helpUri"] == "https://github.com/jax-ml/jax/pull/40643"
    assert "helpUri" not in rules["other"]
    results = {r["locations"][0]["logicalLocations"][0]["name"]: r for r in run["results"]}
    assert {k for k, r in results.items() if "suppressions" in r} == {"a", "b", "c"}
    assert results["a"]["suppressions"][0]["justification"] == "a known sign flip"
    assert results["d"]["level"] == "error"


def test_junit_has_times_and_places() -> None:
    frame = rows({"case": "exp", "point": "generic", "dtype": "complex128", "verdict": "agree"},
                 {"case": "exp", "point": "zero", "dtype": "complex128", "verdict": "agree"})
    seconds = {("exp", "generic", "complex128"): 0.25, ("exp", "zero", "complex128"): 0.5}
    root = ET.fromstring(junit(frame, families={"exp": "elementwise/exp"}, seconds=seconds,
                               places={"exp": Place("cases/exp.yaml", 7, 3)}))
    (suite,) = root
    assert suite.get("name") == "elementwise/exp" and float(suite.get("time", "")) == 0.75
    assert [(t.get("time"), t.get("file"), t.get("line")) for t in suite] == [
        ("0.250000", "cases/exp.yaml", "7"), ("0.500000", "cases/exp.yaml", "7")]


def test_what_junit_tells_of_a_failure_begins_with_its_place() -> None:
    """Readers that leave out the attributes `file` and `line` show that."""
    root = ET.fromstring(junit(FRAME, places={"arccosh": Place("cases/arccosh.yaml", 7, 3)}))
    cases = {c.get("name"): c for c in root.iter("testcase")}
    failure = cases["arccosh@generic [complex128]"].find("failure")
    assert failure is not None and (failure.text or "").splitlines()[0] == "cases/arccosh.yaml:7"


def test_badge() -> None:
    root = ET.fromstring(badge(FRAME))
    # exp, same agree; abs, arccosh, silu and only-refused do not.
    assert root.get("aria-label") == "gradients: 2/6 agree, 2 surprising"
    assert "7/7" not in badge(FRAME)
    hostile = ET.fromstring(badge(FRAME, label='<script>"&\u202e'))
    assert {e.tag.rpartition("}")[2] for e in hostile.iter()} <= {"svg", "title", "clipPath", "rect", "g", "text"}
    assert "agree" in badge(rows({})) and GROUPS["agree"].ink in badge(rows({}))
    assert GROUPS["agree"].ink not in badge(FRAME)
    assert "nothing compared" in badge(rows({}).iloc[:0])


def test_every_column_is_documented() -> None:
    frame = pytest.importorskip("harness.comparison.frame")
    text = (Path(__file__).parents[2] / "docs" / "columns.md").read_text(encoding="utf-8")
    tables = text[: text.index("## Verdicts")]
    documented = set(
        re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in tables.splitlines() if line.startswith("| `")))
    )
    assert documented == {*frame.COLUMNS, *frame.EXTRA}
