"""The state of an evaluation, exact numbers in, correctly rounded numbers out.

Numbers are balls of python-flint (a midpoint and a rigorous radius): `arb` real, `acb` complex. python-flint was
chosen over mpmath by measurement: at 256 bits a complex product takes 0.2 against 3.3 microseconds, `exp` 1.5 against
21, `gamma` 14 against 225; and every operation of it carries its own error bound, which mpmath's do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
from flint import acb, arb, ctx

from harness.formats import DOUBLE, Format
from harness.model import Unsupported

Ball = Any  # arb or acb; python-flint ships no types that mypy could use


MAX_ELEMENTS = 1 << 20  # of an array of balls, a hundred bytes each


class Undecided(Exception):
    """A comparison of two balls that overlap: more precision is needed to tell."""


class NotInReference(Unsupported):
    """The reference cannot evaluate this; the message says what."""


@dataclass
class State:
    """What an evaluation depends on beyond its inputs. One object a process, as flint's precision is.

    form:    the format in which a case is computed: literals of a source are rounded to it first, as a framework reads
             them
    ties:    balls that overlap count as equal (the last resort, at the highest precision)
    gauge:   None, or a seed: every decomposition is moved by random phases and bases, the same for the same matrix
    freedom: set by a decomposition whose result has a free phase, sign or basis
    orders:  the order of the eigenvalues of each general eigenproblem in the evaluation at the point itself, by which
             evaluations near it are ordered too; None: being recorded in `recorded`
    site:    number of the eigenproblem within the evaluation
    vectors: the vectors found at (site, precision) last, where the next rotations begin
    source:  the random source of the gauge in the decomposition at hand
    near:    set by a comparison that rounding may decide otherwise
    skew:    None, or a list to which functions of Hermitian matrices append x - x^H of their argument
    room:    None, or how many more elements may be computed: what evaluates a stranger's text beside a worker sets it
    """

    form: Format = DOUBLE
    ties: bool = False
    gauge: int | None = None
    source: Random = field(default_factory=Random)
    freedom: bool = False
    near: bool = False
    orders: list[Any] | None = None
    recorded: list[Any] = field(default_factory=list)
    site: int = 0
    vectors: dict[Any, Any] = field(default_factory=dict)
    skew: list[Any] | None = None
    room: int | None = None

    def spend(self, elements: int) -> None:
        """Note that so many elements are about to be computed, or refuse them."""
        if elements > MAX_ELEMENTS:
            raise NotInReference(f"an array of {elements:,} elements is too large for the reference")
        self.work(elements)

    def work(self, elements: int) -> None:
        """Note work that is worth so many elements, or refuse it."""
        if self.room is not None:
            self.room -= elements
            if self.room < 0:
                raise NotInReference("this takes too long to be evaluated here")

    def begin(self) -> None:
        """Forget what belongs to one evaluation."""
        self.site, self.freedom, self.near = 0, False, False
        self.recorded = []

    def forget(self) -> None:
        """Forget what belongs to one point."""
        self.begin()
        self.orders, self.gauge, self.skew = None, None, None
        self.vectors.clear()

    def moves(self, numbers: Any) -> bool:
        """Whether a gauge is set; if so `source` is set for the decomposition of these numbers, so that the same matrix
        is moved the same way each time that it is decomposed."""
        self.freedom = True
        if self.gauge is None:
            return False
        parts = [p.mid().man_exp() for x in numbers.ravel().tolist() for p in (
            (x.real, x.imag) if isinstance(x, acb) else (x,))]
        self.source = Random(f"{self.gauge} {parts}")
        return True

    def note_domain(self, difference: Any) -> None:
        """Record how far the argument of a function of Hermitian matrices is from being one, where asked to."""
        if self.skew is not None:
            self.skew.extend(difference.ravel().tolist())


state = State()


@contextmanager
def working(bits: int, *, ties: bool = False) -> Iterator[None]:
    """Evaluate at `bits` bits of precision."""
    old_bits, old_ties = ctx.prec, state.ties
    ctx.prec, state.ties = bits, ties
    try:
        yield
    finally:
        ctx.prec, state.ties = old_bits, old_ties


def real(x: float) -> Ball:
    """The exact ball of a double."""
    return arb(float(x))


def literal(x: float) -> Ball:
    """A Python float of a source text, at the precision in which the case reads it."""
    if state.form.digits < DOUBLE.digits and math.isfinite(x):
        x = float(np.float32(x))
    return arb(x)


@lru_cache(maxsize=4096)
def power_of_two(exponent: int) -> Ball:
    """2**exponent, exactly."""
    return arb((1, exponent))


def midpoint(x: Ball) -> Ball:
    """The exact number in the middle of a ball; NaN stays NaN."""
    return x.mid()


def finite(x: Ball) -> bool:
    return bool(x.is_finite())


def rounded(x: Ball) -> float:
    """The midpoint rounded to the nearest double (ties to even; beyond the range an infinity; NaN for a ball that
    tells nothing)."""
    if not x.is_finite():
        return math.nan
    return float(x.mid())


def rounded_up(x: Ball) -> float:
    """A double no smaller than any number of the non-negative ball x; inf where it is not finite."""
    if not x.is_finite():
        return math.inf
    upper = x.upper()
    out = float(upper)
    if math.isinf(out) or not upper > arb(out):
        return max(out, 0.0)
    return float(np.nextafter(out, math.inf))


def is_complex(x: Ball) -> bool:
    return isinstance(x, acb)


def room_for(name: str, *shapes: tuple[int, ...]) -> None:
    """Refuse an operation on arrays of these shapes whose result, or whose work, is too large; before it begins."""
    try:
        if name == "matmul":
            elements = math.prod(shapes[0]) * (shapes[1][-1] if len(shapes[1]) > 1 else 1)
        else:
            elements = math.prod(np.broadcast_shapes(*shapes))
    except ValueError:  # shapes that do not fit: the operation says so
        return
    state.spend(elements)


@contextmanager
def bounded(elements: int = 400_000) -> Iterator[None]:
    """Within: so many elements may be computed and no more, at most a few seconds' work. For texts of recorded runs,
    which a stranger may have written and no worker's limits hold in. An element is worth eight microseconds, which is
    what the elementary functions take of a complex number in 500 bits; what takes longer notes more (`State.work`)."""
    before, state.room = state.room, elements
    try:
        yield
    finally:
        state.room = before
