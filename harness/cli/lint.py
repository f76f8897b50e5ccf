"""Check case files without running them: every problem, with file, line and column."""

from __future__ import annotations

import argparse
import sys

from harness.cli.options import add_catalogue, catalogue_paths


def configure(parser: argparse.ArgumentParser) -> None:
    add_catalogue(parser)


def execute(args: argparse.Namespace) -> int:
    from harness.cases import lint

    paths, allow = catalogue_paths(args)
    problems = lint(paths, allow=allow)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}" if problems else "no problems")
    return 2 if problems else 0
