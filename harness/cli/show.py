"""One case in full: formula, inputs, each side's raw results, Wirtinger pair, verdict, relation and advice."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("case", metavar="CASE[@POINT]", help="a case, or one of its points")
    parser.add_argument(
        "--dtype", metavar="WORD", help="complex64, complex128, float32 or float64 (default: the widest)"
    )


def execute(args: argparse.Namespace) -> int:
    from harness.api import show

    print(show(args.run, args.case, dtype=args.dtype))
    return 0
