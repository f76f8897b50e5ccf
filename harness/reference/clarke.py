"""Whether a derivative is a valid choice at a kink: membership in the convex hull of limiting derivatives.

Clarke's generalised Jacobian is the convex hull of the limits of derivatives at nearby points of differentiability
(F. H. Clarke, "Optimization and Nonsmooth Analysis", 1983). It is contained in the product of the generalised gradients
of the rows, and it is row by row that a framework chooses; so rows are tested one by one. NumPy alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def rows_inside(samples: Array, candidate: Array, tolerance: float) -> Array:
    """(rows,) booleans: whether each row of `candidate` lies in the hull of that row of the samples.

    samples: (K, rows, columns); candidate: (rows, columns). tolerance: relative to the largest entry of the row. A
    row with NaN is not inside.
    """
    return np.array([inside(samples[:, r], candidate[r], tolerance) for r in range(candidate.shape[0])], bool)


def inside(points: Array, candidate: Array, tolerance: float) -> bool:
    """Whether `candidate` (d,) lies in the convex hull of the rows of `points` (K, d), to a relative tolerance."""
    points, candidate = np.asarray(points, float), np.asarray(candidate, float)
    if not len(points) or not np.isfinite(candidate).all() or not np.isfinite(points).all():
        return False
    size = max(float(np.abs(points).max(initial=0.0)), 1e-300)
    if np.abs(candidate).max(initial=0.0) > 1e100 * size:  # squares of the quotients would overflow
        return False
    return bool(distance(points / size, candidate / size) <= tolerance * np.sqrt(candidate.size))


def distance(points: Array, candidate: Array) -> float:
    """The distance of a point from the convex hull of others: least squares with weights >= 0 that sum to one."""
    weight = 1e6  # of the equation that the weights sum to one
    a = np.vstack([points.T, weight * np.ones(len(points))])
    b = np.append(candidate, weight)
    weights = least_squares(a, b)
    total = weights.sum()
    if not total > 0:
        return float(np.min(np.linalg.norm(points - candidate, axis=1)))
    return float(np.linalg.norm(points.T @ (weights / total) - candidate))


def least_squares(a: Array, b: Array) -> Array:
    """min |a w - b| over w >= 0 (C. L. Lawson and R. J. Hanson, "Solving Least Squares Problems", chapter 23)."""
    n = a.shape[1]
    w, active = np.zeros(n), np.zeros(n, bool)
    for _ in range(6 * n):
        slope = a.T @ (b - a @ w)
        slope[active] = -np.inf
        if active.all() or slope.max() <= 1e-9 * np.abs(b).max():
            break
        active[int(np.argmax(slope))] = True
        while True:
            trial = np.zeros(n)
            trial[active] = np.linalg.lstsq(a[:, active], b, rcond=None)[0]
            if (trial[active] > 0).all():
                w = trial
                break
            falling = active & (trial <= 0)
            share = np.min(w[falling] / np.maximum(w[falling] - trial[falling], 1e-300))
            w = w + share * (trial - w)
            active &= w > 1e-14
            w[~active] = 0
            if not active.any():
                break
    return w
