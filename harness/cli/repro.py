"""Write a short self-contained script that shows a finding, run it, and say whether it confirms.

The script needs the framework and mpmath, not this package: ready for an upstream report.
"""

from __future__ import annotations

import argparse
import sys

from harness.cli.dispatch import UsageError
from harness.cli.options import write


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("where", metavar="CASE@POINT", help="where a side was named wrong")
    parser.add_argument("--culprit", metavar="BACKEND", help="of several sides that are wrong there, this one")
    parser.add_argument("--output", metavar="FILE", help="write to FILE instead of standard output")


def execute(args: argparse.Namespace) -> int:
    from harness.api import repro
    from harness.repro.script import NoScript

    try:
        script, confirmed, output = repro(args.run, args.where, args.culprit)
    except NoScript as reason:
        raise UsageError(f"no script for {args.where}: {reason}") from reason
    write(script, args.output)
    print(output, file=sys.stderr)
    if not confirmed:
        print("harness repro: the script does not confirm the finding", file=sys.stderr)
    return 0 if confirmed else 1
