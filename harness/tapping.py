"""Taps: names for intermediates of a user's own function, free when nobody is listening.

    h = harness.tap("hidden", w @ x)

`tap` returns x untouched. While `harness audit` records, it also gets the value at that place and the gradient of the
output with respect to it; otherwise it costs one lookup of a global. Standard library only: this is what a model
imports, in an environment where nothing but its own framework need be installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

#: What listens; None almost always.
_listener: Callable[[str, Any], Any] | None = None

#: Calls of `tap` that one audit records. A loop that calls more often makes names that nobody will read.
MOST = 1000


def tap(name: str, x: T) -> T:
    """x, untouched; an audit records its value, and the gradient with respect to it, as `name`.

    x: an array or tensor, or a nested dict, list or tuple of them. A name that comes again is recorded as name#2.
    """
    listener = _listener
    if listener is None:
        return x
    return listener(name, x)  # type: ignore[no-any-return]


@contextmanager
def listening(listener: Callable[[str, Any], Any]) -> Iterator[None]:
    """Every `tap` inside calls listener(name, x) and returns what that returns."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


@dataclass
class Tapped:
    """One array at one tap.

    value: the array as the framework held it, a NumPy array; None where it could not be had, and `note` says why.
    gradient: L_x + i L_y with respect to it, L being the real number that is differentiated; shape and dtype of value.
        None where there is none, and `note` says why.
    connected: whether anything that is differentiated reaches the tap; None where that is not known.
    """

    name: str
    value: Any = None
    gradient: Any = None
    note: str = ""
    connected: bool | None = None


class Names:
    """The names of one recording: the second "h" is "h#2", leaves of containers are "h[0]", "h.key"."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self.dropped = 0

    def full(self) -> bool:
        """Whether MOST taps were named already; counts those that come after."""
        if sum(self._seen.values()) < MOST:
            return False
        self.dropped += 1
        return True

    def new(self, name: Any) -> str:
        """The name under which this call is recorded."""
        text = str(name)
        count = self._seen[text] = self._seen.get(text, 0) + 1
        return text if count == 1 else f"{text}#{count}"


def rebuilt(name: str, x: Any, leaf: Callable[[str, Any], Any]) -> Any:
    """x with every leaf of its dicts, lists and tuples replaced by leaf(name, value); other containers are leaves."""
    if type(x) is dict:
        return {key: rebuilt(f"{name}.{key}", value, leaf) for key, value in x.items()}
    if type(x) in (list, tuple):
        return type(x)(rebuilt(f"{name}[{k}]", value, leaf) for k, value in enumerate(x))
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(rebuilt(f"{name}.{f}", v, leaf) for f, v in zip(x._fields, x, strict=True)))
    return leaf(name, x)
