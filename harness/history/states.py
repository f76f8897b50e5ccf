"""From one question's answers over the versions to a word for each: right, wrong, refused, or merely different."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.history.sequence import ALLOWED, Sequences

Array = np.ndarray[Any, np.dtype[Any]]

_RANK = {"closed-form": 0, "reference": 1, "finite-differences": 2}
_SMALL = 4  # real components that a cell shows as numbers


@dataclass
class History:
    """One question that changed. states: version number -> word; where it was not asked there is no entry."""

    entries: list[int]
    versions: list[int]
    states: list[str]
    details: list[str]
    decided: str
    place: dict[str, str] = field(default_factory=dict)


def histories(sequences: Sequences) -> tuple[list[History], int]:
    """(the questions whose answers changed, how many were followed over at least two versions)."""
    s = sequences
    status = s.status
    ok = status == "ok"
    starts, stops = s.groups()
    followed = int(((stops - starts) >= 2).sum()) if s.key.size else 0
    if not followed:
        return [], 0
    left = np.flatnonzero(s.key[1:] == s.key[:-1])
    both = left[ok[left] & ok[left + 1]]
    links = s.judge(both, both + 1)
    same = np.zeros(s.key.size, bool)  # entry k and k + 1 have the same answer
    same[left] = (status[left] == status[left + 1]) & ~ok[left]
    same[both] = links.same
    at = {int(k): n for n, k in enumerate(both)}
    changed = np.unique(s.key[left[~same[left]]])
    chosen = [(int(a), int(b)) for a, b in zip(starts, stops, strict=True) if b - a >= 2]
    chosen = [(a, b) for a, b in chosen if _among(s.key[a], changed)]
    votes = _Votes(s)
    segments: list[list[list[int]]] = []
    for a, b in chosen:
        segments.append(_segments(a, b, same))
        for k in range(a, b - 1):
            if k in at and not same[k]:
                n = at[k]
                votes.link(k, k + 1, str(links.culprit[n]), str(links.evidence[n]))
    heads = np.array([seg[0] for group in segments for seg in group if ok[seg[0]]], np.int64)
    votes.reference(heads)
    found = []
    clusters = _clusters(s, segments, ok)
    for (a, b), group in zip(chosen, segments, strict=True):
        found.append(_history(s, list(range(a, b)), group, status, votes, clusters))
    return found, followed


def _among(key: Any, ranked: Array) -> bool:
    at = int(np.searchsorted(ranked, key))
    return at < ranked.size and bool(ranked[at] == key)


def _segments(start: int, stop: int, same: Array) -> list[list[int]]:
    out = [[start]]
    for k in range(start, stop - 1):
        if same[k]:
            out[-1].append(k + 1)
        else:
            out.append([k + 1])
    return out


class _Votes:
    """What evidence says of entries: good or bad, and on what ground."""

    def __init__(self, sequences: Sequences) -> None:
        self.sequences = sequences
        self.good: dict[int, str] = {}
        self.bad: dict[int, str] = {}

    def link(self, left: int, right: int, culprit: str, evidence: str) -> None:
        """One side of a difference stands accused: then the other one is right, unless both are wrong."""
        if not culprit:
            return
        for entry, side in ((left, "left"), (right, "right")):
            accused = culprit in (side, "both")
            (self.bad if accused else self.good).setdefault(entry, evidence)

    def reference(self, entries: Array) -> None:
        """Ask the reference about entries of changed questions."""
        answered, links = self.sequences.against_reference(entries)
        raw_value = self.sequences.joiner.value
        for entry, same, verdict, culprit, evidence in zip(
            answered.tolist(), links.same, links.verdict, links.culprit, links.evidence, strict=True
        ):
            if entry in self.good or entry in self.bad:
                continue
            if same or verdict in ALLOWED:
                self.good[entry] = "reference"
            elif culprit in ("left", "both"):
                self.bad[entry] = str(evidence)
            elif raw_value[self.sequences.row[entry]]:
                self.bad[entry] = "reference"


def _clusters(s: Sequences, segments: Sequence[list[list[int]]], ok: Array) -> dict[tuple[int, int], bool]:
    """For two segments of one question that are not neighbours: whether their results are the same."""
    pairs = [
        (group[i][0], group[j][0])
        for group in segments
        for i in range(len(group))
        for j in range(i + 2, len(group))
        if ok[group[i][0]] and ok[group[j][0]]
    ]
    if not pairs:
        return {}
    left, right = np.array(pairs, np.int64).T
    links = s.judge(left, right)
    return {pair: bool(same) for pair, same in zip(pairs, links.same, strict=True)}


def _history(
    s: Sequences, entries: list[int], segments: list[list[int]], status: Array, votes: _Votes,
    clusters: dict[tuple[int, int], bool],
) -> History:
    words: dict[int, str] = {}
    details: dict[int, str] = {}
    grounds: list[str] = []
    heads: list[list[int]] = []  # results by equality: the first entries of the segments that hold each
    answers: list[tuple[list[int], str, int]] = []  # (segment, what evidence says of it, which result it is)
    for segment in segments:
        head = segment[0]
        if status[head] != "ok":
            words.update(dict.fromkeys(segment, str(status[head])))
            continue
        bad = [votes.bad[k] for k in segment if k in votes.bad]
        good = [votes.good[k] for k in segment if k in votes.good]
        grounds += bad + good
        number = next((n for n, known in enumerate(heads) if clusters.get((known[0], head))), len(heads))
        if number == len(heads):
            heads.append([])
        heads[number].append(head)
        answers.append((segment, "wrong" if bad else "right" if good else "", number))
    for segment, base, number in answers:
        several = sorted({n for _, other, n in answers if other == base})
        letter = chr(ord("A") + min(several.index(number), 25)) if len(several) > 1 else ""
        word = f"{base} {letter}".strip() or ("ok" if len(heads) == 1 else "A")
        told = _describe(s, segment[0]) if len(heads) > 1 and word != "right" else ""
        for k in segment:
            words[k], details[k] = word, told
    ground = min(grounds, key=lambda e: _RANK.get(e, 9)) if grounds else ""
    decided = ground or ("change" if len(heads) > 1 else "status")
    sample = next(k for k in entries if s.row[k] >= 0)
    return History(
        entries, [int(s.version[k]) for k in entries], [words[k] for k in entries],
        [details.get(k, "") for k in entries], decided, s.place(sample),
    )


def _describe(s: Sequences, entry: int) -> str:
    """What a result holds, where that can be said shortly: NaN, zero, or a few numbers."""
    row = int(s.row[entry])
    parts = s.seen.components(np.array([row]))[0]
    if parts.size == 0:
        return ""
    if np.isnan(parts).all():
        return "NaN"
    if not parts.any():
        return "zero"
    if parts.size <= _SMALL:
        return ", ".join(f"{x:.4g}" for x in parts + 0.0)
    if not np.isfinite(parts).all():
        return "with NaN" if np.isnan(parts).any() else "with inf"
    return ""
