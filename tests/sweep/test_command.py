"""`harness sweep` as it is typed, and the exhaustive sweep that is cut off and continued."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main
from harness.model import CaseError, Source
from harness.pointwise.subject import Subject
from harness.sweep import exhaustive
from harness.sweep.asking import Asker
from harness.sweep.everything import page, subjects
from harness.sweep.tables import COLUMNS, frame
from tests.recorded import catalogue_once

SMALL = ["--points", "2000", "--decided", "400", "--jobs", "1", "--backend", "torch.autograd"]


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue_once(monkeypatch)


@pytest.fixture(scope="module")
def asker() -> Iterator[Asker]:
    with Asker({"torch.autograd": "torch"}) as made:
        yield made


def test_a_sweep_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """tanh' = 1 - tanh**2 is 0 in torch where it is not: for |x| from 19.06 to 354."""
    assert main(["sweep", "tanh(x)", "--real", "--format", "json", *SMALL]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(r["backend"], r["by"]) for r in rows] == [("torch.autograd", "reverse"), ("torch.autograd", "forward")]
    for row in rows:
        assert set(row) == set(COLUMNS) and row["value_worst"] < 4 and row["dz_worst"] > 1e15
        zero = next(r for r in row["regions"] if r["kind"] == "zero" and r["quantity"] == "derivative")
        assert 19 < abs(float(zero["at"])) < 355 and 0 < zero["share"] < 0.01


@pytest.mark.parametrize(("words", "said"), [
    (["sweep"], "name a function"),
    (["sweep", "frobnicate"], "frobnicate"),
    (["sweep", "exp(z)", "--exhaustive"], "too many numbers"),
    (["sweep", "exp(z)", "--backend", "nobody"], "nobody"),
    (["sweep", "x * y"], "variables"),
    (["sweep", "exp(x)", "exp(x)", "--torch", "torch.exp(x)"], "one FUNCTION"),
])
def test_bad_usage_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    told = capsys.readouterr().err.strip()
    assert said in told and "\n" not in told


def test_an_exhaustive_sweep_is_continued(tmp_path: Path, asker: Asker) -> None:
    subject = Subject("cube", "x", {"": Source("portable", "x * x * x")}, "x * x * x", True)
    state = tmp_path / "state.json"
    exhaustive.resumable(subject, "bfloat16", asker, state, block=1 << 11, until=1 << 11)
    assert json.loads(state.read_text())["done"] == 1 << 11
    cut = exhaustive.resumable(subject, "bfloat16", asker, state, block=1 << 11, until=1 << 12)
    whole = exhaustive.resumable(subject, "bfloat16", asker, tmp_path / "other.json", block=1 << 11, until=1 << 12)
    assert cut.asked == whole.asked == 1 << 12
    np.testing.assert_array_equal(cut.points, whole.points)
    for a, b in zip(cut.sides, whole.sides, strict=True):
        np.testing.assert_array_equal(a.errors["dz"], b.errors["dz"])
    with pytest.raises(CaseError, match="another sweep"):
        other = Subject("square", "x", {"": Source("portable", "x * x")}, "x * x", True)
        exhaustive.resumable(other, "bfloat16", asker, state, block=1 << 11, until=1 << 12)


def test_everything_is_a_list_of_functions_and_a_page() -> None:
    listed = list(subjects())
    assert len({s.text for s, _ in listed if s.real} | {s.text for s, _ in listed if not s.real}) >= 120
    assert all(s.argument == ("x" if s.real else "z") for s, _ in listed)
    row = dict.fromkeys(COLUMNS, float("nan")) | {
        "function": "f(x)", "dtype": "float64", "backend": "jax", "by": "reverse", "value_worst": 1.0,
        "value_median": 0.25, "dz_worst": 2e15, "dz_median": 0.5, "dz_at": "19.5", "dzbar_at": "", "regions": ""}
    assert "| `f(x)` | float64 | jax | reverse | 1 / 0.25 | 2e15 / 0.5 |  | `19.5` |" in page(frame([row]))
