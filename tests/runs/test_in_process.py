"""The tests' own executor records what the local one does, to the byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.runs.local import LocalExecutor
from tests.in_process import InProcess
from tests.runs.conftest import make_case


@pytest.mark.parametrize("fake", ["Square", "Raises", "Nothing", "WrongTask", "SaysTwice", "Objects", "NotThere"])
def test_the_same_bytes_as_worker_processes_write(go: Callable, fake: str) -> None:
    runs = [
        go("Square", fake, cases=[make_case(), make_case("other")], output=name, executor=executor)
        for name, executor in (("here", InProcess()), ("there", LocalExecutor(jobs=2)))
    ]
    for name in ("header.json", "catalogue.json", "observations.parquet", "closed.json"):
        assert (runs[0].path / name).read_bytes() == (runs[1].path / name).read_bytes(), name
