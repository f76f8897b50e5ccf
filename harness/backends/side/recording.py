"""What a program did, step by step: for an audit to find where two programs part. Framework-free.

A step is one result of the program with the user's own line, the steps it was made from, and fingerprints: numbers that
do not change when an array is reshaped or its axes are exchanged. Whole arrays are kept here and sent when asked for.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.backends.side.faults import AuditFault, guarded
from harness.wirtinger import Array

#: Steps of one program that are kept; a program with more is not recorded.
MOST = 20_000
#: Bytes of values and cotangents that are kept of all recordings of one side together.
BYTES = 2 << 30


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
    """The fingerprint of an array of numbers, in double precision."""
    flat = np.asarray(array).reshape(-1)
    flat = flat.astype(np.complex128 if flat.dtype.kind == "c" else np.float64, copy=False)
    with np.errstate(all="ignore"):
        finite = flat[np.isfinite(flat)]
        size = np.abs(finite)
        return Fingerprint(
            flat.size, flat.size - finite.size, complex(finite.sum()), float(size.sum()), float(np.sum(size**2)),
            float(size.max(initial=0.0)), (complex(np.sum(finite**2)), complex(np.sum(finite**3))),
        )


@dataclass(frozen=True)
class Step:
    """One result. parents: ids of steps, negative for inputs (-1 is the first leaf); loop: iterations it is in."""

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


@dataclass
class Row:
    """A step as a framework records it. value and cotangent (L_x + i L_y, None where there is none) for NumPy."""

    op: str
    where: tuple[str, int]
    parents: tuple[int, ...]
    value: Any
    cotangent: Any = None
    scope: str = ""
    loop: tuple[int, ...] = ()


@dataclass
class Recorded:
    """One recording: what is sent, and the arrays that are kept. inputs: cotangents of the leaves by negative id."""

    steps: list[Step]
    outputs: dict[str, Array]
    held: dict[int, tuple[Array, Array | None]]


@dataclass
class Recorder:
    """The recordings of one side. `rows` is what the framework adds: see `TorchSide.rows`, `JaxSide.rows`."""

    side: Any
    kept: dict[int, Recorded] = field(default_factory=dict)
    total: int = 0

    def record(self, replace: Mapping[int, Array]) -> tuple[int, Recorded]:
        """(number, recording) of the program with the values of some steps or inputs replaced. Raises AuditFault."""
        self.side.announce("recording the steps of the function")
        rows, outputs, inputs = guarded(lambda: self.side.rows(replace, True))
        self.total += 2 * sum(np.asarray(r.value).nbytes for r in rows)
        if len(rows) > MOST or self.total > BYTES:
            raise AuditFault("size", f"the function has {len(rows)} steps, and its recordings hold "
                             f"{self.total / 2**30:.1f} GiB, which is too much to compare")
        steps = [
            Step(i, r.op, *r.where, linecache.getline(*r.where).strip(), r.scope, r.loop, np.shape(r.value),
                 str(np.asarray(r.value).dtype), r.parents, fingerprint(r.value),
                 None if r.cotangent is None else fingerprint(r.cotangent))
            for i, r in enumerate(rows)
        ]
        held = {i: (np.asarray(r.value), None if r.cotangent is None else np.asarray(r.cotangent))
                for i, r in enumerate(rows)}
        for k, leaf in enumerate(self.side.leaves):
            if leaf.array is not None:
                cotangent = inputs.get(k)
                held[-k - 1] = (leaf.array, None if cotangent is None else np.asarray(cotangent))
        found = Recorded(steps, outputs, held)
        number = len(self.kept)
        self.kept[number] = found
        return number, found

    def rerun(self, replace: Mapping[int, Array]) -> dict[str, Array]:
        """The outputs alone. Raises AuditFault."""
        self.side.announce("evaluating the function with a value replaced")
        _, outputs, _ = guarded(lambda: self.side.rows(replace, False))
        result: dict[str, Array] = outputs
        return result


def plain(step: Step) -> list[Any]:
    """A step as plain data."""
    first = [step.id, step.op, step.file, step.line, step.text, step.scope]
    return [*first, list(step.loop), list(step.shape), step.dtype, list(step.parents), _plain(step.print),
            None if step.cotangent is None else _plain(step.cotangent)]


def read(held: Sequence[Any]) -> Step:
    """The inverse of `plain`."""
    *first, loop, shape, dtype, parents, print_, cotangent = held
    return Step(*first, tuple(loop), tuple(shape), dtype, tuple(parents), _read(print_),
                None if cotangent is None else _read(cotangent))


def _plain(p: Fingerprint) -> list[Any]:
    moments = [[m.real, m.imag] for m in p.moments]
    return [p.size, p.nonfinite, [p.sum.real, p.sum.imag], p.sum_abs, p.sum_squares, p.max_abs, moments]


def _read(held: Sequence[Any]) -> Fingerprint:
    size, bad, total, absolute, squares, top, moments = held
    return Fingerprint(size, bad, complex(*total), absolute, squares, top, tuple(complex(*m) for m in moments))


def own_place(places: Iterable[tuple[str, int]], frameworks: tuple[str, ...]) -> tuple[str, int] | None:
    """The innermost place of the user's own: not in a framework, nor, if there is another, in an installed package."""
    libraries = (os.path.dirname(os.__file__) + os.sep, *(os.path.dirname(f) + os.sep for f in frameworks[:1]))
    second = None
    for name, line in places:
        if name.startswith(("<", *(f + os.sep for f in frameworks))):
            continue
        if not name.startswith(libraries) and "site-packages" not in name:
            return name, line
        if second is None and not name.startswith(libraries[0]):
            second = name, line
    return second
