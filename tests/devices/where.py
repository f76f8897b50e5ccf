"""A function that says where it was run."""

from __future__ import annotations

from typing import Any


def on(z: Any) -> Any:
    """z times 1 + the number of the device that holds it; a tracer holds nothing and counts as device 0."""
    try:
        number = next(iter(z.devices())).id
    except Exception:
        number = 0
    return z * (1.0 + number)
