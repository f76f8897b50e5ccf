"""The committed table of worst errors: each worst point, given to the frameworks and to the reference again, gives the
error that is written beside it. The tables of halves are of every number, so nothing there may be larger."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.formats import DTYPES
from harness.pointwise.pool import Pool
from harness.sweep.asking import Asker
from harness.sweep.engine import Sweeper
from harness.sweep.errors import QUANTITIES
from harness.sweep.everything import subjects

pytest.importorskip("torch")
pytest.importorskip("jax")
with (Path(__file__).parents[2] / "results" / "accuracy.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))
KEYS = list(dict.fromkeys((r["function"], r["dtype"]) for r in ROWS))
SUBJECTS = {(s.text, dtype): s for s, dtypes in subjects() for dtype in dtypes}
FAMILIES = {"torch.autograd": "torch", "torch.func": "torch", "jax": "jax"}


@pytest.fixture(scope="module")
def asker() -> Iterator[Asker]:
    with Asker(FAMILIES) as made:
        yield made


def reproduced(function: str, dtype: str, asker: Asker) -> None:
    mine = [r for r in ROWS if (r["function"], r["dtype"]) == (function, dtype)]
    measured = [r for r in mine if not r["missing"]]
    columns = [f"{q}_at" for q in QUANTITIES] + ["subnormal_at"]
    at = list(dict.fromkeys(r[c] for r in measured for c in columns if r[c]))
    if not at:
        return
    points = np.array([eval(p) for p in at], dtype if dtype.startswith("complex") else DTYPES[dtype].holder)
    subject = SUBJECTS[function, dtype]
    with Pool(subject.reference, subject.argument, is_real=subject.real, form=DTYPES[dtype]) as pool:
        made = Sweeper(subject, dtype, asker, pool).of(points, np.zeros(0))
    sides: dict[tuple[str, str], Any] = {(n, s.by): s for s in made.sides for n in s.backend.split(", ")}
    for row in measured:
        for name in row["backend"].split(", "):
            side = sides[name, row["by"]]
            for q in QUANTITIES:
                if row[f"{q}_worst"]:
                    told, again = float(row[f"{q}_worst"]), float(side.errors[q][at.index(row[f"{q}_at"])])
                    assert again == pytest.approx(told, rel=1e-6, abs=1e-6), (name, row["by"], q, row[f"{q}_at"])
            if row["subnormal_worst"]:
                tiny = np.fmax.reduce(list(side.errors.values()))[at.index(row["subnormal_at"])]
                assert float(tiny) == pytest.approx(float(row["subnormal_worst"]), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("function", "dtype"), [
    ("tanh(x)", "float64"), ("sinc(x)", "float16"), ("arctan(x)", "bfloat16"), ("arccosh(z)", "complex128")])
def test_a_worst_point_is_found_again(function: str, dtype: str, asker: Asker) -> None:
    assert (function, dtype) in KEYS
    reproduced(function, dtype, asker)


@pytest.mark.whole
@pytest.mark.parametrize(("function", "dtype"), KEYS)
def test_every_worst_point_is_found_again(function: str, dtype: str, asker: Asker) -> None:
    reproduced(function, dtype, asker)
