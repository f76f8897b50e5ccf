"""Checks before the calls of functions that trust the integers they are given: what is out of range never reaches them.

LAPACK swaps the rows that pivots name and `embedding_bag` reads between offsets, without looking: an integer out of
range reads or writes other memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


class OutOfRange(IndexError):
    """An index, pivot, offset or length that points outside the array it belongs to."""


def _within(tensor: Any, low: int, high: int, what: str) -> Any:
    """The tensor, all of whose entries lie in low..high. Raises OutOfRange.

    Where a transform hides the numbers (vmap), they are clamped: what is in range stays as it is.
    """
    try:
        bad = bool(((tensor < low) | (tensor > high)).any())
    except RuntimeError:
        return tensor.clamp(low, high)
    if bad:
        raise OutOfRange(f"{what} must lie between {low} and {high}")
    return tensor


def _lu_solve(function: Function) -> Function:
    """torch.lu_solve(b, LU_data, LU_pivots)."""

    def guarded(input: Any, LU_data: Any, LU_pivots: Any) -> Any:
        return function(input, LU_data, _within(LU_pivots, 1, LU_data.shape[-1], "pivots"))

    return guarded


def _linalg_lu_solve(function: Function) -> Function:
    """torch.linalg.lu_solve(LU, pivots, B, *, left, adjoint)."""

    def guarded(LU: Any, pivots: Any, B: Any, **rest: Any) -> Any:
        return function(LU, _within(pivots, 1, LU.shape[-1], "pivots"), B, **rest)

    return guarded


def _embedding_bag(function: Function) -> Function:
    """torch.nn.functional.embedding_bag(input, weight, offsets=None, ...)."""

    def guarded(input: Any, weight: Any, offsets: Any = None, *more: Any, **rest: Any) -> Any:
        first, second = (input, weight) if not input.dtype.is_floating_point else (weight, input)
        _within(first, 0, second.shape[0] - 1, "indices")
        if offsets is not None:
            _within(offsets, 0, first.numel(), "offsets")
            _within(offsets[1:] - offsets[:-1], 0, first.numel(), "steps from offset to offset")
        return function(input, weight, offsets, *more, **rest)

    return guarded


GUARDS: dict[str, Callable[[Function], Function]] = {
    "torch.lu_solve": _lu_solve,
    "torch.linalg.lu_solve": _linalg_lu_solve,
    "torch.nn.functional.embedding_bag": _embedding_bag,
}
