"""Single or half precision inside: where a program takes what it differentiates through a narrower dtype than its
inputs' own.

Its value is then rounded to that precision on the way, jumps by as much between points next to each other, and what
comes of it can be told to that precision only, forward and backward.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.backends.side.recording import Step
from harness.formats import DTYPES


def digits(dtype: str) -> int:
    """Bits of the significand of a real or complex dtype; 0 of any other."""
    return DTYPES[dtype].digits if dtype in DTYPES else 0


@dataclass(frozen=True)
class Narrow:
    """One line on which double precision becomes single, or less, or single precision half."""

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
    base = max((digits(dtypes[i]) for i in held), default=0)
    known = dict(dtypes) | {s.id: s.dtype for s in steps}
    out = []
    for s in steps:
        above = [p for p in s.parents if p in held]
        if above:
            held.add(s.id)
            here = digits(s.dtype)
            if 0 < here < base and any(digits(known.get(p, "")) > here for p in above):
                out.append(Narrow(s.file, s.line, s.dtype))
    return list(dict.fromkeys(out))
