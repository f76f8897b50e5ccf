"""One side's program as recorded: its steps, their arrays on demand, and the same program with values replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from harness.wirtinger import Array


class Source(Protocol):
    """Where a program comes from: a worker, or this process. notes: what its recordings leave out."""

    notes: dict[str, None]

    def replay(self, replace: Mapping[int, Array], gradients: bool = False) -> Recording:
        """The program evaluated again with the values of some steps (or inputs, negative) replaced."""

    def outputs(self, replace: Mapping[int, Array], factors: Mapping[int, float] | None = None) -> Mapping[str, Array]:
        """The outputs alone of the same. factors: by id, how much of what a value differs by from the one in its place
        goes on nevertheless (none of it where there is no factor)."""

    def probe(self, replace: Mapping[int, Array], ids: Sequence[int]) -> dict[int, Array]:
        """The values of some steps of the same."""

    def options(self, replace: Mapping[int, Array], number: int) -> list[tuple[str, str, Array]]:
        """(what it is, what to write, result) of a step's operation with other options than the program's."""


@dataclass
class Recording:
    """Steps in the order of the program, the outputs, and a way to have the arrays of steps."""

    steps: Sequence[Any]
    outputs: Mapping[str, Array]
    fetch: Any  # Callable[[Sequence[int]], dict[int, (value, cotangent)]]
    held: dict[int, tuple[Array, Array | None]] = field(default_factory=dict)

    def want(self, ids: Iterable[int]) -> None:
        """Have the arrays of some steps at hand, in one request."""
        new = [i for i in dict.fromkeys(ids) if i not in self.held]
        if new:
            self.held.update(self.fetch(new))

    def value(self, i: int) -> Array:
        self.want([i])
        return np.asarray(self.held[i][0])

    def cotangent(self, i: int) -> Array | None:
        self.want([i])
        return self.held[i][1]


@dataclass(frozen=True)
class Input:
    """An input as a step of its own, negative like its id: what the program begins with."""

    id: int
    print: Any
    shape: tuple[int, ...]
    dtype: str
    cotangent: Any = None
    op: str = "input"
    file: str = ""
    line: int = 0
    text: str = ""
    scope: str = ""
    loop: tuple[int, ...] = ()
    parents: tuple[int, ...] = ()
    quiet: bool = False


@dataclass
class Program:
    """One side. inputs: name of each input by its negative id."""

    side: str
    source: Source
    recording: Recording
    inputs: Mapping[int, Any]
    cotangents: Sequence[Array]

    def loss(self, outputs: Mapping[str, Array]) -> float:
        """The real number that is differentiated: Re <cotangent, outputs>, in double precision."""
        total, at = 0.0, 0
        for value in outputs.values():
            if value.dtype.kind in "fc":
                total += float(np.real(np.vdot(self.cotangents[at].astype(np.complex128), value.astype(np.complex128))))
                at += 1
        return total


def code(step: Any) -> str:
    """A step's line of source, as much of it as is read at a glance."""
    text = str(step.text)
    return text if len(text) <= 100 else f"{text[:97]}..."


def same(p: Any, q: Any, rtol: float) -> bool:
    """Whether two fingerprints are those of the same numbers in some order, within rounding."""
    if p.size != q.size or p.nonfinite != q.nonfinite:
        return False
    scale = max(p.sum_abs, q.sum_abs)
    top = max(p.max_abs, q.max_abs)
    if abs(p.sum_abs - q.sum_abs) > rtol * scale or abs(p.sum - q.sum) > rtol * scale:
        return False
    if abs(p.max_abs - q.max_abs) > rtol * top * 4 or abs(p.sum_squares - q.sum_squares) > 2 * rtol * scale * top:
        return False
    power = scale * top
    for a, b in zip(p.moments, q.moments, strict=True):
        if abs(a - b) > 4 * rtol * max(power, abs(a)):
            return False
        power *= top
    return True
