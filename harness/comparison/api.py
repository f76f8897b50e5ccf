"""`compare`: recorded runs in, a frame of comparisons out."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.comparison.annotate import annotate
from harness.comparison.context import Context
from harness.comparison.engine import Engine
from harness.comparison.evidence import weigh
from harness.comparison.expect import apply_expectations
from harness.comparison.frame import Comparison, build, labels
from harness.comparison.inheritance import inherit
from harness.comparison.kept import load, store
from harness.comparison.observations import Observations, combine
from harness.comparison.operation import names_of, suspects
from harness.comparison.pairs import ALIASES, Joiner
from harness.comparison.parallel import in_parts, parts_of, rows_of_cases
from harness.comparison.statuses import settle
from harness.comparison.targets import Target, match_targets, targets_of
from harness.comparison.value_points import settle_values
from harness.comparison.values import weigh_values
from harness.model import Case
from harness.selection import WHOLE_CASE, Selection, families


def compare(
    runs: Any, axis: str = "backend", select: Sequence[str] | str | None = None, expect: Sequence[Case] | None = None
) -> Comparison:
    """Every pair of observations that differ along `axis` only, as one row of the contract's columns.

    runs: one `harness.runs.Run` or several; two frameworks need not have run together.
    axis: backend, api, mode, device, dtype or version (also called environment).
    select: globs on CASE or CASE@POINT; None is everything.
    expect: cases whose expectations take the place of those that were recorded with the runs.
    Raises CompareError where the runs cannot be compared.

    The comparison of one whole run is kept beside it and read back as long as nothing has changed that it depends on.
    """
    listed = as_list(runs)
    axis = ALIASES.get(axis, axis)
    alone = listed[0] if len(listed) == 1 and expect is None else None
    if alone is not None and (found := _kept(alone, axis, select)) is not None:
        return found
    tables, catalogues = [run.table() for run in listed], [run.cases for run in listed]

    def judged(among: Collection[str] | None) -> pd.DataFrame:
        return _judged(
            tables, [run.header for run in listed], catalogues, axis, select, [bool(run.complete) for run in listed],
            [run_name(run) for run in listed], None, expect, among,
        )

    rows = Counter[str]() if select else sum((rows_of_cases(table) for table in tables), Counter[str]())
    frame = _named(in_parts(judged, parts_of(rows, dict.fromkeys(c.id for group in catalogues for c in group))))
    if alone is not None and select is None:
        store(alone, axis, frame)
    return frame


def _kept(run: Any, axis: str, select: Sequence[str] | str | None) -> Comparison | None:
    """The selected rows of what is kept of a run (harness.comparison.kept), None where nothing is."""
    selection = Selection(select)
    if not selection:
        return load(run, axis)
    selection.demand(run.cases, " in these runs")
    chosen = {case.id: {p.name for p in case.points} for case in selection.chosen(run.cases)}
    frame = load(run, axis, list(chosen))
    if frame is None:
        return None
    spots = frame[["case", "point"]].drop_duplicates()
    wanted = [k for k in spots.astype(str).itertuples(index=False, name=None)
              if k[1] in WHOLE_CASE or k[1] in chosen.get(k[0], ())]
    codes = pd.MultiIndex.from_frame(frame[["case", "point"]].astype(str))
    return Comparison(frame[codes.isin(wanted)].reset_index(drop=True))


def as_list(runs: Any) -> list[Any]:
    """One run or several, as a list."""
    return list(runs) if isinstance(runs, Iterable) and not isinstance(runs, str) else [runs]


def run_name(run: Any) -> str:
    """The name of a run's folder; "" for a run without one."""
    path = getattr(run, "path", None)
    return "" if path is None else str(getattr(path, "name", path))


def compare_tables(
    tables: Sequence[pa.Table | pd.DataFrame], headers: Sequence[Mapping[str, Any]], cases: Sequence[Sequence[Case]],
    axis: str = "backend", *, select: Sequence[str] | str | None = None, complete: Sequence[bool] | None = None,
    names: Sequence[str] | None = None, between: Callable[[Sequence[Target]], list[tuple[int, int]]] | None = None,
    expect: Sequence[Case] | None = None,
) -> Comparison:
    """The same from tables of observations, headers and cases, one of each a run.

    complete: runs that are not complete owe observations of every case in their catalogue.
    between: chooses the pairs (left, right) of targets in place of every pair that differs along the axis only.
    """
    axis = ALIASES.get(axis, axis)
    return _named(_judged(tables, headers, cases, axis, select, complete, names, between, expect, None))


def _named(frame: pd.DataFrame) -> Comparison:
    """The whole comparison, with the functions at fault: one row tells of another."""
    frame["function"] = names_of(frame["function"].to_list())
    return Comparison(frame)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """A comparison makes millions of small objects and hardly a circle of them: looking for these is time lost."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _judged(
    tables: Sequence[pa.Table | pd.DataFrame], headers: Sequence[Mapping[str, Any]], cases: Sequence[Sequence[Case]],
    axis: str, select: Sequence[str] | str | None, complete: Sequence[bool] | None, names: Sequence[str] | None,
    between: Callable[[Sequence[Target]], list[tuple[int, int]]] | None, expect: Sequence[Case] | None,
    among: Collection[str] | None,
) -> pd.DataFrame:
    """Every column but `function`, in whose place are the rows that are wrong (`operation.suspects`).

    among: only the rows of these cases, judged as in the comparison of everything.
    """
    with _without_collecting():
        return _compared(tables, headers, cases, axis, select, complete, names, between, expect, among)


def _compared(
    tables: Sequence[pa.Table | pd.DataFrame], headers: Sequence[Mapping[str, Any]], cases: Sequence[Sequence[Case]],
    axis: str, select: Sequence[str] | str | None, complete: Sequence[bool] | None, names: Sequence[str] | None,
    between: Callable[[Sequence[Target]], list[tuple[int, int]]] | None, expect: Sequence[Case] | None,
    among: Collection[str] | None,
) -> pd.DataFrame:
    joiner, merged = joined(tables, headers, cases, select, complete, names, among)
    targets = joiner.targets
    pairs = joiner.pairs(axis) if between is None else joiner.between(between(targets))
    engine = Engine(Context(joiner, merged), pairs, across_dtypes=axis == "dtype")
    engine.run()
    sides = labels(engine, axis)
    statuses = settle(engine, sides)
    settle_values(engine)
    evidence = weigh(engine)
    weigh_values(engine, evidence)
    inherit(engine, evidence)
    frame = build(engine, axis, sides, statuses, evidence, suspects(engine, evidence), list(merged.values()))
    observed = {targets[k].backend for k in np.unique(joiner.target)}
    known = merged if expect is None else {case.id: case for case in expect}
    annotate(frame, merged, apply_expectations(frame, known, targets, observed))
    return pd.DataFrame(frame.drop(columns=["left_target", "right_target"]))


def joined(
    tables: Sequence[pa.Table | pd.DataFrame], headers: Sequence[Mapping[str, Any]], cases: Sequence[Sequence[Case]],
    select: Sequence[str] | str | None = None, complete: Sequence[bool] | None = None,
    names: Sequence[str] | None = None, among: Collection[str] | None = None,
) -> tuple[Joiner, dict[str, Case]]:
    """The observations of several runs as one table with their targets, and their cases by id; see `compare_tables`."""
    merged: dict[str, Case] = {}
    for group in cases:
        for case in group:
            merged.setdefault(case.id, case)
    selection = Selection(select)
    if selection:
        selection.demand(merged.values(), " in these runs")
        chosen = [case.id for case in selection.chosen(list(merged.values()))]
        tables = [_of_cases(table, chosen) for table in tables]
    elif among is not None:
        tables = [_of_cases(table, list(among)) for table in tables]
    seen = Observations(tables)
    listed = [t for k, h in enumerate(headers) for t in targets_of(h, k, names[k] if names else "")]
    met = _combinations(seen)
    whole = list(complete) if complete is not None else [True] * len(tables)
    targets = [replace(t, complete=whole[t.run]) for t in match_targets(listed, met)]
    planned = [
        frozenset() if whole[k] else frozenset((c.id, d) for c in group for d in c.dtypes)
        for k, group in enumerate(cases)
    ]
    joiner = Joiner(seen, targets, planned)
    if selection:
        joiner.compared &= _selected(seen, selection, merged)
    elif among is not None:
        inside = np.array([word in among for word in seen.words["case"]] or [False], bool)
        joiner.compared &= inside[seen.codes["case"]]
    return joiner, merged


#: What a selection is compared by besides its own rows: who was asked which API anywhere.
_ASKED = ("backend", "device", "mode", "environment", "api", "quantity")


def _of_cases(table: pa.Table | pd.DataFrame, chosen: Sequence[str]) -> pa.Table | pd.DataFrame:
    """The rows of these cases, and one of everything that was asked anywhere: a few where there may be a million."""
    columns = list(table.columns) if isinstance(table, pd.DataFrame) else table.column_names
    if not {"case", *_ASKED} <= set(columns):
        return table  # it is refused with a sentence where it is read
    if isinstance(table, pd.DataFrame):
        return table[table["case"].astype(str).isin(chosen) | ~table.duplicated(list(_ASKED))]
    keep = pc.is_in(table.column("case").cast(pa.string()), value_set=pa.array(chosen, pa.string()))
    rows = np.array(keep.to_numpy(), bool)
    asked = table.select(list(_ASKED)).unify_dictionaries().append_column("row", pa.array(np.arange(rows.size)))
    rows[asked.group_by(list(_ASKED)).aggregate([("row", "min")]).column("row_min").to_numpy()] = True
    return table.filter(pa.array(rows))


def _combinations(seen: Observations) -> list[tuple[int, str, str, str, str]]:
    names = ("backend", "device", "mode", "environment")
    key = combine([(seen.run, int(seen.run.max(initial=0)) + 1),
                   *((seen.codes[n], len(seen.words[n])) for n in names)])
    _, first = np.unique(key, return_index=True)
    out = []
    for k in first:
        backend, device, mode, environment = (seen.text(n, int(k)) for n in names)
        out.append((int(seen.run[k]), backend, device, mode, environment))
    return out


def _selected(
    seen: Observations, selection: Selection, cases: Mapping[str, Case]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Rows of the cases or points that are selected."""
    key = combine([(seen.codes[n], len(seen.words[n])) for n in ("case", "point")])
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    family = families(cases.values())
    names = [(seen.text("case", int(k)), seen.text("point", int(k))) for k in first]
    keep = [selection.matches(case, point, family.get(case, "")) for case, point in names]
    return np.array(keep or [False], bool)[inverse.reshape(-1)]
