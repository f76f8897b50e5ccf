"""Measure which convention each API of each installed framework follows.

Every API is probed with functions whose differential is known, and the map from the differential to what the API
returns is inferred by least squares; nothing is assumed about it.
"""

from __future__ import annotations

import argparse

from harness.cli.options import add_format, emit


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", action="append", metavar="NAME", help="repeatable (default: every installed one)")
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from harness.api import conventions

    frame = conventions(args.backend)
    emit(frame, args.format, args.output, ("backend", "api", "function", "map", "declared"))
    return 0 if (frame["declared"] != "differs").all() else 1
