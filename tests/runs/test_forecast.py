"""What is said before a long run begins."""

from __future__ import annotations

import io
import re

import pytest

import harness.runs as runs
from harness.model import Case, Task
from harness.runs import forecast
from harness.runs.api import _beforehand
from tests.runs.conftest import make_case


def tasks_of(cases: list[Case]) -> tuple[Task, ...]:
    return runs.plan(cases, [runs.Target("jax", family="jax"), runs.Target("torch.func", family="torch")])


def test_a_forecast_grows_with_the_plan_and_the_slowness_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    one, three = (tasks_of([make_case(f"c{k}") for k in range(n)]) for n in (1, 3))
    monkeypatch.setattr(forecast, "_loop", lambda: forecast.LOOP)
    expected = forecast.SECONDS["jax"] + forecast.SECONDS["torch.func"]
    assert forecast.forecast(one, 1) == pytest.approx(expected)
    assert forecast.forecast(three, 2) == pytest.approx(1.5 * expected)
    monkeypatch.setattr(forecast, "_loop", lambda: 4 * forecast.LOOP)
    assert forecast.forecast(one, 1) == pytest.approx(4 * expected)
    assert [forecast.in_words(s) for s in (1, 44, 89, 200)] == [
        "about 10 s", "about 40 s", "about 90 s", "about 3 min"]


def test_the_tour_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "_loop", lambda: 100 * forecast.LOOP)
    cases = [make_case(f"c{k}") for k in range(6)]
    said = list(_beforehand(tasks_of(cases[:2]), cases, None, 2, 1))
    points, every = sum(len(c.points) for c in cases[:2]), sum(len(c.points) for c in cases)
    assert said[0].startswith("4 tasks on 2 targets, about 2 min here")
    assert re.search(rf"2 of 6 cases, {points} of {every} points; without --tour all of them, about 5 min", said[1])


def test_a_short_run_is_not_announced(go: object) -> None:
    stream = io.StringIO()
    go("Square", cases=[make_case()], progress=runs.Progress(stream))  # type: ignore[operator]
    assert "empty caches" not in stream.getvalue()
