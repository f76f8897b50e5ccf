"""Dtypes that change on the way: a wrapper that computes in single precision, parameters that are stored in it.

What a program computes in single precision inside it computes to single precision, and so it is with all that comes of
it: value, gradient, and what finite differences can tell. Lines that do so are looked for where something differs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from harness.audit.result import HARMLESS, ParameterRow, ValueRow
from harness.audit.state import SIDES, Faults, State
from harness.comparison.tolerance import Tolerances, tolerances
from harness.formats import DTYPES
from harness.model import Tolerance
from harness.report.text import some
from harness.wirtinger import below_double

Row = TypeVar("Row", ValueRow, ParameterRow)

_NAMES = {"torch": "torch", "jax": "JAX"}


def tolerance(dtype: str, rtol: float | None) -> Tolerances:
    """Of a precision, unless the user says otherwise."""
    found = tolerances(dtype, None if rtol is None else Tolerance(rtol))
    return found if rtol is None else replace(found, fine=rtol)


def inside(state: State, rows: Iterable[ValueRow | ParameterRow | bool]) -> bool:
    """Whether a side computes in a narrower precision inside than that of its inputs; asked once, and only where
    something differs (a row, or True). From then on tolerances are those of that precision. Raises Faults."""
    if state.narrow or state.stuck or all(r is False or getattr(r, "verdict", "") == "agree" for r in rows):
        return False
    try:
        found = state.ask("narrow")
    except Faults as fault:
        if fault.lost:
            raise
        found = {side: {"narrow": []} for side in SIDES}
    state.narrow = {side: [(file, line, dtype, text) for file, line, dtype, text in found[side]["narrow"]]
                    for side in SIDES}
    if not any(state.narrow.values()):
        return False
    state.outer = state.tol
    state.tol = tolerance(state.inside, state.options.rtol)
    state.noise.clear()
    return True


def softened(fine: Sequence[Row], coarse: Sequence[Row]) -> tuple[Row, ...]:
    """Rows as judged to single precision; what agrees to that alone says so. A value stays apart where it is off by
    more than rounding: that tells of another function."""
    out = []
    for a, b in zip(fine, coarse, strict=True):
        of_value = isinstance(b, ValueRow)
        if a.verdict == "agree" or b.verdict not in (("agree",) if of_value else HARMLESS):
            out.append(a)
        elif of_value:
            out.append(replace(b, verdict="precision"))
        else:  # what is little beside the others in single precision is not zero for that
            out.append(replace(b, verdict="precision", blind=a.blind, note=""))  # type: ignore[call-arg, attr-defined]
    return tuple(out)


def said_inside(state: State) -> list[str]:
    """The lines on which a narrower precision is inside."""
    out = []
    for side, found in state.narrow.items():
        if found:
            file, line, dtype, text = found[0]
            where = f": {os.path.basename(file)}:{line}  {text}" if file else ""
            more = f" (and on {len(found) - 1} more line{'s' * (len(found) > 2)})" if found[1:] else ""
            given = "single" if state.single else "double"
            out.append(f"Precision: {_NAMES[side]} computes in {dtype} inside although its inputs are in {given} "
                       f"precision{where}{more}. What comes of that is compared to {state.inside_words} precision.")
    return out


def narrowed(state: State) -> list[str]:
    """What comes back in another precision than it was given in, and what the two sides hold in different ones."""
    out = []
    for side in SIDES:
        given = [state.array(side, x.torch if side == "torch" else x.jax) for x in state.differentiated]
        narrow = [(name, a) for name, a in state.seen[side].outputs.items() if below_double(a.dtype)]
        if narrow and not any(below_double(a.dtype) for a in given):
            name, first = narrow[0]
            what = "its value" if name == "value" else f"the output {name}"
            more = f" (and {len(narrow) - 1} more outputs)" if narrow[1:] else ""
            out.append(f"Precision: {_NAMES[side]} returns {what}{more} in {first.dtype} although all its inputs are "
                       "in double precision; everything is compared to single precision for that.")
        held = {leaf.name: leaf.array for leaf in state.loaded[side].leaves if leaf.array is not None}
        turned = [name for name, g in state.seen[side].gradients.items()
                  if g is not None and name in held and below_double(g.dtype) and not below_double(held[name].dtype)]
        if turned:
            out.append(f"Precision: {_NAMES[side]} returns the gradient of {some(turned)} in single precision, "
                       "which is given in double precision.")
    words = [(x, state.dtype("torch", x.torch), state.dtype("jax", x.jax)) for x in state.differentiated]
    mixed = [(x, a, b) for x, a, b in words if DTYPES[a] != DTYPES[b]]
    if mixed:
        _, in_torch, in_jax = mixed[0]
        out.append(f"Precision: {some([x.torch for x, _, _ in mixed])}: {in_torch} in torch, {in_jax} in JAX.")
    return out
