"""The journal of a run: frames appended to a file as they arrive, readable after any kind of end.

One os.write per batch and no buffer of ours: what was handed to `append` outlives a kill -9 of the coordinator. A
torn tail or flipped bits cost the frames they hit and nothing else, and are reported in a sentence.

The journal of a closed run is packed (zstd, a tenth of the size): it is kept for the day on which another file of the
run is damaged. At every moment the plain file or the packed one is there whole; where both are, the plain one counts.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa

from harness.runs.errors import CannotWrite, DamagedRun
from harness.workers.frames import MAGIC, CorruptFrame, Frame, unpack

#: Bytes from which on a journal is worth packing.
PACKED_FROM = 1 << 20
_PACKED = ".zst"
#: A packed journal that unpacks to more than this many times its size, and some, is none of ours.
_MOST_TIMES, _SPARE = 1000, 64 << 20


def packed(path: Path) -> Path:
    """Where the packed form of a journal lies."""
    return path.with_name(path.name + _PACKED)


def pack(source: Path, draft: Path) -> None:
    """Write the packed form of a journal into a file. Raises OSError."""
    with open(source, "rb") as file, pa.CompressedOutputStream(pa.OSFile(str(draft), "wb"), "zstd") as out:
        while block := file.read(1 << 20):
            out.write(block)


def unpack_into(source: Path, file: IO[bytes]) -> None:
    """Write the plain form of a packed journal. Raises OSError, DamagedRun for what unpacks to more than it may."""
    room = _MOST_TIMES * source.stat().st_size + _SPARE
    for block in _blocks(source):
        room -= len(block)
        if room < 0:
            raise DamagedRun(f"{source} unpacks to more than a journal of its size holds")
        file.write(block)


def _blocks(source: Path) -> Iterator[bytes]:
    try:
        with pa.input_stream(str(source), compression="zstd") as stream:
            while block := stream.read(1 << 20):
                yield block
    except (OSError, pa.ArrowException) as error:  # what is no zstd is an OSError of pyarrow's
        raise DamagedRun(f"{source} cannot be unpacked: {' '.join(str(error).split())}") from None


class Journal:
    """An open journal, for appending. Raises CannotWrite."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise cannot_write(path, error) from error

    def append(self, frames: bytes) -> None:
        """Write whole frames."""
        view = memoryview(frames)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Flush to the disk and close."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        finally:
            os.close(self._file)


def cannot_write(path: Path, error: OSError) -> CannotWrite:
    """The sentence for a disk that does not take what is written to it."""
    return CannotWrite(
        f"cannot write {path}: {error.strerror or error}. What was observed before is kept in the folder; mend this "
        "and continue with --resume, or choose another folder with --output"
    )


def read(path: Path, report: Callable[[str], None]) -> Iterator[Frame]:
    """Every intact frame of a journal, in order; `report` gets a sentence for each stretch that is not.

    A missing or empty file has no frames. A packed journal is read where there is no plain one. Raises DamagedRun.
    """
    if not path.exists() and packed(path).is_file():
        with tempfile.TemporaryFile() as plain:
            unpack_into(packed(path), plain)
            plain.flush()
            yield from _frames(plain, path.name, report)
        return
    if not path.exists() or path.stat().st_size == 0:
        return
    with open(path, "rb") as file:
        yield from _frames(file, path.name, report)


def restore(path: Path, draft: Path) -> None:
    """The plain form of a journal that is packed alone, in a draft. Raises OSError, DamagedRun."""
    with open(draft, "wb") as file:
        unpack_into(packed(path), file)


def _frames(file: IO[bytes], name: str, report: Callable[[str], None]) -> Iterator[Frame]:
    if os.fstat(file.fileno()).st_size == 0:
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at, size = 0, len(data)
        with memoryview(data) as view:
            while at < size:
                try:
                    found = unpack(view, at)
                    problem = "ends in the middle of a frame"
                except CorruptFrame as error:
                    found, problem = None, str(error)
                if found is None:
                    # A length with flipped bits looks like a torn tail: look for a frame further on in any case.
                    again = _next_intact(data, view, at + 1)
                    if again is None:
                        report(f"{name}: the last {size - at} bytes are not readable ({problem})")
                        return
                    report(f"{name}: bytes {at} to {again} are not readable and were skipped ({problem})")
                    at = again
                    continue
                frame, at = found
                yield frame


def _next_intact(data: mmap.mmap, view: memoryview, start: int) -> int | None:
    at = data.find(MAGIC, start)
    while at >= 0:
        try:
            if unpack(view, at) is not None:
                return at
        except CorruptFrame:
            pass
        at = data.find(MAGIC, at + 1)
    return None
