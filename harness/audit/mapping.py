"""Which array of the torch side is which of the JAX side: as written, by name and value, by value, by name.

First what has the same numbers, whatever it is called, then what has a similar name: a name alone never decides
against the numbers. Structure is all that is used; no package is known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from harness.audit import packed
from harness.audit.layout import PLAIN, Axes, Layout, constant, equal, layouts, likely, same
from harness.audit.mapping_file import Written, read_mapping, written_links
from harness.audit.parts import Cover, Part, View
from harness.audit.sides import SideLeaf
from harness.wirtinger import Array

#: Words of one meaning in names of parameters (torch's word on the right).
_SAME = {
    "kernel": "weight", "embedding": "weight", "embeddings": "weight", "scale": "weight", "w": "weight", "b": "bias",
    "mean": "runningmean", "var": "runningvar", "gamma": "weight", "beta": "bias", "offset": "bias",
}
_WRAPPERS = {"params", "model", "module", "variables", "layers", "layer", "net", "batchstats", "self"}
#: Names of several words that mean one thing: the statistics of a normalisation, and where they are kept.
_PHRASES = (
    (re.compile(r"(running|moving)_mean"), "mean"), (re.compile(r"(running|moving)_var(iance)?"), "var"),
    (re.compile(r"batch_stats"), "batchstats"),
)
#: What a variable's own box is called; it says nothing where it ends a name.
_BOXES = ("value", "rawvalue")


@dataclass(frozen=True)
class Link:
    """One array on both sides, a leaf or a view of leaves (harness.audit.parts) by its name, and torch's shape.

    how: "name", "similar name", "value", "part", or "mapping file".
    """

    torch: str
    jax: str
    layout: Layout = PLAIN
    how: str = "name"
    shape: tuple[int, ...] = ()

    @property
    def axes(self) -> Axes:
        return self.layout.axes

    def to_jax(self, array: Array) -> Array:
        """An array laid out as torch's, laid out as JAX's."""
        return self.layout.to_jax(array)

    def to_torch(self, array: Array) -> Array:
        """An array laid out as JAX's, laid out as torch's."""
        return self.layout.to_torch(array, self.shape)

    @property
    def turned(self) -> str:
        return self.layout.words


@dataclass(frozen=True)
class Matching:
    """Links of arrays, what has none on either side, and the views of each side that links name."""

    links: tuple[Link, ...]
    torch_only: tuple[str, ...]
    jax_only: tuple[str, ...]
    views: Mapping[str, tuple[View, ...]] = field(default_factory=dict)


class _Matcher:
    """What has been linked so far. Each pass takes what it is sure of and leaves the rest to the next."""

    def __init__(self, torch: Sequence[SideLeaf], jax: Sequence[SideLeaf]) -> None:
        self.leaves = {"torch": {x.name: x for x in torch}, "jax": {x.name: x for x in jax}}
        self.arrays = {
            side: {n: x.array for n, x in leaves.items() if x.array is not None} for side, leaves in self.leaves.items()
        }
        self.cover = {side: Cover(arrays) for side, arrays in self.arrays.items()}
        self.links: list[Link] = []
        self.views: dict[str, dict[str, View]] = {"torch": {}, "jax": {}}

    def take(self, a: View, b: View, layout: Layout, how: str) -> bool:
        """Link two views, unless a part of one is taken."""
        if self.cover["torch"].taken(a) or self.cover["jax"].taken(b):
            return False
        self.cover["torch"].take(a)
        self.cover["jax"].take(b)
        for side, view in (("torch", a), ("jax", b)):
            if len(view.parts) > 1 or view.parts[0].inside:
                self.views[side][view.name] = view
        self.links.append(Link(a.name, b.name, layout, how, a.of(self.arrays["torch"]).shape))
        return True

    def whole(self, a: str, b: str, layout: Layout | None, how: str) -> None:
        if layout is not None:
            self.take(View((Part(a),)), View((Part(b),)), layout, how)

    def free(self, side: str) -> list[SideLeaf]:
        return [self.leaves[side][n] for n in self.cover[side].free()]

    def same(self, a: SideLeaf, b: SideLeaf) -> Layout | None:
        return same(self.arrays["torch"][a.name], self.arrays["jax"][b.name])

    # -- passes --------------------------------------------------------------------------------------------------------

    def by_key(self, key: Callable[[SideLeaf], Hashable], how: str, equal_only: bool) -> None:
        """Leaves that alone have a key on their side."""
        for a, b in _unique(self.free("torch"), self.free("jax"), key):
            layout = self.same(a, b)
            if layout is None and not equal_only:
                x, y = self.arrays["torch"][a.name], self.arrays["jax"][b.name]
                layout = likely(x, y, a.name, _unboxed(b.name))
            self.whole(a.name, b.name, layout, how)

    def by_value(self) -> None:
        """Leaves that alone hold their numbers, which say something."""
        found: dict[bytes, tuple[list[SideLeaf], list[SideLeaf]]] = {}
        for k, side in enumerate(("torch", "jax")):
            for leaf in self.free(side):
                array = self.arrays[side][leaf.name]
                if not constant(array):
                    found.setdefault(packed.key(array), ([], []))[k].append(leaf)
        for left, right in found.values():
            if len(left) == len(right) == 1:
                self.whole(left[0].name, right[0].name, self.same(left[0], right[0]), "value")

    def by_neighbours(self, equal_only: bool) -> None:
        """Leaves of equal numbers (ones, zeros, tied copies) by what surrounds them and by what they are called."""
        pairs = [(_folders(x.torch), _folders(x.jax)) for x in self.links]
        votes: dict[tuple[str, str], int] = {}
        for left, right in pairs:
            for p, deep in left:
                for q, deeper in right:
                    votes[p, q] = deep + deeper
        ranked = []
        free = {side: self.free(side) for side in ("torch", "jax")}
        for a in free["torch"]:
            x = self.arrays["torch"][a.name]
            for b in free["jax"]:
                y = self.arrays["jax"][b.name]
                layout = same(x, y) if x.size == y.size else None
                if layout is None and not equal_only and x.size == y.size:
                    layout = likely(x, y, a.name, _unboxed(b.name))
                if layout is not None:
                    near = max((votes.get((p, q), 0) for p, _ in _folders(a.name) for q, _ in _folders(b.name)),
                               default=0)
                    score = near, likeness(a, b)
                    if equal_only or all(score):  # other numbers: both have to speak for it
                        ranked.append((score, a.name, b.name, layout))
        self._mutual(ranked)

    def _mutual(self, ranked: list[tuple[tuple[int, int], str, str, Layout]]) -> None:
        """Best for each other, and better than any other: a tie stays open; each pair that is taken frees others."""
        while ranked:
            best: dict[tuple[str, str], list[tuple[int, int]]] = {}
            for score, a, b, _ in ranked:
                for name in (("torch", a), ("jax", b)):
                    best.setdefault(name, []).append(score)
            top = {name: (max(s), s.count(max(s))) for name, s in best.items()}
            taken = [(a, b, layout) for score, a, b, layout in ranked
                     if score > (0, 0) and top["torch", a] == top["jax", b] == (score, 1)]
            if not taken:
                return
            for a, b, layout in taken:
                self.whole(a, b, layout, "similar name")
            gone = {a for a, _, _ in taken}, {b for _, b, _ in taken}
            ranked = [r for r in ranked if r[1] not in gone[0] and r[2] not in gone[1]]

    def stacked_by_name(self) -> None:
        """layers.0.w, layers.1.w, ... of one side against layers.w of the other, which has one axis more."""
        for one, other in (("torch", "jax"), ("jax", "torch")):
            groups: dict[tuple[str, ...], list[SideLeaf]] = {}
            for leaf in self.free(one):
                groups.setdefault(_unnumbered(leaf), []).append(leaf)
            for stack in self.free(other):
                rows = groups.get(_unnumbered(stack), [])
                y = self.arrays[other][stack.name]
                shapes = {self.arrays[one][r.name].shape for r in rows}
                if len(rows) < 2 or len(shapes) != 1 or y.size != len(rows) * self.arrays[one][rows[0].name].size:
                    continue
                axis = next((k for k, n in enumerate(y.shape) if n == len(rows)), None)
                if axis is None:
                    continue
                for k, row in enumerate(sorted(rows, key=_numbers)):
                    part, mine = View((Part(stack.name, ":, " * axis + str(k)),)), View((Part(row.name),))
                    a, b = (mine, part) if one == "torch" else (part, mine)
                    x, z = a.of(self.arrays["torch"]), b.of(self.arrays["jax"])
                    layout = same(x, z) or likely(x, z, a.parts[0].leaf, _unboxed(b.parts[0].leaf))
                    if layout is not None:
                        self.take(a, b, layout, "similar name")

    def by_layout(self) -> None:
        """What has numbers of its own on each side: leaves that alone have their sizes, or are numbered alike.

        A layout that sizes do not settle (a square kernel without a name) stays open.
        """
        groups: dict[Hashable, tuple[list[SideLeaf], list[SideLeaf]]] = {}
        for k, side in enumerate(("torch", "jax")):
            for leaf in self.free(side):
                array = self.arrays[side][leaf.name]
                sizes = tuple(sorted(n for n in array.shape if n > 1))
                groups.setdefault((sizes, array.dtype.kind in "fc", leaf.differentiate), ([], []))[k].append(leaf)
        for left, right in groups.values():
            if len(left) != len(right) or any(len({_unnumbered(x) for x in some}) > 1 for some in (left, right)):
                continue
            for a, b in zip(sorted(left, key=_numbers), sorted(right, key=_numbers), strict=True):
                x, y = self.arrays["torch"][a.name], self.arrays["jax"][b.name]
                known = len(list(islice(layouts(x.shape, y.shape), 2))) == 1 or _normal(b)[-1:] == ("weight",)
                self.whole(a.name, b.name, likely(x, y, a.name, _unboxed(b.name)) if known else None, "similar name")

    def by_parts(self) -> None:
        """Packed, stacked and summed arrays, by value (harness.audit.packed)."""
        open_ = {side: {n: self.arrays[side][n] for n in self.cover[side].open()} for side in ("torch", "jax")}
        for a, b, layout in packed.find(open_["torch"], open_["jax"], self.links, self.cover):
            self.take(a, b, layout, "part")


def link(torch: Sequence[SideLeaf], jax: Sequence[SideLeaf], written: Written | None = None, *,
         given: bool = False) -> Matching:
    """Link the arrays of both sides. written: the mapping file's content. Raises AuditError where that is wrong.

    given: whether one side's numbers will be given to the other, so that they need not be equal yet.
    """
    m = _Matcher(torch, jax)
    for a, b, layout in written_links(written or {}, m.arrays["torch"], m.arrays["jax"], m.cover):
        m.take(a, b, layout, "mapping file")
    keys: tuple[tuple[Callable[[SideLeaf], Hashable], str], ...] = (
        (lambda leaf: leaf.name, "name"), (_normal, "similar name"), (_bare, "similar name"), (_last, "similar name"),
    )
    for key, how in keys[:3]:
        m.by_key(key, how, True)
    m.by_value()
    m.by_parts()
    for key, how in keys[:3]:
        m.by_key(key, how, False)
    m.by_neighbours(True)
    m.by_parts()
    m.stacked_by_name()
    m.by_key(_suffixes(m), "similar name", False)
    m.by_key(_last, "similar name", False)
    m.by_neighbours(False)
    for _ in range(2 if given else 0):  # what sizes alone settle has neighbours
        m.by_layout()
        m.by_neighbours(False)
        m.by_key(_last, "similar name", False)
    order = {leaf.name: k for k, leaf in enumerate(torch)}
    places = {name: order[view.parts[0].leaf] for name, view in m.views["torch"].items()}
    m.links.sort(key=lambda x: places.get(x.torch, order.get(x.torch, 0)))
    return Matching(
        tuple(m.links), m.cover["torch"].rest(), m.cover["jax"].rest(),
        {side: tuple(views.values()) for side, views in m.views.items()},
    )


# -- names -------------------------------------------------------------------------------------------------------------


def _parts(name: str) -> list[str]:
    for phrase, word in _PHRASES:
        name = phrase.sub(word, name)
    found = [p.lower() for p in re.split(r"[._/\[\]'\"]+", re.sub(r"([a-z])([A-Z0-9])", r"\1_\2", name)) if p]
    return [_SAME.get(p, p) for p in found]


def _unboxed(name: str) -> str:
    """A name without the box of its variable: dense.kernel.value is dense.kernel."""
    head, _, tail = name.rpartition(".")
    return head if head.count(".") and tail.replace("_", "") in _BOXES else name


@lru_cache(maxsize=1 << 16)
def _words(name: str, argument: str) -> tuple[str, ...]:
    return tuple(p for p in _parts(_unboxed(name).removeprefix(f"{argument}.")) if p not in _WRAPPERS)


def _normal(leaf: SideLeaf) -> tuple[str, ...]:
    """The name without its argument and its wrappers: model.layers.0.weight and params.layers_0.kernel are one."""
    return _words(leaf.name, leaf.argument)


def _bare(leaf: SideLeaf) -> tuple[str, ...]:
    """As `_normal`, in one word: fc1 and fc_1."""
    return ("".join(_normal(leaf)),)


def _last(leaf: SideLeaf) -> tuple[str, ...]:
    """The last word alone, where the trees are nested to different depths."""
    return _normal(leaf)[-1:]


def _suffixes(m: _Matcher) -> Callable[[SideLeaf], Hashable]:
    """The longest end of a name that one leaf on each side has: a.b.conv1d.bias and c.conv1d.bias."""
    counts: list[dict[tuple[str, ...], int]] = []
    for side in ("torch", "jax"):
        found: dict[tuple[str, ...], int] = {}
        for leaf in m.free(side):
            words = _normal(leaf)
            for k in range(len(words)):
                found[words[k:]] = found.get(words[k:], 0) + 1
        counts.append(found)

    def key(leaf: SideLeaf) -> Hashable:
        words = _normal(leaf)
        ends = (words[k:] for k in range(len(words) - 1))  # more than the last word alone
        return next((end for end in ends if counts[0].get(end) == counts[1].get(end) == 1), leaf.name)

    return key


def _unnumbered(leaf: SideLeaf) -> tuple[str, ...]:
    return tuple(p for p in _normal(leaf) if not p.isdigit())


def _numbers(leaf: SideLeaf) -> list[int]:
    return [int(p) for p in _normal(leaf) if p.isdigit()]


def _folders(name: str) -> list[tuple[str, int]]:
    """Every folder above a name and how deep it is; the argument alone says nothing."""
    words = name.split("[")[0].replace("/", ".").split(".")
    return [(".".join(words[:k]), k) for k in range(2, len(words))]


def likeness(a: SideLeaf, b: SideLeaf) -> int:
    """How many words, from the last one back, both names have."""
    left, right = _normal(a), _normal(b)
    alike = 0
    for p, q in zip(reversed(left), reversed(right), strict=False):
        if p != q:
            break
        alike += 1
    return alike


def _unique(
    left: Iterable[SideLeaf], right: Iterable[SideLeaf], key: Callable[[SideLeaf], Hashable]
) -> list[tuple[SideLeaf, SideLeaf]]:
    found: list[dict[Hashable, list[SideLeaf]]] = [{}, {}]
    for k, side in enumerate((left, right)):
        for leaf in side:
            found[k].setdefault(key(leaf), []).append(leaf)
    return [(a[0], found[1][k][0]) for k, a in found[0].items() if len(a) == 1 and len(found[1].get(k, ())) == 1]


__all__ = ["Link", "Matching", "equal", "link", "read_mapping"]


