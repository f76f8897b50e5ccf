"""What coordinator and worker say to each other: frames on a pipe, and the same frames in a journal on disk.

A frame is magic, payload length, CRC-32 of the payload, payload; the payload is the length of a JSON header, the
header, and the raw bytes of the arrays it speaks of (little-endian, C order).  Bits are kept: no array ever passes
through text, so NaN payloads and -0.0 arrive as they left.  Standard library and NumPy only, Python 3.10.

Headers have "m", the kind of message:

    worker -> coordinator   hello, absent, start, step, point, rows, failed, done
    coordinator -> worker   task, bye
    journal only            death
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from harness.model import Derivative, Input, Observation, Point, Source, Task
from harness.wirtinger import Array

MAGIC = b"WHf1"
_PREFIX = struct.Struct("<4sII")  # magic, payload length, CRC-32 of the payload
_LENGTH = struct.Struct("<I")
MAX_PAYLOAD = 1 << 30
MAX_MESSAGE = 4000  # characters of a framework's message that are kept


class CorruptFrame(Exception):
    """Bytes that are not a frame: wrong magic, absurd length, checksum mismatch, or a header that is not JSON."""


class Frame(NamedTuple):
    """One message: its header, the bytes of its arrays, and the frame as it was read."""

    header: dict[str, Any]
    body: bytes
    raw: bytes


def pack(header: Mapping[str, Any], body: Iterable[bytes] = ()) -> bytes:
    """The bytes of one frame."""
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode("ascii")
    payload = b"".join((_LENGTH.pack(len(text)), text, *body))
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a message of {len(payload)} bytes; at most {MAX_PAYLOAD} fit into a frame")
    return _PREFIX.pack(MAGIC, len(payload), crc32(payload)) + payload


def unpack(buffer: bytes | bytearray | memoryview, at: int = 0) -> tuple[Frame, int] | None:
    """The frame at offset `at` and the offset after it; None where the buffer ends before the frame does.

    Raises CorruptFrame.
    """
    have = len(buffer) - at
    if have < _PREFIX.size:
        head = bytes(buffer[at : at + 4])
        if not MAGIC.startswith(head[:4]):
            raise CorruptFrame(f"expected a frame, found {head!r}")
        return None
    magic, length, checksum = _PREFIX.unpack_from(buffer, at)
    if magic != MAGIC:
        raise CorruptFrame(f"expected a frame, found {bytes(buffer[at : at + 16])!r}")
    if length > MAX_PAYLOAD or length < _LENGTH.size:
        raise CorruptFrame(f"a frame claims {length} bytes")
    end = at + _PREFIX.size + length
    if len(buffer) < end:
        return None
    raw = bytes(buffer[at:end])
    payload = memoryview(raw)[_PREFIX.size :]
    if crc32(payload) != checksum:
        raise CorruptFrame(f"checksum mismatch in a frame of {length} bytes")
    (size,) = _LENGTH.unpack_from(payload)
    try:
        header = json.loads(str(payload[_LENGTH.size : _LENGTH.size + size], "ascii"))
    except ValueError as error:
        raise CorruptFrame(f"the header of a frame is not JSON: {error}") from error
    if not isinstance(header, dict) or not isinstance(header.get("m"), str):
        raise CorruptFrame("the header of a frame does not say what it is")
    return Frame(header, bytes(payload[_LENGTH.size + size :]), raw), end


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Every frame completed by `data`. Raises CorruptFrame; the stream cannot be trusted after that."""
        self._buffer += data
        at = 0
        try:
            while at < len(self._buffer):
                found = unpack(self._buffer, at)
                if found is None:
                    break
                frame, at = found
                yield frame
        finally:
            del self._buffer[:at]


# -- arrays ------------------------------------------------------------------------------------------------------------


def array_bytes(array: Array) -> tuple[str, list[int], bytes]:
    """(dtype string, shape, bytes) of an array: little-endian, C order. Raises TypeError for other than numbers."""
    array = np.asarray(array)
    if array.dtype.kind not in "biufc" or array.dtype.itemsize > 16:
        raise TypeError(f"an array of dtype {array.dtype} cannot be recorded; expected booleans or numbers")
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return little.dtype.str, list(array.shape), little.tobytes(order="C")


def array_from(kind: str, shape: Sequence[int], data: bytes) -> Array:
    """Inverse of `array_bytes`; the array is read-only. Raises CorruptFrame where the three do not fit."""
    try:
        return np.frombuffer(data, dtype=np.dtype(kind)).reshape(tuple(shape))
    except (TypeError, ValueError) as error:
        raise CorruptFrame(f"{len(data)} bytes are not an array {kind} of shape {tuple(shape)}: {error}") from error


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


def rows_from(frame: Frame) -> list[tuple[Row, bytes | None]]:
    """The rows of a frame with the bytes of their data (None where there is none). Raises CorruptFrame."""
    at, out = 0, []
    try:
        for entry in frame.header["rows"]:
            row = Row(*entry)
            out.append((row, frame.body[at : at + row.size] if row.kind else None))
            at += row.size
    except (KeyError, TypeError) as error:
        raise CorruptFrame(f"a frame of observations is incomplete: {error!r}") from error
    if at != len(frame.body):
        raise CorruptFrame(f"a frame of observations holds {len(frame.body)} bytes of data, its rows claim {at}")
    return out
