"""Operations that are given a number twice, and entries that vanish inside of a factorisation: noise accuses nobody.

Expected, from mathematics: solve(a, a), a pinv(a) = I, u x u = 0, u / u = 1 and arctan2(u, u) are constant, u**u has a
zero of its derivative at 1/e; x = (1, 0, 0) solves a x = a[:, 0]; the (2, 2) cofactor of [[1, 2, 3], [2, 4, 1],
[5, 7, 2]] is 0; softmax sums to 1 and exp(z) exp(-z) is 1, also of complex numbers, whose products are right against
their modulus alone. The signs of zeros decide what arctan2(0, 0) is, and gelu(x) is another function in each
framework's documentation, which shows least where x is large. 0 / 0 is no framework's fault, and at 0 any slope between
-1 and 1 is one of |b| sign(c).
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
  - {id: solved, function: "solve(a, a)", inputs: {a: "complex[2, 2]"}, dtype: complex128,
     points: {p: {a: [[1+1j, 1+1j], [1+2j, 1+1j]]}}}
  - {id: inverted, function: "a @ pinv(a)", inputs: {a: "real[3, 3]"}, dtype: float64,
     points: {p: {a: {sample: normal, seed: 7}}, q: {a: {sample: normal, seed: 0}}}}
  - {id: crossed, function: "cross(u, u)", inputs: {u: "real[3]"}, dtype: float64, points: {p: {u: [0.1, 0.2, 0.3]}}}
  - {id: divided, function: u / u, inputs: {u: "real[3]"}, dtype: float64, points: {p: {u: [0.1, 0.2, -0.3]}}}
  - {id: turned, function: "arctan2(u, u)", inputs: {u: "real[3]"}, dtype: float64, points: {p: {u: [0.1, 0.2, 0.3]}}}
  - {id: raised, function: "power(u, u)", inputs: {u: real}, dtype: float64, points: {p: {u: 0.36787944117144233}}}
  - {id: column, function: "solve(a, b)", inputs: {a: "real[3, 3]", b: "real[3]"}, dtype: float64,
     points: {p: {a: [[1.1, 2.3, 0.7], [3.1, 4.9, 1.7], [0.3, 1.9, 2.3]], b: [1.1, 3.1, 0.3]},
              q: {a: [[3, 1, 2], [1, 7, 5], [2, 9, 4]], b: [5, 6, 6]}}}
  - {id: signed, function: "copysign(b, c)", inputs: {b: "real[2, 2]", c: "real[2, 2]"}, dtype: float64,
     points: {p: {b: [[1, 0], [0, 1]], c: [[0, 0], [0, 0]]}, q: {b: [[0, 0], [0, 0]], c: [[0, 1], [0, 0]]}}}
  - {id: nothing, function: z / z, inputs: {z: "complex[2]"}, dtype: complex128, points: {p: {z: [0, 1+1j]}}}
  - {id: beside, function: inv(a), inputs: {a: "real[2, 2]"}, dtype: float64,
     points: {p: {a: [[20, 20], [20, 1.0e-160]]}, q: {a: [[20, 20], [20, 1.0e-8]]}}}
  - {id: origin, function: "arctan2(u, u)", inputs: {u: "real[3]"}, dtype: float64, points: {p: {u: [1, 0, -0.0]}}}
  - {id: apart, function: gelu(x), inputs: {x: real}, dtype: float64, points: {p: {x: 6}}}
  - {id: graded, function: "solve(a, a)", inputs: {a: "complex[2, 2]"}, dtype: complex64,
     points: {p: {a: [[20+1e+25j, 20+20j], [1e+8+20j, 20+20j]]}}}
  - {id: eliminated, function: "solve(a, a)", inputs: {a: "real[2, 2]"}, dtype: float64,
     points: {p: {a: [[1.0e-8, 1.0e-160], [40, -1.0e+200]]}}}
  - {id: whole, function: "sum(real(softmax(z)))", inputs: {z: "complex[3]"}, dtype: complex128,
     points: {p: {z: [20+20j, 20-20j, -20+20j]}, q: {z: [3+2j, 1-2j, -1+1j]}}}
  - {id: inverse, function: "real(exp(z) * exp(-z))", inputs: {z: "complex[3]"}, dtype: complex128,
     points: {p: {z: [0.3+20j, 3+1j, -1+7j]}}}
  - {id: cofactor, function: det(a), inputs: {a: "real[3, 3]"}, dtype: float64,
     points: {p: {a: [[1, 2, 3], [2, 4, 1], [5, 7, 2]]}}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("twice")
    (folder / "cases.yaml").write_text(CASES)
    return harness.run([folder / "cases.yaml"], output=folder / "run", progress=False, executor=InProcess())


def test_nobody_is_accused(run: Run) -> None:
    for axis in ("backend", "api"):
        frame = pd.DataFrame(harness.compare(run, axis=axis)).astype(str)
        wrong = frame[~frame["culprit"].isin(["", "formula"]) | frame["surprising"].eq("True")]
        # a kink's choice, 0 / 0, a cut and two documented functions are for the person to look at; they accuse nobody
        told = wrong["culprit"].isin(["", "formula"]) & wrong["case"].isin(["signed", "nothing", "origin", "apart"])
        wrong = wrong[~told]
        assert wrong.empty, wrong[["case", "point", "api", "left", "right", "verdict", "culprit", "note"]].to_string()
        assert len(frame) > 100


@pytest.mark.parametrize(("case", "by"), [("solved", 1e-9), ("inverted", 1e-7), ("divided", 1e-9), ("column", 1e-9),
                                         ("inverse", 1e-9)])
def test_a_mistake_is_named(run: Run, case: str, by: float) -> None:
    """An entry of the derivative that should be 0 and is a number, in both directions of torch.func."""
    seen = run.observations()
    mine = seen["case"].eq(case) & seen["point"].eq("p")
    rows = mine & seen["backend"].eq("torch.func") & seen["quantity"].eq("differential")
    for k in seen.index[rows]:
        data = np.frombuffer(seen.at[k, "data"], float).copy()
        data[-1] += by
        seen.at[k, "data"] = data.tobytes()
    frame = pd.DataFrame(compare_tables([seen[mine]], [run.header], [run.cases])).astype(str)
    judged = frame[frame["quantity"].eq("differential") & frame["left"].eq("torch.func")]
    judged = judged[judged["right"].eq("reference")]
    assert len(judged) == rows.sum() > 1 and set(judged["culprit"]) == {"torch.func"}
    assert set(judged["surprising"]) == {"True"}


def test_a_wrong_entry_of_a_factorisation_is_named(run: Run) -> None:
    """The inverse of [[20, 20], [20, e]] has the small entry -e / 400: 1e-9 is no rounding beside 1/20."""
    seen = run.observations()
    mine = seen["case"].eq("beside")
    for k in seen.index[mine & seen["backend"].eq("torch.func") & seen["quantity"].eq("value")]:
        data = np.frombuffer(seen.at[k, "data"], float).copy()
        data[0] += 1e-9
        seen.at[k, "data"] = data.tobytes()
    frame = pd.DataFrame(compare_tables([seen[mine]], [run.header], [run.cases])).astype(str)
    value = frame[frame["quantity"].eq("value") & frame["right"].eq("reference")]
    assert set(value[value["left"].eq("torch.func")]["culprit"]) == {"torch.func"}
    assert not set(value["culprit"]) & {"jax", "torch.autograd"}
