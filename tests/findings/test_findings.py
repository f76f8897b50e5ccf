"""Findings: one for each cause, with evidence that is not the other framework, and a script that shows it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.api import compare, findings, run
from harness.cases import load
from harness.cli import main
from harness.findings import Finding, collect, frame, markdown, text
from harness.findings.collect import UNREPORTED
from tests.in_process import InProcess

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")

CASES = """
defaults: {dtype: complex128}
cases:
  - id: root
    function: arccosh(z)
    inputs: {z: "complex[2]"}
    points: {left: {z: [-2+1j, -0.5-2j]}, right: {z: [2+1j, 0.5-2j]}}
  - id: twice
    function: 2 * arccosh(z)
    inputs: {z: "complex[2]"}
    points: {left: {z: [-1.5+1j, -0.75-2j]}}
  - id: mirrored
    function: conj(z) * z
    inputs: {z: "complex[2]"}
    points: {generic: {z: [-2+1j, -0.5-2j]}}
  - id: fine
    function: exp(z)
    inputs: {z: "complex[2]"}
    points: {generic: {z: [0.5+1j, -0.5-2j]}}
"""
KNOWN = """
known:
  - id: one-root
    because: one root for both half planes
    link: https://example.org/root
    in:
      root: {verdict: [sign, conjugate], points: left}
      twice: {verdict: [sign, conjugate]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("findings")
    (made / "cases").mkdir()
    (made / "cases" / "points.yaml").write_text("sets: {}\n")
    (made / "cases" / "all.yaml").write_text(CASES)
    run([made / "cases"], output=made / "run", progress=False, executor=InProcess())
    return made


@pytest.fixture(scope="module")
def known(folder: Path) -> Iterator[Any]:
    (folder / "cases" / "known.yaml").write_text(KNOWN)
    yield load([folder / "cases"])
    (folder / "cases" / "known.yaml").unlink()


def by_id(found: list[Finding]) -> dict[str, Finding]:
    return {f.id: f for f in found}


def test_without_causes_every_case_is_a_finding_of_its_own(folder: Path) -> None:
    found = by_id(findings(folder / "run"))
    assert set(found) == {"jax-root", "jax-twice", "torch-mirrored"}
    root = found["jax-root"]
    assert root.framework == "jax" and root.culprit == ("jax",) and root.functions == ("jax.numpy.arccosh",)
    assert root.points == ("root@left",) and root.verdict in ("sign", "conjugate")
    # -f' instead of f': twice the derivative is what is missing
    assert root.evidence == ("closed-form",) or root.evidence == ("reference",)
    assert root.size == pytest.approx(2.0) and root.link == "" and "jax 0" in root.versions


def test_a_cause_gathers_its_cases(folder: Path, known: Any) -> None:
    found = by_id(findings(folder / "run", expect=known))
    assert set(found) == {"jax-one-root", "torch-mirrored"}
    gathered = found["jax-one-root"]
    assert gathered.cases == ("root", "twice") and gathered.points == ("root@left", "twice@left")
    assert gathered.sentence == "one root for both half planes" and gathered.link == "https://example.org/root"


def test_what_the_formula_of_a_case_is_to_blame_for_is_no_finding(folder: Path, known: Any) -> None:
    excused = [replace(c, expect=tuple(replace(e, kind="formula") for e in c.expect)) for c in known]
    assert set(by_id(findings(folder / "run", expect=excused))) == {"torch-mirrored"}


def test_a_side_named_without_evidence_of_its_own_is_no_finding(folder: Path) -> None:
    table = compare(folder / "run")
    table = table[table["verdict"].astype(str) != "error"]
    assert collect(table, [], [])
    assert not collect(table.assign(evidence=""), [], []), "the other framework alone is no evidence"


def test_each_finding_is_shown_by_its_own_script(folder: Path, known: Any, capsys: Any) -> None:
    scripts = folder / "scripts"
    scripts.mkdir()
    (scripts / "mine.py").write_text('"""Somebody\'s own script."""\n')
    (scripts / "old.py").write_text('"""It exits with 0 where the finding is confirmed."""\n')
    out = folder / "findings.csv"
    arguments = ["findings", str(folder / "run"), "--expect", str(folder / "cases"), "--scripts", str(scripts)]
    assert main([*arguments, "--format", "csv", "--output", str(out)]) == 0
    assert "jax-one-root: confirmed" in capsys.readouterr().err
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [(r["id"], r["confirmed"], r["script"]) for r in rows] == [
        ("jax-one-root", "True", "scripts/jax-one-root.py"), ("torch-mirrored", "True", "scripts/torch-mirrored.py"),
    ]
    assert rows[1]["evidence"] == "internal-assertion" and rows[1]["link"] == UNREPORTED
    assert sorted(p.name for p in scripts.iterdir()) == ["jax-one-root.py", "mine.py", "torch-mirrored.py"]
    assert "import harness" not in (scripts / "jax-one-root.py").read_text()


def test_a_script_that_does_not_confirm_is_said(folder: Path) -> None:
    made = by_id(findings(folder / "run"))["jax-root"]
    sure, unsure = (replace(made, confirmed=c, script="print()") for c in (True, False))
    assert "1 confirmed" in text([sure, unsure]) and "not confirmed" in text([sure, unsure])
    page = markdown([sure, replace(unsure, id="jax-open", sentence="a | b < c")], "scripts")
    assert f"](scripts/{sure.id}.py), confirmed" in page and UNREPORTED in page
    told, _, apart = page.partition("## Not confirmed by a script")
    assert "- jax-open: a \\| b &lt; c" in apart and "jax-open" not in told, "what no script confirms stands apart"
    assert frame([unsure])["confirmed"].tolist() == [False]


def test_nothing_is_said_in_words() -> None:
    assert "no findings" in text([])
