"""The portable namespace of the reference: every function of the spelling table over arrays of balls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from flint import acb

from harness.expr.portable import SCALAR
from harness.reference import (
    elementary,
    fourier,
    least_squares,
    linalg,
    networks,
    products,
    reductions,
    shaping,
    special,
    spectral,
)
from harness.reference.ball_arrays import Array
from harness.reference.dialects import dialect
from harness.reference.precision import working
from harness.reference.registry import functions

#: Imported for the functions that they register.
MODULES = (elementary, reductions, shaping, products, fourier, special, networks, linalg, spectral,
           least_squares)

_NUMBERS = (int, float, complex)


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of Python numbers answers a Python number, rounded to double: that is what the expression grammar
    says and what a framework is handed, so the constant is the same one for every side."""

    def answer(*arguments: Any, **keywords: Any) -> Any:
        if arguments and isinstance(arguments[0], Array):
            return function(*arguments, **keywords)
        if any(not isinstance(a, _NUMBERS) for a in (*arguments, *keywords.values())) or not arguments:
            return function(*arguments, **keywords)
        with working(256):
            out = function(*map(_unrounded, arguments), **keywords)
        x = out.data[()]
        if out.kind in "ib":
            return out.data.item()
        if isinstance(x, acb):
            return complex(float(x.real.mid()), float(x.imag.mid()))
        return float(x.mid())

    return answer


def _unrounded(number: Any) -> Any:
    """A Python number exactly, whatever the precision of the case."""
    if isinstance(number, (bool, int)):
        return number
    from flint import arb

    from harness.reference.ball_arrays import boxed

    if isinstance(number, float):
        return Array(boxed(arb(number)), "r")
    return Array(boxed(acb(number.real, number.imag)), "c")


@lru_cache(maxsize=8)
def namespace(family: str = "") -> Mapping[str, Callable[..., Any]]:
    """Canonical portable name -> function; with what a family documents of its own in place of it."""
    plain = {name: _of_numbers(function) if name in SCALAR else function for name, function in functions().items()}
    return MappingProxyType({**plain, **dialect(family)})
