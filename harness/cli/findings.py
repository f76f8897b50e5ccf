"""The distinct defects of recorded runs, one for each cause: who is wrong, on what evidence, with a script each."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.dispatch import UsageError
from harness.cli.options import add_expect, csv, stated, write

if TYPE_CHECKING:
    from harness.findings import Finding

FORMATS = {"text": ".txt", "markdown": ".md", "csv": ".csv", "json": ".json"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders, recorded with the reference")
    parser.add_argument("--select", action="append", metavar="GLOB", help="only CASE or CASE@POINT that match")
    add_expect(parser, "take causes from")
    parser.add_argument(
        "--scripts", metavar="DIR", help="write the script of each finding to DIR and run it; seconds each"
    )
    parser.add_argument("--hunted", action="store_true", help="also defects of these frameworks that no case shows, "
                        "found by sweeps, searches and reading")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="scripts that run at the same time")
    parser.add_argument("--format", choices=tuple(FORMATS), help="default: by the file's suffix, else text")
    parser.add_argument(
        "--output", action="append", metavar="FILE",
        help="write to FILE (.md, .csv, .json or .txt) instead of standard output; repeatable")


def execute(args: argparse.Namespace) -> int:
    from harness.api import findings

    wanted = [(output, args.format or _format(output)) for output in args.output or [None]]
    if args.scripts:
        try:
            Path(args.scripts).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write to {args.scripts}: {error.strerror}") from error
    found = findings(
        args.runs, select=args.select, expect=stated(args), scripts=bool(args.scripts), jobs=args.jobs, told=_progress,
        hunted=args.hunted,
    )
    if args.scripts:
        _store(found, Path(args.scripts))
    for output, form in wanted:
        write(_written(found, form, output, args.scripts), output)
    return 1 if args.scripts and any(f.confirmed is not True for f in found) else 0


def _format(output: str | None) -> str:
    if output is None:
        return "text"
    suffix = Path(output).suffix
    for form, own in FORMATS.items():
        if suffix == own:
            return form
    raise UsageError(f"{output}: the suffix says no format; one of {', '.join(FORMATS.values())}, or --format")


def _written(found: list[Finding], form: str, output: str | None, scripts: str | None) -> str:
    from harness.findings import frame, markdown, text

    folder = _beside(scripts, output)
    if form == "text":
        return text(found, None if output is None else 160)
    if form == "markdown":
        return markdown(found, folder)
    table = frame(found, folder)
    return csv(table) if form == "csv" else table.to_json(orient="records", indent=1)


def _progress(finding: Finding) -> None:
    said = {True: "confirmed", False: "NOT CONFIRMED", None: f"no script: {finding.output}"}[finding.confirmed]
    print(f"{finding.id}: {said}", file=sys.stderr, flush=True)


def _store(found: list[Finding], folder: Path) -> None:
    """Every script that was made; scripts of earlier findings that are no longer there go."""
    from harness.findings.render import script_name

    names = {script_name(f) for f in found}
    for old in folder.glob("*.py"):
        # Only what this command wrote: every script says in its first lines how it ends.
        if old.name not in names and "the finding is" in old.read_text(encoding="utf-8", errors="replace")[:800]:
            old.unlink()
    for f in found:
        if f.script:
            write(f.script, str(folder / script_name(f)))


def _beside(scripts: str | None, output: str | None) -> str:
    """The folder of the scripts as the output names it: relative to the output's own folder where that is possible."""
    if not scripts:
        return ""
    base = Path(output).resolve().parent if output else Path.cwd()
    place = Path(scripts).resolve()
    return place.relative_to(base).as_posix() if place.is_relative_to(base) else place.as_posix()
