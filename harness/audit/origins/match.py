"""Which values of the two programs are the same numbers, whatever their shape and order.

Steps of both sides whose fingerprints are equal within rounding form a class. A class with steps of both sides is a
place where the programs meet. Broadcasts belong to what they are made of: their numbers say nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness import formats
from harness.audit.origins.program import same
from harness.backends.side.narrow import digits

Steps = Mapping[int, Any]
#: Of matching, in single precision; and for what comes of single precision inside a program in double.
SINGLE = 2e-5


@dataclass
class Graph:
    """The steps of one side by id, inputs included, with what each feeds."""

    side: str
    steps: dict[int, Any]
    children: dict[int, list[int]] = field(default_factory=dict)
    narrow: frozenset[int] = frozenset()  # steps in a narrower precision than the inputs that they are made of

    @classmethod
    def of(cls, side: str, steps: Sequence[Any], inputs: Mapping[int, Any]) -> Graph:
        held = {**inputs, **{s.id: s for s in steps}}
        children: dict[int, list[int]] = {i: [] for i in held}
        for s in steps:
            for p in s.parents:
                if p in children:
                    children[p].append(s.id)
        base = max((digits(str(x.dtype)) for x in inputs.values()), default=0)
        made = {i for i, x in inputs.items() if digits(str(x.dtype)) == base}
        for s in steps:
            made |= {s.id} if made.intersection(s.parents) else set()
        return cls(side, held, children, frozenset(i for i in made if 0 < digits(str(held[i].dtype)) < base))

    def parents(self, i: int) -> list[int]:
        return [p for p in self.steps[i].parents if p in self.steps]

    def ancestors(self, starts: Sequence[int], stop: set[int] | frozenset[int] = frozenset()) -> set[int]:
        """Steps from which the starts can be reached, the starts included; `stop` is not entered."""
        found: set[int] = set()
        todo = [i for i in starts if i not in stop]
        while todo:
            i = todo.pop()
            if i in found:
                continue
            found.add(i)
            todo += [p for p in self.parents(i) if p not in stop]
        return found

    @property
    def blur(self) -> float:
        """What two faithful programs may differ by, relatively, in what comes of the narrower precision."""
        least = min((digits(str(self.steps[i].dtype)) for i in self.narrow), default=0)
        return 0.0 if not least else SINGLE if least >= formats.SINGLE.digits else 4 * 2.0 ** (1 - least)

    def rough(self) -> set[int]:
        """Steps that come of a narrower precision inside."""
        found = set(self.narrow)
        for i, s in self.steps.items():
            if i >= 0 and not found.isdisjoint(s.parents):
                found.add(i)
        return found

    def descendants(self, start: int) -> set[int]:
        """Steps that the start feeds, itself included."""
        found: set[int] = set()
        todo = [start]
        while todo:
            i = todo.pop()
            if i not in found:
                found.add(i)
                todo += self.children[i]
        return found


@dataclass
class Matching:
    """Classes of equal values: for each side, the class of a step; for each class, its steps by side."""

    of: dict[str, dict[int, int]]
    members: list[dict[str, list[int]]]

    def matched(self, side: str, i: int) -> bool:
        """Whether the value of a step is known on both sides."""
        return all(self.members[self.of[side][i]].values())

    def partners(self, side: str, i: int) -> list[int]:
        """Steps of the other side with this value, in program order."""
        other = "jax" if side == "torch" else "torch"
        return self.members[self.of[side][i]][other]


def match(left: Graph, right: Graph, links: Sequence[tuple[int, int]], rtol: float, coarse: bool = False) -> Matching:
    """Classes over both programs. links: inputs that are the same by name (ids), whatever their numbers.

    coarse: whether what comes of a narrower precision inside is matched to that.
    """
    loose = {g.side: g.rough() if coarse else set() for g in (left, right)}
    widest = max(left.blur, right.blur) if any(loose.values()) else rtol
    rows = [(g.side, s) for g in (left, right) for s in g.steps.values()]
    parent = list(range(len(rows)))
    at = {(side, s.id): k for k, (side, s) in enumerate(rows)}

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    ranked = sorted(range(len(rows)), key=lambda k: (rows[k][1].print.size, rows[k][1].print.sum_abs))
    for n, k in enumerate(ranked):
        p = rows[k][1].print
        for m in ranked[n + 1 :]:
            q = rows[m][1].print
            if q.size != p.size or q.sum_abs - p.sum_abs > 2 * widest * max(q.sum_abs, p.sum_abs):
                break
            if root(k) != root(m) and _kind(rows[k][1]) == _kind(rows[m][1]):
                near = widest if any(rows[x][1].id in loose[rows[x][0]] for x in (k, m)) else rtol
                if same(p, q, near):
                    parent[root(m)] = root(k)
    for a, b in links:
        if (left.side, a) in at and (right.side, b) in at:
            parent[root(at[right.side, b])] = root(at[left.side, a])
    for g in (left, right):
        for i, s in g.steps.items():
            made = _made_of(g, s, rtol)
            if made is not None:
                parent[root(at[g.side, i])] = root(at[g.side, made])
    return _numbered(rows, [root(k) for k in range(len(rows))], (left.side, right.side))


def _numbered(rows: Sequence[tuple[str, Any]], roots: Sequence[int], sides: tuple[str, str]) -> Matching:
    numbers: dict[int, int] = {}
    members: list[dict[str, list[int]]] = []
    of: dict[str, dict[int, int]] = {side: {} for side in sides}
    for (side, s), r in zip(rows, roots, strict=True):
        if r not in numbers:
            numbers[r] = len(members)
            members.append({side: [] for side in sides})
        of[side][s.id] = numbers[r]
        members[numbers[r]][side].append(s.id)
    for held in members:
        for ids in held.values():
            ids.sort()
    return Matching(of, members)


def _kind(s: Any) -> bool:
    return "complex" in str(s.dtype)


def _made_of(g: Graph, s: Any, rtol: float) -> int | None:
    """The parent that a step only repeats: a broadcast; None where it computes."""
    known = g.parents(s.id)
    if len(known) != 1 or s.id < 0:
        return None
    p, q = g.steps[known[0]].print, s.print
    if not p.size or q.size <= p.size or q.size % p.size or p.nonfinite or q.nonfinite or _kind(s) != _kind(
            g.steps[known[0]]):
        return None
    times, top = q.size // p.size, p.max_abs
    near = abs(q.max_abs - top) <= rtol * top and abs(q.sum_abs - times * p.sum_abs) <= rtol * q.sum_abs
    near = near and abs(q.sum - times * p.sum) <= rtol * q.sum_abs
    return known[0] if near and abs(q.sum_squares - times * p.sum_squares) <= rtol * q.sum_squares else None


def constants(g: Graph) -> set[int]:
    """Steps that depend on no input at all."""
    out: set[int] = set()
    for i, s in g.steps.items():
        if i >= 0 and all(p in out for p in s.parents):
            out.add(i)
    return out
