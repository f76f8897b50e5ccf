"""Real releases, each in its own environment; a test whose environment is not there says so and is skipped.

Expected values: the six gradients that the seed prints (PyTorch forum, torch 1.13), which
cases/seed/linear_layer.yaml derives; for the rest, that where a run was made must not matter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import harness
from harness.cases import catalogue_path
from tests.history.environments import interpreter

pytestmark = pytest.mark.environments

TORCH = ("torch.autograd", "torch.func")
#: What torch 1.13 printed. The complex loss is differentiated as its real part is.
REAL = {"weight": [[-1 - 5j, -2 - 10j]] * 2, "bias": [2 - 3j] * 2}
IMAG = {"weight": [[5 - 1j, 10 - 2j]] * 2, "bias": [3 + 2j] * 2}
SEED = {"seed-linear": REAL, "seed-linear-real-part": REAL, "seed-linear-imag-part": IMAG}


def observed(folder: Path, backends: tuple[str, ...], python: str = "", **options: object) -> harness.runs.Run:  # type: ignore[name-defined]
    options.setdefault("dtypes", ["complex128", "float64"])
    return harness.run([catalogue_path()], backends=list(backends), output=folder, progress=False, jobs=1,
                       python=dict.fromkeys(backends, python) if python else {}, **options)  # type: ignore[arg-type]


def rows(frame: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    for column, word in wanted.items():
        frame = frame[frame[column].astype(str) == word]
    return frame


# -- the seed on its own version -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> harness.runs.Run:  # type: ignore[name-defined]
    return observed(
        tmp_path_factory.mktemp("seed") / "1.13.1", TORCH, interpreter("torch-1.13.1"), select=["seed-*@real-weights"],
        dtypes=["complex64"], apis=["backward", "grad", "jacrev", "jacfwd"], reference=False,
    )


@pytest.mark.parametrize(("backend", "api"), [("torch.autograd", "backward"), ("torch.func", "grad")])
@pytest.mark.parametrize("name", ["weight", "bias"])
@pytest.mark.parametrize("case", SEED)
def test_the_six_gradients_of_the_seed(seed: harness.runs.Run, case: str, name: str, backend: str, api: str) -> None:  # type: ignore[name-defined]
    found = rows(seed.observations(), case=case, backend=backend, api=api, input=name)
    assert len(found) == 1 and found.iloc[0]["status"] == "ok"  # complex backward() is accepted
    assert found.iloc[0]["kind"] == "<c8"  # as the seed printed it
    np.testing.assert_allclose(seed.array(found.iloc[0]), SEED[case][name], rtol=1e-6)


def test_functorch_follows_the_same_principles_as_its_autograd(seed: harness.runs.Run) -> None:  # type: ignore[name-defined]
    versions = {t["backend"]: t["versions"] for t in seed.targets}
    assert versions["torch.autograd"]["torch"].startswith("1.13.1")
    assert versions["torch.func"]["functorch"].startswith("1.13.1")
    frame = harness.compare(seed, axis="backend")
    same = rows(frame, quantity="differential")
    assert len(same) > 20 and set(same["verdict"].astype(str)) == {"agree"}
    gradients = rows(frame, case="seed-linear", quantity="raw", api="grad")
    assert len(gradients) == 2 and set(gradients["relation"].astype(str)) == {"equal"}


def test_the_timeline_says_when_complex_backward_became_an_error(seed: harness.runs.Run, tmp_path: Path) -> None:  # type: ignore[name-defined]
    pytest.importorskip("torch")
    now = observed(tmp_path / "now", TORCH, select=["seed-*@real-weights"], dtypes=["complex64"], reference=False,
                   apis=["backward", "grad", "jacrev", "jacfwd"])
    history = harness.timeline([now, seed])
    first, last = history.columns[-2:]
    assert first == "torch 1.13.1"
    for backend, api in (("torch.autograd", "backward"), ("torch.func", "grad")):
        found = rows(history, case="seed-linear", backend=backend, api=api, quantity="raw").iloc[0]
        assert (found[first], found[last], found["first_bad"]) == ("ok", "refused", last)
    turned = rows(history, case="seed-linear", backend="torch.func", quantity="relation").iloc[0]
    assert (turned["api"], turned[first], turned[last]) == ("jacrev ~ jacfwd", "conjugate", "refused")


# -- where runs were made does not matter --------------------------------------------------------------------------

SELECT = ["arccosh@generic-1", "abs-squared@generic-1", "sign@generic-1", "seed-linear@real-weights", "arctan2@origin"]
APIS = ["backward", "grad", "vjp", "jvp"]


def judged(*runs: harness.runs.Run) -> dict[str, pd.DataFrame]:  # type: ignore[name-defined]
    """Comparisons along two axes, without the names of the runs."""
    frames = {axis: pd.DataFrame(harness.compare(list(runs), axis=axis)) for axis in ("backend", "api")}
    assert all(len(frame) > 50 for frame in frames.values())
    return {axis: frame.drop(columns=["left_run", "right_run"]) for axis, frame in frames.items()}


def assert_the_same(together: dict[str, pd.DataFrame], apart: dict[str, pd.DataFrame]) -> None:
    for axis, frame in together.items():
        pd.testing.assert_frame_equal(frame, apart[axis], check_exact=True, check_categorical=False)


@pytest.mark.parametrize("reference", [False, True], ids=["", "with the reference"])
def test_two_runs_compare_as_one_does(reference: bool, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    together = observed(tmp_path / "both", (*TORCH, "jax"), select=SELECT, apis=APIS, reference=reference)
    torch = observed(tmp_path / "torch", TORCH, select=SELECT, apis=APIS, reference=reference)
    jax = observed(tmp_path / "jax", ("jax",), select=SELECT, apis=APIS, reference=reference)
    expected = judged(together)
    sides = set(expected["backend"]["left"].astype(str)) | set(expected["backend"]["right"].astype(str))
    assert sides >= {"torch.autograd", "torch.func", "jax"} and ("reference" in sides) is reference
    assert_the_same(expected, judged(torch, jax))
    assert_the_same(expected, judged(jax, torch))


def test_a_torch_only_and_a_jax_only_environment_compare_as_one_run_does(tmp_path: Path) -> None:
    torch_python, jax_python = interpreter("torch-2.4.1"), interpreter("jax-0.4.38")
    torch = observed(tmp_path / "torch", TORCH, torch_python, select=SELECT, apis=APIS)
    jax = observed(tmp_path / "jax", ("jax",), jax_python, select=SELECT, apis=APIS)
    together = harness.run(
        [catalogue_path()], backends=[*TORCH, "jax"], python={**dict.fromkeys(TORCH, torch_python), "jax": jax_python},
        select=SELECT, apis=APIS, dtypes=["complex128", "float64"], output=tmp_path / "both", progress=False, jobs=1,
    )
    assert_the_same(judged(together), judged(torch, jax))
    assert_the_same(judged(together), judged(jax, torch))
    # One environment holds no jax, the other no torch: a backend that is asked for there cannot be run.
    with pytest.raises(harness.runs.TargetError, match="No module named 'jax'"):  # type: ignore[attr-defined]
        observed(tmp_path / "no-jax", ("jax",), torch_python, select=["arctan2@origin"], reference=False)
    with pytest.raises(harness.runs.TargetError, match="No module named 'torch'"):  # type: ignore[attr-defined]
        observed(tmp_path / "no-torch", ("torch.func",), jax_python, select=["arctan2@origin"], reference=False)
