"""An executor whose workers are this process: the worker's own loop and the journal's own frames, no start, no pipes.

For tests of what is observed and recorded. What happens to processes (death, hangs, memory, signals) needs real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.runs.errors import WorkerFailed
from harness.runs.identity import identity
from harness.search.here import Here
from harness.workers.process import WorkerSpec

_made: dict[WorkerSpec, Any] = {}


class InProcess(Here):
    """Observes in this process, with one backend of each kind for as long as the process lives. Not for backends that
    read the environment when they are made, nor for modes that have to be set before a framework is imported."""

    def __init__(self) -> None:
        self._made = _made

    def open(self, kinds: Mapping[WorkerSpec, int]) -> dict[WorkerSpec, dict[str, Any] | WorkerFailed]:
        found = super().open(kinds)
        for kind, hello in found.items():
            if self.identify and not isinstance(hello, WorkerFailed):
                cls = type(self._backend(kind))
                hello["identity"] = identity(kind.spec, cls.__module__, cls.requires, kind.device)
        return found

    def _backend(self, kind: WorkerSpec) -> Any:
        if kind.python:
            raise AssertionError("another interpreter is another process")
        return super()._backend(kind)
