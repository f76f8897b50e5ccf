"""Both sides at another point, and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.audit.checks import Direction, as_leaf, twin
from harness.audit.sides import evaluated
from harness.audit.state import SIDES, Faults, State
from harness.wirtinger import Array


def moved(state: State, along: Direction, t: float) -> State:
    """Both sides at x + t d, and what they return there. Raises Faults."""
    new: dict[str, dict[str, Array]] = {side: {} for side in SIDES}
    for x in along.links:
        step = along.arrays[x.torch] * np.asarray(t, along.arrays[x.torch].dtype)
        for side, name, change in (("torch", x.torch, step), ("jax", x.jax, as_leaf(state, x, step))):
            old = state.array(side, name)
            held = state.sets.get(x.torch)
            held = twin(state, x, held) if held is not None and side == "jax" else held
            new[side][name] = np.asarray(old + change if held is None else held.back(old + change), dtype=old.dtype)
    state.ask("replace", lambda side: {"arrays": new[side]})
    silent = state.seen["torch"].silent
    active = sum(v.dtype.kind in "fc" for v in state.seen["torch"].outputs.values())
    left_out = list(silent) if len(silent) < active else []
    replies = state.ask("gradient", lambda side: {"repeat": False, "silent": left_out})
    loaded = {
        side: replace(held, leaves=tuple(replace(y, array=new[side].get(y.name, y.array)) for y in held.leaves))
        for side, held in state.loaded.items()
    }
    return replace(state, loaded=loaded, seen={side: evaluated(replies[side]) for side in SIDES})


def put_back(state: State) -> None:
    old = {side: {y.name: y.array for y in state.loaded[side].leaves if y.array is not None} for side in SIDES}
    try:
        state.ask("replace", lambda side: {"arrays": old[side]})
    except Faults:  # a side that is gone has said so already
        return
