"""How long a plan will take on this machine, before anything is observed: said to a person, and nothing rests on it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from harness.model import Task

#: Processor seconds of a task with empty caches, by backend: means over the catalogue in double precision, on a
#: machine where `_loop` takes LOOP seconds. Others are taken for the dearest of these.
SECONDS = {"jax": 0.39, "torch.func": 0.13, "torch.autograd": 0.10, "reference": 0.13}
#: Where the differential alone is asked for, this part of it.
WITHOUT_NATIVE = 0.8
LOOP = 0.012


def forecast(tasks: Sequence[Task], jobs: int) -> float:
    """Seconds by the clock that a plan takes on this machine, good to a factor of two."""
    spent = sum(
        SECONDS.get(task.backend, max(SECONDS.values())) * (WITHOUT_NATIVE if task.apis == () else 1.0)
        for task in tasks
    )
    return spent * _loop() / LOOP / max(1, jobs)


def _loop() -> float:
    """Processor seconds of a small piece of work, the least of three."""
    best = float("inf")
    for _ in range(3):
        begin = time.process_time()
        sum(k * k for k in range(200_000))
        best = min(best, time.process_time() - begin)
    return best


def in_words(seconds: float) -> str:
    """ "about 8 min", "about 40 s"."""
    return f"about {round(seconds / 60)} min" if seconds >= 90 else f"about {max(1, round(seconds / 10)) * 10} s"
