"""Standard output and error as commands write to them: nothing that acts on a terminal but our own styles gets through.

What a command prints may come from a stranger's run, a file name, or a framework's message. Progress bars, whose text
is made visible before, write to the stream itself (`raw_stream`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from harness.untrusted import printable

#: What our own symbols are where they cannot be printed; any other character is written by its number.
_PLAIN = {
    "≠": "!=", "✓": "ok", "…": "...", "–": "-", "−": "-", "≤": "<=", "·": ",", "∨": "v", "±": "+-", "∗": "*", "≈": "~=",
    "≢": "/=", "⊘": "no", "└": "`-", "×": "x", "∂": "d", "↔": "<->",
}


class Screen:
    """A text stream that writes out control and direction characters as <U+001B>. All else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self.raw_stream = stream

    def write(self, text: str) -> int:
        shown = printable(text)
        try:
            self.raw_stream.write(shown)
        except UnicodeEncodeError:  # a terminal that has no such character
            encoding = getattr(self.raw_stream, "encoding", None) or "ascii"
            for symbol, plain in _PLAIN.items():
                shown = shown.replace(symbol, plain)
            self.raw_stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw_stream, name)


@contextmanager
def screened() -> Iterator[None]:
    """Standard output and error of this process are screens."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (s if isinstance(s, Screen) else Screen(s) for s in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
