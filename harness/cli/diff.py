"""What changed between two runs, whatever they differ in: version, device, mode or backend.

fixed, broken           a side was wrong on the evidence that the runs hold, or crashed, failed, timed out
value changed, changed  results differ and nothing decides who is right
changed convention      the raw result turned round (conjugate, negated, ...) and the derivative did not change
newly refused, newly supported
accuracy better, worse  the error against the reference shrank or grew more than eightfold, beyond 64 ulp

Exit status 1 where something got worse or changed and no expectation of the catalogue covers it.
"""

from __future__ import annotations

import argparse

from harness.cli.options import add_format, emit

COLUMNS = (
    "change", "case", "point", "dtype", "api", "input", "left", "right", "verdict", "evidence", "max_rel", "note",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="a run folder")
    parser.add_argument("new", metavar="NEW", help="a run folder")
    parser.add_argument("--evidence", action="append", default=[], metavar="RUN",
                        help="a further run whose reference decides what is right; repeatable")
    parser.add_argument(
        "--select", action="append", metavar="GLOB", help="only CASE or CASE@POINT that match; repeatable"
    )
    parser.add_argument("--change", action="append", metavar="WORD", help="only rows with this change; repeatable")
    parser.add_argument("--unchanged", action="store_true", help="rows without a change too")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from harness.api import diff
    from harness.cli.dispatch import UsageError
    from harness.history import CHANGES

    for word in args.change or ():
        if word not in CHANGES or not word:
            raise UsageError(f"there is no change {word!r}; there are {', '.join(w for w in CHANGES if w)}")
    frame = diff(args.old, args.new, select=args.select, evidence=args.evidence, unchanged=args.unchanged)
    surprising = bool(frame["surprising"].any())
    counts = frame["change"].astype(str).value_counts()
    if args.change:
        frame = frame[frame["change"].isin(args.change)]
    emit(frame, args.format, args.output, COLUMNS)
    if args.format == "table" and not args.output:
        told = ", ".join(f"{n:,} {word or 'unchanged'}" for word, n in counts.items())
        print(f"\n{told or 'nothing changed'}")
        for note in frame.attrs.get("notes", ()):
            print(f"note: {note}")
    return 1 if surprising else 0
