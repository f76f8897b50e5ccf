"""What the pinned releases answered when they were asked what they differentiate."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from harness.coverage import survey as module
from harness.coverage.survey import Survey

TORCH, JAX = "2.13.0", "0.10.2"


@cache
def surveys() -> tuple[Survey, Survey]:
    """Of torch and of JAX."""
    here = Path(__file__).parent
    torch = json.loads((here / f"torch-{TORCH}.json").read_text(encoding="utf-8"))
    jax = json.loads((here / f"jax-{JAX}.json").read_text(encoding="utf-8"))
    return module._of_torch(torch), module._of_jax(jax)
