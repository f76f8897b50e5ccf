"""What a case's function may leave behind in its worker: settings, random numbers, replaced functions of a framework.

A worker compares before and after each task. Warnings filters, which change no number, are put back; anything else is
told to the coordinator, and another worker takes the tasks that follow: what a module set when it was imported can be
had again only where it is imported again.
"""

from __future__ import annotations

import builtins
import cmath
import hashlib
import math
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from operator import is_
from typing import Any

import numpy as np


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(repr(value).encode() if not isinstance(value, bytes) else value, digest_size=16).digest()


def _settings() -> dict[str, Any]:
    """What is the process's, no framework's."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    try:
        folder = os.getcwd()
    except OSError:
        folder = ""
    return {
        "NumPy's error state": tuple(np.geterr().items()),
        "NumPy's random numbers": _digest(bytes(np.asarray(keys)) + repr((kind, rest)).encode()),
        "Python's random numbers": hash(random.getstate()),
        "the current folder": folder,
        "the recursion limit": sys.getrecursionlimit(),
        "subnormal numbers": 5e-324 * float("1") == 0.0,
    }


class Leaks:
    """Watches one process. settings: the framework's own, name -> value. namespaces: modules and classes whose names
    must go on meaning what they mean."""

    def __init__(self, settings: Callable[[], Mapping[str, Any]], namespaces: Iterable[Any]) -> None:
        self._more = settings
        self._spaces = {space: (tuple(vars(space)), tuple(vars(space).values()))
                        for space in (builtins, math, cmath, np, np.linalg, np.fft, *namespaces)}

    def read(self) -> tuple[dict[str, Any], list[Any]]:
        """Everything that may change, before a task."""
        return {**_settings(), **self._more()}, list(warnings.filters)

    def changed(self, before: tuple[dict[str, Any], list[Any]]) -> str:
        """What is not as it was, in words; "" where all is. Warnings filters are put back."""
        settings, filters = before
        if list(warnings.filters) != filters:
            held: Any = warnings.filters  # a list, whatever its stub says
            held[:] = filters
            warnings.simplefilter("default", category=_Nothing)  # tells the interpreter that the filters changed
            held[:] = filters
        now = {**_settings(), **self._more()}
        found = [name for name, value in now.items() if name not in settings or settings[name] != value]
        for space, (names, values) in self._spaces.items():
            have = vars(space)
            if not all(map(is_, map(have.get, names), values)):
                known = dict(zip(names, values, strict=True))
                for name, was in known.items():
                    if have.get(name) is was:
                        continue
                    if _own_wrapper(space, was, have.get(name)):
                        known[name] = have[name]
                    else:
                        found.append(f"{space.__name__}.{name}")
                self._spaces[space] = names, tuple(known.values())
            if isinstance(space, type) and len(have) != len(names):  # hides what it inherits; modules gain names
                found += [f"{space.__name__}.{name}" for name in have if name not in names]
        return ", ".join(found)


def _own_wrapper(space: Any, was: Any, now: Any) -> bool:
    """Whether a framework has wrapped a function of its own, as torch does when its compiler is imported."""
    root = str(getattr(space, "__module__", "") if isinstance(space, type) else space.__name__).partition(".")[0]
    code = str(getattr(now, "__globals__", {}).get("__name__", "")).partition(".")[0]
    while now is not None and now is not was:
        now = getattr(now, "__wrapped__", None)
    return now is not None and code == root


class _Nothing(Warning):
    """A category that nobody warns of."""
