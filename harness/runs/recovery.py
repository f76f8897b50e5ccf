"""What a failure costs: the step that was running becomes a row, the rest of the task is observed again without it.

Pure bookkeeping of one task, the same wherever its worker runs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.model import Observation, Task
from harness.runs.errors import WorkerFailed
from harness.runs.protocol import rows_frame
from harness.workers.frames import pack

MERCY = 4  # times that a worker may be killed from outside at one step: a long one is hit more often than once
MAX_DEATHS = 3  # after which the remainder of a task is given up

_DIFFERENTIAL = ("pullback", "pushforward")
_HESSIAN = ("forward-over-reverse", "reverse-over-forward", "reverse-over-reverse", "forward-over-forward")
_THIRD = (
    "forward-over-forward-over-forward", "forward-over-forward-over-reverse", "forward-over-reverse-over-reverse",
    "reverse-over-reverse-over-reverse",
)

Step = tuple[str, str]  # (point, api)


def place_of(api: str) -> tuple[str, str]:
    """(api, quantity) under which rows of a step are recorded."""
    if api in ("", "value"):
        return "", "value"
    if api == "*":  # everything of one point at once
        return "all", "raw"
    if api in _DIFFERENTIAL:
        return api, "differential"
    if api in _HESSIAN:
        return api, "hessian"
    if api in _THIRD:
        return api, "third"
    return api, "raw"


@dataclass(eq=False)
class Ledger:
    """What is known of one task: survives its workers, and (read back from the journal) the coordinator.

    apis: names of the backend's native APIs. seen: keys of its rows. complete: points of which nothing more comes.
    culprits: steps that took a worker down. forgiven: how often a worker was killed from outside at each.
    """

    number: int
    task: Task
    target: int
    apis: Sequence[str] = ()
    seen: set[tuple[str, str, str, str, str]] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)
    culprits: list[Step] = field(default_factory=list)
    forgiven: Counter[Step | None] = field(default_factory=Counter)
    deaths: int = 0
    step: Step | None = None
    stepped: float = 0.0  # when the step was announced here, on a clock that runs evenly

    def absorb(self, header: dict[str, Any]) -> None:
        """Take note of a frame about this task: start, step, point, rows or death."""
        kind = header["m"]
        if kind == "rows":
            self.seen.update(tuple(row[:5]) for row in header["rows"])
        elif kind == "step":
            self.step, self.stepped = (header["point"], header["api"]), time.monotonic()
        elif kind == "point":
            self.complete.add(header["point"])
            self.step = None
        elif kind == "start":
            self.step = None
        elif kind == "death":
            self.deaths += 1
            if header["api"]:
                self.culprits.append((header["point"], header["api"]))

    def remaining(self) -> Task | None:
        """What is still to be asked; None where every point is complete."""
        points = tuple(p for p in self.task.points if p.name not in self.complete)
        if not points:
            return None
        return replace(self.task, points=points, skip=self.task.skip | frozenset(self.culprits))

    def blame(self, failure: WorkerFailed, mercy: int = 0) -> tuple[bytes, bool]:
        """(journal frames for the failure, whether the rest is worth another attempt).

        mercy: the process was killed from outside, which may be bad luck so many times, and then is the step's doing.
        """
        step, self.step = self.step, None
        if self.forgiven[step] < mercy:
            self.forgiven[step] += 1
            return b"", True
        frames = self._record(self._rows_of(step, failure)) if step else b""
        death = {
            "m": "death", "task": self.number, "point": step[0] if step else "", "api": step[1] if step else "",
            "status": failure.status, "error": failure.error,
        }
        self.absorb(death)
        again = step is not None and self.deaths < MAX_DEATHS
        if not again:
            frames += self._record(self._remainder(failure))
        return frames + pack(death), again

    def finish(self) -> bytes:
        """Journal frames that close the task. A point without a single row is itself an error row.

        What was seen is let go: a plan has millions of rows, and nothing is asked of a task that is closed.
        """
        silent = {p.name for p in self.task.points} - {key[0] for key in self.seen}
        rows = [
            self._row(point, "", "value", "error", "NoObservation", "the backend returned nothing for this point")
            for point in sorted(silent)
        ]
        frames = self._record(rows) + pack({"m": "done", "task": self.number, "rows": len(self.seen)})
        self.seen, self.complete = set(), set()
        return frames

    # -- rows of ours

    def _rows_of(self, step: Step, failure: WorkerFailed) -> list[Observation]:
        point, step_api = step
        api, quantity = place_of(step_api)
        points = [p.name for p in self.task.points if p.name not in self.complete] if point == "*" else [point]
        took = time.monotonic() - self.stepped
        return [replace(self._row(p, api, quantity, failure.status, failure.error, failure.message), seconds=took)
                for p in points]

    def _remainder(self, failure: WorkerFailed) -> list[Observation]:
        """A row for everything that the task should have observed and did not."""
        native = [a for a in self.apis if self.task.wants(a)]
        asked = ["", *_DIFFERENTIAL, *native, *(_HESSIAN if self.task.order > 1 else ()),
                 *(_THIRD if self.task.order > 2 else ())]
        have = {key[:3] for key in self.seen}
        times = "once" if self.deaths == 1 else f"{self.deaths} times"
        message = f"not observed: the worker failed {times} in this task, last: {failure.message}"
        rows = []
        for point in self.task.points:
            if point.name in self.complete:
                continue
            for api, quantity in map(place_of, asked):
                if (point.name, api, quantity) not in have:
                    rows.append(self._row(point.name, api, quantity, failure.status, failure.error, message))
        return rows

    def _row(self, point: str, api: str, quantity: str, status: str, error: str, message: str) -> Observation:
        t = self.task
        return Observation(
            case=t.case, point=point, dtype=t.dtype, backend=t.backend, device=t.device, mode=t.mode, api=api,
            quantity=quantity, input="", output="", status=status, error=error, message=message,
        )

    def _record(self, rows: Iterable[Observation]) -> bytes:
        new = [row for row in rows if (row.point, row.api, row.quantity, row.input, row.output) not in self.seen]
        if not new:
            return b""
        self.seen.update((row.point, row.api, row.quantity, row.input, row.output) for row in new)
        return rows_frame(self.number, self.task.case, self.task.dtype, self.target, new)

