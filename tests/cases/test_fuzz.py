"""Whatever is done to a case file, what comes out is a case or a CaseError with a place, and nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.cases import lint
from tests.cases.test_load import FULL

#: Pieces that mean something to the reader, put where they do not belong.
PIECES = [
    "{", "}", "[", "]", ":", ",", "-", "'", '"', "|", ">",
    "&a", "*a", "!x", "#", "\n", "  ", "\t", "null", "true", "nan",
    "-0.0", "1e999", "9" * 400, "0x10", "1+2j", "[]", "{}", "{a: 1}", "[[1], 2]", "complex[3]", "real[99999]",
    "const",
    "{sample: normal}", "{file: x.npz}", "../x", "__class__", "z", "id", "<<", "---",
    "\u00e9", "\U0001f600", "%", "@", "`",
]


def mutated(text: str, rng: random.Random) -> str:
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(text)), rng.choice([0, 0, 1, 1, 3, 10])
        text = text[:at] + rng.choice([*PIECES, ""]) + text[at + length :]
    return text


def exchanged(text: str, rng: random.Random) -> str:
    """Two words of the file in each other's place: still YAML, mostly."""
    words = text.split(" ")
    a, b = rng.randrange(len(words)), rng.randrange(len(words))
    words[a], words[b] = words[b], words[a]
    return " ".join(words)


@pytest.mark.parametrize("change", [mutated, exchanged])
@pytest.mark.parametrize("seed", range(4))
def test_damaged_files(change: object, seed: int, tmp_path: Path) -> None:
    assert callable(change)
    rng, path, refused = random.Random(seed), tmp_path / "x.yaml", 0
    for _ in range(100):
        path.write_text(change(FULL, rng), encoding="utf-8")
        errors = lint([path])
        refused += bool(errors)
        assert all(e.place is not None and e.place.line >= 1 and e.place.column >= 1 for e in errors)
    assert refused > 50
