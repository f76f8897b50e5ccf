"""The derivative of one operation at the numbers that it was given, with its kinks and infinities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.formats import Format
from harness.reference.arithmetic import STRUCTURAL, Local, arithmetic, number
from harness.reference.ball_arrays import Array
from harness.reference.derivative import Differences
from harness.reference.function import Problem, Structure
from harness.reference.precision import Ball, Undecided, power_of_two, state, working

Floats = np.ndarray[Any, np.dtype[Any]]

#: Entries of a local derivative beyond which a text is not taken apart.
_LARGEST = 40_000
_ATTEMPTS = ((140, 200), (140, 700))


class TooLarge(Exception):
    """A text whose operations have more entries than are worth following."""


@dataclass(frozen=True)
class _Leaf:
    """An argument of an operation, as `Problem` wants its inputs."""

    name: str
    kind: str
    differentiate: bool = True


class _Call:
    """An operation as a function of its arguments."""

    text = ""

    def __init__(self, call: Callable[[Sequence[Array]], list[Any]], arrays: Sequence[Array]) -> None:
        self._call = call
        words = {"r": "real", "c": "complex", "i": "int", "b": "bool"}
        self.inputs = tuple(_Leaf(str(k), words[a.kind], a.kind in "rc") for k, a in enumerate(arrays))
        self.structures: dict[Any, Structure] = {}

    def __call__(self, leaves: Sequence[Array]) -> tuple[Array, ...]:
        state.begin()
        return tuple(x for x in self._call(leaves) if isinstance(x, Array))


class _At(Problem):
    """An operation at arrays of balls, which hold numbers of the machine."""

    def __init__(self, function: _Call, arrays: Sequence[Array]) -> None:
        plain = {str(k): np.array([number(x) for x in a.data.ravel().tolist()]).reshape(a.shape)
                 if a.kind in "rc" else a.data for k, a in enumerate(arrays)}
        plain = {k: v.astype(np.complex128) if arrays[int(k)].kind == "c" else v for k, v in plain.items()}
        super().__init__(function, plain)  # type: ignore[arg-type]


def local_derivative(
    call: Callable[[Sequence[Array]], list[Any]], arrays: Sequence[Array], name: str, form: Format,
    sampled: bool = True,
) -> Local:
    """The derivative of an operation at its arguments, with those next to a kink if wanted; raises TooLarge."""
    local, sampler = derived(call, arrays, name, form)
    return local if sampler is None or not sampled else replace(local, samples=sampler())


def derived(
    call: Callable[[Sequence[Array]], list[Any]], arrays: Sequence[Array], name: str, form: Format,
) -> tuple[Local, Callable[[], Floats | None] | None]:
    """The derivative of an operation at its arguments, and what finds those next to a kink, if it is at one.

    That is for operations whose kinks are those of pieces: at equal singular values the limits are a curve, and no
    number of them is all. Raises TooLarge.
    """
    plain = arithmetic(name, arrays, form)
    if plain is not None:
        return plain, None
    problem = _At(_Call(call, arrays), arrays)
    with working(300, ties=True):
        structure = problem.structure
    widths = [a.size * (2 if a.kind == "c" else 1) for a in arrays]
    m, n = len(structure.rows), sum(widths)
    if m * n > _LARGEST:
        raise TooLarge
    slope, loose = np.zeros((m, n), np.longdouble), np.zeros((m, n), np.longdouble)
    infinite, reach = np.zeros((m, n), bool), np.zeros((m, n), bool)
    starts = np.concatenate([[0], np.cumsum(widths)]).astype(int)
    place = [int(starts[c.leaf]) + c.part * arrays[c.leaf].size + c.index for c in problem.columns]
    lost = [not problem.coordinate(c).is_finite() for c in problem.columns]
    for r, mask in enumerate(structure.seen):
        for k, c in enumerate(problem.columns):
            if mask >> c.element & 1:
                reach[r, place[k]] = True
                infinite[r, place[k]] = lost[k]
    if name == "where":  # a cotangent of zero is sent to what was not chosen
        reach |= _everywhere(problem, m, n, place, structure)
    near = Differences(problem)
    sides = _Sides(near)
    found = near.differential(_ATTEMPTS, directions=0)
    largest = form.largest
    for (r, k), e in found.entries.items():
        if infinite[r, place[k]]:
            continue
        if e.settled:
            slope[r, place[k]] = _long(e.value)
        else:
            _unsettled(sides.of(k), r, (r, place[k]), slope, loose, infinite)
        infinite[r, place[k]] |= bool(abs(slope[r, place[k]]) > largest)
    mixes, structural = _mixes(structure, problem), name in STRUCTURAL
    pieces = loose.any() and not any(lost) and (structural or not mixes)
    return (Local(slope, loose, infinite, reach, mixes, structural),
            (lambda: _samples(problem, slope.shape, place)) if pieces else None)


#: Pairs of opposite directions along which derivatives next to a kink are taken, and how far from it.
_DIRECTIONS = 8
_NEARBY = 2.0**-30


def _samples(problem: _At, shape: tuple[int, int], place: Sequence[int]) -> Floats | None:
    """(K, rows, columns): derivatives at generic points next to a kink; None where there are none."""
    out, jumps, draw = [], [], np.random.default_rng(5)
    plain = {n: np.asarray(a) for n, a in problem.arrays.items()}
    sizes = [np.abs(a[a != 0]).min() for a in plain.values() if a.dtype.kind in "fc" and (a != 0).any()]
    step = _NEARBY * min([1.0, *(float(s) for s in sizes)])
    with working(200, ties=True):
        centre = problem.rows_at({})
    for _ in range(_DIRECTIONS):
        by = {n: draw.uniform(0.3, 1.0, (2, *a.shape)) * draw.choice((-1.0, 1.0), (2, *a.shape))
              for n, a in plain.items() if a.dtype.kind in "fc"}
        for sign in (step, -step):
            moved = {n: a if n not in by else a + sign * (by[n][0] + 1j * by[n][1] if a.dtype.kind == "c" else by[n][0])
                     for n, a in plain.items()}
            there, way = Problem(problem.function, moved), np.zeros(shape[1])
            try:
                found = Differences(there).differential(_ATTEMPTS, directions=0)
                with working(200, ties=True):
                    change = np.array([float(_long(y - x)) for x, y in zip(centre, there.rows_at({}), strict=True)])
                    for k, c in enumerate(problem.columns):
                        way[place[k]] = float(_long(there.coordinate(c) - problem.coordinate(c)))
            except (Undecided, ArithmeticError):
                return None
            j = np.zeros(shape)
            for (r, k), e in found.entries.items():
                if not e.settled:
                    return None
                j[r, place[k]] = float(_long(e.value))
            out.append(j)
            jumps.append(np.abs(change - j @ way) > _JUMP * np.abs(change))
    return _on_this_side(np.stack(out), np.stack(jumps))


#: On the way from a kink a function changes as its slope there says (twice that at a root); across a cut it does not.
_JUMP = 0.9


def _on_this_side(samples: Floats, jumps: Floats) -> Floats | None:
    """(K, rows, columns), (K, rows): rows from beyond a cut, where the value is another one, are those of another
    sample from this side; None where there is none."""
    for r in np.flatnonzero(jumps.any(axis=0)).tolist():
        good = np.flatnonzero(~jumps[:, r])
        if not good.size:
            return None
        samples[jumps[:, r], r] = samples[good[0], r]
    return samples


def _everywhere(problem: Problem, m: int, n: int, place: Sequence[int], structure: Structure) -> Floats:
    out = np.zeros((m, n), bool)
    for k, c in enumerate(problem.columns):
        size = problem.leaves[c.leaf].size
        for r, row in enumerate(structure.rows):
            out[r, place[k]] = size == 1 or row.index % max(size, 1) == c.index
    return out


def _mixes(structure: Structure, problem: Problem) -> bool:
    """Whether a row sees two elements of one argument."""
    leaf_of = {c.element: c.leaf for c in problem.columns}
    for mask in structure.seen:
        seen, e = [], 0
        while mask:
            if mask & 1:
                seen.append(leaf_of[e])
            mask >>= 1
            e += 1
        if len(set(seen)) < len(seen):
            return True
    return False


def _long(x: Ball) -> np.longdouble:
    """A ball's midpoint with the range of a long double."""
    y = x.mid()
    if not y.is_finite():
        return np.longdouble("nan")
    mantissa, power = y.man_exp()
    if not int(mantissa):
        return np.longdouble(0)
    over = max(0, abs(int(mantissa)).bit_length() - 64)
    short = int(mantissa) >> over if mantissa > 0 else -(-int(mantissa) >> over)
    with np.errstate(all="ignore"):
        return np.longdouble(np.ldexp(np.longdouble(int(short)), int(np.clip(int(power) + over, -40000, 40000))))


class _Sides:
    """Quotients of every row from either side of a coordinate, evaluated once a coordinate."""

    def __init__(self, near: Differences) -> None:
        self.near, self.kept = near, {}  # type: ignore[var-annotated]
        self.centre: list[Ball] | None = None

    def of(self, k: int) -> list[tuple[Ball, Ball]] | None:
        """(from above, from below) of every row; None where a comparison stays undecided."""
        if k not in self.kept:
            self.kept[k] = self._quotients(k)
        found: list[tuple[Ball, Ball]] | None = self.kept[k]
        return found

    def _quotients(self, k: int) -> list[tuple[Ball, Ball]] | None:
        at, h = self.near.problem.rows_at, self.near.step(self.near.problem.columns[k], 400)
        with working(2000, ties=True):
            try:
                self.centre = self.centre or at({})
                above, below = at({k: h}), at({k: -h})
            except Undecided:
                return None
            return [((a - c) / h, (c - b) / h) for a, b, c in zip(above, below, self.centre, strict=True)]


#: Slopes from two sides that differ by less are one.
_SMOOTH = 1e-12


def _unsettled(
    quotients: list[tuple[Ball, Ball]] | None, r: int, at: tuple[int, int], slope: Floats, loose: Floats,
    infinite: Floats,
) -> None:
    """A kink has its two slopes, a jump that of the side on which the point lies; where all slopes are infinite or
    undefined there is none."""
    steep = power_of_two(150)
    sides = [] if quotients is None else [q for q in quotients[r] if q.is_finite() and abs(q).mid() <= steep]
    if not sides:
        infinite[at] = True
        return
    ends = [_long(q) for q in sides]
    slope[at] = sum(ends) / len(ends)
    if len(ends) == 2 and abs(ends[0] - ends[1]) <= _SMOOTH * max(abs(x) for x in ends):
        return  # one slope from both sides, found with constants that are not exact: there is nothing to choose
    loose[at] = max(abs(x) for x in ends) + abs(max(ends) - min(ends)) / 2
