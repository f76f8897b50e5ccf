"""Inputs and a short way to call the audit; workers use one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.audit import Audit, audit
from harness.audit.sides import Remote
from tests.audit.served_here import Here

ROOT = Path(__file__).parents[2]
HERE = "tests.audit.user_code"


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """x, three complex numbers, in a .npz file."""
    path = tmp_path / "data.npz"
    np.savez(path, x=np.array([1 + 2j, -0.5 + 0.25j, 0.75 - 1j]))
    return path


@pytest.fixture
def run_audit(numbers: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """audit(torch, jax): names of tests.audit.user_code, or whole targets; in_workers: in processes of their own."""

    def call(torch: str, jax: str, inputs: Any = None, *, in_workers: bool = False, **options: Any) -> Audit:
        monkeypatch.setattr("harness.audit.api.Remote", Remote if in_workers else Here)
        names = [n if ":" in n else f"{HERE}:{n}" for n in (torch, jax)]
        given = options.keys() & {"torch_inputs", "jax_inputs"}
        inputs = None if given and inputs is None else numbers if inputs is None else inputs
        return audit(*names, inputs, path=options.pop("path", [str(ROOT)]), **options)

    return call
