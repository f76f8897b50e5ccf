"""Equal numbers in another order, or one part of an array taken for another: it shows only where they are used.

Classes of equal values do not see the order of entries, nor which part of a split goes where. Where values part
although everything that they are made of is equal, the orders are tried: another order of the axes, and the parts of
one array exchanged. An order is said only if with it JAX's value is torch's, entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, permutations, product
from typing import Any

import numpy as np

from harness.audit.origins.layout import Layout, candidates, close
from harness.wirtinger import Array

#: Evaluations for one origin.
TRIALS = 90
_PARTS = ("slice", "split", "dynamic_slice", "gather", "squeeze", "reshape", "unstack")
_MOVES = ("reshape", "transpose", "squeeze", "expand_dims", "broadcast_in_dim", "slice", "rev", "concatenate", "copy",
          "convert_element_type", "split", "gather", "dynamic_slice", "moveaxis")
_CLIMB = 5
_CHOICES = 8


@dataclass(frozen=True)
class Moved:
    """Steps of both sides whose numbers are the same in another order. given: JAX's values as torch has them."""

    torch: Any
    jax: Any
    layout: Layout
    given: Mapping[int, Array]
    what: str
    fix: str


class Reordering:
    """The search around one pair of steps that differ. goal: what JAX's step should be."""

    def __init__(self, scene: Any, pair: tuple[Any, Any, Layout], source: Any, replaced: Mapping[int, Array],
                 rtol: float) -> None:
        self.scene, self.source, self.replaced, self.rtol = scene, source, replaced, rtol
        self.torch, self.jax, layout = pair
        self.goal = layout.to_right(scene.recordings["torch"].value(self.torch.id))
        self.spent = 0
        self.frontier = {"torch": self._frontier("torch", self.torch.id), "jax": self._frontier("jax", self.jax.id)}

    def found(self) -> Moved | None:
        """What is in another order; None where nothing that was tried explains the numbers."""
        return self._exchanged() or self._turned()

    def _frontier(self, side: str, end: int) -> list[int]:
        """Values that both sides have and from which the pair's steps are computed, the nearest first."""
        g, region = self.scene.graph(side), self.scene.regions[side]
        inside = {i for i in g.ancestors([end]) if i in region} | {end}
        return sorted({p for i in inside for p in g.parents(i) if p not in inside}, reverse=True)

    def _value(self, i: int) -> Array:
        value: Array = self.scene.recordings["jax"].value(i)
        return value

    def _explains(self, given: Mapping[int, Array]) -> bool:
        self.spent += 1
        got = self.source.probe({**self.replaced, **given}, [self.jax.id]).get(self.jax.id)
        return got is not None and close(got, self.goal, 10 * self.rtol)

    # -- parts of one array --------------------------------------------------------------------------------------------

    def _exchanged(self) -> Moved | None:
        """Parts of one array that JAX takes for one another."""
        g, m = self.scene.right, self.scene.matching
        groups: dict[tuple[Any, ...], list[int]] = {}
        here = {m.of["jax"][p] for p in self.frontier["jax"]}
        absent = [u for u in self.frontier["torch"] if m.of["torch"][u] not in here]
        wanted = [p for u in absent for p in m.partners("torch", u)[-1:]]
        for p in dict.fromkeys([*self.frontier["jax"], *wanted]):
            step = g.steps[p]
            if p >= 0 and step.print.size > 1:
                groups.setdefault((step.op, step.shape, step.dtype), []).append(p)
        for members in groups.values():
            members = sorted(members)[:4]
            for order in _orders(len(members)):
                if self.spent >= TRIALS:
                    return None
                pairs = [(p, members[k]) for p, k in zip(members, order, strict=True) if p != members[k]]
                if self._explains(self._given(pairs)):
                    found = self._parts(pairs)
                    if found is not None:
                        return found
        return None

    def _given(self, pairs: Sequence[tuple[int, int]]) -> dict[int, Array]:
        return {p: self._value(q) for p, q in pairs}

    def _parts(self, pairs: list[tuple[int, int]]) -> Moved | None:
        """The parts from which exchanged values are computed, as far up as the exchange explains the numbers."""
        g = self.scene.right
        for _ in range(_CLIMB):
            roots = {tuple(g.parents(p)) for p, _ in pairs}
            if all(g.steps[p].op in _PARTS for p, _ in pairs) and len(roots) == 1:
                return self._said(pairs)
            above = {pair for p, q in pairs for pair in self._above(p, q)}
            if not above or not self._explains(self._given(sorted(above))):
                break
            pairs = sorted(above)
        parts = all(g.steps[p].op in _PARTS for p, _ in pairs)
        return self._said(pairs) if parts else None

    def _above(self, p: int, q: int) -> Iterator[tuple[int, int]]:
        g = self.scene.right
        for a, b in zip(g.parents(p), g.parents(q), strict=False):
            if a != b and g.steps[a].shape == g.steps[b].shape and min(a, b) >= 0:
                yield a, b

    def _said(self, pairs: Sequence[tuple[int, int]]) -> Moved | None:
        g, m = self.scene.right, self.scene.matching
        first = min(p for p, _ in pairs)
        torch = [u for p, _ in sorted(pairs) for u in m.partners("jax", p) if u >= 0]
        t = self.scene.left.steps[torch[0]] if torch else self.torch
        step = g.steps[first]
        order = {p: n for n, p in enumerate(sorted({p for p, _ in pairs}))}
        blocks = [order[q] for _, q in sorted(pairs) if q in order]
        what = (f"the parts of one array are taken for each other: in the order {blocks} of the {len(blocks)} that are "
                "exchanged JAX's numbers are torch's")
        return Moved(t, step, Layout(step.shape, step.shape, None), self._given(pairs), what,
                     f"take the parts in torch's order ({t.text}): {step.text}")

    # -- another order of axes -----------------------------------------------------------------------------------------

    def _turned(self) -> Moved | None:
        """A value whose entries JAX has in another order than torch."""
        odd = [p for p in self.frontier["jax"] if p >= 0 and not self._as_torch(p)]
        for p in odd:
            found = self._relaid([p])
            if found is not None:
                return found
        for group in islice(combinations(odd, 2), 3):
            found = self._relaid(sorted(group))
            if found is not None:
                return found
        return None

    def _as_torch(self, p: int) -> bool:
        """Whether torch's steps are computed from the same numbers in the same order."""
        value = self._value(p).reshape(-1)
        mine = self.scene.matching.of["jax"][p]
        for u in self.frontier["torch"]:
            if self.scene.matching.of["torch"][u] == mine:
                other = self.scene.recordings["torch"].value(u).reshape(-1)
                if other.shape != value.shape or close(other, value, self.rtol):
                    return True
        return False

    def _relaid(self, group: list[int]) -> Moved | None:
        """Values in an order in which they explain the numbers, as far up the program as it does."""
        best = self._tried(group)
        for k in range(len(group)) if best is not None else ():
            for _ in range(_CLIMB):
                above = self._source(group[k])
                found = None if above is None else self._tried([*group[:k], above, *group[k + 1 :]])
                if found is None or above is None:
                    break
                best, group = found, [*group[:k], above, *group[k + 1 :]]
        return best

    def _source(self, p: int) -> int | None:
        """What a step that only moves numbers takes them from."""
        g = self.scene.right
        parents = g.parents(p)
        same = [a for a in parents if a >= 0 and g.steps[a].print.size == g.steps[p].print.size]
        moves = bool(same) and len(parents) == 1 and {g.steps[p].op, g.steps[same[0]].op} <= set(_MOVES)
        return same[0] if moves else None

    def _tried(self, group: list[int]) -> Moved | None:
        for choices in product(*(self._choices(p) for p in group)):
            if self.spent >= TRIALS:
                return None
            given = {p: array for p, (_, _, array) in zip(group, choices, strict=True)}
            if not self._explains(given):
                continue
            p, (u, layout, _) = group[0], choices[0]
            t, j = self.scene.left.steps[u], self.scene.right.steps[p]
            what = ("the numbers are the same in another order: " + _axes(layout) +
                    "; in that order JAX's numbers are torch's from here on")
            return Moved(t if u >= 0 else self.torch, j, layout, {p: given[p]}, what,
                         f"bring the axes into torch's order: {j.text}")
        return None

    def _choices(self, p: int) -> list[tuple[int, Layout, Array]]:
        """(torch's step, its layout in JAX's array, the array): other orders of the entries of a value."""
        scene, out = self.scene, []
        shape = scene.right.steps[p].shape
        seen = {self._value(p).tobytes()}
        for u in scene.matching.partners("jax", p)[:4]:
            if scene.left.steps[u].print.size != scene.right.steps[p].print.size:
                continue
            value = scene.recordings["torch"].value(u)
            for layout in islice(candidates(value.shape, shape), 24):
                array = np.asarray(layout.to_right(value), self._value(p).dtype)
                if array.tobytes() not in seen and not close(array, self._value(p), self.rtol):
                    seen.add(array.tobytes())
                    out.append((u, layout, array))
        return out[:_CHOICES]


def _orders(count: int) -> list[tuple[int, ...]]:
    """Orders of a few things other than the first, those that move the fewest first."""
    found = list(permutations(range(count)))[1:] if count > 1 else []
    return sorted(found, key=lambda order: sum(k != n for n, k in enumerate(order)))


def _axes(layout: Layout) -> str:
    left, right = (list(shape) for shape in (layout.left, layout.right))
    if layout.plain:
        return f"the entries of torch's {left} in the order in which they stand there"
    return f"torch's {left} with axes exchanged, as JAX's {right}"


def moved(scene: Any, pair: tuple[Any, Any, Layout], source: Any, replaced: Mapping[int, Array],
          rtol: float) -> Moved | None:
    """See `Reordering`."""
    return Reordering(scene, pair, source, replaced, rtol).found()
