"""The derivative of an operation, and that of the four of arithmetic without looking at the function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.formats import Format
from harness.reference.ball_arrays import Array
from harness.reference.precision import Ball

Floats = np.ndarray[Any, np.dtype[Any]]

#: Rearrangements, and functions that return one of their arguments: nothing is rounded.
STRUCTURAL = frozenset((
    "getitem", "reshape", "transpose", "matrix_transpose", "swapaxes", "moveaxis", "permute_dims", "squeeze", "flatten",
    "expand_dims", "broadcast_to", "concatenate", "concat", "stack", "flip", "roll", "real", "imag", "conj", "negative",
    "positive", "abs", "maximum", "minimum", "max", "min", "clip", "where", "sort", "take", "diag", "diagonal", "tril",
    "triu", "relu", "repeat", "tile", "ravel", "adjoint", "amax", "amin", "pad",
))


@dataclass(frozen=True)
class Local:
    """(rows, columns) over the real components of all results and all arguments of one operation.

    slope: the derivative; loose: how far a kink may move it; infinite: where there is none; reach: what depends on
    what. samples: (K, rows, columns) derivatives next to a kink, or None. mixes: whether a result combines several
    elements of one argument. structural: nothing is rounded.
    """

    slope: Floats
    loose: Floats
    infinite: Floats
    reach: Floats
    mixes: bool
    structural: bool
    samples: Floats | None = None

    def rows(self, first: int, count: int) -> Local:
        mine = slice(first, first + count)
        return Local(self.slope[mine], self.loose[mine], self.infinite[mine], self.reach[mine], self.mixes,
                     self.structural, None if self.samples is None else self.samples[:, mine])


def number(x: Ball) -> Any:
    """The double that an exact ball holds."""
    if hasattr(x, "imag") and type(x).__name__ == "acb":
        return complex(number(x.real), number(x.imag))
    return float(x.mid()) if x.is_finite() else float("nan") if x.is_nan() else float("inf") if x > 0 else -float("inf")


#: Operations whose derivative is known without looking at the function.
ARITHMETIC = ("add", "subtract", "multiply", "divide", "negative")


def arithmetic(name: str, arrays: Sequence[Array], form: Format) -> Local | None:
    """`Local` of a sum, difference, product, quotient or negative of arrays of finite numbers; else None."""
    if name not in ARITHMETIC or any(a.kind not in "rc" for a in arrays):
        return None
    if len(arrays) != (1 if name == "negative" else 2):
        return None
    held = [np.array([number(x) for x in a.data.ravel().tolist()], np.clongdouble).reshape(a.shape) for a in arrays]
    if not all(np.isfinite(h).all() for h in held) or (name == "divide" and not held[1].all()):
        return None
    one = np.ones(np.broadcast_shapes(*(h.shape for h in held)), np.clongdouble)
    with np.errstate(all="ignore"):
        rules: dict[str, Any] = {
            "add": lambda a, b: (one, one), "subtract": lambda a, b: (one, -one), "negative": lambda a: (-one,),
            "multiply": lambda a, b: (one * b, one * a), "divide": lambda a, b: (one / b, -a / b / b),
        }
        slopes = rules[name](*held)
    whole = any(a.kind == "c" for a in arrays)
    widths = [a.size * (2 if a.kind == "c" else 1) for a in arrays]
    slope = np.zeros((one.size * (1 + whole), sum(widths)), np.longdouble)
    reach = np.zeros(slope.shape, bool)
    rows, at = np.arange(one.size), 0
    for a, own, width in zip(arrays, slopes, widths, strict=True):
        column = np.broadcast_to(np.arange(a.size).reshape(a.shape), one.shape).ravel() + at
        s = np.broadcast_to(own, one.shape).ravel()
        parts = [(0, 0, s.real), (1, 0, s.imag)] + ([(0, 1, -s.imag), (1, 1, s.real)] if a.kind == "c" else [])
        for row_part, column_part, part in parts[:: 1 if whole else 2]:
            where = rows + row_part * one.size, column + column_part * a.size
            slope[where], reach[where] = part, True
        at += width
    infinite = reach & ~(np.abs(slope) <= form.largest)
    slope = np.where(np.isfinite(slope), slope, 0)
    return Local(slope, np.zeros(slope.shape, np.longdouble), infinite, reach, False, name in STRUCTURAL)
