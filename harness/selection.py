"""Which cases and points are meant: globs on CASE, FAMILY/CASE, CASE@POINT, by one rule for every command.

The part before "@" is matched against a case's id and against its family and id; the part after it against the point.
Without "@" every point is meant. Rows that speak of a whole case (its point is "*" or "") belong to each of its points.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

from harness.model import Case, CaseError

#: The point of a row that speaks of all points of its case.
WHOLE_CASE = ("*", "")


class NothingSelected(CaseError):
    """A glob that selects nothing: a mistyped name must not pass for a success."""


class Selection:
    """Some globs, or None for everything. A single string is one glob."""

    def __init__(self, globs: Sequence[str] | str | None) -> None:
        if globs is not None and not isinstance(globs, str):
            wrong = [g for g in globs if not isinstance(g, str)]
            if wrong:
                raise NothingSelected(f"a selection is text such as CASE or CASE@POINT, not {wrong[0]!r}")
        self.globs: tuple[str, ...] = (globs,) if isinstance(globs, str) else tuple(globs or ())
        self.everything = globs is None

    def __bool__(self) -> bool:
        return not self.everything

    def matches(self, case: str, point: str, family: str = "") -> bool:
        """Whether the point is selected."""
        return self.everything or any(_matches(g, case, point, family) for g in self.globs)

    def unmatched(self, cases: Iterable[Case]) -> tuple[str, ...]:
        """The globs that select no point of any of the cases."""
        known = list(cases)
        return tuple(
            g for g in self.globs
            if not any(_matches(g, c.id, p.name, c.family) for c in known for p in c.points)
        )

    def demand(self, cases: Iterable[Case], where: str = "") -> None:
        """Raises NothingSelected where a glob selects none of the cases. where: " in RUN", for the sentence."""
        known = list(cases)
        if not self.everything and not self.globs:
            raise NothingSelected(f"an empty selection selects nothing{where}", None, "None selects everything")
        for glob in self.unmatched(known):
            raise NothingSelected(f"no case matches {glob!r}{where}", None, _near(glob, known))

    def chosen(self, cases: Sequence[Case]) -> tuple[Case, ...]:
        """The cases, and of each the points, that are selected. Raises NothingSelected for a glob that selects none."""
        if self.everything:
            return tuple(cases)
        self.demand(cases)
        out = []
        for case in cases:
            points = tuple(p for p in case.points if self.matches(case.id, p.name, case.family))
            if points:
                out.append(case if len(points) == len(case.points) else replace(case, points=points))
        return tuple(out)


def families(cases: Iterable[Case]) -> Mapping[str, str]:
    """Case id -> family, for tables whose rows do not carry it."""
    return {case.id: case.family for case in cases}


def _matches(glob: str, case: str, point: str, family: str) -> bool:
    name, at, where = glob.partition("@")
    if not (fnmatchcase(case, name) or (family and fnmatchcase(f"{family}/{case}", name))):
        return False
    return not at or point in WHOLE_CASE or fnmatchcase(point, where)


def _near(glob: str, cases: Sequence[Case]) -> str:
    """What may have been meant: near points of a case that exists, else near cases."""
    name, _, point = glob.partition("@")
    same = next((c for c in cases if name in (c.id, f"{c.family}/{c.id}")), None)
    if same is not None:
        names = [p.name for p in same.points]
        close = get_close_matches(point, names, n=3)
        shown = ", ".join(names[:12]) + (f", and {len(names) - 12} more" if len(names) > 12 else "")
        return (f"did you mean {name}@{close[0]}? " if close else "") + f"{name} has the points {shown}"
    close = get_close_matches(name, [c.id for c in cases], n=3)
    return f"did you mean {', '.join(close)}?" if close else "harness list shows them all"
