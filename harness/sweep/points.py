"""Where a function is looked at: every binade, sign and sector, axes, diagonals, and the neighbours of special points.

All points are doubles that the format holds exactly. `strata` is what medians and shares of the plane are taken over:
the same number of points in each binade and sector, so that a share is one of the floating-point numbers, not of an
area.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from math import log, pi, sqrt
from typing import Any

import numpy as np

from harness.formats import Format

Array = np.ndarray[Any, np.dtype[Any]]

_OPERATIONS: Mapping[type[ast.operator], Callable[[complex, complex], complex]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
SECTORS = 16  # of the plane, equally wide
_NEAR = 4  # neighbours of a special number that are looked at on either side, one by one


class Sampler:
    """Points of one format, real or complex. The same seed gives the same points."""

    def __init__(self, form: Format, is_real: bool, seed: int = 0) -> None:
        self.form, self.is_real = form, is_real
        self.rng = np.random.default_rng([seed, is_real])
        self.binades = np.arange(form.low - form.digits + 1, form.high + 1)

    def strata(self, count: int) -> Array:
        """About `count` points, as many in each binade (from the smallest subnormal's to the largest number's) and
        sector or sign."""
        cells = 2 if self.is_real else SECTORS
        rounds = max(1.0, count / (self.binades.size * cells))
        if rounds * self.binades.size * cells > count * 1.5:  # fewer points than cells: sectors take turns
            kept = max(1, round(count / self.binades.size))
            e = np.repeat(self.binades, kept)
            cell = (np.arange(e.size) * 7 + np.repeat(np.arange(self.binades.size) * 3, kept)) % cells
        else:
            e = np.tile(np.repeat(self.binades, cells), round(rounds))
            cell = np.tile(np.arange(cells), self.binades.size * round(rounds))
        size = self.magnitudes(e)
        if self.is_real:
            return self.made(np.where(cell == 1, -size, size))
        angle = (cell + self.rng.random(e.size)) * (2 * pi / cells)
        return self.made(size * np.cos(angle), size * np.sin(angle))

    def structured(self, constants: tuple[complex, ...] = (), share: float = 1.0) -> Array:
        """Axes with what lies just beside them, diagonals, components of unlike size, neighbours of special points.
        share: how many of them, 1 for all."""
        parts = list(self._real_parts(constants, share) if self.is_real else self._complex_parts(constants, share))
        return distinct(np.concatenate(parts))

    def neighbours(self, points: Array, each: int, spread: int) -> Array:
        """`each` points near every one of (N,): by single steps of the format and by relative moves down to 2**-p; with
        spread, also at other magnitudes and mirrored."""
        count = points.size * each
        moved = [self._moved(np.repeat(part, each)) for part in _components(points)]
        if spread:
            e = self.rng.integers(-spread, spread + 1, count)
            far = self.rng.random(count) < 0.4
            with np.errstate(all="ignore"):
                moved = [np.ldexp(m, np.where(far, e, 0)) for m in moved]
            moved = [np.where(self.rng.random(count) < 0.1, -m, m) for m in moved]
        return self.made(*moved)

    def between(self, one: Array, other: Array, weights: Array) -> Array:
        """Points at `weights` of the way from each of `one` to each of `other`, by modulus geometrically."""
        sizes = [np.log2(np.clip(modulus(p), self.form.smallest, self.form.largest)) for p in (one, other)]
        angles = [np.angle(p) for p in (one, other)]
        size = np.exp2(sizes[0][:, None] + (sizes[1] - sizes[0])[:, None] * weights).reshape(-1)
        if self.is_real:
            return self.made(np.repeat(np.sign(one), weights.size) * size)
        angle = (angles[0][:, None] + (angles[1] - angles[0])[:, None] * weights).reshape(-1)
        return self.made(size * np.cos(angle), size * np.sin(angle))

    def _moved(self, x: Array) -> Array:
        how = self.rng.integers(0, 4, x.size)
        with np.errstate(all="ignore"):
            by = np.ldexp(self.rng.uniform(-1, 1, x.size), -self.rng.integers(1, self.form.digits, x.size))
            scaled = x * (1 + by)
        stepped = self.form.next(x, self.rng.integers(-3, 4, x.size))
        return np.select([how == 0, how == 1], [x, stepped], scaled)

    def magnitudes(self, e: Array) -> Array:
        """A number of the format in each of the binades."""
        with np.errstate(all="ignore"):
            x = np.ldexp(1 + self.rng.random(e.size), e)
        return np.clip(x, self.form.smallest, self.form.largest)

    def made(self, x: Array, y: Array | None = None) -> Array:
        """Points of the format from doubles; what would be infinite becomes the largest number."""
        parts = [np.clip(self.form.rounded(p), -self.form.largest, self.form.largest) for p in (x, y) if p is not None]
        if y is None:
            return parts[0]
        out = np.empty(x.size, np.complex128)
        out.real, out.imag = parts
        return out

    # -- structure

    def _real_parts(self, constants: tuple[complex, ...], share: float) -> Iterator[Array]:
        special = self.made(np.array(_special(self.form, constants, True)))
        yield special
        yield from (self.form.next(special, np.full(special.size, k)) for k in range(-_NEAR, _NEAR + 1))
        yield self._beside(special, share)
        ends = np.array([0.0, self.form.smallest, self.form.tiny, self.form.largest])
        yield np.concatenate([ends, -ends])

    def _complex_parts(self, constants: tuple[complex, ...], share: float) -> Iterator[Array]:
        lines = self._thinned(self.binades, share, 400)
        x = np.concatenate([self.magnitudes(lines), [self.form.smallest, self.form.tiny, self.form.largest]])
        x = np.concatenate([x, -x])
        small = [np.zeros(x.size), np.full(x.size, self.form.smallest), np.full(x.size, self.form.tiny),
                 self.form.unit(x), self.form.next(np.abs(x) / 2, np.zeros(x.size, int)),
                 self.magnitudes(self.rng.choice(self.binades, x.size))]
        for y in small:
            for signed in (y, -y):
                yield self.made(x, signed)
                yield self.made(signed, x)
        for other in (x, -x, self.form.next(x, np.ones(x.size, int)), -self.form.next(x, np.full(x.size, -1))):
            yield self.made(x, other)
        special = self.made(*_components(np.array(_special(self.form, constants, False), np.complex128)))
        yield special
        steps = self._thinned(np.array([(a, b) for a in range(-2, 3) for b in range(-2, 3)]), share, 9)
        for a, b in steps.tolist():
            parts = [self.form.next(p, np.full(special.size, k)) for p, k in zip(
                _components(special), (a, b), strict=True)]
            yield self.made(*parts)
        yield self._beside(special, share)

    def _beside(self, special: Array, share: float) -> Array:
        """At many distances from each special point, from 1 down to a unit in its last place and, by a part that is 0,
        to the smallest number."""
        most = round(96 * share) + 8
        every = np.concatenate([
            np.linspace(-self.form.digits, 1, most // 2), np.linspace(self.binades[0], -self.form.digits, most // 2),
        ])
        at, e = (a.reshape(-1) for a in np.meshgrid(special, every, indexing="ij"))
        distance = np.exp2(e) * self.rng.uniform(0.7, 1.3, e.size)
        if self.is_real:
            return self.made(at + np.where(self.rng.random(e.size) < 0.5, -distance, distance))
        angle = self.rng.integers(0, 8, e.size) * (pi / 4) + np.where(
            self.rng.random(e.size) < 0.5, 0.0, self.rng.random(e.size) * (pi / 4))
        return self.made(at.real + distance * np.cos(angle), at.imag + distance * np.sin(angle))

    @staticmethod
    def _thinned(values: Array, share: float, least: int) -> Array:
        count = min(len(values), max(least if share >= 0.2 else least // 4, int(len(values) * share)))
        return np.asarray(values[np.unique(np.linspace(0, len(values) - 1, count).astype(int))])


def constants_of(*texts: str) -> tuple[complex, ...]:
    """The numbers written in texts, both signs: where a function changes its formula is often one of them."""
    found: list[complex] = []
    for text in texts:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float | complex) \
                    and not isinstance(node.value, bool):
                found += [node.value, -node.value]
            elif isinstance(node, ast.BinOp):  # 2**-500, 1/3
                folded = _folded(node)
                found += [] if folded is None else [folded, -folded]
    return tuple(dict.fromkeys(found))


def _folded(node: ast.BinOp) -> complex | None:
    """The number that an operation on two constants makes."""
    sides = []
    for part in (node.left, node.right):
        sign = 1
        if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub):
            sign, part = -1, part.operand
        if not isinstance(part, ast.Constant) or not isinstance(part.value, int | float | complex):
            return None
        sides.append(sign * complex(part.value))
    operation = _OPERATIONS.get(type(node.op))
    try:
        value = None if operation is None else operation(*sides)
    except ArithmeticError:
        return None
    return None if value is None else value if value.imag else value.real


def _special(form: Format, constants: tuple[complex, ...], is_real: bool) -> list[complex]:
    """0, 1, small integers and halves, multiples of pi/2, where exp and squares leave the range, written constants."""
    ends = [log(form.largest), log(form.tiny), log(form.smallest), sqrt(form.largest), sqrt(form.tiny)]
    line = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 20.0, pi / 4, pi / 2, pi, 2 * pi, 1 / pi, *ends]
    line += [abs(c) for c in constants if abs(c) <= form.largest]
    if is_real:
        return [s * x for x in dict.fromkeys(line) for s in (1, -1)]
    points: list[complex] = [s * x for x in dict.fromkeys(line) for s in (1, -1, 1j, -1j)]
    points += [c for c in constants if isinstance(c, complex) and abs(c) <= form.largest]
    return points


def _components(points: Array) -> list[Array]:
    return [points.real, points.imag] if np.iscomplexobj(points) else [points]


def modulus(points: Array) -> Array:
    """|z|, or the largest double where it is beyond."""
    with np.errstate(over="ignore"):
        return np.asarray(np.minimum(np.abs(points), np.finfo(np.float64).max))


def distinct(points: Array) -> Array:
    """Each point once, by its bits: signed zeros are different points."""
    if not np.iscomplexobj(points):
        return np.unique(points.view(np.uint64)).view(np.float64)
    return np.unique(points.view(np.uint64).reshape(-1, 2), axis=0).view(np.complex128).reshape(-1)
