"""Pairs in which a side has no data: refusals, errors, crashes, time-outs, and rows that are not there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.comparison.engine import Engine
from harness.comparison.value_kinds import Array
from harness.verdicts import VERDICT

#: Most serious first: a crash must not hide behind the other side's refusal.
_FAILURES = ("crash", "timeout", "error", "absent")
_REFUSALS = ("refused", "unsupported")
_LENGTH = 240  # characters of a message that fit into a note

_DOES = {
    "refused": "refuses", "unsupported": "cannot spell this", "error": "fails", "crash": "crashed",
    "timeout": "timed out", "absent": "no observation",
}


def side_status(engine: Engine, rows: Array, covers: Array) -> tuple[Array, Array]:
    """(status words (P,), the row that speaks for a side (P,), -1 for none) of one side of every pair."""
    seen = engine.seen
    speaker = np.where(rows >= 0, rows, covers)
    words = np.array([*seen.words["status"], "absent"], dtype=object)
    codes = np.where(speaker >= 0, seen.codes["status"][np.maximum(speaker, 0)] if seen.count else 0, len(words) - 1)
    return words[codes], speaker


def settle(engine: Engine, labels: tuple[Array, Array]) -> tuple[Array, Array]:
    """Decide the pairs without two results; returns the statuses of the left and the right sides."""
    pairs, out = engine.pairs, engine.out
    left, left_row = side_status(engine, pairs.left, pairs.left_cover)
    right, right_row = side_status(engine, pairs.right, pairs.right_cover)
    failing = np.flatnonzero((left != "ok") | (right != "ok"))
    cache: dict[tuple[object, ...], tuple[int, str]] = {}
    seen = engine.seen
    codes = [seen.codes[c] for c in ("error", "message")]
    for k in failing:
        rows = int(left_row[k]), int(right_row[k])
        said = tuple(tuple(int(c[r]) for c in codes) if r >= 0 else () for r in rows)
        key = (left[k], right[k], labels[0][k], labels[1][k], *said)
        if key not in cache:
            sides = []
            for label, status, r, where in (
                (labels[0], left, rows[0], pairs.left_target), (labels[1], right, rows[1], pairs.right_target)
            ):
                complete = engine.context.targets[int(where[k])].complete
                error, message = ("", "" if complete else "the run is incomplete")
                if r >= 0:
                    error, message = seen.text("error", r), seen.text("message", r)
                sides.append((str(label[k]), str(status[k]), error, message))
            cache[key] = _decide(sides)
        out.verdict[k], out.note[k] = cache[key]
    return left, right


def _decide(sides: Sequence[tuple[str, str, str, str]]) -> tuple[int, str]:
    statuses = [s[1] for s in sides]
    if all(s in _REFUSALS for s in statuses):
        same = sides[0][2:] == sides[1][2:]
        told = _told(*sides[0][2:]) if same else "; ".join(f"{s[0]}: {_told(*s[2:])}" for s in sides)
        return VERDICT["unsupported"], f"both refuse: {told}"
    for status in _FAILURES:
        if status in statuses:
            verdict = "error" if status == "absent" else status
            return VERDICT[verdict], "; ".join(_sentence(*s) for s in sides if s[1] != "ok")
    return VERDICT["unsupported"], "; ".join(_sentence(*s) for s in sides if s[1] != "ok")


def _sentence(label: str, status: str, error: str, message: str) -> str:
    told = _told(error, message)
    if status == "absent":
        return f"{_DOES[status]} of {label}" + (f" ({told})" if told else "")
    return f"{label} {_DOES.get(status, status)}" + (f": {told}" if told else "")


def _told(error: str, message: str) -> str:
    message = " ".join(message.split())
    if len(message) > _LENGTH:
        message = message[: _LENGTH - 3] + "..."
    return f"{error}: {message}" if error and message else error or message
