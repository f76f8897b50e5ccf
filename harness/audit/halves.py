"""Half precision: both sides are judged by its rounding, and once more in single precision at the same numbers.

Eight or eleven bits tell rounding from a mistake only where that is large, and differences of values in them tell
nothing. So what is put in in half precision is put in in single precision as well, exactly: where the two programs
agree there, what differs in half is rounding; where they differ, everything that an audit asks further (who is right,
where it starts) is asked of the programs in single precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from harness.audit.precision import tolerance
from harness.audit.result import ParameterRow, ValueRow
from harness.audit.state import SIDES, Faults, State
from harness.backends.side.values import coarsest

Row = TypeVar("Row", ValueRow, ParameterRow)

_NAMES = {"torch": "torch", "jax": "JAX"}


def of_state(state: State) -> str:
    """The coarsest half precision among what is differentiated and returned; "" where there is none."""
    leaves = [leaf.half for side in SIDES for leaf in state.loaded[side].leaves if leaf.differentiate]
    return coarsest([*leaves, *(state.seen[side].half for side in SIDES)])


def widened(state: State, evaluate: Callable[[], object]) -> bool:
    """Evaluate both sides in single precision at the same numbers, and go on so; False where a side cannot.

    `state.seen` and `state.tol` are then those of single precision. Raises Faults where a process is lost.
    """
    before = state.seen
    try:
        state.ask("widen", lambda side: {"wide": True})
        evaluate()
    except Faults as fault:
        if fault.lost:
            raise
        state.ask("widen", lambda side: {"wide": False})
        state.seen, state.stuck = before, True
        return False
    state.tol = tolerance("float32", state.options.rtol)
    return True


def judged(
    state: State, half: tuple[Sequence[ValueRow], Sequence[ParameterRow]],
    wide: tuple[Sequence[ValueRow], Sequence[ParameterRow]],
) -> tuple[tuple[ValueRow, ...], tuple[ParameterRow, ...]]:
    """Rows of the audit from those of both precisions: what agrees in half agrees, unless it differs in single
    precision by more than half precision rounds; what agrees in single precision alone is `precision`; and of all else
    the row in single precision tells more."""
    unit = tolerance(state.half, None).fine
    rows = tuple(_one(state, a, b, unit) for a, b in zip(half[1], wide[1], strict=True))
    values = tuple(_one(state, a, b, unit) for a, b in zip(half[0], wide[0], strict=True))
    apart = [_apart(a, b, unit) for a, b in zip(half[0], wide[0], strict=True)]
    apart += [_apart(a, b, unit) for a, b in zip(half[1], wide[1], strict=True)]
    if any(apart):
        return tuple(wide[0]), rows  # where a mistake is, the values in single precision say whether it is theirs
    return values, rows


def _apart(half: ValueRow | ParameterRow, wide: ValueRow | ParameterRow, unit: float) -> bool:
    """Whether a row differs by more than rounding in half precision makes of it."""
    differs = wide.verdict not in ("agree", "precision")
    return differs and (half.verdict != "agree" or not wide.max_rel <= unit)


def _one(state: State, half: Row, wide: Row, unit: float) -> Row:
    if _apart(half, wide, unit):
        return replace(wide, dtype=half.dtype) if isinstance(wide, ParameterRow) else wide  # type: ignore
    if half.verdict == "agree":
        return half
    told = f"the sides agree in single precision: {state.half} rounds"
    if half.verdict == "nonfinite":
        told = f"the sides agree in single precision: beyond the range of {state.half}"
    changes: dict[str, Any] = {"note" if isinstance(half, ParameterRow) else "pattern": told}
    return replace(half, verdict=half.verdict if half.verdict == "nonfinite" else "precision", **changes)


def said(state: State, wide: bool) -> list[str]:
    """What is said first of an audit in half precision."""
    found = {side: coarsest([*(leaf.half for leaf in state.loaded[side].leaves), state.seen[side].half])
             for side in SIDES}
    who = " and ".join(_NAMES[side] for side in SIDES if found[side])
    out = [f"Precision: {who} compute{'' if ' and ' in who else 's'} in {state.half}: compared to its rounding."]
    if wide:
        return [f"{out[0]} Who is right and where it starts is told in single precision, at the same numbers."]
    return [f"{out[0]} In single precision the function cannot be evaluated: finite differences are not taken, and "
            "where it starts is not looked for."]
