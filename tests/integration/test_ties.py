"""Functions of the order of their arguments where these are tied: any share of the tied ones is a derivative, no other.

Expected, from mathematics: the median of equal numbers has the derivatives e_k, their mixtures, and no others; so has
each quantile between two neighbours (1 - w) e_i + w e_j; that of the largest less the smallest is e_i - e_j.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import harness
from harness.comparison import compare_tables
from harness.runs import Run
from tests.in_process import InProcess

pytest.importorskip("torch")
pytest.importorskip("jax")

CASES = """
cases:
  - {id: middle, function: median(x), inputs: {x: "real[3]"}, dtype: float64, points: {p: {x: 1}}}
  - {id: middle-of-five, function: median(x), inputs: {x: "real[5]"}, dtype: float64, points: {p: {x: 1}}}
  - {id: between, function: "quantile(x, 0.3)", inputs: {x: "real[4]"}, dtype: float64, points: {p: {x: 1}}}
  - {id: range, function: max(x) - min(x), inputs: {x: "real[4]"}, dtype: float64, points: {p: {x: 1}}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("ties")
    (folder / "cases.yaml").write_text(CASES)
    return harness.run([folder / "cases.yaml"], output=folder / "run", progress=False, executor=InProcess(), apis=())


def test_nobody_is_accused(run: Run) -> None:
    frame = pd.DataFrame(harness.compare(run)).astype(str)
    wrong = frame[frame["culprit"].ne("")]
    assert wrong.empty, wrong[["case", "api", "left", "right", "verdict", "culprit", "note"]].to_string()
    assert frame[frame["case"].eq("middle") & frame["verdict"].eq("choice")].shape[0] >= 4


@pytest.mark.parametrize(("case", "wrong"), [
    ("middle", [2.0, -1.0, 0.0]), ("middle", [0.0, 0.0, 0.0]), ("middle-of-five", [0.5, 0.5, 0.5, 0.0, 0.0]),
])
def test_what_no_ordering_gives_is_named(run: Run, case: str, wrong: list[float]) -> None:
    seen = run.observations()
    mine = seen["case"].eq(case)
    for k in seen.index[mine & seen["backend"].eq("torch.func") & seen["quantity"].eq("differential")]:
        seen.at[k, "data"] = np.array(wrong).tobytes()
    frame = pd.DataFrame(compare_tables([seen[mine]], [run.header], [run.cases])).astype(str)
    judged = frame[frame["quantity"].eq("differential") & frame["left"].eq("torch.func")]
    judged = judged[judged["right"].eq("reference")]
    assert len(judged) == 2 and set(judged["culprit"]) == {"torch.func"}, judged["note"].tolist()
