"""The committed table of worst errors: each worst point, given to the frameworks and to the reference again, gives the
error that is written beside it. Halves are asked about with all the others, as the table was made: what a compiled
program or a vector of numbers returns may depend on how many there are, in the last place."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.formats import DTYPES
from harness.pointwise.everywhere import Exact
from harness.pointwise.pool import Pool
from harness.sweep import errors
from harness.sweep.asking import Asker
from harness.sweep.errors import Limits
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
    measured = [r for r in ROWS if (r["function"], r["dtype"]) == (function, dtype) and r["asked"] != "0"]
    places = ["value_at", "dz_at", "dzbar_at", "subnormal_at"]
    at = list(dict.fromkeys(r[c] for r in measured for c in places if r[c]))
    if not at:
        return
    subject, form = SUBJECTS[function, dtype], DTYPES[dtype]
    points = np.array([eval(p) for p in at], np.float64 if subject.real else np.complex128)
    asked, chosen = points, np.arange(len(at))
    if form.half:
        with np.errstate(all="ignore"):
            asked = form.every().astype(np.float64)
        asked = asked[np.isfinite(asked)]
        keys = [(x, np.signbit(x)) for x in asked.tolist()]
        chosen = np.array([keys.index((x, np.signbit(x))) for x in points.tolist()])
    told = asker.ask(subject, dtype, asked)
    with Pool(subject.reference, subject.argument, is_real=subject.real, form=form) as pool:
        exact = pool.exact(points)
        edges = np.flatnonzero(~exact.slope_known & np.isfinite(exact.value).all(axis=1))
        empty = Exact.empty(0, *exact.slope.shape[1:])
        limits = Limits.of(edges, pool.around(points[edges]) if edges.size else empty)
    room = 2.0**-26 / form.eps if form.half else 1e-6  # of halves double precision is the truth but for the largest
    for row in measured:
        for name in row["backend"].split(", "):
            answer = told[name]
            assert answer.value is not None, answer.messages
            value = errors.value_errors(form, answer.value[chosen], exact, limits)
            found = {"value": value}
            slope = getattr(answer, row["by"])
            if slope is not None:
                pair = errors.slope_errors(form, slope[chosen], exact, limits, value)
                found |= {"dz": pair[0]} if subject.real else {"dz": pair[0], "dzbar": pair[1]}
            found["subnormal"] = np.fmax.reduce(list(found.values()))
            for quantity, error in found.items():
                if row[f"{quantity}_worst"]:
                    place, written = row[f"{quantity}_at"], float(row[f"{quantity}_worst"])
                    again = float(error[at.index(place)])
                    # below a power of two the unit is half of that above it, and double precision may be on either side
                    edge = form.half and _on_an_edge(exact, at.index(place))
                    allowed = [written, *([2 * written, written / 2] if edge else [])]
                    assert any(again == pytest.approx(a, rel=1e-6, abs=room) for a in allowed), (
                        name, row["by"], quantity, place, again, written)


def _on_an_edge(exact: Exact, place: int) -> bool:
    """Whether the value or the derivative is a power of two to the digits of the truth in halves, 2**-26."""
    largest = [np.abs(part[place]).max() for part in (exact.value, exact.slope)]
    return any(abs(np.frexp(x)[0] - m) < 2.0**-25 for x in largest for m in (0.5, 1.0))


@pytest.mark.parametrize(("function", "dtype"), [
    ("tanh(x)", "float64"), ("sinc(x)", "float16"), ("arctan(x)", "bfloat16"), ("arccosh(z)", "complex128")])
def test_a_worst_point_is_found_again(function: str, dtype: str, asker: Asker) -> None:
    assert (function, dtype) in KEYS
    reproduced(function, dtype, asker)


@pytest.mark.whole
@pytest.mark.parametrize(("function", "dtype"), KEYS)
def test_every_worst_point_is_found_again(function: str, dtype: str, asker: Asker) -> None:
    reproduced(function, dtype, asker)
