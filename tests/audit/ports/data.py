"""Parameters and signals of the ports, made with NumPy alone, so that neither side imports the other's framework."""

from __future__ import annotations

import numpy as np

FRAME, WIDTH, CLASSES = 8, 6, 3


def parameters() -> dict[str, np.ndarray]:
    """The state of `torch_side.Network`, always the same."""
    draw = np.random.default_rng(7)

    def weight(outputs: int, inputs: int) -> np.ndarray:
        numbers = draw.standard_normal((outputs, inputs)) + 1j * draw.standard_normal((outputs, inputs))
        return numbers / np.sqrt(2 * inputs)

    def bias(size: int) -> np.ndarray:
        return 0.1 * (draw.standard_normal(size) + 1j * draw.standard_normal(size))

    state: dict[str, np.ndarray] = {"spectrum.window": np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME) ** 2}
    sizes = {"embed": (WIDTH, FRAME // 2 + 1), "hidden": (WIDTH, WIDTH)}
    sizes |= {f"attention.{name}": (WIDTH, WIDTH) for name in ("query", "key", "value", "out")}
    for name, shape in sizes.items():
        state[f"{name}.weight"], state[f"{name}.bias"] = weight(*shape), bias(shape[0])
    state["norm.scale"], state["norm.shift"] = np.linspace(0.8, 1.2, WIDTH), bias(WIDTH)
    state["phase.angle"] = np.linspace(-1.0, 1.0, WIDTH)
    state["activation.bias"] = np.full(WIDTH, 0.2)
    state["head.weight"] = draw.standard_normal((CLASSES, WIDTH)) / np.sqrt(WIDTH)
    state["head.bias"] = np.linspace(-0.2, 0.2, CLASSES)
    return state


def signals() -> tuple[np.ndarray, np.ndarray]:
    """Four signals of 24 samples, and their classes."""
    t = np.arange(24.0)
    rows = [np.sin(0.3 * (k + 1) * t + k) + 0.3 * np.cos(0.7 * t * (k + 0.5)) for k in range(4)]
    return np.stack(rows), np.array([0, 1, 2, 1])
