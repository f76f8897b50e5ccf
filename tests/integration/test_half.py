"""Half precision from a case's text to the script of a finding; wrong backends are named by what they do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import harness
from harness.api import repro
from harness.cases import load
from harness.comparison import compare_tables
from harness.formats import HALVES
from harness.model import CaseError
from tests import wrong_backends as wrong
from tests.in_process import InProcess

CASES = """
cases:
  - id: mixed
    function: tanh(x) * w + x @ a
    inputs: {x: "real[3]", w: "real[3]", a: "real[3,3]"}
    points:
      here: {x: [0.5, -1.25, 0.75], w: [2, 0.5, -1.5], a: [[1, 2, 0.5], [0.25, -1, 3], [0.125, 1.5, -2]]}
  - id: saturated
    function: tanh(x)
    inputs: {x: "real[2]"}
    dtype: bfloat16
    points: {far: {x: [4, -5]}}
  - id: beside
    function: {jax: "jax.scipy.special.boxcox1p(x, l)", portable: "((1 + x) ** l - 1) / l"}
    inputs: {x: "real[3]", l: "real[3]"}
    dtype: bfloat16
    points: {limit: {x: [2, 0.5, 1.0e-3], l: [1, -1, 2]}}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("half") / "half.yaml"
    file.write_text(CASES)
    return file


def run(path: Path, folder: Path, backends: list[str], **more: object) -> pd.DataFrame:
    made = harness.run(path, backends=backends, output=folder, executor=InProcess(), progress=False, **more)
    return pd.DataFrame(harness.compare(made))


def test_frameworks_agree_and_wrong_ones_are_named(path: Path, tmp_path: Path) -> None:
    right = run(path, tmp_path / "right", ["torch.func", "jax"], dtypes=list(HALVES), select="mixed", apis=())
    assert set(right["dtype"].astype(str)) == set(HALVES) and not right["surprising"].any()
    chosen = (wrong.FlipsSign, wrong.Halves, wrong.ReturnsZero, wrong.ForwardDiffersFromReverse)
    names = [f"tests.wrong_backends:{cls.__name__}" for cls in chosen]
    frame = run(path, tmp_path / "wrong", names, dtypes=list(HALVES), select="mixed", apis=())
    told = frame[(frame["quantity"] == "differential") & (frame["right"] == "reference") & frame["surprising"]]
    for cls in chosen:
        own = told[told["left"] == cls.name]
        assert set(own["dtype"].astype(str)) == set(HALVES) and set(own["culprit"]) == {cls.name}
        assert cls.expected_verdict in set(own["verdict"].astype(str)), (cls.name, own["verdict"].tolist())


def test_a_text_that_is_right_to_its_rounding_is_nobodys_fault_beside_a_function_of_its_own(
        path: Path, tmp_path: Path) -> None:
    """1 + 0.001 is 1 in eight bits, so that ((1 + x)**2 - 1) / 2 is 0; half of its second value is a mistake."""
    made = harness.run(path, backends=["torch.func", "jax"], output=tmp_path / "run", executor=InProcess(),
                       progress=False, select="beside", apis=())
    values = pd.DataFrame(harness.compare(made)).astype(str).query("quantity == 'value'")
    assert set(values["culprit"]) <= {"", "formula"} and set(values["surprising"]) == {"False"}
    assert "formula" in set(values["culprit"])
    seen = made.observations()
    row = seen.index[seen["backend"].eq("torch.func") & seen["quantity"].eq("value")][0]
    data = np.frombuffer(seen.at[row, "data"], np.float32).copy()
    data[1] /= 2
    seen.at[row, "data"] = data.tobytes()
    frame = pd.DataFrame(compare_tables([seen], [made.header], [made.cases])).astype(str)
    wrong = frame[frame["quantity"].eq("value") & frame["left"].eq("torch.func")]
    assert set(wrong["right"]) == {"jax", "reference"} and set(wrong["culprit"]) == {"torch.func"}


@pytest.mark.whole
@pytest.mark.parametrize("backend", ["torch.func", "jax"])
def test_a_script_in_bfloat16_confirms_what_it_shows(path: Path, tmp_path: Path, backend: str) -> None:
    """1 - tanh(4)^2 is 0.00134, of which eight bits of tanh leave nothing."""
    frame = run(path, tmp_path / "run", [backend], select="saturated")
    assert set(frame.loc[frame["quantity"] == "differential", "culprit"]) == {backend}
    text, confirmed, printed = repro(tmp_path / "run", "saturated@far", backend)
    assert confirmed and "bfloat16" in text and "returned   0.0" in printed, printed


def test_what_has_no_half_precision_is_said(tmp_path: Path) -> None:
    file = tmp_path / "complex.yaml"
    text = "cases: [{id: f, function: exp(z), inputs: {z: 'complex[2]'}, points: {here: {z: [1, 2j]}}DTYPE}]"
    file.write_text(text.replace("DTYPE", ", dtype: [float16, complex64]"))
    with pytest.raises(CaseError, match="float16 is for real numbers, and an input is complex"):
        load([file])
    file.write_text(text.replace("DTYPE", ""))
    with pytest.raises(CaseError, match="no framework has complex numbers of half precision"):
        harness.run(file, dtypes="bfloat16", backends=["torch.func"], progress=False)
