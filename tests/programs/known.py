"""Where an independent loss of each program is registered, under the program's id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Loss = Callable[..., Any]
#: (inputs by name) -> input -> dL/dz* of a complex input, dL/dx of a real one
Gradient = Callable[..., Mapping[str, Any]]

LOSSES: dict[str, Loss] = {}
GRADIENTS: dict[str, Gradient] = {}


def program(name: str) -> Callable[[Loss], Loss]:
    """Register the loss of a program: the case's inputs by name -> its outputs (one, or a tuple)."""

    def register(loss: Loss) -> Loss:
        assert name not in LOSSES, name
        LOSSES[name] = loss
        return loss

    return register


def gradient(name: str) -> Callable[[Gradient], Gradient]:
    """Register a gradient in closed form."""

    def register(closed_form: Gradient) -> Gradient:
        assert name not in GRADIENTS, name
        GRADIENTS[name] = closed_form
        return closed_form

    return register
