"""JUnit XML, as CI systems read it: a test suite a family, a test case a (case, point, dtype)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd

from harness.report.exports.escaping import xml_text
from harness.report.html.rows import normalised

Row = dict[str, Any]
_USED = [
    "case", "point", "dtype", "verdict", "left", "right", "quantity", "api", "max_rel", "culprit", "evidence", "note",
    "expected", "surprising",
]


def junit(
    frame: pd.DataFrame, *, families: Mapping[str, str] | None = None, name: str = "harness",
    seconds: Mapping[tuple[str, str, str], float] | None = None, places: Mapping[str, Any] | None = None,
) -> str:
    """A `testsuites` document.

    A test case fails where a comparison is surprising and is in error where a side crashed, timed out or failed
    surprisingly; it is skipped, with the reason, where it differs as expected or nothing but refusals were compared;
    else it passes. families: case id -> family. seconds: (case, point, dtype) -> how long it was observed for, over all
    backends. places: case id -> Place, which becomes `file` and `line`.
    """
    rows = normalised(frame)
    known = families or {}
    root = ET.Element("testsuites", name=xml_text(name, 200))
    suites: dict[str, ET.Element] = {}
    counts: dict[str, dict[str, int]] = {}
    # normalised() sorts worst first, so the first row of a group is what its message should say.
    totals: dict[str, float] = {}
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows[_USED].to_dict("records"):
        groups.setdefault((row["case"], row["point"], row["dtype"]), []).append({str(k): v for k, v in row.items()})
    for (case, point, dtype), part in sorted(groups.items()):
        family = known.get(case, "") or name
        if family not in suites:
            suites[family] = ET.SubElement(root, "testsuite", name=xml_text(family, 500))
            counts[family] = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
        test = ET.SubElement(suites[family], "testcase", classname=xml_text(family, 500),
                             name=xml_text(f"{case}@{point} [{dtype}]", 1000))
        counts[family]["tests"] += 1
        took = (seconds or {}).get((case, point, dtype))
        if took is not None and took == took:
            test.set("time", f"{took:.6f}")
            totals[family] = totals.get(family, 0.0) + took
        place = (places or {}).get(case)
        if place is not None and place.path:
            test.set("file", xml_text(place.path, 1000))
            test.set("line", str(place.line))
        # Readers that leave out `file` and `line` show what is told.
        where = f"{place.path}:{place.line}" if place is not None and place.path else ""
        _judge(test, part, counts[family], where)
    for family, suite in suites.items():
        for key, value in counts[family].items():
            suite.set(key, str(value))
        if family in totals:
            suite.set("time", f"{totals[family]:.6f}")
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(c[key] for c in counts.values())))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _judge(test: ET.Element, part: list[Row], counts: dict[str, int], where: str) -> None:
    surprising = [r for r in part if r["surprising"]]
    if surprising:
        failed = any(r["verdict"] in ("crash", "timeout", "error") for r in surprising)
        counts["errors" if failed else "failures"] += 1
        child = ET.SubElement(test, "error" if failed else "failure", message=line(surprising[0]),
                              type=xml_text(surprising[0]["verdict"], 60))
        lines = [xml_text(where, 1000)] * bool(where) + [line(r) for r in surprising[:50]]
        if len(surprising) > 50:
            lines.append(f"and {len(surprising) - 50} more")
        child.text = "\n".join(lines)
        return
    expected = next((r for r in part if r["expected"] and r["verdict"] != "agree"), None)
    if expected is not None:
        reason = f"{expected['verdict']}, as expected: {expected['expected']}"
    elif all(r["verdict"] == "unsupported" for r in part):
        reason = f"refused: {part[0]['note']}"
    else:
        return
    counts["skipped"] += 1
    ET.SubElement(test, "skipped", message=xml_text(reason, 2000))


def line(row: Row) -> str:
    """A row of a normalised frame in one line of plain text."""
    wrong = f"; {row['culprit']} wrong by {row['evidence']}" if row["culprit"] else ""
    size = "" if row["max_rel"] != row["max_rel"] else f", max rel {row['max_rel']:.3g}"
    api = f" {row['api']}" if row["api"] else ""
    note = f": {row['note']}" if row["note"] else ""
    return xml_text(f"{row['verdict']} {row['left']} <> {row['right']} {row['quantity']}{api}{size}{wrong}{note}", 2000)
