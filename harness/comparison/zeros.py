"""What rounding leaves where a derivative is zero."""

from __future__ import annotations

import numpy as np

from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, differences


def noise_of_zero(side: Array, truth: Array, tol: Tolerances) -> bool:
    """Whether all that differs is small against the other entries of its row or column, or the truth is zero."""
    size = np.abs(np.where(np.isfinite(truth), truth, 0.0)).max(axis=-1, initial=0.0)
    if not size.size:
        return True
    largest = np.maximum(size.max(axis=1, keepdims=True), size.max(axis=0, keepdims=True))[..., None]
    off = differences(side, truth)
    return bool(((off <= tol.coarse * largest) | (np.broadcast_to(largest, off.shape) == 0)).all())


def largest_error(sides: list[Array], truth: Array) -> float:
    return max(float(np.max(differences(side, truth), initial=0.0)) for side in sides)


def structural_zeros(left: Array, right: Array, truth: Array, tol: Tolerances) -> Array:
    """(m, n): some roundings of what else an input contributes, for outputs that do not depend on anything (R below its
    diagonal): what a decomposition leaves there is its rounding."""
    with np.errstate(all="ignore"):
        sizes = np.fmax(np.abs(left), np.abs(right)).max(axis=-1)
    columns = np.where(np.isfinite(sizes), sizes, 0.0).max(axis=0, initial=0.0)
    constant = (truth == 0).all(axis=(1, 2))
    return np.asarray(np.where(constant[:, None], tol.rounding * columns[None, :], 0.0))
