"""YAML to a tree of nodes with positions, from the event stream, without ever building a Python object for a tag.

The tree is built with an explicit stack while events arrive, so depth and size are refused before anything is
composed. Scalars stay text here; what they mean follows the core schema of YAML 1.2 (`true` and `false` are the only
booleans in spirit: `no`, `on` and `y` are words, `1e-200` is a number).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from harness.cases.errors import suggestion
from harness.model import CaseError, Place

MAX_BYTES = 4 * 2**20
MAX_DEPTH = 40
MAX_NODES = 200_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = {".nan": "nan", ".inf": "inf", "+.inf": "inf", "-.inf": "-inf"}
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True)
class Scalar:
    """A text as written. `place` is where the node begins, `start` where its text does (after a quote, below a `|`)."""

    text: str
    plain: bool
    place: Place
    start: Place


@dataclass(frozen=True)
class Items:
    """A YAML sequence."""

    items: list[Node]
    place: Place


@dataclass(frozen=True)
class Table:
    """A YAML mapping; every key is a string. `keys` says where each key stands."""

    entries: dict[str, Node]
    keys: dict[str, Place]
    place: Place

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def get(self, key: str) -> Node | None:
        return self.entries.get(key)

    def where(self, key: str) -> Place:
        return self.keys.get(key, self.place)


Node: TypeAlias = Scalar | Items | Table
Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


def read_bytes(path: Path, shown: str, limit: int, place: Place | None = None) -> bytes:
    """The content of a regular file of at most `limit` bytes; a device or a pipe is refused, not waited for."""
    where = place or Place(shown)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CaseError(f"{shown} is not a regular file", where)
        if status.st_size > limit:
            raise CaseError(f"{shown} has {status.st_size} bytes, more than the {limit} that are read", where)
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise CaseError(f"there is no file {shown}", where, "check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CaseError(f"{shown} cannot be read: {reason}", where) from None
    if len(data) > limit:
        raise CaseError(f"{shown} has more than the {limit} bytes that are read", where)
    return data


def read(path: Path, shown: str) -> Node:
    """The tree of one YAML file. `shown` is the path as messages give it. Raises CaseError with line and column."""
    try:
        data = read_bytes(path, shown, MAX_BYTES)
    except CaseError as error:
        hint = "split the file" if "bytes" in error.problem else error.hint
        raise CaseError(error.problem, Place(shown, 1, 1), hint) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        raise CaseError("the file is not UTF-8 text", Place(shown, line, column), "save it as UTF-8") from None
    return parse(text, shown)


def parse(text: str, shown: str) -> Node:
    """The tree of a YAML text. Raises CaseError."""
    bad = _UNPRINTABLE.search(text)
    if bad:
        raise CaseError(
            f"the character U+{ord(bad.group()):04X} is not allowed in YAML", _at(text, bad.start(), shown), "remove it"
        )
    try:
        return _build(yaml.parse(text, Loader=_LOADER), text.splitlines(), shown)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(shown, mark.line + 1, mark.column + 1) if mark else Place(shown, 1, 1)
        context = f" {error.context}" if error.context else ""
        raise CaseError(f"not valid YAML: {error.problem}{context}", place, _yaml_hint(error)) from None
    except yaml.YAMLError as error:
        raise CaseError(f"not valid YAML: {str(error).splitlines()[0]}", Place(shown, 1, 1)) from None


def _yaml_hint(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if "cannot start any token" in problem:
        return "indent with spaces, not tabs, and quote texts that begin with a special character"
    if "mapping values are not allowed" in problem or "expected ',' or" in problem:
        return 'quote texts that contain brackets, commas or colons: {z: "complex[3]"}'
    return "check the indentation and that every bracket and quote is closed"


def _at(text: str, index: int, shown: str) -> Place:
    return Place(shown, text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1)


class _Open:
    """A collection that is being read: a sequence, or a mapping that remembers its pending key."""

    def __init__(self, node: Items | Table) -> None:
        self.node = node
        self.key: Scalar | None = None

    def add(self, child: Node) -> None:
        if isinstance(self.node, Items):
            self.node.items.append(child)
        elif self.key is None:
            self._set_key(self.node, child)
        else:
            self.node.entries[self.key.text] = child
            self.key = None

    def _set_key(self, table: Table, child: Node) -> None:
        if not isinstance(child, Scalar):
            raise CaseError("a key must be a word, not a collection", child.place, 'quote it: "[a]": 1')
        if child.text == "<<" and child.plain:
            raise CaseError("merge keys (<<) are not supported", child.place, "write the keys out, or use `defaults`")
        if child.text in table.entries:
            raise CaseError(f"the key {child.text!r} is given twice", child.place, f"first at {table.keys[child.text]}")
        table.keys[child.text] = child.place
        self.key = child


def _build(events: Iterable[yaml.Event], lines: list[str], shown: str) -> Node:
    stack: list[_Open] = []
    root: Node | None = None
    nodes = documents = 0
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            done: Node = stack.pop().node
        elif isinstance(event, yaml.NodeEvent):
            place = _place(event, shown)
            _refuse_decoration(event, place)
            nodes += 1
            if nodes > MAX_NODES:
                raise CaseError(
                    f"more than {MAX_NODES} values in one file", place, "split the file, or use a .npz file"
                )
            if not isinstance(event, yaml.ScalarEvent):
                if len(stack) >= MAX_DEPTH:
                    raise CaseError(f"nested more than {MAX_DEPTH} levels deep", place, "a case needs fewer than ten")
                mapping = isinstance(event, yaml.MappingStartEvent)
                stack.append(_Open(Table({}, {}, place) if mapping else Items([], place)))
                continue
            done = _scalar(event, place, lines)
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise CaseError("a second YAML document (---) in one file", _place(event, shown), "one document a file")
            continue
        else:
            continue
        if stack:
            stack[-1].add(done)
        else:
            root = done
    if root is None:
        raise CaseError("the file is empty", Place(shown, 1, 1), "write `cases:` and a list of cases")
    return root


def _place(event: yaml.Event, shown: str) -> Place:
    mark = event.start_mark
    return Place(shown, mark.line + 1, mark.column + 1) if mark else Place(shown, 1, 1)


def _refuse_decoration(event: yaml.NodeEvent, place: Place) -> None:
    if isinstance(event, yaml.AliasEvent):
        raise CaseError(f"aliases (*{event.anchor}) are not supported", place, "write the value out")
    if event.anchor is not None:
        raise CaseError(f"anchors (&{event.anchor}) are not supported", place, "write the value out where it is used")
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise CaseError(f"tags ({tag}) are not supported", place, "cases are plain data: remove the tag")


def _scalar(event: yaml.ScalarEvent, place: Place, lines: list[str]) -> Scalar:
    start = place
    if event.style in ("|", ">"):
        # The text begins on the line below the indicator; its indentation is that of its first non-blank line.
        below = next((text for text in lines[place.line :] if text.strip()), "")
        start = Place(place.path, place.line + 1, len(below) - len(below.lstrip(" ")) + 1)
    elif event.style in ("'", '"'):
        start = Place(place.path, place.line, place.column + 1)
    return Scalar(event.value, not event.style, place, start)


def resolve(scalar: Scalar) -> bool | int | float | str | None:
    """What a scalar means by the core schema of YAML 1.2. A quoted one is always a string."""
    text = scalar.text
    if not scalar.plain:
        return text
    if text.lower() in _WORDS and text in (text.lower(), text.title(), text.upper()):
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text) and len(text) < 1000:
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)
    if _FLOAT.fullmatch(text):
        return float(text)
    if text.lower() in _SPECIAL:
        return float(_SPECIAL[text.lower()])
    return text


def plain(node: Node) -> Plain:
    """The tree as ordinary Python data: what a JSON Schema validator is given."""
    if isinstance(node, Scalar):
        return resolve(node)
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}


def describe(node: Node | None) -> str:
    """A node in words, for messages."""
    if node is None:
        return "nothing"
    if isinstance(node, Table):
        return "a mapping"
    if isinstance(node, Items):
        return "a list"
    value = resolve(node)
    if value is None:
        return "nothing"
    short = node.text if len(node.text) <= 40 else node.text[:37] + "..."
    return f"the text {short!r}" if isinstance(value, str) else short


def table(node: Node | None, what: str, known: Iterable[str] | None, place: Place) -> Table:
    """The node as a mapping whose keys are all in `known` (None: any). Raises CaseError."""
    if not isinstance(node, Table):
        raise CaseError(f"{what} must be a mapping, not {describe(node)}", node.place if node else place)
    if known is not None:
        options = list(known)
        for key in node.entries:
            if key not in options:
                raise CaseError(f"{what} has no key {key!r}", node.where(key), suggestion(key, options, listing=30))
    return node


def items(node: Node | None, what: str, place: Place) -> list[Node]:
    """The node as a list. Raises CaseError."""
    if not isinstance(node, Items):
        raise CaseError(f"{what} must be a list, not {describe(node)}", node.place if node else place)
    return node.items


def one_or_many(node: Node) -> list[Node]:
    """A list's items, or the node itself as the only one."""
    return node.items if isinstance(node, Items) else [node]


def text(node: Node | None, what: str, place: Place, *, limit: int = 2000) -> str:
    """The node as a non-empty text. A number or a boolean is refused: quote it to make it a text."""
    if not isinstance(node, Scalar) or not isinstance(resolve(node), str):
        hint = "quote it" if isinstance(node, Scalar) and resolve(node) is not None else ""
        raise CaseError(f"{what} must be a text, not {describe(node)}", node.place if node else place, hint)
    if not node.text.strip():
        raise CaseError(f"{what} is empty", node.place)
    if len(node.text) > limit:
        raise CaseError(f"{what} has {len(node.text)} characters, more than the {limit} allowed", node.place)
    return node.text


def texts(node: Node, what: str, *, choices: Iterable[str] | None = None) -> Iterator[tuple[str, Place]]:
    """A text or a list of texts, each with its place; with `choices`, each must be one of them. Raises CaseError."""
    options = None if choices is None else list(choices)
    seen: set[str] = set()
    for item in one_or_many(node):
        word = text(item, what, node.place)
        if options is not None and word not in options:
            raise CaseError(f"{what} cannot be {word!r}", item.place, suggestion(word, options, listing=30))
        if word in seen:
            raise CaseError(f"{what} lists {word!r} twice", item.place)
        seen.add(word)
        yield word, item.place


def number(node: Node | None, what: str, place: Place) -> float:
    """The node as a finite or infinite real number. Raises CaseError."""
    value = resolve(node) if isinstance(node, Scalar) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CaseError(f"{what} must be a number, not {describe(node)}", node.place if node else place)
    try:
        return float(value)
    except OverflowError:
        raise CaseError(f"{what} is too large a number", node.place if node else place) from None


def flag(node: Node | None, what: str, place: Place) -> bool:
    """The node as true or false. Raises CaseError."""
    value = resolve(node) if isinstance(node, Scalar) else None
    if not isinstance(value, bool):
        raise CaseError(f"{what} must be true or false, not {describe(node)}", node.place if node else place)
    return value
