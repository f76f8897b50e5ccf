"""Everything the reference knows about one function at one point, as plain NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from flint import acb, arb

from harness.formats import DOUBLE, Format
from harness.reference.ball_arrays import Array
from harness.reference.derivative import Differences, Differential, value_settled
from harness.reference.function import Compiled, Problem, Structure, flattened
from harness.reference.gauge import invariants
from harness.reference.higher import hessians, thirds
from harness.reference.infinite import limits
from harness.reference.precision import Ball, Undecided, power_of_two, rounded, rounded_up, state, working
from harness.reference.singular import DOMAIN, GAUGE, KINK, REMOVABLE, SMOOTH, UNKNOWN, Found, Neighbourhood
from harness.reference.stability import stability

Floats = np.ndarray[Any, np.dtype[Any]]

#: Functions by which a real zero's sign tells on which side of a jump the point lies.
_SIGNED = ("arctan2", "atan2", "copysign", "signbit", "angle")


@dataclass
class Solution:
    """kinds, shapes: of the outputs ("r", "c", "i", "b"). values: rounded to double precision; NaN where unknown.

    Matrices are over all rows (outputs in order, real parts then imaginary parts) and all columns (differentiated
    inputs in order, likewise): `j`, its `bound`, `kind` (classes of `singular`), one-sided `plus` and `minus`;
    `samples` (K, rows, columns) of limiting derivatives or None; `domain` (columns, columns), the projection on the
    directions along which arguments of functions of Hermitian matrices stay Hermitian, or None.
    stability: how far entries of j move with the point's rounding (see `harness.reference.stability`), or None.
    invariant: derivative of |f|**2 / 2 of every number that is free in its sign or phase alone, in the row of its real
    part (rows, columns); NaN elsewhere; None where no number is.
    hessians: output -> (matrix, bound, kind, plus, minus) over columns; thirds: the same, arrays of three axes.
    note: why there is no differential (too large for the time allowed), or empty. complete: worth keeping.
    """

    kinds: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    values: list[Floats]
    value_plus: list[Floats | None]
    value_minus: list[Floats | None]
    j: Floats
    bound: Floats
    kind: Floats
    plus: Floats
    minus: Floats
    samples: Floats | None = None
    domain: Floats | None = None
    stability: Floats | None = None
    invariant: Floats | None = None
    hessians: dict[int, tuple[Floats, ...]] = field(default_factory=dict)
    thirds: dict[int, tuple[Floats, ...]] = field(default_factory=dict)
    note: str = ""

    @property
    def complete(self) -> bool:
        return not self.note


def solve(
    function: Compiled, arrays: Mapping[str, Floats], *, form: Format, order: int = 1, seconds: float = 30.0,
) -> Solution:
    """Evaluate, differentiate, and look closer where that does not settle.

    seconds: about how long it may take; a problem that would take longer has its values alone.
    """
    state.forget()
    state.form = form
    try:
        return _solve(function, arrays, order, seconds)
    finally:
        state.forget()
        state.form = DOUBLE


def _solve(function: Compiled, arrays: Mapping[str, Floats], order: int, seconds: float) -> Solution:
    problem = Problem(function, arrays)
    begin = perf_counter()
    with working(400, ties=True):
        structure = problem.structure
    outputs, freedom, hermitian, outside = _outputs(problem)
    near = state.near
    state.orders = state.recorded or None
    once, count = perf_counter() - begin, 2 * len(structure.groups) + 5
    count += len(structure.groups) ** 2 if order >= 2 else 0
    count += len(problem.columns) ** 3 if order >= 3 else 0
    if once * count / 3 > seconds:  # the first evaluation also traced the structure
        return _values_alone(problem, outputs, f"{count} evaluations would take about {once * count / 3:.0f} s")
    gauge = _gauge_rows(problem) if freedom else set()
    skew = _domain(problem) if hermitian and not outside else None
    rows = set(range(len(structure.rows))) - gauge
    # What a function of Hermitian matrices makes of another matrix (one triangle of it, say) is a convention.
    hopeless = rows if outside else _undefined(problem, outputs)
    rows = rows - hopeless
    state.vectors.clear()
    special = _special(problem)
    found = Differences(problem, rows=rows).differential(directions=3 if special else 1)
    if found.suspects:
        with working(500, ties=True):
            stands = problem.verify()
        if not stands:
            structure = problem.structure
            found = Differences(problem, rows=rows).differential(directions=3)
    closer: dict[int, Found] = {}
    if found.suspects:
        signed = any(word in function.text for word in _SIGNED)
        closer = Neighbourhood(problem, found, _whole(problem, found.suspects), signed).look()
    out = _assembled(problem, outputs, found, closer, {GAUGE: gauge, DOMAIN if outside else UNKNOWN: hopeless})
    _at_infinity(problem, out, rows | hopeless)
    if gauge:
        out.invariant = invariants(problem, gauge)
    if skew is not None:
        out.domain = skew
        sees = np.array([[mask >> c.element & 1 for c in problem.columns] for mask in structure.seen], bool)
        out.kind[(out.kind == SMOOTH) & _touched(skew)[None, :] & sees] = DOMAIN
    free = {structure.rows[r].output for r in gauge | (hopeless if outside else set())}
    if order >= 2:
        out.hessians = hessians(problem, out.kinds, out.kind, free)
    if order >= 3:
        out.thirds = thirds(problem, out.kinds, out.kind, free, {o: parts[2] for o, parts in out.hessians.items()})
    if near:  # |0.6+0.8j| > 1 is true of these doubles, and no machine can be asked to know
        out.kind[out.kind == SMOOTH] = UNKNOWN
        for _, _, kind, _, _ in (*out.hessians.values(), *out.thirds.values()):
            kind[kind == SMOOTH] = UNKNOWN
    elif perf_counter() - begin < seconds / 3:
        out.stability = stability(function, arrays, problem, rows - found.suspects, out.j)
    return out


def _values_alone(problem: Problem, outputs: tuple[Array, ...], note: str) -> Solution:
    with working(500, ties=True):
        rows = flattened(outputs)
    empty = np.zeros((0, 0))
    nothing: list[Floats | None] = [None] * len(outputs)
    values = _packed(outputs, _known(rows, problem.structure), {})
    return Solution(tuple(o.kind for o in outputs), tuple(o.shape for o in outputs), values, nothing, list(nothing),
                    empty, empty, empty.astype(np.int8), empty, empty, note=note)


def _outputs(problem: Problem) -> tuple[tuple[Array, ...], bool, bool, bool]:
    """The outputs at the point; whether a decomposition left a freedom; whether a function of Hermitian matrices was
    used, and of one that is not Hermitian; more bits where a comparison needs them.

    state.orders stays None: the order of general eigenvalues is recorded here.
    """
    for bits in (500, 2000, 6000):
        with working(bits, ties=bits == 6000):
            state.skew = []
            try:
                out = problem.outputs({})
                return out, state.freedom, bool(state.skew), any(not x.contains(0) for x in state.skew)
            except Undecided:
                continue
            finally:
                state.skew = None
    raise Undecided  # not reached: the last attempt decides ties


def _gauge_rows(problem: Problem) -> set[int]:
    """Rows that change when every decomposition is moved along its gauge group."""
    out: set[int] = set()
    with working(500, ties=True):
        state.gauge = None
        before = problem.rows_at({})
        for seed in (1, 2, 3):
            state.vectors.clear()
            state.gauge = seed
            after = problem.rows_at({})
            for r, (x, y) in enumerate(zip(before, after, strict=True)):
                if x.is_finite() and y.is_finite() and not x.overlaps(y):
                    size = max(abs(x).mid(), abs(y).mid(), _SMALL)
                    if abs(x - y).mid() > size * power_of_two(-120):
                        out.add(r)
        state.gauge = None
    return _whole(problem, out)


_SMALL = power_of_two(-200)


def _undefined(problem: Problem, outputs: tuple[Array, ...]) -> set[int]:
    """Rows that an infinity or a NaN among the inputs leaves undefined; every complex one that sees any, because
    complex infinities are a matter of convention."""
    bad = 0
    for c in problem.columns:
        if not problem.coordinate(c).is_finite():
            bad |= 1 << c.element
    if not bad:
        return set()
    values = flattened(outputs)
    own = problem.structure.rows
    hybrid = any(leaf.kind == "c" for leaf in problem.leaves)
    return {r for r, seen in enumerate(problem.structure.seen) if seen & bad and (
        hybrid or outputs[own[r].output].kind == "c" or not values[r].is_finite())}


def _at_infinity(problem: Problem, out: Solution, rows: set[int]) -> None:
    """Put limits where a real function has an infinite argument and is not known there."""
    found = limits(problem, {r for r in rows if (out.kind[r] != SMOOTH).any()}, out.kinds)
    for (r, k), (value, error) in found.entries.items():
        if out.kind[r, k] != SMOOTH:
            out.j[r, k], out.bound[r, k], out.kind[r, k] = rounded(value), rounded_up(error), REMOVABLE
            out.plus[r, k] = out.minus[r, k] = out.j[r, k]
    for r, value in found.values.items():
        row = problem.structure.rows[r]
        flat = out.values[row.output].reshape(-1)
        flat[row.index] = rounded_or_infinite(value) if np.isnan(flat[row.index]) else flat[row.index]


def _largest() -> float:
    """The largest finite number of the case's precision."""
    return state.form.largest


def _narrowed(x: Floats) -> tuple[Floats, Floats]:
    """Numbers that round to infinity in the precision of the case as infinities, and which those are."""
    with np.errstate(over="ignore"):
        beyond = np.isinf(state.form.rounded(x))
    return np.where(beyond, np.copysign(np.inf, x), x), beyond


def _whole(problem: Problem, rows: set[int]) -> set[int]:
    """With a part of a complex number the other part as well."""
    own = problem.structure.rows
    places = {(own[r].output, own[r].index) for r in rows}
    return {r for r, row in enumerate(own) if (row.output, row.index) in places}


def _special(problem: Problem) -> bool:
    """A point with zeros, ties or other coincidences, where functions are apt to be singular."""
    seen = [problem.coordinate(c) for c in problem.columns]
    plain = [float(x.mid()) for x in seen if x.is_finite()]
    return len(plain) < len(seen) or 0.0 in plain or len({abs(x) for x in plain}) < len(plain)


def _domain(problem: Problem) -> Floats | None:
    """The projection on directions that keep the arguments of functions of Hermitian matrices Hermitian.

    None where every direction does.
    """
    with working(300, ties=True):
        changes = []
        near = Differences(problem)
        for k, c in enumerate(problem.columns):
            parts = []
            for sign in (1, -1):
                state.skew = []
                h = near.step(c, 60)
                problem.rows_at({k: sign * h})
                parts.append([p for x in state.skew for p in ((x.real, x.imag) if isinstance(x, acb) else (x, arb(0)))])
            changes.append([rounded((a - b) / (2 * h)) for a, b in zip(*parts, strict=True)])
        state.skew = None
    d = np.array(changes).T
    d[np.abs(d) < 1e-9 * np.abs(d).max(initial=1e-300)] = 0
    if not d.any() or not np.isfinite(d).all():
        return None
    n = d.shape[1]
    return np.asarray(np.eye(n) - np.linalg.pinv(d, rcond=1e-9) @ d)


def _touched(projection: Floats) -> Floats:
    """Columns that leave the domain."""
    n = len(projection)
    return np.asarray(np.abs(projection - np.eye(n)).max(axis=0) > 1e-9)


# --- assembling -------------------------------------------------------------------------------------------------------


def _assembled(
    problem: Problem, outputs: tuple[Array, ...], found: Differential, closer: Mapping[int, Found],
    left_out: Mapping[int, set[int]],
) -> Solution:
    structure, columns = problem.structure, problem.columns
    m, n = len(structure.rows), len(columns)
    j, bound = np.zeros((m, n)), np.zeros((m, n))
    kind = np.zeros((m, n), np.int8)
    for (r, k), e in found.entries.items():
        if e.settled:
            j[r, k], bound[r, k] = rounded(e.value), rounded_up(e.bound)
        else:
            j[r, k], bound[r, k], kind[r, k] = np.nan, np.inf, UNKNOWN
    one_sided = {True: j.copy(), False: j.copy()}
    values = _known(found.values, structure) if found.values else [arb("nan")] * m
    sides: tuple[dict[int, Ball], dict[int, Ball]] = ({}, {})
    for r, f in closer.items():
        for k, code in f.kind.items():
            kind[r, k] = code
            known = f.entries.get(k)
            j[r, k] = np.nan if known is None else rounded(known[0])
            bound[r, k] = np.inf if known is None else rounded_up(known[1])
            for up, own in ((True, f.plus), (False, f.minus)):
                x = own.get(k)
                value = np.nan if x is None else rounded(x)
                one_sided[up][r, k] = j[r, k] if np.isnan(value) else value
        if f.value is not None:
            values[r] = f.value
        for into, side in zip(sides, (f.value_plus, f.value_minus), strict=True):
            if side is not None:
                into[r] = side
    j, beyond = _narrowed(j)  # too large for the precision of the case: correctly rounded, that is an infinity
    bound[beyond] = 0.0
    for code, rows in left_out.items():
        for r in rows:
            touched = [k for k, c in enumerate(columns) if structure.seen[r] >> c.element & 1]
            kind[r, touched], j[r, touched], bound[r, touched] = code, np.nan, np.inf
            for own_side in one_sided.values():
                own_side[r, touched] = np.nan
            values[r] = arb("nan")
    return Solution(
        kinds=tuple(o.kind for o in outputs), shapes=tuple(o.shape for o in outputs),
        values=_packed(outputs, values, {}), j=j, bound=bound, kind=kind, plus=one_sided[True],
        minus=one_sided[False],
        value_plus=_sided(outputs, values, sides[0]), value_minus=_sided(outputs, values, sides[1]),
        samples=_samples(closer, j, kind),
    )


def _known(rows: Sequence[Ball], structure: Structure) -> list[Ball]:
    """The rows, NaN in place of a ball that is too wide to say what the value rounds to."""
    return [x if not x.is_finite() or value_settled(rows, r, structure) else arb("nan") for r, x in enumerate(rows)]


def _packed(outputs: tuple[Array, ...], rows: Sequence[Ball], instead: Mapping[int, Ball]) -> list[Floats]:
    """Rows of balls as one NumPy array an output, in double precision."""
    out, at = [], 0
    for o in outputs:
        if o.kind not in "rc":
            out.append(np.asarray(o.data))
            continue
        parts = []
        for _ in range(2 if o.kind == "c" else 1):
            parts.append(np.array([rounded_or_infinite(instead.get(at + i, rows[at + i])) for i in range(o.size)]))
            at += o.size
        if o.kind == "c":
            packed = np.empty(o.size, np.complex128)
            packed.real, packed.imag = parts
            packed[(np.abs(packed.real) > _largest()) | (np.abs(packed.imag) > _largest())] = complex(np.nan, np.nan)
            out.append(packed.reshape(o.shape))
        else:
            out.append(_narrowed(parts[0])[0].reshape(o.shape))
    return out


def rounded_or_infinite(x: Ball) -> float:
    """As `rounded`, and an exact infinity (a limit) stays one."""
    if x.is_finite() or x.is_nan():
        return rounded(x)
    return float("inf") if x > 0 else float("-inf") if x < 0 else float("nan")


def _sided(outputs: tuple[Array, ...], rows: Sequence[Ball], side: Mapping[int, Ball]) -> list[Floats | None]:
    if not side:
        return [None] * len(outputs)
    return list(_packed(outputs, rows, side))


def _samples(closer: Mapping[int, Found], j: Floats, kind: Floats) -> Floats | None:
    """Limiting derivatives at nearby generic points, (K, rows, columns): every direction that gave one for all rows
    with a kink."""
    rows = [r for r, f in closer.items() if KINK in f.kind.values()]
    if not rows:
        return None
    count = min(len(closer[r].samples) for r in rows)
    out = []
    for n in range(count):
        drawn = [closer[r].samples[n] for r in rows]
        if any(s is None for s in drawn):
            continue
        matrix = j.copy()
        for r, s in zip(rows, drawn, strict=True):
            assert s is not None
            for k, x in s.items():
                matrix[r, k] = rounded(x)
        out.append(matrix)
    return np.stack(out) if out else None


def digits_of(function: Compiled, arrays: Mapping[str, Floats], count: int = 30) -> list[Any]:
    """For every output a nested list of decimal texts, `count` digits each."""
    state.forget()
    problem = Problem(function, arrays)
    with working(max(int(count * 3.4) + 200, 400), ties=True):
        outputs = problem.outputs({})
    return [_texts(o, count) for o in outputs]


def _texts(o: Array, count: int) -> Any:
    if o.kind in "ib":
        return np.asarray(o.data).tolist()
    flat = [x.str(count, radius=False) for x in o.data.ravel().tolist()]
    return np.array(flat, dtype=object).reshape(o.shape).tolist()


__all__ = ["Solution", "digits_of", "flattened", "solve"]
