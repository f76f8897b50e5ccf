"""The table of docs/architecture.md as a law: no circle, no import that runs up, frameworks in harness/backends/ alone.

Every import counts, wherever it stands: inside a function, or for a type checker only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Top first; a module may import its own layer's entry and whatever is lower. Entries of one layer leave each other
#: alone, but for the pairs below. What is not listed is the ground, which imports the ground only.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("harness.__main__",),
    ("harness.cli", "harness.testing"),
    ("harness.__init__",),
    ("harness.api",),
    ("harness.coverage", "harness.search"),
    ("harness.audit", "harness.runs", "harness.atlas", "harness.sweep", "harness.findings", "harness.site"),
    ("harness.report", "harness.pointwise", "harness.cases", "harness.convention"),
    ("harness.backends", "harness.repro", "harness.history"),
    ("harness.comparison",),
    ("harness.reference",),
    ("harness.recorded",),
)
GROUND = (
    "harness.workers", "harness.expr", "harness.differences", "harness.settings", "harness.selection",
    "harness.storage", "harness.verdicts", "harness.model", "harness.wirtinger", "harness.tapping", "harness.version",
    "harness.untrusted", "harness.kept", "harness.formats",
)
#: Between entries of one layer.
BESIDE: frozenset[tuple[str, str]] = frozenset()
FRAMEWORKS = {"torch", "functorch", "jax", "jaxlib", "torch_xla"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


@cache
def modules() -> dict[str, Path]:
    return {name_of(p): p for p in sorted((ROOT / "harness").rglob("*.py"))}


def entry(module: str) -> tuple[int, str]:
    """(layer, entry of that layer) of a module; the ground is the lowest layer and one entry."""
    for k, layer in enumerate(LAYERS):
        for name in layer:
            if module == name or module.startswith(name + "."):
                return k, name
    for name in GROUND:
        if module == name or module.startswith(name + "."):
            return len(LAYERS), "ground"
    raise AssertionError(f"{module} has no place in the table of the layers")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of everything that a file imports, at any depth of it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield node.lineno, inner if inner in modules() else str(node.module)


@cache
def edges() -> dict[str, dict[str, int]]:
    """module -> modules of the package that it imports -> line."""
    out: dict[str, dict[str, int]] = {}
    for name, path in modules().items():
        out[name] = {}
        for line, target in imports(path):
            found = "harness.__init__" if target == "harness" else target
            if found in modules() and found != name:
                out[name].setdefault(found, line)
    return out


def test_every_module_has_a_place() -> None:
    for module in modules():
        entry(module)


def test_nothing_imports_upwards_or_across() -> None:
    wrong = []
    for module, targets in edges().items():
        mine, own = entry(module)
        for target, line in targets.items():
            theirs, other = entry(target)
            across = mine == theirs and own != other and (own, other) not in BESIDE
            if theirs < mine or across:
                wrong.append(f"{modules()[module].relative_to(ROOT)}:{line}: {module} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_there_is_no_circle() -> None:
    graph, done, circles = edges(), set[str](), []

    def walk(module: str, path: list[str]) -> None:
        if module in path:
            circles.append(" -> ".join([*path[path.index(module):], module]))
        elif module not in done:
            for target in graph[module]:
                walk(target, [*path, module])
            done.add(module)

    for module in graph:
        walk(module, [])
    assert not circles, "\n".join(circles)


def test_frameworks_are_imported_in_the_backends_alone() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {target}"
        for path in modules().values() if "backends" not in path.parts
        for line, target in imports(path) if target.partition(".")[0] in FRAMEWORKS
    ]
    assert not wrong, "\n".join(wrong)


def test_the_page_shows_this_table() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- layers -->\n```\n(.*?)\n```", page, re.DOTALL)
    assert block is not None
    shown = [tuple(f"harness.{word}" for word in line.split()) for line in block[1].splitlines()]
    assert shown == [*LAYERS, GROUND]


@pytest.mark.parametrize(("source", "wrong"), [
    ("def f():\n    import torch\n", "torch"),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from jax import numpy\n", "jax"),
])
def test_no_import_hides(tmp_path: Path, source: str, wrong: str) -> None:
    """An import inside a function, or for the type checker alone, is seen."""
    file = tmp_path / "hidden.py"
    file.write_text(source)
    assert wrong in {target.partition(".")[0] for _, target in imports(file)}
