"""Options and small habits that several commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.dispatch import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from harness.model import Case

#: How spreadsheets know a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
FORMATS = ("table", "csv", "json", "markdown", "parquet")
#: The words of harness.formats.DTYPES, which a command line need not load NumPy for.
DTYPES = ("bfloat16", "float16", "float32", "complex64", "float64", "complex128")


def add_catalogue(parser: argparse.ArgumentParser) -> None:
    """PATH... and what narrows or widens it."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="case files or folders (default: the catalogue)")
    parser.add_argument(
        "--select", action="append", metavar="GLOB", help="only cases (CASE or CASE@POINT) that match; repeatable"
    )
    parser.add_argument("--allow", action="append", default=[], metavar="MODULE",
                        help="let cases call this module, as code of yours and in no sandbox; repeatable (also "
                        "[tool.harness] modules)")


def add_format(parser: argparse.ArgumentParser, default: str = "table") -> None:
    parser.add_argument("--format", choices=FORMATS, default=default, help=f"default: {default}")
    parser.add_argument("--output", metavar="FILE", help="write to FILE instead of standard output")


def catalogue_paths(args: argparse.Namespace) -> tuple[list[str | Path], tuple[str, ...]]:
    """The paths to load and the modules allowed, from the command line and from pyproject.toml."""
    from harness.settings import read_settings

    settings = read_settings()
    paths: list[str | Path] = list(args.paths)
    if not paths and settings.paths and settings.folder:
        paths = [settings.folder / path for path in settings.paths]
    if not paths:
        from harness.cases import catalogue_path

        paths = [catalogue_path()]
    return paths, (*settings.modules, *args.allow)


def add_expect(parser: argparse.ArgumentParser, what: str) -> None:
    """--expect PATH and --allow MODULE: expectations that take the place of the recorded ones. what: how they serve."""
    parser.add_argument(
        "--expect", action="append", metavar="PATH",
        help=f"{what} these case files or folders instead of those recorded with the runs")
    parser.add_argument("--allow", action="append", default=[], metavar="MODULE", help="modules those cases may name")


def stated(args: argparse.Namespace) -> tuple[Case, ...] | None:
    """The cases that --expect names; None where it names nothing."""
    if not args.expect:
        return None
    from harness.cases import load

    return load(args.expect, allow=tuple(args.allow))


def write(content: str | bytes, output: str | None) -> None:
    """Write to a file or to standard output, ending in one newline."""
    if isinstance(content, str):
        content = content.rstrip("\n") + "\n"
    if output:
        try:
            path = Path(output)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise UsageError(f"cannot write {output}: {error.strerror}") from error
    elif isinstance(content, str):
        sys.stdout.write(content)
    else:
        sys.stdout.buffer.write(content)


def emit(frame: pd.DataFrame, form: str, output: str | None, columns: Sequence[str] | None = None) -> None:
    """A frame in one of FORMATS. columns: those of the table form (the other forms carry everything)."""
    if form == "table":
        from harness.report.text import table

        shown = frame[list(columns)] if columns else frame
        rows = [[_cell(v) for v in row] for row in shown.itertuples(index=False)]
        size = None if output is None else 160
        write(table(list(shown.columns), rows, size) if rows else "no rows", output)
    elif form == "csv":
        write(csv(frame), output)
    elif form == "json":
        write(frame.to_json(orient="records", indent=1, default_handler=str), output)
    elif form == "markdown":
        write(_markdown(frame[list(columns)] if columns else frame), output)
    else:
        import io

        if output is None and sys.stdout.isatty():
            raise UsageError("parquet is binary; name a file with --output")
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        write(buffer.getvalue(), output)


def csv(frame: pd.DataFrame) -> str:
    """Comma-separated values in which no text is a formula for a spreadsheet: = + - @ at its beginning get a '."""

    def harmless(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

    changed = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind not in "biufcmM" and any(harmless(v) is not v for v in column.unique()):
            changed[name] = column.astype(object).map(harmless)
    return frame.assign(**changed).to_csv(index=False)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.3g}"
    return "" if value is None else str(value)


def _markdown(frame: pd.DataFrame) -> str:
    from harness.report.exports.escaping import inert
    from harness.report.text import markdown_table

    rows = ([inert(_cell(v)) for v in values] for values in frame.itertuples(index=False))
    return "\n".join(markdown_table(list(map(inert, frame.columns)), rows))
