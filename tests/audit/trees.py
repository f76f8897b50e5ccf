"""Inputs in trees of many kinds, made with NumPy alone."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.standard_normal(shape) + 1j * draw.standard_normal(shape)


def params() -> dict[str, Any]:
    return {"params": {"x": numbers(3)}}


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass(frozen=True)
class Layer:
    weight: Any
    bias: Any
    name: str = "layer"


def mixed() -> tuple[Any, ...]:
    """Every container at once: dict, list, tuple, named tuple, dataclass, None, a string, whole numbers, a mask."""
    return (
        {"layers": [Layer(numbers(2, 3, seed=1), numbers(2, seed=2)), Layer(numbers(2, 2, seed=3), numbers(2, seed=4))],
         "pair": Pair(np.array([0.5, -1.5]), (numbers(3, seed=5), None)), "power": 2, "mode": "sum"},
        np.array([0, 1]),
    )


def forward(params: Any, index: Any) -> Any:
    """In operations that tensors and arrays share."""
    (first, second), pair = params["layers"], params["pair"]
    h = first.weight @ pair.right[0] + first.bias
    h = second.weight @ (h * h) + second.bias
    assert params["mode"] == "sum" and pair.right[1] is None
    return (pair.left[index] * abs(h) ** params["power"]).sum()
