"""Which arguments a native function may be given: by position and by name, one table a framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from harness.expr.grammar import suggest, words
from harness.expr.kinds import ExpressionRefused, Kind
from harness.expr.spelling import data

#: Other words that torch takes for a parameter.
_ALIASES = {
    "axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "A": "input", "self": "input", "x1": "input",
    "x2": "other", "exponent": "exponent",
}


@dataclass(frozen=True)
class Parameters:
    """One overload. positional: in their order; endless: any number may be given; anything: any name may be."""

    positional: tuple[str, ...]
    named: frozenset[str]
    withheld: frozenset[str]
    endless: bool
    anything: bool


@cache
def parameters(family: str) -> Mapping[str, tuple[Parameters, ...]]:
    """Native name -> its overloads."""
    found = {}
    for line in data(f"parameters_{family}.txt").splitlines():
        name, colon, rest = line.partition(":")
        if colon and not line.startswith("#"):
            found[name] = tuple(_overload(text) for text in rest.split(";"))
    return found


@cache
def method_parameters(family: str, name: str) -> tuple[Parameters, ...] | None:
    """The overloads of a method of an array: its own line (`.view`), else those of the function of its name without
    the first parameter, which the array takes; None where there is neither."""
    table = parameters(family)
    if f".{name}" in table:
        return table[f".{name}"]
    root = "torch" if family == "torch" else "jnp"
    of_function = table.get(f"{root}.{name.removesuffix('_')}")
    return None if of_function is None else tuple(
        replace(one, positional=one.positional[1:], named=one.named - set(one.positional[:1])) for one in of_function
        if one.positional)


def _overload(text: str) -> Parameters:
    before, _, after = text.partition("|")
    every = [*before.split(), *after.split()]
    plain = [word.lstrip("!").removesuffix("...") for word in before.split() if word not in ("*", "**")]
    return Parameters(
        positional=tuple(plain),
        named=frozenset([*plain, *(word.lstrip("!") for word in after.split() if word != "**")]),
        withheld=frozenset(word[1:] for word in every if word.startswith("!")),
        endless="*" in every or any(word.endswith("...") for word in every),
        anything="**" in every,
    )


def check_arguments(
    family: str, name: str, positional: Sequence[Kind], named: Sequence[tuple[str, Kind]], fresh: bool
) -> None:
    """Refuse a call of `name` (a method's begins with a dot) with an argument that a case may not give.

    fresh: whether its first argument is the text's own array, which an `inplace` may write into.
    """
    method = name.startswith(".")
    overloads = method_parameters(family, name[1:]) if method else parameters(family).get(name)
    if overloads is None:
        raise ExpressionRefused(f"the parameters of {name} are not known, so it cannot be called")
    if not any(one.endless for one in overloads):
        most = max(len(one.positional) for one in overloads)
        if len(positional) > most:
            raise ExpressionRefused(f"{name} takes at most {most} arguments by position, here are {len(positional)}")
    for position, kind in enumerate(positional):
        for one in overloads:
            parameter = one.positional[position] if position < len(one.positional) else ""
            _check_withheld(name, parameter, kind, one, fresh)
    for keyword, kind in named:
        if not any(keyword in one.named or one.anything or _ALIASES.get(keyword) in one.named for one in overloads):
            known = words(" ".join(" ".join(one.named - one.withheld) for one in overloads))
            if method or not (family == "torch" and _ALIASES.get(keyword) == "input"):
                problem = f"{name} has no parameter {keyword} that a case may give"
                raise ExpressionRefused(problem, suggest(keyword, known))
        for one in overloads:
            _check_withheld(name, keyword, kind, one, fresh)


def _check_withheld(name: str, parameter: str, kind: Kind, one: Parameters, fresh: bool) -> None:
    if parameter not in one.withheld or (parameter == "inplace" and fresh):
        return
    nothing = kind.sort == "none" or (kind.known and kind.sort in ("int", "number") and kind.value == 0)
    if not nothing and parameter == "inplace":
        raise ExpressionRefused(f"{name} would write into an input", "leave inplace out")
    if not nothing:
        raise ExpressionRefused(f"{name} may not be given {parameter} here", f"leave {parameter} out")
