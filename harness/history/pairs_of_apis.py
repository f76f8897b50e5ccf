"""How the raw results of two native APIs of one target are related, version by version: jacrev against jacfwd."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.comparison.observations import combine, lookup
from harness.history.sequence import Sequences
from harness.history.states import History
from harness.model import STATUSES
from harness.verdicts import RELATIONS

_KINDS = ("jacobian-reverse", "jacobian-forward")
_TELLING = {*RELATIONS} - {"", "equal"}


def api_pairs(sequences: Sequences) -> list[tuple[str, str]]:
    """(reverse, forward) names of the APIs that return whole Jacobians: jacrev and jacfwd, holomorphic or not."""
    found: dict[tuple[str, str], None] = {}
    for k in sequences.members:
        by_kind: dict[str, list[str]] = {kind: [] for kind in _KINDS}
        for api in sequences.targets[k].apis:
            if api.kind in by_kind:
                by_kind[api.kind].append(api.name)
        for a in by_kind[_KINDS[0]]:
            for b in by_kind[_KINDS[1]]:
                if a.endswith("[holomorphic]") == b.endswith("[holomorphic]"):
                    found[a, b] = None
    return list(found)


def relation_histories(sequences: Sequences) -> tuple[list[History], int]:
    """(places at which the relation of the two Jacobians changed, how many were followed)."""
    out: list[History] = []
    followed = 0
    for reverse, forward in api_pairs(sequences):
        found, count = _one(sequences, reverse, forward)
        out += found
        followed += count
    return out, followed


def _one(s: Sequences, reverse: str, forward: str) -> tuple[list[History], int]:
    seen, member = s.seen, np.isin(s.joiner.target, s.members)
    rows = [np.flatnonzero(member & s.joiner.raw & seen.is_word("api", name)) for name in (reverse, forward)]
    names = ("case", "point", "dtype", "input", "output")
    place = combine([(seen.codes[n], len(seen.words[n])) for n in names])
    size = len(s.targets)
    keys = [place[r] * size + s.joiner.target[r] for r in rows]
    at = lookup(keys[1], keys[0])
    left, right = rows[0][at >= 0], rows[1][at[at >= 0]]
    status = np.array(seen.words["status"], dtype=object)
    words = np.array(
        [a if a == b or a != "ok" else b for a, b in
         zip(status[seen.codes["status"][left]], status[seen.codes["status"][right]], strict=True)] or [""],
        dtype=object,
    )[: left.size]
    both = np.flatnonzero(s.joiner.ok[left] & s.joiner.ok[right])
    if both.size:
        words[both] = s.relations(left[both], right[both])
    # Where a result is not finite its relation to another says nothing.
    finite = np.array([word in STATUSES or (_finite(s, int(a)) and _finite(s, int(b)))
                       for word, a, b in zip(words, left, right, strict=True)], bool)
    left, words = left[finite], words[finite]
    version = np.array([s.order[int(t)] for t in s.joiner.target[left]], np.int64)
    told: dict[Any, dict[int, tuple[str, int]]] = {}
    for key, v, word, row in zip(place[left].tolist(), version.tolist(), words, left.tolist(), strict=True):
        told.setdefault(key, {}).setdefault(v, (str(word), row))
    out, followed = [], 0
    for by_version in told.values():
        if len(by_version) < 2:
            continue
        followed += 1
        told_words = {word for word, _ in by_version.values()}
        if len(told_words) < 2 or not told_words & _TELLING:
            continue  # equal wherever both answer: what each API does by itself is followed elsewhere
        order = sorted(by_version)
        row = by_version[order[0]][1]
        where = {n: seen.text(n, row) for n in names}
        where.update(quantity="relation", api=f"{reverse} ~ {forward}")
        states = ["unrelated" if by_version[v][0] == "none" else by_version[v][0] for v in order]
        out.append(History([], order, states, [""] * len(order), "change", where))
    return out, followed


def _finite(s: Sequences, row: int) -> bool:
    return bool(s.joiner.ok[row]) and bool(np.isfinite(s.seen.components(np.array([row]))).all())
