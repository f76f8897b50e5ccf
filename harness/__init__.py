"""Wirtinger harness: do torch.autograd, torch.func and JAX give the same derivative, and if not, who is wrong?

    import harness
    run = harness.run("cases/elementwise")        # observe: worker processes, one framework each
    frame = harness.compare(run)                  # compare: a pandas frame, one row per pair of observations

Names are loaded on first use, so that `import harness` stays cheap and needs no framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.version import __version__

if TYPE_CHECKING:
    from harness.api import (
        accuracy,
        compare,
        conventions,
        devices,
        diff,
        findings,
        known,
        open_run,
        repro,
        run,
        show,
        timeline,
    )
    from harness.comparison.frame import Comparison
    from harness.model import HarnessError
    from harness.runs.reading import Run
    from harness.tapping import tap

#: Where each public name lives.
_HOMES = {
    "Comparison": "harness.comparison.frame",
    "HarnessError": "harness.model",
    "Run": "harness.runs.reading",
    "accuracy": "harness.api",
    "compare": "harness.api",
    "conventions": "harness.api",
    "devices": "harness.api",
    "diff": "harness.api",
    "findings": "harness.api",
    "known": "harness.api",
    "open_run": "harness.api",
    "repro": "harness.api",
    "run": "harness.api",
    "show": "harness.api",
    "tap": "harness.tapping",
    "timeline": "harness.api",
}

__all__ = [
    "Comparison", "HarnessError", "Run", "__version__", "accuracy", "compare", "conventions", "devices", "diff",
    "findings", "known", "open_run", "repro", "run", "show", "tap", "timeline",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
