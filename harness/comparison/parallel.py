"""A comparison in parts, on several processors: each case is judged by itself, so that the parts make up the whole."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pandas as pd
import pyarrow as pa

from harness.workers.machine import default_jobs

#: Observations from which on parts are worth their processes, which begin and hand over in some tenths of a second.
LEAST = 20_000
#: Parts for each process: a few, since no number of rows tells how long a part takes.
EACH = 2

Judge = Callable[[Collection[str] | None], pd.DataFrame]

#: What a process that is forked off has to do; it need not be pickled then.
_judge: Judge | None = None


def rows_of_cases(table: pa.Table | pd.DataFrame) -> Counter[str]:
    """How many observations there are of each case; none of a table that cannot be read, which is refused later."""
    if isinstance(table, pd.DataFrame):
        return Counter(table["case"].astype(str)) if "case" in table else Counter()
    if "case" not in table.column_names:
        return Counter()
    counted = table.column("case").cast(pa.string()).value_counts()
    return Counter(dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)))


def parts_of(rows: Counter[str], catalogue: Iterable[str], processes: int | None = None) -> list[list[str]]:
    """Cases in the order of the catalogue, in parts of about as many observations each; none where one process does.

    rows: observations of each case. processes: how many may work at once (default: the processors that we may use, and
    one where no process can be forked off safely: on Windows, on macOS, and beside a framework's threads).
    """
    if processes is None:
        processes = default_jobs() if _forks() else 1
    total, count = rows.total(), EACH * processes
    if processes < 2 or total < LEAST:
        return []
    parts: list[list[str]] = [[]]
    seen = 0
    for case in catalogue:
        if seen >= total * len(parts) / count and parts[-1]:
            parts.append([])
        parts[-1].append(case)
        seen += rows[case]
    missing = [case for case in rows if case not in {c for part in parts for c in part}]
    parts[-1] += missing  # a recording may hold what its catalogue does not
    return parts


def _forks() -> bool:
    linux = multiprocessing.get_start_method() in ("fork", "forkserver")
    return linux and threading.active_count() == 1 and not {"torch", "jax"} & sys.modules.keys()


def in_parts(judge: Judge, parts: Sequence[Collection[str]]) -> pd.DataFrame:
    """What `judge` makes of each part, one after another in one frame; of everything at once where there are no parts.

    Where a process is lost (memory, say), its part is judged in this one.
    """
    global _judge
    if len(parts) < 2:
        return judge(None)
    _judge = judge
    try:
        with ProcessPoolExecutor(default_jobs(), multiprocessing.get_context("fork")) as pool:
            waiting: list[Future[pd.DataFrame]] = [pool.submit(_part, list(part)) for part in parts]
            frames = [_taken(future, judge, part) for future, part in zip(waiting, parts, strict=True)]
    finally:
        _judge = None
    return together(frames)


def _part(part: list[str]) -> pd.DataFrame:
    assert _judge is not None
    return pd.DataFrame(_judge(part))


def _taken(future: Future[pd.DataFrame], judge: Judge, part: Collection[str]) -> pd.DataFrame:
    try:
        return future.result()
    except BrokenProcessPool:
        return judge(part)


def together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The frames one below another; categories are those of all of them.

    An interrupted run has parts without rows, whose categories have no type.
    """
    frames = [frame for frame in frames if len(frame)] or frames[:1]
    columns: dict[str, Any] = {}
    for name in frames[0].columns:
        series = [frame[name] for frame in frames]
        first = series[0].dtype
        if isinstance(first, pd.CategoricalDtype):
            alike = all(s.dtype == first for s in series)
            columns[name] = (pd.concat(series, ignore_index=True) if alike
                             else pd.Series(pd.api.types.union_categoricals(series, sort_categories=True)))
        else:
            columns[name] = pd.concat(series, ignore_index=True)
    return type(frames[0])(columns)
