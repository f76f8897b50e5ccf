"""SARIF 2.1.0 (OASIS), which code-scanning views read: one result a difference, at the line of its case."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pandas as pd

from harness.report.exports.groups import Difference, differences, some
from harness.report.html.rows import normalised
from harness.report.verdict_style import STYLES
from harness.untrusted import visible
from harness.version import __version__


def sarif(frame: pd.DataFrame, *, cases: Sequence[Any] = ()) -> str:
    """One run with a rule a cause and a result a difference (rows of a case with one verdict, culprit and cause).

    A difference without a known cause has its verdict as the rule. level: `error` where surprising, `note` where known;
    known ones are suppressed, with the reason. A rule's help is its address upstream. cases: Case objects, whose places
    become the locations; a result of a case without a known place has its name as a logical location only.
    """
    rows = normalised(frame)
    places = {c.id: c.place for c in cases}
    found = differences(rows)
    rules = {_rule_id(d): _rule(d) for d in sorted(found, key=_rule_order)}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Wirtinger harness", "semanticVersion": __version__, "rules": list(rules.values()),
            }},
            "columnKind": "unicodeCodePoints",
            "results": [_result(d, list(rules), places) for d in found],
        }],
    }
    return json.dumps(log, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace").decode() + "\n"


def _rule_id(d: Difference) -> str:
    return visible(d.cause or d.verdict)[:200]


def _rule_order(d: Difference) -> tuple[bool, int, str]:
    """Rules of verdicts first, in the order of a report; then those of causes, by name."""
    verdicts = list(STYLES)
    return bool(d.cause), verdicts.index(d.verdict) if d.verdict in verdicts else len(verdicts), d.cause or d.verdict


def _rule(d: Difference) -> dict[str, Any]:
    meaning = STYLES[d.verdict].meaning if d.verdict in STYLES else "a verdict that this version does not know"
    text = visible(d.expected)[:1000] if d.cause and d.expected else meaning
    out: dict[str, Any] = {
        "id": _rule_id(d), "name": d.verdict.capitalize(), "shortDescription": {"text": text},
        "defaultConfiguration": {"level": "error"},
    }
    if d.link.startswith(("https://", "http://")) and d.link.isascii() and not set(d.link) & set("\"<> \\"):
        out["helpUri"] = d.link
    return out


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
    known = [] if d.surprising or not d.expected else [
        {"kind": "external", "status": "accepted", "justification": visible(d.expected)[:1000]}]
    key = "\0".join((d.case, d.verdict, d.culprit)).encode("utf-8", "surrogatepass")
    return {
        "ruleId": _rule_id(d), "ruleIndex": rules.index(_rule_id(d)), "level": "error" if d.surprising else "note",
        "message": {"text": text}, "locations": [location],
        **({"suppressions": known} if known else {}),
        "partialFingerprints": {"caseVerdictCulprit/v1": sha256(key).hexdigest()[:32]},
        "properties": {"rows": d.rows, "points": list(d.points[:50]), "dtypes": list(d.dtypes),
                       **({} if d.max_rel != d.max_rel or d.max_rel == float("inf") else {"max_rel": d.max_rel})},
    }


def _uri(path: str) -> str:
    from pathlib import PurePath
    from urllib.parse import quote

    return quote(PurePath(path).as_posix())
