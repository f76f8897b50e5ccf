"""Every elementwise function of the spelling table, one sweep after another, into a table that grows."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.formats import DTYPES
from harness.model import CaseError, Source
from harness.pointwise.subject import Subject
from harness.sweep.asking import Asker, Gone
from harness.sweep.engine import sweep
from harness.sweep.exhaustive import every
from harness.sweep.tables import COLUMNS, TEXTS, brief, frame, rows, without

if TYPE_CHECKING:
    import pandas as pd

REAL = ("float64", "float32", "float16", "bfloat16")
COMPLEX = ("complex128", "complex64")
NO_ANSWER = "no answer"
Key = tuple[str, str]  # text of the function, dtype
_SECONDS = 300.0  # of work, for one answer of a framework; a second is usual


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
    families: dict[str, str], folder: Path, *, points: int, decided: int, seed: int = 0, only: Sequence[str] = (),
    said: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Every function at every dtype (or those of `only`), into accuracy.md, .csv and .parquet of `folder`, which are
    written after each. What accuracy.csv has already, of the same versions, is not done again.

    Real functions in half precision are taken exhaustively. Where a framework's process dies, or works longer than
    _SECONDS on one answer (torch's zeta counts from large negative numbers up to 9 by ones), the function is swept
    without that framework and that is said; the next one has a process of its own.
    """
    done = _kept(folder / "accuracy.csv", families, said)
    table = _ordered(done)
    with Asker(families, seconds=_SECONDS) as asker:
        for subject, dtypes in subjects():
            for dtype in dtypes:
                key = subject.text, dtype
                before = done.get(key, [])
                if (only and dtype not in only) or not _absent(before, families):
                    continue
                others = [row for row in before if not set(row["backend"].split(", ")) & set(families)]
                done[key] = [*_one(subject, dtype, asker, points, decided, seed, said), *others]
                table = _ordered(done)
                _write(table, folder)
    _write(table, folder)
    return table


def _absent(rows: Sequence[Mapping[str, Any]], families: Mapping[str, str]) -> set[str]:
    """Backends of which no row says anything."""
    return set(families) - {name for row in rows for name in row["backend"].split(", ")}


def _kept(path: Path, families: Mapping[str, str], said: Callable[[str], None]) -> dict[Key, list[dict[str, Any]]]:
    """The rows of a table by function and dtype; none of those that other versions of a framework gave."""
    import pandas as pd

    done: dict[Key, list[dict[str, Any]]] = {}
    if not path.exists():
        return done
    numbers = [c for c in COLUMNS if c not in TEXTS]
    table = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, float_precision="round_trip",
                        na_values={name: [""] for name in numbers})
    installed = _installed(set(families.values()))
    other: set[str] = set()
    for row in table.reindex(columns=list(COLUMNS)).fillna(dict.fromkeys(TEXTS, "")).to_dict("records"):
        had = dict(words.split(" ", 1) for words in row["versions"].split(", ") if words)
        if any(installed.get(family, version) != version for family, version in had.items()):
            other.add(row["versions"])
        else:
            done.setdefault((row["function"], row["dtype"]), []).append({str(k): v for k, v in row.items()})
    if other:
        said(f"{path}: rows of {', '.join(sorted(other))} are made anew, for {_stated(installed)} is installed")
    return done


def _installed(families: Collection[str]) -> dict[str, str]:
    out = {}
    for family in sorted(families, reverse=True):
        with suppress(PackageNotFoundError):
            out[family] = version(family).partition("+")[0]
    return out


def _stated(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{family} {number}" for family, number in versions.items())


def _ordered(done: Mapping[Key, list[dict[str, Any]]]) -> pd.DataFrame:
    """In the order of everything.txt; what it has no more is left out."""
    keys = [(subject.text, dtype) for subject, dtypes in subjects() for dtype in dtypes]
    return frame([row for key in keys for row in done.get(key, ())])


def _write(table: pd.DataFrame, folder: Path) -> None:
    """All three, each at once or not at all: a sweep of hours is cut off anywhere."""
    def put(name: str, write: Callable[[Path], object]) -> None:
        part = folder / f".{name}.part"
        write(part)
        part.replace(folder / name)

    put("accuracy.md", lambda part: part.write_text(page(table), "utf-8"))
    put("accuracy.csv", lambda part: table.to_csv(part, index=False))
    put("accuracy.parquet", lambda part: table.to_parquet(part, index=False))


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
        gone = [name for name, family in asker.families.items() if family == error.family]
        lost = without(subject.text, dtype, gone, f"{NO_ANSWER}: {error}", _stated(_installed({error.family})))
        others = {name: family for name, family in asker.families.items() if family != error.family}
        if not gone or not others:
            return [lost] if gone else []
        with Asker(others, seconds=asker.seconds) as rest:
            return [*_one(subject, dtype, rest, points, decided, seed, said), lost]
    except CaseError as error:
        said(f"{subject.text} at {dtype}: {error}")
        return []
    found = rows(made)
    said(f"{subject.text} at {dtype}: {len(made.sides)} sides, {made.seconds:.1f} s")
    return found


def page(table: pd.DataFrame) -> str:
    """The table as a page: one line a function, dtype, backend and direction, in the order of everything.txt."""
    from harness.report.text import markdown_table

    measured = table[table["asked"] > 0]
    counts = measured.groupby("dtype", sort=False)["function"].nunique()
    names = measured["function"].str.replace(r"\bz\b", "x", regex=True)  # of a complex variable it is the same function
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
        if row["missing"]:
            cells[1 if row["by"] else 0] = NO_ANSWER if row["missing"].startswith(NO_ANSWER) else "unsupported"
        at = row["dz_at"] if not row["dzbar_worst"] > row["dz_worst"] else row["dzbar_at"]
        body.append([f"`{row['function']}`", row["dtype"], row["backend"], row["by"], *cells, f"`{at}`" if at else ""])
    return "\n".join([*lines, *markdown_table(head, body), ""])
