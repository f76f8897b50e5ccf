"""Sides of one portable text that frameworks document as different functions: each answers for its own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from harness.comparison.context import Context
from harness.comparison.rounding import output_position, point_of, portable
from harness.comparison.value_kinds import Array
from harness.formats import DTYPES


def told(context: Context, row: int) -> str:
    """What a row's text names that frameworks document as different functions; "" where it names no such thing."""
    text = portable(context, row)
    if not text or find_spec("flint") is None:  # the reference is not installed
        return ""
    from harness.reference.documented import told as sentence

    return sentence(text)


def own_value(context: Context, row: int, family: str = "") -> Array | None:
    """Components of a value as the row's family (or another) documents its function; None where nobody knows."""
    found = _own(context, row, family)[0]
    k = output_position(context, row)
    return found[k] if found is not None and 0 <= k < len(found) else None


def two_functions(context: Context, left: int, right: int) -> str:
    """A sentence where the documented functions of two rows of one text differ, at the point or beside it; or "".

    The reference's own text counts as the documented function of the reference.
    """
    row = left if told(context, left) else right
    sentence = told(context, row)
    if not sentence:
        return ""
    a, b = (_own(context, row, context.targets[int(context.joiner.target[r])].family) for r in (left, right))
    k = output_position(context, row)
    same = all(x is not None and y is not None and 0 <= k < len(x) and np.array_equal(x[k], y[k], equal_nan=True)
               for x, y in zip(a, b, strict=True))
    return "" if same else f"two documented functions: {sentence}"


def _own(context: Context, row: int, family: str = "") -> tuple[list[Array] | None, list[Array] | None]:
    """Values of the function that a family documents: at the point of a row, and next to it."""
    from harness.reference.documented import own_values

    seen = context.seen
    family = family or context.targets[int(context.joiner.target[row])].family
    key = ("own value", family, *(seen.text(n, row) for n in ("case", "point", "dtype")))
    if key not in context.memo:
        case, point = context.cases[seen.text("case", row)], point_of(context, row)
        arrays = {} if point is None else point.arrays
        form = DTYPES[seen.text("dtype", row)]
        context.memo[key] = tuple(
            own_values(portable(context, row), case.inputs, each, family, form=form) if each else None
            for each in (arrays, {name: _beside(x) for name, x in arrays.items()}))
    found: tuple[list[Array] | None, list[Array] | None] = context.memo[key]
    return found


def _beside(x: Any) -> Any:
    """An array with every number moved a little, each by its own part of it."""
    a = np.asarray(x)
    with np.errstate(invalid="ignore"):
        return a + (np.abs(a) + 1) * np.linspace(0.001, 0.002, a.size).reshape(a.shape) if a.dtype.kind in "fc" else a
