"""The devices that each installed framework can use, in its own words, and why it cannot use the others.

harness run --device NAME observes on one of them; --device may be repeated, and harness compare --axis device
compares what was observed.
"""

from __future__ import annotations

import argparse

from harness.cli.options import add_format, emit


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", action="append", metavar="NAME", help="repeatable (default: every installed one)")
    parser.add_argument(
        "--python", action="append", default=[], metavar="BACKEND=PATH", help="ask this backend in another interpreter"
    )
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from harness.api import devices
    from harness.cli.dispatch import UsageError

    pythons = {}
    for item in args.python:
        backend, equals, path = item.partition("=")
        if not (backend and equals and path):
            raise UsageError(f"--python wants BACKEND=PATH, not {item!r}")
        pythons[backend] = path
    frame = devices(args.backend, python=pythons)
    emit(frame, args.format, args.output, ("backend", "device", "usable", "reason", "environment"))
    if args.format == "table" and not args.output:
        from harness.workers import sandbox

        print(f"\n{sandbox.missing() or 'workers are shut in: no network, no processes, no files of yours'}")
    return 0
