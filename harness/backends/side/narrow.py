"""Single precision inside: where a program in double precision takes what it differentiates through a narrower dtype.

Its value is then rounded to single precision on the way, jumps by as much between points next to each other, and what
comes of it can be told to single precision only, forward and backward.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.backends.side.recording import Step

#: Dtypes of steps, in single and in double precision.
NARROW, WIDE = ("float32", "complex64"), ("float64", "complex128")


@dataclass(frozen=True)
class Narrow:
    """One line on which double precision becomes single, or less."""

    file: str
    line: int
    dtype: str

    @property
    def text(self) -> str:
        """The line of source."""
        return linecache.getline(self.file, self.line).strip() if self.file else ""


def narrow(steps: Sequence[Step], dtypes: Mapping[int, str], moving: Iterable[int]) -> list[Narrow]:
    """The lines on which recorded steps narrow what is made of the inputs `moving`; dtypes: of inputs, by id."""
    held = set(moving)
    known = dict(dtypes) | {s.id: s.dtype for s in steps}
    out = []
    for s in steps:
        above = [p for p in s.parents if p in held]
        if above:
            held.add(s.id)
            if s.dtype in NARROW and any(known.get(p) in WIDE for p in above):
                out.append(Narrow(s.file, s.line, s.dtype))
    return list(dict.fromkeys(out))
