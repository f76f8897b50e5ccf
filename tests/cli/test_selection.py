"""A glob that selects nothing: one sentence with near names and status 2, in every command that takes one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness
from harness import api
from harness.cli import main
from harness.selection import NothingSelected, Selection

CASE = """
cases:
  - id: square
    function: z * z
    inputs: {z: "complex[2]"}
    points: {generic: {z: [1+2j, 3-1j]}}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case file and a run of it by the reference alone, which needs no framework."""
    folder = tmp_path_factory.mktemp("selection")
    (folder / "square.yaml").write_text(CASE)
    harness.run(folder / "square.yaml", backends=["reference"], output=folder / "run", jobs=1, progress=False)
    return folder


COMMANDS = {
    "run": ["run", "FILE", "--select"], "list": ["list", "FILE", "--select"], "lint": ["lint", "FILE", "--select"],
    "coverage": ["coverage", "FILE", "--select"], "compare": ["compare", "RUN", "--select"],
    "findings": ["findings", "RUN", "--select"], "accuracy": ["accuracy", "RUN", "--select"],
    "diff": ["diff", "RUN", "RUN", "--select"], "timeline": ["timeline", "RUN", "--select"],
    "report": ["report", "RUN", "--output", "HTML", "--select"], "show": ["show", "RUN"], "repro": ["repro", "RUN"],
}


@pytest.mark.parametrize("glob", ["sqare", "square@genric", "nothing*"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_mistyped_selection(
    name: str, glob: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"FILE": str(files / "square.yaml"), "RUN": str(files / "run"), "HTML": str(files / "report.html")}
    assert main([*(places.get(word, word) for word in COMMANDS[name]), glob]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"harness {name}: no case matches {glob!r}") and said.count("\n") == 1
    assert glob == "nothing*" or "did you mean square" in said
    assert not (files / "report.html").exists()


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "compare": lambda run, s: api.compare(run, select=s), "findings": lambda run, s: api.findings(run, select=s),
    "accuracy": lambda run, s: api.accuracy(run, select=s), "timeline": lambda run, s: api.timeline(run, select=s),
    "diff": lambda run, s: api.diff(run, run, select=s),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("glob", ["sqare", ["square", "sqare"]])
def test_the_same_from_python(name: str, glob: Any, files: Path) -> None:
    with pytest.raises(NothingSelected, match=r"'sqare'.*did you mean square"):
        CALLS[name](files / "run", glob)


def test_a_text_is_one_glob_and_the_rule_is_one() -> None:
    selection = Selection("sq*@gen*")
    assert selection.matches("square", "generic") and not selection.matches("square", "zero")
    assert selection.matches("square", "*") and not selection.matches("root", "*")
    assert Selection("elementwise/*").matches("square", "zero", "elementwise")
    assert Selection(None).matches("square", "zero") and not Selection("s").matches("square", "zero")


def test_an_empty_list_is_not_everything(files: Path) -> None:
    with pytest.raises(NothingSelected, match="selects nothing"):
        api.compare(files / "run", select=[])
