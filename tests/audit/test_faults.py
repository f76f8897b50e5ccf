"""Bar 4: whatever the user's code does, one sentence names the side and the fault, and the other side is not blamed."""

from __future__ import annotations

import time
from typing import Any

import pytest

# (what the torch side runs, what the jax side runs, the side at fault, its word, words of the sentence)
FAULTS = [
    ("raises", "good", "torch", "raised", ["ValueError", "no such mode", "user_code.py", "in raises"]),
    ("good", "raises", "jax", "raised", ["ValueError", "no such mode", "user_code.py:", "raise ValueError"]),
    ("nothing", "good", "torch", "structure", ["returned None"]),
    ("good", "text", "jax", "structure", ["the string '0.25'"]),
    ("number", "good", "torch", "structure", ["Python number"]),
    ("good", "vector", "jax", "structure", ["shape [3]", "torch's returns []"]),
    ("good", "many", "jax", "structure", ["2 arrays", "one array"]),
    ("random", "good", "torch", "random", ["not deterministic", "the value"]),
    ("good", "counts", "jax", "random", ["not deterministic"]),
    ("in_place", "good", "torch", "mutates", ["in place", "x += 1"]),
    ("good", "exits", "jax", "died", ["status 5"]),
    ("segfaults", "good", "torch", "died", ["SIGSEGV"]),
    ("leaves", "good", "torch", "raised", ["SystemExit"]),
    ("missing", "good", "torch", "import", ["has no function 'missing'"]),
    ("tests.audit.no_such_module:f", "good", "torch", "import", ["no_such_module", "cannot be imported"]),
]


@pytest.mark.parametrize(("torch", "jax", "side", "word", "says"), FAULTS, ids=[f"{a}-{b}" for a, b, *_ in FAULTS])
def test_each_fault_is_named(
    run_audit: Any, torch: str, jax: str, side: str, word: str, says: list[str]
) -> None:
    found = run_audit(torch, jax)
    assert [(f.side, f.word) for f in found.faults] == [(side, word)]
    for text in says:
        assert text in found.faults[0].sentence
    assert found.exit_status == 3
    assert found.culprit == ""
    assert f"{side}: " in found.text()


def test_a_side_that_hangs_is_stopped_after_the_time_limit(run_audit: Any) -> None:
    began = time.monotonic()
    found = run_audit("hangs", "good", timeout=8)
    assert [(f.side, f.word) for f in found.faults] == [("torch", "timeout")]
    assert "evaluating" in found.faults[0].sentence
    assert time.monotonic() - began < 30


def test_a_side_that_outgrows_its_memory_is_stopped(run_audit: Any) -> None:
    found = run_audit("good", "greedy", memory=1.5)
    assert [(f.side, f.word) for f in found.faults] == [("jax", "memory")]


def test_both_sides_at_fault_are_both_named(run_audit: Any) -> None:
    found = run_audit("nothing", "raises")
    assert [f.side for f in found.faults] == ["torch", "jax"]


def test_what_is_printed_is_kept_apart_and_changes_nothing(run_audit: Any) -> None:
    found = run_audit("prints", "prints")
    assert not found.faults and found.exit_status == 0
    for side in ("torch", "jax"):
        assert "loss is being computed" in found.printed[side]
        assert "and a warning" in found.printed[side]


def test_inputs_changed_in_place_are_named_and_the_audit_goes_on(run_audit: Any) -> None:
    found = run_audit("mutates_tensor", "good")
    assert not found.faults and found.gradients_agree
    assert found.exit_status == 1
    (warning,) = found.warnings
    assert warning.startswith("torch:") and "x" in warning and "in place" in warning


def test_a_container_changed_in_place_is_noticed(run_audit: Any) -> None:
    given = ["tests.audit.trees:params"]
    found = run_audit("mutates_tree", "tree", given)
    assert [w.partition(":")[0] for w in found.warnings] == ["torch"]
    found = run_audit("tree", "mutates_tree", given)
    assert [w.partition(":")[0] for w in found.warnings] == ["jax"]


def test_inputs_that_cannot_be_made_are_the_users_fault(run_audit: Any) -> None:
    found = run_audit("good", "good", "tests.audit.user_code:wrong_inputs")
    assert {f.word for f in found.faults} == {"raised"}
    assert "the data set is not there" in found.faults[0].sentence
