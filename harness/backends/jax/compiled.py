"""The user's function compiled: value and gradient as one program, the value alone as another.

An ODE solver takes seconds where each of its operations is dispatched on its own, and a millisecond compiled. A
function that JAX cannot trace (it asks for numbers, or calls NumPy) is left to the caller, who evaluates it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class Untraceable(Exception):
    """The function cannot be compiled; what it raised while it was traced is the cause."""


class Compiler:
    """Programs of one function. They are kept, and compiled anew where tracing gives another program."""

    def __init__(self, jax: Any) -> None:
        self.jax = jax
        self._kept: dict[str, tuple[str, list[Any], Any]] = {}

    def run(self, kind: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """function(*arguments) by its program, traced anew. kind: one program is kept for each. Raises Untraceable."""
        try:
            traced = self.jax.jit(lambda *args: function(*args)).trace(*arguments)
            text, constants = str(traced.jaxpr.jaxpr), list(traced.jaxpr.consts)
            known = self._kept.get(kind)
            if known is None or known[0] != text or not _equal(known[1], constants):
                known = self._kept[kind] = (text, constants, traced.lower().compile())
            return known[2](*arguments)
        except Exception as error:
            raise Untraceable from error

    def again(self, kind: str, *arguments: Any) -> Any:
        """The program that was kept, on other numbers; None where there is none. Raises Untraceable."""
        known = self._kept.get(kind)
        if known is None:
            return None
        try:
            return known[2](*arguments)
        except Exception as error:
            raise Untraceable from error


def _equal(old: Sequence[Any], new: Sequence[Any]) -> bool:
    if len(old) != len(new):
        return False
    return all(a is b or np.array_equal(np.asarray(a), np.asarray(b), equal_nan=np.asarray(a).dtype.kind in "fc")
               for a, b in zip(old, new, strict=True))
