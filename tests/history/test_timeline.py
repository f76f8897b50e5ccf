"""Histories made by hand, and what the timeline says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from harness.comparison import CompareError
from harness.history import Timeline, timeline
from harness.history.timeline import bounds
from harness.report.timeline import markdown, terminal
from tests.comparison.build import Table, case, holomorphic, observe
from tests.history.fakes import FakeRun, truth, version

CASES = [case("f")]
RIGHT, WRONG, OTHER = holomorphic(2 + 1j), holomorphic(2 - 1j), holomorphic(7 + 5j)
VALUE = 3 + 4j


def history(tables: Sequence[Table], **options: Any) -> Timeline:
    # shuffled on purpose: versions are put in order, not runs
    runs = [FakeRun(f"run{k}", t, CASES) for k, t in enumerate(tables)]
    return timeline(runs[1:] + runs[:1], **options)


def row(frame: Timeline, api: str, quantity: str = "differential") -> Any:
    found = frame[(frame["api"] == api) & (frame["quantity"] == quantity)]
    assert len(found) == 1, frame[["case", "quantity", "api"]]
    return found.iloc[0]


def tables(*matrices: np.ndarray) -> list[Table]:
    return [observe(version(f"2.{k}"), "torch.func", j, VALUE) for k, j in enumerate(matrices)]


def test_the_first_bad_and_the_first_good_release() -> None:
    made = tables(RIGHT, RIGHT, WRONG, WRONG, RIGHT)
    truth(made[4], RIGHT, VALUE)
    found = row(history(made), "pullback")
    assert [found[f"torch 2.{k}"] for k in range(5)] == ["right", "right", "wrong", "wrong", "right"] or [
        found[f"torch 2.{k}"].split(" (")[0] for k in range(5)
    ] == ["right", "right", "wrong", "wrong", "right"]
    assert (found["first_bad"], found["first_good"], found["decided"]) == ("torch 2.2", "torch 2.4", "reference")


def test_without_the_reference_only_the_change_is_told() -> None:
    found = row(history(tables(RIGHT, WRONG, OTHER, RIGHT)), "pullback")
    words = [found[f"torch 2.{k}"].split(" (")[0] for k in range(4)]
    assert words == ["A", "B", "C", "A"]
    assert (found["first_bad"], found["first_good"], found["decided"]) == ("torch 2.1", "torch 2.3", "change")


def test_what_does_not_change_has_no_row() -> None:
    made = tables(WRONG, WRONG)
    truth(made[0], RIGHT, VALUE)
    frame = history(made)
    assert frame.empty and frame.attrs["followed"] == {"torch.func on cpu (eager)": 9}


def test_noise_is_no_change() -> None:
    assert history(tables(RIGHT, RIGHT * (1 + 1e-10))).empty


def test_nan_then_zero() -> None:
    found = row(history(tables(np.full((2, 2), np.nan), np.zeros((2, 2)))), "pullback")
    assert (found["torch 2.0"], found["torch 2.1"]) == ("A (NaN)", "B (zero)")


def test_accepted_then_refused() -> None:
    made = []
    for number, status in (("1.13.1", "ok"), ("2.0.1", "ok"), ("2.4.1", "refused")):
        table = version(number).add("torch.func", "value", VALUE)
        data = np.array(2 + 1j) if status == "ok" else None
        made.append(table.add("torch.func", "raw", data, api="backward", status=status, message="no"))
    found = row(history(made), "backward", "raw")
    assert [found[f"torch {v}"] for v in ("1.13.1", "2.0.1", "2.4.1")] == ["ok", "ok", "refused"]
    assert (found["first_bad"], found["first_good"], found["decided"]) == ("torch 2.4.1", "", "status")


def test_versions_are_ordered_as_numbers() -> None:
    made = [observe(version(v), "torch.func", j, VALUE) for v, j in (("2.9.1", RIGHT), ("2.13.0+cpu", WRONG))]
    assert list(history(made).columns[-2:]) == ["torch 2.9.1", "torch 2.13.0"]


def test_a_release_that_was_not_asked_leaves_a_gap() -> None:
    made = tables(RIGHT, RIGHT, WRONG)
    made[1] = observe(version("2.1"), "torch.func", RIGHT, VALUE, apis=[])
    truth(made[0], RIGHT, VALUE)
    found = row(history(made), "backward", "raw")
    assert found["torch 2.1"] == "" and found["torch 2.0"] == "right" and found["torch 2.2"].startswith("wrong")


def test_two_jacobians_of_one_release() -> None:
    made = []
    for number, status in (("1.13.1", "ok"), ("2.0.1", "refused")):
        table = observe(version(number), "torch.func", RIGHT, VALUE, apis=[])
        for api, data in (("jacrev", 2 - 1j), ("jacfwd", 2 + 1j)):
            table.add("torch.func", "raw", np.array(data) if status == "ok" else None, api=api, status=status)
        made.append(table)
    found = row(history(made), "jacrev ~ jacfwd", "relation")
    assert (found["torch 1.13.1"], found["torch 2.0.1"]) == ("conjugate", "refused")


def test_one_version_is_no_history() -> None:
    with pytest.raises(CompareError, match="at least two releases"):
        history(tables(RIGHT))


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["right", "wrong", "right"], ("b", "c")), (["wrong", "right", "wrong"], ("a", "b")), (["ok", "ok"], ("", "")),
        (["refused", "ok", "ok"], ("a", "b")), (["A", "B", "A"], ("b", "c")), (["right A", "right B"], ("b", "")),
    ],
)
def test_bounds(states: list[str], expected: tuple[str, str]) -> None:
    assert bounds(states, ["a", "b", "c"][: len(states)]) == expected


def test_what_people_read() -> None:
    made = tables(RIGHT, WRONG)
    truth(made[0], RIGHT, VALUE)
    frame = history(made)
    for text in (markdown(frame, "the command"), terminal(frame)):
        assert "torch.func on cpu (eager)" in text and "wrong" in text
    assert "`the command`" in markdown(frame, "the command")
