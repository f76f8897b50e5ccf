"""Parquet files of a run, read only after what they would take in memory is known to be in proportion to their size.

A file of a few kilobytes may claim pages of gigabytes, or repeat one entry of a dictionary a billion times. So the
schema, the number of rows and the header of every page (parquet-format's thrift structure PageHeader, in the compact
protocol) are read first, and the column of data is looked at while each of its values still stands once.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.untrusted import Malformed

MAX_FILE = 8 << 30
_FOOTER = 16 << 20  # bytes of a file's description of itself
_SPARE = 64 << 20  # bytes that any file may take in memory,
_PAGES = 64  # and so many times its own size in pages,
_DATA = 256  # and in data once they are written out
_ROWS = 200_000  # that any file may have, and one more for each byte of it
_AXES = 33  # entries of the column of shapes for a row
_GROUPS = 100_000


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """The table of a Parquet file with exactly this schema. Raises Malformed, OSError, pa.ArrowException."""
    size = path.stat().st_size
    if size > MAX_FILE:
        raise Malformed(f"it has {size:,} bytes, and at most {MAX_FILE:,} are read")
    _footer(path, size)
    once = ["data"] if "data" in schema.names else None
    try:
        if not pq.read_schema(path).remove_metadata().equals(schema):
            raise Malformed("it has other columns than a run has")
        with pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=once) as file:
            _check_pages(path, file.metadata, size)
            table = file.read(use_threads=False)
    except UnicodeDecodeError:  # names of columns, which pyarrow hands over as text
        raise Malformed("it names its columns in bytes that are no text") from None
    table.validate(full=True)
    if once:
        table = _written_out(table, size)
    return table.replace_schema_metadata(None).cast(schema)


def _footer(path: Path, size: int) -> None:
    """Raises Malformed for a description that is larger than any of ours."""
    with open(path, "rb") as file:
        if size < 12 or file.read(4) != b"PAR1":
            raise Malformed("it is not a Parquet file")
        file.seek(size - 8)
        length, magic = int.from_bytes(file.read(4), "little"), file.read(4)
    if magic != b"PAR1" or length > min(_FOOTER, size - 12):
        raise Malformed("it does not end as a Parquet file does")


def _check_pages(path: Path, about: Any, size: int) -> None:
    """Raises Malformed where rows or pages are out of proportion to the file."""
    rows = about.num_rows
    if not 0 <= rows <= _ROWS + size or about.num_row_groups > _GROUPS:
        raise Malformed(f"it claims {rows:,} rows in {size:,} bytes")
    most = _SPARE + _PAGES * size
    total = counted = 0
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for g in range(about.num_row_groups):
            group = about.row_group(g)
            counted += group.num_rows
            for c in range(group.num_columns):
                column = group.column(c)
                start = column.data_page_offset
                if column.has_dictionary_page and 0 < column.dictionary_page_offset < start:
                    start = column.dictionary_page_offset
                end = start + column.total_compressed_size
                if not 4 <= start <= end <= size or column.file_path:
                    raise Malformed("it places a column outside itself")
                wide = column.path_in_schema.startswith("shape.")
                taken, values = _pages(data, start, end)
                if values != column.num_values or not (values <= _AXES * group.num_rows if wide
                                                       else values == group.num_rows):
                    raise Malformed(f"its column {column.path_in_schema[:60]} has {values:,} values in "
                                    f"{group.num_rows:,} rows")
                total += taken
                if total > most:
                    raise Malformed(f"it would take more than {most:,} bytes in memory")
    if counted != rows:
        raise Malformed(f"it claims {rows:,} rows and has {counted:,}")


def _pages(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """(bytes that the pages between two offsets take once they are unpacked, values in them)."""
    taken = values = 0
    while at < end:
        head, at = _Thrift(data, at, end).struct()
        packed, unpacked = head.get(3), head.get(2)
        if not isinstance(packed, int) or not isinstance(unpacked, int) or packed < 0 or unpacked < 0:
            raise Malformed("a page does not say how long it is")
        parts = {k: head[k] for k in (5, 8, 7) if isinstance(head.get(k), dict)}
        found = parts.get(5) or parts.get(8)
        counted = (found or parts.get(7) or {}).get(1)
        if not isinstance(counted, int) or counted < 0:
            raise Malformed("a page does not say how many values it has")
        values += counted if found else 0
        taken += unpacked + (0 if found else 24 * counted)
        at += packed
    if at != end:
        raise Malformed("a page ends outside its column")
    return taken, values


class _Thrift:
    """Reads structures of thrift's compact protocol: field number -> integer, boolean, or structure."""

    def __init__(self, data: mmap.mmap, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, min(end, at + (1 << 20))

    def byte(self) -> int:
        if self.at >= self.end:
            raise Malformed("the header of a page does not end")
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise Malformed("the header of a page holds a number that is too long")

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self, depth: int = 0) -> tuple[dict[int, Any], int]:
        if depth > 8:
            raise Malformed("the header of a page is nested too deeply")
        found: dict[int, Any] = {}
        field = 0
        while head := self.byte():
            field = field + (head >> 4) if head >> 4 else self.integer()
            found[field] = self.value(head & 15, depth)
        return found, self.at

    def value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self.byte()
        if kind in (4, 5, 6):
            return self.integer()
        if kind == 7:
            self.skip(8)
            return None
        if kind == 8:
            self.skip(self.varint())
            return None
        if kind in (9, 10):
            head = self.byte()
            count = head >> 4 if head >> 4 != 15 else self.varint()
            for _ in range(count):
                self.value(head & 15, depth + 1)
            return None
        if kind == 12:
            return self.struct(depth + 1)[0]
        raise Malformed("the header of a page is not understood")

    def skip(self, count: int) -> None:
        if count > self.end - self.at:
            raise Malformed("the header of a page does not end")
        self.at += count


def _written_out(table: pa.Table, size: int) -> pa.Table:
    """The table with each row's own data, which until here stand once for equal rows."""
    place = table.column_names.index("data")
    column, total, most = table.column(place), 0, _SPARE + _DATA * size
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
            total += pc.sum(lengths.take(chunk.indices)).as_py() or 0
        else:
            total += chunk.nbytes
    if total > most:
        raise Malformed(f"its data would take {total:,} bytes in memory, at most {most:,} are read")
    if pa.types.is_dictionary(column.type):
        values = [chunk.dictionary.cast(pa.large_binary()).take(chunk.indices) for chunk in column.chunks]
        column = pa.chunked_array(values, pa.large_binary())
    return table.set_column(place, "data", column)
