"""Bar 1: five mistakes in a port are named, with the parameter; a port without mistakes accuses nobody."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.audit import Audit, compare_gradients
from tests.audit.ports import jax_side, torch_side
from tests.audit.ports.mistakes import MISTAKES, write


def audited(port: Any, **options: Any) -> Audit:
    """The audit of the torch side against a port."""
    return compare_gradients(torch_side.loss, port.loss, torch_side.inputs(), jax_inputs=port.inputs(), **options)


def starts(found: Audit) -> tuple[str, str]:
    """The first tap whose value differs, and the first from the output back whose gradient does."""
    return found.start_at["forward"], found.start_at["backward"]


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The port with a mistake, imported."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(mistake: str) -> Any:
        name = write(mistake, tmp_path)
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    return make


def test_the_port_is_as_long_as_a_port() -> None:
    lines = sum(len(Path(m.__file__ or "").read_text().splitlines()) for m in (torch_side, jax_side))
    assert lines > 200 and set(MISTAKES) == {
        "conjugated-step", "factor-two", "real-too-early", "abs-for-abs-squared", "transposed-kernel",
    }


def test_a_right_port_accuses_nobody() -> None:
    found = audited(jax_side, torch_step=torch_side.step, jax_step=jax_side.step)
    assert found.exit_status == 0 and found.culprit == "" and not found.differences and not found.hints
    assert len(found.rows) == 20 and {r.verdict for r in found.rows} <= {"agree", "precision"}
    relations = {r.torch: r.relation for r in found.rows}
    assert relations["model.embed.weight"] == "conjugate" and relations["model.phase.angle"] == "equal"
    turned = {r.torch for r in found.rows if r.turned == "transposed"}
    names = ["embed", "hidden", "head", *(f"attention.{n}" for n in ("query", "key", "value", "out"))]
    assert turned == {f"model.{n}.weight" for n in names}
    # softmax does not see a shift: the derivative by this bias is zero, and what is there is rounding
    (zero,) = [r for r in found.rows if r.torch == "model.attention.key.bias"]
    assert zero.blind == "conjugation+sign+factor"
    # a step by noise may leave that parameter where it was: the others are 18
    assert len({s.name for s in found.steps} - {zero.torch}) == 18 and all(not s.odd for s in found.steps)
    assert "the same derivative" in found.text()
    assert starts(found) == ("", "")
    assert len(found.text(size=100).splitlines()) <= 60


def test_a_conjugated_step_is_named(port: Any) -> None:
    wrong = port("conjugated-step")
    found = audited(wrong, torch_step=torch_side.step, jax_step=wrong.step, differences=False,
                    trace=False)
    assert found.exit_status == 1 and found.gradients_agree and found.values_agree and starts(found) == ("", "")
    bad = {s.name: (s.torch, s.jax) for s in found.steps if s.odd}
    assert len(bad) == 12 and set(bad.values()) == {("descent", "conjugate")}
    assert "model.hidden.weight" in bad and "model.phase.angle" not in bad
    assert any("jax step" in d and "conjugate" in d for d in found.differences)


def test_a_factor_two_in_the_loss_is_named(port: Any) -> None:
    found = audited(port("factor-two"), differences=False, trace=False)
    assert found.exit_status == 1
    bad = [r for r in found.rows if r.verdict != "agree"]
    assert len(bad) == 19 and all(r.verdict == "factor" and r.factor == pytest.approx(0.5) for r in bad)
    assert any("factor 2 in the loss of the jax side" in h for h in found.hints)
    assert starts(found) == ("loss", "scores")  # the value of the loss, and what comes back to the scores


def test_a_real_part_taken_too_early_is_named_with_its_parameter(port: Any) -> None:
    found = audited(port("real-too-early"), differences=False, trace=False)
    assert found.exit_status == 1
    (hint,) = [h for h in found.hints if ".real" in h]
    assert "jax side" in hint and "model.embed.bias" in hint and "hidden" not in hint
    assert starts(found)[0] == "embed" and "only the real part" in " ".join(found.start)


def test_abs_against_abs_squared_accuses_neither_framework(port: Any) -> None:
    found = audited(port("abs-for-abs-squared"), trace=False)
    assert found.exit_status == 1 and found.culprit == ""
    assert "the two functions are different" in found.who
    assert starts(found)[0] == "power" and "torch's is the square of jax's" in found.start[0]


def test_a_transposed_kernel_is_named_with_its_parameter(port: Any) -> None:
    found = audited(port("transposed-kernel"), differences=False, trace=False)
    (hint,) = [h for h in found.hints if "transposed" in h]
    assert "params.hidden.kernel" in hint and "the values agree" in hint
    assert starts(found)[0] == "hidden" and "between `activation`" in found.start[0]
