"""Parquet files of a run, read only after what they would take in memory is known to be in proportion to their size.

A file of a few kilobytes may claim pages of gigabytes, or repeat one entry of a dictionary a billion times. So the
number of rows and the header of every page (parquet-format's thrift structures FileMetaData and PageHeader) are read
first, and the column of data is looked at while each of its values still stands once. They are read here, and not by
pyarrow: asked for a column's description it ends the process where a histogram in it is too long.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.runs.thrift import Thrift
from harness.untrusted import Malformed

MAX_FILE = 8 << 30
_FOOTER = 4 << 20  # bytes of a file's description of itself
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
    _check_pages(path, _footer(path, size), size, schema.names)
    once = ["data"] if "data" in schema.names else None
    try:
        if not pq.read_schema(path).remove_metadata().equals(schema):
            raise Malformed("it has other columns than a run has")
        with pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=once) as file:
            table = file.read(use_threads=False)
    except UnicodeDecodeError:  # names of columns, which pyarrow hands over as text
        raise Malformed("it names its columns in bytes that are no text") from None
    table.validate(full=True)
    if once:
        table = _written_out(table, size)
    return table.replace_schema_metadata(None).cast(schema)


def _footer(path: Path, size: int) -> dict[int, Any]:
    """FileMetaData. Raises Malformed for a description that is larger than any of ours."""
    with open(path, "rb") as file:
        if size < 12 or file.read(4) != b"PAR1":
            raise Malformed("it is not a Parquet file")
        file.seek(size - 8)
        length, magic = int.from_bytes(file.read(4), "little"), file.read(4)
        if magic != b"PAR1" or length > min(_FOOTER, size - 12):
            raise Malformed("it does not end as a Parquet file does")
        file.seek(size - 8 - length)
        found, end = Thrift(file.read(length), 0, length, _FOOTER).struct()
    if end != length:
        raise Malformed("it does not end as a Parquet file does")
    return found


def _whole(found: dict[int, Any], field: int, least: int = 0) -> int:
    """A number of a description. Raises Malformed."""
    number = found.get(field)
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise Malformed("its description of itself lacks a number")
    return number


def _parts(found: dict[int, Any], field: int) -> list[dict[int, Any]]:
    """A list of structures of a description. Raises Malformed."""
    listed = found.get(field)
    if not isinstance(listed, list):
        raise Malformed("its description of itself lacks a list")
    return listed


def _check_pages(path: Path, about: dict[int, Any], size: int, names: Sequence[str]) -> None:
    """Raises Malformed where rows or pages are out of proportion to the file. about: FileMetaData; names: columns."""
    rows, groups = _whole(about, 3, -(1 << 63)), _parts(about, 4)
    if not 0 <= rows <= _ROWS + size or len(groups) > _GROUPS:
        raise Malformed(f"it claims {rows:,} rows in {size:,} bytes")
    most = _SPARE + _PAGES * size
    total = counted = 0
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for group in groups:
            own = _whole(group, 3)
            counted += own
            if len(_parts(group, 1)) != len(names):
                raise Malformed("it has other columns than a run has")
            for name, chunk in zip(names, _parts(group, 1), strict=True):
                column = chunk.get(3)
                if 1 in chunk or not isinstance(column, dict):
                    raise Malformed("it places a column outside itself")
                start = _whole(column, 9)
                dictionary = _whole(column, 11) if 11 in column else 0
                if 0 < dictionary < start:
                    start = dictionary
                end = start + _whole(column, 7)
                if not 4 <= start <= end <= size:
                    raise Malformed("it places a column outside itself")
                taken, values = _pages(data, start, end)
                if values != column.get(5) or not own <= values <= (_AXES * own if name == "shape" else own):
                    raise Malformed(f"its column {name} has {values:,} values in {own:,} rows")
                total += taken
                if total > most:
                    raise Malformed(f"it would take more than {most:,} bytes in memory")
    if counted != rows:
        raise Malformed(f"it claims {rows:,} rows and has {counted:,}")


def _pages(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """(bytes that the pages between two offsets take once they are unpacked, values in them)."""
    taken = values = 0
    while at < end:
        head, at = Thrift(data, at, end).struct()
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
