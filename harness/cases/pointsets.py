"""Shared point sets: named lists of interesting numbers in one file, `points.yaml`, for every case of a catalogue.

A set names points; a point is a flat list of numbers, which is laid through the elements of an input again and again
until it is full, or a sampler. With several inputs the k-th starts k numbers later (or draws from stream k), so that
two inputs do not hold the same array.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.cases import document, words
from harness.cases.document import Items, Node, Table
from harness.cases.draws import Array, Shape
from harness.cases.errors import Problems, suggestion
from harness.cases.sampling import sample
from harness.cases.values import scalar
from harness.model import KINDS, CaseError, Place

FILE_NAME = "points.yaml"
MAX_CYCLE = 1000

SET_KEYS: Mapping[str, str] = {
    "description": "what the points of this set have in common",
    "kind": "complex or real: which inputs the set is for",
    "points": "name of the point -> flat list of numbers, or a sampler",
}


@dataclass(frozen=True)
class PointSet:
    """A named set: kind "complex" or "real", and its points, each as a cycle of numbers or the node of a sampler."""

    name: str
    kind: str
    description: str
    points: Mapping[str, Array | Table]

    def array(self, point: str, kind: str, shape: Shape, what: str, stream: int) -> Array:
        """The array of a point for an input of this kind and shape. Raises CaseError where a sampler does not fit."""
        values = self.points[point]
        if isinstance(values, Table):
            return sample(values, kind, shape, what, stream).astype(KINDS[kind], copy=False)
        count = math.prod(shape)
        return values[(np.arange(count) + stream) % values.size].reshape(shape).astype(KINDS[kind])


def read_sets(path: Path, shown: str) -> dict[str, PointSet]:
    """The sets of one points.yaml. Raises CaseError or CaseErrors."""
    problems = Problems()
    sets: dict[str, PointSet] = {}
    root = document.table(document.read(path, shown), "a file of point sets", ("sets",), Place(shown, 1, 1))
    table = document.table(root.get("sets"), "sets", None, root.place)
    seen: dict[str, Place] = {}
    for name, node in table.entries.items():
        with problems.collect():
            sets[name] = _one(words.checked_name(name, "the point set", table.where(name)), node, seen, problems)
    problems.finish()
    return sets


def _one(name: str, node: Node, seen: dict[str, Place], problems: Problems) -> PointSet:
    table = document.table(node, f"the point set {name!r}", SET_KEYS, node.place)
    kind = document.text(table.get("kind"), "kind", table.place)
    if kind not in ("complex", "real"):
        raise CaseError(f"the kind of a point set cannot be {kind!r}", table.entries["kind"].place, "complex or real")
    description = document.text(table.get("description"), "description", table.place)
    points: dict[str, Array | Table] = {}
    listed = document.table(table.get("points"), "points", None, table.place)
    for point, values in listed.entries.items():
        where = listed.where(point)
        with problems.collect():
            words.checked_name(point, "the point", where)
            if point in seen:
                raise CaseError(f"the point {point!r} is in two sets", where, f"first at {seen[point]}")
            seen[point] = where
            points[point] = _cycle(values, kind, f"the point {point!r}")
    if not points:
        raise CaseError(f"the point set {name!r} is empty", table.place)
    return PointSet(name, kind, re.sub(r"\s+", " ", description).strip(), points)


def _cycle(node: Node, kind: str, what: str) -> Array | Table:
    if isinstance(node, Table):
        if "sample" not in node:
            raise CaseError(f"{what} must be a list of numbers or a sampler", node.place)
        sample(node, kind, (4, 4), what)  # refuses a wrong sampler here rather than in every case
        return node
    numbers = node.items if isinstance(node, Items) else [node]
    if not 1 <= len(numbers) <= MAX_CYCLE:
        raise CaseError(f"{what} has {len(numbers)} numbers", node.place, f"from 1 to {MAX_CYCLE}")
    return np.asarray([scalar(item, kind, what) for item in numbers], dtype=KINDS[kind])


class PointSets:
    """The sets that a case file sees: of the nearest points.yaml above it, then of the shipped catalogue."""

    def __init__(self, shipped: Path | None) -> None:
        self._shipped = shipped
        self._files: dict[Path, dict[str, PointSet] | CaseError] = {}

    def visible(self, root: Path | None, shown: str) -> Mapping[str, PointSet]:
        """Name -> set. root: the folder with points.yaml, shown: how messages call that file. Raises CaseError."""
        nearest = self._read(root / FILE_NAME, shown) if root is not None else {}
        if self._shipped is None:
            return nearest
        return {**self._read(self._shipped / FILE_NAME, str(self._shipped / FILE_NAME)), **nearest}

    def _read(self, path: Path, shown: str) -> Mapping[str, PointSet]:
        path = path.resolve()
        if path not in self._files:
            try:
                self._files[path] = read_sets(path, shown)
            except CaseError as error:
                self._files[path] = error  # every file that needs the sets says the same; it is shown once
        found = self._files[path]
        if isinstance(found, CaseError):
            raise found
        return found


def find(sets: Mapping[str, PointSet], name: str, place: Place) -> PointSet:
    """The set of that name. Raises CaseError with the nearest name."""
    if name not in sets:
        raise CaseError(f"there is no point set {name!r}", place, suggestion(name, sets, listing=30))
    return sets[name]
