"""A case's function over arrays of balls: its inputs as real coordinates, its outputs as real rows, its structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from flint import acb, arb

from harness.expr import compile_portable
from harness.expr.calling import Wrong, group_leaves, result_sequence
from harness.model import Input
from harness.reference import ball_arrays as A
from harness.reference.ball_arrays import Array
from harness.reference.namespace import namespace
from harness.reference.precision import Ball, state


@dataclass(frozen=True)
class Column:
    """One real coordinate of the inputs: element `index` of input number `leaf`, its real (0) or imaginary (1) part.

    `element` numbers the elements of all differentiated inputs; both parts of one share it.
    """

    leaf: int
    index: int
    part: int
    element: int


@dataclass(frozen=True)
class Row:
    """One real component of the outputs that have a derivative."""

    output: int
    index: int
    part: int


class Compiled:
    """A text as a function of flat leaves; the leaves are those of the case's inputs, in their order."""

    def __init__(self, text: str, inputs: Sequence[Input], family: str = "") -> None:
        """family: whose documented defaults the names stand for (`harness.reference.dialects`)."""
        self.text, self.inputs = text, tuple(inputs)
        self._call = compile_portable(text, tuple(dict.fromkeys(i.group for i in inputs)), namespace(family))
        self._pickers = group_leaves(self.inputs)
        self.structures: dict[Any, Structure] = {}

    def __call__(self, leaves: Sequence[Array]) -> tuple[Array, ...]:
        state.begin()
        outputs = result_sequence(self._call(*(pick(leaves) for pick in self._pickers)))
        return tuple(self._array(x, k) for k, x in enumerate(outputs))

    @staticmethod
    def _array(x: Any, position: int) -> Array:
        if isinstance(x, Array):
            return x
        if isinstance(x, (bool, int, float, complex)):
            return A.lift(x)
        raise Wrong(f"output number {position + 1} is a {type(x).__name__}, expected an array")


@dataclass
class Structure:
    """Which row depends on which element, and columns that may be moved together because no row sees two of them."""

    rows: tuple[Row, ...]
    seen: tuple[int, ...]  # for every row, the bits of the elements it depends on
    groups: tuple[tuple[int, ...], ...]  # column numbers
    entries: tuple[tuple[tuple[int, int], ...], ...]  # for every group, (row, column) pairs
    neighbours: tuple[int, ...]  # for every element, the bits of the elements that meet it in a row
    verified: bool = False  # tested by moving every element (see `Problem.verify`)


@dataclass
class Problem:
    """A function at a point: exact inputs, real coordinates, evaluation at shifted coordinates."""

    function: Compiled
    arrays: Mapping[str, np.ndarray[Any, Any]]
    leaves: list[Array] = field(init=False)
    columns: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.leaves, columns, element = [], [], 0
        for k, i in enumerate(self.function.inputs):
            leaf = A.from_numpy(np.asarray(self.arrays[i.name]))
            if i.kind == "complex":
                leaf = leaf.to_complex()
            elif i.kind == "real":
                leaf = leaf.balls()
            self.leaves.append(leaf)
            if i.differentiate and leaf.kind in "rc":
                for part in range(2 if leaf.kind == "c" else 1):
                    columns += [Column(k, j, part, element + j) for j in range(leaf.size)]
                element += leaf.size
        self.columns = tuple(columns)
        self._flat = [leaf.data.ravel().tolist() if leaf.kind in "rc" else [] for leaf in self.leaves]

    def coordinate(self, column: Column) -> Ball:
        """The exact value of a coordinate."""
        x = self._flat[column.leaf][column.index]
        if column.part:
            return x.imag
        return x.real if isinstance(x, acb) else x

    def negative_zero(self, column: Column) -> bool:
        """Whether a coordinate is -0.0 as given."""
        i = self.function.inputs[column.leaf]
        x = np.asarray(self.arrays[i.name]).reshape(-1)[column.index]
        part = np.imag(x) if column.part else np.real(x)
        return bool(part == 0 and np.signbit(part))

    def shifted(self, shifts: Mapping[int, Ball]) -> list[Array]:
        """The leaves with each column number k moved by shifts[k]."""
        moved: dict[int, list[Ball]] = {}
        for k, by in shifts.items():
            c = self.columns[k]
            flat = moved.get(c.leaf)
            if flat is None:
                flat = moved[c.leaf] = list(self._flat[c.leaf])
            x = flat[c.index]
            if not isinstance(x, acb):
                flat[c.index] = x + by
            elif c.part:
                flat[c.index] = acb(x.real, x.imag + by)
            else:
                flat[c.index] = acb(x.real + by, x.imag)
        leaves = list(self.leaves)
        for k, flat in moved.items():
            leaves[k] = Array(A.fill(flat, leaves[k].shape, leaves[k].kind), leaves[k].kind)
        return leaves

    def outputs(self, shifts: Mapping[int, Ball]) -> tuple[Array, ...]:
        return self.function(self.shifted(shifts) if shifts else self.leaves)

    def rows_at(self, shifts: Mapping[int, Ball]) -> list[Ball]:
        """The real rows of the outputs at shifted coordinates."""
        return flattened(self.outputs(shifts))

    @cached_property
    def structure(self) -> Structure:
        """Found once for all points of a function (integer inputs, which may select, are part of the key)."""
        known = self.function.structures.get(self._key)
        if known is None:
            known = self.function.structures[self._key] = self._trace()
        return known

    @property
    def _key(self) -> tuple[Any, ...]:
        return tuple(leaf.data.tobytes() if leaf.kind in "ib" else leaf.shape for leaf in self.leaves)

    def verify(self) -> bool:
        """Move every element and see that no row changes that is not thought to depend on it.

        True where the structure stands; where it does not it is replaced by the dense one, and False is returned.
        """
        if self.structure.verified:
            return True
        before = self.rows_at({})
        wrong = False
        for e in range(len(self.structure.neighbours)):
            shifts = {k: arb(3) / 8 + abs(self.coordinate(c)) / 16 for k, c in enumerate(self.columns)
                      if c.element == e and self.coordinate(c).is_finite()}
            after = self.rows_at(shifts)
            for r, mask in enumerate(self.structure.seen):
                if not mask >> e & 1 and before[r].is_finite() and not after[r].overlaps(before[r]):
                    wrong = True
        if wrong:
            every = (1 << len(self.structure.neighbours)) - 1
            dense = _grouped(self.structure.rows, (every,) * len(self.structure.rows), self.columns,
                             len(self.structure.neighbours))
            self.function.structures[self._key] = dense
            del self.__dict__["structure"]
        self.structure.verified = True
        return not wrong

    def _trace(self) -> Structure:
        elements = max((c.element for c in self.columns), default=-1) + 1
        start: dict[int, int] = {}
        for c in self.columns:
            start.setdefault(c.leaf, c.element - c.index)
        traced = list(self.leaves)
        for leaf, first in start.items():
            a = traced[leaf]
            bits = A.fill([1 << (first + j) for j in range(a.size)], a.shape, "r")
            traced[leaf] = Array(a.data, a.kind, bits)
        outputs = self.function(traced)
        rows: list[Row] = []
        seen: list[int] = []
        for k, out in enumerate(outputs):
            if out.kind not in "rc":
                continue
            masks = [0] * out.size if out.mask is None else out.mask.ravel().tolist()
            for part in range(2 if out.kind == "c" else 1):
                rows += [Row(k, j, part) for j in range(out.size)]
                seen += masks
        return _grouped(tuple(rows), tuple(seen), self.columns, elements)


def _grouped(rows: tuple[Row, ...], seen: tuple[int, ...], columns: Sequence[Column], elements: int) -> Structure:
    reach = [0] * elements  # for every element, the bits of the rows that it reaches
    neighbours = [0] * elements
    for r, mask in enumerate(seen):
        for e in bits_of(mask):
            reach[e] |= 1 << r
            neighbours[e] |= mask
    colours: list[tuple[int, list[int]]] = []
    for e in range(elements):
        if not reach[e]:
            continue
        for k, (taken, members) in enumerate(colours):
            if not taken & reach[e]:
                colours[k] = (taken | reach[e], [*members, e])
                break
        else:
            colours.append((reach[e], [e]))
    by_element: dict[tuple[int, int], int] = {(c.element, c.part): k for k, c in enumerate(columns)}
    groups, entries = [], []
    for _, members in colours:
        for part in (0, 1):
            group = [by_element[e, part] for e in members if (e, part) in by_element]
            if group:
                groups.append(tuple(group))
                entries.append(tuple((r, k) for k in group for r in bits_of(reach[columns[k].element])))
    return Structure(rows, seen, tuple(groups), tuple(entries), tuple(neighbours))


def bits_of(mask: int) -> list[int]:
    """The positions of the set bits."""
    out = []
    while mask:
        low = mask & -mask
        out.append(low.bit_length() - 1)
        mask ^= low
    return out


def flattened(outputs: Sequence[Array]) -> list[Ball]:
    """Real components of the real and complex outputs: real parts of one, then its imaginary parts, then the next."""
    rows: list[Ball] = []
    for out in outputs:
        if out.kind == "r":
            rows += out.data.ravel().tolist()
        elif out.kind == "c":
            flat = out.data.ravel().tolist()
            rows += [z.real for z in flat]
            rows += [z.imag for z in flat]
    return rows


Evaluate = Callable[[Mapping[int, Ball]], list[Ball]]
NAN = arb("nan")
