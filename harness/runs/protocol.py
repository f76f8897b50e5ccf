"""What coordinator and worker of a run say to each other, in frames (harness.workers.frames).

Headers have "m", the kind of message:

    worker -> coordinator   hello, absent, start, step, point, rows, failed, done, keep
    coordinator -> worker   task, bye
    journal only            death
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from math import prod
from typing import NamedTuple

import numpy as np

from harness.model import Derivative, Input, Observation, Point, Source, Task
from harness.untrusted import Malformed, check, either, integer, listing, number, prose, record, row, word
from harness.workers.frames import KINDS, CorruptFrame, Frame, array_bytes, array_from, pack, unpack

MAX_KEPT = 64 << 20  # bytes of one thing that a worker wants kept
MAX_MESSAGE = 4000  # characters of a framework's message that are kept

# -- tasks -------------------------------------------------------------------------------------------------------------


def task_frame(number: int, task: Task, target: int = 0) -> bytes:
    """A task for a worker. number: its place in the plan; target: the index of its target in the run's header."""
    arrays, body = [], []
    for point in task.points:
        entry = []
        for name, array in point.arrays.items():
            kind, shape, data = array_bytes(array)
            entry.append([name, kind, shape, len(data)])
            body.append(data)
        arrays.append([point.name, point.note, point.layout, entry])
    header = {
        "m": "task",
        "task": number,
        "target": target,
        "case": task.case,
        "dtype": task.dtype,
        "backend": task.backend,
        "device": task.device,
        "mode": task.mode,
        "source": [task.source.kind, task.source.text],
        "inputs": [[i.name, i.kind, list(i.shape), i.differentiate] for i in task.inputs],
        "points": arrays,
        "outputs": list(task.outputs),
        "order": task.order,
        "apis": None if task.apis is None else list(task.apis),
        "without": list(task.without),
        "differences": task.differences,
        "skip": sorted(map(list, task.skip)),
        "modules": list(task.modules),
        "path": list(task.path),
        "seconds": task.seconds,
        "spec": task.spec,
        "python": task.python,
        "derivative": [[d.input, d.dz, d.dzbar] for d in task.derivative],
    }
    return pack(header, body)


def task_from(frame: Frame) -> Task:
    """Inverse of `task_frame`. Raises CorruptFrame."""
    head, at, points = frame.header, 0, []
    try:
        for name, note, layout, entry in head["points"]:
            arrays = {}
            for leaf, kind, shape, size in entry:
                arrays[leaf] = array_from(kind, shape, frame.body[at : at + size])
                at += size
            points.append(Point(name, arrays, note, layout))
        return Task(
            case=head["case"],
            dtype=head["dtype"],
            backend=head["backend"],
            device=head["device"],
            mode=head["mode"],
            source=Source(*head["source"]),
            inputs=tuple(Input(n, k, tuple(s), d) for n, k, s, d in head["inputs"]),
            points=tuple(points),
            outputs=tuple(head["outputs"]),
            order=head["order"],
            apis=None if head["apis"] is None else tuple(head["apis"]),
            without=tuple(head["without"]),
            differences=bool(head["differences"]),
            skip=frozenset((p, a) for p, a in head["skip"]),
            modules=tuple(head["modules"]),
            path=tuple(head["path"]),
            seconds=head["seconds"],
            spec=head["spec"],
            python=head["python"],
            derivative=tuple(Derivative(*d) for d in head["derivative"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFrame(f"a task frame is incomplete: {error!r}") from error


def task_digest(task: Task) -> str:
    """SHA-256 (hex) of what the task asks; neither its place in a plan nor what has been skipped counts."""
    frame = unpack(task_frame(0, task))
    assert frame is not None
    header = {k: v for k, v in frame[0].header.items() if k not in ("skip", "seconds", "path")}
    return sha256(pack(header, [frame[0].body])).hexdigest()


# -- observations ------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """One observation as a frame carries it; case, dtype and target are said once for all rows of a frame."""

    point: str
    api: str
    quantity: str
    input: str
    output: str
    status: str
    kind: str  # dtype string of the data, "" where there is none
    shape: list[int]
    size: int  # bytes of the data
    error: str
    message: str
    seconds: float

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What tells the row from the others of its task."""
        return self[:5]


def shorten(message: str) -> str:
    """A message cut to what a row may hold, saying so."""
    extra = len(message) - MAX_MESSAGE
    return message if extra <= 0 else f"{message[:MAX_MESSAGE]}... ({extra} more characters)"


def rows_frame(
    number: int, case: str, dtype: str, target: int, observations: Iterable[Observation]
) -> bytes:
    """Observations of one task as a frame. Raises TypeError for data that is not an array of numbers."""
    rows, body = [], []
    for seen in observations:
        kind, shape, data = ("", [], b"") if seen.data is None else array_bytes(seen.data)
        body.append(data)
        rows.append(
            Row(
                seen.point, seen.api, seen.quantity, seen.input, seen.output, seen.status, kind, shape, len(data),
                seen.error, shorten(seen.message), round(float(seen.seconds), 9),
            )
        )
    header = {"m": "rows", "task": number, "case": case, "dtype": dtype, "target": target, "rows": rows}
    return pack(header, body)


_TEXT, _COUNT = prose(200_000), integer(0, (1 << 31) - 1)
_SECONDS = either(number(-1e12, 1e12), lambda value, where: None if value != value else number(0, 0)(value, where))
_ROWS = record({
    "m": word("rows"),
    "rows": listing(row(*[_TEXT] * 6, word("", *sorted(KINDS)), listing(_COUNT, 32), _COUNT, _TEXT, _TEXT, _SECONDS),
                    1_000_000),
})


_TASK = integer(-(1 << 31), 1 << 31)
#: What a journal holds, by kind of message.
_JOURNAL = {
    "rows": _ROWS, "start": record({}), "step": record({"point": _TEXT, "api": _TEXT}),
    "point": record({"point": _TEXT}), "done": record({"rows": _COUNT}),
    "death": record({"point": _TEXT, "api": _TEXT, "status": _TEXT, "error": _TEXT}),
}


def journal_task(frame: Frame) -> int:
    """The number of the task of which a frame of a journal speaks. Raises CorruptFrame where it makes no sense."""
    kind = frame.header["m"]
    try:
        if kind not in _JOURNAL:
            raise Malformed(f"a frame is called {kind[:40]!r}")
        check(frame.header, record({"task": _TASK}), "a frame")
        check(frame.header, _JOURNAL[kind], "a frame")
    except Malformed as error:
        raise CorruptFrame(f"a frame makes no sense: {error}") from error
    return int(frame.header["task"])


def _plain(row: Row) -> Row:
    """The row; what a framework said may hold halves of characters (names of files that are not UTF-8)."""
    if row.error.isascii() and row.message.isascii():
        return row
    error, message = (t.encode("utf-8", "backslashreplace").decode() for t in (row.error, row.message))
    return row._replace(error=error, message=message)


def rows_from(frame: Frame) -> list[tuple[Row, bytes | None]]:
    """The rows of a frame with the bytes of their data (None where there is none). Raises CorruptFrame."""
    at, out = 0, []
    try:
        check(frame.header, _ROWS, "a frame")
    except Malformed as error:
        raise CorruptFrame(f"a frame of observations makes no sense: {error}") from error
    for entry in frame.header["rows"]:
        row = Row(*entry)
        if row.kind and row.size != prod(row.shape) * np.dtype(row.kind).itemsize:
            raise CorruptFrame(f"{row.size} bytes are not an array {row.kind} of shape {row.shape}")
        out.append((_plain(row), frame.body[at : at + row.size] if row.kind else None))
        at += row.size
    if at != len(frame.body):
        raise CorruptFrame(f"a frame of observations holds {len(frame.body)} bytes of data, its rows claim {at}")
    return out
