"""What the pairs themselves promise: few lines of a user's own, mistakes that are where they are said to be."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.pairs.pairs import PAIRS, Pair

#: Lines that a user may have to write for a pair: both sides, the models, their inputs; not imports.
MOST = 20


def _own(source: Path) -> int:
    """Lines of code but for docstrings, comments, and imports."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    left_out = {line for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)
                or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
                for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    lines = source.read_text(encoding="utf-8").splitlines()
    return sum(bool(text.strip()) and not text.strip().startswith("#") and k not in left_out
               for k, text in enumerate(lines, 1))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: p.name)
def test_a_pair_takes_few_lines_and_its_mistakes_stand_on_one(pair: Pair) -> None:
    assert sum(map(_own, pair.sources)) <= MOST
    texts = [s.read_text(encoding="utf-8") for s in pair.sources]
    for plant in pair.plants:
        assert sum(text.count(plant.old) for text in texts) == 1, plant.old
        assert plant.new != plant.old and plant.kind in ("value", "gradient", "step")


def test_there_are_enough_of_them() -> None:
    assert len(PAIRS) >= 12 and sum(bool(pair.plants) for pair in PAIRS) >= 8
    assert {plant.kind for pair in PAIRS for plant in pair.plants} >= {"value", "gradient"}
