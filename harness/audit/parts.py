"""Parts of arrays: `weight[0:4]` of one side may be all of a leaf of the other; a bias may be the sum of two.

The workers know whole leaves. `Parted` stands between: it cuts what a side answers into parts, and puts parts together
into whole leaves in what a side is asked, so that everything else works with parts as it does with leaves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from harness.audit.faults import AuditError
from harness.audit.sides import Channel, Loaded, SideLeaf, stored
from harness.wirtinger import Array

_PART = re.compile(r"(.+?)\[([-\d:,\s]+)\]$")
Index = tuple[int | slice, ...]


@dataclass(frozen=True)
class Part:
    """A leaf, or what NumPy's basic index `inside` takes of it ("0:4", ":, 4:8", "2"); "" for all of it."""

    leaf: str
    inside: str = ""

    def __str__(self) -> str:
        return f"{self.leaf}[{self.inside}]" if self.inside else self.leaf

    @cached_property
    def index(self) -> Index:
        found: list[int | slice] = []
        for word in filter(None, (w.strip() for w in self.inside.split(","))):
            ends = [int(w) if w.strip() else None for w in word.split(":")]
            found.append(slice(*ends) if len(ends) > 1 else int(word))
        return tuple(found)

    def of(self, array: Array) -> Array:
        part: Array = array[self.index]
        return part


@dataclass(frozen=True)
class View:
    """One part, or the sum of several that the side adds up before it uses them (the two biases of an LSTM).

    The derivative with respect to a sum is that with respect to any of its terms; the first is the one that moves.
    """

    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        return " + ".join(map(str, self.parts))

    def of(self, arrays: Mapping[str, Array]) -> Array:
        first, *others = (part.of(arrays[part.leaf]) for part in self.parts)
        total: Array = first
        for other in others:
            total = total + other
        return np.asarray(total)


def parse(text: str, leaves: Collection[str], word: str) -> View:
    """ "a.bias_ih[0:4] + a.bias_hh[0:4]" as a view. word: the side's. Raises AuditError for what the side lacks."""
    if text in leaves:
        return View((Part(text),))
    parts = []
    for piece in re.split(r"\s+\+\s+", text.strip()):
        found = None if piece in leaves else _PART.match(piece)
        part = Part(found[1], " ".join(found[2].split())) if found else Part(piece)
        if part.leaf not in leaves:
            shown = list(leaves)[:8]
            has = ", ".join(shown) + (f", … ({len(leaves)})" if len(leaves) > 8 else "")
            raise AuditError(f"the mapping names {part.leaf!r}, which the {word} side lacks; it has {has}")
        try:
            assert all(i.step is None or i.step > 0 for i in part.index if isinstance(i, slice))
        except (ValueError, AssertionError):
            raise AuditError(f"the mapping names {piece!r}: {part.inside!r} is no index") from None
        parts.append(part)
    return View(tuple(parts))


def checked(view: View, arrays: Mapping[str, Array]) -> Array:
    """The array of a view. Raises AuditError where an index does not fit the leaf, or the terms not one another."""
    try:
        for part in view.parts:
            if not part.of(arrays[part.leaf]).size:
                raise IndexError("it takes nothing")
        return view.of(arrays)
    except (IndexError, ValueError) as error:
        shapes = ", ".join(f"{p.leaf} is {list(arrays[p.leaf].shape)}" for p in view.parts)
        raise AuditError(f"the mapping names {view.name!r}, which does not fit: {error} ({shapes})") from None


class Cover:
    """Which entries of a side's leaves have found a counterpart."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = arrays
        self._masks: dict[str, Any] = {}

    def taken(self, view: View) -> bool:
        """Whether any entry of the view has a counterpart already."""
        return any(p.leaf in self._masks and bool(p.of(self._masks[p.leaf]).any()) for p in view.parts)

    def take(self, view: View) -> None:
        for p in view.parts:
            mask = self._masks.setdefault(p.leaf, np.zeros(self.arrays[p.leaf].shape, bool))
            mask[p.index] = True

    def free(self) -> list[str]:
        """Leaves of which nothing is taken."""
        return [name for name in self.arrays if name not in self._masks]

    def open(self) -> list[str]:
        """Leaves of which something is left."""
        return [n for n in self.arrays if n not in self._masks or not self._masks[n].all()]

    def begun(self) -> list[str]:
        """Leaves of which something is taken and something is left."""
        return [n for n in self.open() if n in self._masks]

    def rest(self) -> tuple[str, ...]:
        """What has no counterpart, by name; where only a part of a leaf is left, its rows if they can be told."""
        return tuple(name if name not in self._masks else f"{name}{self._left(name)}" for name in self.open())

    def _left(self, name: str) -> str:
        return " and ".join(f"[{text}]" for text in self.left(name)[:4]) or " (a part of it)"

    def left(self, name: str) -> list[str]:
        """The rows of a leaf that are left where others are taken, as NumPy's indices; none where no index tells."""
        mask = self._masks[name]
        for axis in range(mask.ndim):
            rows = mask.reshape(mask.shape) if mask.ndim == 1 else mask.all(axis=tuple(
                k for k in range(mask.ndim) if k != axis))
            whole = np.expand_dims(rows, [k for k in range(mask.ndim) if k != axis])
            if bool((mask == whole).all()):
                left = np.flatnonzero(~rows)
                runs = np.split(left, np.flatnonzero(np.diff(left) > 1) + 1)
                return [f"{':, ' * axis}{r[0]}:{r[-1] + 1}" for r in runs]
        return []


def cut(loaded: Loaded, views: Iterable[View]) -> Loaded:
    """What a side says of itself, with the views in the place of the leaves that they are cut from."""
    views = list(views)
    whole = {leaf.name: leaf for leaf in loaded.leaves}
    arrays = {n: leaf.array for n, leaf in whole.items() if leaf.array is not None}
    gone = {part.leaf for view in views for part in view.parts}
    by_leaf: dict[str, list[SideLeaf]] = {}
    for view in views:
        first = whole[view.parts[0].leaf]
        active = all(whole[p.leaf].differentiate for p in view.parts)
        new = SideLeaf(view.name, first.argument, active, view.of(arrays), first.half)
        by_leaf.setdefault(first.name, []).append(new)
    leaves = [new for leaf in loaded.leaves
              for new in (by_leaf.get(leaf.name, []) if leaf.name in gone else [leaf])]
    return replace(loaded, leaves=tuple(leaves))


class Parted:
    """A channel through which parts of leaves come and go as leaves do; the channel itself knows whole leaves."""

    def __init__(self, channel: Channel, views: Iterable[View], leaves: Sequence[SideLeaf]) -> None:
        self._channel = channel
        self.side = channel.side
        self._views = {view.name: view for view in views}
        self._whole = tuple(leaves)
        self._arrays = {leaf.name: leaf.array for leaf in leaves if leaf.array is not None}
        self._leaves = {part.leaf for view in self._views.values() for part in view.parts}
        self.unequal: tuple[str, ...] = ()  # sums whose terms have different gradients

    def ask(self, request: str, **fields: Any) -> None:
        keep = request == "replace"  # the values of the leaves, for good
        whole = {k: self._assembled(v, keep) for k, v in fields.items()}
        if keep:
            self._arrays.update(whole["arrays"])
        self._channel.ask(request, **whole)

    def answer(self) -> dict[str, Any]:
        return self._parts(self._channel.answer())

    def poll(self) -> dict[str, Any] | None:
        found = self._channel.poll()
        return None if found is None else self._parts(found)

    def close(self) -> None:
        self._channel.close()

    @property
    def whole(self) -> tuple[SideLeaf, ...]:
        """The leaves as the channel itself has them, in its order and with their present values."""
        return tuple(replace(leaf, array=self._arrays.get(leaf.name)) for leaf in self._whole)

    @property
    def printed(self) -> str:
        return self._channel.printed

    def _assembled(self, value: Any, keep: bool) -> Any:
        """Arrays by the names of views become arrays by the names of leaves, 0 (or as they were) elsewhere."""
        if isinstance(value, list | tuple):
            return [self._assembled(v, keep) for v in value]
        if not isinstance(value, Mapping) or not any(k in self._views for k in value):
            return value
        out = {k: v for k, v in value.items() if k not in self._views}
        for name in (k for k in value if k in self._views):
            if not isinstance(value[name], np.ndarray):
                continue
            first, *others = self._views[name].parts
            like = self._arrays[first.leaf]
            if first.leaf not in out:
                out[first.leaf] = np.array(like) if keep else np.zeros(like.shape, np.asarray(value[name]).dtype)
            new = np.asarray(value[name])
            if keep:
                for other in others:
                    new = new - other.of(self._arrays[other.leaf])
            out[first.leaf][first.index] = new
        return out

    def _parts(self, reply: dict[str, Any]) -> dict[str, Any]:
        out = dict(reply)
        for key in ("gradients", "updates"):
            if isinstance(reply.get(key), Mapping):
                out[key] = self._cut(reply[key], key)
        return out

    def _cut(self, held: Mapping[str, Any], key: str) -> dict[str, Any]:
        out = {k: v for k, v in held.items() if k not in self._leaves}
        unequal = []
        for name, view in self._views.items():
            found = [None if held.get(p.leaf) is None else p.of(stored(held[p.leaf])) for p in view.parts]
            if view.parts[0].leaf in held:
                out[name] = found[0]
            if key == "gradients" and len(found) > 1 and not all(_alike(found[0], other) for other in found[1:]):
                unequal.append(name)
        if key == "gradients":
            self.unequal = tuple(unequal)
        return out


def _alike(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None:
        return (a is None or not a.any()) and (b is None or not b.any())
    size = max(float(np.abs(a).max(initial=0)), float(np.abs(b).max(initial=0)))
    return bool(np.allclose(a, b, rtol=0, atol=1e4 * float(np.finfo(a.dtype).eps) * size, equal_nan=True))
