"""Environments of other releases, where there are some: those that `nox -s observe` made (docs/versions.md)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def interpreter(name: str) -> str:
    """The Python of the environment `name` of the table in noxfile.py, below HARNESS_ENVIRONMENTS or .nox/versions.

    Skips the test, with the command that makes it, where it is not there.
    """
    python = Path(os.environ.get("HARNESS_ENVIRONMENTS") or ROOT / ".nox/versions") / name / "bin" / "python"
    if not python.is_file():
        pytest.skip(f'there is no environment {name} ({python}): nox -s "observe({name})" makes it')
    return str(python.absolute())
