"""The journal of a run: frames appended to a file as they arrive, readable after any kind of end.

One os.write per batch and no buffer of ours: what was handed to `append` outlives a kill -9 of the coordinator. A
torn tail or flipped bits cost the frames they hit and nothing else, and are reported in a sentence.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.runs.errors import CannotWrite
from harness.workers.frames import MAGIC, CorruptFrame, Frame, unpack


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

    A missing or empty file has no frames.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
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
                        report(f"{path.name}: the last {size - at} bytes are not readable ({problem})")
                        return
                    report(f"{path.name}: bytes {at} to {again} are not readable and were skipped ({problem})")
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
