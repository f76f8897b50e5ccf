"""The value of an input at a point: literals, nested lists, {re, im}, files, samplers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.cases import document, files
from harness.cases.constants import BadNumber
from harness.cases.constants import number as constant
from harness.cases.document import Items, Node, Scalar, Table
from harness.cases.draws import Array, Shape, join
from harness.cases.errors import suggestion
from harness.cases.sampling import sample
from harness.model import KINDS, CaseError, Place

#: Elements of all points of one file together.
MAX_FILE_ELEMENTS = 4_000_000


@dataclass
class Reading:
    """What is known while one file is read: its folder, the archives opened so far, how many elements are left."""

    shown: str
    folder: Path
    left: int = MAX_FILE_ELEMENTS
    archives: dict[str, files.Archive] = field(default_factory=dict)

    def archive(self, node: Node | None, place: Place) -> files.Archive:
        name = document.text(node, "file", place)
        where = node.place if node else place
        if name not in self.archives:
            self.archives[name] = files.open_archive(name, self.folder, where)
        return self.archives[name]

    def charge(self, shape: Shape, place: Place) -> None:
        """Count an array against the limit of the file."""
        self.left -= math.prod(shape) + 1
        if self.left < 0:
            raise CaseError(
                f"the points of this file hold more than {MAX_FILE_ELEMENTS} elements", place, "split the file"
            )


def value(node: Node, kind: str, shape: Shape, what: str, reading: Reading, stream: int = 0) -> Array:
    """The array of an input of this kind and shape, in double precision. Raises CaseError at the wrong element."""
    reading.charge(shape, node.place)
    if isinstance(node, Table):
        return _from_table(node, kind, shape, what, reading, stream)
    if isinstance(node, Scalar):
        return np.full(shape, scalar(node, kind, what), dtype=KINDS[kind])
    return _from_list(node, kind, shape, what)


def scalar(node: Node, kind: str, what: str) -> Any:
    """One number (complex, float, int) or boolean."""
    if not isinstance(node, Scalar):
        raise CaseError(f"{what}: a number was expected, not {document.describe(node)}", node.place)
    if kind == "boolean":
        return document.flag(node, what, node.place)
    resolved = document.resolve(node)
    if resolved is None or isinstance(resolved, bool):
        raise CaseError(f"{what}: {document.describe(node)} is not a number", node.place)
    if kind == "integer":
        if not isinstance(resolved, int) or not -(2**63) <= resolved < 2**63:
            problem = f"{what}: an integer input takes whole numbers of 64 bits, not {document.describe(node)}"
            raise CaseError(problem, node.place)
        return resolved
    try:
        number = constant(node.text)
    except BadNumber as error:
        raise CaseError(f"{what}: {error}", node.place, error.hint) from None
    if kind == "complex":
        return number.as_complex()
    if not number.is_real:
        raise CaseError(f"{what} is real and cannot take {node.text.strip()}", node.place, "declare the input complex")
    return number.real


def _from_list(node: Items, kind: str, shape: Shape, what: str) -> Array:
    found = _shape(node, what)
    fits = found == shape or (0 in shape and 0 in found and len(found) <= len(shape))
    if not fits:
        hint = "a single number fills any shape" if found == (1,) else ""
        raise CaseError(
            f"{what} is declared with shape {list(shape)} but its value has {list(found)}", node.place, hint
        )
    flat: list[Any] = []
    _flatten(node, kind, what, flat)
    return np.asarray(flat, dtype=KINDS[kind]).reshape(shape)


def _shape(node: Node, what: str) -> Shape:
    if isinstance(node, Table):
        raise CaseError(f"{what}: a list of numbers cannot hold a mapping", node.place)
    if isinstance(node, Scalar):
        return ()
    inner = [_shape(item, what) for item in node.items]
    for item, found in zip(node.items, inner, strict=True):
        if found != inner[0]:
            problem = (
                f"{what}: the rows of a nested list differ, {_rows(found)} here and {_rows(inner[0])} in the first"
            )
            raise CaseError(problem, item.place)
    return (len(inner), *(inner[0] if inner else ()))


def _rows(shape: Shape) -> str:
    return f"shape {list(shape)}" if shape else "a number"


def _flatten(node: Node, kind: str, what: str, into: list[Any]) -> None:
    if isinstance(node, Items):
        for item in node.items:
            _flatten(item, kind, what, into)
    else:
        into.append(scalar(node, kind, what))


_FORMS = ("sample", "file", "re", "im")


def _from_table(node: Table, kind: str, shape: Shape, what: str, reading: Reading, stream: int) -> Array:
    if "sample" in node:
        return sample(node, kind, shape, what, stream).astype(KINDS[kind], copy=False)
    if "file" in node:
        return _from_file(node, kind, shape, what, reading)
    if "re" in node or "im" in node:
        return _from_parts(node, kind, shape, what, reading)
    key = next(iter(node.entries), None)
    raise CaseError(
        f"{what}: a value given as a mapping needs one of sample, file, or re and im",
        node.where(key) if key else node.place,
        suggestion(key, _FORMS) if key else "",
    )


def _from_file(node: Table, kind: str, shape: Shape, what: str, reading: Reading) -> Array:
    document.table(node, what, ("file", "key"), node.place)
    key = document.text(node.get("key"), "key", node.place) if "key" in node else None
    place = (node.get("key") or node.get("file") or node).place
    array = reading.archive(node.get("file"), node.place).array(key, place)
    if array.shape != shape:
        raise CaseError(f"{what} is declared with shape {list(shape)} but the file has {list(array.shape)}", place)
    return files.widened(array, kind, what, place)


def _from_parts(node: Table, kind: str, shape: Shape, what: str, reading: Reading) -> Array:
    document.table(node, what, ("re", "im"), node.place)
    if kind != "complex":
        raise CaseError(f"{what} is {kind}; re and im belong to a complex input", node.place)
    parts = []
    for key in ("re", "im"):
        part = node.get(key)
        parts.append(np.zeros(shape) if part is None else value(part, "real", shape, f"{key} of {what}", reading))
    return join(*parts)
