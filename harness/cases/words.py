"""The words a case may use, each list in one place for messages and the JSON Schema."""

from __future__ import annotations

import fnmatch
import keyword
import re
from collections.abc import Sequence

from harness import formats
from harness.cases import document
from harness.cases.document import Node, Scalar
from harness.cases.errors import suggestion
from harness.cases.files import check_shape
from harness.model import KINDS, CaseError, Place

DTYPES = tuple(formats.DTYPES)
LAYOUTS = ("noncontiguous", "lazy-conj")
FAMILIES = ("portable", "torch", "jax", "reference")
BACKENDS = ("torch.autograd", "torch.func", "jax", "reference")

KIND_ALIASES = {**{kind: kind for kind in KINDS}, "int": "integer", "bool": "boolean"}
#: What people write for a kind, and the kind that is meant.
_MEANT = {
    "float": "real", "float32": "real", "float64": "real", "double": "real", "single": "real", "half": "real",
    "complex64": "complex", "complex128": "complex", "cfloat": "complex", "cdouble": "complex",
    "int32": "integer", "int64": "integer", "long": "integer", "logical": "boolean",
}

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
MAX_NAME = 100
INPUT_NAME = r"[A-Za-z][A-Za-z0-9_]*"
RESERVED_INPUTS = ("note", "layout")
TYPE = r"(const +)?(complex|real|integer|int|boolean|bool)( *\[ *([0-9]+( *, *[0-9]+)*)? *\])?"
_TYPE_PARTS = re.compile(r"(?P<const>const +)?(?P<kind>[A-Za-z0-9_]+)(?: *\[(?P<sides>.*)\])?", re.DOTALL)


def checked_name(word: str, what: str, place: Place) -> str:
    """The word, if it is made of letters, digits, `-`, `_` and `.` alone. Raises CaseError."""
    if any(mark in word for mark in "/\\") or word.startswith("."):
        raise CaseError(f"{what} {word[:60]!r} looks like a path", place, "letters, digits, - _ . and no separators")
    if not re.fullmatch(NAME, word, re.ASCII):
        raise CaseError(
            f"{what} {word[:60]!r} is not a name", place, "letters, digits, - _ . starting with a letter or digit"
        )
    if len(word) > MAX_NAME:
        raise CaseError(f"{what} has {len(word)} characters", place, f"at most {MAX_NAME}")
    return word


def checked_input(word: str, place: Place) -> str:
    """The word, if it can be the name of an input in an expression. Raises CaseError."""
    if not re.fullmatch(INPUT_NAME, word, re.ASCII) or len(word) > MAX_NAME:
        raise CaseError(
            f"the input name {word[:60]!r} is not a name", place, "letters, digits and _, starting with a letter"
        )
    if "__" in word:
        raise CaseError(f"the input name {word!r} has two underscores in a row", place, "single underscores only")
    if keyword.iskeyword(word):
        raise CaseError(f"the input name {word!r} is a keyword of Python", place, "choose another, such as z or x")
    if word in RESERVED_INPUTS:
        raise CaseError(f"the input name {word!r} is a key of points", place, "choose another, such as z or x")
    return word


def input_type(node: Node, what: str) -> tuple[str, tuple[int, ...], bool]:
    """`const real[3, 4]` -> ("real", (3, 4), True): kind, shape, whether it is marked const. Raises CaseError."""
    text = document.text(node, f"the type of {what}", node.place).strip(" ")
    parts = _TYPE_PARTS.fullmatch(text)
    if parts is None:
        raise CaseError(
            f"{text[:60]!r} is not a type", node.place, "such as complex[3], real[2,4], integer, boolean[3]"
        )
    word = parts["kind"]
    kind = KIND_ALIASES.get(word)
    if kind is None:
        meant = _MEANT.get(word.lower())
        hint = f"write {meant}; `dtype` gives the precision" if meant else suggestion(word, KIND_ALIASES)
        raise CaseError(f"{word!r} is not a kind of input", node.place, hint)
    sides = (parts["sides"] or "").strip(" ")
    fields = [field.strip(" ") for field in sides.split(",")] if sides else []
    for field in fields:
        if not re.fullmatch(r"[0-9]{1,18}", field, re.ASCII):
            raise CaseError(
                f"{field[:30]!r} is not a side of a shape", node.place, "whole numbers, such as complex[3,4]"
            )
    shape = tuple(int(field) for field in fields)
    check_shape(shape, what, node.place)
    return kind, shape, parts["const"] is not None


def matching(node: Node, names: Sequence[str], what: str) -> tuple[str, ...]:
    """The names that a text, or a list of texts with the patterns * and ?, picks out; each must pick one at least.

    `what` is the beginning of the message: "the case has no point". Raises CaseError.
    """
    chosen: dict[str, None] = {}
    for item in document.one_or_many(node):
        # A point may be called 1 or true; what counts is the text.
        word = item.text if isinstance(item, Scalar) else document.text(item, "a name", item.place)
        hits = [] if len(word) > MAX_NAME else [n for n in names if n == word or fnmatch.fnmatchcase(n, word)]
        if not hits:
            raise CaseError(f"{what} {word[:MAX_NAME]!r}", item.place, suggestion(word[:MAX_NAME], names))
        chosen.update(dict.fromkeys(hits))
    return tuple(chosen)
