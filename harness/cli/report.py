"""The comparison report: one self-contained HTML file, or markdown, JUnit XML, SARIF, an SVG badge."""

from __future__ import annotations

import argparse

from harness.cli.dispatch import UsageError
from harness.cli.options import write

FORMATS = ("html", "markdown", "junit", "sarif", "badge")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders")
    parser.add_argument("--format", choices=FORMATS, default="html", help="default: html")
    parser.add_argument("--output", metavar="FILE", help="default: report.html for html, else standard output")
    parser.add_argument("--select", action="append", metavar="GLOB", help="only CASE or CASE@POINT that match")
    parser.add_argument("--title", default="Comparison report")


def execute(args: argparse.Namespace) -> int:
    import pandas as pd

    from harness.api import compare, open_run

    runs = [open_run(path) for path in args.runs]
    axes = [compare(runs, axis=axis, select=args.select) for axis in ("backend", "api")]
    frame = pd.concat(axes, ignore_index=True)
    if args.format == "html":
        from harness.report.html import write as write_html

        try:
            print(write_html(runs, frame, args.output or "report.html", title=args.title))
        except OSError as error:
            raise UsageError(f"cannot write {args.output or 'report.html'}: {error.strerror}") from error
        return 0
    from harness.report import exports

    write(getattr(exports, args.format)(frame), args.output)
    return 0
