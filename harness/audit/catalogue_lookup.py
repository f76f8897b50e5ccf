"""From a call that was traced to the catalogue: its text for every framework and the reference, and its cases."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.expr import canonical, table
from harness.model import Case, CaseError, Source

#: Names that torch has twice, as its spelling table writes them.
_TWINS = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "atanh": "arctanh",
    "atan2": "arctan2", "absolute": "abs", "mul": "multiply", "div": "divide", "true_divide": "divide",
    "sub": "subtract", "neg": "negative", "sgn": "sign", "special.expit": "sigmoid", "special.exp2": "exp2",
    "special.expm1": "expm1", "special.log1p": "log1p", "special.sinc": "sinc", "special.erf": "erf",
    "special.erfc": "erfc", "special.gammaln": "lgamma", "special.psi": "digamma", "special.logit": "logit",
}
#: Operators, as functions; True where the tensor is the second operand.
_OPERATORS = {
    "__pow__": ("pow", False), "__rpow__": ("pow", True), "__truediv__": ("divide", False), "__abs__": ("abs", False),
    "__rtruediv__": ("divide", True), "__mul__": ("multiply", False), "__rmul__": ("multiply", True),
    "__add__": ("add", False), "__radd__": ("add", True), "__sub__": ("subtract", False),
    "__rsub__": ("subtract", True), "__neg__": ("negative", False), "__rdiv__": ("divide", True),
}
#: Keyword arguments of torch that do not change the function.
_IDLE = {"inplace": False, "out": None, "dtype": None, "approximate": "none"}


@dataclass(frozen=True)
class Known:
    """One function of one variable `argument`, with its text for each family, and the cases that are this function.

    name: as messages call it, "arccosh". sources: "torch", "jax" -> Source. reference: portable text, "" for none.
    case: of the catalogue, where the texts are its own.
    """

    name: str
    argument: str
    sources: Mapping[str, Source]
    reference: str
    case: Case | None = None

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases of the catalogue that are this function of one input."""
        if self.case is not None:
            return (self.case,)
        return tuple(c for c in catalogue() if len(c.inputs) == 1 and _is_call(c, self.reference))


def native_name(function: str, positional: Sequence[Any]) -> tuple[str, list[Any]]:
    """("torch.arccosh", arguments) of a traced name: methods and operators as functions, twins under one name."""
    name = function.removeprefix("torch.Tensor.").removeprefix("torch.").removeprefix("_C._nn.")
    arguments = list(positional)
    if name in _OPERATORS:
        name, turned = _OPERATORS[name]
        if turned:
            arguments = [*arguments[1:2], *arguments[:1]]
    name = name.removeprefix("_C._special.special_").removesuffix("_") if not name.startswith("__") else name
    return f"torch.{_TWINS.get(name, name)}", arguments


def known(call: Mapping[str, Any]) -> Known | None:
    """What the catalogue knows of a traced call with one tensor; None where it has no such function."""
    name, positional = native_name(call["function"], call["positional"])
    keywords = {k: v for k, v in call["keywords"].items() if k not in _IDLE or v != _IDLE[k]}
    constants = [v for v in (*positional, *keywords.values()) if v is not None]
    if call["tensors"] != 1 or any(_text(v) is None for v in constants) or (None in keywords.values()):
        return None
    spelled = _spelled(name, positional, keywords)
    if spelled is not None:
        portable, text = spelled
        source = Source("portable", text)
        return Known(portable, "z", {"torch": source, "jax": source}, text)
    text = _native_text(name, positional, keywords)
    for case in catalogue():
        if len(case.inputs) != 1 or "torch" not in case.function or "jax" not in case.function:
            continue
        argument = case.inputs[0].name
        if _same(case.function["torch"], text, argument):
            sources = {f: s for f in ("torch", "jax") if (s := case.source(f)) is not None and s.kind != "callable"}
            if len(sources) == 2:
                reference = case.function.get("reference", "")
                return Known(name.rpartition(".")[2], argument, sources, reference, case)
    return None


def cases_of(call: Mapping[str, Any]) -> tuple[Case, ...]:
    """The cases of the catalogue that are one call of the function that was traced, whatever its constants are."""
    name, _ = native_name(call["function"], ())
    portable = _portables().get(name, set())
    out = []
    for case in catalogue():
        called = _function(case.function.get("portable", ""))
        native = native_name(_function(case.function.get("torch", "")), ())[0]
        if canonical().get(called, "") in portable or native == name:
            out.append(case)
    return tuple(out)


@lru_cache(maxsize=1)
def _portables() -> dict[str, set[str]]:
    """torch's name -> the portable names that the spelling table writes as one call of it."""
    found: dict[str, set[str]] = {}
    for spelling in table().values():
        for row in spelling.rows:
            found.setdefault(_function(row.cells.get("torch", "")), set()).add(spelling.name)
    return found


@lru_cache(maxsize=8192)
def _function(text: str) -> str:
    """The name of the function of a text that is one call, of names and constants; "" for any other text."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return ""
    if not isinstance(node, ast.Call) or any(isinstance(a, ast.Call | ast.BinOp) for a in node.args):
        return ""
    return ast.unparse(node.func)


@lru_cache(maxsize=1)
def catalogue() -> tuple[Case, ...]:
    """The cases that come with the program; none where they are not installed or cannot be read."""
    from harness.cases import catalogue_path, load

    try:
        return load([catalogue_path()])
    except CaseError:
        return ()


def _spelled(name: str, positional: Sequence[Any], keywords: Mapping[str, Any]) -> tuple[str, str] | None:
    """(portable name, portable text in z) of a call; None where the spelling table has none that fits."""
    for portable, parameters in _spellings().get(name, ()):
        if len(positional) > len(parameters) or not set(keywords) <= set(parameters):
            continue
        bound = {**dict(zip(parameters, positional, strict=False)), **keywords}
        names = [p for p, value in bound.items() if value is None]
        if len(names) != 1:
            continue
        words = ["z" if value is None else str(_text(value)) for value in bound.values()]
        if all(p == q for p, q in zip(bound, parameters, strict=False)):
            return portable, f"{portable}({', '.join(words)})"
    return None


@lru_cache(maxsize=1)
def _spellings() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """torch's name -> [(portable name, parameters in the order in which torch takes them)]."""
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for spelling in table().values():
        for row in spelling.rows:
            cell = row.cells.get("torch", "")
            if not cell or "torch" in row.composed:
                continue
            node = ast.parse(cell, mode="eval").body
            if not isinstance(node, ast.Call) or node.keywords:
                continue
            parameters = [_parameter(a) for a in node.args]
            if all(parameters) and tuple(parameters) == row.signature.positional[: len(parameters)]:
                entry = (spelling.name, tuple(str(p) for p in parameters))
                found.setdefault(ast.unparse(node.func), []).append(entry)
    return found


def _parameter(node: ast.expr) -> str | None:
    """The parameter that an argument of a cell stands for: `y`, or `like(y, x)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "like" and node.args:
        node = node.args[0]
    return node.id if isinstance(node, ast.Name) else None


def _text(value: Any) -> str | None:
    """A constant as text of an expression; None for what is none."""
    if isinstance(value, Mapping):
        return f"({value['real']!r}{value['imag']:+}j)"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return repr(value) if value >= 0 else f"({value!r})"


def _native_text(name: str, positional: Sequence[Any], keywords: Mapping[str, Any]) -> str:
    words = ["z" if v is None else str(_text(v)) for v in positional]
    words += [f"{k}={_text(v)}" for k, v in sorted(keywords.items())]
    return f"{name}({', '.join(words)})"


def _same(text: str, other: str, argument: str) -> bool:
    """Whether a native text is the call `other` in z, its argument's name and torch's twin names apart."""
    return _in_z(text, argument) == other


@lru_cache(maxsize=8192)
def _in_z(text: str, argument: str) -> str:
    """A native text that is one call, of z and under the first of torch's names; "" for any other text."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return ""
    if not isinstance(node, ast.Call):
        return ""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id == argument:
            inner.id = "z"
    node.keywords.sort(key=lambda k: str(k.arg))
    name, _ = native_name(ast.unparse(node.func), ())
    return name + ast.unparse(node)[len(ast.unparse(node.func)) :]


def _is_call(case: Case, other: str) -> bool:
    """Whether the portable text of a case of one input is the call `other` in z."""
    try:
        node = ast.parse(case.function.get("portable", "").strip(), mode="eval").body
    except SyntaxError:
        return False
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id == case.inputs[0].name:
            inner.id = "z"
    node.func.id = canonical().get(node.func.id, node.func.id)
    return ast.unparse(node) == ast.unparse(ast.parse(other, mode="eval").body)
