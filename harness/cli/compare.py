"""Compare recorded runs along one axis. Any number of runs; two frameworks need not have run together.

Prints how many rows there are by cause, worst first; --rows, and every other format, prints the rows.
"""

from __future__ import annotations

import argparse
from difflib import get_close_matches

from harness.cli.options import add_expect, add_format, emit, stated, write
from harness.verdicts import AXES, QUANTITIES, VERDICTS

COLUMNS = (
    "verdict",
    "case",
    "point",
    "dtype",
    "api",
    "input",
    "left",
    "right",
    "relation",
    "culprit",
    "max_rel",
    "note",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders")
    parser.add_argument("--axis", choices=AXES, default="backend", help="default: backend")
    parser.add_argument(
        "--select", action="append", metavar="GLOB", help="only CASE or CASE@POINT that match; repeatable"
    )
    parser.add_argument("--verdict", action="append", metavar="WORD", help="only rows with this verdict; repeatable")
    parser.add_argument("--quantity", action="append", choices=QUANTITIES)
    parser.add_argument("--surprising", action="store_true", help="only what no expectation covers")
    parser.add_argument("--rows", action="store_true", help="the rows themselves, not their number by cause")
    parser.add_argument("--counts", action="store_true", help="verdicts by pair of sides, not the number by cause")
    add_expect(parser, "judge by the expectations of")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from harness.api import compare
    from harness.cli.dispatch import UsageError

    for word in args.verdict or ():
        if word not in VERDICTS:
            close = get_close_matches(word, VERDICTS, n=3) or VERDICTS
            raise UsageError(f"there is no verdict {word!r}; near: {', '.join(close)}")
    frame = compare(args.runs, axis=args.axis, select=args.select, expect=stated(args))
    surprising = bool(frame["surprising"].any())
    for column, wanted in (("verdict", args.verdict), ("quantity", args.quantity)):
        if wanted:
            frame = frame[frame[column].astype(str).isin(wanted)]
    if args.surprising:
        frame = frame[frame["surprising"].astype(bool)]
    if args.format == "table" and not args.rows:
        from harness.report import text
        from harness.report.by_cause import counted
        from harness.report.summary import counts

        size = min(text.width(), 120) if args.output is None else 160
        write(counts(frame, size) if args.counts else counted(frame, size), args.output)
    else:
        emit(frame, args.format, args.output, COLUMNS)
    return 1 if surprising else 0
