"""The portable namespace: functions register under their portable names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from harness.reference.ball_arrays import Array, elements, lift
from harness.reference.precision import Ball, NotInReference, state

F = TypeVar("F", bound=Callable[..., Any])

_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def portable(*names: str) -> Callable[[F], F]:
    """Register a function under its portable name (and further ones)."""

    def register(function: F) -> F:
        for name in names or (function.__name__.rstrip("_"),):
            _FUNCTIONS[name] = function
        return function

    return register


def functions() -> Mapping[str, Callable[..., Any]]:
    return _FUNCTIONS


def unary(
    name: str,
    real: Callable[[Ball], Ball] | None,
    complex_: Callable[[Ball], Ball] | None,
    *,
    gives: str = "",
    work: int = 0,
) -> Callable[[Any], Array]:
    """Register an elementwise function of one array: what it is on arb and on acb; `gives` is the result's kind where
    it is not the argument's. work: how many more elements (of a sum, say) one of its own costs."""

    def function(x: Any) -> Array:
        a = lift(x).balls()
        rule = complex_ if a.kind == "c" else real
        if rule is None:
            raise NotInReference(f"{name} of a {'complex' if a.kind == 'c' else 'real'} array")
        state.work(work * a.size)
        return a.each(rule, gives or a.kind)

    function.__name__ = name
    _FUNCTIONS[name] = function
    return function


def real_only(name: str, rule: Callable[..., Ball], count: int, *, work: int = 0) -> Callable[..., Array]:
    """Register an elementwise function of `count` real arrays. work: as of `unary`."""

    def function(*arguments: Any) -> Array:
        arrays = [lift(x).balls() for x in arguments]
        if len(arrays) != count:
            raise TypeError(f"{name} takes {count} arguments")
        if any(a.kind == "c" for a in arrays):
            raise NotInReference(f"{name} of a complex array")
        state.work(work * max(a.size for a in arrays))
        return elements(rule, arrays, "r")

    function.__name__ = name
    _FUNCTIONS[name] = function
    return function
