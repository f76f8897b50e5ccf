"""A directional derivative from values alone: central differences, extrapolated, with an error estimate.

Romberg's table over halved steps, entry of the smallest estimated error as in C. J. F. Ridders, "Accurate computation
of F'(x) and F'(x)F''(x)", Advances in Engineering Software 4 (1982).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass
class Difference:
    """estimate of d/dt f(x + t d) at 0, its error, |f| and how many values were taken. NaN where f is not finite."""

    estimate: float
    error: float
    size: float
    values: int


def difference(f: Callable[[float], float], single: bool) -> Difference:
    """The derivative of f at 0. single: f is computed in single precision. Steps are fractions of the direction."""
    first, rows = (2.0**-4, 4) if single else (2.0**-6, 5)
    eps = float(np.finfo(np.float32 if single else np.float64).eps)
    best, error = np.nan, np.inf
    table: list[list[float]] = []
    size, count = 0.0, 0
    for k in range(rows):
        h = first / 2**k
        above, below = f(h), f(-h)
        count += 2
        if not np.isfinite([above, below]).all():
            continue
        size = max(size, abs(above), abs(below))
        rounding = 4 * eps * size / h
        row = [(above - below) / (2 * h)]
        before = table[-1] if table else []
        for j, older in enumerate(before):
            row.append(row[j] + (row[j] - older) / (4.0 ** (j + 1) - 1))
            guess = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - older)) + rounding
            if guess < error:
                best, error = row[j + 1], guess
        table.append(row)
    return Difference(float(best), float(error), float(size), count)
