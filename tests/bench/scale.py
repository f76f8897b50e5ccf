"""Every ratio that the project promises, measured on this machine and written to results/bench.md.

    python tests/bench/scale.py [--all] [--only PART ...] [--output FILE]

Parts: core (against the bare framework calls; tests/bench/core.py), workers (one, two, four), ray (a cluster of this
machine against local workers), volume (a million observations compared), origins (where a port starts to differ, and
what looking for it costs), xla (cheaper compilation: is it safe?),
sandbox (workers that are shut in; tests/bench/shut_in.py). By default every tenth case of the catalogue stands for all
of it (of sandbox: every twentieth); --all takes the whole. The section about the soak is written by
`python -m tests.bench.soak --report FILE` and left as it is. Fails nothing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SPARSE = 10  # of the catalogue, every tenth case
DTYPES = ("complex128", "float64")
PACKAGES = ("torch", "jax", "jaxlib", "numpy", "scipy", "pandas", "pyarrow", "ray")

#: Settings of XLA that compile faster. The first is the control: what differs there differs without any reason.
CHEAPER = {
    "default, once more": "",
    "optimisation level 0": "--xla_backend_optimization_level=0",
    "optimisation level 1": "--xla_backend_optimization_level=1",
    "no expensive LLVM passes": "--xla_llvm_disable_expensive_passes=true",
    "no fusion emitters": "--xla_cpu_use_fusion_emitters=false",
    "no scheduler for concurrency": "--xla_cpu_enable_concurrency_optimized_scheduler=false",
}


def machine() -> list[str]:
    """What the figures were measured on; no names of hosts, no paths."""
    model = platform.processor() or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text()
        model = next(line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        system = platform.system()
    from harness.workers.machine import default_jobs, memory_of_machine

    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return [
        f"- {model}, {default_jobs()} processors, {memory_of_machine() / (1 << 30):.0f} GiB; {system}, "
        f"Linux {platform.release()}" if sys.platform == "linux" else f"- {model}; {system}",
        f"- Python {platform.python_version()}; {', '.join(found)}",
        f"- load when it began (1, 5, 15 min): {load}; more than a few tenths means that others computed here too, and "
        "that the ratios are worth less",
    ]


# -- against the bare calls


def core(args: argparse.Namespace) -> Iterator[str]:
    """tests/bench/core.py, in its own words."""
    words = [sys.executable, str(ROOT / "tests" / "bench" / "core.py"), "--repeat", str(args.repeat)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    yield "```"
    yield from done.stdout.rstrip().splitlines()
    yield "```"


# -- two workers against one, and Ray


def chosen(everything: bool) -> list[Any]:
    from harness.cases import catalogue_path, load

    cases = list(load([catalogue_path()]))
    return cases if everything else cases[::SPARSE]


def observed(cases: Sequence[Any], jobs: int, executor: str = "local") -> float:
    """Seconds from the first task handed out to the last one done; starting frameworks and closing are not in it."""
    from harness.runs import run
    from harness.runs.progress import Progress

    class Watch(Progress):
        begun = ended = 0.0

        def begin(self, total: int, todo: int) -> None:
            self.begun = time.perf_counter()

        def event(self, event: Any, task: Any) -> None:
            self.ended = time.perf_counter() if event.kind == "done" else self.ended

    watch = Watch()
    folder = tempfile.mkdtemp(prefix="harness-bench-")
    try:
        run(cases, dtypes=DTYPES, jobs=jobs, executor=executor, progress=watch, output=Path(folder, "run"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return watch.ended - watch.begun


def spin(seconds: float = 1.5) -> int:
    """How often a loop of plain Python goes round."""
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        count += sum(range(200)) > 0
    return count


def processors() -> float:
    """What two processes that share nothing get done, over what one does."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        alone = pool.apply(spin)
        both = pool.map(spin, [1.5, 1.5], chunksize=1)
    return sum(both) / alone


def workers(args: argparse.Namespace) -> Iterator[str]:
    """One, two and four local workers, next to what two processors are worth."""
    cases = chosen(args.all)
    observed(cases, 2)  # fills the caches, so that every measured run finds them alike
    before = processors()
    seconds = {n: observed(cases, n) for n in (1, 2, 4)}
    one, two = seconds[1], seconds[2]
    worth = (before + processors()) / 2
    yield f"{len(cases)} cases, {' and '.join(DTYPES)}, on every backend and the reference, filled caches, no start-up."
    yield ""
    yield "| workers | seconds | of one |"
    yield "|:--|--:|--:|"
    yield from (f"| {n} | {spent:.1f} | {one / spent:.2f}x |" for n, spent in seconds.items())
    yield ""
    yield (f"Two against one: **{one / two:.2f}x** (wanted 1.7). Two processes of a loop that shares nothing get "
           f"{worth:.2f}x done on these processors; of that, {one / two / worth:.0%}.")


def ray(args: argparse.Namespace) -> Iterator[str]:
    """A Ray cluster of this machine against local workers."""
    try:
        version("ray")
    except PackageNotFoundError:
        yield "Ray is not installed here (the extra `ray`): not measured."
        return
    cases = chosen(args.all)
    local = observed(cases, 2)  # once more, next to what it is compared with
    there = observed(cases, 2, "ray://local")
    yield (f"The same {len(cases)} cases with 2 workers on a Ray cluster of this machine: {there:.1f} s against "
           f"{local:.1f} s locally, **{there / local:.2f}x** (wanted at most 1.3), start-up apart.")


# -- volume


def volume(args: argparse.Namespace) -> Iterator[str]:
    """Comparing, over three decades of observations."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.comparison"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in done.stdout.strip().splitlines()[1:]]
    yield "| observations | seconds | µs a row | rows compared | peak MiB |"
    yield "|--:|--:|--:|--:|--:|"
    yield from (f"| {' | '.join(line)} |" for line in lines)
    rows, seconds, peak = lines[-1][0], float(lines[-1][1]), float(lines[-1][4].replace(",", ""))
    yield ""
    yield (f"{rows} observations in **{seconds:.1f} s** and **{peak / 1024:.2f} GiB** (wanted under 20 s and 2 GiB); "
           f"cost a row, largest over smallest of the last three: {_spread(lines[1:]):.2f}.")


def _spread(lines: Sequence[Sequence[str]]) -> float:
    each = [float(line[2]) for line in lines]
    return max(each) / min(each)


# -- where a port starts


def origins(args: argparse.Namespace) -> Iterator[str]:
    """An audit with the search for origins, and without it."""
    from tests.bench.origins import bench

    cost = bench()
    yield "A port of 100 million parameters and 2,000 operations with a mistake in one layer of the middle."
    yield ""
    yield "| | with the search | without | ratio | wanted at most |"
    yield "|---|--:|--:|--:|--:|"
    for what, (mine, other), unit, most in (
        ("seconds", cost.seconds, 1, 3), ("processor seconds", cost.processors, 1, 3), ("GiB", cost.memory, 2**30, 2),
    ):
        yield f"| {what} | {mine / unit:.1f} | {other / unit:.1f} | **{mine / other:.2f}** | {most} |"
    yield ""
    yield "The line of the mistake was named, and nothing else." if cost.located else "The line was NOT named."


# -- cheaper compilation


def xla(args: argparse.Namespace) -> Iterator[str]:
    """Whether cheaper settings of XLA change a verdict, and what they save with an empty cache."""
    import pandas as pd

    from harness.comparison import compare
    from harness.runs import Run

    folder = Path(tempfile.mkdtemp(prefix="harness-bench-"))
    globs = [word for case in chosen(args.all)[:: 1 if args.all else 2] for word in ("--select", case.id)]

    def record(name: str, backend: str, flags: str) -> float:
        words = [sys.executable, "-m", "harness", "run", *globs, "--backend", backend, "--no-reference", "--no-compare",
                 "--quiet", "--dtype", "complex128", "--dtype", "float64", "--jobs", "1", "--output"]
        environment = {**os.environ, "HARNESS_CACHE": str(folder / f"cache-{name}"), "XLA_FLAGS": flags}
        begin = time.perf_counter()
        done = subprocess.run([*words, str(folder / name)], cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else "no reason given")
        return time.perf_counter() - begin

    try:
        record("torch", "torch.func", "")
        seconds = {"default": record("default", "jax", "")}
        table = {}
        keys = ["case", "point", "dtype", "api", "quantity", "input", "output"]
        yield "| compilation | seconds | against the default | verdicts that change | of | mostly |"
        yield "|:--|--:|--:|--:|--:|:--|"
        for name, flags in {"default": "", **CHEAPER}.items():
            slug = re.sub(r"\W+", "-", name)
            try:
                seconds[name] = seconds.get(name) or record(slug, "jax", flags)
            except RuntimeError as error:
                yield f"| {name} | refused: {str(error)[:80]} | | | | |"
                continue
            runs = [Run.open(folder / "torch"), Run.open(folder / slug)]
            frame = compare(runs, axis="backend")
            api = compare(Run.open(folder / slug), axis="api")
            both = pd.concat([frame, api], ignore_index=True)
            both[keys] = both[keys].astype(str)
            words = both["verdict"].astype(str) + " " + both["relation"].astype(str) + both["culprit"].astype(str)
            table[name] = words.str.strip().groupby([both[k] for k in keys]).agg(", ".join)
            pairs = table["default"].to_frame("was").join(table[name].to_frame("is"), how="outer").fillna("absent")
            changed = pairs[pairs["was"] != pairs["is"]]
            kinds = (changed["was"] + " → " + changed["is"]).value_counts()
            often = f"{kinds.index[0]} ({kinds.iloc[0]})" if len(kinds) else ""
            often += f", at {'@'.join(changed.index[0][:2])}" if len(changed) else ""
            yield (f"| {name} | {seconds[name]:.1f} | {seconds[name] / seconds['default']:.2f} | {len(changed)} | "
                   f"{len(pairs)} | {often} |")
        yield ""
        yield ("Seconds with an empty cache, JAX alone, start-up included. A setting under which a verdict changes "
               "observes another program than users run. The default stays what users run.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# -- the sandbox


def sandbox(args: argparse.Namespace) -> Iterator[str]:
    """tests/bench/shut_in.py: what workers that are shut in cost."""
    words = [sys.executable, "-m", "tests.bench.shut_in", "--every", "1" if args.all else "20", "--repeat",
             str(max(5, args.repeat))]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    yield from done.stdout.rstrip().splitlines()


# -- the file

PARTS: dict[str, tuple[str, Callable[[argparse.Namespace], Iterator[str]]]] = {
    "core": ("Against the bare framework calls", core),
    "workers": ("Two workers against one", workers),
    "ray": ("Ray against local workers", ray),
    "volume": ("A million observations compared", volume),
    "origins": ("Where a port starts to differ", origins),
    "xla": ("Cheaper compilation", xla),
    "sandbox": ("Workers that are shut in", sandbox),
}
SOAK = "Soak"
_PREFACE = """# Benchmarks

Made by `nox -s bench`; the section about the soak by `nox -s soak`. Ratios are what counts: seconds are this machine's.
"""


def sections(text: str) -> dict[str, str]:
    """Title -> text of the sections of an earlier file."""
    parts = re.split(r"^## (.+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], (p.strip() for p in parts[2::2]), strict=True))


@contextmanager
def quiet() -> Iterator[None]:
    """What frameworks print while they are measured is nobody's business."""
    kept, os.environ["TF_CPP_MIN_LOG_LEVEL"] = os.environ.get("TF_CPP_MIN_LOG_LEVEL"), "3"
    try:
        yield
    finally:
        del os.environ["TF_CPP_MIN_LOG_LEVEL"]
        if kept is not None:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = kept


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="the whole catalogue, not every tenth case")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeat", type=int, default=1, help="of core and sandbox: runs for each figure")
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "bench.md")
    args = parser.parse_args(arguments)
    known = sections(args.output.read_text(encoding="utf-8")) if args.output.exists() else {}
    known["Machine"] = "\n".join(machine())
    for name in args.only:
        title, measure = PARTS[name]
        began = time.perf_counter()
        print(f"## {title}", flush=True)
        lines = []
        try:
            with quiet():
                for line in measure(args):
                    print(line, flush=True)
                    lines.append(line)
        except Exception as error:  # the other figures are worth having
            lines.append(f"Could not be measured: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
            print(lines[-1])
        known[title] = "\n".join(lines)
        print(f"({time.perf_counter() - began:.0f} s)\n", flush=True)
    order = ["Machine", *(title for title, _ in PARTS.values()), SOAK]
    text = "\n".join(f"## {title}\n\n{known[title]}\n" for title in order if title in known)
    args.output.write_text(f"{_PREFACE}\n{text}", encoding="utf-8")
    print(f"written to {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
