"""The comparison report: one self-contained HTML file, or markdown, JUnit XML, SARIF, an SVG badge."""

from __future__ import annotations

import argparse
import sys

from harness.cli.dispatch import UsageError
from harness.cli.options import add_expect, stated, write

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
    from harness.api import report

    try:
        made = report(
            args.runs, args.output, format=args.format, select=args.select, expect=stated(args), title=args.title,
            atlas=args.atlas, scripts=args.scripts, told=lambda said: print(said, file=sys.stderr))
    except OSError as error:
        raise UsageError(f"cannot write {args.output or 'report.html'}: {error.strerror}") from error
    if args.format == "html":
        print(made)
    else:
        write(str(made), args.output)
    return 0
