"""What is known of a function without running anything: spellings, convention, defects by release, links.

NAME is a function in torch's, JAX's or the portable spelling, a glob of them, or a source file of a port (port.py),
of which every known function that it calls is listed with its lines.
"""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="arccosh, torch.acosh, 'jnp.arc*', port.py")
    parser.add_argument("--format", choices=("text", "csv", "json"), default="text")


def execute(args: argparse.Namespace) -> int:
    from harness.recorded.functions import known
    from harness.report.known import frame, text
    from harness.report.text import width

    found = known(*args.names)
    if args.format == "text":
        print(text(found, min(width(), 100)) if found else "no function of these files is in the tables")
    elif args.format == "csv":
        print(frame(found).to_csv(index=False), end="")
    else:
        print(frame(found).to_json(orient="records", indent=1))
    return 0
