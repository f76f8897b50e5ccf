"""What an atlas is of: a case of the catalogue, a portable function's name, or a portable expression."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness import expr
from harness.model import Case, CaseError, Source

#: Functions of two arguments that people ask for by name, with the second one made a constant.
_BINARY: Mapping[str, str] = {"pow": "z**(1.5+0.5j)", "power": "z**(1.5+0.5j)"}


@dataclass(frozen=True)
class Subject:
    """name: for titles and file names. sources: family -> what it evaluates, under the key "" for every other one.

    reference: portable text for the arbitrary-precision reference, "" where there is none. real: a function of a real
    variable.
    """

    name: str
    argument: str
    sources: Mapping[str, Source]
    reference: str
    real: bool = False

    def source(self, family: str) -> Source | None:
        return self.sources.get(family, self.sources.get(""))

    @property
    def text(self) -> str:
        """The function in one line, for a title."""
        text = self.reference or next((s.text for s in self.sources.values()), self.name)
        return " ".join(text.split())


def find(function: str, cases: Sequence[Case] = (), *, real: bool = False) -> Subject:
    """The subject called `function`. Raises CaseError where there is none, or where it has several variables.

    A case comes first (its variable may be real), then a name of the spelling table, then an expression in one
    variable of any name.
    """
    text = function.strip()
    case = next((c for c in cases if c.id == function), None)
    if case is not None and not (text in _BINARY and len(case.inputs) > 1):
        return of_case(case)
    if re.fullmatch(r"[A-Za-z_]\w*", text):
        table = expr.table()
        name = expr.canonical().get(text, text)
        if text in _BINARY or name in _BINARY:
            text = _BINARY.get(text) or _BINARY[name]
        elif name in table:
            text = f"{text}(z)"
        else:
            from difflib import get_close_matches

            close = get_close_matches(text, [*table, *(c.id for c in cases)], n=3)
            hint = f"did you mean {', '.join(close)}?" if close else "harness list shows the cases"
            raise CaseError(f"{function!r} is neither a case, a portable function nor an expression", None, hint)
    variables = _variables(text)
    if len(variables) != 1:
        what = f"the variables {', '.join(variables)}" if variables else "no variable"
        raise CaseError(f"{function!r} has {what}", None, "an atlas is of a function of one variable, such as z")
    expr.check(Source("portable", text), variables, "portable")
    short = function if len(function) <= 60 else function[:59] + "…"
    return Subject(short, variables[0], {"": Source("portable", text)}, text, real)


def _variables(text: str) -> tuple[str, ...]:
    """Names used as values that are neither called nor constants, in order of appearance."""
    import ast

    try:
        tree = ast.parse(text, mode="exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CaseError(f"the expression cannot be read: {error}") from None
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called]
    stored = {n.id for n in names if isinstance(n.ctx, ast.Store)}
    names.sort(key=lambda n: (n.lineno, n.col_offset))
    return tuple(dict.fromkeys(n.id for n in names if n.id not in stored and n.id not in expr.CONSTANTS))


def of_case(case: Case) -> Subject:
    """A case with one input that is differentiated. Raises CaseError where it has more."""
    moved = [i for i in case.inputs if i.differentiate]
    if len(case.inputs) != 1 or len(moved) != 1:
        names = ", ".join(i.name for i in case.inputs)
        raise CaseError(f"case {case.id} has the inputs {names}", case.place, "an atlas is of one variable")
    (only,) = moved
    sources = {}
    for family, text in case.function.items():
        if family == "portable":
            sources[""] = Source("portable", text)
        elif family != "reference" and (source := case.source(family)) is not None:
            sources[family] = source
    reference = case.function.get("reference") or case.function.get("portable") or ""
    return Subject(case.id, only.name, sources, reference, only.kind == "real")
