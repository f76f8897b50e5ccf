"""One row for each function and question whose answer changed over the versions, one column a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from packaging.version import InvalidVersion, Version

from harness.comparison.errors import CompareError
from harness.comparison.targets import REFERENCE, Target
from harness.history.align import align, only
from harness.history.pairs_of_apis import relation_histories
from harness.history.sequence import Sequences
from harness.history.states import History, histories

#: Columns before those of the versions.
COLUMNS = (
    "backend", "device", "mode", "case", "quantity", "api", "point", "dtype", "input", "output", "rows", "first_bad",
    "first_good", "decided",
)
_GOOD = ("right", "ok", "equal")
_NAMES = 6  # points that a row names; how many more there are is said


def some(names: Sequence[str], most: int) -> str:
    """A few of the names and how many more there are: "a, b +3"."""
    return ", ".join(names[:most]) + (f" +{len(names) - most}" if len(names) > most else "")


class Timeline(pd.DataFrame):
    """A frame of histories: COLUMNS, then one column a version, "torch 2.4.1", "jax 0.4.25".

    attrs["followed"]: backend -> how many questions were followed over two or more versions; attrs["versions"]:
    backend -> its columns in order; attrs["notes"]: sentences about what was left out.
    """

    @property
    def _constructor(self) -> type[Timeline]:
        return Timeline


def timeline(runs: Sequence[Any], *, select: Sequence[str] | str | None = None) -> Timeline:
    """What changed over the versions that the runs hold.

    runs: opened runs, in any order; several may hold one version, and any may hold the reference.
    A row stands for every point, input, output and dtype of one function and one API that share a history; a function
    whose points have different histories has a row for each. States: "right" and "wrong" where evidence decides;
    "ok" where it does not and nothing but the status changed; "A", "B", ... results that differ and that nothing
    decides; "refused", "unsupported", "error", "crash", "timeout"; for two Jacobians of one release their relation.
    first_bad: the first version that is wrong, refuses or fails, or, where nothing decides, that differs from the
    oldest; first_good: the first good one after a bad one. decided: the kind of evidence, else "status" or "change".
    Raises CompareError where no backend was observed at two versions.
    """
    aligned = align(runs, select)
    groups: dict[tuple[str, str, str], list[Target]] = {}
    for target in aligned.targets():
        if target.backend != REFERENCE and target.version:
            groups.setdefault((target.backend, target.device, target.mode), []).append(target)
    columns: dict[str, list[str]] = {}
    followed: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for (backend, device, mode), group in sorted(groups.items(), key=_order):
        versions = sorted({t.version for t in group}, key=_version)
        if len(versions) < 2:
            continue
        label = f"{backend} on {device} ({mode})"
        family = backend.partition(".")[0]
        columns[label] = [f"{family} {v.partition('+')[0]}" for v in versions]
        tables = [only(t, (backend, REFERENCE)) for t in aligned.tables]
        targets = [t for t in aligned.targets() if t.backend in (backend, REFERENCE)]
        sequences = Sequences(tables, targets, aligned.cases, group, versions)
        found, count = histories(sequences)
        related, more = relation_histories(sequences)
        followed[label] = count + more
        rows += _rows(found + related, (backend, device, mode), columns[label], list(aligned.cases))
    if not columns:
        raise CompareError("no backend was observed at two versions: a timeline needs runs of at least two releases")
    names = list(dict.fromkeys(c for listed in columns.values() for c in listed))
    frame = Timeline(rows, columns=[*COLUMNS, *names])
    frame[names] = frame[names].fillna("")
    frame.attrs.update(followed=followed, versions=columns, notes=aligned.notes)
    return frame


def _order(item: tuple[tuple[str, str, str], list[Target]]) -> tuple[bool, tuple[str, str, str]]:
    return not item[0][0].startswith("torch"), item[0]


def _version(text: str) -> tuple[Version, str]:
    try:
        return Version(text), text
    except InvalidVersion:
        return Version("0"), text


def _rows(
    found: Sequence[History], where: tuple[str, str, str], columns: Sequence[str], cases: Sequence[str]
) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[History]] = {}
    for history in found:
        place = history.place
        key = (place["case"], place["quantity"], place["api"], tuple(history.versions), tuple(history.states))
        groups.setdefault(key, []).append(history)
    rank = {case: k for k, case in enumerate(cases)}
    out = []
    for (case, quantity, api, versions, states), members in groups.items():
        bad, good = bounds(states, [columns[v] for v in versions])
        details = [d[0] if len(set(d)) == 1 else "" for d in zip(*(m.details for m in members), strict=True)]
        row: dict[str, Any] = dict(zip(("backend", "device", "mode"), where, strict=True))
        row.update(case=case, quantity=quantity, api=api, rows=len(members), first_bad=bad, first_good=good)
        for name in ("point", "dtype", "input", "output"):
            row[name] = some(list(dict.fromkeys(m.place[name] for m in members)), _NAMES)
        row["decided"] = min((m.decided for m in members), key=_ground)
        for v, state, told in zip(versions, states, details, strict=True):
            row[columns[v]] = f"{state} ({told})" if told else state
        out.append(row)
    return sorted(out, key=lambda r: (rank.get(r["case"], len(rank)), r["quantity"], r["api"], r["point"]))


def _ground(word: str) -> int:
    words = ("closed-form", "reference", "finite-differences", "change", "status")
    return words.index(word) if word in words else len(words)


def bounds(states: Sequence[str], versions: Sequence[str]) -> tuple[str, str]:
    """(the first bad version, the first good one after a bad one), "" where there is none.

    "right", "ok" and "equal" are good; of results that nothing decides the oldest one is, whatever it is.
    """
    good = [s.split(" ")[0] in _GOOD or s == "A" for s in states]
    first_bad = next((k for k, fine in enumerate(good) if not fine), None)
    if first_bad is None:
        # Every answer is good and they differ all the same: a permitted choice that moved.
        moved = next((k for k in range(1, len(states)) if states[k] != states[0]), None)
        return ("" if moved is None else versions[moved]), ""
    first_good = next((k for k in range(first_bad + 1, len(good)) if good[k]), None)
    return versions[first_bad], "" if first_good is None else versions[first_good]
