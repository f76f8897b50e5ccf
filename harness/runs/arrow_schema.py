"""From journal frames to Arrow tables: one row an observation, sorted by key, each key once.

Text columns are dictionary-encoded with sorted dictionaries, so that the bytes of a table depend on what was observed
and not on the order in which workers happened to observe it.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from harness.runs.protocol import rows_from
from harness.workers.frames import CorruptFrame, Frame

#: Columns of observations.parquet. kind: NumPy dtype string of the data ("" where there is none); shape: list<int32>;
#: data: little-endian bytes, C order (null where there are none).
COLUMNS = (
    "case", "point", "dtype", "backend", "device", "mode", "environment", "api", "quantity", "input", "output",
    "status", "kind", "shape", "data", "error", "message",
)
KEY = (
    "case", "point", "dtype", "backend", "environment", "device", "mode", "quantity", "api", "input", "output",
)

_TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [(c, pa.list_(pa.int32()) if c == "shape" else pa.large_binary() if c == "data" else _TEXT) for c in COLUMNS]
)


class Collector:
    """Gathers the rows of journal frames compactly. targets: entries of the run's header, by target index."""

    def __init__(self, targets: Sequence[Mapping[str, Any]]) -> None:
        self._targets = targets
        self._codes: dict[str, array[int]] = {c: array("i") for c in COLUMNS if c != "data"}
        self._words: dict[str, dict[Any, int]] = {c: {} for c in self._codes}
        self._offsets, self._data, self._present = array("q", [0]), bytearray(), bytearray()
        self.seconds = array("d")

    def add(self, frame: Frame) -> int:
        """Take in a frame of observations; returns how many. Raises CorruptFrame."""
        head, rows = frame.header, rows_from(frame)
        number = head.get("target")
        if type(number) is not int or not 0 <= number < len(self._targets):
            raise CorruptFrame(f"a frame of observations speaks of target {str(number)[:40]}")
        if not isinstance(head.get("case"), str) or not isinstance(head.get("dtype"), str):
            raise CorruptFrame("a frame of observations does not say of which case it speaks")
        target = self._targets[number]
        common = {c: target[c] for c in ("backend", "device", "mode", "environment")}
        common.update(case=head["case"], dtype=head["dtype"])
        constant = [(self._codes[c], self._code(c, value)) for c, value in common.items()]
        for row, data in rows:
            for codes, code in constant:
                codes.append(code)
            for column in ("point", "api", "quantity", "input", "output", "status", "kind", "error", "message"):
                self._codes[column].append(self._code(column, getattr(row, column)))
            self._codes["shape"].append(self._code("shape", tuple(row.shape)))
            self._data += data or b""
            self._offsets.append(len(self._data))
            self._present.append(data is not None)
            self.seconds.append(row.seconds)
        return len(rows)

    def _code(self, column: str, value: Any) -> int:
        words = self._words[column]
        return words.setdefault(value, len(words))

    def finish(self) -> tuple[pa.Table, np.ndarray[Any, np.dtype[np.float64]]]:
        """(the table, seconds of each row), sorted by KEY; of rows with the same key the first one counts."""
        columns: dict[str, Any] = {}
        ranks: dict[str, np.ndarray[Any, np.dtype[np.int32]]] = {}
        for name, codes in self._codes.items():
            words = sorted(self._words[name])
            place = {word: k for k, word in enumerate(words)}
            rank = np.array([place[w] for w in self._words[name]], dtype=np.int32)
            ranks[name] = rank[np.frombuffer(codes, dtype=np.int32)] if len(codes) else np.zeros(0, np.int32)
            columns[name] = words
        keys = [ranks[c] for c in KEY]
        order = np.lexsort(keys[::-1])
        if order.size:
            same = np.ones(order.size - 1, dtype=bool)
            for key in keys:
                same &= key[order][1:] == key[order][:-1]
            order = order[np.concatenate([[True], ~same])]
        present = np.frombuffer(bytes(self._present), dtype=np.uint8).astype(bool)
        offsets = np.frombuffer(self._offsets, dtype=np.int64)
        data = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(present),
            [pa.py_buffer(np.packbits(present, bitorder="little").tobytes()), pa.py_buffer(offsets.tobytes()),
             pa.py_buffer(bytes(self._data))],
        )
        take = pa.array(order, pa.int64())
        made = []
        for name in COLUMNS:
            if name == "data":
                made.append(data.take(take))
            elif name == "shape":
                shapes = pa.array([list(s) for s in columns[name]], pa.list_(pa.int32()))
                made.append(shapes.take(pa.array(ranks[name][order], pa.int32())))
            else:
                words = pa.array(columns[name], pa.string())
                made.append(pa.DictionaryArray.from_arrays(pa.array(ranks[name][order], pa.int32()), words))
        seconds = np.frombuffer(self.seconds, dtype=np.float64)[order] if len(self.seconds) else np.zeros(0)
        return pa.Table.from_arrays(made, schema=SCHEMA), seconds
