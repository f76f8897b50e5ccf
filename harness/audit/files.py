"""Arrays from .npz, .npy and .safetensors files. Nothing is unpickled; what a header claims is checked first."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np

from harness.audit.faults import AuditError
from harness.wirtinger import Array

#: dtype words of the safetensors format and NumPy's; BF16 has no NumPy kind and is widened to float32, exactly.
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "C64": "<c8", "C128": "<c16",
}
_MAX_HEADER = 100_000_000  # bytes, the format's own limit


def read_arrays(path: Path) -> dict[str, Array]:
    """Name -> array of a .npz, .npy ("" is the name) or .safetensors file. Raises AuditError."""
    if not path.is_file():
        raise AuditError(f"there is no file {path}")
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return read_safetensors(path)
    if suffix not in (".npz", ".npy"):
        raise AuditError(f"{path} has an unknown ending; expected .npz, .npy, .safetensors or .pt")
    try:
        held = np.load(path, allow_pickle=False)
        if isinstance(held, np.ndarray):
            return {"": _plain("", held, path)}
        with held:
            return {name: _plain(name, held[name], path) for name in held.files}
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise AuditError(f"{path} holds pickled Python objects, which are never read") from None
        raise AuditError(f"{path} is not a NumPy file: {error}") from None
    except (OSError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise AuditError(f"{path} is not a NumPy file: {error}") from None


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """As np.savez, for names of any kind ("file" too). Raises AuditError."""
    try:
        with zipfile.ZipFile(path, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
    except OSError as error:
        raise AuditError(f"cannot write {path}: {error.strerror}") from error


def _plain(name: str, array: Array, path: Path) -> Array:
    if array.dtype.kind not in "biufc":
        raise AuditError(f"{name or 'the array'} of {path} has dtype {array.dtype}; expected numbers or booleans")
    return array


def read_safetensors(path: Path) -> dict[str, Array]:
    """A safetensors file: 8 bytes of header length, a JSON header, one buffer without gaps or overlaps.

    Format: https://github.com/huggingface/safetensors. Raises AuditError for whatever does not fit.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(_MAX_HEADER, size - 8):
            raise AuditError(f"{path} is not a safetensors file: its header claims {length} bytes of {size}")
        try:
            header = json.loads(file.read(length).decode("utf-8"))
        except (UnicodeDecodeError, ValueError, RecursionError) as error:
            raise AuditError(f"{path} is not a safetensors file: its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise AuditError(f"{path} is not a safetensors file: its header is no mapping")
    header.pop("__metadata__", None)
    room = size - 8 - length
    found: dict[str, Array] = {}
    spans = []
    for name, entry in header.items():
        try:
            kind, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
            whole = [start, end, *shape]
        except (TypeError, KeyError, ValueError):
            raise AuditError(f"{path}: the entry of {name!r} needs dtype, shape and data_offsets") from None
        if any(not isinstance(n, int) or isinstance(n, bool) or n < 0 for n in whole):
            raise AuditError(f"{path}: the shape and the offsets of {name!r} must be whole numbers, 0 or more")
        if kind not in _DTYPES:
            raise AuditError(f"{path}: {name!r} has dtype {kind!r}, which is not read; known: {', '.join(_DTYPES)}")
        dtype = np.dtype(_DTYPES[kind])
        count = 1
        for side in shape:
            count *= side
        if end - start != count * dtype.itemsize or end > room:
            raise AuditError(f"{path}: {name!r} needs {count * dtype.itemsize} bytes and has {start}:{end} of {room}")
        spans.append((start, end))
        raw = np.fromfile(path, dtype=dtype, count=count, offset=8 + length + start).reshape(shape)
        found[name] = (raw.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else raw
    spans.sort()
    if any(a[1] > b[0] for a, b in pairwise(spans)):
        raise AuditError(f"{path} is damaged: two arrays share bytes")
    return found
