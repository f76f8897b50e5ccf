"""A timeline as people read it: whole APIs first, then function by function; markdown, or lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from harness.history.timeline import some
from harness.report.exports.escaping import inert

#: A change of one API that this many functions share is a change of the API.
WIDE = 8
_NAMES = 4  # functions, APIs or points that a cell names
_TAIL = ("first_bad", "first_good", "decided")


def markdown(frame: pd.DataFrame, command: str = "") -> str:
    """The whole timeline as markdown. command: what made it."""
    parts = ["# What changed from release to release", ""]
    if command:
        parts += [f"Made by `{command}`.", ""]
    parts += [
        "States: *right* and *wrong* where evidence decides; *ok* where only the status changed; *A*, *B*, ... results",
        "that differ and that nothing decides; *refused*, *unsupported* (no such function there), *error*, *crash*;",
        "*equal*, *conjugate*, ... how two Jacobians of one release are related. First bad: wrong, refused or failed,",
        "or, where nothing decides, different from the oldest. Empty: not asked.",
        "",
    ]
    for note in frame.attrs.get("notes", ()):
        parts += [f"Note: {inert(note)}.", ""]
    for label, versions in frame.attrs["versions"].items():
        rows = of(frame, label)
        count = frame.attrs["followed"][label]
        told = f"{count:,} questions over {len(versions)} releases; {_counted(rows)} changed."
        parts += [f"## {inert(label)}", "", told, ""]
        wide, narrow = split(rows, versions)
        for title, table in (("Whole APIs", wide), ("Functions", narrow)):
            if table:
                parts += [f"### {title}", "", _table(table, versions), ""]
    return "\n".join(parts)


def of(frame: pd.DataFrame, label: str) -> pd.DataFrame:
    """The rows of one backend on one device in one mode."""
    words = frame["backend"] + " on " + frame["device"] + " (" + frame["mode"] + ")"
    return frame[words == label]


def _counted(rows: pd.DataFrame) -> str:
    return f"{int(rows['rows'].sum()):,} of them"


def split(rows: pd.DataFrame, versions: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(changes of whole APIs, changes of functions), each row a mapping: what, where, the states, the bounds.

    The questions of one function that share a history are one row; so are the functions in which one API shares it.
    """
    words = [rows[v].str.replace(r" \(.*\)$", "", regex=True) for v in versions]
    states = pd.Series(list(zip(*words, strict=True)), index=rows.index, dtype=object)
    wide: list[dict[str, Any]] = []
    taken = pd.Series(False, index=rows.index)
    for (_, api, _), part in rows.groupby([rows["quantity"], rows["api"], states], sort=False):
        if part["case"].nunique() >= WIDE:
            wide.append(_merged(part, versions, str(api) or "value", part["case"]))
            taken[part.index] = True
    narrow = []
    rest = rows[~taken]
    for (case, _), part in rest.groupby([rest["case"], states[rest.index]], sort=False):
        questions = part["api"].where(part["api"] != "", "value")
        narrow.append(_merged(part, versions, str(case), questions))
    wide.sort(key=lambda r: -r["rows"])
    return wide, narrow


def _merged(part: pd.DataFrame, versions: Sequence[str], what: str, others: pd.Series[str]) -> dict[str, Any]:
    points = list(dict.fromkeys(p for text in part["point"] for p in text.partition(" +")[0].split(", ")))
    longer = any(" +" in text for text in part["point"])
    row: dict[str, Any] = {
        "what": what, "others": some(list(dict.fromkeys(others)), _NAMES),
        "points": some(points, _NAMES) if not longer else ", ".join(points[:_NAMES]) + ", ...",
        "rows": int(part["rows"].sum()),
    }
    for v in versions:
        cells = list(dict.fromkeys(part[v]))
        row[v] = cells[0] if len(cells) == 1 else cells[0].split(" (")[0]
    for name in _TAIL:
        row[name] = part[name].iloc[0]
    return row


def _table(rows: Sequence[dict[str, Any]], versions: Sequence[str]) -> str:
    names = ["what", "others", "points", *versions, *_TAIL]
    titles = ["", "in / by", "at", *versions, "first bad", "first good", "decided by"]
    lines = ["| " + " | ".join(map(inert, titles)) + " |", "|" + " --- |" * len(names)]
    for row in rows:
        cells = [inert(str(row[n])).replace("|", "\\|") for n in names]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def terminal(frame: pd.DataFrame) -> str:
    """The same for a terminal: one table for each backend."""
    from harness.report.text import table

    parts = []
    for label, versions in frame.attrs["versions"].items():
        rows = of(frame, label)
        wide, narrow = split(rows, versions)
        names = ["what", "others", *versions, "decided"]
        head = ["what", "in / by", *[v.split(" ")[-1] for v in versions], "decided"]
        body = [[str(r[n]) for n in names] for r in (*wide, *narrow)]
        count = frame.attrs["followed"][label]
        parts.append(f"{label}: {count:,} questions, {_counted(rows)} changed")
        parts.append(table(head, body) if body else "nothing changed")
        parts.append("")
    parts += [f"note: {note}" for note in frame.attrs.get("notes", ())]
    return "\n".join(parts)
