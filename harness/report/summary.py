"""The summary at the end of a run: what ran, verdict counts by pair, then what is surprising, worst first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.report import text

if TYPE_CHECKING:
    import pandas as pd

#: Verdicts from the most to the least alarming; every report sorts by it.
SEVERITY = (
    "crash", "timeout", "error", "sign", "conjugate", "factor", "part", "zero", "mismatch", "nonfinite", "value",
    "gauge", "choice", "branch", "precision", "unsupported", "agree",
)  # fmt: skip

#: The order of the contract (design section 4), for tables of counts.
ORDER = (
    "unsupported", "error", "crash", "timeout", "branch", "value", "agree", "precision", "nonfinite", "choice",
    "gauge", "conjugate", "sign", "factor", "part", "zero", "mismatch",
)  # fmt: skip


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
    """Verdict counts, one column for each pair of sides."""
    if frame.empty:
        return "nothing was compared: no two observations differ along this axis only"
    pair = frame["left"].astype(str) + " ~ " + frame["right"].astype(str)
    pairs = sorted(pair.unique())
    verdict = frame["verdict"].astype(str)
    convention = (verdict == "agree") & (frame["relation"].astype(str).isin(["conjugate", "negated-conjugate"]))
    blind = (verdict == "agree") & (frame["blind"].astype(str).str.contains("conjugation"))
    rows = []
    for word in (w for w in reversed(SEVERITY) if (verdict == w).any()):
        rows.append([word, *(_count(((verdict == word) & (pair == p)).sum()) for p in pairs)])
        if word == "agree":
            for label, mask in (("  conjugate by convention", convention), ("  blind to conjugation", blind)):
                if mask.any():
                    rows.append([label, *(_count((mask & (pair == p)).sum()) for p in pairs)])
    return text.table(["verdict", *pairs], rows, size, right=",".join(pairs))


def _count(value: int) -> str:
    return f"{int(value):,}" if value else "·"


def grouped(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Surprising rows gathered into one entry for each (verdict, case, culprit), worst first."""
    rows = frame[frame["surprising"].astype(bool)]
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    columns = ["verdict", "case", "culprit", "evidence", "point", "dtype", "left", "right", "api", "max_rel", "note"]
    for values in zip(*(rows[name] for name in columns), strict=True):
        row = dict(zip(columns, values, strict=True))
        key = (str(row["verdict"]), str(row["case"]), str(row["culprit"] or ""))
        entry = found.setdefault(key, {
            "verdict": key[0], "case": key[1], "culprit": key[2], "evidence": str(row["evidence"] or ""), "rows": 0,
            "points": {}, "pairs": {}, "dtypes": {}, "apis": {}, "note": str(row["note"] or ""), "max_rel": 0.0,
        })  # fmt: skip
        entry["rows"] += 1
        for name, value in (("points", row["point"]), ("dtypes", row["dtype"]), ("apis", row["api"])):
            entry[name][str(value)] = None
        entry["pairs"][f"{row['left']} ~ {row['right']}"] = None
        size = row["max_rel"]
        if size == size and size is not None:
            entry["max_rel"] = max(entry["max_rel"], float(size))
    return sorted(found.values(), key=lambda e: (SEVERITY.index(e["verdict"]), not e["culprit"], -e["rows"], e["case"]))


def surprises(frame: pd.DataFrame, size: int | None = None, limit: int = 20) -> str:
    """What nobody expected, one line for each (verdict, case, culprit), worst first."""
    groups = grouped(frame)
    if not groups:
        return "Nothing surprising."
    rows = []
    for entry in groups[:limit]:
        rows.append([
            entry["verdict"], f"{entry['case']}@{_some(entry['points'], 2)}", _some(entry["pairs"], 1),
            entry["culprit"] or "?", str(entry["rows"]), entry["note"] or _some(entry["apis"], 2),
        ])  # fmt: skip
    total = sum(e["rows"] for e in groups)
    title = f"Surprising: {total:,} rows in {len(groups):,} groups, worst first"
    body = text.table(["verdict", "case@point", "sides", "culprit", "rows", "note"], rows, size, right="rows")
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
