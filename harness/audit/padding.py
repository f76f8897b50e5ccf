"""Rows of tables to which torch sends no gradient, as its documentation says: `padding_idx` of an embedding.

The value depends on such a row like on any other, so differences would accuse a gradient that is as it is meant to be.
They leave the row alone; that the other side's table moves there is a difference all the same, and nobody's mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.audit.judging import judge_gradient, largest
from harness.audit.result import HARMLESS, ParameterRow
from harness.audit.state import Faults, State


def settle(state: State, rows: Sequence[ParameterRow]) -> tuple[ParameterRow, ...]:
    """The rows, those of padded tables with what torch leaves out; the rows of tables are noted in the state.
    Raises Faults."""
    links = {x.torch: x for x in state.differentiated}
    if not any(_empty(state.gradients(x)[0]) for x in links.values()):
        return tuple(rows)
    try:
        found = state.ask("padded")["torch"]["padded"]
    except Faults as fault:
        if fault.lost:
            raise
        return tuple(rows)
    for name, k in found:
        gradient = state.gradients(links[name])[0] if name in links else None
        if gradient is None or not gradient[k].any():
            state.padded[name] = k
    return tuple(_told(state, row) if row.torch in state.padded else row for row in rows)


def _empty(gradient: np.ndarray | None) -> bool:
    return gradient is not None and gradient.ndim == 2 and bool((~gradient.any(axis=1)).any())


def _told(state: State, row: ParameterRow) -> ParameterRow:
    x = next(x for x in state.differentiated if x.torch == row.torch)
    left, right = state.gradients(x)
    if row.verdict in HARMLESS or left is None or right is None:
        return row
    k = state.padded[row.torch]
    rest = judge_gradient(np.delete(left, k, 0), np.delete(right, k, 0), state.tol, whole=largest(right),
                          atol=state.options.atol, raw_sign=state.loaded["jax"].raw_sign)
    if rest.verdict not in HARMLESS:
        return row
    return replace(row, word="padding", note=f"torch's embedding sends no gradient to row {k}, its padding_idx, as "
                   "documented; JAX's table gets one there")


def hint(row: ParameterRow) -> str:
    """What to write where the other side's table is to stay as torch's does; "" for any other row."""
    if row.word != "padding":
        return ""
    k = row.note.partition(" row ")[2].partition(",")[0]
    return (f"{row.name}: {row.note}. For tables that train alike, on the JAX side: "
            f"table.at[{k}].set(jax.lax.stop_gradient(table[{k}])) before it is looked up.")
