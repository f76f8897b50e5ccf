"""Admitted native functions called with hostile values: nothing changes, nothing is random, nothing breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.expr.native import whitelist

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks into /proc")

#: Of every kind: reads and writes where integers say, chooses a size, takes a switch, a matrix, a window.
SAMPLE = ["torch.gather", "torch.nn.functional.relu", "torch.nn.functional.embedding_bag", "torch.linalg.lu_solve",
          "torch.index_put", "torch.nn.functional.max_unpool2d", "torch.ormqr", "torch.as_strided"]


def called(family: str, *names: str) -> list[dict[str, Any]]:
    pytest.importorskip(family.partition(":")[0])
    done = subprocess.run(
        [sys.executable, "-m", "tests.expr.hostile_calls", family, *names], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2], env={**os.environ, "JAX_PLATFORMS": "cpu"})
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found, done.stderr[-2000:]
    return found


def test_a_sample_of_functions() -> None:
    found = {one["name"]: one for one in called("torch:100", *SAMPLE)}
    assert set(found) == set(SAMPLE) <= set(whitelist("torch").functions)
    assert [fault for one in found.values() for fault in one["faults"]] == []
    assert all(one["tried"] > 50 or one["late"] for one in found.values())
    assert sum(one["went"] for one in found.values()) > 30


def test_the_watch_sees_what_must_not_be() -> None:
    """Functions that are not admitted, each for one of the reasons."""
    from harness.expr.parameters import Parameters
    from tests.expr import hostile_calls

    def one(function: Any) -> list[str]:
        single = Parameters(("input",), frozenset(["input"]), frozenset(), False, False)
        faults: list[str] = hostile_calls.attempt("f", function, (single,), hostile_calls.Make(), 40)["faults"]
        return faults

    counter = iter(range(10**6))
    assert any("changed matrix" in f for f in one(lambda x: x.fill(3)))
    assert any("two results" in f for f in one(lambda x: next(counter)))
    assert any("ended in SIGSEGV" in f for f in one(lambda x: __import__("ctypes").string_at(0)))
    assert any("wrote" in f for f in one(lambda x: open("left", "w").close()))
    assert one(lambda x: None) == []


@pytest.mark.hostile
@pytest.mark.parametrize("family", ["torch", "jax"])
def test_every_function(family: str) -> None:
    found = called(family)
    assert {fault for one in found for fault in one["faults"]} == set()
    assert len(found) > 0.95 * len(whitelist(family).functions)
