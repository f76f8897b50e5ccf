"""Check case files: every problem, with file, line and column; nothing is compared.

Also names the cases that could not show an error: those at no point of which a conjugation, a sign flip and a factor
of 2 would be seen. What the points of a case show is worked out once and kept in the cache.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from harness.cli.options import add_catalogue, catalogue_paths

if TYPE_CHECKING:
    from harness.model import CaseError


def configure(parser: argparse.ArgumentParser) -> None:
    add_catalogue(parser)
    parser.add_argument("--format", choices=("text", "github"), default="text",
                        help="github: workflow commands, which mark the lines of a pull request")
    parser.add_argument("--no-blind", action="store_true", help="leave out what takes a derivative to find out")


def execute(args: argparse.Namespace) -> int:
    from harness.cases import lint, load
    from harness.cli.progress import counter

    paths, allow = catalogue_paths(args)
    problems = lint(paths, allow=allow)
    if not problems and not args.no_blind:
        from harness.coverage.blindness import blind_cases, unjudged
        from harness.selection import Selection

        cases = Selection(args.select).chosen(load(paths, allow=allow))
        problems = blind_cases(cases, counter("harness lint: what the points show", sys.stderr))
        left = unjudged(cases)
        if left:
            print(f"{left} not judged: the reference has no text for them, and neither torch nor jax is installed")
    for problem in problems:
        print(_annotation(problem) if args.format == "github" else problem,
              file=sys.stdout if args.format == "github" else sys.stderr)
    print(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}" if problems else "no problems")
    return 2 if problems else 0


def _annotation(problem: CaseError) -> str:
    """A problem as a workflow command of GitHub Actions: ::error file=...,line=...,col=...::message."""
    place = problem.place
    where = {} if place is None or not place.path else {"file": place.path, "line": place.line, "col": place.column}
    words = ",".join(f"{k}={_property(str(v))}" for k, v in where.items() if v)
    said = problem.problem + (f" ({problem.hint})" if problem.hint else "")
    return f"::error {words}::{_data(said)}" if words else f"::error::{_data(said)}"


def _data(text: str) -> str:
    """Escaped as the runner unescapes it: a line break would end the command, and what follows could be another."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
