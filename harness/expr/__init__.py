"""Expressions: the whitelisted grammar, the spelling table and the namespaces in which texts run.

A case's function is data. `check` judges it without any framework; `compile_source` makes it callable on one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from harness.expr.compiling import callable_path, check_arguments, compile_portable, compile_source
from harness.expr.grammar import NOWHERE, parse
from harness.expr.native import ROOTS, Native
from harness.expr.portable import Portable
from harness.expr.spelling import CONSTANTS, FAMILIES, NoSpelling, Signature, Spelling, canonical, table
from harness.model import CaseError, Place, Source

__all__ = [
    "CONSTANTS",
    "FAMILIES",
    "NoSpelling",
    "Signature",
    "Spelling",
    "canonical",
    "check",
    "compile_portable",
    "compile_source",
    "names_used",
    "table",
]


def check(source: Source, arguments: Sequence[str], family: str, place: Place = NOWHERE) -> None:
    """Judge a text without a framework; raises CaseError with the place of what is wrong.

    `family` matters for native texts: "torch" and "jax" have their own names, "reference" is portable.
    """
    check_arguments(arguments, place)
    if source.kind == "callable":
        callable_path(source.text, place)
        return
    text = parse(source.text, place)
    if source.kind == "portable" or family in ("portable", "reference"):
        Portable(text, arguments).program()
    elif family in ROOTS:
        Native(text, arguments, family).program()
    else:
        raise CaseError(
            f"native text for {family} is not known", place, f"known are {', '.join(ROOTS)}; or package.module:function"
        )


def names_used(text: str, arguments: Sequence[str] = ()) -> set[str]:
    """The functions that a text uses, portable or native, for coverage; raises CaseError.

    Portable names are canonical ("arccosh" for acosh); native ones are dotted with the roots torch, jnp and jax
    ("jax.lax.exp", "jnp.linalg.inv"), methods begin with a dot (".conj"). Operators are not listed. `arguments` may be
    left out: names that are used as values are then taken to be inputs. A "package.module:function" uses nothing.
    """
    if _CALLABLE.fullmatch(text.strip()):
        return set()
    parsed = parse(text)
    called, values, bases = set(), set(), set()
    for node in (node for statement in parsed.body for node in ast.walk(statement)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called.add(id(node.func))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            bases.add(node.value.id)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in called:
            values.add(node.id)
    family = next((family for family, roots in ROOTS.items() if bases & set(roots) - set(arguments)), "")
    inputs = set(arguments) or values - set(ROOTS.get(family, ())) - set(CONSTANTS)
    translator = Native(parsed, sorted(inputs), family) if family else Portable(parsed, sorted(inputs))
    translator.program()
    return set(translator.used)


_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
