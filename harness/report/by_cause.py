"""A comparison counted by cause: one line a kind and cause, worst first."""

from __future__ import annotations

from textwrap import wrap

import pandas as pd

from harness.report import text
from harness.report.causes import release
from harness.verdicts import KINDS


def by_cause(frame: pd.DataFrame) -> pd.DataFrame:
    """kind, cause, verdict (the worst), rows, cases, ordinary (points), since, example: worst first, then most rows.

    cause is empty where no known difference covers the rows; example: a CASE@POINT, an ordinary one where there is one.
    """
    made = []
    for (kind, cause), part in frame.groupby(["kind", frame["cause"].astype(str)], observed=True, sort=False):
        usual = part[part["ordinary"].astype(bool)]
        first = (usual if len(usual) else part).iloc[0]
        since = part["since"].astype(str)
        since = since[since != ""]
        made.append((
            str(kind), str(cause), str(part["verdict"].max()), len(part), part["case"].nunique(),
            len(usual[["case", "point"]].drop_duplicates()), since.mode().iloc[0] if len(since) else "",
            f"{first['case']}@{first['point']}",
        ))
    made.sort(key=lambda row: (-KINDS.index(row[0]), -row[3], row[1]))
    return pd.DataFrame(made, columns=["kind", "cause", "verdict", "rows", "cases", "ordinary", "since", "example"])


def counted(frame: pd.DataFrame, size: int = 80) -> str:
    """`by_cause` as text; the last line says how the rows themselves are had."""
    if frame.empty:
        return "no rows"
    rows = [
        [kind, cause or "–", verdict, f"{count:,}", f"{cases:,}", f"{usual:,}" if usual else "–",
         release(since) or "–", example]
        for kind, cause, verdict, count, cases, usual, since, example in by_cause(frame).itertuples(index=False)
    ]
    head = ["kind", "cause", "verdict", "rows", "cases", "ordinary", "since", "example"]
    body = text.table(head, rows, size, right="rows,cases,ordinary", spare="cases,verdict,since")
    surprising = int(frame["surprising"].astype(bool).sum())
    told = f"{surprising:,} of them surprising" if surprising else "none of them surprising"
    last = f"{len(frame):,} rows, {told}; --rows prints the rows, --counts the verdicts of every pair of sides"
    return "\n".join([body, *wrap(last, size, subsequent_indent="  ")])
