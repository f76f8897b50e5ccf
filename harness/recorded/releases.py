"""In which releases a defect shows, from the committed history of answers over releases; nothing is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from packaging.version import InvalidVersion, Version

from harness.recorded.tables import FINDINGS, TIMELINE, rows

_MORE = re.compile(r" \+\d+$")


@dataclass(frozen=True)
class Span:
    """since: the first release that is wrong, "jax 0.4.38", or "jax 0.4.20 or before" where none older was observed.
    fixed: the first that is right again. last: the newest that was observed, "jax 0.12.0.1". "" where unrecorded."""

    since: str = ""
    fixed: str = ""
    last: str = ""


@dataclass(frozen=True)
class History:
    """One row of the table: the points whose names it gives, and (release, state) in order."""

    api: str
    points: frozenset[str]
    states: tuple[tuple[str, str], ...]


NOTHING = Span()


@lru_cache(maxsize=1)
def _histories() -> Mapping[tuple[str, str, str], Sequence[History]]:
    """(framework, case, quantity) -> its histories."""
    out: dict[tuple[str, str, str], list[History]] = {}
    for row in rows(TIMELINE):
        framework = row.get("backend", "").partition(".")[0]
        states = tuple(
            (column, state) for column, state in row.items()
            if column and state and column.startswith(f"{framework} ") and column[len(framework) + 1 :][:1].isdigit()
        )
        points = frozenset(_MORE.sub("", row.get("point", "")).split(", "))
        key = framework, row.get("case", ""), row.get("quantity", "")
        out.setdefault(key, []).append(History(row.get("api", ""), points, states))
    return out


def of_question(framework: str, case: str, quantity: str, api: str, point: str, version: str = "") -> Span:
    """Since when the answer to one question is wrong, and until when; NOTHING where its history is not recorded.

    version: of the run ("2.13.0+cpu"): the stretch of wrong releases that it lies in; "" is the last such stretch.
    """
    for history in _histories().get((framework, case, quantity), ()):
        if history.api == api and point in history.points:
            span = _span(history.states, version)
            if span.since:
                return span
    return NOTHING


@lru_cache(maxsize=1024)
def of_cause(cause: str, framework: str, version: str = "") -> Span:
    """The same of a recorded finding: the history that most of its points share."""
    finding = next((row for row in rows(FINDINGS) if row.get("id") == cause), None)
    return NOTHING if finding is None else of_finding(finding, framework, version)


def of_finding(finding: Mapping[str, str], framework: str, version: str = "") -> Span:
    """The history that most points of a row of the findings share."""
    where: dict[str, set[str]] = {}
    for place in (finding.get("points") or "").split():
        case, _, point = place.partition("@")
        where.setdefault(case, set()).add(point)
    return of_points(framework, where, version)


def of_points(framework: str, where: Mapping[str, set[str]], version: str = "") -> Span:
    """The history that most of these points (case -> names) share."""
    best, found = 0, NOTHING
    for (name, case, quantity), histories in _histories().items():
        if name != framework or quantity == "raw" or case not in where:
            continue
        for history in histories:
            shared = len(history.points & where[case])
            if shared > best and (span := _span(history.states, version)).since:
                best, found = shared, span
    return found


def _span(states: Sequence[tuple[str, str]], version: str) -> Span:
    wrong = [state.startswith("wrong") for _, state in states]
    at = _position([release for release, _ in states], version)
    if at is None:
        at = next((k for k in reversed(range(len(wrong))) if wrong[k]), None)
    if at is None or not wrong[at]:
        return NOTHING
    first = last = at
    while first and wrong[first - 1]:
        first -= 1
    while last + 1 < len(wrong) and wrong[last + 1]:
        last += 1
    since = states[first][0] if first else f"{states[0][0]} or before"
    after = states[last + 1] if last + 1 < len(states) else ("", "")
    return Span(since, after[0] if after[1].startswith("right") else "", states[-1][0])


def _position(releases: Sequence[str], version: str) -> int | None:
    """The newest of the releases that is not newer than the version; the oldest where all are; None for no version."""
    try:
        asked = Version(version.partition("+")[0])
        known = [Version(release.partition(" ")[2]) for release in releases]
    except InvalidVersion:
        return None
    older = [k for k, v in enumerate(known) if v <= asked]
    return older[-1] if older else 0 if releases else None
