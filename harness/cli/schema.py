"""Print the JSON Schema of a case file (or of points.yaml, known.yaml); editors complete and check files with it."""

from __future__ import annotations

import argparse
import json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "of", nargs="?", choices=("case", "points", "known"), default="case",
        help="a case file (default), a file of shared point sets, or one of known differences")
    parser.add_argument("--output", metavar="FILE", help="write to FILE instead of standard output")


def execute(args: argparse.Namespace) -> int:
    from harness.cases import known_schema, points_schema, schema
    from harness.cli.options import write

    made = {"case": schema, "points": points_schema, "known": known_schema}[args.of]()
    write(json.dumps(made, indent=2, ensure_ascii=False), args.output)
    return 0
