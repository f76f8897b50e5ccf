"""Observe cases on the installed frameworks, compare what was observed, and print the summary.

Observations go to a run folder as they are made; a run that was interrupted is completed with --resume.
[tool.harness] of the nearest pyproject.toml is believed: modules and backends that it names are code that runs, in no
sandbox. In a checkout that is not yours read it first, or run from a folder of your own (docs/security.md).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.options import DTYPES, add_catalogue, catalogue_paths

if TYPE_CHECKING:
    from harness.runs import Executor


def configure(parser: argparse.ArgumentParser) -> None:
    add_catalogue(parser)
    parser.add_argument("--tour", action="store_true", help="what teaches most in a minute: a case of every known "
                        "cause and most functions, at the points that decide, in double precision")
    parser.add_argument(
        "--backend",
        action="append",
        metavar="NAME",
        help="a name, or package.module:Class; repeatable (default: every installed one)",
    )
    parser.add_argument("--device", action="append", metavar="DEVICE", help="in the framework's own words; repeatable")
    parser.add_argument(
        "--mode", action="append", metavar="MODE", help="eager, jit, ...; repeatable (default: each backend's own)"
    )
    parser.add_argument("--dtype", action="append", choices=DTYPES, help="only these; repeatable (default: each "
                        "case's own, most often single and double; half precisions of any case of real inputs)")
    parser.add_argument(
        "--api", action="append", metavar="NAME", help="only these; none; all (default: all, at the widest dtype)"
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="BACKEND=PATH",
        help="run this backend with another interpreter, which may hold another release",
    )
    parser.add_argument("--no-reference", action="store_true", help="leave the arbitrary-precision reference out")
    parser.add_argument("--jobs", type=int, metavar="N", help="worker processes (default: one for each core)")
    parser.add_argument("--seconds", type=float, metavar="S", help="time limit of one case on one backend at one dtype")
    parser.add_argument("--memory", type=float, metavar="GIB", help="memory limit of one worker")
    parser.add_argument("--output", metavar="DIR", help="the run folder (default: runs/TIME-DIGEST)")
    parser.add_argument(
        "--resume", action="store_true", help="complete an interrupted run (--output, or the newest in runs/)"
    )
    parser.add_argument("--reuse", action="store_true", help="take from the cache folder what was observed before "
                        "under exactly the same conditions, and add to it")
    parser.add_argument("--executor", default="local", metavar="WHERE", help="local, ray or ray://ADDRESS (a cluster)")
    parser.add_argument("--runtime-env", metavar="JSON", help="with ray: the environment it makes on each node")
    parser.add_argument("--require-sandbox", action="store_true", help="run nothing unless every worker is shut in")
    parser.add_argument("--no-compare", action="store_true", help="observe only")
    parser.add_argument("--exit-zero", action="store_true", help="status 0 also where something is surprising")
    parser.add_argument("--verbose", action="store_true", help="also the verdicts of every pair of sides, as tables")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def execute(args: argparse.Namespace) -> int:
    from harness.api import compare, run
    from harness.cli.dispatch import UsageError
    from harness.settings import read_settings

    if args.resume and args.output and not Path(args.output, "header.json").exists():
        raise UsageError(f"there is no run in {args.output} to continue: --resume completes what was begun")
    pythons = {}
    for item in args.python:
        backend, equals, path = item.partition("=")
        if not (backend and equals and path):
            raise UsageError(f"--python wants BACKEND=PATH, not {item!r}")
        pythons[backend] = path
    settings = read_settings()
    if settings.code():
        print(f"harness run: {settings.code()}", file=sys.stderr, flush=True)
    paths, allow = catalogue_paths(args)
    jobs = settings.jobs if args.jobs is None else args.jobs
    apis = None if not args.api else () if args.api == ["none"] else tuple(args.api)
    made = run(
        paths, backends=args.backend or list(settings.backends) or None, devices=args.device, modes=args.mode,
        dtypes=args.dtype, select=args.select, apis=apis, jobs=jobs, output=args.output,
        resume=args.resume, allow=allow, python=pythons, seconds=args.seconds, memory=args.memory,
        reference=not args.no_reference, progress=not args.quiet, reuse=args.reuse, tour=args.tour,
        require_sandbox=args.require_sandbox,
        executor=_on_ray(args, jobs) if args.runtime_env else args.executor,
    )
    if args.no_compare:
        print(made.path)
        return 0
    import pandas as pd

    from harness.report import text
    from harness.report.first_screen import first_screen
    from harness.report.summary import summary

    failed = made.failed_targets
    for target, reason in failed.items():
        print(f"harness run: {target} could not be run: {reason}", file=sys.stderr)
    if not args.quiet:
        print("harness: comparing what was observed", file=sys.stderr, flush=True)
    frame = pd.concat([compare(made, axis="backend"), compare(made, axis="api")], ignore_index=True)
    if args.verbose:
        print(summary(made, frame), end="\n\n")
    print(first_screen(made, frame, min(text.width(), 100)))
    return 3 if failed else 1 if frame["surprising"].any() and not args.exit_zero else 0


def interrupted(args: argparse.Namespace) -> str:
    """What was kept of a run that Ctrl-C ended, in words."""
    from harness.runs.api import RUNS

    begun = [Path(args.output)] if args.output else sorted(RUNS.glob("*"), reverse=True)[:1]
    if not begun or not (begun[0] / "header.json").exists():
        return "interrupted before anything was observed"
    if (begun[0] / "closed.json").exists():
        return f"interrupted; {begun[0]} is complete: harness compare {begun[0]}"
    return f"interrupted; what was observed is kept in {begun[0]}: harness run --resume continues it"


def _on_ray(args: argparse.Namespace, jobs: int | None) -> Executor:
    """The executor of --executor ray --runtime-env JSON."""
    import json

    from harness.cli.dispatch import UsageError
    from harness.runs.ray import RayExecutor

    try:
        environment = json.loads(args.runtime_env)
    except ValueError as error:
        raise UsageError(f"--runtime-env is not JSON: {error}") from error
    if not isinstance(environment, dict):
        raise UsageError('--runtime-env wants an object, such as {"pip": ["jax==0.4.30"]}')
    if args.executor != "ray" and not args.executor.startswith("ray://"):
        raise UsageError("--runtime-env is for --executor ray")
    return RayExecutor(args.executor, jobs, args.memory, environment)
