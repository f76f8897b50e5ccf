"""Running: plan, worker processes, the run folder, resume.

Names are loaded on first use: a worker imports `harness.run.protocol` alone, without pandas or pyarrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness._callable import make_callable

if TYPE_CHECKING:
    from harness.run.api import run
    from harness.run.decode import Arrays
    from harness.run.errors import DamagedRun, FolderInUse, NotARun, PlanChanged, RunError, TargetError, UnknownFormat
    from harness.run.execution import Executor, execute
    from harness.run.local import LocalExecutor
    from harness.run.planning import Target, plan
    from harness.run.progress import Progress
    from harness.run.reading import Run

_HOMES = {
    "Arrays": "decode",
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
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"harness.run.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'harness.run' has no attribute {name!r}")


make_callable(__name__)
