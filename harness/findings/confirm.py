"""A script for every finding, run in a process of its own before it is believed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pandas as pd

from harness.findings.collect import ASSERTION, Finding
from harness.findings.exhibit import exhibit, script
from harness.reference.precision import Undecided
from harness.repro.assertions import failure_script
from harness.repro.recorded import script_of
from harness.repro.script import NoScript, confirm

_PRINTED = re.compile(r" returned (\S+) and right is (\S+)")
#: How many points of a finding are tried before it counts as not confirmed.
TRIES = 6


def confirm_all(
    findings: Sequence[Finding], runs: Sequence[Any], *, jobs: int = 1,
    told: Callable[[Finding], None] | None = None,
) -> list[Finding]:
    """The findings with their scripts, `confirmed` and what the script printed.

    runs: what the findings were collected from. jobs: scripts that run at the same time. told: called with each finding
    when its script has run. A finding without a script has `confirmed` None and says why in `output`.
    """
    recorded = [(run, run.observations()) for run in runs]
    done: list[Finding] = []
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for finding in pool.map(lambda f: _confirmed(f, recorded), findings):
            done.append(finding)
            if told is not None:
                told(finding)
    return done


def _confirmed(finding: Finding, recorded: Sequence[tuple[Any, pd.DataFrame]]) -> Finding:
    if exhibit(finding.id) is not None:
        text = script(finding.id, finding.sentence, finding.versions)
        holds, output = confirm(text)
        told = finding.size if finding.cases else _size(output)
        return replace(finding, script=text, confirmed=holds, output=output, size=told)
    tried, first = "nothing that a script can show was recorded", None
    for row in _varied(finding.candidates):
        try:
            text, holds, output = _one(row, recorded)
        except (NoScript, Undecided, ArithmeticError, ValueError) as problem:
            tried = str(problem) or "the reference cannot decide the function there"
            continue
        made = replace(finding, script=text, confirmed=holds, output=output)
        if holds:
            return made
        first = first or made
    return first or replace(finding, output=tried)


def _size(output: str) -> float:
    """The relative error that an exhibit's script printed; NaN where it printed none."""
    found = _PRINTED.search(output)
    if found is None:
        return math.nan
    got, right = complex(found[1]), complex(found[2])
    off = abs((got - right).real) + abs((got - right).imag)
    return off / abs(right) if math.isfinite(off) and right else math.inf


def _varied(rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The first points of each case in turn, at most TRIES."""
    by_case: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_case.setdefault(str(row["case"]), []).append(row)
    rounds = max(map(len, by_case.values()), default=0)
    every = (group[k] for k in range(rounds) for group in by_case.values() if k < len(group))
    for _, row in zip(range(TRIES), every, strict=False):
        yield row


def _one(row: Mapping[str, Any], recorded: Sequence[tuple[Any, pd.DataFrame]]) -> tuple[str, bool, str]:
    """The script of one row, whether it confirms, what it printed. Raises NoScript."""
    if row["evidence"] != ASSERTION:
        return script_of(row, recorded)
    for run, _ in recorded:
        case = next((c for c in run.cases if c.id == str(row["case"])), None)
        target = next((t for t in run.targets if t["backend"] == row["culprit"]), None)
        if case is not None and target is not None:
            point = next(p for p in case.points if p.name == str(row["point"]))
            text = failure_script(case, point, row, versions=target["versions"])
            return text, *confirm(text)
    raise NoScript(f"{row['culprit']} was not recorded")
