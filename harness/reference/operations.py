"""What an operation is at given numbers: its results and its derivative, remembered by content.

Nothing else enters: every operation is evaluated as if it were the only one, so that the same operation at the same
numbers is one question, in whatever text, at whatever point and however often it is met.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.formats import Format
from harness.reference.arithmetic import Local
from harness.reference.ball_arrays import Array
from harness.reference.local import derived
from harness.reference.precision import state, working

Floats = np.ndarray[Any, np.dtype[Any]]
_BITS = 300


@dataclass
class Met:
    """raw: what the function returned; outputs: the same as a list; exact: the real components of each to the nearest
    double, none of what is not real or complex; local: the derivative, without those next to a kink."""

    raw: Any
    outputs: list[Any]
    exact: list[Floats]
    local: Local
    sampler: Callable[[], Floats | None] | None = None
    sampled: Local | None = None
    work: int = 0  # elements that the evaluation took, and the derivatives next to a kink
    more: int = 0

    @property
    def size(self) -> int:
        """Entries that are held."""
        return self.local.slope.size + sum(x.size for x in self.exact)

    def next_to_kinks(self) -> Local:
        """The derivative with those next to a kink, where there are any."""
        if self.sampler is not None:
            sampler, self.sampler = self.sampler, None
            samples, self.more = _counted(sampler)
            self.sampled = replace(self.local, samples=samples)
        else:
            state.work(self.more)
        return self.local if self.sampled is None else self.sampled


_KEPT: dict[Hashable, Met] = {}
_MOST = 1 << 21  # entries that are held of all together
_held = 0


def meet(
    key: Hashable, name: str, function: Callable[[Sequence[Array]], Any], arrays: Sequence[Array], form: Format,
) -> Met:
    """An operation at its arguments; key: all that it depends on, None where that is not known.

    Work is counted as if nothing were remembered (`State.work`), so that a text is refused for what it asks, and not
    for what came before it. Raises TooLarge, and what the function raises.
    """
    global _held
    met = None if key is None else _KEPT.get(key)
    if met is not None:
        state.work(met.work)
        return met
    made: Met
    made, work = _counted(lambda: _met(name, function, arrays, form))
    met = replace(made, work=work)
    if key is not None:
        if _held + met.size > _MOST:
            _KEPT.clear()
            _held = 0
        _held += met.size
        _KEPT[key] = met
    return met


def _met(name: str, function: Callable[[Sequence[Array]], Any], arrays: Sequence[Array], form: Format) -> Met:
    with working(_BITS, ties=True):
        raw = function(arrays)
    outputs = _listed(raw)
    exact = [components(o) if isinstance(o, Array) and o.kind in "rc" else np.zeros(0) for o in outputs]
    if not any(isinstance(o, Array) for o in outputs):
        nothing = np.zeros((0, 0))
        return Met(raw, outputs, exact, Local(nothing, nothing, nothing > 0, nothing > 0, False, False))
    local, sampler = derived(lambda xs: _listed(function(xs)), arrays, name, form)
    return Met(raw, outputs, exact, local, sampler)


def _counted(function: Callable[[], Any]) -> tuple[Any, int]:
    """What a function returns and the work that it took; it is evaluated as if it were the first."""
    state.begin()
    state.vectors.clear()
    room = state.room
    start = state.room = _ENDLESS if room is None else room
    try:
        found = function()
        return found, start - state.room
    finally:
        state.room = None if room is None else state.room


_ENDLESS = 1 << 62


def _listed(raw: Any) -> list[Any]:
    return list(raw) if isinstance(raw, (list, tuple)) else [raw]


def components(x: Array) -> Floats:
    """Real components of an array of balls, to the nearest double; infinities are kept."""
    return np.array([_nearest(b) for b in parts(x)], np.float64)


def parts(x: Array) -> list[Any]:
    """Real components of an array: real parts, then imaginary parts."""
    flat = x.balls().data.ravel().tolist()
    return [z.real for z in flat] + [z.imag for z in flat] if x.kind == "c" else flat


def _nearest(b: Any) -> float:
    if b.is_finite():
        return float(b.mid())
    return float("nan") if b.is_nan() or b.contains(0) else float("inf") if b > 0 else float("-inf")
