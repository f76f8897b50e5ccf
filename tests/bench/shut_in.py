"""What the sandbox costs: processor seconds of runs whose workers are shut in, over those of runs whose are not.

    python -m tests.bench.shut_in [--every N] [--repeat N]
    python -m tests.bench.shut_in --whole [--every N]


Each run is a process of its own, with its workers; both kinds take turns (on off, off on, ...), so that whatever else
computes here is met by both. Caches lie apart, since what shut-in workers keep is for them alone; the first run of each
kind fills them and is told apart. --whole looks at every case once, in N parts, with empty caches each time. There is
no option that leaves the sandbox out: here the coordinator is made to.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[2]
DTYPES = ("complex128", "float64")
WANTED = 1.03


def observe(shut_in: bool, every: int, first: int, folder: str) -> float:
    """Processor seconds of one run of every so-many-th case, from one on, on every backend, the workers' included."""
    from harness.cases import catalogue_path, load
    from harness.runs import execution, run
    from harness.runs.progress import Progress

    cases = load([catalogue_path()])[first::every]
    with mock.patch.object(execution, "_strangers_only", execution._strangers_only if shut_in else lambda tasks: False):
        run(cases, dtypes=DTYPES, jobs=1, progress=Progress.silent(), output=Path(folder, "run"))
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def once(shut_in: bool, every: int, cache: str, first: int = 0) -> float:
    """The same in a process of its own, with the caches of its kind."""
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as folder:
        words = [sys.executable, "-m", "tests.bench.shut_in", "--every", str(every), "--first", str(first),
                 "--observe", folder]
        environment = {**os.environ, "HARNESS_CACHE": os.path.join(cache, "in" if shut_in else "out")}
        done = subprocess.run([*words, *(["--shut-in"] if shut_in else [])], cwd=ROOT, env=environment, check=True,
                              stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def lines(every: int, repeat: int) -> Iterator[str]:
    """The section of results/bench.md."""
    from harness.workers import sandbox

    if why := sandbox.missing():
        yield f"Not measured here: {why}."
        return
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as cache:
        first = {kind: once(kind, every, cache) for kind in (True, False)}
        yield (f"Every {every}th case of the catalogue, {' and '.join(DTYPES)}, on every backend and the reference, "
               f"one worker; processor seconds of the whole run. Filling empty caches: {first[True]:.1f} s shut in, "
               f"{first[False]:.1f} s not.")
        yield ""
        yield "| run | shut in | not | ratio |"
        yield "|--:|--:|--:|--:|"
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for k in range(repeat):
            for kind in (True, False) if k % 2 == 0 else (False, True):
                seconds[kind].append(once(kind, every, cache))
            a, b = seconds[True][-1], seconds[False][-1]
            yield f"| {k + 1} | {a:.2f} | {b:.2f} | {a / b:.3f} |"
    ratios = [a / b for a, b in zip(seconds[True], seconds[False], strict=True)]
    least, middle = (f(seconds[True]) / f(seconds[False]) for f in (min, statistics.median))
    yield ""
    yield (f"Shut in over not: **{middle:.3f}x** by the medians, {least:.3f}x by the least of each, pairs between "
           f"{min(ratios):.3f} and {max(ratios):.3f} (wanted at most {WANTED}). What else computes here only adds.")


def blocks(every: int) -> Iterator[str]:
    """The same section, of the whole catalogue in `every` parts: each shut in and not, in turn, with empty caches."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    yield (f"The whole catalogue in {every} parts, {' and '.join(DTYPES)}, on every backend and the reference, one "
           "worker, empty caches for each run; processor seconds.")
    yield ""
    yield "| part | shut in | not | ratio |"
    yield "|--:|--:|--:|--:|"
    for k in range(every):
        for kind in (True, False) if k % 2 == 0 else (False, True):
            with tempfile.TemporaryDirectory(prefix="harness-bench-") as cache:
                seconds[kind].append(once(kind, every, cache, k))
        a, b = seconds[True][-1], seconds[False][-1]
        yield f"| {k + 1} | {a:.1f} | {b:.1f} | {a / b:.3f} |"
    middle = statistics.median(a / b for a, b in zip(seconds[True], seconds[False], strict=True))
    shut, free = sum(seconds[True]), sum(seconds[False])
    yield ""
    yield (f"Shut in {shut:.0f} s, not {free:.0f} s: **{shut / free:.3f}x** in all, {middle:.3f}x by the median of "
           f"the parts (wanted at most {WANTED}).")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=8)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--observe", metavar="FOLDER")
    parser.add_argument("--shut-in", action="store_true")
    args = parser.parse_args()
    if args.observe:
        print(observe(args.shut_in, args.every, args.first, args.observe))
        return
    for line in blocks(args.every) if args.whole else lines(args.every, args.repeat):
        print(line, flush=True)


if __name__ == "__main__":
    main()
