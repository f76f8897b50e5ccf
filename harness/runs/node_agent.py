"""The far side of a cluster: on each node one process that runs the same workers as a laptop does.

Nothing here knows Ray; an Outpost is a local executor that is fed and read in batches from elsewhere. It runs in a
thread, so that its workers are watched while nobody asks. Standard library and NumPy only.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.runs.errors import WorkerFailed
from harness.runs.local import LocalExecutor
from harness.runs.recovery import Ledger
from harness.runs.worker_slots import Event
from harness.workers.process import WorkerSpec

#: An event on its way: kind, number of the task, journal frames, header where the frames do not say it.
Parcel = tuple[str, int, bytes, dict[str, Any]]

_PARCELS = 512  # events in one answer, at most


class Outpost:
    """One node's workers.

    jobs: workers at a time. memory: GiB that one may use (None: its share of the node). settings: environment
    variables that change numbers, as they are where the run was asked for; numeric: a pattern for their names, so that
    what the node sets otherwise is unset. keep: names that stay as the node has them (which accelerators it lent us).
    paths: where the coordinator finds modules; those that exist here are searched in the same order.
    """

    def __init__(
        self, jobs: int, memory: float | None, settings: Mapping[str, str], numeric: str, keep: Sequence[str] = (),
        paths: Sequence[str] = (), identify: bool = False,
    ) -> None:
        for name in [n for n in os.environ if re.fullmatch(numeric, n) and n not in keep]:
            del os.environ[name]
        os.environ.update({name: value for name, value in settings.items() if name not in keep})
        home = str(Path(__file__).resolve().parents[2])  # the code that runs here, first of all
        sys.path[:] = dict.fromkeys([home, *(p for p in paths if os.path.isdir(p)), *sys.path])
        self._executor = LocalExecutor(jobs, memory)
        self._executor.identify = identify
        self._executor.backlog = {}
        self._news = threading.Condition()
        self._inbox: list[Ledger] = []
        self._outbox: list[Parcel] = []
        self._thread: threading.Thread | None = None
        self._ended: BaseException | bool = False

    def ready(self) -> int:
        """The process number; the answer says that the node has taken us in."""
        return os.getpid()

    def open(self, kinds: Mapping[WorkerSpec, int]) -> dict[WorkerSpec, dict[str, Any] | WorkerFailed]:
        """The hello of a worker of each kind, or why there is none. Before the first `exchange`."""
        return self._executor.open(kinds)

    def expect(self, hellos: Mapping[WorkerSpec, dict[str, Any]]) -> None:
        """What workers of other nodes said of themselves: those of this one must say the same."""
        for kind, hello in hellos.items():
            self._executor.hellos.setdefault(kind, hello)

    def exchange(self, ledgers: Sequence[Ledger], backlog: Mapping[WorkerSpec, int], wait: float) -> list[Parcel]:
        """Take more tasks, and tell what happened; waits at most `wait` seconds for something to tell.

        backlog: tasks of each kind that are likely to come here later.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        with self._news:
            self._inbox += ledgers
            self._executor.backlog = dict(backlog)
            self._news.notify_all()
            self._news.wait_for(lambda: bool(self._outbox) or bool(self._ended), wait)
            if isinstance(self._ended, BaseException):
                raise self._ended
            parcels, self._outbox = self._outbox[:_PARCELS], self._outbox[_PARCELS:]
        return parcels

    def close(self) -> None:
        """End every worker."""
        with self._news:
            self._ended = self._ended or True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join(20)
        self._executor.close()

    def _work(self) -> None:
        try:
            while not self._ended:
                with self._news:
                    if not self._inbox and self._executor.idle:
                        self._news.wait(0.5)
                    ledgers, self._inbox = self._inbox, []
                self._executor.add(ledgers)
                parcels = [_parcel(event) for event in self._executor.advance()]
                if parcels:
                    with self._news:
                        self._outbox += parcels
                        self._news.notify_all()
        except BaseException as error:
            with self._news:
                self._ended = error
                self._news.notify_all()


def _parcel(event: Event) -> Parcel:
    """An event without what its frames say anyway."""
    told = event.header if event.kind in ("log", "death") else {}
    return event.kind, event.number, event.raw, told
