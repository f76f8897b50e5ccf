"""Which single number of a finding a script shows: the worst one for which the reference has evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.formats import DOUBLE, Format
from harness.model import Case
from harness.reference.derivative import Differences
from harness.reference.function import Compiled, Problem
from harness.reference.precision import Undecided, state, working
from harness.reference.singular import REMOVABLE, SMOOTH
from harness.reference.solution import Solution

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Coordinate:
    """One real coordinate of an input: its element (flat) and part (0 real, 1 imaginary)."""

    name: str
    index: int
    part: int
    place: str  # "z[0, 1]" as Python


@dataclass(frozen=True)
class Entry:
    """One real number: a part of an output element, or its derivative along one coordinate, two or three."""

    words: str
    label: str
    output: int
    out_index: int | None  # None: the sum of all elements (a loss)
    out_part: int
    inputs: tuple[str, ...]  # differentiated inputs it speaks of, the first one leading
    along: tuple[Coordinate, ...]
    value: float
    digits: str
    bound: float
    floor: float  # the size against which an absolute error is measured: the other entries of the same block
    elementwise: bool
    row: int = -1  # of J, and its column; -1 where the number is not an entry of J
    column: int = -1


def with_digits(entry: Entry, function: Compiled, arrays: Mapping[str, Array], *, form: Format) -> Entry:
    """The entry with thirty digits where they can be had (a value, a first derivative)."""
    if entry.row < 0:
        return entry
    state.forget()
    state.form = form
    try:
        problem = Problem(function, arrays)
        if entry.column < 0:
            with working(800, ties=True):
                ball = problem.rows_at({})[entry.row]
        else:
            found = Differences(problem, rows={entry.row}).differential(directions=0)
            known = found.entries.get((entry.row, entry.column))
            if known is None or not known.settled:
                return entry
            ball = known.value
        text = str(ball.str(30, radius=False))
        return replace(entry, digits=text) if abs(float(text) - entry.value) <= 1e-12 * abs(entry.value) else entry
    except Undecided:  # a tie in the function: the sixteen digits that were recorded have to do
        return entry
    finally:
        state.forget()
        state.form = DOUBLE


def chosen_entry(
    case: Case, row: Mapping[str, Any], returned: Array, solution: Solution, arrays: Mapping[str, Array],
) -> Entry:
    """The worst entry of a row. Raises ValueError where none differs from a known truth."""
    names = case.outputs if len(case.outputs) == len(solution.kinds) else _default_names(len(solution.kinds))
    output = names.index(str(row["output"])) if str(row["output"]) in names else 0
    columns = _columns(case, arrays)
    quantity = str(row["quantity"])
    if quantity == "value":
        return _value(returned, solution, output)
    if quantity == "differential":
        return _differential(returned, solution, output, str(row["input"]), columns)
    if quantity == "hessian":
        return _hessian(returned, solution, output, str(row["input"]), columns)
    if quantity == "third":
        return _third(returned, solution, output, str(row["input"]), columns)
    raise ValueError(f"no script for rows of quantity {quantity!r}: choose the differential that it follows from")


def _default_names(count: int) -> tuple[str, ...]:
    return ("out",) if count == 1 else tuple(f"out{k}" for k in range(count))


def _columns(case: Case, arrays: Mapping[str, Array]) -> dict[str, list[Coordinate]]:
    """The coordinates of each differentiated input, in the order of J's columns."""
    out = {}
    for i in case.inputs:
        a = arrays[i.name]
        if i.differentiate and a.dtype.kind in "fc":
            out[i.name] = [
                Coordinate(i.name, k, part, _place(i.name, a.shape, k))
                for part in range(2 if a.dtype.kind == "c" else 1) for k in range(a.size)]
    return out


def _slices(columns: Mapping[str, list[Coordinate]]) -> dict[str, slice]:
    out, at = {}, 0
    for name, own in columns.items():
        out[name] = slice(at, at + len(own))
        at += len(own)
    return out


def digits(x: float) -> str:
    """The decimal that reads back as the double nearest to the truth."""
    return repr(float(x))


def _worst(returned: Array, truth: Array, usable: Array, block: Array) -> tuple[int, ...]:
    """The index of the entry that is furthest off, NaN and infinity before any number."""
    with np.errstate(all="ignore"):
        off = np.abs(returned - truth) / np.maximum(block, 1e-300)
    off = np.where(np.isfinite(returned), off, np.inf)
    off = np.where(usable, off, -1.0)
    where = np.unravel_index(int(np.argmax(off)), off.shape)
    if not off[where] > 0:
        raise ValueError("nothing that was returned differs from what the reference knows")
    return tuple(int(i) for i in where)


def _output_rows(s: Solution, output: int) -> tuple[int, int]:
    """(first row of J, number of elements) of an output."""
    at = 0
    for k, (kind, shape) in enumerate(zip(s.kinds, s.shapes, strict=True)):
        size = int(np.prod(shape, dtype=np.int64))
        if k == output:
            return at, size
        at += size * (2 if kind == "c" else 1) if kind in "rc" else 0
    raise ValueError("there is no such output")


def _place(name: str, shape: tuple[int, ...], index: int) -> str:
    return f"{name}[{', '.join(map(str, np.unravel_index(index, shape)))}]" if shape else name


def _part(is_complex: bool, part: int, text: str) -> str:
    return ("Re " if part == 0 else "Im ") + text if is_complex else text


def _value(returned: Array, s: Solution, output: int) -> Entry:
    truth = s.values[output]
    both = [np.stack([np.real(a), np.imag(a)]).reshape(2, -1).astype(float) for a in (returned, truth)]
    block = np.broadcast_to(np.hypot(*both[1]), both[1].shape)
    part, index = _worst(both[0], both[1], np.isfinite(both[1]), block)
    label = _part(s.kinds[output] == "c", part, _place("f", s.shapes[output], index))
    value = float(both[1][part, index])
    first, size = _output_rows(s, output)
    floor = float(block[part, index])
    return Entry("value", label, output, index, part, (), (), value, digits(value), 0.0, floor, True,
                 first + part * size + index)


def _differential(
    returned: Array, s: Solution, output: int, name: str, columns: Mapping[str, list[Coordinate]],
) -> Entry:
    first, size = _output_rows(s, output)
    rows = slice(first, first + size * (2 if s.kinds[output] == "c" else 1))
    own = _slices(columns)[name]
    truth, bound = s.j[rows, own], s.bound[rows, own]
    if truth.shape != returned.shape:
        raise ValueError(f"J is {truth.shape} and what was returned is {returned.shape}")
    n = max(c.index for c in columns[name]) + 1
    block = _blocks(np.abs(truth), size, n)
    block = np.where(block > 0, block, 1e-12 * np.nanmax(np.abs(truth), initial=0.0))
    usable = np.isin(s.kind[rows, own], (SMOOTH, REMOVABLE)) & np.isfinite(truth)
    with np.errstate(all="ignore"):
        off = np.abs(returned.astype(float) - truth)
    usable &= bound <= 1e-3 * np.where(np.isfinite(off), off, np.inf)
    r, k = _worst(returned.astype(float), truth, usable, block)
    along = columns[name][k]
    part, index = divmod(r, size)
    numerator = _part(s.kinds[output] == "c", part, _place("f", s.shapes[output], index))
    denominator = _part(len(columns[name]) > n, along.part, along.place)
    others = s.j[rows, :][r]
    here = np.flatnonzero(others)
    every = [c for own_columns in columns.values() for c in own_columns]
    elementwise = all(every[int(j)].index == along.index for j in here) and index == along.index
    value = float(truth[r, k])
    return Entry(
        "derivative", f"d {numerator} / d {denominator}", output, index, part, (name,), (along,), value, digits(value),
        float(bound[r, k]), float(block[r, k]), elementwise, first + r, own.start + k)


def _blocks(size: Array, m: int, n: int) -> Array:
    """For every entry of J the largest of the four of its complex derivative."""
    wide = size.reshape(size.shape[0] // m, m, size.shape[1] // n, n)
    largest = np.nanmax(np.nan_to_num(wide, posinf=0.0), axis=(0, 2), keepdims=True)
    return np.broadcast_to(largest, wide.shape).reshape(size.shape)


def _hessian(
    returned: Array, s: Solution, output: int, pair: str, columns: Mapping[str, list[Coordinate]],
) -> Entry:
    left, _, right = pair.partition(",")
    right = right or left
    where = _slices(columns)
    matrix, bound, kind = (part[where[left], where[right]] for part in s.hessians[output][:3])
    if matrix.shape != returned.shape:
        raise ValueError(f"the Hessian block is {matrix.shape} and what was returned is {returned.shape}")
    block = np.full(matrix.shape, np.nanmax(np.abs(matrix), initial=0.0))
    a, b = _worst(returned.astype(float), matrix, (kind == SMOOTH) & np.isfinite(matrix), block)
    first, second = columns[left][a], columns[right][b]
    words = [_part(any(c.part for c in columns[x.name]), x.part, x.place) for x in (first, second)]
    value = float(matrix[a, b])
    return Entry(
        "second derivative", f"d2 sum(f) / d {words[0]} d {words[1]}", output, None, 0, (left, right),
        (first, second), value, digits(value), float(bound[a, b]), float(block[a, b]), first.index == second.index)


def _third(
    returned: Array, s: Solution, output: int, names: str, columns: Mapping[str, list[Coordinate]],
) -> Entry:
    own = (names.split(",") * 3)[:3]
    where = _slices(columns)
    value, bound, kind = (part[tuple(where[name] for name in own)] for part in s.thirds[output][:3])
    if value.size != returned.size:
        raise ValueError(f"the third derivatives are {value.shape} and what was returned is {returned.shape}")
    shape = (value.shape[0] * value.shape[1], value.shape[2])
    block = np.full(shape, np.nanmax(np.abs(value), initial=0.0))
    flat = value.reshape(shape)
    known = ((kind == SMOOTH) & np.isfinite(value)).reshape(shape)
    row, c = _worst(returned.astype(float).reshape(shape), flat, known, block)
    a, b = divmod(int(row), value.shape[1])
    along = tuple(columns[name][k] for name, k in zip(own, (a, b, c), strict=True))
    words = [_part(any(x.part for x in columns[c.name]), c.part, c.place) for c in along]
    right = float(flat[row, c])
    return Entry(
        "third derivative", f"d3 sum(f) / d {' d '.join(words)}", output, None, 0, tuple(own), along, right,
        digits(right), float(bound[a, b, c]), float(block[row, c]), len({x.index for x in along}) == 1)
