"""How accurate each backend is: error in ulp of the value, of d/dz and of d/dz* against the reference.

One row for each function, dtype, backend and mode of differentiation, the worst first. Each number is the error of a
point's worst entry: over the points the worst, then the median. By a real input d/dz is the ordinary derivative. A NaN
or an infinity where the truth is finite is an infinite error.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from harness.cli.options import add_format, emit, write

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 40
_DTYPES = {"complex128": "c128", "complex64": "c64", "float64": "f64", "float32": "f32", "float16": "f16",
           "bfloat16": "bf16"}
_APIS = {"pullback": "rev", "pushforward": "fwd"}
_ROOM = 96  # columns of a terminal that has room for the point


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders; the reference is in one of them")
    parser.add_argument(
        "--select", action="append", metavar="GLOB", help="only CASE or CASE@POINT that match; repeatable"
    )
    parser.add_argument(
        "--top", type=int, default=_ROWS, metavar="N",
        help=f"rows of the table form (default: {_ROWS}; 0: all); the other forms always have all",
    )
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    from harness.api import accuracy

    frame = accuracy(args.runs, select=args.select)
    if args.format == "table":
        write(terminal(frame, args.top), args.output)
    else:
        emit(frame, args.format, args.output)
    return 0


def terminal(frame: pd.DataFrame, top: int = 0, size: int | None = None) -> str:
    """The first `top` rows (0: all) in lines of at most `size` columns (default: the terminal's), worst / median."""
    from harness.report.text import table, width

    if frame.empty:
        return "nothing counted: no point has a reference that is regular and sure, and a result"
    size = size or width()
    shown = frame.head(top) if top > 0 else frame
    names = ("value", "dz", "dzbar")
    head = ["case", "dtype", "backend", "by", "n", "value", "d/dz", "d/dz*", "at"]
    rows = []
    for row in shown.to_dict("records"):
        errors = [_pair(row[f"{name}_worst"], row[f"{name}_median"]) for name in names]
        rows.append([
            row["case"], _DTYPES.get(row["dtype"], row["dtype"]), row["backend"], _APIS.get(row["api"], ""),
            str(row["points"]), *errors, row["at"],
        ])
    if size < _ROOM:
        head, rows = head[:-1], [row[:-1] for row in rows]
    lines = [
        "error in ulp against the reference, worst/median over n points; rev, fwd: by pullbacks, by pushforwards",
        table(head, rows, size, right="n, value, d/dz, d/dz*"),
    ]
    if len(shown) < len(frame):
        lines.append(f"{len(frame) - len(shown):,} more rows: --top 0, or --format csv")
    if size < len(lines[0]):
        lines[0] = "ulp against the reference, worst/median over n points"
    return "\n".join(lines)


def _pair(worst: float, median: float) -> str:
    return "" if worst != worst else f"{_number(worst)}/{_number(median)}"


def _number(value: float) -> str:
    """Two digits, as few characters as that takes: <.01, 0.5, 12, 887, 4.5e15, inf."""
    if 0 < value < 0.01:
        return "<.01"
    if 100 <= value < 9999.5:
        return f"{value:.0f}"
    mantissa, e, exponent = f"{value:.2g}".partition("e")
    return mantissa if not e else f"{mantissa}e{int(exponent)}"
