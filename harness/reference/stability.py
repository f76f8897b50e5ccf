"""How far a derivative moves when its point moves by rounding.

A backward stable algorithm computes the exact derivative at inputs that differ from the given ones by a few units in
the last place (Higham, Accuracy and Stability of Numerical Algorithms, section 1.5). Where the derivative itself moves
by more than that, as next to repeated eigenvalues, no algorithm of that precision can be asked for its digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import numpy as np

from harness.reference.derivative import Differences
from harness.reference.function import Compiled, Problem
from harness.reference.precision import Undecided, rounded, state

Floats = np.ndarray[Any, np.dtype[Any]]

_SEEDS = (1, 2)


def stability(
    function: Compiled,
    arrays: Mapping[str, Floats],
    problem: Problem,
    rows: set[int],
    j: Floats,
) -> Floats | None:
    """(rows, columns): the largest change of the row's entries by the same input; None where it is nowhere notable.

    Every number of an input moves by one unit in the last place of the case's precision: of itself, or in a matrix of
    the largest one, which is what factorisations guarantee. Functions of single elements are left out. Changes below
    `Format.roundings` units in the last place of the row's largest entry are those of any function.
    """
    structure = problem.structure
    seen = {r for r in rows if structure.seen[r] & (structure.seen[r] - 1)}  # that see two elements or more
    if not seen:
        return None
    change = np.zeros(j.shape)
    for seed in _SEEDS:
        state.vectors.clear()
        try:
            found = Differences(Problem(function, _moved(function, arrays, seed)), rows=seen).differential(directions=0)
        except Undecided:
            return None
        for (r, k), entry in found.entries.items():
            if entry.settled and np.isfinite(j[r, k]):
                change[r, k] = max(change[r, k], abs(rounded(entry.value) - j[r, k]))
    state.vectors.clear()
    with np.errstate(all="ignore"):
        largest = np.nanmax(np.where(np.isfinite(j), np.abs(j), 0.0), axis=1, initial=0.0)
        notable = change.max(axis=1, initial=0.0) > state.form.roundings * state.form.eps * largest
    if not notable.any():
        return None
    change[~notable] = 0.0
    leaves = np.array([c.leaf for c in problem.columns])
    for leaf in set(leaves.tolist()):
        own = leaves == leaf
        change[:, own] = change[:, own].max(axis=1, keepdims=True, initial=0.0)
    return change


def _moved(function: Compiled, arrays: Mapping[str, Floats], seed: int) -> dict[str, Floats]:
    draw = Random(seed)
    out = {}
    for i in function.inputs:
        a = np.asarray(arrays[i.name])
        if not i.differentiate or a.dtype.kind not in "fc":
            out[i.name] = a
            continue
        wide = a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)
        parts = [wide.real.copy(), wide.imag.copy()] if wide.dtype.kind == "c" else [wide.copy()]
        size = float(np.max(np.abs(wide), initial=0.0))
        for part in parts:
            signs = np.array([draw.choice((-1.0, 1.0)) for _ in range(part.size)]).reshape(part.shape)
            with np.errstate(over="ignore", invalid="ignore"):  # an infinity stays one
                part += signs * state.form.eps * (size if a.ndim >= 2 and np.isfinite(size) else np.abs(part))
        out[i.name] = parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]
    return out
