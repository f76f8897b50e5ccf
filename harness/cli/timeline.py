"""What changed from release to release: one row for each function and question, one column a version.

Give it runs recorded on different versions (nox -s observe makes them), several for one version if you like, and one
that holds the reference, which decides what is right; without it rows speak of change alone.
"""

from __future__ import annotations

import argparse

from harness.cli.options import add_format, emit, write


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders")
    parser.add_argument(
        "--select", action="append", metavar="GLOB", help="only CASE or CASE@POINT that match; repeatable"
    )
    parser.add_argument("--made-by", metavar="TEXT", default="", help="the command that the markdown names")
    parser.add_argument("--csv", metavar="FILE", help="write the frame as CSV to FILE as well")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from harness.api import timeline
    from harness.report.timeline import markdown, terminal

    frame = timeline(args.runs, select=args.select)
    if args.csv:
        emit(frame, "csv", args.csv)
    if args.format == "table":
        write(terminal(frame), args.output)
    elif args.format == "markdown":
        write(markdown(frame, args.made_by), args.output)
    else:
        emit(frame, args.format, args.output)
    return 0
