"""Arrays from `.npz` and `.npy` files: inside the case's own folder, bounded, and never pickled.

The header of every array is read first, so that a file cannot make us allocate what its header claims.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.cases.document import read_bytes
from harness.cases.draws import Array
from harness.cases.errors import suggestion
from harness.model import CaseError, Place

MAX_FILE_BYTES = 64 * 2**20
MAX_SIDE = 4096
MAX_ELEMENTS = 100_000
MAX_AXES = 8

#: NumPy dtype kinds that an input of each kind takes without losing anything.
ACCEPTS: Mapping[str, str] = {"complex": "fc", "real": "f", "integer": "iu", "boolean": "b"}
KIND_OF: Mapping[str, str] = {"c": "complex", "f": "real", "i": "integer", "u": "integer", "b": "boolean"}
_WIDE: Mapping[str, type] = {"c": np.complex128, "f": np.float64, "i": np.int64, "u": np.int64, "b": np.bool_}


@dataclass
class Archive:
    """One file: the raw `.npy` content of each array by name ("" for a bare `.npy`). Arrays are decoded on demand."""

    shown: str
    members: Mapping[str, zipfile.ZipInfo | None]
    data: bytes = field(repr=False)

    def names(self) -> list[str]:
        return [name for name in self.members if name]

    def array(self, key: str | None, place: Place) -> Array:
        """The array under `key`, widened to complex128, float64, int64 or bool. Raises CaseError."""
        if "" in self.members:
            if key is not None:
                raise CaseError(f"{self.shown} holds one array without a name", place, "leave `key` out")
            return _decode(self.data, self.shown, place)
        if key is None:
            if len(self.members) != 1:
                names = ", ".join(self.names()[:12])
                raise CaseError(
                    f"{self.shown} holds {len(self.members)} arrays", place, f"name one with `key`: {names}"
                )
            key = self.names()[0]
        info = self.members.get(key)
        if info is None:
            raise CaseError(f"{self.shown} has no array {key!r}", place, suggestion(key, self.names()))
        return _decode(self._extract(info, place), f"{key!r} of {self.shown}", place)

    def _extract(self, info: zipfile.ZipInfo, place: Place) -> bytes:
        limit = 16 * MAX_ELEMENTS + 2**16
        too_large = CaseError(
            f"{info.filename!r} of {self.shown} is larger than {MAX_ELEMENTS} elements", place, "use smaller arrays"
        )
        if info.file_size > limit:
            raise too_large
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive, archive.open(info) as member:
                content = member.read(limit + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            RuntimeError,
            NotImplementedError,
            ValueError,
        ) as error:
            raise CaseError(f"{self.shown} is damaged: {error}", place, "write it again with numpy.savez") from None
        if len(content) > limit:
            raise too_large
        return content


def locate(text: str, folder: Path, place: Path | Place) -> Path:
    """The file that a case names, which must lie in the folder of the case file, also after following links."""
    assert isinstance(place, Place)
    inside = f"files are read from the folder of the case file only ({folder})"
    if "\0" in text or "\\" in text:
        raise CaseError(f"{text!r} is not a file name", place, "separate folders with /")
    if Path(text).is_absolute() or text.startswith("~"):
        raise CaseError(f"the file {text!r} is outside the folder of the case", place, inside)
    try:
        target = (folder / text).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise CaseError(f"the file {text!r} cannot be found: {error}", place) from None
    if not target.is_relative_to(folder):
        raise CaseError(f"the file {text!r} is outside the folder of the case", place, inside)
    if target.suffix not in (".npz", ".npy"):
        raise CaseError(f"the file {text!r} is neither .npz nor .npy", place, "write it with numpy.savez")
    return target


def open_archive(text: str, folder: Path, place: Place) -> Archive:
    """The archive a case names. Raises CaseError: outside the folder, missing, too large, not an archive."""
    path = locate(text, folder, place)
    data = read_bytes(path, text, MAX_FILE_BYTES, place)
    if path.suffix == ".npy":
        return Archive(text, {"": None}, data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CaseError(f"{text} is not a .npz file: {error}", place, "write it with numpy.savez") from None
    members: dict[str, zipfile.ZipInfo | None] = {}
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if name in members or not name:
            raise CaseError(f"{text} holds the array {name!r} twice or without a name", place)
        members[name] = info
    if not members:
        raise CaseError(f"{text} holds no array", place)
    return Archive(text, members, data)


def _decode(content: bytes, what: str, place: Place) -> Array:
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            raise ValueError(f"version {version} of the format")
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, OverflowError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CaseError(f"{what} is not a NumPy array: {reason}", place, "write it with numpy.savez") from None
    if dtype.hasobject:
        raise CaseError(
            f"{what} holds pickled Python objects", place, "only plain numbers are read; pickles are refused"
        )
    if dtype.kind not in KIND_OF or dtype.itemsize not in (1, 2, 4, 8, 16) or (dtype.kind, dtype.itemsize) == ("f", 16):
        raise CaseError(f"{what} has dtype {dtype}", place, "use complex128, float64, int64 or bool")
    if dtype == np.dtype(np.uint64):
        raise CaseError(f"{what} has dtype uint64", place, "use int64")
    check_shape(tuple(int(n) for n in shape), what, place)
    count = int(np.prod(shape, dtype=np.int64))
    rest = stream.read()
    if len(rest) != count * dtype.itemsize:
        raise CaseError(
            f"{what} has {len(rest)} bytes of data where its shape {shape} needs {count * dtype.itemsize}", place
        )
    flat = np.frombuffer(rest, dtype=dtype, count=count)
    array = flat.reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(array.astype(_WIDE[dtype.kind]))


def check_shape(shape: tuple[int, ...], what: str, place: Place) -> None:
    """Raise CaseError for a shape beyond what a case may have."""
    if len(shape) > MAX_AXES:
        raise CaseError(f"{what} has {len(shape)} axes", place, f"at most {MAX_AXES}")
    if any(n < 0 for n in shape):
        raise CaseError(f"{what} has a negative side: {list(shape)}", place)
    if any(n > MAX_SIDE for n in shape):
        raise CaseError(f"{what} has a side larger than {MAX_SIDE}: {list(shape)}", place, "a case is a small example")
    total = 1
    for n in shape:
        total *= n
    if total > MAX_ELEMENTS:
        raise CaseError(f"{what} has {total} elements, more than {MAX_ELEMENTS}", place, "a case is a small example")


def widened(array: Array, kind: str, what: str, place: Place) -> Array:
    """The array as the kind of an input; a real array serves a complex input (imaginary part +0), nothing else fits."""
    if array.dtype.kind not in ACCEPTS[kind]:
        raise CaseError(f"{what} is {KIND_OF[array.dtype.kind]}, where a {kind} array is declared", place)
    return array.astype(np.complex128) if kind == "complex" else array
