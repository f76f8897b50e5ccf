"""A comparison frame as a few hundred kilobytes: columns, dictionaries, typed arrays, gzip, base64.

Layout of the packed block (everything little-endian): a uint32 with the length of a JSON header, the header, padding
to 8 bytes, then one typed array a column at the offset (from the end of that padding) that the header states.
Text columns hold indices into a dictionary (uint8, uint16 or uint32, whichever suffices), numbers are float32, flags
are bytes. Browsers read it with DecompressionStream and typed-array views: no row object is ever made.
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]


def codes(values: Sequence[str] | pd.Series) -> tuple[Array, list[str]]:
    """Dictionary-encode text: indices in the smallest unsigned dtype, and the dictionary in order of appearance."""
    index, words = pd.factorize(pd.Series(values, dtype=object).fillna("").astype(str), use_na_sentinel=False)
    size = len(words)
    dtype = np.uint8 if size <= 0xFF else np.uint16 if size <= 0xFFFF else np.uint32
    return np.asarray(index, dtype=dtype), [str(w) for w in words]


def pack(meta: Mapping[str, Any], text: Mapping[str, Array], numbers: Mapping[str, Array],
         flags: Mapping[str, Array], dictionaries: Mapping[str, list[str]]) -> bytes:
    """The block described above, compressed.

    text: column -> indices; dictionaries: column -> words; numbers: column -> floats; flags: column -> booleans.
    """
    arrays: list[tuple[str, str, Array]] = []
    kinds = {1: "u1", 2: "u2", 4: "u4"}
    arrays += [(name, kinds[a.dtype.itemsize], a) for name, a in text.items()]
    arrays += [(name, "f4", np.asarray(a, dtype="<f4")) for name, a in numbers.items()]
    arrays += [(name, "b1", np.asarray(a, dtype=np.uint8)) for name, a in flags.items()]
    columns, body, offset = [], [], 0
    for name, kind, array in arrays:
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
        pad = -len(data) % 8
        entry: dict[str, Any] = {"name": name, "kind": kind, "offset": offset, "length": len(array)}
        if name in dictionaries:
            entry["words"] = dictionaries[name]
        columns.append(entry)
        body.append(data + b"\0" * pad)
        offset += len(data) + pad
    header = dump({"columns": columns, **meta}).encode()
    start = struct.pack("<I", len(header)) + header
    start += b"\0" * (-len(start) % 8)
    return compress(start + b"".join(body))


def compress(data: bytes) -> bytes:
    """gzip without a time stamp: the same report from the same run is the same file."""
    return gzip.compress(data, compresslevel=9, mtime=0)


def encode(data: bytes) -> str:
    """base64: the letters, digits, +, / and = are safe inside a script element."""
    return base64.b64encode(data).decode("ascii")


def dump(value: Any) -> str:
    """Compact JSON. NaN and infinities are not JSON: whoever has them writes text."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(
        "utf-8", "backslashreplace"  # lone surrogates from a hostile message
    ).decode("utf-8")
