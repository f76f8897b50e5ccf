"""What is special about a point: read from its arrays, never from its name, but for what `generic` means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.model import Case, Point

Array = np.ndarray[Any, np.dtype[Any]]

#: Feature -> what it means; the words of demands.txt.
FEATURES: Mapping[str, str] = {
    "zero": "a zero among the entries",
    "axis": "an entry of a complex input on the real or the imaginary axis, not zero",
    "integer": "a whole or half number among the entries of a real input, not zero",
    "tie": "two equal entries, or two of equal modulus",
    "nonfinite": "an infinity or NaN",
    "tiny": "an entry below 1e-30",
    "huge": "an entry above 1e15",
    "large": "an entry of modulus 10 or more",
    "small": "an entry of modulus 0.01 or less",
    "singular": "a square matrix of less than full rank, or one of condition above 1e3",
    "rank-deficient": "a matrix of less than full rank",
    "structured": "a Hermitian, unitary, triangular or diagonal matrix",
    "empty": "an array of size 0",
    "single": "an array with a side of 1",
    "batched": "an array of three axes or more",
    "rectangular": "a matrix that is not square",
    "layout": "a strided or lazily conjugated array",
    "mixed": "a complex input beside a real one, or inputs of different shapes",
    "real-valued": "a complex input that holds real numbers",
}


def features(case: Case, point: Point) -> frozenset[str]:
    """The features of a point, over all inputs that are differentiated."""
    found: set[str] = set()
    shapes, kinds = set(), set()
    for i in case.inputs:
        shapes.add(i.shape)
        if not i.differentiate:
            continue
        kinds.add(i.kind)
        found |= _of(np.asarray(point.arrays[i.name]), i.kind == "complex")
    if point.layout:
        found.add("layout")
    if len(kinds) > 1 or len(shapes) > 1:
        found.add("mixed")
    return frozenset(found)


def _of(x: Array, is_complex: bool) -> set[str]:
    if x.size == 0:
        return {"empty"}
    found: set[str] = set()
    parts = np.stack([x.real, x.imag]) if is_complex else x[None].astype(float)
    if not np.isfinite(parts).all():
        found.add("nonfinite")
    finite = np.abs(x[np.isfinite(parts).all(axis=0)])
    if (finite == 0).any():
        found.add("zero")
    if ((finite > 0) & (finite < 1e-30)).any():
        found.add("tiny")
    found |= {
        word
        for word, met in (
            ("huge", finite > 1e15), ("large", finite >= 10), ("small", (finite > 0) & (finite <= 0.01)),
        ) if met.any()
    }
    if is_complex:
        if ((parts[0] == 0) != (parts[1] == 0)).any():
            found.add("axis")
        if (parts[1] == 0).all():
            found.add("real-valued")
    elif ((finite > 0) & (finite < 1e15) & (np.mod(finite, 0.5) == 0)).any():
        found.add("integer")
    if np.unique(finite).size < finite.size:
        found.add("tie")
    if 1 in x.shape:
        found.add("single")
    if x.ndim >= 3:
        found.add("batched")
    if x.ndim >= 2 and "nonfinite" not in found:
        found |= _of_matrices(x)
    return found


def _of_matrices(x: Array) -> set[str]:
    found: set[str] = set()
    m, n = x.shape[-2:]
    if m != n:
        found.add("rectangular")
    size = float(np.abs(x).max())
    if size > 1e150 or size == 0 or size < 1e-150:
        return found | ({"singular", "rank-deficient"} if size == 0 else set())
    s = np.linalg.svd(x, compute_uv=False)
    least, most = s[..., -1], s[..., 0]
    if (least <= 1e-13 * most).any():
        found.add("rank-deficient")
        if m == n:
            found.add("singular")
    elif m == n and (least < 1e-3 * most).any():
        found.add("singular")
    adjoint = np.conj(np.swapaxes(x, -1, -2))
    if m == n and m > 1:
        triangular = (np.triu(x, 1) == 0).all() or (np.tril(x, -1) == 0).all()
        if triangular or (x == adjoint).all() or np.allclose(x @ adjoint, np.eye(m)):
            found.add("structured")
    return found


def generic(case: Case, point: Point) -> bool:
    """Whether a point is generic: finite numbers of moderate size, none of them zero, no layout of its own.

    Its name begins with `generic`, `real-generic`, `quadrant`, `sampled` or `batched`, or nothing about its entries is
    special. That it shows every error is asked separately.
    """
    if point.layout:
        return False
    found = features(case, point)
    if found & {"nonfinite", "tiny", "huge", "empty"}:
        return False
    if point.name.startswith(("generic", "real-generic", "real-positive-1", "quadrant", "sampled", "batched")):
        return True
    return not found & {"zero", "axis", "integer", "tie", "singular", "rank-deficient", "real-valued"}
