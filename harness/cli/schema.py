"""Print the JSON Schema of a case file; editors complete and check case files with it."""

from __future__ import annotations

import argparse
import json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", metavar="FILE", help="write to FILE instead of standard output")


def execute(args: argparse.Namespace) -> int:
    from harness.cases import schema
    from harness.cli.options import write

    write(json.dumps(schema(), indent=2, ensure_ascii=False), args.output)
    return 0
