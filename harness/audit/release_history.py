"""What was recorded of a function over releases: results/matrix/timeline.csv and results/findings.csv.

Both may be absent (an installation without them): then nothing is known, and nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.model import Case
from harness.recorded.tables import rows

Array = np.ndarray[Any, np.dtype[Any]]


def wrong_in(
    cases: Sequence[Case], family: str, dtype: str = "complex128", inside: Callable[[Array], bool] = lambda array: True
) -> str:
    """ "jax 0.4.38 to 0.10.2": the releases of a framework in which a reverse-mode derivative of one of these cases was
    decided to be wrong at a point that is `inside`; "" where none is known.

    dtype: of the user's numbers; what was recorded in the double precision of the same kind stands for it. inside:
    takes the array of a point.
    """
    points = {(c.id, p.name) for c in cases for p in c.points if all(inside(a) for a in p.arrays.values())}
    wide = {"complex64": "complex128", "float32": "float64"}.get(dtype, dtype)
    wrong: dict[str, bool] = {}
    for row in rows("matrix/timeline.csv") if points else ():
        if row.get("quantity") != "differential" or row.get("dtype") != wide:
            continue
        named = re.sub(r" \+\d+$", "", row.get("point", "")).split(", ")
        if not any((row.get("case", ""), name) in points for name in named):
            continue
        if not row.get("backend", "").startswith(family) or row.get("api") not in ("pullback", ""):
            continue
        for column, state in row.items():
            if column and re.fullmatch(rf"{family} \d\S*", column) and state:
                wrong[column] = wrong.get(column, False) or state.startswith("wrong")
    order = sorted(wrong, key=_version)
    bad = [c.partition(" ")[2] for c in order if wrong[c]]
    if not bad:
        return ""
    return f"{family} {bad[0]}" + (f" to {bad[-1]}" if len(bad) > 1 else "")


def releases(words: str) -> tuple[str, str]:
    """("0.4.38", "0.10.2") of what `wrong_in` returned."""
    first, _, last = words.partition(" ")[2].partition(" to ")
    return first, last or first


def finding(cases: Sequence[Case], family: str, inside: Callable[[Array], bool] = lambda array: True) -> str:
    """The sentence and the name of a recorded finding: of one of these cases, of this framework, at a point that is
    `inside`; "" where there is none."""
    points: dict[str, set[str]] = {}
    for case in cases:
        points[case.id] = {p.name for p in case.points if all(inside(a) for a in p.arrays.values())}
    for row in rows("findings.csv"):
        sides = (row.get("culprit") or "").split()
        named = (row.get("cases") or row.get("case") or "").split()
        there = set((row.get("points") or "").split())
        if not any(s.startswith(family) or s == "both" for s in sides) or not row.get("sentence"):
            continue
        if any(c in points and (not there or points[c] & {p.rpartition("@")[2] for p in there}) for c in named):
            where = f", {row['versions']}" if row.get("versions") else ""
            return f"{row['sentence'].strip().rstrip('.')} (finding {row.get('id', '')}{where})"
    return ""


def _version(column: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", column)]
