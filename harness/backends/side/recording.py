"""What a program did, step by step: for an audit to find where two programs part. Framework-free.

A step is one result of the program with the user's own line, the steps it was made from, and fingerprints: numbers that
do not change when an array is reshaped or its axes are exchanged. Arrays are kept as long as there is room; those
of larger programs are had by evaluating it again.
"""

from __future__ import annotations

import functools
import linecache
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.backends.side.faults import AuditFault, guarded
from harness.wirtinger import Array

#: Steps of one program that are recorded; a program with more is not.
MOST = 20_000
#: Bytes of values and cotangents that are kept of one recording; the others are evaluated again when asked for.
BYTES = 256 << 20
#: Recordings whose arrays can be had.
RECORDINGS = 512
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Fingerprint:
    """Invariants of an array under reshape and permutation, of its finite entries; moments: sums of x^2 and x^3."""

    size: int
    nonfinite: int
    sum: complex
    sum_abs: float
    sum_squares: float
    max_abs: float
    moments: tuple[complex, ...]


def fingerprint(array: Array) -> Fingerprint:
    """The fingerprint of an array of numbers, in double precision; no second array of its size is made."""
    flat = np.asarray(array).reshape(-1)
    wide = np.complex128 if flat.dtype.kind == "c" else np.float64
    bad, top, totals = 0, 0.0, np.zeros(5, np.complex128)
    with np.errstate(all="ignore"):
        for start in range(0, flat.size, _CHUNK):
            x = flat[start : start + _CHUNK].astype(wide, copy=False)
            good = np.isfinite(x)
            if not good.all():
                bad += int(x.size - np.count_nonzero(good))
                x = x[good]
            size, square = np.abs(x), x * x
            top = max(top, float(size.max(initial=0.0)))
            totals += [x.sum(), size.sum(), np.dot(size, size), square.sum(), (square * x).sum()]
    return Fingerprint(flat.size, bad, complex(totals[0]), float(totals[1].real), float(totals[2].real), top,
                       (complex(totals[3]), complex(totals[4])))


@dataclass(frozen=True)
class Step:
    """One result. parents: ids of steps, negative for inputs (-1 is the first leaf); loop: iterations it is in.

    cotangent: of L_x + i L_y, the loss L being the real number that is differentiated; None where none arrives.
    quiet: inside of a call or of a rule that is one step for the derivative: no cotangent is asked for.
    """

    id: int
    op: str
    file: str
    line: int
    text: str
    scope: str
    loop: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: str
    parents: tuple[int, ...]
    print: Fingerprint
    cotangent: Fingerprint | None
    quiet: bool = False


class Tape:
    """One evaluation, as a framework fills it in.

    replace: arrays that take the place of values, by id; factors: by id, how much of what a value differs by from the
    one in its place goes on nevertheless. gradients: whether cotangents are wanted. prints: whether
    steps are. wanted: ids of which arrays are kept; None: of all, while there is room. varied: the id of a step whose
    operation is evaluated with other options too, into `options`. brief: whether what comes after the steps that are
    wanted or varied may be left out, the outputs included (a framework need not: see `enough`).
    """

    def __init__(self, replace: Mapping[int, Array], *, gradients: bool = True, prints: bool = True,
                 wanted: Collection[int] | None = None, varied: int | None = None,
                 factors: Mapping[int, float] | None = None, brief: bool = False) -> None:
        self.brief = brief
        self.replace, self.gradients, self.prints, self.wanted = replace, gradients, prints, wanted
        self.factors = factors or {}
        self.varied, self.options = varied, list[tuple[str, str, Array]]()
        self.values: dict[int, Array] = {}
        self.cotangents: dict[int, Array] = {}
        self.notes: list[str] = []
        self.count = 0
        self._room = BYTES
        self._rows: list[tuple[Any, ...]] = []
        self._prints: dict[int, Fingerprint] = {}

    @property
    def enough(self) -> bool:
        """Whether nothing that is asked for is still to come."""
        if not self.brief or self.wanted is None:
            return False
        return len(self.values) == len(self.wanted) and (self.varied is None or self.count > self.varied)

    def number(self) -> int:
        """The id of the next step. Raises AuditFault where there are too many."""
        self.count += 1
        if self.count > MOST:
            raise AuditFault("size", f"the function has more than {MOST} steps: they are not compared")
        return self.count - 1

    def step(self, number: int, op: str, where: tuple[str, int], parents: Iterable[int], value: Array, *,
             scope: str = "", loop: tuple[int, ...] = (), quiet: bool = False) -> None:
        """A result. value: may be overwritten afterwards."""
        if self.prints:
            text = linecache.getline(*where).strip() if where[0] else ""
            self._rows.append((number, op, *where, text, scope, loop, value.shape, str(value.dtype),
                               tuple(dict.fromkeys(parents)), fingerprint(value), quiet))
        self._keep(self.values, number, value)

    def cotangent(self, number: int, value: Array) -> None:
        """What arrives at a step from the loss."""
        if self.prints:
            self._prints[number] = fingerprint(value)
        self._keep(self.cotangents, number, value)

    def put(self, number: int, given: Any, value: Any) -> Any:
        """What takes the place of a value, both arrays of the framework."""
        factor = self.factors.get(number)
        return given if factor is None else given + factor * (value - given)

    def drop(self, numbers: Collection[int]) -> list[int]:
        """Take out steps whose values are recorded as those of another; their parents."""
        parents = [p for row in self._rows if row[0] in numbers for p in row[-3]]
        self._rows = [row for row in self._rows if row[0] not in numbers]
        return [p for p in parents if p not in numbers]

    def note(self, sentence: str) -> None:
        """What is left out; once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _keep(self, place: dict[int, Array], number: int, value: Array) -> None:
        if self.wanted is not None:
            if number in self.wanted:
                place[number] = np.array(value)
        elif value.nbytes <= self._room:
            self._room -= value.nbytes
            place[number] = np.array(value)

    def steps(self) -> list[Step]:
        """The steps in the order of the program."""
        rows = sorted(self._rows, key=lambda row: row[0])
        return [Step(*(*row[:-1], self._prints.get(row[0]), row[-1])) for row in rows]

    def whole(self, number: int) -> bool:
        """Whether the value of a step is kept, and its cotangent if it has one."""
        return number in self.values and (number in self.cotangents or number not in self._prints)


@dataclass
class Recorded:
    """One recording. notes: what was left out, sentences."""

    steps: list[Step]
    outputs: dict[str, Array]
    notes: list[str]
    tape: Tape
    replace: Mapping[int, Array]


@dataclass
class Recorder:
    """The recordings of one side. `side.play(tape)` is what the framework adds: see TorchSide, JaxSide."""

    side: Any
    kept: dict[int, Recorded] = field(default_factory=dict)
    count: int = 0

    def record(self, replace: Mapping[int, Array], gradients: bool = True) -> tuple[int, Recorded]:
        """(number, recording) of the program with the values of some steps or inputs replaced. Raises AuditFault.

        gradients: whether cotangents are wanted, which cost several times what the values do.
        """
        self.side.announce("recording the steps of the function")
        tape = Tape(replace, gradients=gradients)
        outputs = self._play(tape)
        found = Recorded(tape.steps(), outputs, tape.notes, tape, dict(replace))
        self.count += 1
        self.kept[self.count] = found
        if len(self.kept) > RECORDINGS:
            del self.kept[min(self.kept)]
        return self.count, found

    def arrays(self, number: int, ids: Sequence[int]) -> dict[int, tuple[Array, Array | None]]:
        """(value, cotangent or None) of steps and, by negative ids, of inputs. Raises AuditFault."""
        tape = self.kept[number].tape
        missing = [i for i in ids if i >= 0 and not tape.whole(i)]
        again = tape
        if missing:
            self.side.announce("evaluating the function again for the values of its steps")
            again = Tape(self.kept[number].replace, gradients=tape.gradients, prints=False, wanted=set(missing))
            self._play(again)
        out: dict[int, tuple[Array, Array | None]] = {}
        lost = set(missing)
        for i in ids:
            held = again if i in lost else tape
            if i >= 0 and i not in held.values:
                raise AuditFault("random", "the function took other steps when it was evaluated again")
            value = held.values[i] if i >= 0 else self.kept[number].replace.get(i, self.side.leaves[-i - 1].array)
            out[i] = value, held.cotangents.get(i)
        return out

    def probe(self, replace: Mapping[int, Array], ids: Sequence[int],
              factors: Mapping[int, float] | None = None) -> tuple[dict[str, Array], dict[int, Array]]:
        """(outputs, values of some steps); where there are such, outputs may be left out. factors: see Tape. Raises
        AuditFault."""
        self.side.announce("evaluating the function with a value replaced")
        tape = Tape(replace, gradients=False, prints=False, wanted=set(ids), factors=factors, brief=bool(ids))
        return self._play(tape), tape.values

    def options(self, replace: Mapping[int, Array], number: int) -> list[tuple[str, str, Array]]:
        """(what it is, what to write, result) of a step's operation with other options. Raises AuditFault."""
        self.side.announce("evaluating an operation with other options")
        tape = Tape(replace, gradients=False, prints=False, wanted=(), varied=number, brief=True)
        self._play(tape)
        return tape.options

    def _play(self, tape: Tape) -> dict[str, Array]:
        outputs: dict[str, Array] = guarded(lambda: self.side.play(tape))
        return outputs


def plain(step: Step) -> list[Any]:
    """A step as plain data."""
    return [step.id, step.op, step.file, step.line, step.text, step.scope, list(step.loop), list(step.shape),
            step.dtype, list(step.parents), _plain(step.print),
            None if step.cotangent is None else _plain(step.cotangent), step.quiet]


def read(held: Sequence[Any]) -> Step:
    """The inverse of `plain`."""
    *first, loop, shape, dtype, parents, print_, cotangent, quiet = held
    return Step(*(*first, tuple(loop), tuple(shape), dtype, tuple(parents), _read(print_),
                  None if cotangent is None else _read(cotangent), quiet))


def _plain(p: Fingerprint) -> list[Any]:
    moments = [[m.real, m.imag] for m in p.moments]
    return [p.size, p.nonfinite, [p.sum.real, p.sum.imag], p.sum_abs, p.sum_squares, p.max_abs, moments]


def _read(held: Sequence[Any]) -> Fingerprint:
    size, bad, total, absolute, squares, top, moments = held
    return Fingerprint(size, bad, complex(*total), absolute, squares, top, tuple(complex(*m) for m in moments))


def not_the_users(framework: Any) -> tuple[str, str]:
    """The folders of a framework (its module) and of this package, in which no line of the user's lies."""
    ours = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return os.path.dirname(os.path.abspath(framework.__file__ or "")), ours


def own_place(places: Iterable[tuple[str, int]], frameworks: tuple[str, ...]) -> tuple[str, int] | None:
    """The innermost place of the user's own: not in a framework, nor, if there is another, in an installed package.

    frameworks: as of `not_the_users`.
    """
    second = None
    for name, line in places:
        rank = _rank(name, frameworks)
        if rank == 0:
            return name, line
        if rank == 1 and second is None:
            second = name, line
    return second


@functools.cache
def _rank(name: str, frameworks: tuple[str, ...]) -> int:
    """0: the user's; 1: an installed package's; 2: nobody's."""
    if name.startswith(("<", *(os.path.join(f, "") for f in frameworks))):
        return 2
    if "site-packages" in name or "dist-packages" in name:
        return 1
    return 2 if name.startswith(os.path.join(os.path.dirname(os.__file__), "")) else 0
