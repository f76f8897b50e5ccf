"""The sentence of every finding at three points inside of its region, where it holds, and three outside, where it does
not; and its script. What is right comes from mpmath with 160 digits."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import Any

import pytest

from harness.findings.exhibit import exhibit, lines, right, script
from harness.findings.exhibits import JAX, TORCH

pytest.importorskip("torch")
pytest.importorskip("jax")
ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted({**JAX, **TORCH})


def wrong(name: str, point: str) -> bool:
    """Whether the framework is wrong at a point; what raises is."""
    e = exhibit(name)
    assert e is not None
    found: dict[str, Any] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec("\n".join(lines(e, "jax" if name in JAX else "torch", point)), found)  # a text of the package's own
    except RuntimeError:
        return True
    truth = complex(right(e, point))
    off = found["got"] - truth
    return not abs(off.real) + abs(off.imag) <= e.room * abs(truth)


def checked(name: str) -> None:
    e = exhibit(name)
    assert e is not None and len({e.shown, *e.inside}) <= 4
    assert [wrong(name, p) for p in (e.shown, *e.inside)] == [True] * 4
    assert [wrong(name, p) for p in e.outside] == [False] * 3


@pytest.mark.parametrize("name", NAMES[::8])
def test_a_sentence_ends_where_its_error_ends(name: str) -> None:
    checked(name)


@pytest.mark.whole
@pytest.mark.parametrize("name", NAMES)
def test_every_sentence_ends_where_its_error_ends(name: str) -> None:
    checked(name)


def test_a_script_fits_an_issue() -> None:
    for name in NAMES:
        text = script(name, "a sentence " * 20, "torch 2.13.0, jax 0.10.2")
        assert len(text.splitlines()) <= 25, name
        assert "harness" not in text and max(map(len, text.splitlines())) <= 160, name
        compile(text, name, "exec")


def test_the_committed_findings_have_these_scripts() -> None:
    with (ROOT / "results/findings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        text = (ROOT / "results" / row["script"]).read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 25, row["id"]
        assert row["confirmed"] == "True" and exhibit(row["id"]) is not None, row["id"]
        assert text == script(row["id"], row["sentence"], row["versions"]), row["id"]
