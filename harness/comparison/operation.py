"""The operation that a side is wrong in, in the spelling of its framework, where that can be proved.

A text of one call is that call. Of a text of several, an operation is named where it is the only one that the same
backend is found wrong in by itself, by the same rows of results, elsewhere in the comparison. Nothing else is named.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from harness.comparison.engine import Engine
from harness.comparison.evidence import Evidence
from harness.comparison.rounding import portable, single_call
from harness.comparison.targets import REFERENCE
from harness.comparison.value_kinds import Array
from harness.expr.spelling import canonical, table

_OPERATORS = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power",
    ast.MatMult: "matmul", ast.Mod: "remainder", ast.FloorDiv: "floor_divide", ast.USub: "negative",
}
_ATTRIBUTES = {"T": "matrix_transpose", "real": "real", "imag": "imag"}


@dataclass(frozen=True)
class Suspect:
    """A row of results that is wrong, as far as it is needed to name its function: also in another process."""

    where: tuple[str, str, str]  # the backend, the quantity, the direction
    family: str
    operations: tuple[str, ...] = ()  # of its portable text
    single: bool = False  # that text is one call
    native: str = ""  # the only function that its own text calls, where there is no portable one


Suspects = tuple[Suspect, ...]


def suspects(engine: Engine, found: Evidence) -> Array:
    """(P,) of every pair with a culprit the rows that are wrong; none of the others."""
    out = np.empty(engine.pairs.count, dtype=object)
    out[:] = [()] * engine.pairs.count
    for k in np.flatnonzero(~np.isin(found.culprit, ("", "formula"))):
        out[k] = tuple(_suspect(engine, row) for row in _rows(engine, found, int(k)))
    return out


def names_of(column: Sequence[Suspects]) -> Array:
    """The function at fault of every row of a comparison: "" where it is not known, two names where two sides are wrong
    in functions of different names. column: `suspects` of all of its rows, since one tells of another."""
    alone = {(s.where, s.operations[0]) for wrong in column for s in wrong if s.single}
    known: dict[Suspects, str] = {}
    for wrong in column:
        if wrong not in known:
            known[wrong] = ", ".join(dict.fromkeys(name for s in wrong if (name := _named(s, alone))))
    return np.array([known[wrong] for wrong in column], dtype=object)


def _rows(engine: Engine, found: Evidence, k: int) -> Iterable[int]:
    """The rows of the sides of a pair that are wrong."""
    pairs, word = engine.pairs, found.culprit[k]
    for side, rows, where in (("left", pairs.left, pairs.left_target), ("right", pairs.right, pairs.right_target)):
        if word in (side, "both") and rows[k] >= 0 and engine.context.targets[int(where[k])].backend != REFERENCE:
            yield int(rows[k])


def _where(engine: Engine, row: int) -> tuple[str, str, str]:
    """What rows of results an operation is judged by: the backend, the quantity, the direction."""
    seen, target = engine.seen, engine.context.targets[int(engine.context.joiner.target[row])]
    return target.backend, seen.text("quantity", row), seen.text("api", row)


def _suspect(engine: Engine, row: int) -> Suspect:
    context = engine.context
    where, family = _where(engine, row), context.targets[int(context.joiner.target[row])].family
    text = portable(context, row)
    if text:
        return Suspect(where, family, _operations(text), bool(single_call(text)))
    case = context.cases.get(context.seen.text("case", row))
    source = None if case is None else case.source(family)
    native = source is not None and source.kind == "native"
    return Suspect(where, family, native=_only_call(source.text) if source is not None and native else "")


def _named(wrong: Suspect, alone: Collection[tuple[tuple[str, str, str], str]]) -> str:
    known = [o for o in wrong.operations if (wrong.where, o) in alone]
    return spelled(known[0], wrong.family) if len(known) == 1 else wrong.native


@lru_cache(maxsize=4096)
def _operations(text: str) -> tuple[str, ...]:
    """The portable operations of a text, each once; one empty word where it cannot be read."""
    names: dict[str, None] = {}
    try:
        tree = ast.parse(text.strip())
    except SyntaxError:
        return ("",)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            names[canonical().get(called, called)] = None
        elif isinstance(node, (ast.BinOp, ast.UnaryOp)):
            names[_OPERATORS.get(type(node.op), "")] = None
        elif isinstance(node, ast.Attribute) and node.attr in _ATTRIBUTES:
            names[_ATTRIBUTES[node.attr]] = None
    return tuple(n for n in names if n) or ("",)


@lru_cache(maxsize=4096)
def spelled(operation: str, family: str) -> str:
    """`torch.linalg.norm` for norm; the portable name where a family spells it by more than one call."""
    spelling = table().get(operation)
    cell = None if spelling is None else spelling.text(family)
    return (_only_call(cell) if cell else "") or operation


def _only_call(text: str) -> str:
    """The dotted name of the only function that a text calls; "" where it calls none or several."""
    try:
        calls = [n.func for n in ast.walk(ast.parse(text.strip())) if isinstance(n, ast.Call)]
    except SyntaxError:
        return ""
    if len(calls) != 1 or not isinstance(calls[0], (ast.Attribute, ast.Name)):
        return ""
    name = ast.unparse(calls[0])
    return name.replace("jnp.", "jax.numpy.", 1) if name.startswith("jnp.") else name
