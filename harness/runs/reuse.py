"""Observations kept from run to run, by content: a second run observes what changed and nothing else.

The key of one point of one task is a digest of everything that its observations are made from: the task (case, dtype,
backend, device, mode, text, inputs, APIs), the point's own arrays, what is left out there, the release and formats of
this package, the hello of the worker (versions, flags, NumPy, Python) and its identity (harness.runs.identity: files of
the framework and of this package, processor, driver, environment variables). The value carries the digest of key and
content, so an entry that is damaged, or lies under another key, is no entry.

Kept is what a worker itself said of a point that it completed, and only where the framework answered (`ok`), declined
(`refused`) or has no spelling (`unsupported`). Rows of crashes, time-outs, errors, and of tasks in which a worker died
are observed again; so is everything about code of the user's own, and about backends that are not part of this package.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness import kept
from harness.model import Task
from harness.runs.planning import worker_spec
from harness.runs.protocol import Row, rows_from, task_frame
from harness.runs.recovery import Ledger
from harness.runs.store import FORMAT
from harness.runs.worker_slots import Event
from harness.storage import cache_folder
from harness.version import __version__
from harness.workers.frames import MAX_PAYLOAD, CorruptFrame, pack, unpack
from harness.workers.process import WorkerSpec

STORE_FORMAT = 2
LIMIT = 4 << 30  # bytes of the store; beyond it the older half goes
_KEPT = ("ok", "refused", "unsupported")
_BATCH = 2000  # entries in one transaction

Identities = Mapping[WorkerSpec, Mapping[str, Any]]


def default_store() -> Path | None:
    """Where observations are kept: below the cache folder; None where that is "off"."""
    home = cache_folder()
    return None if home is None else home / "observations" / "store.sqlite"


@dataclass
class Count:
    """What a run reused. tasks: whole ones; points, rows: of all tasks; planned: tasks of the plan."""

    planned: int = 0
    tasks: int = 0
    points: int = 0
    rows: int = 0

    def __str__(self) -> str:
        return f"reused {self.tasks:,} of {self.planned:,} tasks ({self.points:,} points, {self.rows:,} observations)"


class Keys:
    """The keys of points. hellos: what a worker of each kind said of itself, with its identity."""

    def __init__(self, hellos: Identities, settings: Mapping[str, str]) -> None:
        self._base: dict[WorkerSpec, bytes] = {}
        for kind, hello in hellos.items():
            if hello.get("identity"):
                said = {"hello": {k: v for k, v in hello.items() if k != "m"}, "settings": dict(settings),
                        "harness": __version__, "formats": [FORMAT, STORE_FORMAT]}
                self._base[kind] = pack(said | {"m": "base"})

    def of(self, task: Task) -> dict[str, bytes]:
        """Point name -> key; empty where the task's observations are not to be reused."""
        base = self._base.get(worker_spec(task))
        if base is None or task.modules or task.path or task.source.kind == "callable":
            return {}
        keys = {}
        for point in task.points:
            left_out = frozenset((p, api) for p, api in task.skip if p in (point.name, "*"))
            alone = replace(task, points=(point,), skip=left_out, seconds=0.0)
            keys[point.name] = sha256(base + task_frame(0, alone)).digest()
        return keys


class Store:
    """The file of kept observations. What cannot be read or written costs time and is said once; nothing else."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.path, self._say = path, say
        self._base: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if why := kept.objection(path.parent, private=False) or kept.objection_to_file(path):
                raise OSError(why)
            self._open()
        except (OSError, sqlite3.Error) as error:
            self._broken(error)

    def _open(self) -> None:
        self._base = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        self._base.execute("PRAGMA synchronous=NORMAL")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, made INTEGER, value BLOB) WITHOUT ROWID"
        )

    def _broken(self, error: Exception) -> None:
        self.close()
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        with suppress(OSError):
            if damaged:  # none of it is trusted; the next run begins another
                self.path.unlink()
        rest = "it is begun anew" if damaged else "nothing is reused from here on"
        self._say(f"the kept observations in {self.path} cannot be used ({error}); {rest}")

    def load(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """key -> content, for those keys that have an intact entry."""
        found: dict[bytes, bytes] = {}
        if self._base is None:
            return found
        try:
            for at in range(0, len(keys), 500):
                some = keys[at : at + 500]
                marks = ",".join("?" * len(some))
                for key, value in self._base.execute(f"SELECT key, value FROM entries WHERE key IN ({marks})", some):
                    content = _opened(key, value)
                    if content is not None:
                        found[key] = content
        except sqlite3.Error as error:
            self._broken(error)
        return found

    def save(self, entries: Mapping[bytes, bytes]) -> None:
        """Keep entries, all of them or none."""
        if self._base is None or not entries:
            return
        made = int(time.time())  # for pruning alone
        try:
            self._base.execute("BEGIN IMMEDIATE")
            self._base.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)",
                [(key, made, value) for key, content in entries.items() if (value := _sealed(key, content))],
            )
            self._base.execute("COMMIT")
            if self.path.stat().st_size > LIMIT:
                self._prune()
        except (OSError, sqlite3.Error) as error:
            with suppress(sqlite3.Error):
                self._base.execute("ROLLBACK")
            self._broken(error)

    def _prune(self) -> None:
        assert self._base is not None
        middle = "(SELECT made FROM entries ORDER BY made LIMIT 1 OFFSET (SELECT (COUNT(*) - 1) / 2 FROM entries))"
        self._base.execute(f"DELETE FROM entries WHERE made <= {middle}")
        self._base.execute("VACUUM")

    def close(self) -> None:
        """Give the file back."""
        if self._base is not None:
            with suppress(sqlite3.Error):
                self._base.close()
            self._base = None


def _sealed(key: bytes, content: bytes) -> bytes | None:
    return kept.seal("observations", key, zlib.compress(content, 1))


def _opened(key: object, value: object) -> bytes | None:
    """The content of an entry under the user's own key, of at most as many bytes as a frame has; None for any other."""
    if not isinstance(key, bytes) or not isinstance(value, bytes):
        return None
    packed = kept.unseal("observations", key, value)
    if packed is None:
        return None
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, MAX_PAYLOAD + 64)
    except zlib.error:
        return None
    return content if unpacker.eof else None


class Reuse:
    """What one run takes from the store and gives to it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.count = Count()
        self._keys: dict[int, dict[str, bytes]] = {}
        self._rows: dict[int, dict[str, list[tuple[Row, bytes | None]]]] = {}
        self._new: dict[bytes, bytes] = {}

    def take(self, ledgers: Sequence[Ledger], keys: Keys, write: Callable[[bytes], None]) -> list[Ledger]:
        """Write what is known into the journal; returns the ledgers that still have something to observe."""
        rest = []
        for start in range(0, len(ledgers), 500):
            some = ledgers[start : start + 500]
            wanted = {x.number: keys.of(x.task) for x in some}
            content = self._store.load([k for points in wanted.values() for k in points.values()])
            frames: list[bytes] = []
            for ledger in some:
                before = ledger.number, len(ledger.complete)
                for point, key in wanted[ledger.number].items():
                    if key in content and point not in ledger.complete and not ledger.deaths:
                        frames.append(self._known(ledger, point, content[key]))
                if len(ledger.complete) > before[1] and ledger.remaining() is None:
                    self.count.tasks += 1
                    frames.append(ledger.finish())
                    continue
                rest.append(ledger)
                if not ledger.deaths:  # what a death left out is not what the point gives
                    self._keys[ledger.number] = wanted[ledger.number]
            if any(frames):
                write(b"".join(frames))
        return rest

    def _known(self, ledger: Ledger, point: str, content: bytes) -> bytes:
        """Journal frames for one point, or nothing where the content is not what it should be."""
        try:
            found = unpack(content)
            rows = [] if found is None else rows_from(found[0])
        except CorruptFrame:
            return b""
        if not rows or {row.point for row, _ in rows} != {point} or any(row.status not in _KEPT for row, _ in rows):
            return b""
        new = [(row, data) for row, data in rows if row.key not in ledger.seen]
        head = {"m": "rows", "task": ledger.number, "case": ledger.task.case, "dtype": ledger.task.dtype,
                "target": ledger.target, "rows": [row for row, _ in new]}
        complete = {"m": "point", "task": ledger.number, "point": point}
        ledger.absorb(head)
        ledger.absorb(complete)
        self.count.points += 1
        self.count.rows += len(rows)
        return (pack(head, (data or b"" for _, data in new)) if new else b"") + pack(complete)

    def give(self, event: Event) -> None:
        """Take note of what a worker said, and keep what is complete."""
        number, kind = event.number, event.kind
        if number not in self._keys:
            return
        if kind == "death":
            del self._keys[number]
            self._rows.pop(number, None)
        elif kind == "rows":
            points = self._rows.setdefault(number, {})
            found = unpack(event.raw)
            for row, data in rows_from(found[0]) if found else ():
                points.setdefault(row.point, []).append((row, data))
        elif kind == "point":
            name = event.header["point"]
            self._keep(number, name, self._rows.get(number, {}).pop(name, []))
        elif kind == "done":
            for name, rows in self._rows.pop(number, {}).items():
                if all(row.status == "unsupported" for row, _ in rows):  # says nothing of completeness, and needs none
                    self._keep(number, name, rows)
            del self._keys[number]

    def _keep(self, number: int, point: str, rows: Sequence[tuple[Row, bytes | None]]) -> None:
        key = self._keys[number].get(point)
        if key is None or not rows or any(row.status not in _KEPT for row, _ in rows):
            return
        first: dict[Any, tuple[Row, bytes | None]] = {}
        for row, data in rows:
            first.setdefault(row.key, (row, data))
        head = {"m": "rows", "rows": [row for row, _ in first.values()]}
        self._new[key] = pack(head, (data or b"" for _, data in first.values()))
        if len(self._new) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        self._store.save(self._new)
        self._new = {}

    def close(self) -> None:
        """Write what was gathered and give the store back."""
        self.flush()
        self._store.close()
