"""A run folder as it is written: header, catalogue, journal, and at the end the Parquet files and the closing mark.

    header.json, catalogue.json, observations.parquet, closed.json   the same bytes for the same question and versions
    invocations.json, times.parquet, worker.log, journal.bin(.zst)   what differs between two equal runs
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.runs import journal
from harness.runs.arrow_schema import Collector
from harness.runs.errors import CannotWrite, DamagedRun, FolderInUse, NotARun
from harness.runs.journal import Journal, cannot_write, read
from harness.runs.lock import Lock
from harness.runs.protocol import journal_task
from harness.runs.recovery import Ledger
from harness.untrusted import Malformed, read_json
from harness.workers.frames import CorruptFrame

FORMAT = 1  # of a run folder; a reader refuses what is newer
CLOSED = ("catalogue.json", "header.json", "observations.parquet")  # whose digests the closing mark holds
LOG_LIMIT = 1 << 22  # bytes of worker.log


def canonical(value: Any) -> bytes:
    """JSON that is the same bytes for the same value: keys sorted, one line for each entry of the outermost level, or
    of a list there (the encoder's own indentation is ten times slower)."""

    def one(item: Any) -> str:
        return json.dumps(item, sort_keys=True, ensure_ascii=False)

    def entry(item: Any) -> str:
        return f"[\n  {lines}\n ]" if isinstance(item, list) and (lines := ",\n  ".join(map(one, item))) else one(item)

    if not isinstance(value, dict):
        return (entry(value) + "\n").encode("utf-8", "backslashreplace")
    lines = ",\n ".join(f"{one(key)}: {entry(value[key])}" for key in sorted(value))
    return f"{{\n {lines}\n}}\n".encode("utf-8", "backslashreplace")  # halves of characters as JSON escapes


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    total = sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Make a file appear whole or not at all. Raises CannotWrite."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        write(draft)
        with open(draft, "rb") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def write_parquet(path: Path, table: pa.Table) -> None:
    """A Parquet file whose bytes depend on the table alone, with a checksum for every page."""
    replace_file(
        path,
        lambda draft: pq.write_table(
            table, draft, compression="zstd", row_group_size=1 << 17, write_statistics=False, write_page_checksum=True
        ),
    )


class Folder:
    """A run folder that we write to. Raises FolderInUse, NotARun, CannotWrite."""

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.path = path
        self.created = not path.exists()
        try:
            path.mkdir(parents=True, exist_ok=True)
            present = sorted(p.name for p in path.iterdir())
        except OSError as error:
            raise cannot_write(path, error) from error
        foreign = bool(present) and "header.json" not in present and "lock" not in present
        if foreign:
            raise NotARun(f"{path} is not empty and not a run; choose another folder with --output")
        if not resume and "header.json" in present:
            raise FolderInUse(f"{path} already holds a run; continue it with --resume, or choose another folder")
        self._lock = Lock(path)
        self._journal: Journal | None = None
        self._logged = 0

    @property
    def begun(self) -> bool:
        """Whether a run was begun here before."""
        return (self.path / "header.json").exists()

    def write_json(self, name: str, value: Any) -> None:
        """A JSON file, whole or not at all."""
        data = canonical(value)
        replace_file(self.path / name, lambda draft: draft.write_bytes(data))

    def append(self, frames: bytes) -> None:
        """Journal frames, on their way to the disk before this returns."""
        if self._journal is None:
            self._journal = Journal(self.path / "journal.bin")
        self._journal.append(frames)

    def log(self, text: str) -> None:
        """Last words of a worker, in worker.log, as long as that is not too long already."""
        data = text.encode("utf-8", "replace")
        path = self.path / "worker.log"
        try:
            if (path.stat().st_size if path.exists() else 0) < LOG_LIMIT:
                with open(path, "ab") as file:
                    file.write(data)
        except OSError as error:
            raise cannot_write(path, error) from error

    def note_invocation(self, **facts: Any) -> None:
        """Add to what is known of when and where the run was made."""
        path = self.path / "invocations.json"
        try:
            known = read_json(path, 4 << 20) if path.exists() else []
        except (OSError, Malformed):
            known = []
        known = known if isinstance(known, list) else []
        self.write_json("invocations.json", [*known, {"host": socket.gethostname(), "command": sys.argv, **facts}])

    def reopen(self, ledgers: Sequence[Ledger], report: Callable[[str], None]) -> set[int]:
        """Read the journal back into ledgers; returns the numbers of the tasks that are done.

        A journal that lost frames proves nothing about what is complete: tasks that lost rows are observed again.
        """
        plain = self.path / "journal.bin"
        if not plain.exists() and journal.packed(plain).is_file():
            replace_file(plain, lambda draft: journal.restore(plain, draft))
        lost: list[str] = []
        done: set[int] = set()
        short: set[int] = set()  # said to be done, with more rows than there are
        for frame in read(self.path / "journal.bin", lost.append):
            try:
                number = journal_task(frame)
            except CorruptFrame as error:
                lost.append(f"journal.bin: {error}")
                continue
            if not 0 <= number < len(ledgers):
                continue
            ledger = ledgers[number]
            if frame.header["m"] != "done":
                ledger.absorb(frame.header)
            elif len(ledger.seen) < frame.header["rows"]:
                short.add(number)
                done.discard(number)
            else:
                done.add(number)
                ledger.seen, ledger.complete = set(), set()  # nothing is asked of it any more
        for sentence in lost:
            report(sentence)
        if lost:
            self._compact()
        for ledger in ledgers:
            ledger.step = None
            again = lost or ledger.number in short
            ledger.complete = set() if again else ledger.complete & {key[0] for key in ledger.seen}
        return done

    def _compact(self) -> None:
        """Drop from the journal what cannot be read, so that what is appended follows an intact frame."""

        def write(draft: Path) -> None:
            with open(draft, "wb") as file:
                for frame in read(self.path / "journal.bin", lambda sentence: None):
                    with contextlib.suppress(CorruptFrame):
                        journal_task(frame)
                        file.write(frame.raw)

        replace_file(self.path / "journal.bin", write)

    def finish(self, header: Mapping[str, Any]) -> None:
        """Write the Parquet files from the journal, and the closing mark. Raises DamagedRun, CannotWrite."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        table, seconds, notes = gather(self.path, header)
        if notes:
            raise DamagedRun(f"{self.path}: {notes[0]}; harness run --resume observes again what was lost")
        write_parquet(self.path / "observations.parquet", table)
        write_parquet(self.path / "times.parquet", pa.table({"seconds": seconds}))
        mark = {
            "format": FORMAT, "rows": table.num_rows,
            "sha256": {name: file_digest(self.path / name) for name in CLOSED},
        }
        self.write_json("closed.json", mark)
        with contextlib.suppress(CannotWrite):  # the run is whole; a journal that stays as it is costs room alone
            self._pack()

    def _pack(self) -> None:
        """Pack a journal that is worth it; the plain one goes when the packed one is on the disk."""
        plain = self.path / "journal.bin"
        try:
            if plain.is_symlink() or not plain.is_file() or plain.stat().st_size < journal.PACKED_FROM:
                return
            replace_file(journal.packed(plain), lambda draft: journal.pack(plain, draft))
            plain.unlink()
        except OSError as error:
            raise cannot_write(plain, error) from error

    def release(self) -> None:
        """Close the journal and give the lock back."""
        if self._journal is not None:
            with contextlib.suppress(CannotWrite):  # why we stop is said already
                self._journal.close()
            self._journal = None
        self._lock.release()

    def discard(self) -> None:
        """Remove the folder again if this invocation made it and nothing was written."""
        self.release()
        if self.created and not self.begun:
            (self.path / "lock").unlink(missing_ok=True)
            if not any(self.path.iterdir()):
                self.path.rmdir()


def gather(
    path: Path, header: Mapping[str, Any]
) -> tuple[pa.Table, np.ndarray[Any, np.dtype[np.float64]], list[str]]:
    """(table, seconds, sentences about what could not be read) from the journal of a run folder."""
    notes: list[str] = []
    collector = Collector(header["targets"])
    keys: dict[int, set[tuple[str, ...]]] = {}
    short: dict[int, int] = {}  # tasks that are done and have fewer rows than they had then
    for frame in read(path / "journal.bin", notes.append):
        kind = frame.header["m"]
        try:
            journal_task(frame)
            if kind == "rows":
                collector.add(frame)
                keys.setdefault(frame.header["task"], set()).update(tuple(r[:5]) for r in frame.header["rows"])
                frame.header["rows"] = None
            elif kind == "done":
                number = frame.header["task"]
                missing = frame.header["rows"] - len(keys.get(number, ()))
                if missing > 0:
                    short[number] = missing
                else:
                    short.pop(number, None)
                    keys.pop(number, None)
        except CorruptFrame as error:
            notes.append(f"journal.bin: a frame was skipped: {error}")
    table, seconds = collector.finish()
    if short:
        notes.append(f"journal.bin: {sum(short.values())} observations of {len(short)} tasks that were done are lost")
    return table, seconds, notes


def now() -> str:
    """The time, for people (UTC, ISO 8601)."""
    return datetime.now(UTC).isoformat(timespec="seconds")
