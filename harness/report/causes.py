"""Defects one a cause, for every screen: who, what, since, until, where reported; ordinary points first, worst first.

A row is a defect where its kind says so (docs/columns.md): known differences that are documented, a matter of taste or
of the formula are none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.report.advice import zero_is_right
from harness.verdicts import HIGHER, severity, worst

#: What is wrong, in two or three words.
WORDS: Mapping[str, str] = {
    "sign": "sign flipped", "conjugate": "conjugated", "zero": "returns 0", "part": "half dropped",
    "factor": "off by a factor", "mismatch": "wrong", "nonfinite": "NaN or infinite", "value": "wrong value",
    "crash": "crash", "error": "internal error", "timeout": "hangs", "precision": "few digits",
}
_FORWARD = re.compile(r"pushforward|jvp|forward|jacfwd|linearize")
_ISSUE = re.compile(r"https?://github\.com/[^/]+/([^/]+)/(?:issues|pull|discussions)/(\d+)")
_SHORT = {"pytorch": "torch"}


@dataclass(frozen=True)
class Defect:
    """One cause in one framework. points: CASE@POINT, ordinary ones first; ordinary: how many of them are.

    function: the operation that is wrong, or what the cause or the case is called. verdict: the worst of its rows at
    ordinary points, where there are any. since, fixed: releases, "" where not recorded.
    """

    framework: str
    cause: str
    function: str
    what: str
    verdict: str
    since: str
    fixed: str
    link: str
    cases: tuple[str, ...]
    points: tuple[str, ...]
    ordinary: int
    size: float
    sentence: str
    reach: int  # 0: reverse mode or the value; 1: forward mode alone; 2: second derivatives; 3: one API alone


def defects(frame: pd.DataFrame) -> list[Defect]:
    """The defects of a comparison frame, one a cause (without one: one a case), worst at ordinary points first."""
    rows = frame[(frame["kind"] == "defect") & (frame["culprit"] != "both")]
    if rows.empty:
        return []
    rows = rows.assign(framework=rows["culprit"].astype(str).str.extract(r"^([^.:@]+)", expand=False))
    rows = rows.assign(cause=_causes(rows))
    rows = rows.assign(key=rows["cause"].where(rows["cause"] != "", rows["case"].astype(str)))
    found = [_defect(str(framework), part) for (framework, _), part in rows.groupby(["framework", "key"], sort=False)]
    return sorted(found, key=lambda d: (
        not d.ordinary, d.reach, -severity(d.verdict), -d.ordinary, d.framework, d.function))


def _causes(rows: pd.DataFrame) -> pd.Series:
    """The cause of each row; where the one that covers it is of the other framework, what its own rows there say."""
    cause = rows["cause"].astype(str)
    other = rows["framework"].map({"torch": "jax-", "jax": "torch-"}).fillna("\0")
    foreign = np.array([c.startswith(o) for c, o in zip(cause, other, strict=True)], bool)
    own = rows[~foreign & (cause != "")].groupby(["framework", "case"], observed=True)["cause"].first()
    told = dict(zip(own.index.to_flat_index(), own.astype(str), strict=True))
    places = zip(rows["framework"], rows["case"].astype(str), cause, foreign, strict=True)
    return pd.Series([told.get((f, c), "") if odd else name for f, c, name, odd in places], index=rows.index)


def _defect(framework: str, part: pd.DataFrame) -> Defect:
    usual = part[part["ordinary"]]
    shown = usual if len(usual) else part
    own = shown[shown["quantity"].astype(str) != "raw"]  # what an API returns follows from the differential
    own = own if len(own) else shown
    first = pd.concat([usual, part])
    places = tuple(dict.fromkeys(first["case"].astype(str) + "@" + first["point"].astype(str)))
    verdict = worst(own["verdict"].astype(str))
    cause = str(part["cause"].iloc[0])
    sizes = own["max_rel"].astype(float)
    since, fixed = _span(own)
    reach, what = _what(verdict, own)
    return Defect(
        framework, cause, _function(framework, cause, part), what, verdict, since, fixed,
        next((str(x) for x in part["link"] if x), ""), tuple(dict.fromkeys(part["case"].astype(str))), places,
        len(usual[["case", "point"]].drop_duplicates()), float(sizes.max()) if sizes.notna().any() else float("nan"),
        str(part["expected"].iloc[0]).partition(" (http")[0] or str(own["note"].iloc[0]),
        reach,
    )


def _function(framework: str, cause: str, part: pd.DataFrame) -> str:
    """The operation that most rows name, else the cause without its framework, else the case."""
    if "function" in part.columns:
        named = part["function"].astype(str)
        named = named[named != ""]
        if len(named):
            return str(named.value_counts().index[0])
    return cause.removeprefix(f"{framework}-") or str(part["case"].iloc[0])


def _what(verdict: str, rows: pd.DataFrame) -> tuple[int, str]:
    """(Defect.reach, what is wrong in words)."""
    word = WORDS.get(verdict, verdict)
    worst_rows = rows[rows["verdict"].astype(str) == verdict]
    told = ({str(k): v for k, v in row.items()} for _, row in worst_rows.iterrows())
    if verdict == "zero" and all(map(zero_is_right, told)):
        word = "should be 0"
    quantities, apis = set(worst_rows["quantity"].astype(str)), set(worst_rows["api"].astype(str))
    if quantities <= set(HIGHER):
        return 2, f"{word} ({'Hessian' if 'hessian' in quantities else 'third derivative'})"
    if quantities == {"raw"}:
        return 3, f"{word} ({next(iter(apis))})" if len(apis) == 1 else word
    if "value" not in quantities and all(_FORWARD.search(api) for api in apis):
        return 1, f"{word} (forward)"
    return 0, word


def _span(rows: pd.DataFrame) -> tuple[str, str]:
    """The stretch of releases that most rows share, of those whose history is recorded."""
    told = rows[rows["since"].astype(str) != ""]
    if told.empty:
        return "", ""
    since, fixed = told[["since", "fixed"]].astype(str).value_counts().index[0]
    return str(since), str(fixed)


def release(text: str) -> str:
    """A release without its framework: "0.4.38"; "≤ 0.4.20" for "jax 0.4.20 or before"; "" stays empty."""
    version = text.partition(" ")[2]
    return f"≤ {version.removesuffix(' or before')}" if version.endswith("or before") else version


def fixed_in(defect: Defect) -> str:
    """When it is right again: a release, "not yet" where the newest that was recorded is wrong, "" unrecorded."""
    return release(defect.fixed) if defect.fixed else "not yet" if defect.since else ""


def upstream(link: str) -> str:
    """A link as people write it: "jax#40643"; other links without their scheme."""
    found = _ISSUE.match(link)
    if found:
        return f"{_SHORT.get(found[1], found[1])}#{found[2]}"
    return link.removeprefix("https://").removeprefix("http://")
