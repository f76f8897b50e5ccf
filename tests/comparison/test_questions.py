"""The lines of docs/questions.md, executed on a frame in which the answers are known."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import harness
from harness.comparison import Comparison
from tests.report.rows import frame, row

NOTEBOOK = Path(__file__).parents[2] / "docs" / "questions.ipynb"
PAGE = (Path(__file__).parents[2] / "docs" / "questions.md").read_text(encoding="utf-8")
LINES = re.findall(r"```python\n(.*?)\n```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def known() -> pd.DataFrame:
    return frame(
        row("arccosh", "generic", "defect", "sign", cause="jax-arccosh", since="jax 0.4.38", fixed="jax 0.12.0.1",
            family="inverse"),
        row("silu", "generic", "defect", "conjugate", left="torch.func", api="pushforward", family="nn"),
        row("log", "tiny-30", "defect", "nonfinite", ordinary=False, family="log"),
        row("exp", "generic", "convention", relation="conjugate", quantity="raw", family="exp"),
        row("abs", "zero", "kink", "choice", family="exp"), row("sin", "generic", family="exp"),
        row("new", "generic", "undecided", "mismatch", surprising=True, family="nn"),
        row("tan", "generic", "precision", "precision", ulp=40.0, family="exp"),
    )


def answer(number: int, frame: pd.DataFrame) -> Any:
    return eval(LINES[number - 1], {"frame": frame})


def test_there_are_ten_and_each_is_one_line() -> None:
    assert len(LINES) == 10 == len(re.findall(r"^\*\*\d+\.", PAGE, re.MULTILINE))
    assert not any("\n" in line for line in LINES)


def test_the_answers(known: pd.DataFrame) -> None:
    wrong = answer(1, known)
    assert {case: list(who) for case, who in wrong.items()} == {"arccosh": ["jax"], "silu": ["torch.func"]}
    releases = answer(2, known).set_index("case")
    assert tuple(releases.loc["arccosh", ["since", "fixed"]]) == ("jax 0.4.38", "jax 0.12.0.1") and len(releases) == 3
    assert answer(3, known) == 1
    assert answer(4, known)["case"].tolist() == ["new"]
    assert answer(5, known).to_dict() == {("kink", "abs"): 1}
    assert answer(6, known)["case"].tolist()[:4] == ["arccosh", "silu", "log", "new"]
    assert answer(7, known).to_dict() == {"jax-arccosh": 1}
    assert answer(8, known).to_dict() == {"inverse": 0, "nn": 0, "log": 0, "exp": 0.5}
    assert list(answer(9, known).index) == ["silu"]
    assert answer(10, known)["case"].tolist() == ["tan"]


def test_the_notebook_asks_the_same_and_runs(known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells, executed in order; the run and the comparison of the first one are the known frame's."""
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    first, *asked = ["".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code"]
    assert asked == LINES and book["nbformat"] == 4
    assert not any(c.get("outputs") for c in book["cells"])
    monkeypatch.setattr(harness, "run", lambda cases, tour: (cases, tour))
    monkeypatch.setattr(harness, "compare", {("../cases", True): known}.__getitem__)
    space: dict[str, Any] = {}
    exec(first, space)
    answers = [eval(cell, space) for cell in asked]
    assert answers[2] == 1 and list(answers[8].index) == ["silu"] and answers[9]["case"].tolist() == ["tan"]


def test_a_notebook_shows_culprit_and_cause_in_rows_of_one_line(known: pd.DataFrame) -> None:
    shown = Comparison(known)._repr_html_()
    assert shown is not None
    head = re.findall(r"<th>([^<]*)</th>", shown)
    assert head[:8] == ["case", "point", "kind", "verdict", "culprit", "cause", "left", "right"]
    assert "new" in shown and "8 comparisons" in shown and "nowrap" in shown
