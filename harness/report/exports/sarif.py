"""SARIF 2.1.0 (OASIS), which code-scanning views read: one result a difference, at the line of its case."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pandas as pd

from harness.report.exports.escaping import visible
from harness.report.exports.groups import Difference, differences, some
from harness.report.html.rows import normalised
from harness.report.verdict_style import STYLES
from harness.version import __version__


def sarif(frame: pd.DataFrame, *, cases: Sequence[Any] = ()) -> str:
    """One run with a rule a verdict and a result a difference (rows of a case with the same verdict and culprit).

    level: `error` where surprising, `note` where known. cases: Case objects, whose places become the locations; a
    result of a case without a known place has its name as a logical location only.
    """
    rows = normalised(frame)
    places = {c.id: c.place for c in cases}
    found = differences(rows)
    used = [v for v in STYLES if any(d.verdict == v for d in found)]
    used += sorted({d.verdict for d in found} - set(used))
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Wirtinger harness", "semanticVersion": __version__, "rules": [_rule(v) for v in used],
            }},
            "columnKind": "unicodeCodePoints",
            "results": [_result(d, used, places) for d in found],
        }],
    }
    return json.dumps(log, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace").decode() + "\n"


def _rule(verdict: str) -> dict[str, Any]:
    meaning = STYLES[verdict].meaning if verdict in STYLES else "a verdict that this version does not know"
    return {"id": verdict, "name": verdict.capitalize(), "shortDescription": {"text": meaning},
            "defaultConfiguration": {"level": "error"}}


def _result(d: Difference, rules: list[str], places: dict[str, Any]) -> dict[str, Any]:
    parts = [f"{d.case}: {STYLES[d.verdict].meaning if d.verdict in STYLES else d.verdict}"]
    if d.culprit:
        who = "both sides are" if d.culprit == "both" else f"{d.culprit} is"
        parts.append(f"{who} wrong" + (f" by {d.evidence.replace('-', ' ')}" if d.evidence else ""))
    parts += [f"at {some(d.points, 4)}", some(d.sides, 2)]
    if d.expected:
        parts.append(f"expected: {d.expected}")
    elif d.note:
        parts.append(d.note)
    text = visible("; ".join(p for p in parts if p))[:4000]
    name = visible(d.case)[:1000]
    location: dict[str, Any] = {"logicalLocations": [{"name": name, "kind": "function"}]}
    place = places.get(d.case)
    if place is not None and place.path:
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(place.path)}}
        if place.line:
            physical["region"] = {"startLine": place.line, "startColumn": max(1, place.column)}
        location["physicalLocation"] = physical
    key = "\0".join((d.case, d.verdict, d.culprit)).encode("utf-8", "surrogatepass")
    return {
        "ruleId": d.verdict, "ruleIndex": rules.index(d.verdict), "level": "error" if d.surprising else "note",
        "message": {"text": text}, "locations": [location],
        "partialFingerprints": {"caseVerdictCulprit/v1": sha256(key).hexdigest()[:32]},
        "properties": {"rows": d.rows, "points": list(d.points[:50]), "dtypes": list(d.dtypes),
                       **({} if d.max_rel != d.max_rel or d.max_rel == float("inf") else {"max_rel": d.max_rel})},
    }


def _uri(path: str) -> str:
    from pathlib import PurePath
    from urllib.parse import quote

    return quote(PurePath(path).as_posix())
