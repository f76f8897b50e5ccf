"""The executor whose workers live on a Ray cluster: one outpost a node, tasks sent and results read in batches.

The plan, the worker's code, what a failure costs and the one writer are those of a local run; see docs/scale.md. Ray is
imported when a run is opened, and by nobody else.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.runs.errors import RunError, WorkerFailed
from harness.runs.node_agent import Outpost, Parcel
from harness.runs.planning import worker_spec
from harness.runs.recovery import Ledger
from harness.runs.worker_slots import Event
from harness.workers.frames import FrameReader
from harness.workers.process import WorkerSpec

_READY = 120.0  # seconds until a node must have taken an outpost in
_WAIT = 0.5  # seconds that an outpost waits for something to tell
_AHEAD = 1.0  # seconds of work that lie at an outpost
_MOST = 256  # tasks that lie there, at most
_RESTARTS = 3  # outposts of one node that may be lost in a row without a task done
_RETURN = 30.0  # seconds that a cluster without nodes is given to come back
_QUIET: Mapping[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
_LENT = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "TPU_VISIBLE_CHIPS")


@dataclass(eq=False)
class _Post:
    """An outpost, seen from here. tasks: what lies there; started: which of them were taken up."""

    node: str
    where: str
    jobs: int
    gpus: int
    actor: Any
    asked: Any  # the answer we wait for
    ready: bool = False
    since: float = field(default_factory=time.monotonic)
    tasks: dict[int, Ledger] = field(default_factory=dict)
    started: set[int] = field(default_factory=set)
    alone: bool = False  # holds one task that may be what took another outpost down
    done: int = 0
    pace: float = 0.0  # tasks a second
    asked_at: float = 0.0


class RayExecutor:
    """Workers on the nodes of a Ray cluster.

    address: "ray" (the cluster that RAY_ADDRESS names or that runs on this machine, else a new one of this machine),
    "ray://local" (a new one), "ray://auto" (one that runs), "ray://HOST:PORT" (Ray's client; needs ray[client]).
    jobs: workers at a time on all nodes together (default: one a processor). memory: GiB that one worker may use.
    runtime_env: Ray's own description of the environment that workers run in (pip, uv, conda, image_uri, env_vars),
    made by Ray on each node; without it, that of the node. A target's interpreter is a path on the nodes.
    Raises RunError where there is no Ray, no cluster, or no node that takes an outpost in.
    """

    def __init__(
        self, address: str = "ray", jobs: int | None = None, memory: float | None = None,
        runtime_env: Mapping[str, Any] | None = None,
    ) -> None:
        self.address, self.jobs, self.memory = address, jobs, memory
        self.runtime_env = dict(runtime_env or {})
        self.identify = False
        self.hellos: dict[WorkerSpec, dict[str, Any]] = {}
        self.lost = 0  # outposts that were lost
        self._ray: Any = None
        self._ours = False  # whether we started, or connected to, the cluster
        self._posts: list[_Post] = []
        self._losses: Counter[str] = Counter()  # node -> outposts lost in a row
        self._pending: dict[WorkerSpec, deque[Ledger]] = {}
        self._suspects: deque[Ledger] = deque()
        self._events: list[Event] = []
        self._accelerated = False
        self._plan: dict[str, int] = {}  # node -> jobs

    # -- the interface

    def open(self, kinds: Mapping[WorkerSpec, int]) -> dict[WorkerSpec, dict[str, Any] | WorkerFailed]:
        """Connect, put an outpost on each node, and learn from one of them what each kind of worker is."""
        self._connect()
        self._accelerated = any(kind.device.partition(":")[0] != "cpu" for kind in kinds)
        self._found_nodes()
        for node in list(self._plan):
            self._found_post(node)
        if not self._posts:
            raise RunError(f"the cluster at {self.address} has no node with a free processor")
        answers: dict[WorkerSpec, dict[str, Any] | WorkerFailed] = {}
        groups: dict[bool, dict[WorkerSpec, int]] = {}
        for kind, tasks in kinds.items():
            groups.setdefault(_wants_gpu(kind), {})[kind] = tasks
        for gpu, group in groups.items():
            post = self._first_ready(gpu)
            if post is None:
                failure = WorkerFailed("crash", "NoNode", "no node of the cluster has an accelerator to lend")
                answers.update(dict.fromkeys(group, failure))
                continue
            try:
                answers.update(self._ray.get(post.actor.open.remote(group)))
            except self._ray.exceptions.RayError as error:
                raise RunError(
                    f"the outpost on {post.where} was lost while it started workers: {_first(error)}"
                ) from error
        self.hellos = {k: a for k, a in answers.items() if not isinstance(a, WorkerFailed)}
        return answers

    def run(self, ledgers: Sequence[Ledger]) -> Iterator[list[Event]]:
        """Observe every task; events as they come, every task ends in an event "done". Raises RunError where the
        whole cluster is lost."""
        for ledger in ledgers:
            self._pending.setdefault(worker_spec(ledger.task), deque()).append(ledger)
        left = len(ledgers)
        for post in self._posts:
            if post.ready:
                post.actor.expect.remote(self.hellos)
                self._exchange(post)
        while left:
            for post in self._posts:
                if post.asked is None:
                    self._exchange(post)
            if not self._posts:
                self._new_nodes()
            done, _ = self._ray.wait([p.asked for p in self._posts], num_returns=1, timeout=_WAIT)
            waiting = {post.asked: post for post in self._posts}
            for answer in done:
                self._answered(waiting[answer], answer)
            for post in [p for p in self._posts if not p.ready and time.monotonic() - p.since > _READY]:
                self._leave(post)
            events, self._events = self._events, []
            left -= sum(event.kind == "done" for event in events)
            if events:
                yield events

    def close(self) -> None:
        """End every worker and give the nodes back; a cluster that is not ours goes on."""
        if self._ray is None:
            return
        with contextlib.suppress(Exception):
            goodbyes = [post.actor.close.remote() for post in self._posts if post.ready]
            self._ray.wait(goodbyes, num_returns=len(goodbyes), timeout=10) if goodbyes else None
        for post in self._posts:
            with contextlib.suppress(Exception):
                self._ray.kill(post.actor)
        self._posts.clear()
        if self._ours:
            with contextlib.suppress(Exception):
                self._ray.shutdown()
        self._ray = None

    # -- the cluster

    def _connect(self) -> None:
        try:
            import ray
        except ImportError as error:
            raise RunError(f"--executor {self.address} needs Ray, which is not installed ({error}): "
                           "pip install 'wirtinger-harness[ray]'") from error
        self._ray = ray
        if ray.is_initialized():
            return
        rest = self.address.removeprefix("ray").removeprefix("://")
        try:
            if rest in ("", "auto"):
                try:
                    self._join("auto")
                except ConnectionError:
                    if rest or os.environ.get("RAY_ADDRESS"):
                        raise
                    self._begin()
            elif rest == "local":
                self._begin()
            else:
                self._join(self.address)
        except Exception as error:  # Ray raises whatever the transport raised
            self._ray = None
            raise RunError(f"cannot connect to the Ray cluster at {self.address}: {_first(error)}") from error
        self._ours = True

    def _join(self, address: str) -> None:
        """A cluster that runs already; nodes that do not have this package get it from Ray."""
        self._ray.init(address=address, runtime_env={"py_modules": [_package()]}, **_QUIET)

    def _begin(self) -> None:
        """A cluster of our own. It has this machine to itself: Ray would run it at the lowest priority but four."""
        self._ray.init(address="local", include_dashboard=False, _system_config={"worker_niceness": 0}, **_QUIET)

    def _found_nodes(self) -> None:
        """Share the jobs out among the nodes that are alive."""
        left = self.jobs or 1 << 30
        for node in self._ray.nodes():
            processors = int(node["Resources"].get("CPU", 0)) if node["Alive"] else 0
            jobs = min(processors, left)
            if jobs > 0 and node["NodeID"] not in self._plan and self._losses[node["NodeID"]] < _RESTARTS:
                self._plan[node["NodeID"]] = jobs
                left -= jobs

    def _found_post(self, node: str) -> None:
        """Put an outpost on a node, if that is alive."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from harness.runs.header import settings
        from harness.workers.process import NUMERIC

        about = next((n for n in self._ray.nodes() if n["NodeID"] == node and n["Alive"]), None)
        if about is None:
            return
        jobs = self._plan[node]
        gpus = int(about["Resources"].get("GPU", 0)) if self._accelerated else 0
        where = f"{about['NodeManagerHostname']} ({about['NodeManagerAddress']})"
        cls = self._ray.remote(Outpost).options(
            num_cpus=jobs, num_gpus=gpus, max_restarts=0, runtime_env=self.runtime_env or None,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False),
        )
        actor = cls.remote(jobs, self.memory, settings(), NUMERIC.pattern, _LENT if gpus else (),
                           [os.path.abspath(p) for p in sys.path if p], self.identify)
        self._posts.append(_Post(node, where, jobs, gpus, actor, actor.ready.remote()))

    def _first_ready(self, gpu: bool) -> _Post | None:
        """The first outpost that was taken in, on a node with an accelerator where that is wanted."""
        posts = [p for p in self._posts if p.gpus or not gpu]
        deadline = time.monotonic() + _READY
        while posts:
            known = next((p for p in posts if p.ready), None)
            if known is not None:
                return known
            done, _ = self._ray.wait([p.asked for p in posts], num_returns=1, timeout=deadline - time.monotonic())
            if not done:
                jobs = ", ".join(f"{p.jobs} on {p.where}" for p in posts)
                raise RunError(f"the cluster did not give us its processors within {_READY:g} s ({jobs}); it is busy, "
                               "or --jobs is too many")
            for post in [p for p in posts if p.asked in done]:
                try:
                    self._ray.get(post.asked)
                    post.ready, post.asked = True, None
                except self._ray.exceptions.RayError as error:
                    posts.remove(post)
                    self._posts.remove(post)
                    if not self._posts:
                        raise RunError(f"no outpost could be started on {post.where}: {_first(error)}") from error
        return None

    def _new_nodes(self) -> None:
        """Every outpost is lost: try the nodes that there are. Raises RunError where there is none."""
        deadline = time.monotonic() + _RETURN
        while not self._posts:
            try:
                self._found_nodes()
                for node in list(self._plan):
                    self._found_post(node)
            except self._ray.exceptions.RayError as error:
                raise _all_lost(_first(error)) from error
            if not self._posts:
                if time.monotonic() > deadline:
                    raise _all_lost("no node is left")
                time.sleep(1)

    # -- tasks

    def _exchange(self, post: _Post) -> None:
        """Send what the outpost should have, and ask what happened."""
        ledgers = self._share_of(post)
        for ledger in ledgers:
            post.tasks[ledger.number] = ledger
        posts = max(1, len(self._posts))
        backlog = {kind: len(pending) // posts for kind, pending in self._pending.items() if pending}
        post.asked_at = time.monotonic()
        post.asked = post.actor.exchange.remote(ledgers, {} if post.alone else backlog, _WAIT)

    def _share_of(self, post: _Post) -> list[Ledger]:
        if post.alone and post.tasks:
            return []
        post.alone = False
        if not post.tasks and self._suspects:
            suspect = next((x for x in self._suspects if post.gpus or not _wants_gpu(worker_spec(x.task))), None)
            if suspect is not None:
                self._suspects.remove(suspect)
                post.alone = True
                return [suspect]
        kinds = [k for k, pending in self._pending.items() if pending and (post.gpus or not _wants_gpu(k))]
        waiting = sum(len(self._pending[k]) for k in kinds)
        fair = math.ceil(waiting / (2 * max(1, len(self._posts))))  # the last tasks go to whoever is free
        wanted = min(_MOST, max(4 * post.jobs, math.ceil(_AHEAD * post.pace)), max(fair, post.jobs)) - len(post.tasks)
        out: list[Ledger] = []
        while kinds and len(out) < wanted:  # a little of each kind, so that its workers have something to do
            for kind in list(kinds):
                out.append(self._pending[kind].popleft())
                if not self._pending[kind]:
                    kinds.remove(kind)
        return out

    def _answered(self, post: _Post, answer: Any) -> None:
        post.asked = None
        try:
            told = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            self._lose(post, _first(error))
            return
        if not post.ready:
            post.ready = True
            post.actor.expect.remote(self.hellos)
            return
        parcels: list[Parcel] = told
        before = post.done
        for kind, number, raw, header in parcels:
            self._take(post, kind, number, raw, header)
        seconds = max(1e-3, time.monotonic() - post.asked_at)
        post.pace = 0.7 * post.pace + 0.3 * (post.done - before) / seconds

    def _take(self, post: _Post, kind: str, number: int, raw: bytes, header: dict[str, Any]) -> None:
        """One event: what it says is noted in our own ledger, for the case that the outpost is lost."""
        ledger = post.tasks.get(number)
        if kind == "start":
            post.started.add(number)
        elif ledger is not None:
            for frame in FrameReader().feed(raw):
                ledger.absorb(frame.header)
                if kind in ("rows", "point"):
                    header = frame.header
        if kind == "done" and ledger is not None:
            ledger.seen, ledger.complete = set(), set()
            del post.tasks[number]
            post.started.discard(number)
            post.done += 1
            self._losses[post.node] = 0
        self._events.append(Event(kind, number, raw, header))

    # -- losses

    def _lose(self, post: _Post, why: str) -> None:
        """A node or its outpost is gone: what ran there is tried once more, by itself, and is then a row; what only
        lay there goes elsewhere."""
        self._leave(post)
        self.lost += 1
        self._losses[post.node] += 1
        text = f"the outpost on {post.where} was lost: {why}\n"
        self._events.append(Event("log", -1, b"", {"text": text}))
        if self._losses[post.node] < _RESTARTS:
            self._found_post(post.node)

    def _leave(self, post: _Post) -> None:
        with contextlib.suppress(Exception):
            self._ray.kill(post.actor)
        self._posts.remove(post)
        failure = WorkerFailed("crash", "NodeLost", "the node, or our process on it, was lost while this was observed")
        suspected = _suspected(post)
        for number, ledger in reversed(post.tasks.items()):
            ledger.step = None
            if number not in suspected:
                self._pending.setdefault(worker_spec(ledger.task), deque()).appendleft(ledger)
                continue
            frames, again = ledger.blame(failure, mercy=1)
            if again and ledger.remaining() is not None:
                self._suspects.append(ledger)
                continue
            if frames:
                self._events.append(Event("death", number, frames, {"status": failure.status}))
            self._events.append(Event("done", number, ledger.finish(), {}))


def _suspected(post: _Post) -> set[int]:
    """The tasks that may have been running when an outpost was lost: those that it said it had taken up, and the first
    of each kind, of which the word may have been lost with it."""
    met: Counter[WorkerSpec] = Counter()
    out = set(post.started)
    for number, ledger in post.tasks.items():
        kind = worker_spec(ledger.task)
        met[kind] += number not in post.started
        if met[kind] <= 2 * post.jobs:
            out.add(number)
    return out


def _wants_gpu(kind: WorkerSpec) -> bool:
    return kind.device.partition(":")[0] != "cpu"


def _all_lost(why: str) -> RunError:
    return RunError(
        f"every node of the cluster was lost ({why}). What was observed is kept in the folder: continue with --resume, "
        "on the cluster or without --executor"
    )


def _package() -> str:
    """Our package, which Ray brings to nodes that do not have it."""
    return str(Path(__file__).resolve().parents[1])


def _first(error: BaseException) -> str:
    """The first line of what Ray says."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
