"""What a free sign or phase leaves alone: the moduli of the numbers it multiplies, and their derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.reference.derivative import Differences
from harness.reference.function import Problem
from harness.reference.precision import Ball, Undecided, power_of_two, rounded, state, working

Floats = np.ndarray[Any, np.dtype[Any]]


class _Moduli(Problem):
    """|f|**2 / 2 of every complex or real number of the outputs, in the row of its real part; zero in the other."""

    def rows_at(self, shifts: Mapping[int, Ball]) -> list[Ball]:
        rows = super().rows_at(shifts)
        own = self.structure.rows
        real = {(row.output, row.index): r for r, row in enumerate(own) if not row.part}
        squares = [x * x / 2 for x in rows]
        for r, row in enumerate(own):
            if row.part:
                squares[real[row.output, row.index]] += squares[r]
                squares[r] = squares[r] * 0
        return squares


def invariants(problem: Problem, gauge: set[int]) -> Floats | None:
    """(rows, columns): the derivative of |f|**2 / 2 where every gauge leaves the modulus of the number alone.

    NaN elsewhere; None where there is nothing to say. A basis of a space of dimension two or more turns, and its
    moduli with it.
    """
    moduli = _Moduli(problem.function, problem.arrays)
    structure = moduli.structure
    rows = {r for r in gauge if not structure.rows[r].part}
    with working(500, ties=True):
        before = moduli.rows_at({})
        for seed in (1, 2, 3):
            state.vectors.clear()
            state.gauge = seed
            after = moduli.rows_at({})
            rows = {r for r in rows if before[r].is_finite() and after[r].is_finite() and abs(
                after[r] - before[r]).mid() <= abs(before[r]).mid() * power_of_two(-100)}
        state.gauge = None
        state.vectors.clear()
    if not rows:
        return None
    try:
        found = Differences(moduli, rows=rows).differential(directions=0)
    except Undecided:
        return None
    finally:
        state.vectors.clear()
    out = np.full((len(structure.rows), len(moduli.columns)), np.nan)
    for r in rows:
        out[r] = 0.0
    for (r, k), e in found.entries.items():
        if r in rows:
            out[r, k] = rounded(e.value) if e.settled else np.nan
    return out
