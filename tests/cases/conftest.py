"""A helper that writes one case and loads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cases import load
from harness.model import Case


@pytest.fixture
def one(tmp_path: Path) -> Callable[..., Case]:
    """one(points=..., inputs=..., function=..., more=...) -> the case, from YAML text."""

    def make(points: str = "{p: {z: 1}}", inputs: str = '{z: "complex[3]"}', function: str = "z", more: str = "",
             **load_options: Any) -> Case:
        path = tmp_path / "one.yaml"
        text = f"cases:\n  - id: one\n    function: {function}\n    inputs: {inputs}\n    points: {points}\n"
        path.write_text(text + "".join(f"    {line}\n" for line in more.splitlines()), encoding="utf-8")
        (case,) = load([path], **load_options)
        return case

    return make
