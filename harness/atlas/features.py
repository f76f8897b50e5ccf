"""Branch cuts, poles, branch points and kinks: found in the samples, confirmed by looking closer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.pointwise.truth import Reference, Truth

Array = np.ndarray[Any, np.dtype[Any]]

_CUT_POINTS, _SINGULAR, _ROUNDS, _ZOOM = 1200, 24, 8, 3.0


@dataclass(frozen=True)
class Features:
    """cuts: (K,) complex points on discontinuities. singular: (point, word) with word "pole", "branch point",
    "singular point" or "kink". confirmed: whether the reference looked closer (else they come from the samples).
    """

    cuts: Array
    singular: tuple[tuple[complex, str], ...]
    confirmed: bool


def find(z: Array, value: Array, size: Array, known: Array | None, reference: Reference | None) -> Features:
    """z: (ny, nx) samples; value, size: (ny, nx) the function and the largest entry of its differential.

    known: where the reference decided a differential (None: no reference).
    """
    cuts = _cuts(z, value, size, reference)
    singular = _singular(z, value, size, known, cuts, reference) if reference is not None and known is not None else ()
    return Features(cuts, singular, reference is not None)


def _evaluate(reference: Reference, points: Array) -> Array:
    """Values in double precision; NaN where the reference has none."""
    from flint import acb

    from harness.reference.precision import working

    with working(128):
        out = reference.evaluate([acb(p.real, p.imag) for p in points.tolist()])
    return np.array([
        complex(np.nan, np.nan) if v is None or not v.is_finite() else complex(float(v.real.mid()), float(v.imag.mid()))
        for v in out
    ], dtype=np.complex128)


def _cuts(z: Array, value: Array, size: Array, reference: Reference | None) -> Array:
    """Pairs of neighbours between which the value changes by far more than the derivative allows, bisected."""
    found: list[tuple[Array, Array]] = []
    with np.errstate(all="ignore"):
        for a, b in (
            ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
            ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ):
            apart = np.abs(z[b] - z[a])
            # On a cut itself there is no derivative (NaN); the neighbour's says how fast the function may change.
            allowed = 2.5 * np.fmin(size[a], size[b]) * np.maximum(apart, np.abs(z[-1, 0] - z[0, 0]) / z.shape[0])
            jump = np.abs(value[b] - value[a])
            at = np.isfinite(jump) & np.isfinite(allowed) & (jump > allowed + 1e-9)
            found.append((z[a][at], z[b][at]))
    left, right = (np.concatenate([f[k] for f in found]) for k in (0, 1))
    if left.size > _CUT_POINTS:
        chosen = np.linspace(0, left.size - 1, _CUT_POINTS).astype(int)
        left, right = left[chosen], right[chosen]
    if reference is None or not left.size:
        return np.asarray((left + right) / 2)
    # Neighbours on an axis (-0 and +0) are the same number: look across from a little outside.
    same = left == right
    nudge = 1e-9 * np.maximum(1, np.abs(left))
    across = np.where(left.real == 0, 1.0, 1j) if same.any() else 1.0
    left, right = np.where(same, left - nudge * across, left), np.where(same, right + nudge * across, right)
    start, end = _evaluate(reference, left), _evaluate(reference, right)
    first = np.abs(end - start)
    for _ in range(24):
        middle = (left + right) / 2
        between = _evaluate(reference, middle)
        with np.errstate(all="ignore"):
            lower = np.abs(between - start) >= np.abs(end - between)
        right, end = np.where(lower, middle, right), np.where(lower, between, end)
        left, start = np.where(lower, left, middle), np.where(lower, start, between)
    with np.errstate(all="ignore"):
        kept = (np.abs(end - start) > 0.2 * first) & (np.abs(end - start) < 5 * first) & (first > 1e-9)
    return np.asarray(((left + right) / 2)[kept])


def _singular(
    z: Array, value: Array, size: Array, known: Array, cuts: Array, reference: Reference
) -> tuple[tuple[complex, str], ...]:
    """Isolated points where the derivative grows without bound, or does not exist at all."""
    unknown = ~(known & np.isfinite(size))
    # A line of unknown points is a cut or a line of kinks; a few together are a singular point.
    line = _large(unknown, 9)
    big = np.where(line, -np.inf, np.where(unknown, np.inf, size))
    peak = (big >= _around(big, 1, -np.inf).max(axis=0)) & (big > 0)
    rows, columns = np.nonzero(peak)
    order = np.argsort(-big[rows, columns])[: 4 * _SINGULAR]
    pixel = float(np.abs(np.diff(z.real[0])).max())
    found: list[tuple[complex, str]] = []
    for r, c in zip(rows[order], columns[order], strict=True):
        point = complex(z[r, c])
        if len(found) >= _SINGULAR:
            break
        if any(abs(point - other) < 6 * pixel for other, _ in found):
            continue
        said = _zoom(point, pixel, cuts, reference)
        if said is not None and not any(abs(said[0] - other) < 6 * pixel for other, _ in found):
            found.append(said)
    for end in _ends(z, cuts, pixel, reference):
        if not any(abs(end - other) < 8 * pixel for other, _ in found):
            found.append((end, "branch point"))
    return tuple(found[:_SINGULAR])


def _ends(z: Array, cuts: Array, pixel: float, reference: Reference) -> list[complex]:
    """Where a cut ends inside the window: all of its points nearby lie to one side. Found to within some pixels."""
    if cuts.size < 8 or cuts.size > 4000:
        return []
    apart = np.abs(cuts[:, None] - cuts[None, :])
    np.fill_diagonal(apart, np.inf)
    reach = 4 * max(float(np.median(apart.min(axis=1))), 2 * pixel)
    out: list[complex] = []
    low, high = complex(z[0, 0]), complex(z[-1, -1])
    for k, point in enumerate(cuts.tolist()):
        near = cuts[apart[k] < reach] - point
        inside = min(point.real - low.real, high.real - point.real, point.imag - low.imag, high.imag - point.imag)
        # Of the few points at the end that all see the others to one side, the outermost.
        if near.size >= 2 and inside > 2 * reach and abs(near.mean()) > 0.8 * np.abs(near).mean():
            rival = next((q for q, other in enumerate(out) if abs(other - point) < 2 * reach), None)
            if rival is None:
                out.append(point)
            elif abs(near.mean()) > abs((cuts[np.abs(cuts - out[rival]) < reach] - out[rival]).mean()):
                out[rival] = point
    ends = [_followed(p, cuts[np.abs(cuts - p) < reach], pixel, reference) for p in out]
    digits = int(np.ceil(-np.log10(pixel)))  # no more of them than are known
    return [complex(round(p.real, digits) + 0.0, round(p.imag, digits) + 0.0) for p in ends]


def _followed(end: complex, near: Array, pixel: float, reference: Reference) -> complex:
    """The end of a cut, followed outwards for as long as there is a jump across it (near a branch point the jump is
    too small against the derivative to show between samples)."""
    direction = complex(end - near.mean())
    direction /= abs(direction) or 1.0
    across = 1j * direction * pixel * 1e-4  # the cut is known to a millionth of a pixel
    steps = np.concatenate([[0.0], pixel * np.geomspace(0.25, 64, 65)])
    path = end + direction * steps
    above, below, ahead = (_evaluate(reference, path + d) for d in (across, -across, across + across * -1j))
    with np.errstate(all="ignore"):
        # A smooth function changes as much along the cut as across it; a jump does not care how near one looks.
        jumps = np.abs(above - below) > 30 * np.abs(ahead - above)
    stop = int(np.argmin(jumps)) if not jumps.all() else steps.size - 1
    return complex(path[max(0, stop - 1)] + path[stop]) / 2 if stop else end


def _large(mask: Array, least: int) -> Array:
    """The pixels of a mask that belong to connected pieces (by sides or corners) of at least `least` pixels."""
    todo = {(int(r), int(c)) for r, c in np.argwhere(mask)}
    out = np.zeros_like(mask)
    while todo:
        piece, front = [], [todo.pop()]
        while front:
            r, c = front.pop()
            piece.append((r, c))
            near = {(r + y, c + x) for y in (-1, 0, 1) for x in (-1, 0, 1)} & todo
            todo -= near
            front += near
        if len(piece) >= least:
            rows, columns = zip(*piece, strict=True)
            out[list(rows), list(columns)] = True
    return out


def _around(field: Array, reach: int, outside: float) -> Array:
    """(neighbours, ny, nx): the field moved by up to `reach` in both directions, itself included."""
    ny, nx = field.shape
    wide = np.pad(field, reach, mode="constant", constant_values=outside)
    moves = range(2 * reach + 1)
    return np.stack([wide[y : y + ny, x : x + nx] for y in moves for x in moves])


def _zoom(point: complex, pixel: float, cuts: Array, reference: Reference) -> tuple[complex, str] | None:
    """Follow the largest derivative inwards; None where it stops growing."""
    grid = np.linspace(-1, 1, 7)
    offsets = (grid[None, :] + 1j * grid[:, None]).reshape(-1)
    width, sizes, values = 1.5 * pixel, [], []
    unknown_at_first = False
    for turn in range(_ROUNDS):
        points = point + width * offsets
        truth: Truth = reference.at(points, step=110, bits=340)  # the local scale shrinks as one looks closer
        size = np.abs(truth.high).max(axis=(1, 2))
        usable = truth.known & np.isfinite(size)
        if not usable.any():
            return point, "singular point"
        unknown_at_first |= turn == 0 and not bool(truth.known[24])
        best = int(np.flatnonzero(usable)[np.argmax(size[usable])])
        sizes.append(float(size[best]))
        values.append(float(np.abs(truth.value[best])))
        middle_unknown = not bool(truth.known[24])
        if not middle_unknown:  # a singular point that is itself a sample stays where it is
            point = complex(points[best])
        width /= _ZOOM
    if usable.mean() < 0.7:
        return point, "singular point"
    # The first rounds may still be on their way to the point.
    settled = _ROUNDS // 2
    growth = (sizes[-1] / sizes[settled]) ** (1 / (_ROUNDS - 1 - settled)) if sizes[settled] > 0 else 1.0
    swell = (values[-1] / values[settled]) ** (1 / (_ROUNDS - 1 - settled)) if values[settled] > 0 else 1.0
    point = complex(round(point.real, 9), round(point.imag, 9))
    if growth >= 1.3:  # a pole of order p makes it 3**(p + 1), a square root 3**0.5
        if swell >= 2:
            return point, "pole"
        near = cuts.size and float(np.abs(cuts - point).min()) < 8 * pixel
        return point, "branch point" if near else "singular point"
    fades = sizes[-1] < 0.05 * sizes[0]  # the derivative vanishes there: z**2 at 0
    kink = unknown_at_first and not fades and not _removable(point, width, reference)
    return (point, "kink") if kink else None


def _removable(point: complex, width: float, reference: Reference) -> bool:
    """Whether the differential has one limit from all directions although it could not be evaluated at the point."""
    around = point + width * 1e-6 * np.exp(2j * np.pi * np.arange(8) / 8)
    truth = reference.at(around, step=140, bits=420)
    if not truth.known.all():
        return False
    size = np.abs(truth.high).max()
    return bool(np.abs(truth.high - truth.high[0]).max() <= 1e-3 * size)
