"""The spelling table: portable name -> signature and one text a framework family. The data are in spelling.txt."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from harness.expr.grammar import suggest
from harness.expr.kinds import ExpressionRefused
from harness.model import Unsupported

#: The families that have a column, in the order of the columns.
FAMILIES = ("torch", "jax")

#: Portable constants.
CONSTANTS: Mapping[str, float | None] = MappingProxyType(
    {
        "pi": 3.141592653589793,
        "e": 2.718281828459045,
        "euler_gamma": 0.5772156649015329,
        "inf": float("inf"),
        "nan": float("nan"),
        "newaxis": None,
    }
)


class NoSpelling(Unsupported):
    """A function has no spelling in a family, or the installed release of the framework lacks it."""

    def __init__(self, name: str, family: str, detail: str = "") -> None:
        self.name, self.family = name, family
        super().__init__(f"{family} has no {name}" + (f" ({detail})" if detail else ""))


@dataclass(frozen=True)
class Signature:
    """Parameters of a portable function; `variadic` is the name behind a `*`, `parts` what a tuple result holds."""

    text: str
    positional: tuple[str, ...]
    required: int  # how many of `positional` have no default
    keyword_only: tuple[str, ...] = ()
    variadic: str = ""
    parts: tuple[str, ...] | None = None  # None: an array; (): a tuple of any length

    def binds(self, count: int, keywords: Sequence[str]) -> bool:
        """Whether a call with `count` positional arguments and these keywords is one of this function."""
        if count > len(self.positional) and not self.variadic:
            return False
        given = set(self.positional[:count])
        for keyword in keywords:
            if keyword in given or keyword not in (*self.positional, *self.keyword_only):
                return False
            given.add(keyword)
        return given.issuperset(self.positional[: self.required])


@dataclass(frozen=True)
class Row:
    """One signature and its cells; a family that is absent from `cells` has no such function."""

    signature: Signature
    cells: Mapping[str, str]
    composed: frozenset[str]  # families whose cell is composed of other functions


@dataclass(frozen=True)
class Spelling:
    """One portable function: its rows, the heading it stands under, its other names."""

    name: str
    group: str
    rows: tuple[Row, ...]
    aliases: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """Its signatures, as written."""
        return "; ".join(row.signature.text for row in self.rows)

    @property
    def composed(self) -> Mapping[str, bool]:
        """Family -> whether a row is composed there, that is, not one function of the framework's own."""
        return {family: any(family in row.composed for row in self.rows) for family in FAMILIES}

    def text(self, family: str) -> str | None:
        """The cell of the first row that `family` has, or None where it has no such function."""
        return next((row.cells[family] for row in self.rows if family in row.cells), None)

    def row(self, count: int, keywords: Sequence[str]) -> int:
        """The index of the first row that binds at a call; raises ExpressionRefused."""
        for index, row in enumerate(self.rows):
            if row.signature.binds(count, keywords):
                return index
        shown = ", ".join([f"{count} positional"] * bool(count) + [f"{keyword}=" for keyword in keywords]) or "nothing"
        known = [p for row in self.rows for p in (*row.signature.positional, *row.signature.keyword_only)]
        unknown = next((keyword for keyword in keywords if keyword not in known), None)
        problem = f"{self.name} has no parameter {unknown}" if unknown else f"{self.name} does not take {shown}"
        raise ExpressionRefused(problem, f"it is {self.signature}")


def _signature(text: str) -> tuple[str, Signature]:
    """Parse `sum(x, axis=None) -> parts`."""
    call, _, result = text.partition("->")
    function = ast.parse(f"def {call.strip()}: pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    positional = tuple(a.arg for a in arguments.args)
    parts: tuple[str, ...] | None = None
    if result.strip():
        parts = () if result.strip() == "*" else tuple(p.strip() for p in result.split(","))
    return function.name, Signature(
        text=call.strip(),
        positional=positional,
        required=len(positional) - len(arguments.defaults),
        keyword_only=tuple(a.arg for a in arguments.kwonlyargs),
        variadic=arguments.vararg.arg if arguments.vararg else "",
        parts=parts,
    )


def _logical_lines(text: str) -> list[str]:
    lines: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("|"):
            lines[-1] += " " + line
        else:
            lines.append(line)
    return lines


def read(text: str) -> dict[str, Spelling]:
    """Parse the text of a spelling table; raises ValueError naming the row."""
    rows: dict[str, list[Row]] = {}
    groups: dict[str, str] = {}
    aliases: dict[str, list[str]] = {}
    group = ""
    for line in _logical_lines(text):
        if line.startswith("= "):
            group = line[2:].strip()
            continue
        cells = [cell.strip() for cell in line.split(" | ")]
        if len(cells) == 1:
            alias, _, name = (part.strip() for part in line.partition("="))
            if name not in rows or alias in rows:
                raise ValueError(f"spelling table: {line!r} is not `other name = name`")
            aliases.setdefault(name, []).append(alias)
            continue
        if len(cells) != 1 + len(FAMILIES) or not all(cells):
            raise ValueError(f"spelling table: {line!r} has {len(cells)} cells, expected {1 + len(FAMILIES)}")
        name, signature = _signature(cells[0])
        spelled = {family: cell for family, cell in zip(FAMILIES, cells[1:], strict=True) if cell != "-"}
        rows.setdefault(name, []).append(
            Row(
                signature,
                {family: cell.lstrip("~").strip() for family, cell in spelled.items()},
                frozenset(family for family, cell in spelled.items() if cell.startswith("~")),
            )
        )
        groups.setdefault(name, group)
    return {name: Spelling(name, groups[name], tuple(rows[name]), tuple(aliases.get(name, ()))) for name in rows}


def data(name: str) -> str:
    """The text of a data file of this package."""
    return resources.files("harness.expr").joinpath(name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def table() -> Mapping[str, Spelling]:
    """Portable name -> Spelling, other names not included."""
    return MappingProxyType(read(data("spelling.txt")))


@lru_cache(maxsize=1)
def canonical() -> Mapping[str, str]:
    """Every name a portable text may call -> the name it has in `table()`."""
    names = {name: name for name in table()}
    for name, spelling in table().items():
        names.update(dict.fromkeys(spelling.aliases, name))
    return MappingProxyType(names)


def lookup(name: str) -> Spelling:
    """The Spelling of a name or another name; raises ExpressionRefused with a suggestion."""
    found = canonical().get(name)
    if found is None:
        raise ExpressionRefused(f"there is no portable function {name}", suggest(name, canonical()))
    return table()[found]
