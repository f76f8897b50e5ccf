"""An executor whose workers are this process: the worker's own loop and the journal's own frames, no start, no pipes.

For tests of what is observed and recorded. What happens to processes (death, hangs, memory, signals) needs real ones.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness import backends
from harness.runs import worker
from harness.runs.errors import WorkerFailed
from harness.runs.identity import identity
from harness.runs.planning import worker_spec
from harness.runs.protocol import rows_from, task_frame
from harness.runs.recovery import Ledger
from harness.runs.worker_slots import Event
from harness.workers.frames import FrameReader
from harness.workers.process import WorkerSpec

_made: dict[WorkerSpec, Any] = {}


class InProcess:
    """Observes in this process, with one backend of each kind for as long as the process lives. Not for backends that
    read the environment when they are made, nor for modes that have to be set before a framework is imported."""

    identify = False

    def open(self, kinds: Mapping[WorkerSpec, int]) -> dict[WorkerSpec, dict[str, Any] | WorkerFailed]:
        found: dict[WorkerSpec, dict[str, Any] | WorkerFailed] = {}
        for kind in kinds:
            try:
                hello = worker._hello(_backend(kind))
                if self.identify:
                    cls = type(_backend(kind))
                    hello["identity"] = identity(kind.spec, cls.__module__, cls.requires, kind.device)
                found[kind] = hello
            except Exception as error:
                found[kind] = WorkerFailed("error", type(error).__name__, f"{type(error).__name__}: {error}")
        return found

    def run(self, ledgers: Sequence[Ledger]) -> Iterator[list[Event]]:
        for ledger in ledgers:
            again = True
            while again and (task := ledger.remaining()) is not None:
                (asked,) = FrameReader().feed(task_frame(ledger.number, task, ledger.target))
                said: list[bytes] = []
                worker.serve(_backend(worker_spec(task)), asked, said.append)
                again = False
                for frame in FrameReader().feed(b"".join(said)):
                    head = frame.header
                    if head["m"] == "failed":
                        frames, again = ledger.blame(WorkerFailed("error", head["error"], head["message"]))
                        if frames:
                            yield [Event("death", ledger.number, frames, {"status": "error"})]
                        continue
                    if head["m"] == "rows":
                        rows_from(frame)
                    ledger.absorb(head)
                    if head["m"] in ("rows", "point", "start"):
                        raw = b"" if head["m"] == "start" else frame.raw
                        yield [Event(head["m"], ledger.number, raw, head)]
            yield [Event("done", ledger.number, ledger.finish(), {})]

    def close(self) -> None:
        pass


def _backend(kind: WorkerSpec) -> Any:
    if kind.python:
        raise AssertionError("another interpreter is another process")
    if kind not in _made:
        cls: Any = backends.load(kind.spec)
        _made[kind] = cls(device=kind.device) if "device" in inspect.signature(cls).parameters else cls()
    return _made[kind]
