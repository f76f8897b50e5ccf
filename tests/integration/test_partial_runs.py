"""Documented ways to run less than everything raise no alarm: two backends, one framework alone, one case of a file.

What is left out of a recorded run is left out of its table; the frameworks themselves are observed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

import harness
from harness.cases import catalogue_path
from harness.comparison import compare_tables
from tests.in_process import InProcess

#: Known differences are stated of these points that one pair alone shows; neither case stands for its family.
POINTS = ("real-sqrt@real-one-zero", "real-sinc@real-one-zero")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    for framework in ("torch", "jax"):
        pytest.importorskip(framework)
    return harness.run(
        catalogue_path() / "elementwise" / "real.yaml", select=POINTS, dtypes=["float64"], executor=InProcess(),
        progress=False, output=tmp_path_factory.mktemp("partial") / "run",
    )


def compared(run: Any, backends: Sequence[str]) -> pd.DataFrame:
    table = run.table().to_pandas()
    table = table[table["backend"].astype(str).isin(backends)]
    header = {**run.header, "targets": [t for t in run.header["targets"] if t["backend"] in backends]}
    return pd.concat([compare_tables([table], [header], [run.cases], axis) for axis in ("backend", "api")])


@pytest.mark.parametrize("backends", [
    ("torch.autograd", "torch.func", "jax", "reference"),  # some cases of the catalogue
    ("torch.func", "jax", "reference"),  # the README's lines of Python
    ("jax", "reference"), ("torch.autograd", "torch.func", "reference"),  # an environment with one framework
    ("torch.func", "jax"),
])
def test_what_was_not_observed_raises_no_alarm(run: Any, backends: tuple[str, ...]) -> None:
    frame = compared(run, backends)
    assert (frame["expected"].astype(str) != "").any(), "no known difference showed: the test is about nothing"
    assert frame.loc[frame["surprising"], ["case", "point", "verdict", "note"]].to_records().tolist() == []
