"""Every elementwise function of the spelling table, one sweep after another, as they are done into a file of lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.model import CaseError, Source
from harness.pointwise.subject import Subject
from harness.sweep.asking import Asker, Gone
from harness.sweep.engine import sweep
from harness.sweep.exhaustive import every
from harness.sweep.formats import DTYPES
from harness.sweep.tables import brief, rows

if TYPE_CHECKING:
    import pandas as pd

REAL = ("float64", "float32", "float16", "bfloat16")
COMPLEX = ("complex128", "complex64")
_SECONDS = 300.0  # for one answer of a framework; a second is usual, a busy machine takes longer


def subjects() -> Iterator[tuple[Subject, tuple[str, ...]]]:
    """(subject, dtypes it is swept at) in the order of everything.txt."""
    text = resources.files("harness.sweep").joinpath("everything.txt").read_text("utf-8")
    for line in text.splitlines():
        kinds, bar, rest = line.partition("|")
        if not bar or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in rest.split("|")]
        for kind in kinds.strip():
            yield _subject(cells, kind), REAL if kind == "r" else COMPLEX


def _subject(cells: Sequence[str], kind: str) -> Subject:
    name = "x" if kind == "r" else "z"
    reference, *native = [re.sub(r"\bx\b", name, cell) for cell in cells]
    if not native:
        return Subject(reference, name, {"": Source("portable", reference)}, reference, kind == "r")
    sources = {family: Source("native", text) for family, text in zip(("torch", "jax"), native, strict=True)
               if text != "-"}
    return Subject(reference, name, sources, reference, kind == "r")


def sweep_all(
    families: dict[str, str], journal: Path, *, points: int, decided: int, seed: int = 0,
    only: Sequence[str] = (), said: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Rows of every function at every dtype. What `journal` (a file of JSON lines) has already is not done again.

    Real functions in half precision are taken exhaustively. Where a framework's process dies, or takes longer than
    _SECONDS for one answer (torch's zeta counts from large negative numbers up to 9 by ones), the function is swept
    without that framework and that is said; the next one has a process of its own.
    """
    done: dict[tuple[str, str], list[dict[str, Any]]] = {}
    if journal.exists():
        for line in journal.read_text("utf-8").splitlines():
            entry = json.loads(line)
            done[entry["function"], entry["dtype"]] = entry["rows"]
    out: list[dict[str, Any]] = []
    with Asker(families, seconds=_SECONDS) as asker:
        for subject, dtypes in subjects():
            for dtype in dtypes:
                if only and dtype not in only:
                    continue
                key = subject.text, dtype
                if key not in done:
                    done[key] = _one(subject, dtype, asker, points, decided, seed, said)
                    with open(journal, "a", encoding="utf-8") as file:
                        file.write(json.dumps({"function": key[0], "dtype": dtype, "rows": done[key]}) + "\n")
                out += done[key]
    return out


def _one(
    subject: Subject, dtype: str, asker: Asker, points: int, decided: int, seed: int, said: Callable[[str], None]
) -> list[dict[str, Any]]:
    try:
        if DTYPES[dtype].half:
            made = every(subject, dtype, asker)
        else:
            made = sweep(subject, dtype, asker, points=points, decided=decided, seed=seed, jobs=1, rounds=3)
    except Gone as error:
        said(f"{subject.text} at {dtype}: {error}")
        others = {name: family for name, family in asker.families.items() if family != error.family}
        if not others or len(others) == len(asker.families):
            return []
        with Asker(others, seconds=asker.seconds) as rest:
            return _one(subject, dtype, rest, points, decided, seed, said)
    except CaseError as error:
        said(f"{subject.text} at {dtype}: {error}")
        return []
    found = rows(made)
    said(f"{subject.text} at {dtype}: {len(found)} sides, {made.seconds:.1f} s")
    return found


def page(table: pd.DataFrame) -> str:
    """The table as a page: one line a function, dtype, backend and direction, in the order of everything.txt."""
    from harness.report.text import markdown_table

    counts = table.groupby("dtype", sort=False)["function"].nunique()
    names = table["function"].str.replace(r"\bz\b", "x", regex=True)  # of a complex variable it is the same function
    told = ", ".join(f"{count} at {dtype}" for dtype, count in counts.items())
    lines = [
        "# Worst errors of derivatives, over the whole range of floating-point numbers", "",
        f"{names.nunique()} elementwise functions ({told}; {sum(1 for _ in subjects())} real and complex ones are "
        "listed in harness/sweep/everything.txt), torch and JAX as the pinned set has them, made by `harness sweep "
        "--all`, which continues what is not done.", "",
        "Errors in ulp, worst / median. The worst were searched for (the next samples go where the last ones were "
        "worst) and decided by the reference; medians are over samples spread evenly over binades and sectors; rows of "
        "float16 and bfloat16 are of every number. What rounds to 0 or infinity is right as such; on cuts and kinks "
        "every limit is right; subnormal inputs are left out of the worst (accuracy.csv has them, and in words what is "
        "lost where).", "",
    ]
    head = ["function", "dtype", "backend", "by", "value", "d/dz", "d/dz*", "derivative worst at"]
    body = []
    for row in table.to_dict("records"):
        cells = [f"{brief(row[f'{q}_worst'])} / {brief(row[f'{q}_median'])}" for q in ("value", "dz", "dzbar")]
        cells = ["" if c == "? / ?" else c for c in cells]
        at = row["dz_at"] if not row["dzbar_worst"] > row["dz_worst"] else row["dzbar_at"]
        body.append([f"`{row['function']}`", row["dtype"], row["backend"], row["by"], *cells, f"`{at}`" if at else ""])
    return "\n".join([*lines, *markdown_table(head, body), ""])
