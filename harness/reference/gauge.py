"""What a free sign or phase leaves alone: the moduli of the numbers it multiplies, and their derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.reference.derivative import Differences
from harness.reference.function import Problem
from harness.reference.precision import Ball, Undecided, power_of_two, rounded, state, working

Floats = np.ndarray[Any, np.dtype[Any]]


#: Of numbers in one line the first is the partner of all whose squared modulus is this part of the largest.
PARTNER = 0.3


class _Moduli(Problem):
    """|f|**2 / 2 of every complex or real number of the outputs, in the row of its real part; in the other row
    Im(conj(p) f) with its partner p, or zero where it has none."""

    partners: Mapping[tuple[int, int], int] | None = None

    def rows_at(self, shifts: Mapping[int, Ball]) -> list[Ball]:
        rows = super().rows_at(shifts)
        own = self.structure.rows
        place = {(row.output, row.index, row.part): r for r, row in enumerate(own)}
        out = [x * x / 2 for x in rows]
        for r, row in enumerate(own):
            if not row.part:
                continue
            out[place[row.output, row.index, 0]] += out[r]
            partner = (self.partners or {}).get((row.output, row.index))
            if partner is None:
                out[r] = rows[r] * 0
                continue
            real, imag = (rows[place[row.output, partner, part]] for part in (0, 1))
            out[r] = real * rows[r] - imag * rows[place[row.output, row.index, 0]]
        return out


def invariants(problem: Problem, gauge: set[int]) -> Floats | None:
    """(rows, columns): the derivative of |f|**2 / 2 where every gauge leaves the modulus of the number alone, and in
    the row of the imaginary part that of Im(conj(p) f), where numbers of a row or a column share their phase.

    NaN elsewhere; None where there is nothing to say. A basis of a space of dimension two or more turns, and its
    moduli with it.
    """
    moduli = _Moduli(problem.function, problem.arrays)
    structure = moduli.structure
    with working(500, ties=True):
        rows = _unmoved(moduli, {r for r in gauge if not structure.rows[r].part})
        tried = []
        for axis in (-2, -1):  # columns of singular vectors; rows of their adjoints
            moduli.partners = _partners(moduli, gauge, axis)
            tried.append((_unmoved(moduli, {r for r in gauge if structure.rows[r].part}), moduli.partners))
        best, moduli.partners = max(tried, key=lambda found: len(found[0]))
        rows |= {r for r in best if (structure.rows[r].output, structure.rows[r].index) in moduli.partners}
    if not rows:
        return None
    try:
        found_all = Differences(moduli, rows=rows).differential(directions=0)
    except Undecided:
        return None
    finally:
        state.vectors.clear()
    out = np.full((len(structure.rows), len(moduli.columns)), np.nan)
    for r in rows:
        out[r] = 0.0
    for (r, k), e in found_all.entries.items():
        if r in rows:
            out[r, k] = rounded(e.value) if e.settled else np.nan
    return out


def _unmoved(moduli: _Moduli, rows: set[int]) -> set[int]:
    """The rows that no gauge changes."""
    before = moduli.rows_at({})
    for seed in (1, 2, 3):
        state.vectors.clear()
        state.gauge = seed
        after = moduli.rows_at({})
        rows = {r for r in rows if before[r].is_finite() and after[r].is_finite() and abs(
            after[r] - before[r]).mid() <= abs(before[r]).mid() * power_of_two(-100) + power_of_two(-300)}
    state.gauge = None
    state.vectors.clear()
    return rows


def _partners(moduli: _Moduli, gauge: set[int], axis: int) -> dict[tuple[int, int], int]:
    """(output, number) -> its partner along an axis, of complex outputs with two axes or more."""
    rows = moduli.structure.rows
    free = {rows[r].output for r in gauge}
    out: dict[tuple[int, int], int] = {}
    for o, array in enumerate(moduli.outputs({})):
        if o not in free or array.kind != "c" or array.ndim < 2:
            continue
        sizes = np.array([float(abs(x).mid()) ** 2 for x in array.data.ravel().tolist()]).reshape(array.shape)
        out |= {(o, k): int(p) for k, p in enumerate(partners(sizes, axis).ravel())}
    return out


def partners(sizes: Floats, axis: int) -> Floats:
    """The flat index of every number's partner along an axis; sizes: squared moduli (..., r, c)."""
    chosen = np.argmax(sizes >= PARTNER * sizes.max(axis=axis, keepdims=True), axis=axis)
    flat = np.arange(sizes.size).reshape(sizes.shape)
    own = np.take_along_axis(flat, np.expand_dims(chosen, axis), axis=axis)
    return np.broadcast_to(own, sizes.shape)
