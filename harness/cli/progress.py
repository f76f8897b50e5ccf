"""A count on one line of a terminal, for work that may take a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO


def counter(what: str, stream: TextIO, patience: float = 2.0) -> Callable[[int, int], None] | None:
    """A function of (done, all) that keeps one line of `stream` up to date once `patience` seconds have gone by.

    None where the stream is no terminal: a count there would be noise.
    """
    if not stream.isatty():
        return None
    began = time.monotonic()
    shown = False

    def count(done: int, total: int) -> None:
        nonlocal shown
        if done >= total:
            if shown:
                stream.write("\r\x1b[K")
                stream.flush()
            return
        if time.monotonic() - began > patience:
            shown = True
            stream.write(f"\r\x1b[K{what}: {done} of {total} cases")
            stream.flush()

    return count
