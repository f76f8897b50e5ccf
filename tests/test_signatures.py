"""What an editor completes: options spelled out, words as literals that are those of the comparison."""

from __future__ import annotations

import inspect
from typing import get_args

import harness
from harness import api
from harness.model import PRECISION
from harness.runs.api import run as observe
from harness.verdicts import AXES


def test_the_options_of_a_run_are_those_of_observing() -> None:
    ours, theirs = (inspect.signature(f).parameters for f in (harness.run, observe))
    assert list(ours) == list(theirs)
    assert {n: p.default for n, p in ours.items() if n != "cases"} == {
        n: p.default for n, p in theirs.items() if n != "cases"}


def test_words_are_literals() -> None:
    assert get_args(api.Axis) == AXES
    assert set(get_args(api.Dtype)) == set(PRECISION)
    assert inspect.signature(harness.compare).parameters["axis"].annotation == "Axis"
