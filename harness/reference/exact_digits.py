"""The reference's digits for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from flint import acb

from harness.formats import DOUBLE, DTYPES
from harness.model import Case, CaseError, Point, Unsupported, as_held
from harness.reference import precision
from harness.reference.derivative import Differences, Differential
from harness.reference.function import Compiled, Problem
from harness.reference.precision import Ball, state, working

_LINES = 24  # entries printed of one matrix


def digits(case: Case, point: Point, dtype: str, count: int = 30) -> str:
    """Lines with each output's elements, then the entries of df/dz and df/dz* (df/dx for a real input).

    Empty where the case has no text for the reference; the reason where it cannot be evaluated.
    """
    source = case.source("reference")
    if source is None or source.kind == "callable":
        return ""
    try:
        with precision.bounded():
            return "\n".join(_lines(case, source.text, point, dtype, count))
    except (Unsupported, CaseError, ValueError, TypeError) as missing:
        return f"no digits: {missing}"
    except precision.Undecided:
        return "no digits: a comparison in the function is a tie here, or nearer to one than these digits can tell"


def _lines(case: Case, text: str, point: Point, dtype: str, count: int) -> Iterator[str]:
    arrays = {i.name: as_held(point.arrays[i.name], i.kind, dtype) for i in case.inputs}
    state.forget()
    state.form = DTYPES[dtype]
    try:
        problem = Problem(Compiled(text, case.inputs), arrays)
        with working(count * 4 + 400, ties=True):
            outputs = problem.outputs({})
        names = case.outputs if len(case.outputs) == len(outputs) else [f"out{k}" for k in range(len(outputs))]
        for name, output in zip(names if len(outputs) > 1 else ["value"], outputs, strict=True):
            flat = output.data.ravel().tolist()
            for k, x in enumerate(flat[:_LINES]):
                yield f"{_place(name, k, output.shape)} = {x if output.kind in 'ib' else shown(x, count)}"
        yield from _derivatives(problem, count)
    finally:
        state.forget()
        state.form = DOUBLE


def _place(name: str, k: int, shape: tuple[int, ...]) -> str:
    return name if not shape else f"{name}[{', '.join(map(str, np.unravel_index(k, shape)))}]"


def shown(x: Ball, count: int) -> str:
    """`count` digits of a ball; a complex number as "re + im j"."""
    if isinstance(x, acb):
        im = x.imag.str(count, radius=False)
        sign, im = ("-", im[1:]) if im.startswith("-") else ("+", im)
        return f"{x.real.str(count, radius=False)} {sign} {im}j"
    return str(x.str(count, radius=False))


def _derivatives(problem: Problem, count: int) -> Iterator[str]:
    structure, columns = problem.structure, problem.columns
    if not structure.rows or 2 * len(structure.groups) > 200:
        return
    found = Differences(problem).differential(directions=0)
    lines = 0
    for r, row in enumerate(structure.rows):
        if row.part:
            continue
        twin = next((q for q, other in enumerate(structure.rows)
                     if (other.output, other.index, other.part) == (row.output, row.index, 1)), None)
        for k, c in enumerate(columns):
            if c.part or not structure.seen[r] >> c.element & 1:
                continue
            if lines >= _LINES:
                yield "..."
                return
            leaf = problem.function.inputs[c.leaf]
            place = f"d out[{row.index}] / d {leaf.name}[{c.index}]"
            other = next((m for m, d in enumerate(columns) if d.element == c.element and d.part), None)
            four = [_entry(found, i, m) for i in (r, twin) for m in (k, other)]
            if any(x is None for x in four):
                yield f"{place}: no derivative settles here"
            else:
                yield f"{place}: {_pair(four, leaf.kind == 'complex', count)}"
            lines += 1


def _entry(found: Differential, r: int | None, k: int | None) -> Any:
    if r is None or k is None:
        return 0
    e = found.entries.get((r, k))
    return 0 if e is None else e.value if e.settled else None


def _pair(four: list[Any], is_complex: bool, count: int) -> str:
    u_x, u_y, v_x, v_y = four
    with working(count * 4 + 400):
        if not is_complex:
            return shown(acb(u_x, v_x) if v_x != 0 else acb(u_x).real, count)
        dz, dzbar = acb(u_x + v_y, v_x - u_y) / 2, acb(u_x - v_y, v_x + u_y) / 2
        return f"df/dz = {shown(dz, count)}, df/dz* = {shown(dzbar, count)}"
