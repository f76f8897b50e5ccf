"""Cases for the fake backends, and helpers to run them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness.runs as runs
from harness.model import Case, Input, Point
from tests.in_process import InProcess

#: Fakes to which a process of their own makes no difference (test_in_process.py).
HARMLESS = {"Square", "Raises", "Nothing", "Silent", "WrongTask", "SaysTwice", "Objects", "Quits"}


def make_case(name: str = "square", points: tuple[str, ...] = ("first", "bad", "last"), **more: Any) -> Case:
    generator = np.random.default_rng(len(name) + 7)
    made = [
        Point(p, {"z": generator.standard_normal(2) + 1j * generator.standard_normal(2)}) for p in points
    ]
    more.setdefault("seconds", 20.0)
    return Case(
        id=name, function={"portable": "z**2"}, inputs=(Input("z", "complex", (2,)),), points=tuple(made),
        dtypes=("complex128",), **more,
    )


@pytest.fixture
def go(tmp_path: Path) -> Callable[..., runs.Run]:
    """go("Segfault", "Square", ...) -> the run of those fakes on a few cases.

    Fakes that do nothing to their process are observed in this one, unless `jobs` or `executor` is given.
    """

    def run(*fakes: str, cases: list[Case] | None = None, output: str = "run", **options: Any) -> runs.Run:
        options.setdefault("progress", False)
        if set(fakes) <= HARMLESS and not options.keys() & {"jobs", "executor"}:
            options["executor"] = InProcess()
        options.setdefault("jobs", 2)
        return runs.run(
            cases or [make_case()], backends=[f"tests.runs.fakes:{name}" for name in fakes], output=tmp_path / output,
            reference=False, **options,
        )

    return run
