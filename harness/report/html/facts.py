"""What ran, findings and timeline as plain lists for the page's header."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.comparison.observations import Observations
from harness.formats import DTYPES
from harness.report.causes import Defect, defects
from harness.report.headline import unasked
from harness.report.verdict_style import STYLES
from harness.untrusted import Malformed, check, listing, pattern, read_json, record
from harness.verdicts import severity

_FACT = 2000  # characters of one fact


def describe_run(run: Any, seen: Observations | None = None, number: int = 0) -> dict[str, Any]:
    """Targets, date and the remaining facts of one run's header.

    seen, number: the observations of all runs and which of them this run is, for the dtypes of each target.
    """
    header: Mapping[str, Any] = run.header
    targets: dict[tuple[str, ...], dict[str, Any]] = {}
    facts: list[tuple[str, str]] = list(_facts({k: v for k, v in header.items() if k != "targets"}))
    platforms: list[str] = []
    for t in header.get("targets", ()):
        versions = t.get("versions") or {}
        entry = {
            "backend": str(t.get("backend", "")),
            "versions": ", ".join(f"{k} {v}" for k, v in versions.items()) or str(t.get("environment", "")),
            "device": str(t.get("device", "")), "mode": str(t.get("mode", "")),
        }
        if t.get("failed"):
            entry["mode"] = f"could not be run: {t['failed']}"[:300]
        key = tuple(entry.values())
        known = targets.setdefault(key, {**entry, "dtypes": []})
        known["dtypes"] += [w for w in _dtypes(seen, number, entry) if w not in known["dtypes"]]
        platforms += [w for w in (_platform(str(t.get("platform") or "")),) if w and w not in platforms]
        facts += _facts(t.get("flags") or {}, f"{entry['backend']}: ")
        facts += _facts({k: t[k] for k in ("python", "numpy") if t.get(k)}, f"{entry['backend']}: ")
    path = getattr(run, "path", None)
    return {
        "name": Path(path).name if path else str(header.get("name", "run")),
        "complete": bool(getattr(run, "complete", True)),
        "started": _started(run, header).replace("T", " ")[:16],
        "targets": [{**t, "dtypes": ", ".join(t["dtypes"])} for t in targets.values()],
        "facts": [("platform", ", ".join(platforms)), *facts] if platforms else facts,
    }


def _platform(text: str) -> str:
    """"Linux-6.1.0-13-cloud-amd64-x86_64-with-glibc2.36" as "Linux 6.1 x86_64, glibc2.36": what results may depend
    on; which kernel somebody has built is nobody's business. Other shapes are kept as they are."""
    found = re.fullmatch(r"([A-Za-z]+)-(\d+\.\d+)\S*?-(x86_64|aarch64|arm64|ppc64le|riscv64)\S*?-with-(\S+)", text)
    return f"{found[1]} {found[2]} {found[3]}, {found[4]}" if found else text


def _dtypes(seen: Observations | None, number: int, target: Mapping[str, str]) -> list[str]:
    """dtypes at which a target was observed, the widest first."""
    if seen is None or not seen.count:
        return []
    rows = seen.run == number
    for column in ("backend", "device", "mode"):
        rows = rows & (seen.codes[column] == seen.code(column, target[column]))
    found = {seen.words["dtype"][k] for k in np.unique(seen.codes["dtype"][rows])}
    return [w for w in list(DTYPES)[::-1] if w in found]


def _started(run: Any, header: Mapping[str, Any]) -> str:
    """When the run was begun: its folder says so beside the header, which is the same for equal runs."""
    for key in ("started", "created", "date"):
        if header.get(key):
            return str(header[key])
    path = getattr(run, "path", None)
    if path is None or not (Path(path) / "invocations.json").is_file():
        return ""
    try:
        entries = read_json(Path(path) / "invocations.json", 4 << 20)
        check(entries, listing(record({"started": pattern("[0-9T:+. -]{1,40}", "a time")})), "invocations.json")
        return str(min((e["started"] for e in entries), default=""))
    except (OSError, Malformed):
        return ""  # a date is not worth a report


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


def findings(
    frame: pd.DataFrame | None, comparisons: pd.DataFrame, judged: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Findings for the first screen: as given, or one a cause from the comparisons, or differences grouped.

    A given frame has the columns of `harness findings --format csv`; case, function, point(s), verdict, culprit,
    evidence, title/cause, versions, size and link are used where present. judged: the comparisons with what they count
    as (kind, ordinary, cause, since, fixed); what nothing explains follows the defects. first: how many to begin with.
    """
    if frame is not None and len(frame):
        rows = [_finding({str(k): v for k, v in r.items()}) for r in frame.to_dict("records")]
        rows.sort(key=lambda r: -severity(r["verdict"]))
        return {"grouped": False, "rows": rows, "first": 0}
    if judged is not None and {"kind", "ordinary", "cause", "since", "fixed", "link"} <= set(judged.columns):
        known = defects(judged)
        news = comparisons[comparisons["kind"].isin(["undecided", "failed", "value"]) & comparisons["surprising"]]
        rows = [_of_cause(d) for d in known] + _grouped(news[~unasked(news)])
        return {"grouped": False, "rows": rows[:1000], "first": sum(d.ordinary > 0 for d in known)}
    bad = [v for v, s in STYLES.items() if s.group in ("wrong", "failed")]
    chosen = comparisons[((comparisons["culprit"] != "") | comparisons["verdict"].isin(bad)) & ~unasked(comparisons)]
    return {"grouped": True, "rows": _grouped(chosen)[:1000], "first": 0}


def _of_cause(defect: Defect) -> dict[str, Any]:
    """A defect as a line of the first screen: where, since when and until when beside what it is."""
    extreme = len(defect.points) - defect.ordinary
    where = [f"{defect.ordinary} ordinary" if defect.ordinary else "", f"{extreme} extreme" if extreme else ""]
    span = f"since {defect.since}" if defect.since else ""
    span += f", right again in {defect.fixed}" if defect.fixed else ""
    case, _, point = defect.points[0].partition("@")
    return {
        "case": case, "function": defect.function, "point": point, "verdict": defect.verdict,
        "culprit": defect.framework, "evidence": "", "title": f"{defect.what}: {defect.sentence}"[:300],
        "where": "; ".join(w for w in (span, f"{' and '.join(w for w in where if w)} points") if w),
        "link": defect.link if defect.link.startswith(("https://", "http://")) else "",
    }


def _grouped(chosen: pd.DataFrame) -> list[dict[str, Any]]:
    """Differences by function, verdict and culprit; decided ones first."""
    rows: list[dict[str, Any]] = []
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
        })
    # Decided ones first: somebody can act on them.
    rows.sort(key=lambda r: (not r["surprising"], not r["culprit"], -severity(r["verdict"]), -int(r["n"]), r["case"]))
    return rows


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
    }


def _first(points: str) -> str:
    return points.replace(";", ",").split(",")[0].strip()


def timeline(frame: pd.DataFrame | None, versions: Sequence[str] | None = None) -> dict[str, Any] | None:
    """Columns, rows as text, and which columns are versions (by name, or those whose name ends in a version).

    The first column is the case. What `harness timeline` keeps in columns of its own and people read as one is put
    together: backend, quantity and API as the question; input and output as where; a column that says the same in
    every row is left out.
    """
    if frame is None or not len(frame):
        return None
    plain = frame.reset_index() if frame.index.names != [None] else frame
    table = {str(c): [_cell(v) for v in plain[c].tolist()] for c in plain.columns}
    first = next((n for n in ("case", "function") if n in table), next(iter(table)))
    which = [n for n in table if n != first and (n in versions if versions is not None else _is_version(n))]
    said = [n for n in ("backend", "device", "mode", "quantity", "api") if n in table and _says(table, n)]
    made: dict[str, list[str]] = {first: table.pop(first)}
    if len(said) > 1:
        made["question"] = [" ".join(p for p in parts if p) for parts in zip(*(table[n] for n in said), strict=True)]
    else:
        made.update({n: table[n] for n in said})
    ends = [n for n in ("input", "output") if n in table and _varies(table[n])]
    if ends:
        made["of"] = [" → ".join(p for p in parts if p) for parts in zip(*(table[n] for n in ends), strict=True)]
    dropped = {"backend", "device", "mode", "quantity", "api", "input", "output", "rows"}
    for name, values in table.items():
        if name not in dropped and (name in which or _varies(values)):
            made[name.replace("_", " ")] = values
    # People look at the versions first; what sums them up comes after them.
    late = [n for n in made if n in ("first bad", "first good", "decided", "dtype")]
    names = [n for n in made if n not in late] + late
    wanted = {w.replace("_", " ") for w in which}
    return {
        "columns": names, "rows": [list(row) for row in zip(*(made[n] for n in names), strict=True)],
        "versions": [k for k, n in enumerate(names) if n in wanted],
    }


def _says(table: Mapping[str, Sequence[str]], name: str) -> bool:
    """Whether a column tells more than the backend beside it does (each backend has one mode in most runs)."""
    if name not in ("device", "mode") or "backend" not in table:
        return _varies(table[name])
    return len(set(zip(table["backend"], table[name], strict=True))) > len(set(table["backend"]))


def _varies(values: Sequence[str]) -> bool:
    return len(values) < 2 or any(v != values[0] for v in values)


def _cell(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _is_version(name: str) -> bool:
    """"2.13.0", "torch 2.13.0+cpu" or "jax-0.10.2": digits and a dot in its last word."""
    tail = name.replace("-", " ").replace("=", " ").split(" ")[-1]
    return tail[:1].isdigit() and "." in tail
