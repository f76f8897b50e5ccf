"""What an editor completes: options spelled out, words as literals that are those of the comparison."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_args

import pytest

import harness
from harness import api
from harness.formats import DTYPES
from harness.runs import NotARun
from harness.runs.api import run as observe
from harness.verdicts import AXES


def test_the_options_of_a_run_are_those_of_observing() -> None:
    ours, theirs = (inspect.signature(f).parameters for f in (harness.run, observe))
    assert list(ours) == list(theirs)
    assert {n: p.default for n, p in ours.items() if n != "cases"} == {
        n: p.default for n, p in theirs.items() if n != "cases"}


def test_words_are_literals() -> None:
    assert get_args(api.Axis) == AXES
    assert set(get_args(api.Dtype)) == set(DTYPES)
    assert inspect.signature(harness.compare).parameters["axis"].annotation == "Axis"


def test_functions_that_share_the_name_of_a_package_stay_functions() -> None:
    """The import of harness.findings by the first call must not hide harness.findings from the second."""
    import importlib

    from harness.findings import collect

    for name in ("audit", "findings", "report", "site"):
        package = importlib.import_module(f"harness.{name}")
        found = getattr(harness, name)
        assert found is package and callable(found) and name in dir(harness)
        of_api = getattr(api, name, None) or package.audit
        assert inspect.signature(found) == inspect.signature(of_api)
    assert harness.findings.collect is collect


def test_a_report_from_python(tmp_path: Path) -> None:
    with pytest.raises(NotARun):
        harness.report(tmp_path / "none", tmp_path / "r.html")
    with pytest.raises(NotARun):  # and again, when everything has been imported
        harness.findings(tmp_path / "none")
