"""The data column back into arrays, one by one or in bulk without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from harness.wirtinger import Array

Index = np.ndarray[Any, np.dtype[np.int64]]


class Arrays:
    """The arrays of a table of observations (anything with columns kind, shape and data), by row number.

    `layout[i]` numbers the (kind, shape) of row i, -1 where the row has no data; `layouts` says what each number means.
    """

    def __init__(self, table: pa.Table) -> None:
        data = _whole(table.column("data"), pa.large_binary())
        buffers = data.buffers()
        self._bytes = np.frombuffer(buffers[2], dtype=np.uint8) if buffers[2] is not None else np.zeros(0, np.uint8)
        offsets = np.frombuffer(buffers[1], dtype=np.int64) if len(data) else np.zeros(1, np.int64)
        self._start: Index = offsets[data.offset : data.offset + len(data)]
        present = np.asarray(data.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
        self.layouts, self.layout = _layouts(table, present)

    def __len__(self) -> int:
        return len(self.layout)

    def array(self, row: int) -> Array | None:
        """The array of one row (read-only), None where there is none."""
        if self.layout[row] < 0:
            return None
        kind, shape = self.layouts[self.layout[row]]
        count = int(np.prod(shape, dtype=np.int64))
        start = int(self._start[row])
        return np.frombuffer(self._bytes[start : start + count * kind.itemsize].tobytes(), kind).reshape(shape)

    def stack(self, rows: Index) -> Array:
        """The arrays of rows that share one layout, as one array of shape (len(rows), *shape).

        Raises ValueError where they do not.
        """
        rows = np.asarray(rows, dtype=np.int64)
        found = np.unique(self.layout[rows])
        if found.size != 1 or found[0] < 0:
            raise ValueError("rows to stack must have data of one kind and shape")
        kind, shape = self.layouts[found[0]]
        size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        places = self._start[rows][:, None] + np.arange(size, dtype=np.int64)
        flat: Array = np.ascontiguousarray(self._bytes[places]).reshape(-1).view(kind)
        return flat.reshape((rows.size, *shape))

    def groups(self) -> Iterator[tuple[np.dtype[Any], tuple[int, ...], Index]]:
        """(dtype, shape, row numbers) for every layout; rows without data are in none."""
        order = np.argsort(self.layout, kind="stable")
        sorted_layout = self.layout[order]
        for number, (kind, shape) in enumerate(self.layouts):
            low, high = np.searchsorted(sorted_layout, [number, number + 1])
            yield kind, shape, order[low:high]


def _whole(column: pa.ChunkedArray, to: pa.DataType) -> pa.Array:
    one = column.combine_chunks()
    if isinstance(one, pa.ChunkedArray):
        one = one.chunk(0) if one.num_chunks else pa.array([], one.type)
    return one if one.type == to else one.cast(to)


def _layouts(table: pa.Table, present: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[list[Any], Index]:
    kinds = table.column("kind").cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(kinds, pa.ChunkedArray):
        kinds = kinds.chunk(0) if kinds.num_chunks else pa.array([], pa.string()).dictionary_encode()
    codes = kinds.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    words = kinds.dictionary.to_pylist()
    shapes = _whole(table.column("shape"), pa.list_(pa.int32()))
    sizes = shapes.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    widest = int(sizes.max()) if sizes.size else 0
    # One integer per observation, refined axis by axis: kind, number of axes, then each axis (-1 where there is none).
    padded = np.full((widest, len(codes)), -1, dtype=np.int64)
    padded.T[np.arange(widest) < sizes[:, None]] = shapes.flatten().to_numpy(zero_copy_only=False)
    first = np.zeros(0, dtype=np.int64)
    inverse = np.zeros(int(present.sum()), dtype=np.int64)
    for column in (codes, sizes, *padded):
        values, ranks = np.unique(column[present], return_inverse=True)
        _, first, inverse = np.unique(inverse * max(1, values.size) + ranks, return_index=True, return_inverse=True)
    where = np.flatnonzero(present)[first]
    unique = [(words[int(codes[r])], tuple(int(x) for x in padded[: sizes[r], r])) for r in where]
    layout = np.full(len(codes), -1, dtype=np.int64)
    layout[present] = inverse
    return [(np.dtype(kind), shape) for kind, shape in unique], layout
