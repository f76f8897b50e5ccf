"""What is known of the frameworks, from outside this project, has to come out of a run as rows.

Expected values: the seed's printed gradients (PyTorch forum, torch 1.13); d|z|^2 = 2 Re(z* dz), so that torch's
gradient is 2z and jax's 2z*; the derivative of arccosh is 1/(sqrt(z-1) sqrt(z+1)); that of z/|z| is not zero.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import harness
from harness.cases import catalogue_path
from tests.in_process import InProcess

pytest.importorskip("torch")
pytest.importorskip("jax")

SELECT = [
    "abs-squared@generic*", "arccosh@left-half-plane*", "arccosh@generic*", "sign@generic*", "seed-*",
    "z-times-conj@generic*",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> harness.runs.Run:
    return harness.run(
        [catalogue_path()], select=SELECT, dtypes=["complex128"], apis=["backward", "grad"], progress=False,
        reference=False, executor=InProcess(), output=tmp_path_factory.mktemp("known") / "run",
    )


@pytest.fixture(scope="module")
def frame(run: harness.runs.Run) -> pd.DataFrame:
    return pd.concat([harness.compare(run), harness.compare(run, axis="api")], ignore_index=True)


def rows(frame: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    for column, value in wanted.items():
        frame = frame[frame[column].astype(str) == value]
    assert len(frame), wanted
    return frame


def test_a_convention_reads_agree_and_conjugate(frame: pd.DataFrame) -> None:
    found = rows(frame, case="abs-squared", left="torch.func", right="jax", api="grad", quantity="raw")
    assert set(found["verdict"]) == {"agree"} and set(found["relation"]) == {"conjugate"}


def test_arccosh_in_the_left_half_plane_reads_sign(frame: pd.DataFrame) -> None:
    left = frame[frame["point"].astype(str).str.startswith("left-half-plane")]
    for api in ("pullback", "pushforward"):
        found = rows(left, case="arccosh", axis="backend", right="jax", quantity="differential", api=api)
        assert set(found["verdict"]) == {"sign"}


def test_complex_sign_reads_zero(frame: pd.DataFrame) -> None:
    found = rows(frame, case="sign", axis="backend", right="jax", quantity="differential")
    assert set(found["verdict"]) == {"zero"}


@pytest.mark.parametrize("backend", ["torch.autograd", "torch.func", "jax"])
def test_the_seed_gradients(run: harness.runs.Run, backend: str) -> None:
    weight = {"real": [[-1 - 5j, -2 - 10j]] * 2, "imag": [[5 - 1j, 10 - 2j]] * 2}
    bias = {"real": [2 - 3j] * 2, "imag": [3 + 2j] * 2}
    seen = run.observations()
    api = {"torch.autograd": "backward"}.get(backend, "grad")
    for part in ("real", "imag"):
        case = f"seed-linear-{part}-part"
        for name, want in (("weight", weight[part]), ("bias", bias[part])):
            found = seen[(seen["case"].astype(str) == case) & (seen["backend"].astype(str) == backend)
                         & (seen["api"].astype(str) == api) & (seen["input"].astype(str) == name)]
            assert len(found), (case, name)
            for row in found.itertuples(index=False):
                array = run.array(row)
                assert array is not None
                np.testing.assert_allclose(np.conj(array) if backend == "jax" else array, want, rtol=1e-6)


def test_backward_on_the_complex_loss_is_refused_in_its_own_words(run: harness.runs.Run) -> None:
    seen = run.observations()
    found = seen[(seen["case"].astype(str) == "seed-linear") & (seen["api"].astype(str) == "backward")]
    assert len(found) and set(found["status"].astype(str)) == {"refused"}
    assert found["message"].astype(str).str.contains("real").all()
