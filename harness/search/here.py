"""An executor whose workers are this process: no start, no pipes, and the frameworks loaded once.

For a process that may die of what it observes, and is watched by another (`supervise`).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness import backends
from harness.runs import worker
from harness.runs.errors import WorkerFailed
from harness.runs.planning import worker_spec
from harness.runs.protocol import rows_from, task_frame
from harness.runs.recovery import Ledger
from harness.runs.worker_slots import Event
from harness.workers.frames import FrameReader
from harness.workers.process import WorkerSpec


class Here:
    """See harness.runs.execution.Executor. Not for other interpreters."""

    identify = False

    def __init__(self) -> None:
        self._made: dict[WorkerSpec, Any] = {}

    def open(self, kinds: Mapping[WorkerSpec, int]) -> dict[WorkerSpec, dict[str, Any] | WorkerFailed]:
        found: dict[WorkerSpec, dict[str, Any] | WorkerFailed] = {}
        for kind in kinds:
            try:
                found[kind] = worker._hello(self._backend(kind))
            except Exception as error:
                found[kind] = WorkerFailed("error", type(error).__name__, f"{type(error).__name__}: {error}")
        return found

    def run(self, ledgers: Sequence[Ledger]) -> Iterator[list[Event]]:
        for ledger in ledgers:
            again = True
            while again and (task := ledger.remaining()) is not None:
                (asked,) = FrameReader().feed(task_frame(ledger.number, task, ledger.target))
                said: list[bytes] = []
                worker.serve(self._backend(worker_spec(task)), asked, said.append)
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
                        yield [Event(head["m"], ledger.number, b"" if head["m"] == "start" else frame.raw, head)]
            yield [Event("done", ledger.number, ledger.finish(), {})]

    def close(self) -> None:
        """Nothing: the backends stay for the next run."""

    def _backend(self, kind: WorkerSpec) -> Any:
        if kind not in self._made:
            cls: Any = backends.load(kind.spec)
            self._made[kind] = cls(device=kind.device) if "device" in inspect.signature(cls).parameters else cls()
        return self._made[kind]
