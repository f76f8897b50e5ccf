"""`harness sweep` as it is typed, and the exhaustive sweep that is cut off and continued."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.cli import main
from harness.model import CaseError, Source
from harness.pointwise.everywhere import Exact
from harness.pointwise.pool import Pool
from harness.pointwise.subject import Subject
from harness.sweep import everything, exhaustive
from harness.sweep.asking import Asker, Gone
from harness.sweep.engine import Sweeper
from harness.sweep.everything import page, subjects, sweep_all
from harness.sweep.tables import COLUMNS, frame, without
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
        "value_median": 0.25, "dz_worst": 2e15, "dz_median": 0.5, "dz_at": "19.5", "dzbar_at": "", "regions": "",
        "asked": 1, "missing": ""}
    assert "| `f(x)` | float64 | jax | reverse | 1 / 0.25 | 2e15 / 0.5 |  | `19.5` |" in page(frame([row]))


def test_a_table_is_continued_where_it_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written after each function; not done again but for rows of another version; rows of other backends stay."""
    made: list[str] = []

    def one(subject: Subject, dtype: str, asker: Asker, *_: object) -> list[dict[str, object]]:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(subject.text)
        return [row | {"backend": ", ".join(asker.families), "missing": ""}
                for row in [without(subject.text, dtype, [], "", f"torch {torch_version}")]]

    def swept(families: dict[str, str]) -> list[str]:
        made.clear()
        with suppress(KeyboardInterrupt):
            sweep_all(families, tmp_path, points=1, decided=1, only=["float64"], said=said.append)
        return made

    torch_version, said = version("torch").partition("+")[0], list[str]()
    monkeypatch.setattr(everything, "_one", one)
    listed = [s.text for s, dtypes in subjects() if "float64" in dtypes]
    assert swept({"torch.autograd": "torch"}) == listed[:3]
    assert swept({"torch.autograd": "torch"}) == listed[3:6]
    table = tmp_path / "accuracy.csv"
    with table.open(newline="") as file:
        assert [r["function"] for r in csv.DictReader(file)] == listed[:6]
    table.write_text(table.read_text().replace(torch_version, "1.0.0", 1))
    assert swept({"torch.autograd": "torch"}) == [listed[0], *listed[6:8]]
    assert len(said) == 1 and "torch 1.0.0" in said[0] and f"torch {torch_version} is installed" in said[0]
    assert swept({"jax": "jax"}) == listed[:3]
    with table.open(newline="") as file:
        told = [(r["function"], r["backend"]) for r in csv.DictReader(file)]
    assert told[:2] == [(listed[0], "jax"), (listed[0], "torch.autograd")] and len(told) == 11
    assert not list(tmp_path.glob(".*"))


def test_what_a_framework_refuses_has_a_row() -> None:
    """torch has no erfcx of half precision: its words stand in the table."""
    said = without("f(x)", "float16", ["torch.func"], "\n RuntimeError: not implemented\nmore", "torch 2.13.0")
    assert set(said) == set(COLUMNS) and said["missing"].strip() == "RuntimeError: not implemented"
    gone = without("g(x)", "float16", ["jax"], f"{everything.NO_ANSWER}: the process ended", "jax 0.10.2")
    text = page(frame([said, gone]))
    assert "| `f(x)` | float16 | torch.func |  | unsupported |  |  |  |" in text
    assert "| `g(x)` | float16 | jax |  | no answer |  |  |  |" in text and "0 elementwise functions" in text


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
        return SimpleNamespace(seconds=1.0, sides=[], left=set(asker.families.values()))

    monkeypatch.setattr(everything, "sweep", hangs)
    monkeypatch.setattr(everything, "rows", lambda made: [{"left": made.left}])
    with Asker({"torch.autograd": "torch", "jax": "jax"}) as both:
        left, lost = everything._one(subject, "float64", both, 1, 1, 0, said.append)
    assert left == {"left": {"jax"}}
    assert (lost["backend"], lost["missing"]) == ("torch.autograd", "no answer: the process that holds torch ended")
    with Asker({"torch.autograd": "torch"}) as alone:
        (only,) = everything._one(subject, "float64", alone, 1, 1, 0, said.append)
    assert only["backend"] == "torch.autograd"
    assert "torch ended" in said[0] and "0 sides" in said[1]


def test_sides_are_one_only_where_they_agree_at_every_point() -> None:
    """torch's and jax's sigmoid are the same at most numbers and differ by a unit at others."""
    subject = next(s for s, dtypes in subjects() if s.text == "sigmoid(x)" and "float64" in dtypes)
    families = {"torch.autograd": "torch", "torch.func": "torch", "jax": "jax"}
    with Asker(families) as every, Pool(subject.reference, "x", is_real=True, jobs=1) as pool:
        made = Sweeper(subject, "float64", every, pool).of(np.linspace(-1, 1, 3), np.array([-2.0000000000000004]))
    assert [s.backend for s in made.sides if s.by == "reverse"] == ["torch.autograd, torch.func", "jax"]


def test_another_rounding_alone_is_no_function_of_the_other_points(asker: Asker) -> None:
    """torch's i0e of one bfloat16 number at 0 is 0.992, in long arrays 1."""
    points = np.linspace(-2, 2, 4097)
    texts = ["torch.special.i0e(x)", "torch.cumsum(x, 0)", "x / torch.sum(x * x)"]
    told = [asker.ask(Subject("native", "x", {"torch": Source("native", text)}, "x", True), "bfloat16", points)
            ["torch.autograd"] for text in texts]
    assert told[0].value is not None
    for answer in told[1:]:
        assert answer.value is None and "depends on the other points" in answer.messages["value"]
