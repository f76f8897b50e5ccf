"""Wirtinger harness: do torch.autograd, torch.func and JAX give the same derivative, and if not, who is wrong?

    import harness
    run = harness.run("cases/elementwise")        # observe: worker processes, one framework each
    frame = harness.compare(run)                  # compare: a pandas frame, one row per pair of observations

Names are loaded on first use, so that `import harness` stays cheap and needs no framework.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
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
        report,
        repro,
        run,
        show,
        site,
        timeline,
    )
    from harness.audit import audit
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
    "audit": "harness.audit",
    "compare": "harness.api",
    "conventions": "harness.api",
    "devices": "harness.api",
    "diff": "harness.api",
    "findings": "harness.api",
    "known": "harness.api",
    "open_run": "harness.api",
    "report": "harness.api",
    "repro": "harness.api",
    "run": "harness.api",
    "show": "harness.api",
    "site": "harness.api",
    "tap": "harness.tapping",
    "timeline": "harness.api",
}

__all__ = [
    "Comparison", "HarnessError", "Run", "__version__", "accuracy", "audit", "compare", "conventions",
    "devices", "diff", "findings", "known", "open_run", "report", "repro", "run", "show", "site", "tap", "timeline",
]
#: Functions that have the name of a package beside them: there the package itself can be called.
_PACKAGES = ("audit", "findings", "report", "site")


class _Called(ModuleType):
    """A package that is called like the public function of its name; what it holds is found in it as before."""

    def _function(self) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(import_module(_HOMES[name]), name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function()(*args, **options)

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(self._function())


class _Face(ModuleType):
    """This package: of whatever it imports, the packages that can be called become so."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PACKAGES and type(value) is ModuleType:
            value.__class__ = _Called
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    if name in _PACKAGES:
        return import_module(f"harness.{name}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
