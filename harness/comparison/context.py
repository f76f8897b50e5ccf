"""What a row needs to know about its neighbours: which parts are complex, the shapes, the J that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from harness.comparison.observations import combine, lookup
from harness.comparison.pairs import Joiner
from harness.comparison.reduced_precision import of_rows
from harness.comparison.targets import REFERENCE
from harness.comparison.tolerance import Tolerances, tolerances
from harness.comparison.value_kinds import Array, Form, magnitudes
from harness.model import Case, Input, as_held
from harness.verdicts import HIGHER

_PREFERRED = ("pullback", "reference", "pushforward", "closed-form")

#: Why nobody is judged at a point.
NOT_FINITE = "an input is not finite, there is nothing to compare with"
BEYOND = "a number of the point is too large for this precision, there is nothing to compare with"


class Context:
    """Lookups over one table of observations and its cases; arrays are aligned with the table's rows."""

    def __init__(self, joiner: Joiner, cases: Mapping[str, Case]) -> None:
        self.joiner, self.seen, self.targets, self.cases = joiner, joiner.seen, joiner.targets, cases
        #: Results that are asked for again and again, by whoever asks.
        self.memo: dict[tuple[object, ...], Any] = {}
        self._bytes: dict[int, bytes] = {}
        self._sizes: dict[tuple[int, int, int], dict[str, Array]] = {}
        self._index: dict[tuple[int, ...], int] | None = None
        self._rows: dict[tuple[str, int, str], int] = {}
        self._forms: dict[int, Form | None] = {}
        self._inputs: dict[tuple[int, int, int], tuple[bool, bool]] = {}
        self._read_inputs()
        self._read_values()
        self._read_tolerances()
        #: What each row is less precise than its dtype says by; see harness.comparison.reduced_precision.
        self.lowered = of_rows(self.seen, self.targets, joiner.target, cases)
        self._place_of_j()

    # -- inputs and outputs --------------------------------------------------------------------------------------------

    def _read_inputs(self) -> None:
        """in_complex, row_complex: of the column and the row variable of a derivative by `input` ("a", "a,b" or, by
        three inputs, "a,b,c", of which the last is the column)."""
        seen = self.seen
        key = combine([(seen.codes["case"], len(seen.words["case"])), (seen.codes["input"], len(seen.words["input"]))])
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        self.sites: list[tuple[Input | None, Input | None]] = []
        for row in first:
            case = self.cases.get(seen.text("case", int(row)))
            known = {} if case is None else {i.name: i for i in case.inputs}
            names = seen.text("input", int(row))
            if names in known or "," not in names:
                self.sites.append((known.get(names), known.get(names)))
            else:
                each = names.split(",")
                self.sites.append((known.get(each[0]), known.get(each[-1])))
        self.site = inverse.reshape(-1)
        complexes = np.array([[i is not None and i.kind == "complex" for i in s] for s in self.sites] or [[False] * 2])
        self.row_complex, self.in_complex = complexes[self.site, 0], complexes[self.site, 1]
        sizes = [-1 if s[1] is None else prod(s[1].shape) for s in self.sites]
        self.in_size = np.array(sizes or [-1], np.int64)[self.site]

    def in_shape(self, row: int) -> tuple[int, ...] | None:
        site = self.sites[self.site[row]][1]
        return None if site is None else site.shape

    def _read_values(self) -> None:
        """out_complex of every row, from the value that its target returned; value_row: that value at that point."""
        seen, target = self.seen, (self.joiner.target, len(self.targets))

        def columns(*names: str) -> list[tuple[Array, int]]:
            return [(seen.codes[n], len(seen.words[n])) for n in names]

        values = np.flatnonzero(self.joiner.value & self.joiner.ok)
        kinds = np.array([k is not None and k.kind == "c" for k in seen.kinds] or [False])[seen.codes["kind"]]
        self.out_complex = np.zeros(seen.count, bool)
        missing = np.arange(seen.count)
        for key in (
            combine([target, *columns("case", "point", "dtype", "output")]),
            combine([target, *columns("case", "output")]), combine(columns("case", "output")),
        ):
            at = lookup(key[values], key[missing])
            self.out_complex[missing[at >= 0]] = kinds[values[at[at >= 0]]]
            missing = missing[at < 0]
        place = combine([target, *columns("case", "point", "dtype", "output")])
        at = lookup(place[values], place)
        self.value_row = np.where(at >= 0, values[np.maximum(at, 0)], -1) if values.size else np.full(seen.count, -1)

    @cached_property
    def truth_row(self) -> Array:
        """The row of the reference's value, of every row of somebody's value; -1 where there is none."""
        joiner = self.joiner
        referees = np.array([t.backend == REFERENCE for t in self.targets] or [False])
        rows = np.flatnonzero(joiner.value & joiner.ok & referees[joiner.target])
        at = lookup(joiner.where[rows], joiner.where)
        return np.where(at >= 0, rows[np.maximum(at, 0)], -1) if rows.size else np.full(self.seen.count, -1)

    def bytes_of(self, row: int) -> bytes:
        """The components of a row as they lie in memory; nothing for row -1."""
        if row not in self._bytes:
            self._bytes[row] = b"" if row < 0 else self.seen.components(np.array([row])).tobytes()
        return self._bytes[row]

    def out_shape(self, row: int) -> tuple[int, ...] | None:
        value = int(self.value_row[row])
        return None if value < 0 else self.seen.shapes[self.seen.shape[value]]

    def fits(self, row: int, side: str, j_shape: tuple[int, ...]) -> bool:
        """Whether the vector of an output or input has as many components as J has rows or columns."""
        shape = self.out_shape(row) if side == "output" else self.in_shape(row)
        is_complex = bool(self.out_complex[row] if side == "output" else self.in_complex[row])
        size = j_shape[0 if side == "output" else 1]
        return shape is None or prod(shape) * (1 + is_complex) == size

    def _read_tolerances(self) -> None:
        """tolerance_id: index into `tolerances` of every row, by its dtype and its case's own tolerances."""
        seen = self.seen
        key = combine([(seen.codes["case"], len(seen.words["case"])), (seen.codes["dtype"], len(seen.words["dtype"]))])
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        found: dict[Tolerances, int] = {}
        numbers = []
        for row in first:
            case = self.cases.get(seen.text("case", int(row)))
            tol = tolerances(seen.text("dtype", int(row)), None if case is None else case.tolerance)
            numbers.append(found.setdefault(tol, len(found)))
        self.tolerances = list(found)
        self.tolerance_id = np.array(numbers or [0], np.int64)[inverse.reshape(-1)]

    def tolerance_of(self, tol: Tolerances) -> int:
        """The index of these tolerances in `tolerances`."""
        if tol not in self.tolerances:
            self.tolerances.append(tol)
        return self.tolerances.index(tol)

    # -- the J that belongs to a row -----------------------------------------------------------------------------------

    def _place_of_j(self) -> None:
        seen, joiner = self.seen, self.joiner
        columns = [(seen.codes[n], len(seen.words[n])) for n in ("case", "point", "dtype", "input", "output")]
        self.place = combine([(joiner.target, len(self.targets)), *columns])
        #: The same without the target: where evidence lives.
        self.spot = combine(columns)
        matrices = seen.is_word("quantity", "differential") & joiner.ok & ~seen.is_word("api", "finite-differences")
        rank = np.array([_PREFERRED.index(w) if w in _PREFERRED else len(_PREFERRED) for w in seen.words["api"]] or [0])
        rows = np.flatnonzero(matrices)
        # lookup() returns the last of equal keys: the preferred API has to come last.
        rows = rows[np.lexsort((rows, -rank[seen.codes["api"][rows]]))]
        at = lookup(self.place[rows], self.place)
        #: Row of the J of the same target, point, input and output; -1 where it was not observed.
        self.j_row = np.where(at >= 0, rows[np.maximum(at, 0)], -1) if rows.size else np.full(seen.count, -1)

    def row_of(self, quantity: str, row: int, name: str) -> int:
        """The row of a quantity by input `name` at the target, point and output of another row; -1 for none."""
        key = (quantity, row, name)
        if key not in self._rows:
            self._rows[key] = self._row_of(quantity, row, name)
        return self._rows[key]

    def _row_of(self, quantity: str, row: int, name: str) -> int:
        seen = self.seen
        if self._index is None:
            self._index = {}
            matrices = self.joiner.ok & seen.is_word("quantity", "differential", *HIGHER)
            matrices &= ~seen.is_word("api", "finite-differences")
            columns = [self.joiner.target, *(seen.codes[n] for n in ("quantity", "case", "point", "dtype", "output",
                                                                     "input", "api"))]
            rows = np.flatnonzero(matrices)
            listed = np.stack([c[rows] for c in columns], axis=1).tolist()
            rank = [_PREFERRED.index(w) if w in _PREFERRED else 9 for w in seen.words["api"]]
            best: dict[tuple[int, ...], tuple[int, str]] = {}
            for entry, k in zip(listed, rows.tolist(), strict=True):
                key, mine = tuple(entry[:-1]), (rank[entry[-1]], seen.words["api"][entry[-1]])
                if key not in best or mine < best[key]:
                    best[key], self._index[key] = mine, k
        where = (self.joiner.target, *(seen.codes[n] for n in ("case", "point", "dtype", "output")))
        head = [int(c[row]) for c in where]
        return self._index.get((head[0], seen.code("quantity", quantity), *head[1:], seen.code("input", name)), -1)

    def inputs_of(self, row: int) -> list[str]:
        case = self.cases.get(self.seen.text("case", row))
        return [] if case is None else [i.name for i in case.inputs]

    def sizes_of_input(self, row: int, name: str) -> Array | None:
        """Absolute values of the numbers of an input at a row's point, as its dtype holds them; None where unknown."""
        key = self._point_key(row)
        if key not in self._sizes:
            self._sizes[key] = self._read_point(row)
        return self._sizes[key].get(name)

    def sizes(self, row: int) -> list[Array]:
        """Absolute values of the numbers of every input at a row's point."""
        return [s for s in (self.sizes_of_input(row, name) for name in self.inputs_of(row)) if s is not None]

    def has_limits(self, row: int) -> bool:
        """Whether a row's output and all inputs are real, and none of them is NaN: an infinite one has limits."""
        case = self.cases.get(self.seen.text("case", row))
        if case is None or self.out_complex[row] or any(i.kind == "complex" for i in case.inputs):
            return False
        return not self._of_inputs(row)[1] and not self.beyond_range(row)

    def has_finite_inputs(self, row: int) -> bool:
        """Whether every differentiated input is finite at a row's point, as its dtype holds it."""
        return self._of_inputs(row)[0]

    def beyond_range(self, row: int) -> bool:
        """Whether a number of the case's point is too large for the row's dtype: what was observed there, at infinity,
        was not asked."""
        finite, _ = self._of_inputs(row)
        case = self.cases.get(self.seen.text("case", row))
        point = None if finite or case is None else next(
            (p for p in case.points if p.name == self.seen.text("point", row)), None)
        if case is None or point is None:
            return False
        for site in case.inputs:
            given = np.asarray(point.arrays[site.name])
            if site.differentiate and given.dtype.kind in "fc":
                with np.errstate(all="ignore"):
                    held = as_held(given, site.kind, self.seen.text("dtype", row))
                if (np.isfinite(given) & ~np.isfinite(held)).any():
                    return True
        return False

    def _point_key(self, row: int) -> tuple[int, int, int]:
        seen = self.seen
        return int(seen.codes["case"][row]), int(seen.codes["point"][row]), int(seen.codes["dtype"][row])

    def _of_inputs(self, row: int) -> tuple[bool, bool]:
        """(every differentiated input is finite, an input is NaN somewhere) at a row's point."""
        seen = self.seen
        key = self._point_key(row)
        if key not in self._inputs:
            self.sizes_of_input(row, "")
            case = self.cases.get(seen.text("case", row))
            fixed = set() if case is None else {i.name for i in case.inputs if not i.differentiate}
            finite = all(bool(np.isfinite(v).all()) for name, v in self._sizes[key].items() if name not in fixed)
            self._inputs[key] = finite, any(bool(np.isnan(s).any()) for s in self.sizes(row))
        return self._inputs[key]

    def _read_point(self, row: int) -> dict[str, Array]:
        seen = self.seen
        case = self.cases.get(seen.text("case", row))
        point = None if case is None else next((p for p in case.points if p.name == seen.text("point", row)), None)
        if case is None or point is None:
            return {}
        out = {}
        for site in case.inputs:
            if site.name in point.arrays:
                with np.errstate(all="ignore"):
                    array = np.asarray(point.arrays[site.name])
                    held = as_held(array, site.kind, seen.text("dtype", row))
                    out[site.name] = np.abs(held.astype(np.complex128)).reshape(-1)
        return out

    def j_form(self, row: int) -> Form | None:
        """The form of a matrix row; None where its shape does not fit the case's inputs and outputs."""
        if row not in self._forms:
            self._forms[row] = self._form(row)
        return self._forms[row]

    def _form(self, row: int) -> Form | None:
        shape = self.seen.shapes[self.seen.shape[row]]
        if len(shape) != 2:
            return None
        higher = self.seen.text("quantity", row) in HIGHER
        if not higher and not (self.fits(row, "output", shape) and self.fits(row, "input", shape)):
            return None
        return matrix_form(shape, self.rows_complex(row), bool(self.in_complex[row]))

    def rows_complex(self, row: int) -> bool:
        """Whether the rows of a matrix are real parts, then imaginary parts; those of third derivatives stand each for
        two real components."""
        quantity = self.seen.text("quantity", row)
        return quantity != "third" and bool((self.row_complex if quantity == "hessian" else self.out_complex)[row])

    def j_sizes(self, row: int) -> Array | None:
        """(m, n) sizes of the entries of one matrix row; None where its shape does not fit the case."""
        key = ("sizes", row)
        if key not in self.memo:
            form = self.j_form(row)
            found = None if form is None else form.blocks(self.seen.components(np.array([row])))
            self.memo[key] = None if found is None else magnitudes(found)[0]
        sizes: Array | None = self.memo[key]
        return sizes


def matrix_form(shape: tuple[int, ...], out_complex: bool, in_complex: bool) -> Form | None:
    """The form of a real matrix; None where an odd number of rows or columns contradicts a complex side."""
    rows, columns = shape
    if (out_complex and rows % 2) or (in_complex and columns % 2):
        return None
    return Form(True, rows // (1 + out_complex), columns // (1 + in_complex), out_complex, in_complex)
