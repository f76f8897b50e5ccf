"""`kill -9` of workers and of the coordinator at random moments, several in one run: the same bytes after --resume."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import harness.runs as runs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds workers in /proc")

_RUN = """
import sys
import harness.runs as runs
from tests.runs.conftest import make_case
folder, resume = sys.argv[1:]
cases = [make_case(f"case{k}", points=("a", "b", "c", "d")) for k in range(12)]
runs.run(cases, backends=["tests.runs.fakes:Square"], modes=["slow"], output=folder, jobs=2, reference=False,
         progress=False, resume=bool(resume))
"""


def begin(folder: Path) -> subprocess.Popen[bytes]:
    resume = "again" if (folder / "header.json").exists() else ""
    root = str(Path(__file__).parents[2])
    return subprocess.Popen([sys.executable, "-c", _RUN, str(folder), resume], cwd=root, stderr=subprocess.PIPE,
                            env={**os.environ, "PYTHONPATH": root})


def children(process: subprocess.Popen[bytes]) -> list[int]:
    try:
        text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def under_fire(folder: Path, dice: random.Random, kills: int) -> int:
    """Makes the run with `kills` kills at random moments, and completes it; returns how many hit somebody."""
    process, hit = begin(folder), 0
    for _ in range(kills):
        until = time.monotonic() + dice.uniform(0.0, 0.8)
        while time.monotonic() < until and process.poll() is None:
            time.sleep(0.005)  # a random moment is what is tested
        if process.poll() is not None:
            break
        workers = children(process)
        if dice.random() < 0.25 or not workers:
            process.kill()
            process.wait()
            process = begin(folder)
        else:
            try:
                os.kill(dice.choice(workers), signal.SIGKILL)
            except ProcessLookupError:
                continue
        hit += 1
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()[-2000:]
    return hit


def quiet(folder: Path) -> bytes:
    process = begin(folder)
    assert process.wait() == 0
    return (folder / "observations.parquet").read_bytes()


def check(tmp_path: Path, wanted: int, seed: int, kills_a_run: int = 3) -> None:
    dice, hit, number = random.Random(seed), 0, 0
    expected = quiet(tmp_path / "quiet")
    while hit < wanted:
        number += 1
        folder = tmp_path / f"run{number}"
        hit += under_fire(folder, dice, kills_a_run)
        run = runs.Run.open(folder)
        assert run.complete
        assert (folder / "observations.parquet").read_bytes() == expected, f"run {number} of seed {seed}"
    print(f"{hit} kills in {number} runs")


def test_three_kills_in_one_run(tmp_path: Path) -> None:
    check(tmp_path, 3, seed=1)


@pytest.mark.soak
def test_two_hundred_kills(tmp_path: Path) -> None:
    check(tmp_path, 200, seed=2, kills_a_run=4)
