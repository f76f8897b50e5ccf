"""docs/expressions.md says what the program does."""

from __future__ import annotations

from pathlib import Path

from harness.expr.document import markdown
from harness.expr.native import whitelist
from harness.expr.spelling import FAMILIES, table

PAGE = Path(__file__).parents[2] / "docs" / "expressions.md"


def test_the_page_is_current() -> None:
    """Write it anew with: python -c "import harness.expr.document as d; print(d.markdown(), end='')" > PAGE"""
    assert PAGE.read_text(encoding="utf-8") == markdown()


def test_the_page_names_everything() -> None:
    page = markdown()
    for spelling in table().values():
        for row in spelling.rows:
            assert row.signature.text.replace("|", "\\|") in page
    for family in FAMILIES:
        for name in whitelist(family).functions:
            assert name.rpartition(".")[2] in page


def test_tables_are_well_formed() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `") and "` | " in line]
    assert len(rows) > 300
    widths = {line.replace("\\|", "").count("|") for line in rows if "torch." in line}
    assert widths == {4}
