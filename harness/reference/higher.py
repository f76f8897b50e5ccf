"""Second and third derivatives of the losses of real outputs, as plain arrays: what was found, and classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from harness.reference.function import Problem
from harness.reference.hessian import Hessians
from harness.reference.precision import rounded, rounded_up
from harness.reference.singular import GAUGE, KINK, POLE, REMOVABLE, SMOOTH, UNKNOWN
from harness.reference.third import Thirds

Floats = np.ndarray[Any, np.dtype[Any]]
Parts = dict[int, tuple[Floats, ...]]


def hessians(problem: Problem, kinds: Sequence[str], kind: Floats, free: set[int]) -> Parts:
    """Output -> (matrix, bound, kind, plus, minus), all (columns, columns).

    kinds: of the outputs. kind: the classes of the first derivative (rows, columns). free: outputs in a gauge.
    """
    return {o: _filled(problem, kind, o, 2, o in free, entries)
            for o, entries in _found(Hessians, problem, kinds, free).items()}


def thirds(problem: Problem, kinds: Sequence[str], kind: Floats, free: set[int], second: Mapping[int, Floats]) -> Parts:
    """The same of third derivatives, all (columns, columns, columns). second: the classes of the Hessians."""
    out: Parts = {}
    for o, entries in _found(Thirds, problem, kinds, free).items():
        value, bound, own, plus, minus = _filled(problem, kind, o, 3, o in free, entries)
        below = np.concatenate([kind[_rows(problem, o)], second[o]])  # no second derivative, no third one
        for known, code in (((SMOOTH, REMOVABLE, POLE, KINK), UNKNOWN), ((SMOOTH, REMOVABLE, UNKNOWN), POLE)):
            lines = np.asarray((~np.isin(below, known)).any(axis=0))
            touched = (lines[:, None, None] | lines[None, :, None] | lines[None, None, :]) & (own != GAUGE)
            own[touched], value[touched], bound[touched] = code, np.nan, np.inf
        out[o] = (value, bound, own, plus, minus)
    return out


def _found(differences: Any, problem: Problem, kinds: Sequence[str], free: set[int]) -> dict[int, Any]:
    """Output -> entries, of all real outputs; none where a gauge is free."""
    real = {o for o, kind in enumerate(kinds) if kind == "r"}
    found = differences(problem, real - free).entries() if real - free else {}
    return {o: found.get(o, {}) for o in sorted(real)}


def _rows(problem: Problem, output: int) -> list[int]:
    return [r for r, row in enumerate(problem.structure.rows) if row.output == output]


def _filled(
    problem: Problem, kind: Floats, output: int, order: int, free: bool, entries: Mapping[Any, Any],
) -> tuple[Floats, ...]:
    """(value, bound, kind, plus, minus) with `order` axes of columns each; what was not found is an exact zero."""
    n = len(problem.columns)
    shape = (n,) * order
    value, plus, minus = (np.full(shape, np.nan if free else 0.0) for _ in range(3))
    bound = np.full(shape, np.inf if free else 0.0)
    own = np.full(shape, GAUGE if free else SMOOTH, np.int8)
    for key, e in entries.items():
        for at in set(permutations(key)):
            value[at] = rounded(e.value) if e.settled else np.nan
            bound[at] = rounded_up(e.bound) if e.settled else np.inf
            own[at], plus[at], minus[at] = e.kind, rounded(e.plus), rounded(e.minus)
    rows = _rows(problem, output)
    poles = (kind[rows] == POLE).any(axis=0) if rows else np.zeros(n, bool)
    touched = np.zeros(shape, bool)  # no first derivative, no second one
    for axis in range(order):
        touched |= poles.reshape([-1 if axis == k else 1 for k in range(order)])
    own[(own == UNKNOWN) & touched] = POLE
    return value, bound, own, plus, minus
