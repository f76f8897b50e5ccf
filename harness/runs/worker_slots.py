"""A worker and the tasks that lie on its desk, as the local executor sees them, and what it tells of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.runs.errors import WorkerFailed
from harness.runs.recovery import Ledger
from harness.workers.process import Worker, WorkerSpec

FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGHUP")  # signals that people and kernels send
_PATIENCE = 3  # workers of one kind that may fail in a row without finishing a task,
_MERCY = 12  # and that may be killed from outside before they take up one: that says nothing of the kind
_PER_DEVICE = 4  # workers at a time on one accelerator: each holds a context and memory there


class Event(NamedTuple):
    """Something that happened to a task. raw: frames for the journal (may be empty). kind: start, rows, point, death,
    done, or log (header["text"]: the last words of a worker that died)."""

    kind: str
    number: int
    raw: bytes
    header: dict[str, Any]


@dataclass(eq=False)
class Desk:
    """A worker and what lies on its desk."""

    worker: Worker
    queue: deque[Ledger] = field(default_factory=deque)
    ready: bool = False
    began: float | None = None  # when the first of the queue was taken up
    since: float = 0.0  # when the first of the queue was handed over, or became the first
    baseline: int = 0  # bytes in use before the first task
    tired: bool = False  # grown fat: gets no more tasks and is replaced
    leaving: bool = False

    @property
    def current(self) -> Ledger | None:
        return self.queue[0] if self.queue and self.began is not None else None


def crowded(kind: WorkerSpec, active: Sequence[Desk]) -> bool:
    """Whether the accelerator of this kind has as many workers as it should."""
    return kind.device != "cpu" and sum(d.worker.kind.device == kind.device for d in active) >= _PER_DEVICE


def ended_soon(worker: Worker) -> bool:
    """Whether the process ends; its pipes close a moment before it does."""
    for k in range(6000):
        if worker.ended():
            return True
        if k >= 100 and not worker.exiting():
            return False
        time.sleep(0.01)
    return False


def outside(failures: Sequence[WorkerFailed]) -> bool:
    """Whether the last worker of a kind was killed from outside before it could speak, and another is worth a try."""
    return not hopeless(failures) and failures[-1].error in FROM_OUTSIDE


def hopeless(failures: Sequence[WorkerFailed]) -> bool:
    """Whether workers of a kind have failed so often, without finishing a task in between, that none will."""
    killed = sum(failure.error in FROM_OUTSIDE for failure in failures)
    return len(failures) - killed >= _PATIENCE or killed >= _MERCY
