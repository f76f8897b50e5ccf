"""A run in a process of its own, for tests that kill it: python slow_run.py FOLDER JOBS [resume]."""

from __future__ import annotations

import faulthandler
import signal
import sys

import harness.runs as runs
from tests.runs.conftest import make_case

CASES = 6


def cases() -> list:
    return [make_case(f"case{k:02d}", ("a", "bad", "c", "d")) for k in range(CASES)]


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)  # a test that waits in vain asks where this is
    folder, jobs, fakes = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
    runs.run(
        cases(), backends=[f"tests.runs.fakes:{name}" for name in fakes], modes=["slow"], output=folder, jobs=jobs,
        resume="resume" in sys.argv, seconds=2.0 if "strict" in sys.argv else None, reference=False, progress=False,
    )
