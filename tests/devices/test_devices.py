"""Second devices: several of JAX on the host, torch_xla on its CPU client, and a GPU where there is one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import harness
from harness.cli import main
from harness.model import Case, Input, Point
from tests.history.environments import interpreter

Z = np.array([2 + 1j, 0.5 - 2j])
A = np.array([[1 + 2j, -0.5 + 0.25j], [0.75 - 1j, 2 + 0.5j]])
TORCH = ("torch.autograd", "torch.func")


def case(text: str, name: str, z: np.ndarray = Z, kind: str = "complex", *dtypes: str, callable_: bool = False) -> Case:
    function = {"jax": text} if callable_ else {"portable": text}
    points = (Point("p", {"z": z}),)
    return Case(name, function, (Input("z", kind, z.shape),), points, dtypes or ("complex64",))


def observed(
    cases: list[Case], folder: Path, backends: tuple[str, ...], *devices: str, **options: object
) -> harness.runs.Run:  # type: ignore[name-defined]
    options.setdefault("apis", ())
    return harness.run(cases, backends=list(backends), devices=list(devices), output=folder / "run", progress=False,
                       jobs=1, reference=False, **options)  # type: ignore[arg-type]


def rows(frame: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    for column, word in wanted.items():
        frame = frame[frame[column].astype(str) == word]
    return frame


def along_devices(run: harness.runs.Run, **wanted: str) -> pd.DataFrame:  # type: ignore[name-defined]
    return rows(pd.DataFrame(harness.compare(run, axis="device")), **wanted)


# -- JAX on several host devices -----------------------------------------------------------------------------------


def test_two_host_devices_of_jax_agree(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    cases = [case("exp(z)", "exp"), case("real(z * conj(z))", "squared", Z, "complex", "complex128"),
             case("z @ z", "product", A), case("where(real(z) > 1, z, 2 * z)", "branches")]
    run = observed(cases, tmp_path, ("jax",), "cpu", "cpu:1", apis=("grad", "vjp"))
    seen = run.observations()
    assert set(seen["device"].astype(str)) == {"cpu", "cpu:1"} and not run.failed_targets
    frame = along_devices(run)
    assert {(str(a), str(b)) for a, b in zip(frame["left"], frame["right"], strict=True)} == {("jax:cpu", "jax:cpu:1")}
    assert set(frame["verdict"].astype(str)) == {"agree", "unsupported"}  # grad of a complex output is refused on both
    decided = rows(frame, verdict="agree")
    assert set(decided["case"].astype(str)) == {"exp", "squared", "product", "branches"}
    assert (decided["max_abs"] == 0).all()
    for device in ("cpu", "cpu:1"):  # d|z|^2 = 2 (x, y)
        found = rows(seen, case="squared", device=device, api="pullback")
        np.testing.assert_allclose(run.array(found.iloc[0]), 2 * np.block([[np.diag(Z.real), np.diag(Z.imag)]]))


def test_the_second_host_device_is_really_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jax")
    monkeypatch.chdir(Path(__file__).parents[2])  # workers look for modules where the run was begun
    told = case("tests.devices.where:on", "where", callable_=True)
    run = observed([told], tmp_path, ("jax",), "cpu", "cpu:1", modes=["eager"],
                   allow=["tests.devices.where"])
    seen = rows(run.observations(), quantity="value")
    for device, factor in (("cpu", 1), ("cpu:1", 2)):
        np.testing.assert_array_equal(run.array(rows(seen, device=device).iloc[0]), factor * Z.astype(np.complex64))
    assert set(along_devices(run, quantity="value")["verdict"].astype(str)) == {"value"}  # a difference is seen


# -- torch_xla on its CPU client -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def xla(tmp_path_factory: pytest.TempPathFactory) -> harness.runs.Run:  # type: ignore[name-defined]
    python = interpreter("torch_xla-2.9.0")
    cases = [
        case("abs(z)", "abs", Z, "complex", "complex64", "complex128"), case("real(z * conj(z))", "squared"),
        case("sin(z)", "sin", Z.real, "real", "float64"), case("z @ z", "product", A.real, "real", "float32"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PJRT_DEVICE", "CPU")
        return observed(cases, tmp_path_factory.mktemp("xla"), TORCH, "cpu", "xla:0",
                        python=dict.fromkeys(TORCH, python))


@pytest.mark.environments
def test_xla_agrees_with_the_cpu_where_both_answer(xla: harness.runs.Run) -> None:  # type: ignore[name-defined]
    assert not xla.failed_targets
    assert {t["device"] for t in xla.targets} == {"cpu", "xla:0"}
    frame = along_devices(xla)
    frame = frame[frame["case"].astype(str).isin(["squared", "sin", "product"])]
    decided = frame[frame["verdict"].astype(str) != "unsupported"]
    assert set(decided["verdict"].astype(str)) == {"agree"} and set(decided["case"].astype(str)) == {
        "squared", "sin", "product",
    }
    seen = xla.observations()
    for backend in TORCH:  # cos on the diagonal, by hand
        found = rows(seen, case="sin", device="xla:0", backend=backend, api="pullback")
        np.testing.assert_allclose(xla.array(found.iloc[0]), np.diag(np.cos(Z.real)), rtol=1e-14)


@pytest.mark.environments
@pytest.mark.parametrize("backend", TORCH)
def test_complex_abs_has_no_gradient_on_xla_and_a_row_says_so(xla: harness.runs.Run, backend: str) -> None:  # type: ignore[name-defined]
    seen = rows(xla.observations(), case="abs", dtype="complex64", api="pullback", backend=backend)
    status = {str(r.device): (str(r.status), str(r.message)) for r in seen.itertuples()}
    assert status["cpu"][0] == "ok" and status["xla:0"][0] == "refused"
    assert "abs does not support automatic differentiation" in status["xla:0"][1]
    frame = along_devices(xla, case="abs", dtype="complex64", api="pullback")
    frame = frame[frame["left"].astype(str) == f"{backend}:cpu"]
    assert len(frame) and set(frame["verdict"].astype(str)) == {"unsupported"}
    assert frame["note"].astype(str).str.contains("abs does not support automatic differentiation").all()


# -- a GPU, where there is one -------------------------------------------------------------------------------------


def test_a_gpu_of_torch_agrees_with_the_cpu(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device is visible" if torch.version.cuda else "this build of torch has no CUDA")
    cases = [case("exp(z)", "exp"), case("z @ z", "product", A.real, "real", "float32", "float64")]
    run = observed(cases, tmp_path, TORCH, "cpu", "cuda:0")
    assert {t["flags"]["tf32"] for t in run.targets} == {"off"} and not run.failed_targets
    frame = along_devices(run)
    assert set(frame["right"].astype(str)) == {f"{name}:cuda:0" for name in TORCH}
    assert set(frame["verdict"].astype(str)) == {"agree"}


def test_a_gpu_of_jax_agrees_with_the_cpu(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    listed = rows(harness.devices(["jax"]), usable="True")["device"].astype(str)
    usable = [device for device in listed if device.startswith(("gpu", "cuda", "rocm"))]
    if not usable:
        pytest.skip("jax sees no GPU here")
    run = observed([case("exp(z)", "exp"), case("z @ z", "product", A.real, "real", "float32")], tmp_path, ("jax",),
                   "cpu", usable[0])
    frame = along_devices(run)
    assert len(frame) and set(frame["verdict"].astype(str)) == {"agree"}


# -- what is there, and why the rest is not ------------------------------------------------------------------------


def test_devices_says_what_is_usable_and_why_the_rest_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    torch, _ = pytest.importorskip("torch"), pytest.importorskip("jax")
    assert main(["devices", "--backend", "torch.func", "--backend", "jax", "--format", "csv"]) == 0
    frame = pd.read_csv(io.StringIO(capsys.readouterr().out))
    usable = frame[frame["usable"]]
    named = {(str(b), str(d)) for b, d in zip(usable["backend"], usable["device"], strict=True)}
    assert named >= {("torch.func", "cpu"), ("jax", "cpu"), ("jax", "cpu:1")}
    unusable = frame[~frame["usable"]]
    assert len(unusable) and unusable["reason"].astype(str).str.len().gt(10).all()
    if not torch.cuda.is_available():
        assert len(rows(unusable, backend="torch.func", device="cuda")) == 1


def test_a_device_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    file = tmp_path / "c.yaml"
    file.write_text('cases: [{id: f, function: z * z, inputs: {z: "complex[1]"}, points: {p: {z: [1j]}}}]')
    words = ["run", str(file), "--backend", "torch.func", "--device", "cuda:77", "--no-reference", "--quiet"]
    assert main([*words, "--output", str(tmp_path / "run")]) == 3
    assert "cuda:77" in capsys.readouterr().err
