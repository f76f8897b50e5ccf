"""What ran, findings and timeline as plain lists for the page's header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.report.verdict_style import STYLES, severity

_FACT = 2000  # characters of one fact


def describe_run(run: Any) -> dict[str, Any]:
    """Targets, date and the remaining facts of one run's header."""
    header: Mapping[str, Any] = run.header
    targets: dict[tuple[str, ...], dict[str, Any]] = {}
    for t in header.get("targets", ()):
        versions = t.get("versions") or {}
        entry = {
            "backend": str(t.get("backend", "")),
            "versions": ", ".join(f"{k} {v}" for k, v in versions.items()) or str(t.get("environment", "")),
            "device": str(t.get("device", "")), "mode": str(t.get("mode", "")),
        }  # fmt: skip
        key = tuple(entry.values())
        dtypes = t.get("dtypes") or t.get("dtype") or header.get("dtypes") or ()
        words = [dtypes] if isinstance(dtypes, str) else [str(d) for d in dtypes]
        known = targets.setdefault(key, {**entry, "dtypes": []})
        known["dtypes"] += [w for w in words if w not in known["dtypes"]]
    path = getattr(run, "path", None)
    started = next((str(header[k]) for k in ("started", "created", "date", "time") if header.get(k)), "")
    return {
        "name": Path(path).name if path else str(header.get("name", "run")),
        "complete": bool(getattr(run, "complete", True)),
        "started": started.replace("T", " ")[:16],
        "targets": [{**t, "dtypes": ", ".join(t["dtypes"])} for t in targets.values()],
        "facts": list(_facts({k: v for k, v in header.items() if k != "targets"}))
        + [f for t in header.get("targets", ()) for f in _facts(t.get("flags") or {}, str(t.get("backend", "")) + " ")],
    }


def _facts(values: Mapping[str, Any], prefix: str = "") -> Sequence[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            out += _facts(value, f"{prefix}{key} ")
        elif isinstance(value, list | tuple):
            out.append((f"{prefix}{key}", ", ".join(str(v) for v in value)[:_FACT]))
        else:
            out.append((f"{prefix}{key}", str(value)[:_FACT]))
    return out


def _word(row: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = row.get(name)
        if value is not None and value == value and str(value) != "":
            return str(value)
    return ""


def findings(frame: pd.DataFrame | None, comparisons: pd.DataFrame) -> dict[str, Any]:
    """Findings for the first screen: as given (one per cause), or differences grouped from the comparisons.

    A given frame has the columns of `harness findings --format csv`; case, function, point(s), verdict, culprit,
    evidence, title/cause, versions, size and link are used where present.
    """
    if frame is not None and len(frame):
        rows = [_finding({str(k): v for k, v in r.items()}) for r in frame.to_dict("records")]
        rows.sort(key=lambda r: -severity(r["verdict"]))
        return {"grouped": False, "rows": rows}
    bad = [v for v, s in STYLES.items() if s.group in ("wrong", "failed")]
    chosen = comparisons[(comparisons["culprit"] != "") | comparisons["verdict"].isin(bad)]
    rows = []
    for (case, verdict, culprit), part in chosen.groupby(["case", "verdict", "culprit"], sort=False):
        points = part["point"].unique()
        where = f"{points[0]}" + (f" and {len(points) - 1} more points" if len(points) > 1 else "")
        sides = (part["left"] + " ↔ " + part["right"]).unique()
        rows.append({
            "case": str(case), "function": str(case), "point": str(points[0]), "verdict": str(verdict),
            "culprit": str(culprit), "evidence": str(part["evidence"].iloc[0]),
            "title": str(part["note"].iloc[0])[:300] or f"{sides[0]}" + (f" and {len(sides) - 1} more" if len(sides) > 1
                                                                        else ""),
            "where": where, "link": "", "n": len(part), "surprising": bool(part["surprising"].any()),
        })  # fmt: skip
    rows.sort(key=lambda r: (not r["surprising"], -severity(r["verdict"]), not r["culprit"], -int(r["n"]), r["case"]))
    return {"grouped": True, "rows": rows[:1000]}


def _finding(row: Mapping[str, Any]) -> dict[str, Any]:
    case = _word(row, "case", "function")
    points = _word(row, "points", "point")
    link = _word(row, "link", "upstream", "url")
    return {
        "case": case, "function": _word(row, "function", "case"), "point": _word(row, "point") or _first(points),
        "verdict": _word(row, "verdict"), "culprit": _word(row, "culprit"), "evidence": _word(row, "evidence"),
        "title": _word(row, "title", "cause", "summary", "what"),
        "where": ", ".join(w for w in (points if len(points) < 60 else _first(points) + " …", _word(row, "versions"),
                                       _word(row, "size")) if w),
        "link": link if link.startswith(("https://", "http://")) else "",
    }  # fmt: skip


def _first(points: str) -> str:
    return points.replace(";", ",").split(",")[0].strip()


def timeline(frame: pd.DataFrame | None, versions: Sequence[str] | None = None) -> dict[str, Any] | None:
    """Columns, rows as text, and which columns are versions (by name, or those that hold verdict words)."""
    if frame is None or not len(frame):
        return None
    plain = frame.reset_index() if frame.index.names != [None] else frame
    names = [str(c) for c in plain.columns]
    first = names.index("case") if "case" in names else names.index("function") if "function" in names else 0
    order = [first, *(k for k in range(len(names)) if k != first)]
    cells = [[_cell(row[k]) for k in order] for row in plain.itertuples(index=False, name=None)]
    names = [names[k] for k in order]
    if versions is not None:
        which = [k for k, n in enumerate(names) if n in versions]
    else:
        which = [k for k, n in enumerate(names) if k and _is_version(n)]
    return {"columns": names, "rows": cells, "versions": which}


def _cell(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _is_version(name: str) -> bool:
    """"2.13.0", "torch 2.13.0+cpu" or "jax-0.10.2": digits and a dot in its last word."""
    tail = name.replace("-", " ").replace("=", " ").split(" ")[-1]
    return tail[:1].isdigit() and "." in tail
