"""A long run under fire: crashes, hangs, and `kill -9` of workers and of the coordinator; then every row is checked.

    python -m tests.bench.soak [--observations N] [--jobs N] [--kills N] [--coordinators N] [--folder DIR]

The plan is synthetic (harness.runs._synthetic): 100 observations a task, of which one crashes its worker and one hangs
until the time limit. What each row must be is known by formula. Linux (it reads /proc).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from harness.runs import _synthetic as synthetic
from harness.workers.machine import default_jobs

BACKEND = "harness.runs._synthetic:Synthetic"
PER_TASK = synthetic.POINTS * len(synthetic.APIS)
_DONE = b'"m":"done"'
_MIB = 1 << 20


@dataclass
class Report:
    """What happened: seconds, curve of (share done, MiB of the coordinator, MiB of the fattest worker), the kills,
    MiB while the run was closed, problems (empty where every row is what it must be)."""

    observations: int
    seconds: float = 0.0
    curve: list[tuple[float, float, float]] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)
    closing: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Median memory of the coordinator in the last third of the tasks over that in the first third."""
        thirds = [[m for share, m, _ in self.curve if low < share <= high] for low, high in ((0.02, 1 / 3), (2 / 3, 1))]
        return median(thirds[1]) / median(thirds[0]) if all(thirds) else float("nan")


def coordinate(folder: str, tasks: int, jobs: int, seconds: float) -> None:
    """Make or continue the run (what the soak kills)."""
    from harness.runs.api import run

    run(synthetic.cases(tasks, seconds=seconds), backends=[BACKEND], output=folder, jobs=jobs, resume=True,
        reference=False, progress=True)


def soak(
    observations: int, folder: Path, *, jobs: int = 6, seconds: float = 0.7, kills: int = 5, coordinators: int = 2,
    seed: int = 0, limit: float = 3600.0, every: float = 0.25,
) -> Report:
    """Run under fire in `folder` (which must not exist) and check what came of it.

    jobs: workers; more than processors pay, since a worker that hangs idles. seconds: the time limit that hangs reach.
    kills, coordinators: `kill -9` of a random worker, and of the coordinator, at random moments. limit: seconds after
    which the soak is a failure. every: seconds between looks at memory.
    """
    tasks = max(1, observations // PER_TASK)
    report = Report(tasks * PER_TASK)
    dice = random.Random(seed)
    plan = sorted(
        [(dice.uniform(0.03, 0.95), "worker") for _ in range(kills)]
        + [(dice.uniform(0.1, 0.9), "coordinator") for _ in range(coordinators)]
    )
    command = [sys.executable, "-m", "tests.bench.soak", "--coordinate", str(folder), str(tasks), str(jobs),
               str(seconds)]
    began = time.monotonic()
    log = tempfile.TemporaryFile()  # noqa: SIM115
    process = subprocess.Popen(command, stdout=log, stderr=log)
    counter = _Counter(folder / "journal.bin")
    try:
        while True:
            status = process.poll()
            share = counter.done() / tasks
            if status is not None:
                break
            if time.monotonic() - began > limit:
                report.problems.append(f"not complete after {limit:g} s: {share:.1%} of the tasks are done")
                return report
            own, workers = _memory(process.pid)
            if share < 1:
                report.curve.append((share, own / _MIB, max(workers.values(), default=0) / _MIB))
            else:
                report.closing = max(report.closing, own / _MIB)
            if plan and share >= plan[0][0]:
                victim = dice.choice(list(workers)) if plan[0][1] == "worker" and workers else 0
                if plan[0][1] == "coordinator":
                    process.kill()
                    process.wait()
                    process = subprocess.Popen(command, stdout=log, stderr=log)
                elif not victim or not _kill(victim):
                    continue  # it ended on its own; another one, then
                report.kills.append(f"{plan[0][1]} at {share:.0%}")
                plan.pop(0)
                continue
            time.sleep(every)
        report.seconds = time.monotonic() - began
        if status:
            log.seek(0)
            words = log.read().decode("utf-8", "replace").strip().splitlines()
            report.problems.append(f"the coordinator ended with status {status}: {words[-1] if words else ''}")
        else:
            report.problems += check(folder, tasks)
        if plan:
            report.problems.append(f"{len(plan)} kills came too late to happen")
    finally:
        process.kill()
        process.wait()
        log.close()
    return report


def check(folder: Path, tasks: int) -> list[str]:
    """What is wrong with the rows of a soak, in sentences: completeness, statuses, and every number by formula."""
    from harness.runs.reading import Run

    run = Run.open(folder)
    problems = [] if run.complete else ["the run is not complete"]
    table = run.table()
    text = {c: np.array(table.column(c).to_pylist(), dtype=object) for c in ("case", "point", "api", "status", "error")}
    if table.num_rows != tasks * PER_TASK:
        problems.append(f"{table.num_rows} rows, expected {tasks * PER_TASK}")
    number = np.array([int(c[5:]) for c in text["case"]], dtype=np.int64)
    point = np.array([int(p[1:]) for p in text["point"]], dtype=np.int64)
    api = np.where(text["api"] == "", "value", text["api"])
    keys = set(zip(number.tolist(), point.tolist(), api.tolist(), strict=True))
    missing = tasks * PER_TASK - len(keys)
    if missing:
        problems.append(f"{missing} rows are missing")
    must = {
        (synthetic.name_of(k, True), *step): cause
        for k in range(tasks) for step, cause in synthetic.faults(synthetic.name_of(k, True)).items()
    }
    failed = np.flatnonzero(text["status"] != "ok")
    said = {(text["case"][r], text["point"][r], api[r]): (text["status"][r], text["error"][r]) for r in failed}
    wanted = {key: ("timeout", "Timeout") if c == "timeout" else ("crash", c) for key, c in must.items()}
    wrong = [key for key in wanted.keys() | said.keys() if wanted.get(key) != said.get(key)]
    for key in sorted(wrong)[:5]:
        problems.append(f"{'/'.join(key)} says {said.get(key, 'ok')}, must say {wanted.get(key, 'ok')}")
    if len(wrong) > 5:
        problems.append(f"and {len(wrong) - 5} more such rows")
    # The numbers, from case and point alone: x + iy squared, its Jacobian, and torch's gradient, the conjugate of 2z.
    x, y = (number % 997 + 1) / 8, (point + 1) / 4
    truths = {
        "value": np.stack([x * x - y * y, 2 * x * y], axis=1),
        "pullback": np.stack([2 * x, -2 * y, 2 * y, 2 * x], axis=1),
        "pushforward": np.stack([2 * x, -2 * y, 2 * y, 2 * x], axis=1),
        "grad": np.stack([2 * x, -2 * y], axis=1),
    }
    for name, truth in truths.items():
        rows = np.flatnonzero((api == name) & (text["status"] == "ok"))
        stacked = run.arrays.stack(rows)
        parts = stacked.view(np.float64).reshape(rows.size, -1)
        off = int((parts != truth[rows]).any(axis=1).sum())
        if off:
            problems.append(f"{off} rows of {name} have wrong numbers")
    return problems


class _Counter:
    """Tasks that a journal says are done, counted as it grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._at, self._rest, self._count = path, 0, b"", 0

    def done(self) -> int:
        try:
            with open(self._path, "rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return 0
        self._at += len(data)
        data = self._rest + data
        self._count += data.count(_DONE)
        self._rest = data[len(data) - len(_DONE) + 1 :]
        return self._count


def _memory(pid: int) -> tuple[int, dict[int, int]]:
    """(bytes of the coordinator, {worker: bytes}) in use."""
    children = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:
                    mine = int(file.read().rpartition(b")")[2].split()[1]) == pid
                if mine and _is_worker(entry):
                    children.append(int(entry))
            except (OSError, IndexError, ValueError):
                continue
    return _resident(pid), {child: _resident(child) for child in children}


def _is_worker(pid: str) -> bool:
    """Whether it is a worker already: between its fork and its exec it still shows the coordinator's memory."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return b"harness.runs.worker" in file.read()


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def sentences(report: Report) -> list[str]:
    """The report for people."""
    rate = report.observations / report.seconds if report.seconds else 0.0
    out = [
        f"{report.observations:,} observations, 1 % of them crashes and 1 % hangs, in {report.seconds:.0f} s "
        f"({rate:,.0f} a second); kill -9 of a {', a '.join(report.kills) or 'nobody'}",
        f"{'done':>6}  {'coordinator MiB':>15}  {'fattest worker MiB':>18}",
    ]
    for k in range(10):
        part = [c for c in report.curve if k / 10 <= c[0] < (k + 1) / 10]
        if part:
            out.append(f"{(k + 1) / 10:6.0%}  {max(c[1] for c in part):15.0f}  {max(c[2] for c in part):18.0f}")
    out.append(f"while closing the run {report.closing:.0f} MiB; median of the last third over the first: "
               f"{report.growth:.2f}")
    return [*out, *(report.problems or ["complete, and every row is what it must be"])]


def write_section(path: Path, lines: Sequence[str]) -> None:
    """Replace the section about the soak in a file of benchmarks, or add it."""
    text = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    before, _, rest = text.partition("\n## Soak\n")
    _, mark, after = rest.partition("\n## ")
    section = "\n".join(["", "## Soak", "", lines[0] + ".", "", "```", *lines[1:-2], "```", "", *lines[-2:], ""])
    path.write_text(before.rstrip("\n") + "\n" + section + mark + after, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Status 0 where everything is as it must be, 1 elsewhere."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--observations", type=int, default=200_000)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.7, help="time limit that every hang reaches")
    parser.add_argument("--kills", type=int, default=5, help="of workers")
    parser.add_argument("--coordinators", type=int, default=2, help="kills of the coordinator")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds after which it is a failure")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the figures into this file of benchmarks")
    parser.add_argument("--folder", help="where the run goes and stays (default: a temporary folder)")
    parser.add_argument("--coordinate", nargs=4, metavar=("FOLDER", "TASKS", "JOBS", "SECONDS"), help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.coordinate:
        folder, tasks, jobs, seconds = args.coordinate
        coordinate(folder, int(tasks), int(jobs), float(seconds))
        return 0
    home = Path(args.folder) if args.folder else Path(tempfile.mkdtemp(prefix="harness-soak-"))
    try:
        report = soak(args.observations, home / "run", jobs=args.jobs, seconds=args.seconds, kills=args.kills,
                      coordinators=args.coordinators, seed=args.seed, limit=args.limit)
    finally:
        if not args.folder:
            shutil.rmtree(home, ignore_errors=True)
    lines = sentences(report)
    print("\n".join(lines))
    if args.report and not report.problems:
        load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
        words = f"{default_jobs()} processors, {args.jobs} workers, load {load} when it ended"
        write_section(args.report, [f"{lines[0]}; {words}", *lines[1:-1], f"The end: {lines[-1]}."])
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
