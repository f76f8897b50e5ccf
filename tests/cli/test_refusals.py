"""Nothing that is mistyped passes for a success: a sentence with what is near, and status 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import harness
from harness.cli import main
from harness.model import CaseError, HarnessError
from harness.runs.errors import TargetError

CASE = """
cases:
  - id: square
    function: z**2
    inputs: {z: "complex[1]"}
    points: {generic: {z: [2+1j]}}
"""


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "square.yaml"
    path.write_text(CASE)
    return path


@pytest.mark.parametrize(("words", "near"), [
    (("--mode", "compiled"), "compile"),
    (("--api", "gradd"), "grad"),
    (("--select", "sqare"), "square"),
    (("--select", "squaare*"), "square"),
    (("--select", "square@genric"), "square@generic"),
    (("--jobs", "0"), "above 0"),
    (("--seconds", "-1"), "above 0"),
    (("--memory", "0"), "above 0"),
    (("--resume", "--output", "NOT_THERE"), "no run in NOT_THERE"),
    (("--backend", "jaxx"), "jax"),
])
def test_a_run_refuses(case: Path, words: tuple[str, ...], near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(case), "--quiet", *words]) == 2
    err = capsys.readouterr().err
    assert near in err and "Traceback" not in err and len(err.strip().splitlines()) == 1
    assert not list(case.parent.glob("runs/*"))


def test_a_verdict_that_is_none_is_refused(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "RUN", "--verdict", "sing"]) == 2
    assert "near: sign" in capsys.readouterr().err


def test_without_a_framework_there_is_nothing_to_observe(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.backends._found", lambda module: module not in ("torch", "jax"))
    with pytest.raises(TargetError, match=r"pip install wirtinger-harness\[torch\]") as refused:
        harness.run(case, progress=False)
    assert refused.value.exit_status == 3


def test_a_word_is_not_its_letters(case: Path) -> None:
    with pytest.raises(CaseError, match="no backend here has the dtype 'complex182'"):
        harness.run(case, dtypes="complex182", progress=False)


@pytest.mark.parametrize("option", ["backends", "modes", "apis"])
def test_a_single_word_is_one_of_several(case: Path, option: str) -> None:
    """The refusal names the word whole, so that it was not taken for a list of its letters."""
    with pytest.raises(HarnessError, match="gradd"):
        harness.run(case, **{option: "gradd"}, progress=False)  # type: ignore[arg-type]


def test_a_constant_that_matches_nothing_is_refused() -> None:
    from harness.audit import compare_gradients
    from harness.audit.faults import AuditError

    with pytest.raises(AuditError, match=r"no input matches 'weigth'.*near: weight"):
        compare_gradients(lambda weight: (weight**2).sum(), lambda weight: (weight**2).sum(), {"weight": np.ones(2)},
                          constant=["weigth"])
