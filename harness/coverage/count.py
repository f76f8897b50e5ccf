"""Which of the functions that both frameworks differentiate the catalogue covers, over real and over complex numbers.

The rule. A function is covered over a kind of numbers when cases of that kind which are about it, in torch's words and
in JAX's, together have

- two generic points or more, of different numbers, at which a conjugation, a sign flip and a factor of 2 would be seen
  (of a real function of reals a sign flip and a factor), and
- a point that the mathematics of the function demands: one of the features that demands.txt lists for its group.

So one generic array is not coverage, nor is a case that could not see an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from harness.coverage.blindness_survey import Sight, sights
from harness.coverage.features import features, generic
from harness.coverage.names import Names, data, names, reasons, sections
from harness.coverage.operator_uses import uses
from harness.coverage.survey import Survey, survey
from harness.model import Case, Point

KINDS = ("real", "complex")
GENERIC = 2  # generic points of different numbers that a covered function has at least


@dataclass
class Tally:
    """What the cases of one kind of numbers have for one function."""

    cases: list[str] = field(default_factory=list)
    points: int = 0
    generic: int = 0  # different generic points at which every error would be seen
    demanded: int = 0  # points with a feature that the function's mathematics demands

    @property
    def covered(self) -> bool:
        return self.generic >= GENERIC and self.demanded > 0

    @property
    def lack(self) -> str:
        """What is missing, in words; empty where nothing is."""
        if not self.cases:
            return "no case"
        lacking = []
        if self.generic < GENERIC:
            lacking.append(f"{self.generic} of {GENERIC} generic points that show every error")
        if not self.demanded:
            lacking.append("no point that its mathematics demands")
        return "; ".join(lacking)


@dataclass(frozen=True)
class Line:
    """One function over one kind of numbers.

    status: "covered", "uncovered" (both frameworks have it, or nobody has said why they have not), or "excluded".
    reason: why it is excluded, or what is lacking.
    """

    name: str
    kind: str
    status: str
    torch: tuple[str, ...]
    jax: tuple[str, ...]
    tally: Tally
    reason: str
    group: str


@dataclass(frozen=True)
class Coverage:
    """The whole table, and its totals."""

    lines: tuple[Line, ...]
    versions: Mapping[str, str]
    entries: Mapping[str, Mapping[str, int]]  # framework -> kind -> entries of its own list that are differentiable
    functions: int  # different functions, of either framework, that cases are about
    cases: int
    points: int

    def common(self, kind: str) -> int:
        """How many functions of this kind should be covered."""
        return sum(line.kind == kind and line.status != "excluded" for line in self.lines)

    def covered(self, kind: str) -> int:
        """How many of them are."""
        return sum(line.kind == kind and line.status == "covered" for line in self.lines)

    def totals(self) -> dict[str, Any]:
        """The numbers of the JSON form."""
        found: dict[str, Any] = {}
        for kind in KINDS:
            common, covered = self.common(kind), self.covered(kind)
            found[kind] = {
                "torch": self.entries["torch"][kind], "jax": self.entries["jax"][kind], "common": common,
                "covered": covered, "share": covered / common if common else 1.0,
                "excluded": sum(line.kind == kind and line.status == "excluded" for line in self.lines),
            }
        return {**found, "functions": self.functions, "cases": self.cases, "points": self.points}


def coverage(
    cases: Sequence[Case],
    *,
    surveys: tuple[Survey, Survey] | None = None,
    seen: Mapping[str, Sight] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Coverage:
    """Count. surveys: of torch and of jax (default: the installed ones are asked). seen: what each case shows (default:
    found out). Raises SurveyFailed where a framework is not installed."""
    torch, jax = surveys or (survey("torch"), survey("jax"))
    known = names((*torch.same, *jax.same))
    seen = sights(cases, progress) if seen is None else seen
    tallies, about = _tallies(cases, known, seen)
    lines: list[Line] = []
    for index, kind in enumerate(KINDS):
        lines += _lines(index, kind, torch, jax, known, tallies)
    return Coverage(
        tuple(lines), {"torch": torch.version, "jax": jax.version},
        {name: dict(zip(KINDS, s.entries, strict=True)) for name, s in (("torch", torch), ("jax", jax))},
        len(about), len(cases), sum(len(case.points) for case in cases),
    )


@lru_cache(maxsize=1)
def demands() -> Mapping[str, frozenset[str]]:
    """Group of functions, or function -> features of which a covered function has a point with one."""
    found: dict[str, frozenset[str]] = {}
    for heading, line in sections(data("demands.txt")):
        found[heading] = found.get(heading, frozenset()) | frozenset(line.split())
    return found


def demanded(known: Names, name: str) -> frozenset[str]:
    """The features that a function's mathematics demands."""
    table = demands()
    entry = known.functions.get(name)
    return table.get(name) or table.get(entry.group if entry else "") or table["JAX alone"]


def _tallies(
    cases: Iterable[Case], known: Names, seen: Mapping[str, Sight]
) -> tuple[dict[tuple[str, str], Tally], set[str]]:
    """(function, kind) -> Tally, and every function that a case is about on either side."""
    found: dict[tuple[str, str], Tally] = {}
    different: dict[tuple[str, str], set[bytes]] = {}
    about: set[str] = set()
    for case in cases:
        used = uses(case, known)
        about |= used.any
        sighted = seen[case.id].sighted if case.id in seen else frozenset()
        kind = KINDS[any(i.kind == "complex" and i.differentiate for i in case.inputs)]
        for name in used.both:
            tally = found.setdefault((name, kind), Tally())
            wanted = demanded(known, name)
            tally.cases.append(case.id)
            tally.points += len(case.points)
            for point in case.points:
                tally.demanded += bool(features(case, point) & wanted)
                if point.name in sighted and generic(case, point):
                    different.setdefault((name, kind), set()).add(_numbers(case, point))
            tally.generic = len(different.get((name, kind), ()))
    return found, about


def _numbers(case: Case, point: Point) -> bytes:
    return b"|".join(point.arrays[i.name].tobytes() for i in case.inputs if i.differentiate)


def _lines(
    index: int, kind: str, torch: Survey, jax: Survey, known: Names, tallies: Mapping[tuple[str, str], Tally]
) -> Iterable[Line]:
    of_torch: dict[str, list[str]] = {}
    for name, can in torch.functions.items():
        if can[index]:
            of_torch.setdefault(known.torch.get(name, name), []).append(name)
    of_jax = {name for name, can in jax.functions.items() if can[index]}
    paired: set[str] = set()
    for base, own in of_torch.items():
        entry = known.functions.get(base)
        named = entry.jax if entry else []
        theirs = [name for name in named if name in of_jax]
        paired.update(theirs)
        tally = tallies.get((base, kind), Tally())
        reason = next((reasons()[name] for name in (base, *own) if name in reasons()), "")
        refused = [name for name in named if name in jax.functions]
        if theirs:
            status, reason = ("covered", "") if tally.covered else ("uncovered", tally.lack)
        elif reason or refused:
            status = "excluded"
            reason = reason or f"torch only: JAX does not differentiate {refused[0]} over {kind} numbers"
        else:
            status, reason = "uncovered", "no counterpart in JAX is known, and no reason is given"
        yield Line(base, kind, status, tuple(own), tuple(theirs), tally, reason, entry.group if entry else "")
    for name in sorted(of_jax - paired):
        bases = known.jax.get(name, frozenset())
        reason = reasons().get(name, "")
        refused = sorted({t for base in bases for t in known.functions[base].torch if t in torch.functions})
        if not reason and refused:
            reason = f"JAX only: torch does not differentiate {refused[0]} over {kind} numbers"
        tally = tallies.get((next(iter(sorted(bases)), name), kind), Tally())
        status = "excluded" if reason else "uncovered"
        reason = reason or "no counterpart in torch is known, and no reason is given"
        yield Line(name, kind, status, (), (name,), tally, reason, "")
