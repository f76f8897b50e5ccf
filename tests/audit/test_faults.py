"""Bar 4: whatever the user's code does, one sentence names the side and the fault, and the other side is not blamed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.audit import compare_gradients, sides
from harness.audit.faults import SideFault
from tests.audit import trees, user_code

X = np.array([1 + 2j, -0.5 + 0.25j, 0.75 - 1j])

# (what the torch side runs, what the jax side runs, the side at fault, its word, words of the sentence)
IN_PROCESS = [
    ("raises", "good", "torch", "raised", ["ValueError", "no such mode", "user_code.py:", "in raises"]),
    ("good", "raises", "jax", "raised", ["ValueError", "no such mode", "user_code.py:", "raise ValueError"]),
    ("leaves", "good", "torch", "raised", ["SystemExit"]),
    ("good", "leaves", "jax", "raised", ["SystemExit"]),
    ("nothing", "good", "torch", "structure", ["returned None"]),
    ("good", "nothing", "jax", "structure", ["returned None"]),
    ("good", "text", "jax", "structure", ["the string '0.25'"]),
    ("text", "good", "torch", "structure", ["the string '0.25'"]),
    ("number", "good", "torch", "structure", ["Python number"]),
    ("good", "number", "jax", "structure", ["Python number"]),
    ("good", "vector", "jax", "structure", ["shape [3]", "torch's returns []"]),
    ("good", "many", "jax", "structure", ["2 arrays", "one array"]),
    ("z_squared", "vector", "jax", "structure", ["real numbers", "complex"]),
    ("random", "good", "torch", "random", ["not deterministic", "the value"]),
    ("counts", "good", "torch", "random", ["not deterministic"]),
    ("good", "counts", "jax", "random", ["not deterministic"]),
    ("in_place", "good", "torch", "mutates", ["in place", "x += 1"]),
]


@pytest.mark.parametrize(
    ("torch", "jax", "side", "word", "says"), IN_PROCESS, ids=[f"{a}-{b}" for a, b, *_ in IN_PROCESS]
)
def test_each_fault_is_named(torch: str, jax: str, side: str, word: str, says: list[str]) -> None:
    found = compare_gradients(getattr(user_code, torch), getattr(user_code, jax), (X,))
    assert [(f.side, f.word) for f in found.faults] == [(side, word)]
    for text in says:
        assert text in found.faults[0].sentence
    assert found.exit_status == 3
    assert found.culprit == ""
    assert f"{side}: " in found.text()


def test_both_sides_at_fault_are_both_named() -> None:
    found = compare_gradients(user_code.nothing, user_code.raises, (X,))
    assert [f.side for f in found.faults] == ["torch", "jax"]


def test_inputs_changed_in_place_are_named_and_the_audit_goes_on() -> None:
    found = compare_gradients(user_code.mutates_tensor, user_code.linear, (X,))
    assert not found.faults and found.gradients_agree
    assert found.exit_status == 1
    (warning,) = found.warnings
    assert warning.startswith("torch:") and "x" in warning and "in place" in warning


@pytest.mark.parametrize("side", ["torch", "jax"])
def test_a_container_changed_in_place_is_noticed(side: str) -> None:
    functions = {"torch": user_code.tree, "jax": user_code.tree} | {side: user_code.mutates_tree}
    found = compare_gradients(functions["torch"], functions["jax"], trees.params())
    assert [w.partition(":")[0] for w in found.warnings] == [side]
    assert found.gradients_agree


def named(found: Any) -> dict[str, str]:
    assert found.exit_status == 3
    return {f.side: f"{f.word}: {f.sentence}" for f in found.faults}


def test_a_target_that_is_not_there_is_named(run_audit: Any) -> None:
    said = named(run_audit("missing", "tests.audit.no_such_module:f"))
    assert said["torch"].startswith("import: ") and "has no function 'missing'" in said["torch"]
    assert said["jax"].startswith("import: ") and "no_such_module cannot be imported" in said["jax"]


def test_a_worker_that_fails_is_named(run_audit: Any) -> None:
    said = named(run_audit("segfaults", "exits", in_workers=True))
    assert said["torch"].startswith("died: ") and "SIGSEGV" in said["torch"]
    assert said["jax"].startswith("died: ") and "status 5" in said["jax"]


def test_a_side_that_hangs_or_outgrows_its_memory_is_stopped(run_audit: Any) -> None:
    said = named(run_audit("hangs", "greedy", timeout=12, memory=1.0, in_workers=True))
    assert said["torch"].startswith("timeout: ") and said["jax"].startswith("memory: ")
    assert "evaluating" in said["torch"]


def test_what_is_printed_is_kept_apart_and_a_fault_is_carried_over(run_audit: Any) -> None:
    found = run_audit("prints", "raises", in_workers=True)
    assert "loss is being computed" in found.printed["torch"] and "and a warning" in found.printed["torch"]
    (said,) = named(found).items()
    assert said[0] == "jax" and said[1].startswith("raised: ") and "no such mode" in said[1]


def test_what_is_printed_changes_nothing(run_audit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_audit("prints", "prints")
    assert not found.faults and found.exit_status == 0
    assert "loss is being computed" in capsys.readouterr().out


def test_inputs_that_cannot_be_made_are_the_users_fault(run_audit: Any) -> None:
    found = run_audit("good", "good", "tests.audit.user_code:wrong_inputs")
    assert {f.word for f in found.faults} == {"raised"}
    assert "the data set is not there" in found.faults[0].sentence


class _Slow:
    """A worker whose frames arrive at stated seconds of a clock of their own, which goes on when nothing arrives."""

    silent = corrupt = deaf = congested = False

    def __init__(self, *frames: tuple[float, str]) -> None:
        self.now, self.steps, self.killed = 0.0, list(frames), False
        self.frames, self.log = (os.pipe()[0] for _ in range(2))

    def monotonic(self) -> float:
        return self.now

    def receive(self) -> list[Any]:
        self.now += 10
        found = [SimpleNamespace(header={"m": "step", "step": step}) for at, step in self.steps if at <= self.now]
        self.steps = [(at, step) for at, step in self.steps if at > self.now]
        return found

    def send(self, frame: bytes) -> None: ...
    def flush(self) -> None: ...
    def resident(self) -> int: return 0
    def last_words(self) -> str: return ""
    def kill(self) -> None: self.killed = True


@pytest.mark.parametrize(("frames", "ends", "said"), [
    ([(10, "importing the framework"), (500, "importing the module"), (900, "reading the inputs")], 1000,
     "no answer after 100 s while reading the inputs"),
    ([(10, "importing the framework"), (500, "importing the module")], 1500,
     "no answer after 1000 s while importing the module; it was stopped (--timeout sets the limit; importing may take"),
    ([(10, "importing the framework"), (20, "importing the module"), (30, "reading the inputs")], 130, "no answer"),
])
def test_imports_count_against_no_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, frames: list[tuple[float, str]], ends: float, said: str
) -> None:
    worker = _Slow(*frames)
    monkeypatch.setattr(sides, "Worker", lambda *_: worker)
    monkeypatch.setattr(sides, "time", worker)
    monkeypatch.setattr(sides, "select", SimpleNamespace(select=lambda *_: ([], [], [])))
    channel = sides.Remote("torch", tmp_path, SimpleNamespace(of=lambda kind: []), timeout=100)
    channel.ask("load")
    with pytest.raises(SideFault, match=re.escape(said)):
        channel.answer()
    assert worker.killed and ends <= worker.now <= ends + 20
