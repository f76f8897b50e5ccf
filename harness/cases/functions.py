"""`function` and `derivative`: texts that the expression grammar checks, and callables that the user allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.cases import document, words
from harness.cases.document import Node, Scalar, Table
from harness.cases.errors import Problems, suggestion
from harness.model import CaseError, Derivative, Input, Place, Source, is_callable_path

MAX_TEXT = 20_000
FAMILY_NAME = r"[a-z][a-z0-9_]*"
#: What people write for a family, and the family that is meant.
_MEANT = {"pytorch": "torch", "jnp": "jax", "numpy": "portable", "np": "portable", "mpmath": "reference"}


def arguments(inputs: Sequence[Input]) -> tuple[str, ...]:
    """The names a function is called with: every plain input, and every mapping of arrays once."""
    return tuple(dict.fromkeys(i.group for i in inputs))


def functions(node: Node, inputs: Sequence[Input], allow: Sequence[str], problems: Problems) -> dict[str, str]:
    """Family -> text. A plain text is portable. Every text is checked; problems are collected."""
    if isinstance(node, Scalar):
        texts: dict[str, Node] = {"portable": node}
    else:
        table = document.table(node, "function", None, node.place)
        texts = table.entries
        for family in texts:
            _check_family(family, table.where(family))
    if not texts:
        raise CaseError(
            "function is empty", node.place, "a text, or a text for each of portable, torch, jax, reference"
        )
    for family, item in texts.items():
        with problems.collect():
            _check(family, item, inputs, allow)
    return {family: item.text for family, item in texts.items() if isinstance(item, Scalar)}


def _check_family(family: str, place: Place) -> None:
    if family in words.FAMILIES:
        return
    meant = _MEANT.get(family.lower())
    near = [known for known in words.FAMILIES if sorted(known) == sorted(family.lower())]
    if meant or near:
        raise CaseError(f"function has no key {family!r}", place, f"did you mean {meant or near[0]!r}?")
    if not re.fullmatch(FAMILY_NAME, family, re.ASCII):
        raise CaseError(f"function has no key {family[:60]!r}", place, suggestion(family, words.FAMILIES))


def _check(family: str, node: Node, inputs: Sequence[Input], allow: Sequence[str]) -> None:
    text = document.text(node, f"the function for {family}", node.place, limit=MAX_TEXT)
    place = node.start if isinstance(node, Scalar) else node.place
    if is_callable_path(text):
        if family == "portable":
            problem = f"{text.strip()!r} is a function of one framework, not a portable expression"
            raise CaseError(problem, place, "write {torch: ..., jax: ...}")
        check_allowed(text, allow, place)
        check_text(Source("callable", text), arguments(inputs), family, place)
        return
    kind = "portable" if family == "portable" else "native"
    check_text(Source(kind, text), arguments(inputs), family, place)


def check_allowed(text: str, allow: Sequence[str], place: Place) -> None:
    """Raise CaseError unless the module of `package.module:function`, or a package above it, is allowed."""
    module = text.strip().partition(":")[0]
    parts = module.split(".")
    if not any(".".join(parts[: k + 1]) in allow for k in range(len(parts))):
        raise CaseError(
            f"the module {module!r} is not allowed to run",
            place,
            "code of your own runs only where you name its module on the command line or under `modules` in "
            "[tool.harness] of pyproject.toml",
        )


def check_text(source: Source, names: Sequence[str], family: str, place: Place) -> None:
    """Raise CaseError unless the text is in the expression grammar of its family."""
    from harness import expr

    expr.check(source, tuple(names), family, place)


_DERIVATIVE_KEYS = ("dz", "dzbar")


def derivatives(
    node: Node, inputs: Sequence[Input], outputs: Sequence[str], problems: Problems
) -> tuple[Derivative, ...]:
    """The closed forms of a case: {dz, dzbar} where one input is differentiated, else a mapping of input to that."""
    table = document.table(node, "derivative", None, node.place)
    active = [i for i in inputs if i.differentiate]
    if len(outputs) > 1:
        raise CaseError("a closed form needs a function with one output", node.place)
    forms: dict[str, Node]
    if any(key in _DERIVATIVE_KEYS and key not in {i.name for i in active} for key in table.entries):
        if len(active) != 1:
            names = ", ".join(i.name for i in active)
            raise CaseError(
                "which input is this the derivative by?", node.place, f"write {{name: {{dz: ...}}}} for {names}"
            )
        forms = {active[0].name: table}
    else:
        forms = table.entries
    if not forms:
        raise CaseError("derivative is empty", node.place, "write {dz: ..., dzbar: ...}")
    found = []
    for name, item in forms.items():
        with problems.collect():
            found.append(_derivative(name, item, table.where(name), inputs))
    return tuple(found)


def _derivative(name: str, node: Node, place: Place, inputs: Sequence[Input]) -> Derivative:
    chosen = next((i for i in inputs if i.name == name), None)
    if chosen is None or not chosen.differentiate:
        active = [i.name for i in inputs if i.differentiate]
        raise CaseError(f"{name!r} is not a differentiated input", place, suggestion(name, active))
    table: Table = document.table(node, f"the derivative by {name}", _DERIVATIVE_KEYS, place)
    if "dz" not in table:
        raise CaseError(f"the derivative by {name} needs `dz`", table.place, "write 0 where it vanishes")
    if "dzbar" in table and chosen.kind == "real":
        raise CaseError(f"{name} is real and has no dzbar", table.where("dzbar"), "dz is the ordinary derivative")
    texts = {key: _formula(table.entries[key], key, inputs) for key in table.entries}
    return Derivative(name, texts["dz"], texts.get("dzbar", "0"))


def _formula(node: Node, key: str, inputs: Sequence[Input]) -> str:
    if not isinstance(node, Scalar) or not node.text.strip():
        raise CaseError(f"{key} must be a text, not {document.describe(node)}", node.place)
    if len(node.text) > MAX_TEXT:
        raise CaseError(f"{key} has {len(node.text)} characters", node.place, f"at most {MAX_TEXT}")
    check_text(Source("portable", node.text), arguments(inputs), "portable", node.start)
    return node.text
