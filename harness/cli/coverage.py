"""How much of what torch and JAX can differentiate the catalogue covers, over complex and over real numbers.

What torch differentiates is what its own operator database claims (which needs the package expecttest); what JAX
differentiates is found by tracing a pullback of every public function. Names of one function are paired through the
spelling table and a list of other names. A function that both have is covered when cases about it have two generic
points at which every error would be seen, and a point that its mathematics demands. What is in one framework alone
is excluded with the reason; --missing lists what is not covered, --excluded what is excluded.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from harness.cli.options import add_catalogue, catalogue_paths, write

if TYPE_CHECKING:
    import pandas as pd

    from harness.coverage import Coverage

FORMATS = ("text", "json", "csv", "markdown")


def configure(parser: argparse.ArgumentParser) -> None:
    add_catalogue(parser)
    parser.add_argument("--missing", action="store_true", help="list the functions that are not covered, and why")
    parser.add_argument("--excluded", action="store_true", help="list what only one framework has, with the reasons")
    parser.add_argument("--functions", action="store_true", help="list every function that both frameworks have")
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text; csv has a row a function")
    parser.add_argument("--output", metavar="FILE", help="write to FILE instead of standard output")


def execute(args: argparse.Namespace) -> int:
    from harness.cases import load
    from harness.cli.progress import counter
    from harness.coverage import coverage
    from harness.selection import Selection

    paths, allow = catalogue_paths(args)
    cases = Selection(args.select).chosen(load(paths, allow=allow))
    found = coverage(cases, progress=counter("harness coverage: what the points show", sys.stderr))
    if args.format == "json":
        import json

        write(json.dumps(_tree(found, args), indent=1), args.output)
    elif args.format == "csv":
        write(_frame(found).to_csv(index=False), args.output)
    elif args.format == "markdown":
        write(_markdown(found), args.output)
    else:
        write(_text(found, args), args.output)
    return 0


def _tree(found: Coverage, args: argparse.Namespace) -> dict[str, Any]:
    tree: dict[str, Any] = {**found.totals(), "versions": dict(found.versions)}
    for status, wanted in (("uncovered", True), ("excluded", args.excluded)):
        if wanted:
            tree[status] = [
                {"function": line.name, "kind": line.kind, "reason": line.reason}
                for line in found.lines if line.status == status
            ]
    return tree


def _frame(found: Coverage) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "function": line.name, "kind": line.kind, "status": line.status, "torch": " ".join(line.torch),
            "jax": " ".join(line.jax), "cases": len(line.tally.cases), "points": line.tally.points,
            "generic": line.tally.generic, "demanded": line.tally.demanded, "reason": line.reason,
        }
        for line in found.lines
    )


def _rows(found: Coverage) -> list[list[str]]:
    rows = []
    for kind, dtype in (("complex", "complex128"), ("real", "float64")):
        totals = found.totals()[kind]
        rows.append([
            f"{kind} ({dtype})", str(totals["torch"]), str(totals["jax"]), str(totals["common"]),
            str(totals["covered"]), f"{100 * totals['share']:.1f} %", str(totals["excluded"]),
        ])
    return rows


_HEAD = ["over", "torch", "JAX", "both", "covered", "", "excluded"]


def _text(found: Coverage, args: argparse.Namespace) -> str:
    from harness.report.text import table

    size = None if args.output is None else 100
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    parts = [
        f"What {versions} differentiate, and what the cases cover",
        table(_HEAD, _rows(found), size),
        f"{found.functions} functions in {found.cases} cases at {found.points} points",
    ]
    wanted = [("uncovered", "Not covered", args.missing), ("excluded", "In one framework alone", args.excluded)]
    for status, title, asked in wanted:
        if asked:
            rows = [[line.name, line.kind, line.reason] for line in found.lines if line.status == status]
            parts += [title, table(["function", "kind", "reason"], rows, size) if rows else "nothing"]
    if args.functions:
        rows = [
            [line.name, line.jax[0], line.kind, str(len(line.tally.cases)), str(line.tally.points), line.status]
            for line in found.lines if line.status != "excluded" and line.torch and line.jax
        ]
        parts.append(table(["torch", "JAX", "kind", "cases", "points", "status"], rows, size))
    left = sum(line.status == "uncovered" for line in found.lines)
    if left and not args.missing:
        parts.append(f"{left} not covered: --missing lists them")
    return "\n\n".join(parts)


def _markdown(found: Coverage) -> str:
    from harness.report.text import markdown_table

    frame = _frame(found)
    columns = ["function", "kind", "status", "jax", "cases", "points", "reason"]
    lines = [*markdown_table(_HEAD, _rows(found)), ""]
    lines += [f"{found.functions} functions in {found.cases} cases at {found.points} points.", ""]
    rows = ([str(value) for value in values] for values in frame[columns].itertuples(index=False))
    return "\n".join([*lines, *markdown_table(columns, rows)])
