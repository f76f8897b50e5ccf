"""Known differences that several cases share: one cause, one reason, and where it shows, in `known.yaml`.

A cause (an id, a sentence, a link) is written once; under `in` stand the cases and the rows in which it shows. Every
one of them becomes an expectation of that case, as if it had been written there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.cases import document, expectations, words
from harness.cases.document import Node, Table
from harness.cases.errors import Problems, suggestion
from harness.model import Case, CaseError, Place

FILE_NAME = "known.yaml"

#: Keys of an expectation that may stand on the cause, for all its entries.
SHARED = ("because", "link", "versions", "strict", "kind")
CAUSE_KEYS: Mapping[str, str] = {
    "id": "the name of the cause: letters, digits, - _ .",
    **{key: expectations.KEYS[key] for key in SHARED},
    "in": "case -> where it shows in it: an expectation without because and link, or a list of them",
}


@dataclass(frozen=True)
class Cause:
    """One cause: what its expectations have in common, and the node of each case that it names."""

    common: Table
    id: str
    cases: Table


class Known:
    """The known differences that case files see: of the nearest folder above them that is a catalogue's root."""

    def __init__(self) -> None:
        self._files: dict[Path, list[Cause]] = {}

    def added(self, case: Case, root: Path | None, shown: str, problems: Problems) -> Case:
        """The case with the expectations that its catalogue states of it; problems are collected.

        root: the folder with points.yaml. shown: how messages call the file of known differences.
        """
        found = list(case.expect)
        for cause in self._causes(root, shown, problems):
            node = cause.cases.get(case.id)
            if node is not None:
                found += expectations.expectations(
                    node, [p.name for p in case.points], [i.name for i in case.inputs], case.outputs, case.dtypes,
                    problems, common=cause.common, cause=cause.id)
        return replace(case, expect=tuple(found))

    def check_cases(self, root: Path, known: Collection[str], problems: Problems) -> None:
        """A problem for every case that a cause names and the catalogue has not; `known` is all that it has."""
        for cause in self._files.get(root.resolve(), []):
            for name in cause.cases.entries:
                if name not in known:
                    problems.add(f"there is no case {name!r}", cause.cases.where(name), suggestion(name, known))

    def _causes(self, root: Path | None, shown: str, problems: Problems) -> list[Cause]:
        if root is None:
            return []
        root = root.resolve()
        if root not in self._files:
            self._files[root] = []  # what is wrong with it is said once
            if (root / FILE_NAME).is_file():
                with problems.collect():
                    self._files[root] = _read(root / FILE_NAME, shown, problems)
        return self._files[root]


def _read(path: Path, shown: str, problems: Problems) -> list[Cause]:
    top = document.table(document.read(path, shown), "a file of known differences", ("known",), Place(shown, 1, 1))
    causes: list[Cause] = []
    seen: dict[str, Place] = {}
    for node in document.items(top.get("known"), "known", top.place):
        with problems.collect():
            causes.append(_cause(node, seen))
    return causes


def _cause(node: Node, seen: dict[str, Place]) -> Cause:
    table = document.table(node, "a known difference", CAUSE_KEYS, node.place)
    for required in ("id", "because", "in"):
        if required not in table:
            raise CaseError(f"a known difference needs `{required}`", table.place, CAUSE_KEYS[required])
    where = table.entries["id"].place
    name = words.checked_name(document.text(table.get("id"), "id", table.place), "the id", where)
    if name in seen:
        raise CaseError(f"the id {name!r} is used twice", where, f"first at {seen[name]}")
    seen[name] = where
    cases = document.table(table.entries["in"], "in", None, table.entries["in"].place)
    common = Table(
        {key: table.entries[key] for key in SHARED if key in table},
        table.keys, table.place)
    return Cause(common, name, cases)
