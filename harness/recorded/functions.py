"""What is known of a function without running anything: its spellings, the convention, its recorded defects.

From the spelling table and the committed tables of results, which ship with the package.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from harness import expr
from harness.model import HarnessError
from harness.recorded.releases import of_finding
from harness.recorded.tables import ACCURACY, FINDINGS, SINGULAR, rows

_CALL = re.compile(r"\b((?:torch|jnp|jax)(?:\.\w+)+)(?=\()")
#: Other names of torch's functions, by its documentation, where the spelling table has one only.
_ALIASES: Mapping[str, tuple[str, ...]] = {
    **{f"arc{name}": (f"torch.a{name}",) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "power": ("torch.pow",), "divide": ("torch.div", "torch.true_divide"), "multiply": ("torch.mul",),
    "subtract": ("torch.sub",), "negative": ("torch.neg",), "abs": ("torch.absolute",),
}


class NotKnown(HarnessError):
    """A name that no table has, or a file that cannot be read."""


@dataclass(frozen=True)
class Defect:
    """One recorded defect. since, fixed: releases of the matrix, "" where it does not say; ordinary: shown at one."""

    id: str
    framework: str
    sentence: str
    verdict: str
    since: str
    fixed: str
    link: str
    ordinary: bool
    versions: tuple[str, ...] = ()  # releases in which a script has confirmed it


@dataclass(frozen=True)
class Worst:
    """The largest errors over all doubles that a sweep found, in ulp: of the value, and of df/dz in either direction.

    text: the function of x (real) or z (complex) that was swept.
    """

    text: str
    framework: str
    value: float
    derivative: float


@dataclass(frozen=True)
class Singular:
    """A place where a function has no derivative, or two: kind is kink, cut or pole; at says where ("z = -1").

    between: "same" where torch and JAX give one derivative there, "differ" where not, "" where that is not recorded.
    """

    kind: str
    at: str
    between: str


@dataclass(frozen=True)
class Known:
    """A function: its portable name, its spelling in each framework ("" where it has none), its recorded defects.

    places: "file:line" of its calls, where a source file was asked about. worst: where it was swept. singular: its
    recorded kinks, cuts and poles.
    """

    name: str
    torch: str
    jax: str
    defects: tuple[Defect, ...]
    places: tuple[str, ...] = ()
    worst: tuple[Worst, ...] = ()
    singular: tuple[Singular, ...] = ()


def known(*names: str) -> tuple[Known, ...]:
    """What is known of functions: portable, torch's or JAX's names, globs of them, or source files ("port.py").

    Functions of a file that no table has are left out. Raises NotKnown for a name that selects nothing.
    """
    index = _index()
    out: dict[str, list[str]] = {}
    for name in names:
        if name.endswith(".py"):
            for portable, place in _calls(Path(name), index):
                out.setdefault(portable, []).append(place)
            continue
        wanted = _plain(name)
        found = list(dict.fromkeys(p for spelling, p in index.items() if fnmatchcase(spelling, wanted)))
        if not found:
            close = get_close_matches(wanted, index, n=3)
            raise NotKnown(f"no table has a function {name!r}" + (f"; near: {', '.join(close)}" if close else ""))
        for portable in found:
            out.setdefault(portable, [])
    return tuple(_known(name, tuple(places)) for name, places in out.items())


def _plain(name: str) -> str:
    """A dotted name as the index has it: jnp for jax.numpy, F for torch.nn.functional."""
    for short, long in (("jnp.", "jax.numpy."), ("F.", "torch.nn.functional."), ("np.", "")):
        if name.startswith(short):
            return long + name.removeprefix(short)
    return name


@lru_cache(maxsize=1)
def _index() -> Mapping[str, str]:
    """Every spelling -> the portable name. The portable name itself and its aliases come first."""
    out: dict[str, str] = dict(expr.canonical())
    for name, spelling in expr.table().items():
        for row in spelling.rows:
            for family, cell in row.cells.items():
                if family not in row.composed and (call := _CALL.search(cell)):
                    out.setdefault(_plain(call[1]), name)
        for other in _ALIASES.get(name, ()):
            out.setdefault(other, name)
    return out


def _known(name: str, places: tuple[str, ...]) -> Known:
    cells = spellings(name)
    return Known(name, cells.get("torch", ""), cells.get("jax", ""), defects(name), places, worst(name),
                 singular(name))


def spellings(name: str) -> Mapping[str, str]:
    """Family -> text of a portable function in that family, of the first form that has one; empty if unknown."""
    cells: dict[str, str] = {}
    for row in expr.table()[name].rows if name in expr.table() else ():
        for family, cell in row.cells.items():
            cells.setdefault(family, cell)
    return cells


def names_of(name: str) -> tuple[str, ...]:
    """Every name under which a portable function is known: torch's, JAX's, aliases."""
    return _names().get(name, ())


@lru_cache(maxsize=1)
def _names() -> Mapping[str, tuple[str, ...]]:
    """`_index` the other way round: portable name -> its spellings."""
    out: dict[str, list[str]] = {}
    for spelling, portable in _index().items():
        out.setdefault(portable, []).append(spelling)
    return {name: tuple(spellings) for name, spellings in out.items()}


def calls_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The portable functions that expressions call, in any spelling; each once, in order."""
    index = _index()
    out: dict[str, None] = {}
    for text in texts:
        for call in re.findall(r"(?<![\w.])([A-Za-z_][\w.]*)(?=\()", text):
            if (name := index.get(_plain(call))) is not None:
                out[name] = None
    return tuple(out)


def defects(name: str) -> tuple[Defect, ...]:
    """Those whose function is this one, or that the case of this name shows; ordinary points first."""
    names = set(names_of(name))
    out = []
    for row in rows(FINDINGS):
        if row.get("kind", "defect") not in ("", "defect"):
            continue
        functions = set((row.get("function") or "").replace(",", " ").split())
        if not functions & names and name not in (row.get("cases") or "").split():
            continue
        span = of_finding(row, row.get("framework", ""))
        points = [p.partition("@")[2] for p in (row.get("points") or "").split()]
        out.append(Defect(
            row.get("id", ""), row.get("framework", ""), row.get("sentence", ""), row.get("verdict", ""),
            span.since, span.fixed,
            row.get("link", ""), any(re.match(r"generic|quadrant|.*half-plane", p) for p in points),
            tuple(v.strip() for v in (row.get("versions") or "").split(",") if v.strip()),
        ))
    return tuple(sorted(out, key=lambda d: (not d.ordinary, d.framework, d.id)))


def worst(name: str) -> tuple[Worst, ...]:
    """Of each text of this function alone that was swept in double precision, by framework."""
    out: dict[tuple[str, str], tuple[float, float]] = {}
    for row in rows(ACCURACY):
        text = row["function"]
        if not row["value_worst"] or not row["dz_worst"]:  # a framework without an answer, or without a derivative
            continue
        if row["dtype"] in ("float64", "complex128") and text.partition("(")[0] == name and text.count("(") == 1:
            key = text, row["backend"].partition(".")[0]
            numbers = (float(row[column]) for column in ("value_worst", "dz_worst"))
            out[key] = tuple(map(max, zip(out.get(key, (0.0, 0.0)), numbers, strict=True)))  # type: ignore[assignment]
    return tuple(Worst(text, framework, *numbers) for (text, framework), numbers in out.items())


def singular(name: str) -> tuple[Singular, ...]:
    """Where the reference found it to have no derivative, or one on each side, among the points of the catalogue."""
    return tuple(Singular(row["kind"], row["at"], row["between"]) for row in rows(SINGULAR) if row["function"] == name)


def _calls(path: Path, index: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """(portable name, "file:line") of every call in a source file of a function that the tables have."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise NotKnown(f"{path}: cannot be read as Python: {error}") from error
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (dotted := _dotted(node.func)):
            head, dot, rest = dotted.partition(".")
            full = names.get(head, "") + dot + rest
            if full.partition(".")[0] in ("torch", "jax") and full in index:
                yield index[full], f"{path}:{node.lineno}"


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""
