"""Two runs, and what is said of the difference: each word is met by data that deserves it and by data that does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.comparison import CompareError
from harness.history import CHANGES, diff
from tests.comparison.build import case, holomorphic, observe
from tests.history.fakes import FakeRun, truth, version

CASES = [case("f")]
J = holomorphic(2 + 1j)
VALUE = 3 + 4j


def changes(old: Any, new: Any, **options: Any) -> pd.DataFrame:
    return diff(FakeRun("old", old, CASES), FakeRun("new", new, CASES), **options)


def one(frame: pd.DataFrame, quantity: str, api: str = "") -> pd.Series:
    rows = frame[(frame["quantity"] == quantity) & (frame["api"].astype(str) == api)]
    assert len(rows) == 1, frame[["change", "quantity", "api"]]
    return rows.iloc[0]


def test_nothing_changed() -> None:
    same = [observe(version(n), "torch.func", J, VALUE) for n in ("2.0", "2.1")]
    assert changes(*same).empty
    everything = changes(*same, unchanged=True)
    assert len(everything) == 8 and (everything["change"] == "").all() and not everything["surprising"].any()


@pytest.mark.parametrize(("wrong", "word"), [("new", "broken"), ("old", "fixed")])
def test_the_reference_says_who(wrong: str, word: str) -> None:
    tables = {n: version(v) for n, v in (("old", "2.0"), ("new", "2.1"))}
    for name, table in tables.items():
        observe(table, "torch.func", holomorphic(2 - 1j) if name == wrong else J, VALUE)
    truth(tables["new"], J, VALUE)
    row = one(changes(tables["old"], tables["new"]), "differential", "pullback")
    assert (row["change"], row["evidence"]) == (word, "reference")
    assert row["culprit"] == f"torch.func@{'2.1' if wrong == 'new' else '2.0'}"


def test_without_evidence_a_change_is_only_a_change() -> None:
    old, new = version("2.0"), version("2.1")
    observe(old, "torch.func", J, VALUE)
    observe(new, "torch.func", holomorphic(5 + 7j), VALUE)
    row = one(changes(old, new), "differential", "pullback")
    assert row["change"] == "changed" and row["culprit"] == "" and row["surprising"]


def test_old_is_left_whatever_the_versions() -> None:
    old, new = version("2.9"), version("2.1")
    observe(old, "torch.func", J, VALUE)
    observe(new, "torch.func", holomorphic(5 + 7j), VALUE)
    row = one(changes(old, new), "differential", "pullback")
    assert (row["left"], row["right"]) == ("torch.func@2.9", "torch.func@2.1")


def test_values() -> None:
    old, new = version("2.0"), version("2.1")
    observe(old, "torch.func", J, VALUE)
    observe(new, "torch.func", J, VALUE + 1)
    assert one(changes(old, new), "value")["change"] == "value changed"
    truth(new, J, VALUE)
    assert one(changes(old, new), "value")["change"] == "broken"
    assert one(changes(new, old), "value")["change"] == "fixed"


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ("ok", "refused", "newly refused"), ("refused", "ok", "newly supported"), ("ok", "crash", "broken"),
        ("timeout", "ok", "fixed"), ("refused", "error", "broken"), ("refused", "refused", ""),
    ],
)
def test_statuses(before: str, after: str, word: str) -> None:
    tables = []
    for number, status in (("2.0", before), ("2.1", after)):
        table = version(number).add("torch.func", "value", VALUE)
        data = np.array(2 + 1j) if status == "ok" else None
        tables.append(table.add("torch.func", "raw", data, api="backward", status=status, message="no"))
    row = one(changes(*tables, unchanged=True), "raw", "backward")
    assert row["change"] == word


def test_an_api_that_turns_round_while_the_derivative_stays() -> None:
    tables = []
    for number, gradient in (("2.0", 2 + 1j), ("2.1", 2 - 1j)):
        table = observe(version(number), "torch.func", J, VALUE, apis=[])
        tables.append(table.add("torch.func", "raw", np.array(gradient), api="backward"))
    frame = changes(*tables)
    assert list(frame["change"]) == ["changed convention"] and one(frame, "raw", "backward")["relation"] == "conjugate"


@pytest.mark.parametrize(("before", "after", "word"), [(0, 1e-11, "accuracy worse"), (1e-11, 0, "accuracy better"),
                                                       (1e-15, 3e-15, ""), (5e-12, 1e-11, "")])
def test_accuracy_beyond_noise(before: float, after: float, word: str) -> None:
    tables = []
    for number, error in (("2.0", before), ("2.1", after)):
        tables.append(observe(version(number), "torch.func", J * (1 + error), VALUE, apis=[]))
    truth(tables[1], J, VALUE)
    row = one(changes(*tables, unchanged=True), "differential", "pullback")
    assert row["change"] == word


def test_modes_are_paired_where_nothing_else_differs() -> None:
    old, new = version("2.0"), version("2.0")
    observe(old, "torch.func", J, VALUE)
    observe(new, "torch.func", holomorphic(1j), VALUE, mode="vmap")
    frame = changes(old, new)
    assert set(frame["axis"]) == {"mode"}
    assert one(frame, "differential", "pullback")["right"] == "torch.func:vmap"


def test_nothing_to_compare() -> None:
    a = observe(version("2.0"), "torch.func", J, VALUE)
    b = truth(version("2.0"), J, VALUE)
    with pytest.raises(CompareError, match="nothing to compare"):
        changes(a, b)


def test_points_that_are_not_the_same_are_left_out() -> None:
    old = observe(version("2.0"), "torch.func", J, VALUE)
    new = observe(version("2.1"), "torch.func", holomorphic(9j), VALUE)
    moved = [case("f", points={"p": np.full((), 2.0)})]
    frame = diff(FakeRun("old", old, CASES), FakeRun("new", new, moved))
    assert frame.empty and "not the same in all runs" in frame.attrs["notes"][0]


def test_the_words_are_those_documented() -> None:
    words = {
        "fixed", "broken", "changed convention", "newly refused", "newly supported", "value changed",
        "accuracy better", "accuracy worse", "changed", "",
    }
    assert set(CHANGES) == words
