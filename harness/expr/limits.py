"""How big the integers in a call may be: constants before anything runs, what comes out of shapes before the call.

What else decides about the size of a result is bounded by the worker's memory and time limits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from harness.expr.grammar import words
from harness.expr.kinds import ExpressionRefused, Kind

MAX_ELEMENTS = 1_000_000
MAX_COMPUTED = 1 << 26  # elements of sizes that come out of shapes: half a gigabyte of doubles
MAX_SIDE = 1_000
MAX_LENGTH = 1 << 14  # of a transform, along each axis, whatever the others are
MAX_CHOSEN = 4  # elements of a combination: there are as many combinations as the size to that power

#: Functions that make a square from one integer, or work for each unit of it.
_SQUARE = words(
    "diag diag_embed diagflat diff eye hilbert identity matrix_power one_hot polygamma toeplitz tri "
    "vander bessel_jn expn multigammaln dft hadamard helmert invhilbert invpascal pascal factorial comb circulant "
    "fiedler fiedler_companion leslie companion hankel convolution_matrix interpolate upsample unfold bernoulli polyfit"
)

#: Functions that lengthen one axis of what they are given, which has others.
_LENGTHS = words(
    "fft ifft rfft irfft hfft ihfft fft2 ifft2 rfft2 irfft2 hfft2 ihfft2 fftn ifftn rfftn irfftn hfftn ihfftn"
)

#: Functions whose separate integers multiply to a number of elements.
_SIZES = words(
    "broadcast_to empty expand expand_as eye full new_full new_ones new_zeros ones repeat "
    "repeat_interleave reshape tile tril_indices triu_indices unflatten view zeros"
)


def _integers(kind: Kind) -> list[int]:
    if kind.sort == "int" and kind.known:
        return [abs(int(kind.value))]
    if kind.sort == "sequence" and kind.items is not None:
        return [integer for item in kind.items for integer in _integers(item)]
    return []


def check_call(name: str, arguments: Sequence[Kind]) -> None:
    """Refuse a call of `name` (its last dotted part counts) whose constant integers ask for too much."""
    short = name.rpartition(".")[2]
    loose: list[int] = []
    for kind in arguments:
        found = _integers(kind)
        for integer in found:
            if integer > MAX_ELEMENTS:
                raise ExpressionRefused(
                    f"{integer:,} is too big for an integer argument", "write a float where a value is meant"
                )
            if short in _SQUARE and integer > MAX_SIDE:
                raise ExpressionRefused(f"{short} of {integer:,} is too big", f"at most {MAX_SIDE:,}")
            if short in _LENGTHS and integer > MAX_LENGTH:
                raise ExpressionRefused(f"{short} of length {integer:,} is too long", f"at most {MAX_LENGTH:,}")
        if kind.sort == "sequence" and short != "array":
            _product(short, found)
        loose.extend(found)
    if short in _SIZES:
        _product(short, loose)
    if short == "combinations" and max(loose, default=0) > MAX_CHOSEN:
        raise ExpressionRefused(f"combinations of {max(loose):,} are too many", f"at most {MAX_CHOSEN}")
    if short == "arange":
        _range(arguments)


def _range(arguments: Sequence[Kind]) -> None:
    """Refuse a range of constants that has too many steps."""
    bounds = [kind.value for kind in arguments[:3] if kind.known and kind.is_python_number]
    if len(bounds) != len(arguments[:3]) or not bounds or any(isinstance(value, complex) for value in bounds):
        return
    start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if step and not abs(stop - start) <= MAX_ELEMENTS * abs(step):
        raise ExpressionRefused("this arange has too many elements", f"at most {MAX_ELEMENTS:,}")


def _product(name: str, integers: Sequence[int]) -> None:
    size = prod(integer for integer in integers if integer > 1)
    if size > MAX_ELEMENTS:
        raise ExpressionRefused(f"{name} of {size:,} elements is too big", f"at most {MAX_ELEMENTS:,}")


class TooBig(ValueError):
    """An integer or sizes that came out of shapes and that no call is given."""


def comes_out_of_shapes(kind: Kind) -> bool:
    """Whether an argument holds an integer that only running tells."""
    if kind.sort == "sequence":
        inside = kind.items if kind.items is not None else (kind.element,)
        return any(each is not None and comes_out_of_shapes(each) for each in inside)
    return kind.sort == "int" and not kind.known and kind.bits > 1


def bounding(name: str) -> Callable[[Any], Any]:
    """What an argument of the function of this name that holds such integers goes through before the call: it returns
    the argument, or raises TooBig. An integer out of range is a failed assertion in XLA, which ends the process."""
    short = name.rpartition(".")[2]
    return _bounded_side if short in _SQUARE else _bounded_length if short in _LENGTHS else _bounded


def _bounded_length(value: Any) -> Any:
    return _bounded(value, MAX_LENGTH)


def _bounded_side(value: Any) -> Any:
    return _bounded(value, MAX_SIDE)


def _bounded(value: Any, most: int = MAX_COMPUTED) -> Any:
    total = 1
    for integer in value if isinstance(value, tuple | list) else (value,):
        if isinstance(integer, tuple | list):
            _bounded(integer, most)
        elif isinstance(integer, int):
            if abs(integer) > most:
                raise TooBig(f"{integer:,} is too big for an integer argument")
            total *= max(1, integer)
    if total > MAX_COMPUTED:
        raise TooBig(f"sizes of {total:,} elements are too big")
    return value
