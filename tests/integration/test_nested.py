"""Higher derivatives that are wrong in one order of differentiation alone are charged to the side, and the order told.

Expected: the alterations of tests/wrong_backends.py; torch and JAX are right about these functions.
"""

from __future__ import annotations

import pandas as pd
import pytest

import harness
from harness.backends.loop import SECOND_ORDER
from harness.backends.third import THIRD_ORDER
from tests.in_process import InProcess
from tests.wrong_backends import DoublesNestedPushforwards, DoublesThirdDerivatives

pytest.importorskip("torch")
pytest.importorskip("jax")

CASES = """
cases:
  - id: cubic
    function: real(z**3) + real(z) * imag(z)**2
    inputs: {z: complex}
    dtype: [complex128]
    order: 3
    points: {p: {z: 0.5+2j}}
  - id: product
    function: exp(x[0]) * sin(x[1])
    inputs: {x: "real[2]"}
    dtype: [float64]
    order: 3
    points: {p: {x: [0.7, 1.1]}}
  - id: kink
    function: sum(abs(x)**3 + x**4)
    inputs: {x: "real[2]"}
    dtype: [float64]
    order: 3
    points: {p: {x: [0.0, 0.5]}}
"""
NESTED = "forward-over-forward"
REVERSE = "reverse-over-reverse-over-reverse"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> harness.Run:
    folder = tmp_path_factory.mktemp("nested")
    (folder / "cases.yaml").write_text(CASES)
    wrong = [f"tests.wrong_backends:{cls.__name__}" for cls in (DoublesNestedPushforwards, DoublesThirdDerivatives)]
    return harness.run([folder / "cases.yaml"], output=folder / "run", apis=(), progress=False, executor=InProcess(),
                       backends=["torch.autograd", "torch.func", "jax", *wrong])


@pytest.fixture(scope="module")
def frame(run: harness.Run) -> pd.DataFrame:
    return pd.DataFrame(harness.compare(run)).astype(str)


def between(frame: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    sides = {one, other}
    return frame[[{left, right} == sides for left, right in zip(frame["left"], frame["right"], strict=True)]]


@pytest.mark.parametrize(("wrong", "quantity", "api"), [
    (DoublesNestedPushforwards.name, "hessian", NESTED), (DoublesThirdDerivatives.name, "third", REVERSE)])
def test_a_side_that_is_wrong_in_one_order_is_named(frame: pd.DataFrame, wrong: str, quantity: str, api: str) -> None:
    rows = frame[frame["left"].eq(wrong) | frame["right"].eq(wrong)]
    named = rows[rows["culprit"].eq(wrong)]
    assert set(named["quantity"]) == {quantity} and set(named["api"]) == {api}
    assert set(named["evidence"]) == {"reference"}
    assert {"cubic", "product"} <= set(named["case"])
    verdicts = between(rows, wrong, "jax")
    verdicts = verdicts[verdicts["api"].eq(api) & verdicts["case"].eq("product")]
    assert list(verdicts["verdict"]) == ["factor"]


def test_nobody_else_is_named(frame: pd.DataFrame) -> None:
    assert set(frame["culprit"]) == {"", DoublesNestedPushforwards.name, DoublesThirdDerivatives.name}


def test_orders_that_a_framework_lacks_are_unsupported_and_tell_why(frame: pd.DataFrame) -> None:
    for api in (NESTED, *THIRD_ORDER[:2]):
        rows = between(frame[frame["api"] == api], "torch.autograd", "jax")
        assert len(rows) == 3 and set(rows["verdict"]) == {"unsupported"} and set(rows["surprising"]) == {"False"}
        assert rows["note"].str.contains("not supported").all()


def test_frameworks_agree_in_every_order(frame: pd.DataFrame) -> None:
    rows = between(frame, "torch.func", "jax")
    for quantity, orders in (("hessian", SECOND_ORDER), ("third", THIRD_ORDER)):
        mine = rows[rows["quantity"].eq(quantity) & rows["case"].ne("kink")]
        assert set(mine["api"]) == set(orders) and set(mine["verdict"]) == {"agree"}
    truth = between(frame, "jax", "reference")
    assert set(truth[truth["quantity"].eq("third") & truth["case"].ne("kink")]["verdict"]) == {"agree"}


def test_third_derivatives_by_hand(run: harness.Run) -> None:
    """L = x^3 - 2 x y^2 with z = x + iy, on every side."""
    rows = run.observations()
    rows = rows[(rows["case"] == "cubic") & (rows["quantity"] == "third") & (rows["status"] == "ok")]
    rows = rows[rows["backend"] != DoublesThirdDerivatives.name]
    assert len(rows) == 2 + 3 * 4 + 1  # torch.autograd; torch.func, its copy and jax; reference
    for row in rows.itertuples():
        assert abs(run.array(row) - [[6, 0], [0, -4], [0, -4], [-4, 0]]).max() < 1e-12, (row.backend, row.api)


def test_no_third_derivative_at_a_kink_of_the_second(frame: pd.DataFrame) -> None:
    """|x|^3 has one-sided third derivatives -6 and 6 at 0, and every side gives something between."""
    rows = frame[frame["case"].eq("kink") & frame["quantity"].eq("third")]
    assert len(rows) and "mismatch" not in set(rows["verdict"])


def test_orders_are_compared_within_a_backend(run: harness.Run) -> None:
    rows = pd.DataFrame(harness.compare(run, axis="api")).astype(str)
    rows = rows[rows["quantity"] == "third"]
    mine = rows[rows["left"].str.startswith(DoublesThirdDerivatives.name) & rows["case"].eq("product")]
    wrong = mine["left"].str.contains(REVERSE, regex=False) | mine["right"].str.contains(REVERSE, regex=False)
    assert set(mine[wrong]["verdict"]) == {"factor"} and set(mine[~wrong]["verdict"]) == {"agree"}
