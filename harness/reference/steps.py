"""A text step by step in the precision of a case: what correctly rounded operations make of it.

`Text` evaluates it on a tape (harness/reference/tape.py, which says how operations are followed and after whom), as
it is and with other roundings; `Rounding` is what a comparison asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np

from harness.expr import compile_portable
from harness.expr.calling import group_leaves, result_sequence
from harness.model import Input
from harness.reference import ball_arrays as A
from harness.reference.local import TooLarge
from harness.reference.namespace import namespace
from harness.reference.precision import bounded, state
from harness.reference.tape import Floats, Tape, Track, Value


@dataclass(frozen=True)
class Rounding:
    """What correctly rounded operations make of a text at a point.

    One entry an output: values (components,) and how far they may be off; over all differentiated columns the
    derivative (components, columns), how far rounding (room) and kinks inside that are not followed (loose) may put
    that off, how the limits at each kink move it (choices, a tuple of (K, components, columns)), and the
    entries in which a pullback (wild) or a pushforward (spoilt) meets 0 * inf.
    kinked: (columns,) where an operation on the way is met at a kink of its own, whatever becomes of it.
    blame: the operation that loses the digits, or meets a number without a derivative; advice: how to write it.
    """

    kinds: tuple[str, ...]
    values: tuple[Floats, ...]
    value_room: tuple[Floats, ...]
    slope: tuple[Floats, ...]
    size: tuple[Floats, ...]
    room: tuple[Floats, ...]
    loose: tuple[Floats, ...]
    choices: tuple[tuple[Floats, ...], ...]
    wild: tuple[Floats, ...]
    spoilt: tuple[Floats, ...]
    kinked: Floats
    blame: str
    advice: str
    operations: tuple[str, ...]


#: Random roundings that are tried, and how far beyond what they show a faithful evaluation may be.
_SEEDS = (1, 2)
_BEYOND = 8.0
#: Rounding errors of the chain rule, in units of eps times the sizes of the terms.
_STABLE = 64.0


class Text:
    """A portable text over the namespace of operations that are followed."""

    def __init__(self, text: str, inputs: Sequence[Input]) -> None:
        self.text, self.inputs = text, tuple(inputs)
        self._tape: list[Tape] = []
        followed = {name: self._followed(name, f) if callable(f) else f for name, f in namespace().items()}
        self._call = compile_portable(text, tuple(dict.fromkeys(i.group for i in inputs)), followed)
        self._pickers = group_leaves(self.inputs)

    def _followed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def apply(*args: Any, **keywords: Any) -> Any:
            return self._tape[-1].apply(name, function, args, keywords)

        return apply

    def evaluate(self, arrays: Mapping[str, Floats], single: bool, draw: Random | None) -> tuple[Tape, list[Value]]:
        """The outputs at a point with their tracks."""
        leaves = [np.asarray(arrays[i.name]) for i in self.inputs]
        widths = [
            a.size * (2 if i.kind == "complex" else 1) if i.differentiate and i.kind in ("real", "complex") else 0
            for a, i in zip(leaves, self.inputs, strict=True)
        ]
        ends = np.cumsum([0, *widths])
        tape = Tape(single, int(ends[-1]), [slice(a, b) for a, b in pairwise(ends)], draw)
        values, at = [], 0
        for a, i, width in zip(leaves, self.inputs, widths, strict=True):
            if i.kind in ("real", "complex"):
                wide = a.astype(np.complex128 if i.kind == "complex" else np.float64)
                if single:
                    with np.errstate(all="ignore"):
                        wide = wide.astype(np.complex64 if i.kind == "complex" else np.float32).astype(wide.dtype)
                array = A.from_numpy(wide)
            else:
                array = A.from_numpy(a)
            track = None
            if width:
                unit = np.zeros((width, tape.columns), np.longdouble)
                unit[np.arange(width), at + np.arange(width)] = 1
                track = Track(unit, unit.copy(), np.zeros_like(unit), np.zeros_like(unit), unit != 0,
                              np.zeros(tape.columns, bool), np.zeros(unit.shape, bool), np.zeros_like(unit))
            values.append(Value(tape, array, track))
            at += width
        self._tape.append(tape)
        try:
            outputs = result_sequence(self._call(*(pick(values) for pick in self._pickers)))
        finally:
            self._tape.pop()
        return tape, [o if isinstance(o, Value) else Value(tape, A.lift(o)) for o in outputs]


def rounding(text: str, inputs: Sequence[Input], arrays: Mapping[str, Floats], *, single: bool) -> Rounding | None:
    """`Rounding` of a portable text at a point; None where it cannot be taken apart or is too large for that.

    arrays: real and complex inputs in double precision, rounded here to the case's.
    """
    key = (text, tuple(inputs), single, tuple(np.asarray(arrays[i.name]).tobytes() for i in inputs))
    if key not in _KEPT:
        if len(_KEPT) >= _MOST:
            _KEPT.clear()
        _KEPT[key] = _rounding(text, inputs, arrays, single)
    return _KEPT[key]


#: Every axis that a run is compared along asks for the same points.
_KEPT: dict[Any, Rounding | None] = {}
_MOST = 4096


def _rounding(text: str, inputs: Sequence[Input], arrays: Mapping[str, Floats], single: bool) -> Rounding | None:
    from harness.reference.advice import advise

    state.forget()
    state.single = single
    try:
        with bounded():
            followed = Text(text, inputs)
            tape, outputs = followed.evaluate(arrays, single, None)
            lost = all(_lost(o) for o in outputs)  # there is nothing finite left that could move
            others = [] if lost else [followed.evaluate(arrays, single, Random(seed))[1] for seed in _SEEDS]
    except TooLarge:
        return None
    except Exception:  # a text that the reference cannot evaluate says nothing about anybody
        return None
    finally:
        state.forget()
        state.single = False
    blame, advice = advise(tape)
    eps = 2.0**-23 if single else 2.0**-52
    found: dict[str, list[Any]] = {k: [] for k in _PARTS}
    for k, out in enumerate(outputs):
        drawn = [each[k] for each in others]
        for name, x in _judged(out, drawn, eps, tape.columns).items():
            found[name].append(x)
    parts = {name: tuple(arrays) for name, arrays in found.items()}
    return Rounding(kinds=tuple(o.array.kind for o in outputs), kinked=tape.kinked, blame=blame, advice=advice,
                    operations=tuple(o.name for o in tape.operations), **parts)


_PARTS = ("values", "value_room", "slope", "size", "room", "loose", "choices", "wild", "spoilt")


def _lost(out: Value) -> bool:
    if out.array.kind not in "rc" or out.track is None:
        return False
    return bool(out.track.wild.all() and out.track.spoilt.all()) and not np.isfinite(out.held).any()


def _judged(out: Value, drawn: Sequence[Value], eps: float, columns: int) -> dict[str, Any]:
    if out.array.kind not in "rc":
        empty = np.zeros(0)
        return {**dict.fromkeys(_PARTS, empty), "choices": ()}
    held = out.held
    with np.errstate(all="ignore"):
        apart = np.max([np.abs(d.held - held) for d in (*drawn, out)], axis=0)
        apart = np.where(np.isfinite(apart), apart, np.inf)
        whole = np.isfinite(held)
        if out.array.kind == "c":  # NaN in one part of a complex number reaches the other, or does not
            whole = np.tile(whole[: whole.size // 2] & whole[whole.size // 2 :], 2)
        room = np.where(whole, _BEYOND * apart + _BEYOND * eps * np.abs(held), np.inf)
    nothing = np.zeros((held.size, columns), np.longdouble)
    track = out.track or Track(nothing, nothing, nothing, nothing, nothing > 0, np.zeros(columns, bool), nothing > 0,
                               nothing)
    tracks = [d.track or track for d in drawn]
    with np.errstate(all="ignore"):
        spread = np.max([np.abs(t.slope - track.slope) for t in (*tracks, track)], axis=0)
        size = np.max([track.size, *(t.size for t in tracks)], axis=0)
        loose = 2 * track.rest
        faint = np.max([track.faint, *(t.faint for t in tracks)], axis=0)
        off = _BEYOND * spread + _STABLE * eps * size + 2 * faint
        off = np.where(np.isfinite(off) & np.isfinite(track.slope), off, np.inf)
    wild = np.logical_or.reduce([track.wild, *(t.wild for t in tracks)])
    wild = np.broadcast_to(wild[None, :], track.slope.shape)  # a cotangent of zero meets infinity as well
    with np.errstate(over="ignore"):
        narrow = [x.astype(np.float64) for x in (track.slope, size, off, loose)]
    spoilt = np.logical_or.reduce([track.spoilt, *(t.spoilt for t in tracks)])
    return dict(zip(_PARTS, (held, room, *narrow, tuple(track.choices.values()), wild, spoilt), strict=True))
