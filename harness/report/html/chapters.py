"""Details of all cases as separately compressed chapters within a budget of characters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.comparison.observations import Observations
from harness.model import Case
from harness.report.html.detail import Labels, case_facts, recorded
from harness.report.html.pack import compress, dump, encode
from harness.report.verdict_style import OUTCOMES

Repro = Mapping[Any, str] | Callable[[str, str], str | None] | None

# Entries of an array and whether raw results are shown, from generous to bare; see `chapters`.
_LEVELS: Sequence[tuple[int, bool]] = ((12, True), (6, True), (4, False))
_DIFFERENT = {"wrong", "undecided", "failed", "value", "choice"}


def chapters(seen: Observations, runs: Sequence[Any], cases: Mapping[str, Case], outcome: Mapping[str, str],
             repro: Repro, budget: int) -> tuple[str, dict[str, tuple[int, int]], int]:
    """(base64 text, case id -> (start, length), how many cases are without recorded numbers).

    Cases that differ come first and are shown in full; where the budget is short, those that agree are shown with
    fewer entries, then without raw results, then by formula and inputs alone.
    """
    labels = Labels(seen, [r.header for r in runs])
    order = list(OUTCOMES)
    ids = sorted((c for c in cases if c in outcome), key=lambda c: (order.index(outcome[c]), c))
    rows = _rows_by_case(seen)
    made: dict[str, str] = {}
    spent, omitted = 0, 0
    fair = max(1, budget // max(1, len(ids)))
    for case_id in ids:
        case = cases[case_id]
        facts = {**case_facts(case), "repro": _scripts(repro, case)}
        here = rows.get(case_id, np.zeros(0, np.int64))
        generous = outcome[case_id] in _DIFFERENT
        text = ""
        for limit, raw in _LEVELS:
            text = encode(compress(dump({**facts, "at": recorded(seen, labels, case, here, limit, raw)}).encode()))
            if spent + len(text) <= budget and (generous or len(text) <= 4 * fair):
                break
        else:
            if spent + len(text) > budget:
                omitted += 1
                text = encode(compress(dump({**facts, "at": {}, "omitted": "the file would have grown beyond its "
                                             "limit; harness show prints them"}).encode()))
        made[case_id] = text
        spent += len(text)
    places, at = {}, 0
    for case_id, text in made.items():
        places[case_id] = (at, len(text))
        at += len(text)
    return "".join(made.values()), places, omitted


def _rows_by_case(seen: Observations) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    codes = seen.codes["case"]
    order = np.argsort(codes, kind="stable")
    cuts = np.flatnonzero(np.diff(codes[order])) + 1
    return {seen.words["case"][codes[part[0]]]: part for part in np.split(order, cuts) if part.size}


def _scripts(repro: Repro, case: Case) -> dict[str, str]:
    if repro is None:
        return {}
    found = {}
    for point in case.points:
        if callable(repro):
            script = repro(case.id, point.name)
        else:
            script = repro.get((case.id, point.name)) or repro.get(f"{case.id}@{point.name}")
        if script:
            found[point.name] = script
    return found
