"""`points`: inline points, and shared point sets laid over the inputs of a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.cases import document, inputs, pointsets, words
from harness.cases.document import Items, Node, Scalar, Table
from harness.cases.draws import Array
from harness.cases.errors import Problems, suggestion
from harness.cases.inputs import Declared
from harness.cases.pointsets import PointSet
from harness.cases.values import Reading, value
from harness.model import CaseError, Input, Place, Point

MAX_POINTS = 1000

SET_REFERENCE: Mapping[str, str] = {
    "set": "name of a shared point set (see points.yaml)",
    "for": "the input, or inputs, that it is laid over; otherwise every input of the set's kind",
    "with": "input -> value for the others, at every point of the set",
    "only": "names of the points that are used (patterns with * and ?)",
    "except": "names of the points that are left out (patterns with * and ?)",
    "layout": "how the arrays are laid out in memory",
    "note": "a remark for the reader",
}
POINT_KEYS: Mapping[str, str] = {"layout": SET_REFERENCE["layout"], "note": SET_REFERENCE["note"]}


@dataclass
class Builder:
    """Collects the points of one case."""

    declared: Declared
    sets: Mapping[str, PointSet]
    reading: Reading
    problems: Problems
    found: dict[str, Point] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    _defaults: dict[str, Array | None] = field(default_factory=dict)

    @property
    def inputs(self) -> list[Input]:
        return self.declared.inputs

    def build(self, node: Node | None, place: Place) -> tuple[Point, ...]:
        """Every point that `points` gives. Without it there is one, "default", if every input has a value."""
        if node is None:
            missing = [i.name for i in self.inputs if i.name not in self.declared.defaults]
            if missing:
                hint = f"points: {{generic: {{{missing[0]}: {{sample: normal, seed: 1}}}}}}"
                raise CaseError("the case has no points", place, hint)
            self._add("default", place, {}, "", "")
        elif isinstance(node, Items):
            for item in node.items:
                with self.problems.collect():
                    self._entry(item)
        else:
            hint = "" if isinstance(node, Table) else "or a list of shared point sets"
            if hint:
                raise CaseError(f"points must be a mapping, not {document.describe(node)}", node.place, hint)
            self._inline(document.table(node, "points", None, place))
        if not self.found and not self.problems.found:
            raise CaseError("the case has no points", node.place if node else place)
        return tuple(self.found.values())

    def _entry(self, node: Node) -> None:
        """One entry of a list: the name of a set, {set: ...}, or a mapping of inline points."""
        if isinstance(node, Scalar):
            name = document.text(node, "a point set", node.place)
            self._from_set(pointsets.find(self.sets, name, node.place), Table({}, {}, node.place))
        elif isinstance(node, Table) and isinstance(node.get("set"), Scalar):
            table = document.table(node, "a reference to a point set", SET_REFERENCE, node.place)
            name = document.text(table.get("set"), "set", table.place)
            self._from_set(pointsets.find(self.sets, name, table.entries["set"].place), table)
        elif isinstance(node, Table):
            self._inline(node)
        else:
            raise CaseError(
                "a list cannot be an entry of points", node.place, "a set's name, {set: ...}, or {name: {...}}"
            )

    def _inline(self, table: Table) -> None:
        for name, node in table.entries.items():
            place = table.where(name)
            with self.problems.collect():
                words.checked_name(name, "the point", place)
                self._one(name, place, document.table(node, f"the point {name!r}", None, node.place))

    def _one(self, name: str, place: Place, table: Table) -> None:
        before, given = len(self.problems.found), dict[str, Array]()
        for key, node in table.entries.items():
            if key not in POINT_KEYS:
                with self.problems.collect():
                    given.update(self._given(key, node, table.where(key)))
        with self.problems.collect():
            layout, note = self._layout(table), self._note(table)
            if len(self.problems.found) == before:
                self._add(name, place, given, layout, note)

    def _given(self, key: str, node: Node, place: Place) -> dict[str, Array]:
        """The arrays that one key of a point stands for."""
        for stream, entry in enumerate(self.inputs):
            if entry.name == key:
                return {key: value(node, entry.kind, entry.shape, f"the input {key}", self.reading, stream)}
        if self.declared.leaves(key):
            if not isinstance(node, Table) or "file" not in node:
                problem = f"{key} is a mapping of arrays: its value is {{file: ...}}"
                raise CaseError(problem, node.place, f"or give one array: {self.declared.leaves(key)[0].name}: ...")
            return inputs.from_archive(key, node, self.declared, self.reading)
        known = [*(i.name for i in self.inputs), *dict.fromkeys(i.group for i in self.inputs), *POINT_KEYS]
        raise CaseError(f"the case has no input {key!r}", place, suggestion(key, dict.fromkeys(known)))

    def _layout(self, table: Table) -> str:
        if "layout" not in table:
            return ""
        node = table.entries["layout"]
        word = document.text(node, "layout", table.place)
        if word not in words.LAYOUTS:
            raise CaseError(f"layout cannot be {word!r}", node.place, suggestion(word, words.LAYOUTS))
        if word == "lazy-conj" and not any(i.kind == "complex" for i in self.inputs):
            raise CaseError("lazy-conj needs a complex input", node.place)
        return word

    @staticmethod
    def _note(table: Table) -> str:
        return document.text(table.get("note"), "note", table.place) if "note" in table else ""

    def _default(self, stream: int, entry: Input) -> Array | None:
        if entry.name not in self._defaults:
            self._defaults[entry.name] = None  # a wrong default is reported once
            self._defaults[entry.name] = inputs.default_array(entry, self.declared, self.reading, stream)
        return self._defaults[entry.name]

    def _add(self, name: str, place: Place, given: Mapping[str, Array], layout: str, note: str) -> None:
        if name in self.found:
            raise CaseError(f"the point {name!r} is given twice", place, f"first at {self.places[name]}")
        if len(self.found) >= MAX_POINTS:
            raise CaseError(f"more than {MAX_POINTS} points in one case", place, "split the case")
        arrays = {}
        for stream, entry in enumerate(self.inputs):
            array = given.get(entry.name)
            if array is None:
                array = self._default(stream, entry)
            if array is None:
                if entry.name in self.declared.defaults:
                    return  # its default is wrong, which has been said
                hint = f"add it here, or give the input a `value`: {entry.name}: {{type: ..., value: ...}}"
                raise CaseError(f"the point {name!r} gives no value for {entry.name!r}", place, hint)
            array.flags.writeable = False
            arrays[entry.name] = array
        self.found[name], self.places[name] = Point(name, arrays, note, layout), place

    def _from_set(self, chosen: PointSet, table: Table) -> None:
        targets = self._targets(chosen, table)
        others = table.get("with")
        given: dict[str, Array] = {}
        if others is not None:
            for key, node in document.table(others, "with", None, table.place).entries.items():
                if key in targets:
                    raise CaseError(f"{key!r} takes its values from the set {chosen.name!r}", others.place)
                given.update(self._given(key, node, node.place))
        layout, note = self._layout(table), self._note(table)
        for name in self._selected(chosen, table):
            arrays = dict(given)
            for stream, target in enumerate(targets):
                entry = next(i for i in self.inputs if i.name == target)
                self.reading.charge(entry.shape, table.place)
                try:
                    arrays[target] = chosen.array(name, entry.kind, entry.shape, f"the input {target}", stream)
                except CaseError as error:  # at the case that uses the set, not at the set
                    raise CaseError(
                        f"{error.problem}, in the point set {chosen.name!r}", table.place, error.hint
                    ) from None
            self._add(name, table.place, arrays, layout, note)

    def _targets(self, chosen: PointSet, table: Table) -> tuple[str, ...]:
        if "for" not in table:
            names = tuple(i.name for i in self.inputs if i.kind == chosen.kind and i.name not in self.declared.defaults)
            if not names:
                problem = (
                    f"the point set {chosen.name!r} is {chosen.kind}, and the case has no such input without a value"
                )
                raise CaseError(problem, table.place, "say {set: ..., for: input}, or choose another set")
            return names
        names = ()
        for name, place in document.texts(table.entries["for"], "for"):
            entry = next((i for i in self.inputs if i.name == name), None)
            if entry is None:
                raise CaseError(
                    f"the case has no input {name!r}", place, suggestion(name, [i.name for i in self.inputs])
                )
            if entry.kind != chosen.kind and (entry.kind, chosen.kind) != ("complex", "real"):
                problem = (
                    f"the point set {chosen.name!r} is {chosen.kind} and does not fit the {entry.kind} input {name}"
                )
                raise CaseError(problem, place)
            names = (*names, name)
        return names

    @staticmethod
    def _selected(chosen: PointSet, table: Table) -> Sequence[str]:
        names = names_of_set = list(chosen.points)
        for key in ("only", "except"):
            if key not in table:
                continue
            matched = words.matching(table.entries[key], names_of_set, f"the point set {chosen.name!r} has no point")
            names = [p for p in names if (p in matched) == (key == "only")]
        if not names:
            raise CaseError(f"nothing of the point set {chosen.name!r} is left", table.place)
        return names
