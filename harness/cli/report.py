"""The comparison report: one self-contained HTML file, or markdown, JUnit XML, SARIF, an SVG badge."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.cli.dispatch import UsageError
from harness.cli.options import add_expect, stated, write
from harness.selection import families

if TYPE_CHECKING:
    import pandas as pd

    from harness.api import Axis
    from harness.runs import Run

FORMATS = ("html", "markdown", "junit", "sarif", "badge")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders")
    parser.add_argument("--format", choices=FORMATS, default="html", help="default: html")
    parser.add_argument("--output", metavar="FILE", help="default: report.html for html, else standard output")
    parser.add_argument("--select", action="append", metavar="GLOB", help="only CASE or CASE@POINT that match")
    parser.add_argument("--title", default="Comparison report")
    parser.add_argument("--atlas", metavar="FOLDER", help="html: put in the figures of FOLDER (harness atlas)")
    add_expect(parser, "judge by the expectations of")
    parser.add_argument("--scripts", type=int, default=0, metavar="N",
                        help="html: put in N reproduction scripts, each run before it is believed")


def execute(args: argparse.Namespace) -> int:
    import pandas as pd

    from harness.api import compare, open_run

    runs = [open_run(path) for path in args.runs]
    several = len({(t["backend"], t["environment"]) for r in runs for t in r.targets}) > len(
        {t["backend"] for r in runs for t in r.targets})
    wanted: tuple[Axis, ...] = ("backend", "api", "version") if several else ("backend", "api")
    axes = [compare(runs, axis=axis, select=args.select, expect=stated(args)) for axis in wanted]
    frame = pd.concat(axes, ignore_index=True)
    if args.format == "html":
        from harness.report.html import write as write_html
        from harness.report.html.atlas import in_folder

        try:
            figures = in_folder(args.atlas) if args.atlas else None
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"no figures in {args.atlas}: {error}") from error
        made = _scripts(runs, axes[0], args.scripts) if args.scripts > 0 else None
        history = _history(runs, args.select) if several else None
        try:
            print(write_html(runs, frame, args.output or "report.html", title=args.title, atlas=figures, repro=made,
                             timeline=history))
        except OSError as error:
            raise UsageError(f"cannot write {args.output or 'report.html'}: {error.strerror}") from error
        return 0
    from harness.report import exports

    cases = {case.id: case for run in runs for case in run.cases}
    more: dict[str, Any] = {}
    if args.format == "sarif":
        more = {"cases": list(cases.values())}
    elif args.format == "junit":
        more = {"families": families(cases.values()), "places": {k: c.place for k, c in cases.items()},
                "seconds": _seconds(runs)}
    write(getattr(exports, args.format)(frame, **more), args.output)
    return 0


def _seconds(runs: Sequence[Run]) -> dict[tuple[str, str, str], float]:
    """How long each (case, point, dtype) was observed for, over all backends."""
    out: dict[tuple[str, str, str], float] = {}
    for run in runs:
        keys = [run.table().column(name).to_pylist() for name in ("case", "point", "dtype")]
        for case, point, dtype, took in zip(*keys, run.seconds, strict=True):
            out[case, point, dtype] = out.get((case, point, dtype), 0.0) + (float(took) if took == took else 0.0)
    return out


def _scripts(runs: Sequence[Run], frame: pd.DataFrame, most: int) -> dict[tuple[str, str], str]:
    from harness.repro.recorded import scripts

    return scripts(runs, frame, most=most, told=lambda said: print(said, file=sys.stderr))


def _history(runs: Sequence[Run], select: Sequence[str] | None) -> pd.DataFrame | None:
    """The timeline of runs of several versions; None where no backend was observed at two of them."""
    from harness.api import timeline
    from harness.comparison.errors import CompareError

    try:
        return timeline(list(runs), select=select)
    except CompareError:
        return None
