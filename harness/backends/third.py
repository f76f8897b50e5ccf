"""Third derivatives of a real loss of few variables, as compositions of pushforwards and pullbacks of any framework.

T[i, j, k] is the loss differentiated by real component i, then j, then k. An order of differentiation is read from its
name, the innermost pass last. A forward pass takes the direction of its index as a tangent. A reverse pass makes a
gradient of a number, and of a gradient pulls one component back: its index is picked by the cotangent of the next
reverse pass, or, of the last one, read off the result. So each framework differentiates its own gradient, as a user
would; what a convention negates in that is the imaginary half of each reverse pass's index (`Site.third_block`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Protocol

import numpy as np

from harness.wirtinger import Array

#: Orders of differentiation in which third derivatives are observed: from none to three reverse passes, the forward
#: ones outside, as `jacfwd` of a Hessian is used.
THIRD_ORDER = (
    "forward-over-forward-over-forward", "forward-over-forward-over-reverse", "forward-over-reverse-over-reverse",
    "reverse-over-reverse-over-reverse",
)

Function = Callable[..., Any]


class Bases(Protocol):
    """The basis of each differentiated input in the backend's convention, stacked: a `Site`."""

    def input_tangents(self, number: int) -> Array:
        """As tangents."""

    def input_cotangents(self, number: int) -> Array:
        """As cotangents of the gradient."""


class Calculus(Protocol):
    """The three transforms of a framework, on functions of all differentiated inputs."""

    def gradient(self, f: Function) -> Function:
        """The gradient of a real number by every input, a sequence."""

    def pulled(self, f: Function, slot: int, cotangent: Any) -> Function:
        """The pullback of entry `slot` of a sequence along a cotangent, to every input."""

    def pushed(self, f: Function, slot: int, tangent: Any) -> Function:
        """The pushforward of a number, or of every entry of a sequence, along a tangent of input `slot`."""


def passes(api: str) -> tuple[list[bool], int | None]:
    """Whether each pass is a forward one, innermost first; the index of the last reverse pass (None where none is)."""
    forward = [word == "forward" for word in reversed(api.split("-over-"))]
    reverse = [p for p in range(3) if not forward[p]]
    return forward, reverse[-1] if reverse else None


def directions(site: Bases, api: str, slots: Sequence[int]) -> list[Array]:
    """For each index that is not read off the result, its vectors of all combinations: (K, *shape of its input)."""
    forward, last = passes(api)
    bases = [site.input_tangents(slot) if forward[p] else site.input_cotangents(slot)
             for p, slot in enumerate(slots) if p != last]
    chosen = np.array(list(product(*(range(len(b)) for b in bases))), np.int64).reshape(-1, len(bases))
    return [basis[chosen[:, k]] for k, basis in enumerate(bases)]


def composed(calculus: Calculus, loss: Function, api: str, slots: Sequence[int], vectors: Sequence[Any]) -> Function:
    """The third derivative along the vectors, those of `directions` in order: a number, or an array of input
    `slots[last]`, as a function of the inputs."""
    forward, last = passes(api)
    given = iter(vectors)
    along = [None if p == last else next(given) for p in range(3)]
    f, open_index = loss, -1
    for p in range(3):
        if forward[p]:
            f = calculus.pushed(f, slots[p], along[p])
        elif open_index < 0:
            f, open_index = calculus.gradient(f), p
        else:
            f, open_index = calculus.pulled(f, slots[open_index], along[open_index]), p
    if last is None:
        return f
    return lambda *inputs: f(*inputs)[slots[last]]
