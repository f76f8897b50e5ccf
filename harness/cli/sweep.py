"""One elementwise function over every binade of its floating-point numbers, or over all of them.

FUNCTION is a case, a portable function, an expression in one variable, or a file of cases. The worst and median error
in ulp of the value, of d/dz and of d/dz* of each framework and direction, the point of the worst, and in words where a
derivative is lost. What decides is the arbitrary-precision reference; on cuts and kinks every limit is right.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.dispatch import UsageError
from harness.cli.options import DTYPES, add_format, emit, write

if TYPE_CHECKING:
    from harness.pointwise.subject import Subject
    from harness.sweep.asking import Asker
    from harness.sweep.engine import Swept



def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", nargs="*", metavar="FUNCTION", help="such as 'arccosh(z)', log1p, CASE, FILE.yaml")
    parser.add_argument("--torch", metavar="TEXT", help="torch's own text; FUNCTION is then the reference's")
    parser.add_argument("--jax", metavar="TEXT", help="jax's own text; FUNCTION is then the reference's")
    parser.add_argument("--backend", action="append", metavar="NAME", help="repeatable (default: every installed one)")
    parser.add_argument("--dtype", choices=DTYPES, help="default: complex128, or float64 where nothing takes complex")
    parser.add_argument("--real", action="store_true", help="a function of a real variable (float64 by default)")
    parser.add_argument("--points", type=int, default=400_000, metavar="N",
                        help="that the frameworks evaluate (default: 400,000)")
    parser.add_argument("--decided", type=int, default=20_000, metavar="N",
                        help="that the reference decides, about (default: 20,000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the sampling (default: 0)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes of the reference (default: 2)")
    parser.add_argument("--exhaustive", action="store_true",
                        help="every number of float16, bfloat16 or float32 (hours; see --resume)")
    parser.add_argument("--resume", metavar="FILE", help="where --exhaustive of float32 keeps how far it has come, "
                        "and continues (default: sweep-*.json here)")
    parser.add_argument("--all", action="store_true", help="every elementwise function of the spelling table, in "
                        "each dtype, into the folder named by --output (default: results), whose table is continued")
    parser.add_argument("--allow", action="append", default=[], metavar="MODULE", help="let cases call this module")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from harness.pointwise.observe import families_of
    from harness.sweep.asking import Asker

    families = families_of(args.backend)
    if args.all:
        return _all(args, families)
    if not args.function:
        raise UsageError("name a function, such as 'arccosh(z)', or --all")
    subjects = _subjects(args)
    made: list[Swept] = []
    with Asker(families, modules=args.allow) as asker:
        for subject in subjects:
            made.append(_swept(subject, args, asker))
    _shown(made, args)
    return 0 if all(m.sides for m in made) else 3


def _subjects(args: argparse.Namespace) -> list[Subject]:
    """What is to be swept. Native texts of the command line go with the one portable text before them."""
    from harness.cases import catalogue_path, load
    from harness.model import Source
    from harness.pointwise.subject import find, of_case

    out: list[Subject] = []
    cases = None
    for function in args.function:
        if function.endswith((".yaml", ".yml")):
            loaded = load([function], allow=tuple(args.allow))
            out += [of_case(case) for case in loaded]
            continue
        if cases is None:
            cases = load([catalogue_path()])
        out.append(find(function, cases, real=args.real or _is_real(args.dtype)))
    if args.torch or args.jax:
        if len(out) != 1:
            raise UsageError("--torch and --jax go with one FUNCTION, the portable text of the same thing")
        sources = dict(out[0].sources)
        sources |= {f: Source("native", t) for f, t in (("torch", args.torch), ("jax", args.jax)) if t}
        out = [replace(out[0], sources=sources)]
    return out


def _is_real(dtype: str | None) -> bool:
    return dtype is not None and not dtype.startswith("complex")


def _swept(subject: Subject, args: argparse.Namespace, asker: Asker) -> Swept:
    from harness.sweep.engine import sweep
    from harness.sweep.exhaustive import every, resumable

    dtype = args.dtype or ("float64" if subject.real else "complex128")
    if args.exhaustive:
        if not _is_real(dtype):
            raise UsageError(f"--exhaustive of {dtype}: there are too many numbers")
        subject = replace(subject, real=True)
        if dtype in ("float16", "bfloat16"):
            return every(subject, dtype, asker)
        state = Path(args.resume or f"sweep-{_plain(subject.name)}-{dtype}.json")
        return resumable(subject, dtype, asker, state, said=lambda line: print(line, file=sys.stderr))
    if subject.real and not _is_real(dtype):
        raise UsageError(f"{subject.name} is a function of a real variable: --dtype {_real_of(dtype)}")
    made = sweep(subject, dtype, asker, points=args.points, decided=args.decided, seed=args.seed, jobs=args.jobs)
    if made.sides or args.dtype or subject.real:
        return made
    print(f"{subject.text}: no framework takes complex numbers, so of a real variable", file=sys.stderr)
    return sweep(replace(subject, real=True), "float64", asker, points=args.points, decided=args.decided,
                 seed=args.seed, jobs=args.jobs)


def _real_of(dtype: str) -> str:
    return "float64" if dtype == "complex128" else "float32"


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name).strip("-")[:60]


def _shown(made: Sequence[Swept], args: argparse.Namespace) -> None:
    from harness.sweep.regions import regions
    from harness.sweep.tables import frame, rows, terminal

    found = [regions(m) for m in made]
    if args.format == "table":
        write("\n\n".join(terminal(m, f) for m, f in zip(made, found, strict=True)), args.output)
        return
    every = [row for m, f in zip(made, found, strict=True) for row in rows(m, f)]
    if args.format == "json":
        for m, f in zip(made, found, strict=True):
            told = [_region(m, r) for r in f]
            for row in every:
                if row["function"] == m.subject.text and row["dtype"] == m.dtype:
                    row["regions"] = [t for t in told if f"{row['backend']} {row['by']}" in t["sides"]
                                      or row["backend"] in t["sides"]]
        write(json.dumps(every, indent=1, allow_nan=True), args.output)
        return
    emit(frame(every), args.format, args.output)


def _region(made: Swept, region: Any) -> dict[str, Any]:
    from harness.sweep.tables import written

    at = region.at if made.dtype.startswith("complex") else region.at.real
    return {
        "sides": list(region.sides), "quantity": region.quantity, "kind": region.kind, "where": region.where,
        "part": region.part, "share": region.share, "worst": region.worst, "at": written(at), "count": region.count,
        "sentence": region.sentence(made.form),
    }


def _all(args: argparse.Namespace, families: dict[str, str]) -> int:
    from harness.sweep.everything import sweep_all

    folder = Path(args.output or "results")
    folder.mkdir(parents=True, exist_ok=True)
    table = sweep_all(
        families, folder, points=args.points, decided=args.decided, seed=args.seed,
        only=[args.dtype] if args.dtype else (), said=lambda line: print(line, file=sys.stderr),
    )
    print(f"{len(table)} rows: {folder / 'accuracy.md'}, .csv, .parquet")
    return 0
