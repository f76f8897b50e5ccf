"""Reference evaluations in processes of their own: `python -m harness.pointwise.pool` reads points and writes truths.

Not `multiprocessing`: its children import the caller's main module again, which a notebook or a plain script without a
guard does not survive, and a fork of a process with a framework's threads in it is not safe either.
"""

from __future__ import annotations

import pickle
import queue
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from harness.formats import DOUBLE, Format
from harness.pointwise import everywhere
from harness.pointwise.truth import Array, Reference, Truth, joined
from harness.workers.work import Work

_CHUNK = 2048
_FINE = 512  # over the whole range points differ much in what they cost


class Pool:
    """Evaluates one text in `jobs` processes. Use as a context manager, or call `close`.

    local: the same reference in this process, for small questions. Raises what Reference raises.
    """

    def __init__(
        self, text: str, argument: str, *, is_real: bool = False, form: Format = DOUBLE, jobs: int = 2,
        limit: float | None = None,
    ) -> None:
        """limit: seconds of work that `exact` and `around` give to a few hundred points. What takes longer is not
        known: some functions take forever at some numbers (polygamma at -1e100), and no signal ends the library that
        computes them.
        """
        self.local = Reference(text, argument, is_real=is_real, form=form)
        self.limit = limit
        self._spec = (text, argument, is_real, form)
        self._given_up: list[tuple[float, float]] = []
        self._workers = [self._started() for _ in range(jobs if jobs > 1 or limit is not None else 0)]

    def _started(self) -> subprocess.Popen[bytes]:
        root = str(Path(__file__).resolve().parents[2])
        code = f"import sys; sys.path[:0] = [{root!r}]; from harness.pointwise.pool import serve; serve()"
        worker = subprocess.Popen([sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        _send(worker.stdin, self._spec)
        return worker

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes. A pool that was closed still answers, in this process."""
        for worker in self._workers:
            if worker.stdin is not None:
                worker.stdin.close()  # the end of its input is the end of its work
            if worker.stdout is not None:
                worker.stdout.close()
            try:
                worker.wait(2)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self._workers = []

    def at(self, points: Array) -> Truth:
        """The differential at (N,) points, N of any size; in the points' order."""
        return joined(self._each("at", points, _CHUNK))

    def exact(self, points: Array) -> everywhere.Exact:
        """Value and differential at (N,) points of any magnitude (see `everywhere`)."""
        return self._limited("exact", points)

    def around(self, points: Array) -> everywhere.Exact:
        """The limits from each direction at (N,) points (see `everywhere`)."""
        return self._limited("around", points)

    def _limited(self, question: str, points: Array) -> everywhere.Exact:
        """The answer in the points' order; unknown where a limit is set and was not kept. What lies on the real line
        between points that took too long is not tried again."""
        if self.limit is None:
            return everywhere.joined(self._each(question, points, _FINE))
        directions = 1 if question == "exact" else 2 if self.local.is_real else 4
        order = np.argsort(points.real, kind="stable")
        hopeless = np.zeros(points.size, bool)
        if self.local.is_real:
            for low, high in self._given_up:
                hopeless |= (points >= low) & (points <= high)
        kept, lost = order[~hopeless[order]], order[hopeless[order]]
        halves = [kept[points[kept].real < 0], kept[~(points[kept].real < 0)]]  # what is hard is hard on one side
        parts = [self._each(question, points[half], _FINE) for half in halves if half.size]
        blank = everywhere.Exact.empty(lost.size * directions, 1, 1 if self.local.is_real else 2)
        whole = everywhere.joined([*(p for part in parts for p in part), blank])
        back = np.argsort(np.concatenate([kept, lost]), kind="stable")
        return whole[(back[:, None] * directions + np.arange(directions)).reshape(-1)]

    def _late(self, worker: int, question: str, points: Array) -> everywhere.Exact:
        """Give up on points: the process is replaced by another one."""
        self._workers[worker].kill()
        self._workers[worker].wait()
        self._workers[worker] = self._started()
        if self.local.is_real:
            self._given_up.append((float(points.min()), float(points.max())))
        directions = 1 if question == "exact" else 2 if self.local.is_real else 4
        return everywhere.Exact.empty(points.size * directions, 1, 1 if self.local.is_real else 2)

    def _each(self, question: str, points: Array, chunk: int) -> list[Any]:
        parts = np.array_split(points, max(1, -(-points.size // chunk)))
        if not self._workers or (len(parts) == 1 and self.limit is None):
            return [_answer(self.local, question, p) for p in parts]
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        for k in range(len(parts)):
            todo.put(k)
        made: dict[int, Any] = {}
        failures: list[BaseException] = []

        def drive(number: int) -> None:
            try:
                while not failures:
                    try:
                        k = todo.get_nowait()
                    except queue.Empty:
                        return
                    worker = self._workers[number]
                    _send(worker.stdin, (question, parts[k]))
                    if self.limit is not None and question != "at" and not _answers_within(worker, self.limit):
                        made[k] = self._late(number, question, parts[k])
                        continue
                    assert worker.stdout is not None
                    made[k] = pickle.load(worker.stdout)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=drive, args=(n,)) for n in range(len(self._workers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise RuntimeError(f"a process of the reference ended: {failures[0]!r}") from failures[0]
        return [made[k] for k in range(len(parts))]


def _answers_within(worker: subprocess.Popen[bytes], limit: float) -> bool:
    """Whether a worker answers before it has worked for `limit` seconds."""
    work = Work(worker.pid)
    assert worker.stdout is not None
    while not select.select([worker.stdout], [], [], min(1.0, limit))[0]:
        if work.seconds() >= limit:
            return False
    return True


def _answer(reference: Reference, question: str, points: Array) -> Any:
    if question == "at":
        return reference.at(points)
    return everywhere.at(reference, points) if question == "exact" else everywhere.around(reference, points)


def _send(pipe: Any, value: Any) -> None:
    pickle.dump(value, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def serve() -> None:
    """A worker: what to evaluate, then points until the input ends. Reads only what its own parent writes."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    text, argument, is_real, form = pickle.load(source)
    reference = Reference(text, argument, is_real=is_real, form=form)
    while True:
        try:
            question, points = pickle.load(source)
        except EOFError:
            return
        _send(sink, _answer(reference, question, points))


if __name__ == "__main__":
    serve()
