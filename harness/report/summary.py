"""The summary at the end of a run: what ran, verdict counts by pair, then what is surprising, worst first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.report import text
from harness.verdicts import SEVERITY

if TYPE_CHECKING:
    import pandas as pd


def headline(header: Mapping[str, Any], cases: int, points: int, observations: int, complete: bool) -> str:
    """One or two lines: what ran, on what."""
    targets = header.get("targets", [])
    names = []
    for target in targets:
        versions = target.get("versions", {})
        shown = ", ".join(f"{k} {v}" for k, v in versions.items() if k in ("torch", "jax", "functorch"))
        label = f"{target['backend']}" + (f" ({shown})" if shown else "")
        if label not in names:
            names.append(label)
    state = "" if complete else "  INCOMPLETE: this run was interrupted; harness run --resume completes it.\n"
    plural = "" if cases == 1 else "s"
    return f"{points:,} points of {cases:,} case{plural}, {observations:,} observations: {'; '.join(names)}\n{state}"


def counts(frame: pd.DataFrame, size: int | None = None) -> str:
    """Verdict counts: a row for each verdict that occurs, a lettered column for each pair of sides."""
    if frame.empty:
        return "nothing was compared: no two observations differ along this axis only"
    pair, verdict = sides(frame), frame["verdict"].astype(str)
    agree = verdict == "agree"
    conjugate = agree & frame["relation"].astype(str).isin(["conjugate", "negated-conjugate"])
    blind = agree & frame["blind"].astype(str).str.contains("conjugation")
    masks = {"agree": agree, "└ conjugate by convention": conjugate, "└ blind to a conjugation": blind}
    masks |= {word: verdict == word for word in reversed(SEVERITY) if word != "agree"}
    masks = {word: mask for word, mask in masks.items() if mask.any()}
    names = sorted(pair.unique())
    letters = [chr(ord("a") + k % 26) * (1 + k // 26) for k in range(len(names))]
    legend = [f"  {letter}  {name}" for letter, name in zip(letters, names, strict=True)]
    widest = max(7, (size or text.width()) // 8 - 3)  # columns that fit beside the words
    tables = []
    for k in range(0, len(names), widest):
        some, head = names[k : k + widest], letters[k : k + widest]
        rows = [[word, *(_count((mask & (pair == name)).sum()) for name in some)] for word, mask in masks.items()]
        tables.append(text.table(["verdict", *head], rows, size, right=",".join(head)))
    return "\n".join([*legend, *tables])


def _count(value: int) -> str:
    return f"{int(value):,}" if value else "·"


def sides(frame: pd.DataFrame) -> pd.Series[str]:
    """"left ~ right" of each row; what both sides share ("jax:pullback", "jax:pushforward") is said once."""
    left, right = frame["left"].astype(str), frame["right"].astype(str)
    names = {}
    for a, b in set(zip(left, right, strict=True)):
        head, colon, tail = a.partition(":")
        same = colon and b.startswith(f"{head}:")
        names[a, b] = f"{head}: {tail} ~ {b[len(head) + 1 :]}" if same else f"{a} ~ {b}"
    return left.combine(right, lambda a, b: names[a, b])


_FAILED = ("crash", "timeout", "error")
_EXPLAINED = ("gauge", "choice", "branch")


def grouped(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Surprising rows gathered into one entry for each (verdict, case), decided or not; worst first.

    A wrong derivative with a known culprit is worse than a failure, a failure worse than what nobody has decided.
    Failures with one message are one entry, however many cases they hit.
    """
    rows = frame[frame["surprising"].astype(bool)]
    found: dict[tuple[str, str, bool], dict[str, Any]] = {}
    columns = ["verdict", "case", "culprit", "evidence", "point", "dtype", "left", "right", "api", "max_rel", "note"]
    for values in zip(*(rows[name] for name in columns), strict=True):
        row = dict(zip(columns, values, strict=True))
        verdict, note, culprit = str(row["verdict"]), str(row["note"] or ""), str(row["culprit"] or "")
        key = (verdict, note if verdict in _FAILED else str(row["case"]), bool(culprit))
        entry = found.setdefault(key, {
            "verdict": verdict, "cases": {}, "culprits": {}, "evidence": str(row["evidence"] or ""), "rows": 0,
            "points": {}, "pairs": {}, "dtypes": {}, "apis": {}, "note": note, "max_rel": 0.0,
        })
        entry["rows"] += 1
        for name, value in (("cases", row["case"]), ("points", row["point"]), ("dtypes", row["dtype"]),
                            ("apis", row["api"]), ("pairs", f"{row['left']} ~ {row['right']}")):
            entry[name][str(value)] = None
        if culprit:
            entry["culprits"][culprit] = None
        size = row["max_rel"]
        if size == size and size is not None:
            entry["max_rel"] = max(entry["max_rel"], float(size))
    return sorted(found.values(), key=_badness)


def _badness(entry: Mapping[str, Any]) -> tuple[int, int, int, str]:
    verdict = entry["verdict"]
    if entry["culprits"]:
        rank = 0
    elif verdict in _FAILED:
        rank = 1
    else:
        rank = 3 if verdict in _EXPLAINED else 2
    return rank, SEVERITY.index(verdict), -entry["rows"], next(iter(entry["cases"]))


def surprises(frame: pd.DataFrame, size: int | None = None, limit: int = 20) -> str:
    """What nobody expected, one line for each entry of `grouped`, worst first."""
    groups = grouped(frame)
    if not groups:
        return "Nothing surprising."
    rows = []
    for entry in groups[:limit]:
        one = len(entry["cases"]) == 1
        where = f"{next(iter(entry['cases']))}@{_some(entry['points'], 1)}" if one else _some(entry["cases"], 2)
        who = _some(entry["culprits"], 2) if entry["culprits"] else f"? {_some(entry['pairs'], 1)}"
        rows.append([entry["verdict"], where, who, str(entry["rows"]), entry["note"] or _some(entry["apis"], 2)])
    total = sum(e["rows"] for e in groups)
    title = f"Surprising: {total:,} rows in {len(groups):,} groups, worst first"
    body = text.table(["verdict", "case@point", "culprit, or ? sides", "rows", "note"], rows, size, right="rows")
    more = f"\n… and {len(groups) - limit} more groups" if len(groups) > limit else ""
    return f"{title}\n{body}{more}"


def _some(words: Mapping[str, None], most: int) -> str:
    names = list(words)
    return ", ".join(names[:most]) + (f" +{len(names) - most}" if len(names) > most else "")


def summary(run: Any, frame: pd.DataFrame, *, size: int | None = None) -> str:
    """All of it. run: a harness Run; frame: its comparisons (several axes may be concatenated)."""
    cases = run.cases
    parts = [headline(run.header, len(cases), sum(len(c.points) for c in cases), len(run.observations()), run.complete)]
    titles = {"backend": "Between backends", "api": "Within a backend (forward against reverse, each API)"}
    for axis in frame["axis"].astype(str).unique() if len(frame) else ["backend"]:
        parts.append(f"{titles.get(axis, f'Along {axis}')}\n{counts(frame[frame['axis'] == axis], size)}\n")
    known = frame[(frame["expected"].astype(str) != "") & ~frame["surprising"].astype(bool)]
    if len(known):
        parts.append(f"Expected differences: {len(known):,} rows in {known['case'].nunique():,} cases.")
    parts.append(surprises(frame, size))
    parts.append(f"\nRun: {run.path}\n  harness show {run.path} CASE@POINT    harness compare {run.path} --axis api")
    return "\n".join(parts)
