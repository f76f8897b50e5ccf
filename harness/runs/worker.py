"""A worker: one process, one framework. Reads tasks from one pipe, streams observations into another.

    python -m harness.runs.worker --backend SPEC --in FD --out FD

Imports the standard library, NumPy, harness.{model,wirtinger,expr,workers,backends,runs.protocol} and the
framework, and runs on Python 3.10, so that any environment with NumPy can be observed. Standard output and error
belong to user code; the coordinator drains them.
"""

from __future__ import annotations

import argparse
import gc
import inspect
import os
import platform
import queue
import re
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness import kept
from harness.backends.base import DONE
from harness.model import Observation, Task
from harness.runs import protocol
from harness.runs.protocol import MAX_KEPT
from harness.workers import sandbox
from harness.workers.frames import Frame, array_bytes, pack
from harness.workers.leaks import Leaks
from harness.workers.serving import Sender, harden, receive

_ROWS, _WAIT = 256, 0.05  # observations (and seconds) held back at most before they are sent
_FILE = 1 << 30  # bytes of a file that a worker that is shut in may write
_SPARE = 1 << 30  # bytes beside the memory limit: stacks of threads, code, what is reserved and never touched
_GRACE = 60.0  # seconds of each processor beside the time limit of a task
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve tasks until told to stop. The exit status is 0 unless the process was made to die."""
    parser = argparse.ArgumentParser(prog="harness.runs.worker")
    parser.add_argument("--backend", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--in", dest="source", type=int, required=True)
    parser.add_argument("--out", dest="sink", type=int, required=True)
    parser.add_argument("--identify", action="store_true", help="say in the hello what computes here, to the last file")
    parser.add_argument("--shut-in", metavar="FOLDER", help="write only there; no network, no processes")
    parser.add_argument("--memory", type=int, default=0, help="bytes of its own that one that is shut in may have")
    args = parser.parse_args(argv)
    harden(args.source, args.sink)
    send = Sender(args.sink)
    if args.shut_in:
        _shut_in(args.shut_in, args.memory, send)
    inbox: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(args.source, inbox), daemon=True).start()
    try:
        from harness import backends

        cls: Any = backends.load(args.backend)
        choosy = "device" in inspect.signature(cls).parameters
        backend = cls(device=args.device) if choosy else cls()
        hello = _hello(backend)
        if args.identify:
            from harness.runs.identity import identity

            hello["identity"] = identity(args.backend, cls.__module__, cls.requires, args.device)
    except BaseException as error:
        send(pack({"m": "absent", "error": type(error).__name__, "message": _plain(error)}))
        return 0
    send(pack(hello))
    # a framework is a million objects that stay: without this a tenth of the time goes into looking at them again
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    leaks = Leaks(backend.settings, backend.namespaces())
    while True:
        frame = inbox.get()
        if frame.header["m"] == "bye":
            return 0
        if args.shut_in and not sandbox.missing():
            _limit_processor(frame.header["seconds"])
        if serve(backend, frame, send, leaks):
            return 0


def _limit_processor(seconds: float) -> None:
    """End this process where a task takes far more of the processors than its time limit allows, even if the
    coordinator is stopped and looks at no clock."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime + (seconds + _GRACE) * (os.cpu_count() or 1))
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _shut_in(temporary: str, memory: int, send: Sender) -> None:
    """Enter the sandbox, before there is another thread: temporary files are written, the caches are read, and what is
    to be kept goes to the coordinator."""
    if sandbox.missing():
        os.environ.pop(kept.KEYS_VARIABLE, None)
        return

    def hand_over(purpose: str, name: str, payload: bytes) -> None:
        if len(payload) < MAX_KEPT:
            send(pack({"m": "keep", "purpose": purpose, "name": name}, [payload]))

    import resource  # where there is a sandbox there is this

    kept.receive_keys(hand_over)
    os.environ["TMPDIR"] = temporary
    limits = [(resource.RLIMIT_FSIZE, _FILE), (resource.RLIMIT_NOFILE, 1024)]
    if memory:  # the coordinator looks at it ten times a second; this holds in between
        limits.append((resource.RLIMIT_DATA, memory + _SPARE))
    for limit, most in limits:
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))
    caches = [folder for purpose in ("reference", "programs") if (folder := kept.root(purpose)) is not None]
    sandbox.enter([temporary], caches)


def serve(backend: Any, frame: Frame, send: Any, leaks: Leaks | None = None) -> str:
    """Observe one task: frames start, (step | rows | point)*, and done or failed.

    What it left behind in this process, in words; then no other task should be observed here.
    """
    number, target = frame.header["task"], frame.header["target"]
    send(pack({"m": "start", "task": number}))
    held: list[Observation] = []
    said: set[tuple[str, ...]] = set()
    since, announced = time.monotonic(), False
    before = leaks.read() if leaks is not None else None

    def end(**what: Any) -> str:
        left = leaks.changed(before) if leaks is not None and before is not None else ""
        flush(pack({**what, "task": number, **({"left": protocol.shorten(left)} if left else {})}))
        return left

    def flush(then: bytes = b"") -> None:
        nonlocal since
        rows = protocol.rows_frame(number, task.case, task.dtype, target, held) if held else b""
        held.clear()
        since = time.monotonic()
        if rows or then:
            send(rows + then)

    try:
        task = protocol.task_from(frame)
        sys.path.extend(p for p in task.path if p not in sys.path)  # at the end: nothing of the user's hides a module
        for item in backend.observe(task):
            if isinstance(item, Observation):
                held.append(_checked(item, task, said))
                if not announced or len(held) >= _ROWS or time.monotonic() - since > _WAIT:
                    flush()
            elif item.api == DONE:
                flush(pack({"m": "point", "task": number, "point": item.point}))
            else:
                announced = True
                flush(pack({"m": "step", "task": number, "point": item.point, "api": item.api}))
        return end(m="done")
    except (BrokenPipeError, GeneratorExit):
        raise
    except BaseException as error:  # SystemExit and KeyboardInterrupt of user code included
        import traceback

        traceback.print_exc()
        return end(m="failed", error=type(error).__name__, message=_plain(error))


def _hello(backend: Any) -> dict[str, Any]:
    sign = backend.convention
    return {
        "m": "hello",
        "name": backend.name,
        "family": backend.family,
        "versions": dict(backend.versions()),
        "flags": dict(backend.flags()),
        "devices": [[d.name, d.usable, d.reason] for d in backend.devices()],
        "modes": list(backend.modes),
        "default_mode": backend.default_mode,
        "apis": [[a.name, a.question, a.kind, a.sign] for a in backend.apis],
        "convention": [sign.pullback, sign.cotangent, sign.pushforward, sign.tangent],
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "machine": platform.machine(),
    }


class WrongObservation(Exception):
    """A backend spoke of something that it was not asked about, or said the same thing twice."""


def _checked(seen: Observation, task: Task, said: set[tuple[str, ...]]) -> Observation:
    """The observation as it can be recorded: about this task, its data numbers, no memory addresses in its text.

    said: keys of the task's observations so far. Raises WrongObservation: such a row would be lost among others.
    """
    who = (seen.case, seen.dtype, seen.backend, seen.device, seen.mode)
    if who != task.key or seen.point not in {p.name for p in task.points}:
        raise WrongObservation(f"the backend spoke of {who} at {seen.point!r}; it was asked about {task.key}")
    key = (seen.point, seen.api, seen.quantity, seen.input, seen.output)
    if key in said:
        raise WrongObservation(f"the backend returned two observations for {key}")
    said.add(key)
    if seen.data is not None:
        try:
            array_bytes(seen.data)
        except TypeError as error:
            seen = replace(seen, status="error", data=None, error="TypeError", message=str(error))
    if seen.message:
        seen = replace(seen, message=steady(seen.message))
    return seen


def steady(message: str) -> str:
    """A message without memory addresses, which differ between two equal runs."""
    return _ADDRESS.sub("0x...", message)


def _plain(error: BaseException) -> str:
    return protocol.shorten(steady(str(error))) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
