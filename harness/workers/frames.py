"""Frames: how coordinator and worker speak over a pipe, and how a journal keeps what was said.

A frame is magic, payload length, CRC-32 of the payload, payload; the payload is the length of a JSON header, the
header, and the raw bytes of the arrays it speaks of (little-endian, C order).  Bits are kept: no array ever passes
through text, so NaN payloads and -0.0 arrive as they left.  Standard library and NumPy only, Python 3.10.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from harness.untrusted import Malformed, loads
from harness.wirtinger import Array

MAGIC = b"WHf1"
_PREFIX = struct.Struct("<4sII")  # magic, payload length, CRC-32 of the payload
_LENGTH = struct.Struct("<I")
MAX_PAYLOAD = 1 << 30
MAX_HEADER = 256 << 20  # bytes of the header, and values in it: JSON takes many times its own size
_VALUES = 8_000_000


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
    if size > min(MAX_HEADER, length - _LENGTH.size):
        raise CorruptFrame(f"the header of a frame claims {size} bytes of {length}")
    try:
        header = loads(bytes(payload[_LENGTH.size : _LENGTH.size + size]), _VALUES)
    except Malformed as error:
        raise CorruptFrame(f"the header of a frame cannot be read: {error}") from error
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


_SIZES = ("i2", "u2", "f2", "i4", "u4", "f4", "i8", "u8", "f8", "f16", "c8", "c16")
#: What `array_bytes` calls the dtypes that can be recorded.
KINDS = frozenset(["|b1", "|i1", "|u1", *(f"<{k}" for k in _SIZES)])


def array_bytes(array: Array) -> tuple[str, list[int], bytes]:
    """(dtype string, shape, bytes) of an array: little-endian, C order. Raises TypeError for other than numbers."""
    array = np.asarray(array)
    if array.dtype.kind not in "biufc" or array.dtype.itemsize > 16:
        raise TypeError(f"an array of dtype {array.dtype} cannot be recorded; expected booleans or numbers")
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return little.dtype.str, list(array.shape), little.tobytes(order="C")


def array_from(kind: str, shape: Sequence[int], data: bytes) -> Array:
    """Inverse of `array_bytes`; the array is read-only. Raises CorruptFrame where the three do not fit."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise CorruptFrame(f"{str(kind)[:40]!r} is not a kind of array")
    try:
        return np.frombuffer(data, dtype=np.dtype(kind)).reshape(tuple(shape))
    except (TypeError, ValueError) as error:
        raise CorruptFrame(f"{len(data)} bytes are not an array {kind} of shape {tuple(shape)}: {error}") from error
