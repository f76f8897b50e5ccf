"""The sentence of every finding at three points inside of its region, where it holds, and three outside, where it does
not; and its script. What is right comes from mpmath with 160 digits."""

from __future__ import annotations

import cmath
import csv
import warnings
from pathlib import Path
from typing import Any

import pytest

from harness.findings.exhibit import exhibit, lines, right, script
from harness.findings.exhibits import JAX, TORCH
from harness.findings.hunted import QUANTITIES, hunted

pytest.importorskip("torch")
pytest.importorskip("jax")
ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted({**JAX, **TORCH, **hunted()})


def answers(name: str, point: str) -> tuple[complex, complex]:
    """What a framework returns at a point, NaN where it raises, and what is right."""
    e = exhibit(name)
    assert e is not None
    found: dict[str, Any] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec("\n".join(lines(e, name.partition("-")[0], point)), found)  # a text of the package's own
    except RuntimeError:
        return complex("nan"), complex(right(e, point))
    return found["got"], complex(right(e, point))


def wrong(name: str, point: str) -> bool:
    """Whether the framework is wrong at a point; what raises is."""
    e = exhibit(name)
    assert e is not None
    got, truth = answers(name, point)
    off = got - truth
    return not abs(off.real) + abs(off.imag) <= e.room * abs(truth)


def checked(name: str) -> None:
    e = exhibit(name)
    assert e is not None and len({e.shown, *e.inside}) <= 4
    assert [wrong(name, p) for p in (e.shown, *e.inside)] == [True] * 4
    assert [wrong(name, p) for p in e.outside] == [False] * 3
    if name in hunted():
        got, truth = answers(name, e.shown)
        told = "nonfinite" if not cmath.isfinite(got) else "zero" if not got else "other"
        verdict = hunted()[name].verdict
        assert verdict in ((told,) if told == "nonfinite" else ("value", "zero") if told == "zero" else
                           ("value", "precision", "mismatch")), (got, truth)


@pytest.mark.parametrize("name", NAMES[::8])
def test_a_sentence_ends_where_its_error_ends(name: str) -> None:
    checked(name)


@pytest.mark.whole
@pytest.mark.parametrize("name", NAMES)
def test_every_sentence_ends_where_its_error_ends(name: str) -> None:
    checked(name)


def test_what_was_hunted_is_of_a_framework_and_of_no_case() -> None:
    for name, e in hunted().items():
        assert e.framework in ("torch", "jax") and name not in JAX and name not in TORCH
        assert e.of in QUANTITIES and e.exhibit.function and not e.sentence.endswith("."), name
        assert all(f.startswith(e.framework) for f in e.exhibit.function.split()), name


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
