"""A package that is also a function: `harness.run` and `harness.compare` are both.

Once a package is imported its name hides the function of the same name, so the package itself can be called; the call
goes to the function of that name in `harness.api`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from harness import api

        return getattr(api, self.__name__.rpartition(".")[2])(*args, **kwargs)


def make_callable(name: str) -> None:
    """Make the imported package `name` ("harness.run") answer calls with harness.api's function of its last name."""
    sys.modules[name].__class__ = _CallablePackage
