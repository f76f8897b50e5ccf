"""What a row is about: ordinary or extreme, what it counts as, since when; and that a kept comparison is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.comparison import compare, compare_tables, kept
from harness.comparison.ordinary import is_ordinary
from harness.model import Expectation, Input, Point
from harness.recorded import releases, tables
from tests.comparison.build import Table, case, header, holomorphic, observe

J = holomorphic(2j, -3 + 1j)
VALUE = np.array([1 + 1j, 2 - 1j])


@pytest.mark.parametrize(("name", "value", "ordinary"), [
    ("generic-2", 1 + 2j, True), ("here", -2 + 1j, True), ("here", 1 + 0j, True), ("left-half-plane", -2 + 1j, True),
    ("here", 0, False), ("here", 1e-5, False), ("here", 1e5j, False), ("here", np.inf, False), ("here", np.nan, False),
    ("at-one", 1, False), ("negative-axis-above", -2, False), ("real-all-equal", 2, False), ("tiny-30", 1e-30, False),
    ("generic", 0, True), ("generic", np.nan, False),
])
def test_an_ordinary_point(name: str, value: complex, ordinary: bool) -> None:
    point = Point(name, {"z": np.array([1.5 - 1j, value])})
    assert is_ordinary(case(shape=(2,), points={}), point) == ordinary


def test_what_is_not_differentiated_by_may_be_of_any_size() -> None:
    many = case(shape=(1,))
    inputs = (*many.inputs, Input("n", "real", (1,), differentiate=False))
    point = Point("here", {"z": np.array([1j]), "n": np.array([1e9])})
    assert is_ordinary(replace(many, inputs=inputs), point)


def with_reference(wrong: Any = 1) -> Table:
    """jax returns `wrong` times the derivative that the reference proves; torch.func returns it."""
    out = Table({"torch": "2.13.0+cpu", "jax": "0.10.2"})
    observe(out, "torch.func", J, VALUE, (2,), point="generic")
    observe(out, "jax", wrong * J, VALUE, (2,), point="generic")
    for quantity, data in (("value", VALUE), ("differential", J), ("bound", 0 * J),
                           ("class", np.zeros(J.shape, np.int8))):
        out.add("reference", quantity, data, point="generic", api="reference")
    return out


def compared(seen: Table, **known: Any) -> pd.DataFrame:
    stated = [Expectation(("sign",), "why", strict=False, **known)] if known else []
    some = case("f", shape=(2,), points={"generic": np.ones(2)}, expect=stated, family="mine/file")
    return compare_tables([pd.DataFrame(seen.rows)], [header("torch.func", "jax", "reference")], [[some]])


def test_a_side_that_is_named_wrong_is_a_defect_unless_it_is_known_to_be_none() -> None:
    frame = compared(with_reference(-1))
    wrong = frame["culprit"] == "jax"
    assert set(frame.loc[wrong, "kind"]) == {"defect"} and wrong.any()
    assert set(frame.loc[~wrong, "kind"]) <= {"same", "convention"}
    assert set(frame["family"]) == {"mine/file"} and frame["ordinary"].all()
    assert (frame.loc[wrong, "verdict"] >= "value").all(), "verdicts are ordered, the worst last"
    link = "https://example.org/1"
    assert set(compared(with_reference(-1), link=link).loc[wrong, "link"]) == {link}
    excused = compared(with_reference(-1), defect=False) if "defect" in Expectation.__dataclass_fields__ else compared(
        with_reference(-1), kind="formula")
    assert set(excused.loc[wrong, "kind"]) == {"formula"}


def test_a_convention_is_a_kind_of_its_own() -> None:
    frame = compared(with_reference())
    conjugated = (frame["verdict"] == "agree") & (frame["relation"] == "conjugate")
    assert conjugated.any() and set(frame.loc[conjugated, "kind"]) == {"convention"}
    assert set(frame.loc[~conjugated, "kind"]) == {"same"}


TIMELINE = """\
backend,case,quantity,api,point,jax 0.4.20,jax 0.4.38,jax 0.8.1,jax 0.10.2,jax 0.12.0.1
jax,f,differential,pullback,"generic, other +3",right,wrong A,wrong B (NaN),wrong B,right
jax,f,differential,pushforward,generic,wrong,right,wrong,,wrong
"""
FINDINGS = "id,framework,points\njax-f,jax,f@other\n"


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "matrix").mkdir()
    (tmp_path / "matrix" / "timeline.csv").write_text(TIMELINE)
    (tmp_path / "findings.csv").write_text(FINDINGS)
    monkeypatch.setattr(tables, "PLACES", (tmp_path,))
    for cached in (tables.rows, releases._histories, releases.of_cause):
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in (tables.rows, releases._histories, releases.of_cause):
        cached.cache_clear()


def test_since_and_fixed_come_from_the_recorded_history(recorded: None) -> None:
    frame = compared(with_reference(-1))
    rows = frame[(frame["culprit"] == "jax") & (frame["quantity"] == "differential")]
    told = {(r.api, r.since, r.fixed) for r in rows.itertuples()}
    assert told == {("pullback", "jax 0.4.38", "jax 0.12.0.1"), ("pushforward", "jax 0.8.1", "")}


@pytest.mark.parametrize(("version", "since", "fixed"), [
    ("0.10.2", "jax 0.8.1", ""), ("0.4.20", "jax 0.4.20 or before", "jax 0.4.38"), ("0.4.38", "", ""),
    ("0.5.0", "", ""), ("0.4.1", "jax 0.4.20 or before", "jax 0.4.38"), ("", "jax 0.8.1", ""),
    ("0.99", "jax 0.8.1", ""),
])
def test_a_release_lies_in_one_stretch(recorded: None, version: str, since: str, fixed: str) -> None:
    span = releases.of_question("jax", "f", "differential", "pushforward", "generic", version)
    assert (span.since, span.fixed) == (since, fixed)


def test_a_cause_has_the_history_that_its_points_share(recorded: None) -> None:
    assert releases.of_cause("jax-f", "jax", "0.10.2").since == "jax 0.4.38"
    assert releases.of_cause("jax-g", "jax", "0.10.2") == releases.NOTHING


class Recorded:
    """A closed run of the hand-made table."""

    complete = True

    def __init__(self, path: Path, seen: Table) -> None:
        self.path, self.header = path, header("torch.func", "jax", "reference")
        self.cases = (case("f", shape=(2,), points={"generic": np.ones(2)}),)
        self.seen = seen
        path.mkdir(exist_ok=True)
        (path / "closed.json").write_text('{"sha256": {"observations.parquet": "1"}}')

    def table(self) -> Any:
        return pd.DataFrame(self.seen.rows)


def test_a_kept_comparison_is_the_same_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "LEAST", 0)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    run = Recorded(tmp_path / "run", with_reference(-1))
    first = compare(run)
    (file,) = (run.path / kept.FOLDER).iterdir()
    run.seen = SimpleNamespace(rows=None)  # whoever compared again would fail
    pd.testing.assert_frame_equal(pd.DataFrame(compare(run)), pd.DataFrame(first))
    pd.testing.assert_frame_equal(pd.DataFrame(compare(run, select="f@gen*")), pd.DataFrame(first))
    forged = file.read_bytes()
    file.write_bytes(forged[:32] + forged[33:])
    assert kept.load(run, "backend") is None
    file.write_bytes(forged[:100])
    run.seen = with_reference(-1)  # a damaged one is made anew
    pd.testing.assert_frame_equal(pd.DataFrame(compare(run)), pd.DataFrame(first))


def test_what_is_kept_is_never_out_of_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LEAST", 0)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    run = Recorded(tmp_path / "run", with_reference(-1))
    compare(run)
    assert kept.load(run, "backend") is not None and kept.load(run, "api") is None
    with monkeypatch.context() as other:
        other.setattr(kept, "code", lambda: "another release")
        assert kept.load(run, "backend") is None
    (run.path / "closed.json").write_text('{"sha256": {"observations.parquet": "other"}}')
    assert kept.load(run, "backend") is None
    monkeypatch.setenv("HARNESS_CACHE", "off")
    assert kept.load(run, "backend") is None
