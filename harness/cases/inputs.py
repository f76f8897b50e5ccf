"""`inputs`: names, kinds, shapes, default values; an argument that is a mapping of arrays comes from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.cases import document, files, words
from harness.cases.document import Items, Node, Scalar, Table
from harness.cases.draws import Array
from harness.cases.errors import Problems, suggestion
from harness.cases.values import Reading, value
from harness.model import CaseError, Input, Place

MAX_INPUTS = 64

KEYS: Mapping[str, str] = {
    "type": "kind and shape, such as complex[3], real[2,4], integer, boolean[3]",
    "differentiate": "false: a constant; for a file of arrays also the list of names that are differentiated",
    "value": "the value at every point that does not give one",
    "file": "a .npz file: a mapping of arrays, or one of them with `key`",
    "key": "name of an array in the file",
}


@dataclass
class Declared:
    """The inputs of a case in order, and the values they have where a point gives none (a node, or an array)."""

    inputs: list[Input] = field(default_factory=list)
    defaults: dict[str, Node | Array] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def add(self, entry: Input, place: Place, default: Node | Array | None) -> None:
        self.inputs.append(entry)
        self.places[entry.name] = place
        if default is not None:
            self.defaults[entry.name] = default

    def leaves(self, group: str) -> list[Input]:
        """The arrays of an argument that is a mapping."""
        return [i for i in self.inputs if i.group == group and i.name != group]


def declared(node: Node, reading: Reading, problems: Problems) -> Declared:
    """The inputs of a case; problems are collected. Raises CaseError where nothing can be made of it."""
    table = document.table(node, "inputs", None, node.place)
    if not table.entries:
        raise CaseError("inputs is empty", node.place, 'such as {z: "complex[3]"}')
    if len(table.entries) > MAX_INPUTS:
        raise CaseError(f"{len(table.entries)} inputs", node.place, f"at most {MAX_INPUTS}")
    found, before = Declared(), len(problems.found)
    for name, item in table.entries.items():
        place = table.where(name)
        with problems.collect():
            _add(words.checked_input(name, place), place, item, found, reading)
    if not any(i.differentiate for i in found.inputs) and len(problems.found) == before:
        raise CaseError(
            "no input is differentiated", node.place, "a case needs a complex or real input that is not const"
        )
    return found


def _add(name: str, place: Place, node: Node, found: Declared, reading: Reading) -> None:
    if isinstance(node, Scalar):
        kind, shape, const = words.input_type(node, f"the input {name}")
        found.add(Input(name, kind, shape, _active(kind) and not const), place, None)
        return
    if isinstance(node, Items):
        raise CaseError(f"the input {name} must be a type or a mapping, not a list", node.place, "such as complex[3]")
    table = document.table(node, f"the input {name}", KEYS, node.place)
    if "type" in table:
        _typed(name, place, table, found)
    elif "file" in table:
        _from_file(name, place, table, found, reading)
    else:
        raise CaseError(f"the input {name} needs `type` or `file`", table.place, KEYS["type"])


def _active(kind: str) -> bool:
    return kind in ("complex", "real")


def _typed(name: str, place: Place, table: Table, found: Declared) -> None:
    for key in ("file", "key"):
        if key in table:
            raise CaseError(f"{key} does not go with type", table.where(key), "write value: {file: ..., key: ...}")
    kind, shape, const = words.input_type(table.entries["type"], f"the input {name}")
    differentiate = _active(kind) and not const
    if "differentiate" in table:
        wanted = document.flag(table.get("differentiate"), "differentiate", table.place)
        if wanted and not differentiate:
            why = "it is marked const" if const else f"nothing is differentiated by {kind} numbers"
            raise CaseError(f"the input {name} cannot be differentiated", table.where("differentiate"), why)
        differentiate = wanted
    found.add(Input(name, kind, shape, differentiate), place, table.get("value"))


def _from_file(name: str, place: Place, table: Table, found: Declared, reading: Reading) -> None:
    if "value" in table:
        raise CaseError("value does not go with file", table.where("value"), "the file holds the values")
    archive = reading.archive(table.get("file"), table.place)
    where = table.entries["file"].place
    if "key" in table or "" in archive.members:
        key = document.text(table.get("key"), "key", table.place) if "key" in table else None
        array = archive.array(key, table.entries["key"].place if "key" in table else where)
        names = {name: array}
    else:
        names = {f"{name}.{key}": archive.array(key, where) for key in archive.names()}
        for key in archive.names():
            words.checked_name(key, f"the array of {archive.shown},", where)
        if len(names) > MAX_INPUTS:
            raise CaseError(f"{archive.shown} holds {len(names)} arrays", where, f"at most {MAX_INPUTS}")
    chosen = _chosen(table, name, names)
    for leaf, array in names.items():
        kind = files.KIND_OF[array.dtype.kind]
        found.add(Input(leaf, kind, array.shape, _active(kind) and leaf in chosen), place, array)


def _chosen(table: Table, name: str, names: Mapping[str, Array]) -> set[str]:
    """The leaves that `differentiate` leaves differentiated: all, none, or those listed."""
    node = table.get("differentiate")
    if node is None:
        return set(names)
    if not isinstance(node, Items):
        return set(names) if document.flag(node, "differentiate", table.place) else set()
    keys = [leaf.partition(".")[2] for leaf in names]
    chosen = set()
    for word, place in document.texts(node, "differentiate"):
        if word not in keys:
            raise CaseError(f"the input {name} has no array {word!r}", place, suggestion(word, keys))
        if not _active(files.KIND_OF[names[f"{name}.{word}"].dtype.kind]):
            raise CaseError(f"{name}.{word} holds whole numbers or booleans", place, "it cannot be differentiated")
        chosen.add(f"{name}.{word}")
    return chosen


def from_archive(group: str, node: Table, declared_inputs: Declared, reading: Reading) -> dict[str, Array]:
    """The arrays of a mapping argument from another file at one point; names and shapes must be the declared ones."""
    document.table(node, f"the value of {group}", ("file",), node.place)
    archive = reading.archive(node.get("file"), node.place)
    place = node.entries["file"].place
    leaves = declared_inputs.leaves(group)
    extra = set(archive.names()) - {i.name.partition(".")[2] for i in leaves}
    if extra:
        raise CaseError(f"{archive.shown} holds {min(extra)!r}, which {group} does not have", place)
    arrays = {}
    for leaf in leaves:
        array = archive.array(leaf.name.partition(".")[2], place)
        if array.shape != leaf.shape:
            raise CaseError(f"{leaf.name} has shape {list(leaf.shape)} but the file has {list(array.shape)}", place)
        reading.charge(array.shape, place)
        arrays[leaf.name] = files.widened(array, leaf.kind, leaf.name, place)
    return arrays


def default_array(entry: Input, declared_inputs: Declared, reading: Reading, stream: int) -> Array | None:
    """The value an input has where a point gives none, or None."""
    default = declared_inputs.defaults.get(entry.name)
    if default is None or not isinstance(default, (Scalar, Items, Table)):
        return default
    return value(default, entry.kind, entry.shape, f"the input {entry.name}", reading, stream)
