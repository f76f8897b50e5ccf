"""Which functions a case is about: read from its texts, and from its `covers`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from harness.coverage.names import Names, cells
from harness.expr import canonical, table
from harness.expr.native import ROOTS, whitelist
from harness.expr.spelling import Spelling
from harness.model import Case, Source

#: A text with more functions than this is a program: it uses them, but is not about each of them.
MOST = 6


@dataclass(frozen=True)
class Uses:
    """torch: functions (by the name that stands for each) that torch's text uses; jax: the same for JAX's."""

    torch: frozenset[str]
    jax: frozenset[str]

    @property
    def both(self) -> frozenset[str]:
        return self.torch & self.jax

    @property
    def any(self) -> frozenset[str]:
        return self.torch | self.jax


def uses(case: Case, names: Names) -> Uses:
    """The functions a case is about; none for a program of more than MOST functions."""
    found: dict[str, set[str]] = {"torch": set(), "jax": set()}
    for family, into in found.items():
        source = case.source(family)
        if source is not None and source.kind != "callable":
            into.update(_used(source, family, names, {i.name for i in case.inputs}))
    if max(map(len, found.values())) > MOST:
        found = {"torch": set(), "jax": set()}
    for name in case.covers:
        if name in names.torch or name.startswith("torch."):
            found["torch"].add(names.torch.get(name, name))
        else:
            found["jax"].update(names.jax.get(name, {name}))
    # A jax name may belong to several functions of torch: where torch's text has one of them, it is that one.
    return Uses(frozenset(found["torch"]), frozenset(found["jax"]))


def _used(source: Source, family: str, names: Names, inputs: set[str]) -> Iterator[str]:
    tree = ast.parse(source.text.strip())
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in inputs:
            yield "torch.__getitem__"
        if source.kind == "portable":
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield from _portable(node, family, names)
            continue
        if not isinstance(node, ast.Attribute):
            continue
        dotted = _dotted(node)
        root = dotted.partition(".")[0]
        if root in ROOTS[family]:
            name = dotted.replace("lax.", "jax.lax.", 1) if root == "lax" else dotted
        else:  # a method, or an attribute such as .mT
            name = f"{'torch' if family == 'torch' else 'jnp'}.{node.attr}"
        function = name in whitelist(family).functions
        if family == "torch":
            if function or name in names.torch:
                yield names.torch.get(name, name)
        else:
            yield from names.jax.get(name, (name,) if function else ())


def _dotted(node: ast.Attribute) -> str:
    parts = [node.attr]
    value = node.value
    while isinstance(value, ast.Attribute):
        parts.append(value.attr)
        value = value.value
    return ".".join([value.id, *reversed(parts)]) if isinstance(value, ast.Name) else f"?.{node.attr}"


def _portable(node: ast.Call, family: str, names: Names) -> Iterator[str]:
    """What a call in portable text stands for: the functions of the row of the spelling table that it binds to."""
    assert isinstance(node.func, ast.Name)
    name = canonical().get(node.func.id)
    if name is None:
        return
    entry: Spelling = table()[name]
    keywords = [k.arg for k in node.keywords if k.arg]
    row = entry.row(len(node.args), keywords)
    torch, jax = cells(name, row)
    if family not in entry.rows[row].cells:
        return
    base = names.torch.get(torch) if torch else None
    if base:
        yield base
    elif jax:
        yield from names.jax.get(jax, ())
    else:
        yield f"table.{name}"
