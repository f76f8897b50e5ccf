"""Verdicts point by point: side against side, side against the reference, by the code that judges every comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from harness.comparison.batch import judge_batch
from harness.comparison.tolerance import Tolerances, tolerances
from harness.comparison.value_kinds import Form
from harness.pointwise.observe import Observed
from harness.pointwise.truth import Truth
from harness.verdicts import VERDICT, VERDICTS, severity

Array = np.ndarray[Any, np.dtype[Any]]

#: Code of "not judged": nothing was observed, or the reference has nothing to say.
UNKNOWN = -1
_CHUNK = 1 << 15


@dataclass
class Side:
    """What one or several backends (with the very same digits) returned: value (N,), differential (N, r, c).

    against: (N,) verdict codes against the reference; error: (N,) in ulp of the largest entry, NaN where unknown,
    inf where the side is not finite and the reference is.
    """

    name: str
    value: Array
    differential: Array
    against: Array = field(default_factory=lambda: np.zeros(0, np.int8))
    error: Array = field(default_factory=lambda: np.zeros(0))


@dataclass
class Beside:
    """Points on a cut or a kink and the differentials just beside them: value (K, D), differential (K, D, r, c)."""

    index: Array
    jump: Array
    value: Array
    differential: Array


@dataclass
class Judged:
    """sides, and the verdict codes (N,) of every pair of them, by their numbers."""

    sides: list[Side]
    pairs: dict[tuple[int, int], Array]
    messages: dict[str, str]

    def worst(self) -> Array:
        """(N,) the worst verdict of any pair at each point."""
        out = np.full(self.sides[0].value.size if self.sides else 0, UNKNOWN, np.int8)
        rank = np.array([*(severity(v) for v in VERDICTS), -1])
        for codes in self.pairs.values():
            out = np.where(rank[codes] > rank[out], codes, out)
        return out


def judge(observed: Sequence[Observed], truth: Truth | None, beside: Beside | None, dtype: str) -> Judged:
    """All sides against each other and against the reference."""
    tol = tolerances(dtype)
    sides, messages = _sides(observed, tol)
    pairs: dict[tuple[int, int], Array] = {}
    for side in sides:
        if truth is not None:
            _against(side, truth, tol)
            if beside is not None:
                _against_limits(side, beside, tol)
    for a, b in combinations(range(len(sides)), 2):
        left, right = sides[a], sides[b]
        codes = verdicts(left.value, left.differential, right.value, right.differential, tol)
        if beside is not None:
            codes[beside.index] = _on_the_edge(codes[beside.index], left, right, beside)
        pairs[a, b] = codes
    return Judged(sides, pairs, messages)


def _sides(observed: Sequence[Observed], tol: Tolerances) -> tuple[list[Side], dict[str, str]]:
    """One side for each distinct result; forward mode is a side of its own only where it says something else."""
    found: list[tuple[str, Array, Array]] = []
    messages: dict[str, str] = {}
    for o in observed:
        if o.value is None or o.differential is None:
            messages[o.backend] = next(iter(o.messages.values()), "no answer")
            continue
        main = o.differential
        found.append((o.backend if o.reverse is not None else f"{o.backend} forward", o.value, main))
        if o.reverse is None:
            messages[f"{o.backend} reverse"] = o.messages.get("reverse", "no answer")
        elif o.forward is None:
            messages[f"{o.backend} forward"] = o.messages.get("forward", "no answer")
        elif (verdicts(o.value, main, o.value, o.forward, tol) > VERDICT["precision"]).any():
            found.append((f"{o.backend} forward", o.value, o.forward))
    sides: list[Side] = []
    for name, value, j in found:
        twin = next((s for s in sides if _same(s.value, value) and _same(s.differential, j)), None)
        if twin is not None:
            twin.name += f", {name}"
        else:
            sides.append(Side(name, value, j))
    return sides, messages


def _same(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _padded(j: Array, rows: int, columns: int) -> Array:
    """(N, rows, columns) float64: a real output's missing rows and a real input's missing columns are zero."""
    out = np.zeros((j.shape[0], rows, columns))
    out[:, : j.shape[1], : j.shape[2]] = j
    return out


def _numbers(value: Array) -> Array:
    """(N, 1, 1, 2) real and imaginary part as float64."""
    return np.stack([value.real, value.imag], axis=1).astype(np.float64)[:, None, None, :]


def verdicts(value: Array, j: Array, other_value: Array, other_j: Array, tol: Tolerances) -> Array:
    """(N,) verdict codes of one side against another: `value` where the values already differ."""
    rows, columns = max(j.shape[1], other_j.shape[1]), max(j.shape[2], other_j.shape[2])
    form, number = Form(True, 1, 1, rows == 2, columns == 2), Form(False, 1, 1, True)
    left, right = _padded(j, rows, columns), _padded(other_j, rows, columns)
    out = np.empty(value.size, np.int8)
    for start in range(0, value.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        flat = (left[part].reshape(-1, rows * columns), right[part].reshape(-1, rows * columns))
        codes = judge_batch(form, form.blocks(flat[0]), form.blocks(flat[1]), tol).verdict
        values = judge_batch(number, _numbers(value[part]), _numbers(other_value[part]), tol).verdict
        # NaN or infinity alike on both sides is agreement about values; patterns that differ are a different value.
        out[part] = np.where(values > VERDICT["precision"], VERDICT["value"], codes)
    return out


def _on_the_edge(codes: Array, left: Side, right: Side, beside: Beside) -> Array:
    """Verdicts at points on a cut or a kink, where a difference may be that each side has its own limit.

    Where both sides are a valid limit and differ: `branch` on a discontinuity, `choice` on a kink. Where the values
    are limits and a differential is not, the verdict is that side's against its own limit, not `value`.
    """
    out = codes.copy()
    own = (left.against[beside.index], right.against[beside.index])
    differs = codes > VERDICT["precision"]
    differs |= codes == VERDICT["value"]
    valid = [_valid(a) for a in own]
    out[differs & valid[0] & valid[1]] = VERDICT["choice"]
    out[differs & valid[0] & valid[1] & beside.jump] = VERDICT["branch"]
    for mine, theirs in ((0, 1), (1, 0)):
        wrong = (codes == VERDICT["value"]) & (own[mine] > VERDICT["precision"]) & (own[theirs] != VERDICT["value"])
        out[wrong] = own[mine][wrong]
    return out


def _valid(codes: Array) -> Array:
    return np.isin(codes, [VERDICT[w] for w in ("agree", "precision", "choice", "branch")])


def _against_limits(side: Side, beside: Beside, tol: Tolerances) -> None:
    """The side's verdict and error at points on a cut or a kink: against the limit that it is nearest to."""
    count, directions = beside.value.shape
    rank = np.array([severity(v) for v in VERDICTS])
    best = np.full(count, UNKNOWN, np.int8)
    same_value, same_slope = np.zeros(count, bool), np.zeros(count, bool)
    value, j = side.value[beside.index], side.differential[beside.index]
    for d in range(directions):
        there = beside.differential[:, d]
        usable = np.isfinite(there).all(axis=(1, 2))
        codes = verdicts(value, j, beside.value[:, d], there, tol)
        slope = verdicts(beside.value[:, d], j, beside.value[:, d], there, tol)
        here = usable & (codes != VERDICT["value"])  # a direction from which the value is right says more
        better = (here & ((best == VERDICT["value"]) | (best == UNKNOWN) | (rank[codes] < rank[best]))) | (
            usable & (best == UNKNOWN)
        )
        best[better] = codes[better]
        same_value |= here
        same_slope |= usable & np.isin(slope, [VERDICT["agree"], VERDICT["precision"]])
    crossed = same_value & same_slope & ~np.isin(best, [VERDICT["agree"], VERDICT["precision"]])
    best[crossed] = VERDICT["branch"]  # the value follows one limit, the differential another
    between = _is_between(side, beside, tol) & same_value & (best > VERDICT["precision"])
    best[between] = np.where(beside.jump[between], VERDICT["branch"], VERDICT["choice"])
    side.against[beside.index] = best


def _is_between(side: Side, beside: Beside, tol: Tolerances) -> Array:
    rows, columns = beside.differential.shape[2:]
    j = _padded(side.differential[beside.index], max(rows, side.differential.shape[1]), columns)
    limits = np.zeros((*beside.differential.shape[:2], j.shape[1], columns))
    limits[:, :, :rows] = beside.differential
    low, high = limits.min(axis=1), limits.max(axis=1)
    slack = tol.coarse * np.abs(limits).max(axis=(1, 2, 3))[:, None, None]
    with np.errstate(all="ignore"):
        return np.asarray(((j >= low - slack) & (j <= high + slack)).all(axis=(1, 2)))


def _against(side: Side, truth: Truth, tol: Tolerances) -> None:
    """Fill in the side's verdicts against the reference and its error in ulp."""
    rows = max(side.differential.shape[1], truth.high.shape[1])
    columns = max(side.differential.shape[2], truth.high.shape[2])
    high, low = _padded(truth.high, rows, columns), _padded(truth.low, rows, columns)
    j = _padded(side.differential, rows, columns)
    side.against = np.full(side.value.size, UNKNOWN, np.int8)
    side.error = np.full(side.value.size, np.nan)
    at = np.flatnonzero(truth.known)
    side.against[at] = verdicts(side.value[at], j[at], truth.value[at], high[at], tol)
    with np.errstate(all="ignore"):
        unit = tol.form.spacing(np.abs(high[at]).max(axis=(1, 2)))
        error = np.abs((j[at] - high[at]) - low[at]).max(axis=(1, 2)) / unit
    finite = np.isfinite(j[at]).all(axis=(1, 2))
    side.error[at] = np.where(finite, error, np.inf)
