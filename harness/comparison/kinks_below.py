"""Higher derivatives along an input at a kink of a lower one: finite numbers are choices there, not mistakes."""

from __future__ import annotations

import numpy as np

from harness.comparison.context import Context
from harness.comparison.facts import KINK, FactIndex
from harness.comparison.targets import REFERENCE
from harness.comparison.value_kinds import Array, Form


def kinks_below(context: Context, index: FactIndex, row: int, form: Form, quantity: str) -> Array:
    """(m, n) bool: entries of a Hessian along an input at a kink of which the first derivative jumps, or of third
    derivatives along one where the first or the second does."""
    names = context.seen.text("input", row).split(",")
    if quantity != "third":
        rows, columns = (_first(context, index, row, name) for name in (names[0], names[-1]))
    else:
        a, b, c = (names * 3)[:3]
        both = [np.tile(_lower(context, index, row, name), _parts(context, row, name)) for name in (a, b)]
        rows = (both[0][:, None] | both[1][None, :]).reshape(-1)
        columns = _lower(context, index, row, c)
    rows = rows if rows.size == form.m else np.zeros(form.m, bool)
    columns = columns if columns.size == form.n else np.zeros(form.n, bool)
    return np.asarray(rows[:, None] | columns[None, :])


def _first(context: Context, index: FactIndex, row: int, name: str) -> Array:
    """(n,) bool: numbers of an input at a kink of the function; empty where nothing is known."""
    return _of(context, index, context.row_of("differential", row, name), "differential")


def _lower(context: Context, index: FactIndex, row: int, name: str) -> Array:
    """(n,) bool: numbers of an input at a kink of the function or of its gradient."""
    out = _first(context, index, row, name)
    for other in context.inputs_of(row):
        pair = name if other == name else f"{other},{name}"
        more = _of(context, index, context.row_of("hessian", row, pair), "hessian")
        out = out | more if more.size == out.size else out
    return out


def _of(context: Context, index: FactIndex, j: int, quantity: str) -> Array:
    form = context.j_form(j) if j >= 0 else None
    facts = [] if form is None else [f for f in index.of(j, form, quantity) if f.evidence == REFERENCE]
    return np.asarray((facts[0].kind == KINK).any(axis=(0, 2))) if facts else np.zeros(0, bool)


def _parts(context: Context, row: int, name: str) -> int:
    """Real components of one number of an input."""
    case = context.cases.get(context.seen.text("case", row))
    return 2 if case is not None and any(i.name == name and i.kind == "complex" for i in case.inputs) else 1
