"""`harness sweep` as it is typed, and the exhaustive sweep that is cut off and continued."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.cli import main
from harness.model import CaseError, Source
from harness.pointwise.everywhere import Exact
from harness.pointwise.subject import Subject
from harness.sweep import everything, exhaustive
from harness.sweep.asking import Asker, Gone
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


def test_binades_without_a_number_are_not_asked_about_one_by_one() -> None:
    """Binade 0: NaN and unknown throughout. 1: NaN, but the reference knows the number. 2: a pole. 3: one finite."""
    nan, inf = float("nan"), float("inf")
    cells = np.repeat([0, 1, 2, 3], 4)
    value = np.array([nan] * 8 + [inf] * 4 + [inf, inf, 1.0, inf])[:, None]
    checked = np.arange(0, 16, 2)
    known = Exact.empty(8, 1, 1)
    known.value[:, 0] = [nan, nan, 2.0, 2.0, inf, inf, inf, 1.0]
    known.value_known[:] = [False, False, False, True, True, True, True, True]
    none = list(exhaustive._without([value, value], known, cells, checked))
    assert [sorted(set(cells[n])) for n in none] == [[0], [2], []]


def test_a_framework_that_hangs_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, said = next(subjects())[0], list[str]()

    def hangs(subject: Subject, dtype: str, asker: Asker, **_: object) -> object:
        if "torch" in asker.families.values():
            raise Gone("the process that holds torch ended", "torch")
        return SimpleNamespace(seconds=1.0, left=set(asker.families.values()))

    monkeypatch.setattr(everything, "sweep", hangs)
    monkeypatch.setattr(everything, "rows", lambda made: [{"left": made.left}])
    with Asker({"torch.autograd": "torch", "jax": "jax"}) as both:
        assert everything._one(subject, "float64", both, 1, 1, 0, said.append) == [{"left": {"jax"}}]
    with Asker({"torch.autograd": "torch"}) as alone:
        assert everything._one(subject, "float64", alone, 1, 1, 0, said.append) == []
    assert "torch ended" in said[0] and "1 sides" in said[1]
