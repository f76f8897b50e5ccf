"""The operations of a text as they are met, each evaluated exactly at the numbers it is given, and rounded.

Every operation of a portable text is evaluated exactly at the numbers that it was really given, and its results are
rounded to the case's precision; its local derivative is taken at those same numbers, and the chain rule is applied to
the local derivatives. This is the forward error analysis of Higham, Accuracy and Stability of Numerical Algorithms,
section 3, with the errors put in one by one. Next to each entry of the derivative goes what may separate two faithful
evaluations of the same text from each other: the sizes of the terms it is summed from, and how far it moves when the
result of each operation moves by its rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from harness.formats import Format
from harness.reference import ball_arrays as A
from harness.reference.arithmetic import ARITHMETIC, Local
from harness.reference.ball_arrays import Array
from harness.reference.operations import components, meet, parts
from harness.reference.precision import state
from harness.reference.stable import backward_stable, factorised, graded, nearby, saturated, saturation

Floats = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Track:
    """What is known of one array: how its real components (real parts, then imaginary parts) depend on the inputs'.

    All but `wild` (columns,) have shape (components, columns): the derivative, the sum of the sizes of the products
    that it is summed from, how far kinks (loose) and underflow and complex products (faint) on the way may move it,
    and whether there is a way from the input at all. wild, spoilt: where an operation without a finite derivative at
    its numbers is met. rest: what of `loose` the choices do not say. choices: for a kink its number and
    (K, components, columns), how its K limits move the derivative. A pullback brings a cotangent, be it zero, to every
    element of an array, and so infinity to the columns that reach such an element; a pushforward brings a tangent, be
    it zero, and so infinity to the components reached from it.
    """

    slope: Floats
    size: Floats
    loose: Floats
    faint: Floats
    reach: Floats
    wild: Floats
    spoilt: Floats
    rest: Floats
    choices: dict[int, Floats] = field(default_factory=dict)


#: Kinks whose choices are followed one by one; those beyond count as a box of entries.
_FOLLOWED = 24


@dataclass
class Operation:
    """One operation as it was met: its name, its arguments, its result, and what it left of the digits."""

    name: str
    inputs: tuple[Value, ...]
    output: Value
    cancelled: float = 1.0  # sum of the sizes of the terms of the result over its size
    singular: bool = False


class Value:
    """An array of a text under way. It has the operators of an array; each of them is an operation."""

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tape: Tape, array: Array, track: Track | None = None, held: Floats | None = None) -> None:
        self.tape, self.array, self.track, self._held = tape, array, track, held
        self.source: Operation | None = None

    @property
    def held(self) -> Floats:
        """The numbers of the machine that it holds: real components, or integers or booleans as they are."""
        if self._held is None:
            self._held = components(self.array) if self.array.kind in "rc" else self.array.data
        return self._held

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def size(self) -> int:
        return self.array.size

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.array)

    def __index__(self) -> int:
        return self.array.__index__()

    def __getitem__(self, key: Any) -> Any:
        return self.tape.apply("getitem", lambda x: x[_plain(key)], (self,), {}, which=(key,))


def _operator(method: str, name: str, swapped: bool = False) -> Callable[..., Any]:
    def apply(self: Value, *others: Any) -> Any:
        return self.tape.apply(name, lambda *xs: _call(method, *xs), (self, *others), {}, which=(method,))

    return apply


def _call(method: str, x: Any, *others: Any) -> Any:
    return getattr(A.lift(x), method)(*others)


for _name, _word in (
    ("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "divide"), ("floordiv", "floor_divide"),
    ("mod", "remainder"), ("pow", "power"), ("matmul", "matmul"), ("and", "logical_and"), ("or", "logical_or"),
    ("xor", "logical_xor"),
):
    for _prefix in ("", "r"):
        setattr(Value, f"__{_prefix}{_name}__", _operator(f"__{_prefix}{_name}__", _word))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Value, f"__{_name}__", _operator(f"__{_name}__", _name))
for _name, _word in (("neg", "negative"), ("pos", "positive"), ("abs", "abs"), ("invert", "logical_not")):
    setattr(Value, f"__{_name}__", _operator(f"__{_name}__", _word))


_PLAIN = (type(None), bool, int, float, complex, str, type(Ellipsis))


def _content(x: Any) -> Any:
    """What an argument holds, as a key; raises TypeError where that is not told so easily."""
    if isinstance(x, Value):
        return x.array.kind, x.shape, x.held.tobytes()
    if type(x) in (list, tuple):
        return type(x).__name__, *map(_content, x)
    if isinstance(x, slice):
        return "slice", *map(_content, (x.start, x.stop, x.step))
    if type(x) in _PLAIN:
        return type(x).__name__, repr(x)  # 0.0 is not -0.0, nor 1 True
    raise TypeError(type(x).__name__)


def _plain(x: Any) -> Any:
    """Values as the arrays that they hold, also inside of lists, tuples and slices."""
    if isinstance(x, Value):
        return x.array
    if isinstance(x, (list, tuple)):
        return type(x)(_plain(v) for v in x) if type(x) in (list, tuple) else x
    return x


def _values_in(x: Any) -> list[Value]:
    if isinstance(x, Value):
        return [x]
    if isinstance(x, (list, tuple)):
        return [v for each in x for v in _values_in(each)]
    return []


def _moved(v: Value, tape: Tape) -> Value:
    """An array for which a backward stable algorithm may be exact in place of the given one."""
    if v.array.kind not in "rc" or not v.ndim or tape.draw is None or not np.isfinite(v.held).all():
        return v
    held = nearby(v.held, v.shape, tape.draw, tape.form, own=tape.own)
    return Value(tape, _array(held, v.shape, v.array.kind), v.track, held)


_HOLE = object()  # where an array goes


def _replaced(x: Any, arrays: Iterator[Any], what: Callable[[Any], bool] = lambda x: isinstance(x, Value)) -> Any:
    if what(x):
        return next(arrays)
    if type(x) in (list, tuple):
        return type(x)(_replaced(v, arrays, what) for v in x)
    return x


def _filled(x: Any, arrays: Iterator[Array]) -> Any:
    return _replaced(x, arrays, lambda x: x is _HOLE)


@dataclass
class Tape:
    """One evaluation. draw: None, or the source of random roundings. own: these move each number of a matrix that is
    factorised by its own last place. graded: whether one was met of which that makes a difference."""

    form: Format
    columns: int
    leaves: Sequence[slice] = ()  # the columns of each input
    draw: Random | None = None
    own: bool = False
    graded: bool = False
    operations: list[Operation] = field(default_factory=list)
    kinked: Floats = field(init=False)  # (columns,): where an operation is met at a kink of its own
    rate: Floats = field(init=False)  # (columns,): how fast arguments of operations that saturate change, 0 without any
    kinks: int = 0

    def __post_init__(self) -> None:
        self.rate = np.zeros(self.columns)
        self.kinked = np.zeros(self.columns, bool)

    def apply(
        self, name: str, function: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any],
        which: tuple[Any, ...] = (),
    ) -> Any:
        """An operation on values: its results, rounded, with the chain rule applied.

        which: what distinguishes the function from others of its name, beyond its arguments.
        """
        if self.draw is not None and backward_stable(name, function):
            args = [_replaced(a, iter([_moved(v, self) for v in _values_in(a)])) for a in args]
        try:
            key = _content((name, self.form.name, which, tuple(args), tuple(sorted(keywords.items()))))
        except TypeError:
            key = None
        if name in ARITHMETIC:
            args = [Value(self, A.lift(a)) if isinstance(a, (int, float, complex)) else a for a in args]
        inputs = _values_in(list(args) + list(keywords.values()))
        if not inputs:
            return function(*args, **keywords)
        holes = iter(lambda: _HOLE, None)  # nothing that is remembered may hold on to a tape
        plain, named = [_replaced(a, holes) for a in args], {k: _replaced(v, holes) for k, v in keywords.items()}

        def call(arrays: Sequence[Array]) -> Any:
            given = iter(arrays)
            return function(*[_filled(a, given) for a in plain], **{k: _filled(v, given) for k, v in named.items()})

        met = meet(key, name, call, [v.array for v in inputs], self.form)
        if not any(isinstance(o, Array) for o in met.outputs):
            return met.raw
        state.work(sum(o.size for o in met.outputs if isinstance(o, Array)) * (16 + self.columns // 16))
        local = met.local if self.draw is not None else met.next_to_kinks()
        made = []
        at = 0
        for out, exact in zip(met.outputs, met.exact, strict=True):
            rows = exact.size
            made.append(self._made(name, inputs, out, exact, local.rows(at, rows), backward_stable(name, function)))
            at += rows
        return _like(met.raw, made)

    def whole(self, columns: Floats) -> Floats:
        """(columns,): with a column of an input all of that input's."""
        out = columns.copy()
        for own in self.leaves:
            out[own] |= columns[own].any()
        return out

    def _made(
        self, name: str, inputs: Sequence[Value], out: Array, exact: Floats, local: Local, stable: bool,
    ) -> Value:
        if out.kind not in "rc":
            return Value(self, out)
        held, cancelled = _rounded(out, exact, local, inputs, self, name)
        noise = saturated(local, exact, [v.held for v in inputs], self.form) if self.draw is None else None
        if noise is not None:
            saturates = saturation(local, noise, self.form)
            cancelled = max(cancelled, saturates)
            if saturates > self.form.roundings:  # so many times smaller than what it is a difference of
                for v in (v for v in inputs if v.track is not None):
                    assert v.track is not None
                    self.rate = np.maximum(self.rate, v.track.size.max(axis=0, initial=0.0).astype(np.float64))
        if stable and self.draw is None:
            self.graded |= any(graded(v.held, v.shape, self.form) for v in inputs)
            if not name.endswith("norm"):  # most norms are sums, which know each entry
                noise = factorised(local, noise, self.form)
        value = Value(self, _array(held, out.shape, out.kind), held=held)
        operation = Operation(name, tuple(inputs), value, cancelled, bool(local.infinite.any()))
        value.source = operation
        self.operations.append(operation)
        value.track = _chained(local, inputs, self, noise, out.kind == "c" and not local.structural)
        return value


def _like(raw: Any, made: list[Value]) -> Any:
    if not isinstance(raw, (list, tuple)):
        return made[0]
    return type(raw)(*made) if hasattr(raw, "_fields") else type(raw)(made)


def _array(held: Floats, shape: tuple[int, ...], kind: str) -> Array:
    if kind == "c":
        half = held.size // 2
        both = np.empty(half, np.complex128)
        both.real, both.imag = held[:half], held[half:]
        return A.from_numpy(both.reshape(shape))
    return A.from_numpy(held.reshape(shape))


def _rounded(
    out: Array, exact: Floats, local: Local, inputs: Sequence[Value], tape: Tape, name: str,
) -> tuple[Floats, float]:
    """The result as the machine holds it; and the sizes of its terms over its own, at worst.

    Where a draw is set the result moves by up to two units in the last place, of itself, or for an operation that
    combines elements of one array (a sum, a product of matrices) of the terms that it combines.
    """
    form = tape.form
    with np.errstate(all="ignore"):
        held = form.rounded(exact)
        given = np.concatenate([np.abs(v.held.ravel()) for v in inputs])
        terms = np.nan_to_num((np.abs(local.slope) @ np.where(np.isfinite(given), given, 0.0)).astype(np.float64))
        ratio = np.where((exact != 0) & np.isfinite(exact), terms / np.abs(exact), 1.0)
    cancelled = float(np.max(ratio, initial=1.0)) if local.mixes or name in ("add", "subtract") else 1.0
    if tape.draw is None or local.structural:
        return held, cancelled
    whole = np.abs(held)
    if out.kind == "c":
        half = whole.size // 2
        with np.errstate(over="ignore"):
            whole = np.tile(np.hypot(whole[:half], whole[half:]), 2)
    if local.mixes:
        whole = np.maximum(whole, terms)
    else:  # a result that is a number of the machine is not rounded
        finite = np.isfinite(held)
        still = np.array(
            [ok and p.is_finite() and p.mid() == h for p, h, ok in zip(parts(out), held, finite, strict=True)], bool)
        if out.kind == "c":  # its parts are sums of products, also where one of them comes out exact
            still = np.tile(still[: still.size // 2] & still[still.size // 2 :], 2)
        whole = np.where(still, 0.0, whole)
    moves = np.array([tape.draw.uniform(-2, 2) for _ in range(held.size)])
    with np.errstate(all="ignore"):
        # Below the normal numbers the last place is a fixed one.
        unit = np.where(whole > 0, np.maximum(form.eps * whole, form.smallest), 0.0)
        moved = form.rounded(held + moves * unit)
    return np.where(np.isfinite(moved), moved, held), cancelled


def _normwise(sizes: Floats) -> Floats:
    """(rows, columns) of a complex result by a complex argument: for each the largest of its block of four. The
    rounding of a complex product is small against its modulus, of a part of it that is smaller it is not (Higham,
    section 3.6)."""
    blocks = sizes.reshape(2, sizes.shape[0] // 2, 2, sizes.shape[1] // 2).max(axis=(0, 2))
    return np.tile(blocks, (2, 2))


def _chained(
    local: Local, inputs: Sequence[Value], tape: Tape, noise: Floats | None = None, rounds: bool = False,
) -> Track:
    """noise: (rows, columns), how far a faithful derivative may be from the local one. rounds: whether the result is
    complex and made by complex arithmetic."""
    n = tape.columns
    slope, size, loose, faint = (np.zeros((local.slope.shape[0], n), np.longdouble) for _ in range(4))
    reach, spoilt = np.zeros(slope.shape, bool), np.zeros(slope.shape, bool)
    wild: Floats = np.zeros(n, bool)
    rest = np.zeros_like(slope)
    choices: dict[int, Floats] = {}
    own_kinks = _own_kinks(local, tape)
    boxed = local.loose.copy()
    boxed[list(own_kinks)] = 0
    tiny = np.longdouble(tape.form.tiny)
    infinite = local.infinite
    at = 0
    for v in inputs:
        width = v.array.size * (2 if v.array.kind == "c" else 1)
        own = slice(at, at + width)
        at += width
        if v.array.kind == "c":  # an infinite product spoils both parts of a complex number
            both = infinite[:, own][:, : width // 2] | infinite[:, own][:, width // 2 :]
            infinite = infinite.copy()
            infinite[:, own] = np.tile(both, 2)
        if v.track is None:
            continue
        t = v.track
        L = local.slope[:, own]
        sunk = np.where((np.abs(L) < tiny) & (L != 0), tiny, 0)
        ways = local.reach[:, own].astype(np.float64)
        jump, box = local.loose[:, own], boxed[:, own]
        # Most of this is zero most of the time, and long doubles are multiplied slowly; 0 * inf would be NaN.
        plain = not jump.any() and bool(np.isfinite(t.size).all())
        smooth = plain and not t.loose.any() and bool(np.isfinite(L).all())
        with np.errstate(all="ignore"):
            slope += L @ t.slope
            size += np.abs(L) @ t.size
            if not smooth:
                loose += np.abs(L) @ t.loose + jump @ (t.size + t.loose)
                rest += np.abs(L) @ t.rest + jump @ t.loose + box @ t.size
            for kink, moves in t.choices.items():
                choices[kink] = choices.get(kink, 0) + np.einsum("rc,kcn->krn", L.astype(np.float64), moves)
            for r, kink in own_kinks.items():
                assert local.samples is not None
                moves = choices.setdefault(kink, np.zeros((len(local.samples), *slope.shape)))
                moves[:, r] += (local.samples[:, r, own] - L[r].astype(np.float64)) @ t.slope.astype(np.float64)
            if not smooth or sunk.any() or t.faint.any():
                faint += np.abs(L) @ t.faint + sunk @ (t.size + t.faint)
            if rounds and v.array.kind == "c":  # half, since it counts twice
                faint += tape.form.roundings * tape.form.eps / 2 * ((_normwise(np.abs(L)) - np.abs(L)) @ t.size)
            if noise is not None:
                faint += noise[:, own] @ t.size
        jumps = (local.loose[:, own] > 0).any(axis=0)
        if jumps.any():
            tape.kinked |= t.reach[jumps].any(axis=0)
        seen = (ways @ t.reach.astype(np.float64)) > 0
        reach |= seen
        open_ = infinite[:, own].any(axis=0).astype(np.float64) @ t.reach.astype(np.float64) > 0
        wild |= t.wild | open_
        spoilt |= (ways @ t.spoilt.astype(np.float64)) > 0
        open_rows, reached = np.asarray(infinite[:, own].any(axis=1)), np.asarray(t.reach.any(axis=0))
        spoilt |= open_rows[:, None] & tape.whole(reached)[None, :]
    # A product on the way that is too large for the precision: infinity, and what becomes of it.
    beyond = size > tape.form.largest
    return Track(slope, size, loose, faint, reach, wild | beyond.any(axis=0), spoilt | beyond, rest, choices)


def _own_kinks(local: Local, tape: Tape) -> dict[int, int]:
    """The rows of an operation that are met at a kink, and the numbers of their kinks, as far as these are followed."""
    if local.samples is None:
        return {}
    out: dict[int, int] = {}
    for r in np.flatnonzero((local.loose > 0).any(axis=1)).tolist():
        if tape.kinks < _FOLLOWED:
            out[r], tape.kinks = tape.kinks, tape.kinks + 1
    return out
