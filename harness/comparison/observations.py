"""Recorded observations as integer codes and one buffer of bytes, so that joins and judging are array operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.comparison.errors import CompareError
from harness.comparison.value_kinds import Array

TEXT_COLUMNS = (
    "case", "point", "dtype", "backend", "device", "mode", "environment", "api", "quantity", "input", "output",
    "status", "kind", "error", "message",
)
COLUMNS = (*TEXT_COLUMNS, "shape", "data")


class Observations:
    """N observations of several runs.

    codes[column]: int32 (N,), indices into words[column]; `run` (N,) is the number of the run; `shape` (N,) indexes
    `shapes`; the bytes of row k are buffer[start[k]:stop[k]].
    """

    def __init__(self, tables: Sequence[pa.Table | pd.DataFrame]) -> None:
        parts, runs = [], []
        for number, given in enumerate(tables):
            part = _arrow(given)
            parts.append(part)
            runs.append(np.full(part.num_rows, number, np.int32))
        table = pa.concat_tables(parts) if parts else _empty()
        self.count = table.num_rows
        self.run = np.concatenate(runs) if runs else np.zeros(0, np.int32)
        self.codes: dict[str, Array] = {}
        self.words: dict[str, list[str]] = {}
        self._places: dict[str, dict[str, int]] = {}
        for column in TEXT_COLUMNS:
            self.codes[column], self.words[column] = _encode(table.column(column))
        self.shape, self.shapes = _shapes(table.column("shape"), self.count)
        self.start, self.stop, self.buffer = _bytes(table.column("data"))
        self.kinds = [_dtype(word) for word in self.words["kind"]]

    def code(self, column: str, word: str) -> int:
        """The code of a word in a column; -1 where no row has it."""
        if column not in self._places:
            self._places[column] = {w: k for k, w in enumerate(self.words[column])}
        return self._places[column].get(word, -1)

    def is_word(self, column: str, *words: str) -> Array:
        """(N,) rows whose column is one of the words."""
        table = np.array([w in words for w in self.words[column]] or [False], bool)
        return np.asarray(table[self.codes[column]])

    def text(self, column: str, row: int) -> str:
        return self.words[column][int(self.codes[column][row])]

    def components(self, rows: Array) -> Array:
        """(P, real components) as float64 of rows that share kind and shape: real parts, then imaginary parts."""
        kind = self.kinds[self.codes["kind"][rows[0]]]
        assert kind is not None
        count = prod(self.shapes[self.shape[rows[0]]])
        values = self._gather(rows, kind, count)
        if kind.kind == "c":
            return np.concatenate([values.real, values.imag], axis=1, dtype=np.float64)
        return np.asarray(values, np.float64)

    def array(self, row: int) -> Array:
        """One row's array as it was recorded."""
        kind = self.kinds[self.codes["kind"][row]]
        assert kind is not None
        shape = self.shapes[self.shape[row]]
        return np.asarray(self._gather(np.array([row]), kind, prod(shape))[0].reshape(shape))

    def _gather(self, rows: Array, kind: np.dtype[Any], count: int) -> Array:
        """(P, count) of dtype kind: the bytes are collected in the widest unit that all offsets allow."""
        size = kind.itemsize * count
        if rows.size == 1 and size:  # most of what is asked for
            first, end = int(self.start[rows[0]]), int(self.stop[rows[0]])
            if end - first == size:
                return self.buffer[first:end].copy().view(kind.newbyteorder("<")).reshape(1, count)
        start = self.start[rows]
        if (self.stop[rows] - start != size).any():
            row = int(rows[np.flatnonzero(self.stop[rows] - start != size)[0]])
            raise CompareError(
                f"{self.text('case', row)}@{self.text('point', row)}: an observation of {self.text('backend', row)} "
                f"claims {size} bytes and holds {int(self.stop[row] - self.start[row])}; the run is damaged"
            )
        if size == 0:
            return np.zeros((rows.size, count), kind)
        unit = 8
        while unit > 1 and (size % unit or (start % unit).any()):
            unit //= 2
        view = self.buffer[: self.buffer.size // unit * unit].view(f"<u{unit}")
        picked = view[(start // unit)[:, None] + np.arange(size // unit)]
        return picked.view(kind.newbyteorder("<") if kind.itemsize > 1 else kind)


def _arrow(table: pa.Table | pd.DataFrame) -> pa.Table:
    """A table of the columns needed, text dictionary-encoded.  Raises CompareError where a column is not there."""
    names = list(table.columns) if isinstance(table, pd.DataFrame) else table.column_names
    absent = [c for c in COLUMNS if c not in names]
    if absent:
        raise CompareError(f"a table of observations lacks the columns {', '.join(absent)}")
    given: Any = _from_pandas(table) if isinstance(table, pd.DataFrame) else table
    columns = {}
    for column in TEXT_COLUMNS:
        data = given.column(column)
        if pa.types.is_null(data.type):
            data = data.cast(pa.string())
        if not pa.types.is_dictionary(data.type):
            data = pc.dictionary_encode(data)
        columns[column] = data.cast(pa.dictionary(pa.int32(), pa.string()))
    columns["shape"] = given.column("shape").cast(pa.large_list(pa.int64()))
    columns["data"] = given.column("data").cast(pa.large_binary())
    return pa.table(columns)


def _from_pandas(frame: pd.DataFrame) -> pa.Table:
    columns: dict[str, Any] = {c: pa.array([str(v) for v in frame[c]], pa.string()) for c in TEXT_COLUMNS}
    shapes = [None if _missing(s) else [int(x) for x in s] for s in frame["shape"]]
    columns["shape"] = pa.array(shapes, pa.large_list(pa.int64()))
    columns["data"] = pa.array([None if _missing(d) else bytes(d) for d in frame["data"]], pa.large_binary())
    return pa.table(columns)


def _empty() -> pa.Table:
    words = {c: pa.array([], pa.dictionary(pa.int32(), pa.string())) for c in TEXT_COLUMNS}
    shape, data = pa.array([], pa.large_list(pa.int64())), pa.array([], pa.large_binary())
    return pa.table({**words, "shape": shape, "data": data})


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _encode(column: pa.ChunkedArray) -> tuple[Array, list[str]]:
    """Codes in the words' alphabetical order, so that nothing depends on the order of rows."""
    encoded = column.unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], column.type)
    words = [w or "" for w in encoded.dictionary.to_pylist()]
    known = sorted({*words, ""})
    rank = {word: k for k, word in enumerate(known)}
    table = np.array([*(rank[w] for w in words), rank[""]], np.int32)  # the last one: no word at all
    indices = pc.fill_null(encoded.indices, len(words)).to_numpy(zero_copy_only=False)
    return table[indices], known


def _shapes(column: pa.ChunkedArray, count: int) -> tuple[Array, list[tuple[int, ...]]]:
    flat = column.combine_chunks()
    if isinstance(flat, pa.ChunkedArray):
        flat = flat.chunk(0) if flat.num_chunks else pa.array([], column.type)
    if count == 0:
        return np.zeros(0, np.int32), []
    offsets = flat.offsets.to_numpy()
    values = flat.values.to_numpy(zero_copy_only=False)
    rank = np.diff(offsets)
    if flat.null_count:
        rank = np.where(flat.is_null().to_numpy(zero_copy_only=False), 0, rank)
    codes = np.zeros(count, np.int32)
    shapes: list[tuple[int, ...]] = []
    for n in np.unique(rank):
        rows = np.flatnonzero(rank == n)
        if n == 0:
            codes[rows] = len(shapes)
            shapes.append(())
            continue
        dims = values[offsets[rows][:, None] + np.arange(n)]
        unique, inverse = np.unique(dims, axis=0, return_inverse=True)
        codes[rows] = inverse.reshape(-1).astype(np.int32) + len(shapes)
        shapes += [tuple(int(x) for x in row) for row in unique]
    return codes, shapes


def _bytes(column: pa.ChunkedArray) -> tuple[Array, Array, Array]:
    """(start, stop, buffer): where each row's bytes lie.  Chunks are laid one after the other, eight-byte aligned."""
    starts, stops, buffers, at = [], [], [], 0
    for chunk in column.chunks:
        offsets = np.frombuffer(chunk.buffers()[1], np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
        data = chunk.buffers()[2]
        first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
        taken = np.frombuffer(data, np.uint8)[first:last] if data is not None else np.zeros(0, np.uint8)
        starts.append(offsets[:-1] - first + at)
        stops.append(offsets[1:] - first + at)
        buffers += [taken, np.zeros(-taken.size % 8, np.uint8)]
        at += taken.size + (-taken.size % 8)
    if not starts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)
    buffer = np.concatenate(buffers)
    return np.concatenate(starts), np.concatenate(stops), buffer


def _dtype(word: str) -> np.dtype[Any] | None:
    return np.dtype(word) if word else None


def combine(columns: Iterable[tuple[Array, int]]) -> Array:
    """One int64 code for each row from several columns of codes, given with the number of codes of each.

    Equal rows get equal codes, and codes sort as the columns do, the first one first.
    """
    total: Array | None = None
    size = 1
    for codes, count in columns:
        count = max(1, count)
        if total is None:
            total, size = codes.astype(np.int64), count
            continue
        if size > 2**62 // count:  # would overflow: number the combinations met so far
            unique, inverse = np.unique(total, return_inverse=True)
            total, size = inverse.reshape(-1).astype(np.int64), max(1, unique.size)
        total = total * count + codes
        size *= count
    return np.zeros(0, np.int64) if total is None else total


def lookup(keys: Array, wanted: Array) -> Array:
    """For each wanted key the index of the last equal one in keys, or -1."""
    if keys.size == 0:
        return np.full(wanted.size, -1, np.int64)
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    at = np.searchsorted(ranked, wanted, side="right") - 1
    found = (at >= 0) & (ranked[np.maximum(at, 0)] == wanted)
    return np.where(found, order[np.maximum(at, 0)], -1)
