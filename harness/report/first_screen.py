"""The end of `harness run`, on one screen of 80 by 24: what is wrong, since when, until when, and what to type next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.report import text
from harness.report.causes import Defect, defects, fixed_in, release, upstream
from harness.report.summary import grouped
from harness.verdicts import KINDS, NOBODY_WRONG

LINES, COLUMNS = 23, 80  # of a terminal of 24 lines, one is the prompt
_FEWEST = 3  # defects that are listed even where the screen is full

#: Rows of the screen, worst first: outcome -> (symbol, what it says).
ROWS = {
    "ordinary": ("≠", "wrong, ordinary inputs"), "extreme": ("≠", "wrong, extreme inputs"),
    "undecided": ("?", "differ, undecided"), "failed": ("!", "an error or a crash"),
    "value": ("≢", "two functions"), "nobody": ("∨", "differ, nobody wrong"),
    "precision": ("≈", "fewer digits"), "same": ("✓", "same derivative"), "alone": ("·", "not compared"),
}
_SHOWN = ("same", "ordinary", "extreme", "undecided", "failed", "value", "nobody", "precision", "alone")
_NOBODY = {
    "pole": "pole", "kink": "kink", "cut": "branch cut", "explained": "infinite input", "gauge": "free phase",
    "documented": "documented", "taste": "no derivative", "formula": "the formula",
}


def outcomes(frame: pd.DataFrame) -> pd.Series:
    """A word of ROWS for each case (the index), the worst of its rows. frame: of `compare`, axes concatenated."""
    order = list(ROWS)
    of_kind = dict.fromkeys(NOBODY_WRONG, "nobody")
    of_kind |= {"same": "same", "convention": "same", "precision": "precision", "value": "value",
                "undecided": "undecided", "failed": "failed", "refused": "alone", "defect": "extreme"}
    rank = np.array([order.index(of_kind[k]) for k in KINDS])
    codes = rank[frame["kind"].cat.codes.to_numpy()] if len(frame) else np.zeros(0, int)
    codes = np.where((frame["kind"] == "defect") & frame["ordinary"].astype(bool), order.index("ordinary"), codes)
    # A refusal says nothing of a function that was compared elsewhere.
    return pd.Series(codes).groupby(frame["case"].astype(str).to_numpy()).min().map(lambda k: order[k])


def first_screen(run: Any, frame: pd.DataFrame, size: int = COLUMNS, lines: int = LINES) -> str:
    """The screen. run: a harness Run; frame: its comparisons, axes concatenated; lines: how many it may have."""
    found = defects(frame)
    told = outcomes(frame)
    failed = getattr(run, "failed_targets", {})
    head = [_cut(f"NOT RUN  {target}: {why}", size) for target, why in failed.items()]
    head += _header(run, size)
    head += [*_counts(run, frame, told, found, size)]
    news = _news(frame, bool(failed), size)
    usual = [d for d in found if d.ordinary]
    foot = [*_convention(frame), *_next(run, found, size)]
    room = max(_FEWEST, lines - len(head) - len(news) - len(foot) - 2)
    return "\n".join([*head, *news, *_table(usual, room, run, size), *foot])


def _header(run: Any, size: int) -> list[str]:
    """What was compared, on what, how long it took."""
    names: dict[str, list[str]] = {}
    for target in run.targets:
        package, _, part = target["backend"].partition(".")
        versions = target.get("versions", {})
        known = f"{package} {versions[package].partition('+')[0]}" if package in versions else package
        names.setdefault(known, [])
        if part and part not in names[known]:
            names[known].append(part)
    sides = [name + (f" ({', '.join(parts)})" if parts else "") for name, parts in names.items() if name != "reference"]
    dtypes = sorted({str(d) for c in run.cases for d in c.dtypes} & _observed(run, "dtype"))
    devices = sorted({str(t["device"]) for t in run.targets if t["backend"] != "reference"})
    parts = [" ~ ".join(sides) or "reference", ", ".join(dtypes), ", ".join(devices), _minutes(run)]
    out = [_cut("   ".join(p for p in parts if p), size)]
    if not run.complete:
        out.append("INCOMPLETE: interrupted, or still being made; harness run --resume completes it")
    return out


def _observed(run: Any, column: str) -> set[str]:
    table = run.table()
    return {str(w) for w in table.column(column).unique().to_pylist()}


def _minutes(run: Any) -> str:
    try:
        entries = json.loads((Path(run.path) / "invocations.json").read_text(encoding="utf-8"))
        spans = [(datetime.fromisoformat(e["started"]), datetime.fromisoformat(e["ended"])) for e in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    seconds = sum((end - start).total_seconds() for start, end in spans)
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _counts(run: Any, frame: pd.DataFrame, told: pd.Series, found: Sequence[Defect], size: int) -> list[str]:
    count = told.value_counts()
    points = sum(len(c.points) for c in run.cases)
    alone = _one_sided(frame)
    only = f" ({alone:,} in one framework only)" if alone else ""
    lines = [f" {_some(len(told), 'function')} at {_some(points, 'point')}{only}"]
    for name in _SHOWN:
        if not count.get(name, 0):
            continue
        symbol, words = ROWS[name]
        lines.append(_cut(f"   {symbol} {count[name]:5,}  {words:<24}{_detail(name, frame, told, found)}", size))
    return lines


def _cut(line: str, size: int) -> str:
    return line if len(line) <= size else line[: size - 1].rstrip() + "…"


def _some(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def _detail(name: str, frame: pd.DataFrame, told: pd.Series, found: Sequence[Defect]) -> str:
    cases = set(told.index[told == name])
    if name == "same":
        number = frame.loc[_conjugated(frame), "case"].astype(str)
        count = len(set(number) & cases)
        return f"{count:,} of them need one conj() (*)" if count else ""
    if name in ("ordinary", "extreme"):
        rows = frame[(frame["kind"] == "defect") & (frame["ordinary"].astype(bool) == (name == "ordinary"))]
        rows = rows[rows["case"].astype(str).isin(cases) & (rows["culprit"] != "both")]
        who = rows["culprit"].astype(str).str.extract(r"^([^.:@]+)", expand=False)
        number = pd.DataFrame({"who": who, "case": rows["case"].astype(str)}).drop_duplicates()["who"].value_counts()
        return " · ".join(f"{side} {n:,}" for side, n in number.items()) + (
            "   listed below" if name == "ordinary" else "   harness findings")
    if name == "nobody":
        rows = frame[frame["case"].astype(str).isin(cases)]
        number = rows[rows["kind"].isin(list(NOBODY_WRONG))].groupby("kind", observed=True)["case"].nunique()
        return ", ".join(_NOBODY[str(k)] for k in number.sort_values(ascending=False).index[:4])
    return {"undecided": "no evidence says who is wrong", "failed": "in some API",
            "value": "under one name: the values differ", "precision": "equal to a coarse tolerance",
            "alone": "one side refuses, or has no such function"}[name]


def _conjugated(frame: pd.DataFrame) -> pd.Series:
    """Rows between torch and jax whose raw results are conjugates of one derivative."""
    torch = frame["left_backend"].isin([w for w in frame["left_backend"].unique() if str(w).startswith("torch")])
    return torch & (frame["right_backend"] == "jax") & (frame["kind"] == "convention") & frame["relation"].isin(
        ["conjugate", "negated-conjugate"])


def _convention(frame: pd.DataFrame) -> list[str]:
    if not _conjugated(frame).any():
        return []
    return [" (*) torch .grad = L_x + i L_y, jax.grad = L_x − i L_y: jnp.conj(jax.grad(f)(z))"]


def _one_sided(frame: pd.DataFrame) -> int:
    """Cases of which torch and jax were never both seen to return a value; 0 where one of them was not observed."""
    rows = frame[(frame["axis"] == "backend") & (frame["quantity"] == "value")]
    left, right = rows["left_backend"].astype(str), rows["right_backend"].astype(str)
    between = rows[left.str.startswith("torch") & (right == "jax")]
    if between.empty:
        return 0
    both = between[(between["left_status"] == "ok") & (between["right_status"] == "ok")]
    return int(frame["case"].astype(str).nunique() - both["case"].astype(str).nunique())


def _news(frame: pd.DataFrame, failed: bool, size: int) -> list[str]:
    surprising = frame["surprising"].astype(bool)
    known = frame[(frame["expected"].astype(str) != "") & ~surprising]
    causes = known["cause"].astype(str)
    tail = f"{_some(causes[causes != ''].nunique(), 'known cause')}, {_some(len(known), 'row')}" if len(known) else ""
    if not surprising.any():
        calm = "Nothing surprising in what could be run" if failed else "Nothing surprising"
        return [_cut(f" {calm}: {tail}." if tail else f" {calm}.", size)]
    groups = grouped(frame)
    lines = [f" New, worst first: {_some(int(surprising.sum()), 'row')} in {_some(len(groups), 'group')}"]
    for entry in groups[:4]:
        case, point = next(iter(entry["cases"])), next(iter(entry["points"]))
        who = ", ".join(entry["culprits"]) or next(iter(entry["pairs"]))
        lines.append(_cut(f"   {entry['verdict']:<12}{case}@{point}  {who}  {entry['note']}", size))
    if len(groups) > 4:
        lines.append(f"   … {len(groups) - 4:,} more: harness compare RUN --surprising --rows")
    return lines


def _table(found: Sequence[Defect], room: int, run: Any, size: int) -> list[str]:
    if not found:
        return []
    shown = list(found) if len(found) <= room else list(found[: room - 1])
    head = ["who", "function", "what", "since", "fixed in", "upstream"]
    rows = [[d.framework, d.function, d.what, release(d.since) or "–", fixed_in(d) or "–", upstream(d.link) or "–"]
            for d in shown]
    body = text.table(head, rows, size - 1).splitlines()
    more = [f" …{len(found) - len(shown)} more: harness findings {run.path}"] if len(shown) < len(found) else []
    return [" Wrong at ordinary inputs, worst first", *(f" {line}" for line in body), *more]


def _next(run: Any, found: Sequence[Defect], size: int) -> list[str]:
    some = found[0].points[0] if found else f"{run.cases[0].id}@{run.cases[0].points[0].name}" if run.cases else "CASE"
    return [
        f" Next   harness show {run.path} {some}",
        f"        harness report {run.path}      one page for a browser",
        "        harness audit --torch my.t:loss --jax my.j:loss --inputs x.npz",
    ]
