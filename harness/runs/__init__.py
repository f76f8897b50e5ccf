"""Running: plan, worker processes, the run folder, resume.

Names are loaded on first use: a worker imports `harness.runs.protocol` alone, without pandas or pyarrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.runs.api import run
    from harness.runs.arrow_arrays import Arrays
    from harness.runs.errors import DamagedRun, FolderInUse, NotARun, PlanChanged, RunError, TargetError, UnknownFormat
    from harness.runs.execution import Executor, execute
    from harness.runs.local import LocalExecutor
    from harness.runs.planning import Target, plan
    from harness.runs.progress import Progress
    from harness.runs.reading import Run

_HOMES = {
    "Arrays": "arrow_arrays",
    "DamagedRun": "errors",
    "Executor": "execution",
    "FolderInUse": "errors",
    "LocalExecutor": "local",
    "NotARun": "errors",
    "PlanChanged": "errors",
    "Progress": "progress",
    "Run": "reading",
    "RunError": "errors",
    "Target": "planning",
    "TargetError": "errors",
    "UnknownFormat": "errors",
    "execute": "execution",
    "plan": "planning",
    "run": "api",
}

__all__ = [
    "Arrays", "DamagedRun", "Executor", "FolderInUse", "LocalExecutor", "NotARun", "PlanChanged", "Progress", "Run",
    "RunError", "Target", "TargetError", "UnknownFormat", "execute", "plan", "run",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"harness.runs.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'harness.runs' has no attribute {name!r}")

