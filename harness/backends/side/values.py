"""Leaves and what an evaluation of a side gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.backends.side.faults import AuditFault
from harness.formats import FORMATS, HALVES
from harness.wirtinger import Array


@dataclass
class Leaf:
    """One leaf of the arguments. array: its value, None for what is no array (passed on as it is)."""

    name: str
    argument: str
    original: Any
    array: Array | None
    differentiate: bool
    cast: bool = False  # to another precision than that of the original
    half: str = ""  # the half precision in which the function gets it; array holds its numbers in single precision


@dataclass
class Evaluation:
    """Outputs by name, gradients L_x + i L_y by leaf name (None: the output does not depend on it, by the framework).

    unsteady: the largest relative difference between two evaluations on equal inputs. mutated: leaves changed in place.
    """

    outputs: dict[str, Array]
    gradients: dict[str, Array | None]
    unsteady: float = 0.0
    unsteady_where: str = ""
    mutated: tuple[str, ...] = ()
    tapped: bool = False  # whether the function called harness.tap
    notes: tuple[str, ...] = ()
    silent: tuple[int, ...] = ()  # which of the outputs that could be differentiated are the state of a module
    half: str = ""  # the coarsest half precision among the outputs


def half_of(value: Any) -> str:
    """The word of an array in half precision, of NumPy or a framework; "" of any other."""
    word = str(getattr(value, "dtype", "")).rpartition(".")[2]
    return word if word in HALVES else ""


def coarsest(words: Iterable[str]) -> str:
    """Of words of half precision the one with the fewest digits; "" where there is none."""
    return min((w for w in words if w), key=lambda w: FORMATS[w].digits, default="")


def cast(array: Array, precision: str) -> Array:
    """Real and complex arrays in "single" or "double" precision, others as they are; real ones of a half precision in
    single precision, rounded to it. Raises AuditFault for complex ones."""
    if precision in HALVES and array.dtype.kind in "fc":
        if array.dtype.kind == "c":
            raise AuditFault("inputs", f"an input is complex, and no framework has complex numbers of {precision}")
        return FORMATS[precision].rounded(array).astype(np.float32)
    if array.dtype.kind == "f":
        return array.astype(np.float64 if precision == "double" else np.float32)
    if array.dtype.kind == "c":
        return array.astype(np.complex128 if precision == "double" else np.complex64)
    return array


def plain(x: Any, wanted: str) -> tuple[Any, str]:
    """(array, note) of what is no array of the framework; wanted: what it is not ("a tensor")."""
    try:
        array = np.array(x)
    except Exception:
        array = np.array(None)
    if array.dtype.kind not in "biufc":
        return None, f"a {type(x).__name__} is no array"
    return array, f"a {type(x).__name__}, not {wanted}: it has no gradient"


def unsteadiness(first: Evaluation, second: Evaluation) -> tuple[float, str]:
    """(largest difference relative to the largest entry of its array, where) between two evaluations."""
    worst, where = 0.0, ""
    if list(first.outputs) != list(second.outputs):
        return np.inf, "the structure of the output"
    pairs: Iterable[tuple[str, Array | None, Array | None]] = [
        *((f"the output {k}" if k != "value" else "the value", v, second.outputs[k]) for k, v in first.outputs.items()),
        *((f"the gradient of {k}", v, second.gradients.get(k)) for k, v in first.gradients.items()),
    ]
    # a gradient that is zero but for rounding may differ by all of itself: what counts is the largest of all
    whole = max((_largest(g) for g in first.gradients.values() if g is not None), default=0.0)
    for name, a, b in pairs:
        if a is None or b is None:
            size = 0.0 if a is b else np.inf
        elif a.shape != b.shape:
            size = np.inf
        else:
            size = _distance(a, b, whole if name.startswith("the gradient") else 0.0)
        if size > worst * (1 + 1e-6):  # of two that differ alike the first is named, the value before its gradients
            worst, where = size, name
    return float(worst), where


def _largest(a: Array) -> float:
    good = np.isfinite(a)
    return float(np.abs(a[good]).max()) if good.any() else 0.0


def _distance(a: Array, b: Array, whole: float) -> float:
    if a.dtype.kind not in "fc":
        return 0.0 if np.array_equal(a, b) else np.inf
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return np.inf
    good = np.isfinite(a)
    if not good.any():
        return 0.0
    scale = max(_largest(a), whole)
    delta = float(np.abs(a[good] - b[good]).max())
    return 0.0 if delta == 0 else delta / scale if scale else np.inf
