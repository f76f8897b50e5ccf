"""A text step by step in the precision of a case: what correctly rounded operations make of it.

`Text` evaluates it on a tape (harness/reference/tape.py, which says how operations are followed and after whom), as
it is and with other roundings; `Rounding` is what a comparison asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np

from harness.expr import compile_portable
from harness.expr.calling import group_leaves, result_sequence
from harness.formats import DOUBLE, Format
from harness.model import Input
from harness.reference import ball_arrays as A
from harness.reference.advice import advise
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



#: Where operations are recorded: on the tape of the evaluation under way.
_TAPES: list[Tape] = []


@lru_cache(maxsize=1)
def _followed() -> Mapping[str, Any]:
    """The reference's namespace, each function recorded where it is called."""

    def follow(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **keywords: _TAPES[-1].apply(name, function, args, keywords)

    return {name: follow(name, f) if callable(f) else f for name, f in namespace().items()}


class Text:
    """A portable text over the namespace of operations that are followed."""

    def __init__(self, text: str, inputs: Sequence[Input]) -> None:
        self.text, self.inputs = text, tuple(inputs)
        self._call = compile_portable(text, tuple(dict.fromkeys(i.group for i in inputs)), _followed())
        self._pickers = group_leaves(self.inputs)

    def evaluate(
        self, arrays: Mapping[str, Floats], form: Format, draw: Random | None, own: bool = False,
    ) -> tuple[Tape, list[Value]]:
        """The outputs at a point with their tracks. draw, own: as of `Tape`."""
        leaves = [np.asarray(arrays[i.name]) for i in self.inputs]
        widths = [
            a.size * (2 if i.kind == "complex" else 1) if i.differentiate and i.kind in ("real", "complex") else 0
            for a, i in zip(leaves, self.inputs, strict=True)
        ]
        ends = np.cumsum([0, *widths])
        tape = Tape(form, int(ends[-1]), [slice(a, b) for a, b in pairwise(ends)], draw, own)
        values, at = [], 0
        for a, i, width in zip(leaves, self.inputs, widths, strict=True):
            if i.kind in ("real", "complex"):
                wide = a.astype(np.complex128 if i.kind == "complex" else np.float64)
                array = A.from_numpy(form.held(wide))
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
        _TAPES.append(tape)
        try:
            outputs = result_sequence(self._call(*(pick(values) for pick in self._pickers)))
        finally:
            _TAPES.pop()
        return tape, [o if isinstance(o, Value) else Value(tape, A.lift(o)) for o in outputs]


class Taken:
    """A portable text taken apart at a point; how its roundings may move it is found when it is asked for.

    blame, advice, kinked: as of `Rounding`. graded: as of `Tape`. rate: (columns,) how fast arguments of operations
    that saturate change.
    """

    def __init__(self, text: str, inputs: Sequence[Input], arrays: Mapping[str, Floats], form: Format) -> None:
        """Raises what an evaluation of the text does, TooLarge among it."""
        self._arrays, self._form, self._text = arrays, form, Text(text, inputs)
        with _alone(form), bounded():
            self._tape, self._outputs = self._text.evaluate(arrays, form, None)
            self._room = state.room or 0
        self.blame, self.advice = advise(self._tape)
        self.kinked, self.rate, self.graded = self._tape.kinked, self._tape.rate, self._tape.graded
        self.operations = tuple(o.name for o in self._tape.operations)

    @cached_property
    def rounding(self) -> Rounding | None:
        """None where the text is too large for its roundings to be followed."""
        others = []
        if not all(_lost(o) for o in self._outputs):  # else there is nothing finite left that could move
            try:
                with _alone(self._form), bounded(self._room):
                    few = self._form.draws  # a sign that rounding decides shows in some of many alone
                    others = [self._text.evaluate(self._arrays, self._form, Random(seed), own)[1]
                              for own, count in (((False, 4 * few), (True, few)) if self.graded else ((False, few),))
                              for seed in range(1, 1 + count)]
            except Exception:
                return None
        found: dict[str, list[Any]] = {k: [] for k in _PARTS}
        for k, out in enumerate(self._outputs):
            for name, x in _judged(out, [each[k] for each in others], self._form, self._tape.columns).items():
                found[name].append(x)
        parts, kinds = {name: tuple(each) for name, each in found.items()}, tuple(o.array.kind for o in self._outputs)
        del self._tape, self._outputs  # large, and of no more use
        return Rounding(kinds=kinds, kinked=self.kinked, blame=self.blame, advice=self.advice,
                        operations=self.operations, **parts)


@contextmanager
def _alone(form: Format) -> Iterator[None]:
    """Within: an evaluation in the precision of a case that shares nothing with what was evaluated before."""
    state.forget()
    state.form = form
    try:
        yield
    finally:
        state.forget()
        state.form = DOUBLE


def taken(text: str, inputs: Sequence[Input], arrays: Mapping[str, Floats], *, form: Format) -> Taken | None:
    """A portable text taken apart at a point; None where it cannot be or is too large for that.

    arrays: real and complex inputs in double precision, rounded here to the case's.
    """
    key = (text, tuple(inputs), form.name, tuple(np.asarray(arrays[i.name]).tobytes() for i in inputs))
    if key not in _KEPT:
        if len(_KEPT) >= _MOST:
            _KEPT.clear()
        try:
            _KEPT[key] = Taken(text, inputs, arrays, form)
        except Exception:  # a text that the reference cannot evaluate says nothing about anybody
            _KEPT[key] = None
    return _KEPT[key]


def rounding(text: str, inputs: Sequence[Input], arrays: Mapping[str, Floats], *, form: Format) -> Rounding | None:
    """`Rounding` of a portable text at a point; None where it cannot be taken apart or is too large for that."""
    found = taken(text, inputs, arrays, form=form)
    return None if found is None else found.rounding


#: Every axis that a run is compared along asks for the same points.
_KEPT: dict[Any, Taken | None] = {}
_MOST = 4096


_PARTS = ("values", "value_room", "slope", "size", "room", "loose", "choices", "wild", "spoilt")


def _lost(out: Value) -> bool:
    if out.array.kind not in "rc" or out.track is None:
        return False
    return bool(out.track.wild.all() and out.track.spoilt.all()) and not np.isfinite(out.held).any()


def _judged(out: Value, drawn: Sequence[Value], form: Format, columns: int) -> dict[str, Any]:
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
        room = np.where(whole, form.beyond * apart + form.beyond * form.eps * np.abs(held), np.inf)
    nothing = np.zeros((held.size, columns), np.longdouble)
    track = out.track or Track(nothing, nothing, nothing, nothing, nothing > 0, np.zeros(columns, bool), nothing > 0,
                               nothing)
    tracks = [d.track or track for d in drawn]
    with np.errstate(all="ignore"):
        spread = np.max([np.abs(t.slope - track.slope) for t in (*tracks, track)], axis=0)
        size = np.max([track.size, *(t.size for t in tracks)], axis=0)
        loose = 2 * track.rest
        faint = np.max([track.faint, *(t.faint for t in tracks)], axis=0)
        off = form.beyond * spread + form.roundings * form.eps * size + 2 * faint
        off = np.where(np.isfinite(off) & np.isfinite(track.slope), off, np.inf)
    wild = np.logical_or.reduce([track.wild, *(t.wild for t in tracks)])
    wild = np.broadcast_to(wild[None, :], track.slope.shape)  # a cotangent of zero meets infinity as well
    with np.errstate(over="ignore"):
        narrow = [x.astype(np.float64) for x in (track.slope, size, off, loose)]
    spoilt = np.logical_or.reduce([track.spoilt, *(t.spoilt for t in tracks)])
    return dict(zip(_PARTS, (held, room, *narrow, tuple(track.choices.values()), wild, spoilt), strict=True))
