"""Packed arrays by value: gates, q, k and v in one array, layers stacked for a scan, blocks in another order, sums.

A leaf of one side is looked for as a run of rows of a leaf of the other, along any axis; then rows of both are laid
side by side, whatever their order. Zeros and ones say nothing by themselves: a bias is cut as the weight beside it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np

from harness.audit.layout import Layout, constant, same
from harness.audit.parts import Cover, Part, View
from harness.wirtinger import Array

#: Beyond these the search would cost more than the audit: entries of all open arrays of a side, rows of an array.
MAX_ENTRIES, MAX_ROWS, MAX_RUNS = 50_000_000, 200_000, 256
_MAX_SUMMED, _MAX_STACK = 64, 64

class Linked(Protocol):
    """The names of what was found, on both sides."""

    @property
    def torch(self) -> str: ...

    @property
    def jax(self) -> str: ...


Found = tuple[View, View, Layout]
Arrays = Mapping[str, Array]


def key(array: Array) -> bytes:
    """The same for arrays of equal numbers in any order, in single precision."""
    return blake2b(_narrow(array).tobytes(), digest_size=16, person=array.dtype.kind.encode()).digest()


def _narrow(array: Array) -> Array:
    kind = array.dtype.kind
    with np.errstate(all="ignore"):
        flat = array.reshape(-1).astype({"f": np.float32, "c": np.complex64}.get(kind, array.dtype))
    return np.sort(flat + 0 if kind in "fc" else flat)  # -0 is 0


@dataclass(frozen=True)
class _Source:
    """A leaf, a row of a stack (`row`), or leaves of one module that are added up."""

    leaves: tuple[str, ...]
    array: Array
    row: str = ""

    def view(self, axis: int = 0, inside: str = "") -> View:
        text = ", ".join(filter(None, (self.row, ":, " * axis + inside if inside else "")))
        return View(tuple(Part(leaf, text) for leaf in self.leaves))

    def rows(self) -> list[_Source]:
        """What is stacked along the first axis, where that is short."""
        if self.array.ndim < 2 or len(self.array) > _MAX_STACK or len(self.leaves) > 1:
            return []
        return [_Source(self.leaves, row, str(k)) for k, row in enumerate(self.array) if not constant(row)]


def find(torch: Arrays, jax: Arrays, links: Sequence[Linked], cover: Mapping[str, Cover]) -> Iterator[Found]:
    """Views of open leaves that hold the same numbers, torch's and JAX's, with the layout between them.

    links grows while this runs: what was found is taken, and what is found next rests on it.
    """
    if max(sum(a.size for a in side.values()) for side in (torch, jax)) > MAX_ENTRIES:
        return
    left, right = (_sources(side) for side in (torch, jax))
    yield from _chunks(left, right, cover, False)
    yield from _chunks(right, left, cover, True)
    yield from _runs(left, right, cover)
    yield from _runs(left, [row for s in right for row in s.rows()], cover)
    yield from _runs([row for s in left for row in s.rows()], right, cover)
    sums = _sums(torch, cover["torch"]), _sums(jax, cover["jax"])
    yield from _chunks(sums[0], right, cover, False)
    yield from _chunks(sums[1], left, cover, True)
    yield from _runs(sums[0], right, cover)
    yield from _runs(left, sums[1], cover)
    yield from _rests(torch, jax, cover)
    yield from _like_the_weight(torch, jax, links, cover)


def _rests(torch: Arrays, jax: Arrays, cover: Mapping[str, Cover]) -> Iterator[Found]:
    """What is left of a leaf on both sides where the rest has found its counterpart: the third bias of a GRU."""
    left, right = ({key(s.array): s for n in cover[side].begun() if n in arrays for s in (
        _Source((n,), Part(n, text).of(arrays[n]), text) for text in cover[side].left(n)) if not constant(s.array)}
        for side, arrays in (("torch", torch), ("jax", jax)))
    for k in left.keys() & right.keys():
        layout = same(left[k].array, right[k].array)
        if layout is not None:
            yield left[k].view(), right[k].view(), layout


def _sources(arrays: Arrays) -> list[_Source]:
    return [_Source((name,), a) for name, a in arrays.items() if a.ndim and a.dtype.kind in "fc" and not constant(a)]


def _sums(arrays: Arrays, cover: Cover) -> list[_Source]:
    """Sums of two arrays of one axis that lie side by side in a module and have one shape."""
    open_ = set(cover.open())
    groups: dict[tuple[str, int], list[str]] = {}
    for name, a in arrays.items():
        if a.ndim == 1 and a.dtype.kind in "fc" and name in open_:
            groups.setdefault((name.rpartition(".")[0], a.size), []).append(name)
    pairs = [(p, q) for names in groups.values() if len(names) <= _MAX_SUMMED
             for k, p in enumerate(names) for q in names[k + 1 :]]
    found = [_Source(pair, np.asarray(arrays[pair[0]] + arrays[pair[1]])) for pair in pairs]
    return [s for s in found if not constant(s.array)]


def _taken(view: View, cover: Cover) -> bool:
    return cover.taken(view)


def _chunks(large: Sequence[_Source], small: Sequence[_Source], cover: Mapping[str, Cover], swapped: bool
            ) -> Iterator[Found]:
    """Whole sources of one side that are a run of rows of one of the other, or all of a sum."""
    one, other = ("jax", "torch") if swapped else ("torch", "jax")
    table: dict[bytes, list[_Source]] = {}
    for s in small:
        if not _taken(s.view(), cover[other]):
            table.setdefault(key(s.array), []).append(s)
    hits: list[tuple[View, View, Layout]] = []
    for big in large:
        for axis, n in enumerate(big.array.shape[:4]):
            row = big.array.size // n
            sizes = {s.array.size // row for found in table.values() for s in found if s.array.size % row == 0}
            for c in sorted(c for c in sizes if 0 < c < n or (c == n and len(big.leaves) > 1)):
                for start in range(0, n - c + 1, c):
                    inside = "" if c == n else str(start) if c == 1 and row > 1 else f"{start}:{start + c}"
                    view = big.view(axis, inside)
                    part = big.array[view.parts[0].index]
                    for s in table.get(key(part), []) if not constant(part) else ():
                        pair = (s.array, part) if swapped else (part, s.array)
                        layout = same(*pair)
                        if layout is not None:
                            hits.append((s.view(), view, layout) if swapped else (view, s.view(), layout))
    for a, b, layout in hits:
        big_view, small_view = (b, a) if swapped else (a, b)
        alone = sum(small_view in (h[0], h[1]) for h in hits) == 1 == sum(big_view in (h[0], h[1]) for h in hits)
        if alone and not _taken(big_view, cover[one]) and not _taken(small_view, cover[other]):
            yield a, b, layout


def _runs(left: Sequence[_Source], right: Sequence[_Source], cover: Mapping[str, Cover]) -> Iterator[Found]:
    """Rows of both sides in another order: gates permuted, heads interleaved, halves of a rotation."""
    rows = {side: {id(s): _row_keys(s.array) for s in sources} for side, sources in (("t", left), ("j", right))}
    for x in left:
        for y in right:
            if x.array.ndim != y.array.ndim:
                continue
            for a, mine in rows["t"][id(x)].items():
                for b, others in rows["j"][id(y)].items():
                    runs = _aligned(mine, others)
                    shared = sum(n for *_, n in runs)
                    if shared < 2 or 2 * shared < min(len(mine), len(others)) or len(runs) > MAX_RUNS:
                        continue
                    for i, di, j, dj, n in runs:
                        u, v = x.view(a, _slice(i, di, n)), y.view(b, _slice(j, dj, n))
                        if _taken(u, cover["torch"]) or _taken(v, cover["jax"]):
                            continue
                        layout = same(_rows(x.array, a, i, di, n), _rows(y.array, b, j, dj, n))
                        if layout is not None:
                            yield u, v, layout


def _rows(array: Array, axis: int, start: int, step: int, count: int) -> Array:
    return np.moveaxis(np.moveaxis(array, axis, 0)[start : start + (count - 1) * step + 1 : step], 0, axis)


def _slice(start: int, step: int, count: int) -> str:
    return f"{start}:{start + (count - 1) * step + 1}" + (f":{step}" if step > 1 else "")


def _row_keys(array: Array) -> dict[int, list[bytes]]:
    """For each axis a key of each row along it; rows that occur twice have none."""
    out: dict[int, list[bytes]] = {}
    for axis, n in enumerate(array.shape[:4]):
        if n > MAX_ROWS or n < 2:
            continue
        flat = np.moveaxis(array, axis, 0).reshape(n, -1)
        if flat.shape[1] == 1 and array.ndim > 1:
            continue
        narrow = flat.astype(np.complex64 if array.dtype.kind == "c" else np.float32) + 0
        keys = [row.tobytes() for row in np.sort(narrow, axis=1)]
        counts: dict[bytes, int] = {}
        for k in keys:
            counts[k] = counts.get(k, 0) + 1
        out[axis] = [k if counts[k] == 1 else b"" for k in keys]
    return out


def _aligned(mine: Sequence[bytes], others: Sequence[bytes]) -> list[tuple[int, int, int, int, int]]:
    """Runs (first, step, first, step, count) of rows that both have, each with steps of its own."""
    where = {k: j for j, k in enumerate(others) if k}
    pairs = [(i, where[k]) for i, k in enumerate(mine) if k in where]
    runs = []
    at = 0
    while at < len(pairs):
        end, di, dj = at + 1, 1, 1
        if end < len(pairs):
            di, dj = pairs[end][0] - pairs[at][0], pairs[end][1] - pairs[at][1]
            while dj > 0 and end < len(pairs) and (
                pairs[end][0] - pairs[end - 1][0], pairs[end][1] - pairs[end - 1][1]) == (di, dj):
                end += 1
        count = end - at
        # two rows that happen to be apart by some step are no run: better the next begins with the second
        if count == 2 and (di, dj) != (1, 1):
            count = 1
        i, j = pairs[at]
        runs.append((i, di, j, dj, count) if count > 1 else (i, 1, j, 1, 1))
        at += count
    return runs


def _like_the_weight(
    torch: Arrays, jax: Arrays, links: Sequence[Linked], cover: Mapping[str, Cover]
) -> Iterator[Found]:
    """Biases of equal numbers, cut as the weights of the same module are."""
    proposals: list[tuple[str, str, View]] = []
    for x in list(links):
        mine, theirs = _single(x.torch), _single(x.jax)
        if mine is None or theirs is None or not (mine.inside or theirs.inside):
            continue
        for a, inside in _bias(mine, torch, cover["torch"]):
            for b, inner in _bias(theirs, jax, cover["jax"]):
                proposals.append((a, inside, View((Part(b, inner),))))
    named = {a for a, _, _ in proposals}
    beside = {a: [n for n in cover["torch"].free() if n not in named and n in torch and n.rpartition(".")[0] ==
                  a.rpartition(".")[0] and torch[n].shape == torch[a].shape] for a in named}
    for a, inside, view in proposals:
        terms = View((Part(a, inside), *(Part(n, inside) for n in beside[a][:1] if len(beside[a]) == 1)))
        try:
            layout = same(terms.of(torch), view.of(jax))
        except (IndexError, ValueError):
            continue
        if layout is not None and not _taken(terms, cover["torch"]) and not _taken(view, cover["jax"]):
            yield terms, view, layout


def _single(name: str) -> Part | None:
    if " + " in name:
        return None
    found = re.match(r"(.+?)\[([-\d:,\s]+)\]$", name)
    return Part(found[1], found[2]) if found else Part(name)


def _bias(weight: Part, arrays: Arrays, cover: Cover) -> list[tuple[str, str]]:
    """The open array beside a weight that is called as it is but for the word bias, and the cut that it has there."""
    folder, _, own = weight.leaf.rpartition(".")
    words = re.split(r"[._/]", own)
    inside = [w.strip() for w in weight.inside.split(",")][-1] if weight.inside else ""
    stacked = weight.inside.isdigit()
    found = []
    for name in cover.open():
        if name not in arrays or name == weight.leaf or name.rpartition(".")[0] != folder:
            continue
        other = re.split(r"[._/]", name.rpartition(".")[2])
        if len(other) == len(words) and sum(p != q for p, q in zip(words, other, strict=True)) == 1 and "bias" in other:
            cut = weight.inside if stacked else inside
            found.append((name, cut if cut != ":" else ""))
    return found
