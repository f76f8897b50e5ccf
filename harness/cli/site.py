"""A static site in which anybody can look a function up: by release, by cause, without a server.

Without RUN it is made from the tables of results that come with the program; with runs recorded over releases (and one
that holds the reference), from those.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="*", metavar="RUN", help="run folders; default: the results that are shipped")
    parser.add_argument("--output", required=True, metavar="FOLDER", type=Path, help="new, empty, or a site")
    parser.add_argument("--docs", metavar="FOLDER", type=Path, help="markdown to show as the documentation")
    parser.add_argument("--base", metavar="URL", default="", help="where it will be published, for the feed's links")


def execute(args: argparse.Namespace) -> int:
    from harness.api import site

    made = site(args.output, args.runs or None, docs=args.docs, base=args.base)
    print(f"{args.output / 'index.html'}: {len(made.pages)} functions, {len(made.releases)} releases, "
          f"{len(made.findings)} causes")
    return 0
