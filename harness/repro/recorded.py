"""Reproduction scripts for a report: one for each function and framework named wrong, run before it is put in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from harness.reference.precision import Undecided
from harness.repro.script import NoScript, confirmed

_QUANTITIES = ("differential", "hessian", "third", "value")
_WIDEST = ("complex128", "float64")


def scripts(
    runs: Sequence[Any], frame: pd.DataFrame, *, most: int | None = None, told: Callable[[str], None] | None = None
) -> dict[tuple[str, str], str]:
    """(case, point) -> script, of findings against the reference that their own script confirms.

    frame: a comparison of the runs along the backend axis. A function is shown where it differs most, at the widest
    dtype; worst ones first, at most so many scripts as `most` says. told: called with a sentence for every finding.
    The scripts run in this interpreter's environment, seconds each; what it does not confirm (another release, say) is
    left out.
    """
    rows = frame[(frame["culprit"].astype(str) != "") & (frame["right"].astype(str) == "reference")]
    rows = rows[rows["quantity"].astype(str).isin(_QUANTITIES)]
    if rows.empty:
        return {}
    rows = rows.assign(
        narrow=~rows["dtype"].astype(str).isin(_WIDEST), size=-rows["max_rel"].astype(float).fillna(-1.0),
        calm=~rows["surprising"].astype(bool), framework=rows["culprit"].astype(str).str.partition(".")[0],
    ).sort_values(["calm", "narrow", "size", "case", "point"], kind="stable")
    recorded = [(run, run.observations()) for run in runs]
    made: dict[tuple[str, str], str] = {}
    for (case, framework), part in rows.groupby(["case", "framework"], sort=False, observed=True):
        if most is not None and len(made) >= most:
            break
        said = "no script can be written"
        for _, row in part.drop_duplicates("point").head(3).iterrows():
            where = str(case), str(row["point"])
            if where in made:
                said = "the point has a script already"
                continue
            try:
                text, holds, _ = script_of({str(k): v for k, v in row.items()}, recorded)
            except (NoScript, Undecided, ArithmeticError, ValueError) as problem:
                said = str(problem) or "the reference cannot decide the function there"
                continue
            said = "confirmed" if holds else "not confirmed"
            if holds:
                made[where] = text
                break
        if told is not None:
            told(f"{case}, {framework}: {said}")
    return made


def script_of(row: Mapping[str, Any], recorded: Iterable[tuple[Any, pd.DataFrame]]) -> tuple[str, bool, str]:
    """(script, whether it confirms, what it printed) of a row whose `culprit` is one side. Raises NoScript.

    recorded: runs, each with its observations, which are searched for what the culprit returned.
    """
    backend = str(row["culprit"]).partition("@")[0].partition(":")[0]
    for run, table in recorded:
        case = next((c for c in run.cases if c.id == str(row["case"])), None)
        here = (table["backend"] == backend) & (table["status"] == "ok")
        for column in ("case", "point", "dtype", "api", "quantity", "input", "output"):
            here &= table[column] == str(row[column])
        if case is None or not here.any():
            continue
        point = next(p for p in case.points if p.name == str(row["point"]))
        target = next(t for t in run.targets if t["backend"] == backend)
        returned = run.array(table[here].iloc[0])
        if returned is not None:
            return confirmed(case, point, {**row, "culprit": backend}, returned, versions=target["versions"])
    raise NoScript(f"nothing was recorded that {backend} returned")
