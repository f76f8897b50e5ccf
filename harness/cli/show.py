"""The answer about one case: who is wrong, the cause, since when, what to do, right value and each side in ulp.

Without a point it is that of the most telling one. --all prints formula, raw results, Wirtinger pairs and verdicts.
"""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("case", metavar="CASE[@POINT]", help="a case, or one of its points")
    parser.add_argument(
        "--dtype", metavar="WORD", help="a dtype that was run (default: the widest)"
    )
    parser.add_argument("--all", action="store_true", help="every raw result, digit and verdict, of every point")


def execute(args: argparse.Namespace) -> int:
    from harness.api import show

    print(show(args.run, args.case, dtype=args.dtype, everything=args.all))
    return 0
