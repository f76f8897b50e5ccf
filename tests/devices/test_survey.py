"""The survey of a second device, on devices that every machine has: JAX's own first host device under another name, in
this process; several host devices and torch_xla's CPU client in processes of their own (nox -s environments)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.cases import load
from tests.devices import survey
from tests.history.environments import interpreter
from tests.in_process import InProcess

CASES = """
cases:
  - id: product
    function: sum(abs(a @ a)**2)
    inputs: {a: "complex[2, 2]"}
    points: {p: {a: [[1+2j, -0.5+0.25j], [0.75-1j, 2+0.5j]]}}
  - id: left
    function: arccosh(z)
    inputs: {z: complex}
    points: {p: {z: -2+1j}}
  - id: sine
    function: sin(x)
    inputs: {x: real}
    points: {p: {x: 0.75}}
"""


def listed(*rows: tuple[str, str, bool, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["backend", "device", "usable", "reason"])


def test_the_first_usable_gpu_of_each_framework_is_taken() -> None:
    frame = listed(("torch.autograd", "cpu", True, ""), ("torch.autograd", "cuda:0", True, ""),
                   ("torch.func", "cuda:0", True, ""), ("torch.func", "cuda:1", True, ""),
                   ("jax", "gpu", False, "jax sees no GPU here"), ("jax", "cpu:1", True, ""))
    assert survey.found(frame) == {"torch": "cuda:0"}


def test_without_a_gpu_every_framework_says_why() -> None:
    frame = listed(("torch.func", "cuda", False, "this build of torch has no CUDA"), ("torch.func", "cpu", True, ""),
                   ("jax", "gpu", False, "jax sees no GPU here"), ("jax", "cpu", True, ""))
    with pytest.raises(survey.NoDevice, match="torch: this build of torch has no CUDA; jax: jax sees no GPU here"):
        survey.found(frame)
    assert survey.NoDevice.exit_status == 3


def test_every_beginning_is_spread_over_the_whole() -> None:
    order: list[int] = survey.spread(range(1000))  # type: ignore[arg-type,assignment]
    assert sorted(order) == list(range(1000))
    for count in (survey.BATCH, 200):
        assert len({k * 10 // 1000 for k in order[:count]}) == 10


def test_batches_end_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch takes 100 of the clock's seconds: four begin within 480, and a fifth would end at 500."""
    now = [0.0]

    def run(cases: list[object], **options: object) -> object:
        now[0] += 100 / 3
        return len(cases)

    monkeypatch.setattr(survey.harness, "run", run)
    made = survey.recorded([None] * 1000, {"jax": "gpu:0"}, tmp_path, seconds=480, clock=lambda: now[0])  # type: ignore[list-item]
    assert (made.cases, made.asked) == (4 * survey.BATCH, 1000) and round(made.seconds) == 400
    assert {k: len(v) for k, v in made.runs.items()} == {"cpu": 4, "as it is": 4, "TF32": 4}


def test_a_page_of_a_second_device(tmp_path: Path) -> None:
    """jax is wrong about arccosh in the left half plane, on every device; on two of them it is equally so."""
    pytest.importorskip("jax")
    (tmp_path / "cases.yaml").write_text(CASES)
    cases = load([tmp_path / "cases.yaml"])
    made = survey.recorded(cases, {"jax": "cpu:0"}, tmp_path, seconds=480, settings=("as it is",), executor=InProcess())
    device, truth = survey.against(made, "as it is")
    assert set(device["left"].astype(str)) == {"jax:cpu"} and set(device["right"].astype(str)) == {"jax:cpu:0"}
    assert set(device["verdict"].astype(str)) == {"agree"}
    assert set(device["case"].astype(str)) == {"product", "left", "sine"}
    assert set(truth["left"].astype(str)) == {"jax:cpu:0"} and len(truth) == 18
    text = survey.page(made, {"jax": "cpu:0"}, survey.audited({"jax": "cpu:0"}), "a test")
    assert "3 of 3 cases" in text and "matmul_precision highest" in text
    cpu, reference = text.split("## What differs")[1:]
    assert "Nothing that is not known" in cpu
    assert reference.count("| `left` |") == 4 and "`product`" not in reference and "| sign | jax" in reference
    assert "No audit: it takes a device of torch and one of JAX." in text


def test_the_survey_is_skipped_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(survey.harness, "devices", lambda: listed(("jax", "gpu", False, "jax sees no GPU here")))
    assert survey.main([]) == 3
    assert capsys.readouterr().out.strip() == "no GPU to survey: jax: jax sees no GPU here"


@pytest.mark.environments
def test_several_host_devices_of_jax_and_an_audit_there(tmp_path: Path) -> None:
    """The whole survey, TF32 and the audit with it, where the CPU stands for a GPU: nothing may differ."""
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    words = ["--jax", "cpu:1", "--torch", "cpu", "--select", "exp@generic*", "--select", "matmul@generic*"]
    assert survey.main([*words, "--folder", str(tmp_path), "--output", str(tmp_path / "device.md")]) == 0
    text = (tmp_path / "device.md").read_text()
    assert "jax:cpu:1" in text and "matmul_precision tensorfloat32" in text and "tf32 on" in text
    assert text.count("Nothing that is not known of the functions themselves.") == 4
    assert "No audit" not in text and "✓ agree" in text


@pytest.mark.environments
def test_the_cpu_client_of_torch_xla(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Complex abs has a complex forward derivative there, which a row of the page says; sin agrees."""
    python = interpreter("torch_xla-2.9.0")
    monkeypatch.setenv("PJRT_DEVICE", "CPU")
    words = ["--torch", "xla:0", "--python", python, "--select", "abs@generic-1", "--select", "real-sin@real-generic-1"]
    assert survey.main([*words, "--folder", str(tmp_path), "--output", str(tmp_path / "device.md")]) == 0
    text = (tmp_path / "device.md").read_text()
    assert "torch.autograd:xla:0" in text and "What could not be run\n\nNothing." in text
    assert "| `abs` |" in text and "| part | torch.autograd:xla:0 |" in text and "`real-sin`" not in text
