"""Both sources side by side: escaped, self-contained, lines of one colour, origins marked."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from harness.audit.answer import Audit
from harness.audit.result import Origin
from harness.cli import audit as command
from harness.cli.dispatch import UsageError
from tests.audit.origins.answers import answered, found, port


def _rows(page: str) -> dict[str, set[str]]:
    """The classes of each line of source, by its anchor."""
    return {anchor: set(classes.split()) for anchor, classes in re.findall(
        r'<tr id="([^"]+)"(?: class="([^"]*)")?>', page)}


def test_a_page_is_escaped_and_needs_nothing_else(tmp_path: Path) -> None:
    torch, jax = tmp_path / "a&b.py", tmp_path / "port.py"
    torch.write_text("x = 1\ny = '<script>alert(1)</script>' if x < 2 else 0\nz = y\n")
    jax.write_text("x = 1\nz = 2 & x\n")
    lines = ((f"{torch}:1", f"{jax}:1"), (f"{torch}:3", f"{jax}:2"))
    origin = Origin(f"{torch}:2", f"{jax}:2", "value", "a < b", "write <i>", "<script>", "2 & x")
    page = Audit("a:<b>", "c:d", {}, origins=(origin,), lines=lines, notes=("<u>",)).html()
    assert "<script" not in page and "<b>" not in page and "<i>" not in page and "<u>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "a&amp;b.py" in page and "a &lt; b." in page
    assert "http" not in page.replace("http-equiv", "") and "default-src 'none'" in page and "src=" not in page
    rows = _rows(page)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(rows)
    marked = [k for k, held in rows.items() if "origin" in held]
    assert len(rows) == 5 and marked == [k for k in rows if k.endswith("-2")]
    first, second, third, fourth, fifth = rows.values()
    assert first == fourth == {"c0"} and third == {"c1"} and second == fifth == {"origin"}


def test_the_page_of_a_port_marks_the_lines_that_the_answer_names() -> None:
    rows = _rows(answered("gelu").html())
    (torch, jax, _), = port("gelu").expected()
    marked = sorted(k for k, held in rows.items() if "origin" in held)
    assert [k[: k.index("-")] for k in marked] == ["jax", "torch"]
    assert [int(k.rpartition("-")[2]) for k in marked] == [jax, torch]
    (left,) = [held for k, held in rows.items() if k.startswith("torch") and k.endswith(f"-{torch - 1}")]
    (right,) = [held for k, held in rows.items() if k.startswith("jax") and k.endswith(f"-{jax - 1}")]
    assert left == right == {"c0"}  # h = x @ w1 on both sides


def test_lines_of_programs_that_agree_are_had_on_request() -> None:
    asked = found(port("control_linear"), lines=True)
    assert asked.origins == () and len(asked.lines) == 1
    assert answered("control_linear").lines == ()


def test_a_page_and_no_search_exclude_each_other() -> None:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    args = parser.parse_args(["--torch", "a:b", "--jax", "c:d", "--html", "page.html", "--no-trace"])
    with pytest.raises(UsageError, match="give one of them"):
        command.execute(args)
