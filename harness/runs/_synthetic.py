"""A backend whose every row is known by formula, and which takes its worker down where the formula says so.

For `tests.bench.soak` and for measuring what running itself costs: NumPy alone, no framework. The function is z**2 of
one complex number. Case k, point p stands at z = (k mod 997 + 1)/8 + i (p + 1)/4, so every result is exact in double
precision. Each case of the family "soak" has one step that crashes and one that hangs; where, is a hash of its name.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from zlib import crc32

import numpy as np

from harness.backends.base import DONE, Backend, Device, Step
from harness.model import Case, Input, Observation, Point, Task
from harness.wirtinger import TORCH, Api

APIS = ("value", "pullback", "pushforward", "grad")
POINTS = 25  # of a case: 100 observations, of which one crashes and one hangs
CRASHES = ("SIGSEGV", "SIGABRT", "exit", "CorruptFrame")  # what the rows of crashes are to say


def name_of(case: int, faulty: bool) -> str:
    """The id of case number `case`; `faulty` cases crash and hang."""
    return f"{'soak' if faulty else 'calm'}-{case:06d}"


def point_of(case: int, point: int) -> complex:
    """Where point number `point` of case number `case` stands."""
    return complex((case % 997 + 1) / 8, (point + 1) / 4)


def faults(name: str) -> dict[tuple[str, str], str]:
    """(point, api) -> "timeout" or one of CRASHES, for a case."""
    if not name.startswith("soak-"):
        return {}
    count, number = POINTS * len(APIS), crc32(name.encode())
    crash, apart = number % count, number // count % (count - 1) + 1
    steps = [(f"p{n // len(APIS):02d}", APIS[n % len(APIS)]) for n in (crash, (crash + apart) % count)]
    return {steps[0]: CRASHES[number % len(CRASHES)], steps[1]: "timeout"}


def cases(count: int, faulty: bool = True, seconds: float = 60.0) -> list[Case]:
    """`count` cases of POINTS points, 4 observations each. seconds: the time limit, which every hang reaches."""
    return [
        Case(
            id=name_of(k, faulty), function={"portable": "z**2"}, inputs=(Input("z", "complex", (1,)),),
            points=tuple(Point(f"p{p:02d}", {"z": np.array([point_of(k, p)])}) for p in range(POINTS)),
            dtypes=("complex128",), seconds=seconds,
        )
        for k in range(count)
    ]


class Synthetic(Backend):
    """f(z) = z**2, observed from the arrays of the task."""

    name = "synthetic"
    family = "synthetic"
    convention = TORCH
    apis = (Api("grad", "gradient", "gradient"),)

    def versions(self) -> dict[str, str]:
        return {"synthetic": "1"}

    def flags(self) -> dict[str, str]:
        return {}

    def devices(self) -> tuple[Device, ...]:
        return (Device("cpu", True),)

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        head = (task.dtype, task.backend, task.device, task.mode)
        bad = faults(task.case)
        for point in task.points:
            z = point.arrays["z"]
            x, y = float(z[0].real), float(z[0].imag)
            j = np.array([[2 * x, -2 * y], [2 * y, 2 * x]])
            results = {"value": z * z, "pullback": j, "pushforward": j, "grad": 2 * z.conj()}
            for api in APIS:
                if (point.name, api) in task.skip or not (api != "grad" or task.wants("grad")):
                    continue
                yield Step(point.name, api)
                if (point.name, api) in bad:
                    _harm(bad[point.name, api])
                quantity = {"value": "value", "grad": "raw"}.get(api, "differential")
                label, into = ("", "") if api == "value" else (api, "z")
                yield Observation(task.case, point.name, *head, label, quantity, into, "out", "ok", results[api])
            yield Step(point.name, DONE)


def _harm(how: str) -> None:
    if how == "SIGSEGV":
        ctypes.string_at(0)
    elif how == "SIGABRT":
        ctypes.CDLL(None).abort()
    elif how == "exit":
        os._exit(7)
    elif how == "CorruptFrame":
        os.write(int(sys.argv[sys.argv.index("--out") + 1]), b"this is not a frame at all\n" * 4)
    time.sleep(3600)
