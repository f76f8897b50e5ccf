"""`expect`: known differences, each with the words of the contract and a reason."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from harness.cases import document, words
from harness.cases.document import Node, Table
from harness.cases.errors import Problems, suggestion
from harness.formats import HALVES
from harness.model import CaseError, Expectation, Place
from harness.verdicts import AXES, QUANTITIES, VERDICTS

KEYS: Mapping[str, str] = {
    "verdict": "the verdict, or a list of verdicts any of which is expected",
    "because": "why: one sentence for the person who reads the report",
    "points": "only at these points (names, or patterns with * and ?)",
    "backends": "only in comparisons in which every one of these (names, or patterns such as torch*) takes part",
    "api": "only for these API names",
    "quantity": "only for value, differential, raw, hessian or third",
    "dtype": "only at these dtypes",
    "axis": "only in comparisons along these axes",
    "culprit": "which side is wrong: a backend, both, or a list",
    "inputs": "only for derivatives with respect to these inputs",
    "outputs": "only for these outputs",
    "versions": "package -> version specifier: only where the observed versions match",
    "link": "an address that documents the difference",
    "strict": "false: it does not matter when the difference stops happening",
    "kind": "defect (without it), documented, taste (there is no derivative to be right about) or formula: the others "
    "are no finding, whoever is named wrong",
}


def expectations(
    node: Node,
    points: Sequence[str],
    inputs: Sequence[str],
    outputs: Sequence[str],
    dtypes: Sequence[str],
    problems: Problems,
    *,
    common: Table | None = None,
    cause: str = "",
) -> tuple[Expectation, ...]:
    """Every entry of `expect` (one mapping or a list of them); problems are collected.

    common: keys that every entry has unless it gives them itself. cause: the id of what they all come from.
    """
    found = []
    for item in document.one_or_many(node):
        with problems.collect():
            table = document.table(item, "an expectation", KEYS, item.place)
            if common is not None:
                table = Table({**common.entries, **table.entries}, {**common.keys, **table.keys}, table.place)
            found.append(replace(_one(table, points, inputs, outputs, dtypes), cause=cause))
    return tuple(found)


def _one(
    table: Table, points: Sequence[str], inputs: Sequence[str], outputs: Sequence[str], dtypes: Sequence[str]
) -> Expectation:
    for required in ("verdict", "because"):
        if required not in table:
            raise CaseError(f"an expectation needs `{required}`", table.place, KEYS[required])
    return Expectation(
        verdict=_list(table, "verdict", VERDICTS),
        because=" ".join(document.text(table.get("because"), "because", table.place).split()),
        points=words.matching(table.entries["points"], points, "the case has no point") if "points" in table else (),
        backends=_backends(table, "backends"),
        api=_list(table, "api"),
        quantity=_list(table, "quantity", QUANTITIES),
        dtype=_dtypes(table, dtypes),
        axis=_list(table, "axis", AXES),
        culprit=_backends(table, "culprit"),
        inputs=_list(table, "inputs", inputs),
        outputs=_list(table, "outputs", outputs or None),
        versions=_versions(table),
        link=_link(table),
        strict=document.flag(table.get("strict"), "strict", table.place) if "strict" in table else True,
        kind=_kind(table),
        place=table.place,
    )


#: What an expected difference is: only a defect counts as wrong.
KINDS = ("defect", "documented", "taste", "formula")


def _kind(table: Table) -> str:
    node = table.get("kind")
    if node is None:
        return "defect"
    word = document.text(node, "kind", table.place)
    if word not in KINDS:
        raise CaseError(f"{word!r} is no kind of difference", table.place, ", ".join(KINDS))
    return word


def _list(table: Table, key: str, choices: Sequence[str] | None = None) -> tuple[str, ...]:
    node = table.get(key)
    return () if node is None else tuple(word for word, _ in document.texts(node, key, choices=choices))


def _dtypes(table: Table, dtypes: Sequence[str]) -> tuple[str, ...]:
    node = table.get("dtype")
    if node is None:
        return ()
    for word, place in document.texts(node, "dtype", choices=words.DTYPES):
        on_demand = word in HALVES and not any(d.startswith("complex") for d in dtypes)
        if word not in dtypes and not on_demand:
            raise CaseError(f"the case is not run at {word}", place, f"it is run at {', '.join(dtypes)}")
    return _list(table, "dtype")


@cache
def _known_backends() -> frozenset[str]:
    try:
        from harness.backends import available

        installed: tuple[str, ...] = tuple(available())
    except (ImportError, AttributeError):
        installed = ()
    return frozenset({*words.BACKENDS, *installed})


def _backends(table: Table, key: str) -> tuple[str, ...]:
    """Backends of another package need not be installed here; only a near miss of a known name is an error."""
    node = table.get(key)
    if node is None:
        return ()
    known = _known_backends() | ({"both"} if key == "culprit" else set())
    for word, place in document.texts(node, key):
        if any(mark in word for mark in "*?["):
            if not any(fnmatchcase(name, word) for name in known):
                raise CaseError(f"no backend matches {word!r}", place, ", ".join(sorted(known)))
            continue
        longer = any(word.startswith(name) for name in known)  # a version, a device or an API of a known backend
        near = difflib.get_close_matches(word, known, 1, 0.75)
        if word not in known and (word in ("torch", "functorch") or (near and not longer)):
            raise CaseError(f"there is no backend {word!r}", place, suggestion(word, sorted(known)))
    return _list(table, key)


def _versions(table: Table) -> dict[str, str]:
    node = table.get("versions")
    if node is None:
        return {}
    versions = document.table(node, "versions", None, node.place)
    found: dict[str, str] = {}
    for package, item in versions.entries.items():
        words.checked_name(package, "the package", versions.where(package))
        text = document.text(item, f"the versions of {package}", item.place)
        try:
            SpecifierSet(text)
        except InvalidSpecifier:
            raise CaseError(f"{text!r} is not a version specifier", item.place, 'such as ">=2.1,<2.14"') from None
        found[package] = text
    return found


def _link(table: Table) -> str:
    if "link" not in table:
        return ""
    link = document.text(table.get("link"), "link", table.place)
    place: Place = table.entries["link"].place
    if not link.startswith(("https://", "http://")):
        raise CaseError("a link must begin with https://", place)
    return link
