"""The operation that a side is wrong in, in the spelling of its framework, where that can be proved.

A text of one call is that call. Of a text of several, an operation is named where it is the only one that the same
backend is found wrong in by itself, by the same rows of results, elsewhere in the comparison. Nothing else is named.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
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


def name_functions(engine: Engine, found: Evidence) -> Array:
    """(P,) the function at fault of every pair with a culprit: "" where it is not known, two names where two sides are
    wrong in functions of different names."""
    out = np.full(engine.pairs.count, "", dtype=object)
    accused = [(int(k), row) for k in np.flatnonzero(~np.isin(found.culprit, ("", "formula")))
               for row in _rows(engine, found, int(k))]
    alone = {(*_where(engine, row), _operations(portable(engine.context, row))[0])
             for _, row in accused if single_call(portable(engine.context, row) or " ")}
    names: dict[int, list[str]] = {}
    for k, row in accused:
        names.setdefault(k, []).append(_named(engine, row, alone))
    for k, parts in names.items():
        out[k] = ", ".join(dict.fromkeys(p for p in parts if p))
    return out


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


def _named(engine: Engine, row: int, alone: set[tuple[str, str, str, str]]) -> str:
    context = engine.context
    family, text = context.targets[int(context.joiner.target[row])].family, portable(context, row)
    if not text:
        case = context.cases.get(context.seen.text("case", row))
        source = None if case is None else case.source(family)
        return _only_call(source.text) if source is not None and source.kind == "native" else ""
    operations = _operations(text)
    known = [o for o in operations if (*_where(engine, row), o) in alone]
    return spelled(known[0], family) if len(known) == 1 else ""


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
