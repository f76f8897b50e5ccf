"""The local executor: worker processes of this machine, fed ahead so that none idles, watched so that none hangs."""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.runs.errors import WorkerFailed
from harness.runs.planning import worker_spec
from harness.runs.protocol import rows_from, task_frame
from harness.runs.recovery import MERCY, Ledger
from harness.runs.shut_in import ShutIn, inherited
from harness.runs.worker_slots import FROM_OUTSIDE, Desk, Event, crowded, ended_soon, hopeless, outside
from harness.untrusted import visible
from harness.workers.frames import CorruptFrame, Frame
from harness.workers.machine import default_jobs, memory_of_machine
from harness.workers.process import Paths, Worker, WorkerSpec

STARTUP = 300.0  # seconds that importing a framework may take
_START = 60.0  # seconds from handing over a task until the worker takes it up
_TICK = 0.1  # seconds between looks at clocks and memory
_AHEAD = 2  # tasks a worker holds: the one it observes and the next
_GIB = 1 << 30


class LocalExecutor:
    """Worker processes on this machine.

    jobs: workers at a time (default: one a processor). memory: GiB that one worker may use; 0 for no limit (default:
    its share of the machine, at least 4). startup: seconds that importing a framework may take.
    """

    def __init__(self, jobs: int | None = None, memory: float | None = None, startup: float = STARTUP) -> None:
        self.jobs = max(1, jobs or default_jobs())
        if memory is None:
            total = 0.9 * memory_of_machine()
            self.memory = int(min(total, max(total / self.jobs, 4 * _GIB)))
        else:
            self.memory = int(memory * _GIB)
        self.startup = startup
        self.shut_in = ShutIn()
        self.identify = False  # whether workers say what computes there, to the last file (harness.runs.reuse)
        self.backlog: Mapping[WorkerSpec, int] | None = None  # tasks that will come later; None: there are none
        self.hellos: dict[WorkerSpec, dict[str, Any]] = {}
        self._selector = selectors.DefaultSelector()
        self._paths = Paths()
        self._desks: list[Desk] = []
        self._pending: dict[WorkerSpec, deque[Ledger]] = {}
        self._failures: dict[WorkerSpec, list[WorkerFailed]] = {}
        self._pace: dict[WorkerSpec, tuple[int, float]] = {}  # tasks done, seconds they took
        self._import: dict[WorkerSpec, float] = {}  # seconds from start to hello
        self._events: list[Event] = []
        self._looked = 0.0

    # -- the interface

    def open(self, kinds: Mapping[WorkerSpec, int]) -> dict[WorkerSpec, dict[str, Any] | WorkerFailed]:
        """Start workers for every kind and learn what each is: its hello, or why there is none.

        kinds: kind -> number of tasks that wait for it.
        """
        for kind in kinds:
            self._start(kind)
        for kind, tasks in kinds.items():  # more of the same only where there is work for them
            for _ in range(min(tasks // 8, self.jobs // max(1, len(kinds))) - 1):
                self._start(kind)
        while True:
            while any(not desk.ready for desk in self._desks):
                self._turn()
            again = [k for k in kinds if k not in self.hellos and outside(self._failures[k])]
            if not again:
                break
            for kind in again:  # killed from outside while it imported, which says nothing about the framework
                self._start(kind)
        return {k: self.hellos.get(k) or self._failures[k][-1] for k in kinds}

    def run(self, ledgers: Sequence[Ledger]) -> Iterator[list[Event]]:
        """Observe every task; what happens comes in batches, and every task ends in an event "done"."""
        self.add(ledgers)
        while not self.idle:
            events = self.advance()
            if events:
                yield events

    def add(self, ledgers: Sequence[Ledger]) -> None:
        """Tasks to observe, next to those that are there."""
        for ledger in ledgers:
            kind = worker_spec(ledger.task)
            if kind not in self._pending:
                self._pending[kind], self._failures[kind] = deque(), []
            self._pending[kind].append(ledger)

    @property
    def idle(self) -> bool:
        """Whether every task is done and everything that happened has been told."""
        return not self._events and not any(self._pending.values()) and not any(d.queue for d in self._desks)

    def advance(self) -> list[Event]:
        """What happened since the last call; waits a little where nothing has."""
        self._staff()
        if not self._events and not self.idle:
            self._turn()
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """End every worker at once."""
        for desk in self._desks:
            desk.worker.close()
        self._desks.clear()
        self.shut_in.close()
        self._selector.close()
        self._paths.close()

    # -- staff

    def _start(self, kind: WorkerSpec) -> None:
        try:
            more = ["--identify"] if self.identify else []
            words, environment = self.shut_in.needs(kind, self.memory)
            worker = Worker(kind, self._paths.of(kind), more=[*more, *words], environment=environment,
                            inherited=inherited if words else None)
        except OSError as error:
            reason = f"cannot start {kind.python or 'a worker'}: {error.strerror or error}"
            self._failures.setdefault(kind, []).append(WorkerFailed("crash", type(error).__name__, reason))
            return
        desk = Desk(worker)
        self._desks.append(desk)
        self._selector.register(worker.frames, selectors.EVENT_READ, (desk, "frames"))
        self._selector.register(worker.log, selectors.EVENT_READ, (desk, "log"))

    def _staff(self) -> None:
        """Give idle workers tasks, let those go for whom there is nothing, start others where it pays."""
        for kind, pending in self._pending.items():
            if hopeless(self._failures.get(kind, ())):
                while pending:
                    self._give_up(pending.popleft(), self._failures[kind][-1])
        active = [d for d in self._desks if d.queue and not d.leaving]
        for desk in sorted((d for d in self._desks if d.ready and not d.leaving), key=lambda d: not d.queue):
            pending = self._pending.get(desk.worker.kind, deque())
            if not desk.queue and (desk.tired or (not pending and self.backlog is None)):
                self._let_go(desk)
            if desk.leaving or desk.tired:
                continue
            if not desk.queue:
                if not pending or len(active) >= self.jobs or crowded(desk.worker.kind, active):
                    continue  # waits, its framework imported, until another kind is through
                active.append(desk)
                self._hand(desk, pending.popleft())
            peers = sum(d.worker.kind == desk.worker.kind for d in active)
            while len(desk.queue) < _AHEAD and len(pending) >= max(1, peers):
                self._hand(desk, pending.popleft())
        starting = [d for d in self._desks if not d.ready]
        while len(active) + len(starting) < self.jobs:
            most = self._worth_starting(active, starting)
            if most is None:
                break
            before = len(self._desks)
            self._start(most)
            if len(self._desks) == before:
                break  # it could not be started; the failure counts
            starting.append(self._desks[-1])

    def _worth_starting(self, active: list[Desk], starting: list[Desk]) -> WorkerSpec | None:
        """The kind with the most work for one more worker, if that outweighs importing the framework again."""
        best, most = None, 0.0
        for kind, pending in self._pending.items():
            have = sum(d.worker.kind == kind for d in (*active, *starting))
            parked = any(d.worker.kind == kind and d.ready and not d.queue and not d.leaving for d in self._desks)
            if not pending or parked or crowded(kind, active):
                continue
            done, seconds = self._pace.get(kind, (0, 0.0))
            if not done and any(d.worker.kind == kind for d in starting):
                continue
            waiting = (len(pending) + (self.backlog or {}).get(kind, 0)) / (have + 1)
            if have and (not done or seconds / done * waiting < self._import.get(kind, 1.0)):
                continue
            if waiting > most:
                best, most = kind, waiting
        return best

    def _hand(self, desk: Desk, ledger: Ledger) -> None:
        task = ledger.remaining()
        if task is None:
            self._close_task(ledger)
            return
        if not desk.queue:
            desk.since, desk.began = time.monotonic(), None
        desk.queue.append(ledger)
        desk.worker.send(task_frame(ledger.number, task, ledger.target))
        self._watch_inbox(desk)

    def _let_go(self, desk: Desk) -> None:
        desk.leaving, desk.since = True, time.monotonic()
        desk.worker.dismiss()

    def _replace(self, desk: Desk, after: Ledger, left: str) -> None:
        """A task left something behind in its worker: what was to follow there is for another one."""
        rest = list(desk.queue)
        self._remove(desk)
        self._pending.setdefault(desk.worker.kind, deque()).extendleft(reversed(rest))
        text = f"{' '.join(after.task.key)}: changed {left}, so another worker takes over\n"
        self._events.append(Event("log", -1, b"", {"text": visible(text[:2000])}))

    def _remove(self, desk: Desk) -> None:
        for fd in (desk.worker.frames, desk.worker.log, desk.worker.inbox):
            self._unwatch(fd)
        desk.worker.close()
        self._desks.remove(desk)

    # -- one turn of the loop

    def _turn(self) -> None:
        for key, _ in self._selector.select(_TICK):
            desk, what = key.data
            if desk not in self._desks:
                continue
            if what == "log":
                desk.worker.drain()
                if desk.worker.deaf:
                    self._unwatch(desk.worker.log)
            elif what == "inbox":
                desk.worker.flush()
                self._watch_inbox(desk)
            else:
                self._take(desk, desk.worker.receive())
        now = time.monotonic()
        look = now - self._looked >= _TICK
        if look:
            if self._looked and now - self._looked > 20 * _TICK + 3:  # we were stopped, and so nobody was watched
                self._forget(now - self._looked)
            self._looked = now
        for desk in list(self._desks):
            if desk.worker.silent or desk.worker.corrupt or (look and desk.worker.ended()):
                self._gone(desk)
            elif look:
                self._check(desk, now)

    def _forget(self, seconds: float) -> None:
        """Charge nobody for a time in which we did not look."""
        for desk in self._desks:
            desk.since += seconds
            desk.began = None if desk.began is None else desk.began + seconds

    def _watch_inbox(self, desk: Desk) -> None:
        if not desk.worker.congested:
            self._unwatch(desk.worker.inbox)
        elif desk.worker.inbox not in self._selector.get_map():
            self._selector.register(desk.worker.inbox, selectors.EVENT_WRITE, (desk, "inbox"))

    def _unwatch(self, fd: int) -> None:
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def _check(self, desk: Desk, now: float) -> None:
        """Time and memory."""
        current = desk.current
        if desk.leaving:
            if now - desk.since > 10:
                self._remove(desk)
        elif not desk.ready:
            if now - desk.worker.started > self.startup:
                self._fail(desk, WorkerFailed("timeout", "Timeout", f"no sign of life within {self.startup:g} s"))
        elif current is not None and desk.began is not None and now - desk.began > current.task.seconds:
            limit = f"the time limit of {current.task.seconds:g} s for one case, dtype and target was reached"
            self._fail(desk, WorkerFailed("timeout", "Timeout", limit))
        elif current is None and desk.queue and now - desk.since > _START:
            self._fail(desk, WorkerFailed("timeout", "Timeout", f"the worker took up no task for {_START:g} s"))
        elif self.memory and desk.worker.resident() > self.memory:
            limit = f"the worker used more than the memory limit of {self.memory / _GIB:.4g} GiB"
            self._fail(desk, WorkerFailed("crash", "MemoryLimit", limit))

    # -- what workers say

    def _take(self, desk: Desk, frames: list[Frame]) -> None:
        for frame in frames:
            if desk not in self._desks:
                return
            try:
                self._one(desk, frame)
            except (CorruptFrame, KeyError, TypeError, ValueError) as error:
                desk.worker.corrupt = error if isinstance(error, CorruptFrame) else CorruptFrame(repr(error))
                return

    def _one(self, desk: Desk, frame: Frame) -> None:
        head, kind = frame.header, frame.header["m"]
        if not desk.ready:
            self._greet(desk, head)
            return
        if kind == "keep":
            self.shut_in.keep(desk.worker.kind, frame)
            return
        first = desk.queue[0] if desk.queue else None
        if first is None or head["task"] != first.number or (kind != "start") != (desk.began is not None):
            raise CorruptFrame(f"a frame {kind!r} about a task that was not running")
        if kind == "rows":
            if (head["case"], head["dtype"], head["target"]) != (first.task.case, first.task.dtype, first.target):
                raise CorruptFrame("observations of something that was not asked")
            rows_from(frame)
        elif kind == "start":
            desk.began = time.monotonic()
        elif kind not in ("step", "point", "done", "failed"):
            raise CorruptFrame(f"a frame of unknown kind {kind!r}")
        first.absorb(head)
        if kind in ("rows", "point", "start"):
            self._events.append(Event(kind, first.number, b"" if kind == "start" else frame.raw, head))
        elif kind in ("done", "failed"):
            self._next(desk)
            if kind == "done":
                self._failures[desk.worker.kind] = []
                self._close_task(first)
            else:
                self._charge(first, WorkerFailed("error", head["error"], head["message"]), False)
            if "left" in head:
                self._replace(desk, first, str(head["left"]))

    def _next(self, desk: Desk) -> None:
        """The first task of the queue is over; stop feeding a worker that has grown fat."""
        now = time.monotonic()
        done, seconds = self._pace.get(desk.worker.kind, (0, 0.0))
        self._pace[desk.worker.kind] = (done + 1, seconds + now - (desk.began or now))
        desk.queue.popleft()
        desk.began, desk.since = None, now
        desk.tired = bool(self.memory) and desk.worker.resident() > (self.memory + desk.baseline) // 2

    def _greet(self, desk: Desk, head: dict[str, Any]) -> None:
        kind = desk.worker.kind
        if head["m"] == "absent":
            text = f"{head['error']}: {head['message']}"
            self._fail(desk, WorkerFailed("error", head["error"], text))
            return
        if head["m"] != "hello":
            raise CorruptFrame("a worker that did not introduce itself")
        known = self.hellos.setdefault(kind, head)
        for what in ("versions", "flags", "numpy", "python", "identity"):
            if known.get(what) != head.get(what):
                text = f"the environment changed during the run: {what} were {known.get(what)}, are {head.get(what)}"
                self._fail(desk, WorkerFailed("error", "EnvironmentChanged", text))
                return
        desk.ready, desk.baseline = True, desk.worker.resident()
        self._import[kind] = time.monotonic() - desk.worker.started

    # -- failures

    def _gone(self, desk: Desk) -> None:
        """The process ended, closed its pipe, or wrote bytes that are not frames."""
        worker = desk.worker
        self._take(desk, worker.receive_rest())
        if desk not in self._desks:
            return
        if desk.leaving and not desk.queue:
            self._remove(desk)
        elif worker.corrupt:
            self._fail(desk, WorkerFailed("crash", "CorruptFrame", f"the worker's messages broke: {worker.corrupt}"))
        elif not ended_soon(worker):
            self._fail(desk, WorkerFailed("crash", "Silence", "the worker closed its pipe to the coordinator"))
        else:
            name, text = worker.cause()
            # A signal that people and kernels send, not code that runs astray: maybe it was not this step's doing.
            self._fail(desk, WorkerFailed("crash", name, text), forgivable=name in FROM_OUTSIDE)

    def _fail(self, desk: Desk, failure: WorkerFailed, forgivable: bool = False) -> None:
        """Kill the worker, charge the step that ran, put everything else back."""
        worker, victim = desk.worker, desk.current
        worker.kill()
        if desk.ready:  # what it said before it died counts, "done" above all
            self._take(desk, worker.receive_rest())
        worker.drain()
        words = worker.last_words()
        if not desk.ready and words and failure.error == "exit":
            failure = WorkerFailed(failure.status, failure.error, f"{failure.message}: {words.splitlines()[-1]}")
        if desk.current is not victim:
            victim = None  # it had finished
        if victim is None:
            self._failures.setdefault(worker.kind, []).append(failure)
        else:  # what an attempt that came to nothing costs: its time, and another import
            done, seconds = self._pace.get(worker.kind, (0, 0.0))
            spent = time.monotonic() - (desk.began or time.monotonic()) + self._import.get(worker.kind, 0.0)
            self._pace[worker.kind] = done, seconds + spent
        rest = list(desk.queue) if victim is None else list(desk.queue)[1:]
        self._remove(desk)
        if words or victim is not None:
            who = victim.task.key if victim is not None else (worker.kind.spec,)
            step = "" if victim is None or victim.step is None else f" step {'/'.join(victim.step)}"
            text = f"{' '.join(who)}{step}: {failure.error}: {failure.message}\n{words}\n"
            self._events.append(Event("log", -1 if victim is None else victim.number, b"", {"text": text}))
        for ledger in reversed(rest):
            self._pending.setdefault(worker.kind, deque()).appendleft(ledger)
        if victim is not None:
            self._charge(victim, failure, forgivable)

    def _charge(self, ledger: Ledger, failure: WorkerFailed, forgivable: bool) -> None:
        frames, again = ledger.blame(failure, MERCY if forgivable else 0)
        if frames:
            self._events.append(Event("death", ledger.number, frames, {"status": failure.status}))
        if again and ledger.remaining() is not None:
            self._pending.setdefault(worker_spec(ledger.task), deque()).appendleft(ledger)
        else:
            self._close_task(ledger)

    def _give_up(self, ledger: Ledger, failure: WorkerFailed) -> None:
        ledger.step = None
        frames, _ = ledger.blame(failure)
        self._events.append(Event("death", ledger.number, frames, {"status": failure.status}))
        self._close_task(ledger)

    def _close_task(self, ledger: Ledger) -> None:
        self._events.append(Event("done", ledger.number, ledger.finish(), {}))
