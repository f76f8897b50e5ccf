"""Derivatives of higher order that are wrong in one order of differentiation alone are charged to the side and the order.

Expected: the alterations of tests/wrong_backends.py; torch and JAX are right about these functions.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import harness
from tests.in_process import InProcess
from tests.wrong_backends import DoublesNestedPushforwards

pytest.importorskip("torch")
pytest.importorskip("jax")

CASES = """
cases:
  - id: cubic
    function: real(z**3) + real(w) * imag(z)**2
    inputs: {z: complex, w: complex}
    dtype: [complex128]
    order: 2
    points: {p: {z: 0.5+2j, w: -1.5+0.25j}}
  - id: product
    function: exp(x) * sin(y)
    inputs: {x: real, y: real}
    dtype: [float64]
    order: 2
    points: {p: {x: 0.7, y: 1.1}}
"""


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("nested")
    (folder / "cases.yaml").write_text(CASES)
    run = harness.run(
        [folder / "cases.yaml"], output=folder / "run", apis=(), progress=False, executor=InProcess(),
        backends=["torch.autograd", "torch.func", "jax", "tests.wrong_backends:DoublesNestedPushforwards"])
    return pd.DataFrame(harness.compare(run)).astype(str)


def test_a_wrong_nested_pushforward_is_named_and_nothing_else(frame: pd.DataFrame) -> None:
    wrong = DoublesNestedPushforwards.name
    named = frame[frame["culprit"] != ""]
    assert set(named["culprit"]) == {wrong} and set(named["evidence"]) == {"reference"}
    assert set(named["quantity"]) == {"hessian"} and set(named["api"]) == {"forward-over-forward"}
    nested = frame[(frame["api"] == "forward-over-forward") & (frame["right"] != "reference")]
    others = nested[nested["left"].eq(wrong) | nested["right"].eq(wrong)]
    others = others[~(others["left"].eq("torch.autograd") | others["right"].eq("torch.autograd"))]
    # z: L_zz; z,w and w,z; w: L is linear in w, zero doubled is zero; of x and y every block
    verdicts = others.groupby(["case", "input"])["verdict"].agg(set).to_dict()
    assert verdicts == {("cubic", "z"): {"factor"}, ("cubic", "z,w"): {"factor"}, ("cubic", "w,z"): {"factor"},
                        ("cubic", "w"): {"agree"}, **{("product", k): {"factor"} for k in ("x", "x,y", "y,x", "y")}}


def test_orders_that_a_framework_lacks_are_unsupported_and_tell_why(frame: pd.DataFrame) -> None:
    rows = frame[(frame["api"] == "forward-over-forward")
                 & (frame["left"].eq("torch.autograd") | frame["right"].eq("torch.autograd"))]
    assert len(rows) >= 16 and set(rows["verdict"]) == {"unsupported"} and set(rows["surprising"]) == {"False"}
    assert rows["note"].str.contains("not supported").all()


def test_frameworks_agree_in_every_order(frame: pd.DataFrame) -> None:
    rows = frame[frame["quantity"].eq("hessian") & frame["left"].eq("torch.func") & frame["right"].eq("jax")]
    assert set(rows["api"]) == {"forward-over-reverse", "reverse-over-forward", "reverse-over-reverse",
                                "forward-over-forward"}
    assert set(rows["verdict"]) == {"agree"}
