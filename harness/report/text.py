"""Plain text for terminals: columns that fit, numbers that read, colour only where somebody looks."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import IO

import numpy as np


def width(limit: int = 120) -> int:
    """Columns of the terminal, at most `limit`, at least 60; 100 where nobody looks."""
    return max(60, min(limit, shutil.get_terminal_size((100, 24)).columns))


def colourful(stream: IO[str] | None = None) -> bool:
    """Whether the stream is a terminal that wants colour (NO_COLOR and TERM=dumb say no)."""
    stream = stream or sys.stdout
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def clip(text: str, size: int) -> str:
    """The text in one line of at most `size` characters; what is cut shows as an ellipsis."""
    text = " ".join(text.split())
    return text if len(text) <= size else text[: max(0, size - 1)] + "…"


def some(names: Sequence[str], most: int = 3) -> str:
    """The first names of a list, and how many there are beside them: "a, b, c and 2 more"."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if names[most:] else "")


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], size: int | None = None, right: str = "", spare: str = ""
) -> str:
    """Aligned columns. The widest text column gives way so that every line fits in `size`.

    right: names of the header's columns that are aligned to the right (comma separated). spare: of those that are left
    out before any gives way, in that order.
    """
    size = size or width()
    header, cells = list(map(str, header)), [list(map(str, header)), *(list(map(str, row)) for row in rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    for name in filter(None, spare.split(",")):
        if sum(widths) + 2 * (len(widths) - 1) > size:
            k = header.index(name)
            header, widths = header[:k] + header[k + 1 :], widths[:k] + widths[k + 1 :]
            cells = [row[:k] + row[k + 1 :] for row in cells]
    while sum(widths) + 2 * (len(widths) - 1) > size and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    to_right = {name.strip() for name in right.split(",")}
    lines = []
    for row in cells:
        out = []
        for name, cell, w in zip(header, row, widths, strict=True):
            cell = clip(cell, w)
            out.append(cell.rjust(w) if name in to_right else cell.ljust(w))
        lines.append("  ".join(out).rstrip())
    return "\n".join(lines)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a GitHub-flavoured table; pipes and line breaks in cells do not break it."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [line(header), line(["---"] * len(header)), *map(line, rows)]


def number(value: complex | float, digits: int = 9) -> str:
    """One number as people write it: real or a+bj, signed zeros, NaN and infinities kept by component."""
    if isinstance(value, complex | np.complexfloating):
        imag = f"{value.imag:.{digits}g}"
        return f"{value.real:.{digits}g}{'' if imag[0] in '+-' else '+'}{imag}j"
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    return f"{value:.{digits}g}"


def array(values: np.ndarray, digits: int = 9, limit: int = 36) -> str:
    """An array in nested brackets, one line; at most `limit` entries are written out."""
    values = np.asarray(values)
    if values.size > limit:
        flat = ", ".join(number(v, digits) for v in values.reshape(-1)[:limit].tolist())
        return f"[{flat}, … {values.size - limit} more] shape {values.shape}"
    if values.ndim == 0:
        return number(values.item(), digits)
    return "[" + ", ".join(array(v, digits, limit) for v in values) + "]"
