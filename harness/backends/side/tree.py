"""Trees of arrays as people nest them: dicts, lists, tuples, named tuples, dataclasses, and what a framework adds."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

#: (children with their keys, what puts new children into an equal node); None for a leaf.
Node = tuple[list[tuple[str, Any]], Callable[[list[Any]], Any]] | None
Expand = Callable[[Any], Node]


def standard(node: Any) -> Node:
    """One level of a standard container; None for anything else."""
    if node is None:
        return [], lambda _: None
    if isinstance(node, Mapping):
        keys = list(node)
        return [(str(k), node[k]) for k in keys], lambda new: _mapping(node, keys, new)
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        kind: Any = type(node)
        return list(zip(node._fields, node, strict=True)), lambda new: kind(*new)
    if isinstance(node, (list, tuple)):
        make = type(node)
        return [(str(k), v) for k, v in enumerate(node)], lambda new: make(new)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        names = [f.name for f in dataclasses.fields(node)]
        return [(n, getattr(node, n)) for n in names], lambda new: _dataclass(node, names, new)
    return None


def _mapping(like: Any, keys: Sequence[Any], values: Sequence[Any]) -> Any:
    fresh = dict(zip(keys, values, strict=True))
    if type(like) is dict:
        return fresh
    try:
        other = copy.copy(like)  # an OrderedDict, a defaultdict: its kind is kept
        for key, value in fresh.items():
            other[key] = value
        return other
    except Exception:
        return fresh


def _dataclass(like: Any, names: Sequence[str], values: Sequence[Any]) -> Any:
    fresh = copy.copy(like)
    for name, value in zip(names, values, strict=True):
        object.__setattr__(fresh, name, value)  # also where it is frozen
    return fresh


def flatten(tree: Any, name: str, expand: Expand) -> tuple[list[tuple[str, Any]], Callable[[Iterator[Any]], Any]]:
    """((dotted name, leaf) of every leaf, what rebuilds the tree from an iterator of new leaves, in that order)."""
    node = expand(tree)
    if node is None:
        return [(name, tree)], next
    children, build = node
    leaves: list[tuple[str, Any]] = []
    parts = []
    for key, child in children:
        found, rebuild = flatten(child, f"{name}.{key}" if name else key, expand)
        leaves += found
        parts.append(rebuild)
    return leaves, lambda new: build([part(new) for part in parts])


def by_name(expand: Expand) -> Expand:
    """To flatten results: mappings in the order of their keys (as JAX has dicts), so that both sides have one order."""

    def ordered(node: Any) -> Node:
        found = expand(node)
        if found is None or not isinstance(node, Mapping):
            return found
        return sorted(found[0], key=lambda child: child[0]), found[1]

    return ordered


class State(dict[str, Any]):
    """The arrays of a module by their dotted names; `state["layers.0.w"]` is also `state["layers"]["0"]["w"]`.

    The names are those of a state dict; asked for a folder of names it answers with the state below it.
    """

    def __missing__(self, key: Any) -> Any:
        start = f"{key}."
        below = State((k[len(start) :], v) for k, v in self.items() if k.startswith(start))
        if not below:
            raise KeyError(key)
        return below


def nested(flat: Mapping[str, Any], separators: str = "/") -> dict[str, Any]:
    """{"a/b": 1} as {"a": {"b": 1}}. Raises ValueError where one name is both an array and a folder of arrays."""
    out: dict[str, Any] = {}
    for name, value in flat.items():
        for separator in separators[1:]:
            name = name.replace(separator, separators[0])
        *folders, last = [part for part in name.split(separators[0]) if part] or [name]
        place = out
        for folder in folders:
            place = place.setdefault(folder, {})
            if not isinstance(place, dict):
                raise ValueError(f"{name!r} lies below {folder!r}, which is itself an array")
        if last in place:
            raise ValueError(f"{name!r} is both an array and a folder of arrays, or is there twice")
        place[last] = value
    return out
