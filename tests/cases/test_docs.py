"""The reference page says what the code does: its examples load, its tables are complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.cases import build, constants, expectations, inputs, load, points, sampling, words
from harness.model import KINDS
from harness.verdicts import AXES, QUANTITIES, VERDICTS

PAGE = (Path(__file__).parents[2] / "docs" / "cases.md").read_text(encoding="utf-8")


def sampler_rows() -> Iterator[str]:
    """The rows of the table of samplers."""
    for entry in sampling.REGISTRY.values():
        parameters = []
        for p in entry.parameters:
            default = p.default if isinstance(p.default, str) else f"{p.default:g}"
            choices = f" ({', '.join(map(str, p.choices))})" if p.choices else ""
            parameters.append(f"`{p.name}`{choices or f': {p.meaning}'}, {default}")
        yield f"| `{entry.name}` | {', '.join(entry.kinds)} | {'; '.join(parameters)} | {entry.meaning} |"


@pytest.mark.parametrize("row", sampler_rows())
def test_sampler_is_on_the_page(row: str) -> None:
    assert row in PAGE.splitlines()


@pytest.mark.parametrize(
    "word",
    [*build.KEYS, *expectations.KEYS, *inputs.KEYS, *points.SET_REFERENCE, *sampling.COMMON,
     *VERDICTS, *AXES, *QUANTITIES, *words.LAYOUTS, *words.DTYPES, *KINDS],
)
def test_word_is_on_the_page(word: str) -> None:
    assert re.search(rf"`[^`\n]*\b{re.escape(word)}\b[^`\n]*`", PAGE) or f"{word}:" in PAGE


def test_constants_are_on_the_page() -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| constant expression")]
    named = set(re.findall(r"[a-z]+", " ".join(re.findall(r"`([^`]*)`", row.split("|")[3]))))
    assert named == {*constants._NAMES, *constants._FUNCTIONS, "j"}


def _blocks() -> list[str]:
    """The indented examples, without their indentation."""
    found, block = [], []
    for line in [*PAGE.splitlines(), "end"]:
        if line.startswith("    ") or (block and not line):
            block.append(line[4:])
        elif block:
            found.append("\n".join(block).strip("\n") + "\n")
            block = []
    return found


def test_first_example_loads(tmp_path: Path) -> None:
    (text,) = [b for b in _blocks() if b.startswith("# cases/elementwise")]
    (tmp_path / "a.yaml").write_text(text)
    assert [c.id for c in load([tmp_path])] == ["arccosh", "silu"]


def test_other_examples_load(tmp_path: Path) -> None:
    """Each fragment stands in a case that has the rest."""
    np.savez(tmp_path / "params.npz", w=np.ones(3), q=np.ones((2, 2)))
    (tmp_path / "points.yaml").write_text(next(b for b in _blocks() if b.startswith("sets:")))
    one, two = "inputs: {z: complex}\n", "inputs: {z: complex, x: {type: real, value: 1}}\n"
    rest = {
        "function": "function: z\n",
        "inputs": "inputs: {z: 'complex[3]', w: {type: complex, value: 1}}\n",
        "points": "points: {left-1: {z: 1}}\n",
    }
    tried = 0
    for block in _blocks():
        key = block.partition(":")[0]
        if key not in (*rest, "expect", "derivative"):
            continue
        for part in block.splitlines(keepends=True) if key == "derivative" else [block]:
            keys = {**rest, key: part}
            if key == "derivative":
                keys["inputs"] = two if "x:" in part else one
            if key == "inputs":
                keys["points"] = "points: {p: {z: 1, a: 1, s: 1, mask: true, c: 1}}\n"
            lines = "".join(keys.values()).splitlines(keepends=True)
            (tmp_path / "x.yaml").write_text("cases:\n- id: x\n" + "".join("  " + line for line in lines))
            assert load([tmp_path / "x.yaml"]), part
            tried += 1
    assert tried == 7
