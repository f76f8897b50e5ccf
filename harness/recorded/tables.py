"""The committed tables of results: what was recorded of functions over releases, and the distinct defects.

Both may be absent (an installation without them): then nothing is known, and nothing is said.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
#: The wheel's copy, or the checkout.
PLACES = (_PACKAGE / "_results", _PACKAGE.parent / "results")

TIMELINE = "matrix/timeline.csv"
FINDINGS = "findings.csv"
ACCURACY = "accuracy.csv"
SINGULAR = "singular.csv"


@lru_cache(maxsize=4)
def rows(name: str) -> tuple[Mapping[str, str], ...]:
    """The rows of a table of the results; none where it is not installed."""
    path = place(name)
    if path is None:
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def place(name: str) -> Path | None:
    """Where a table of the results is installed; None where it is not."""
    return next((folder / name for folder in PLACES if (folder / name).is_file()), None)


def folder() -> Path | None:
    """Where the results lie, with their scripts and pictures where it is a checkout; None without them."""
    table = place(TIMELINE)
    return None if table is None else table.parents[1]
