"""From `{sample: name, seed: 3, ...}` in a case to an array."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.cases import document, matrices
from harness.cases.constants import BadNumber, Number
from harness.cases.constants import number as constant
from harness.cases.document import Scalar, Table
from harness.cases.draws import Array, Draws, Shape, join, times
from harness.cases.errors import suggestion
from harness.cases.samplers import REGISTRY, Parameter, Sampler
from harness.model import CaseError, Place

#: Keys that every sampler takes.
COMMON: Mapping[str, str] = {
    "sample": "name of the sampler",
    "seed": "whole number from 0 on; 0 where it is left out",
    "scale": "a number that multiplies the sample",
    "shift": "a number that is added (to the diagonal of a matrix sampler)",
}


def sample(table: Table, kind: str, shape: Shape, what: str, stream: int = 0) -> Array:
    """The array that a sampler makes for an input. Raises CaseError with the place of the wrong key.

    stream: inputs that draw from the same seed at the same point get independent numbers by their index.
    """
    entry = _entry(table, kind, shape, what)
    known = [*COMMON, *(p.name for p in entry.parameters)]
    document.table(table, f"the sampler {entry.name!r}", known, table.place)
    parameters = {p.name: _parameter(p, table, entry) for p in entry.parameters}
    if "low" in parameters and parameters["low"] > parameters["high"]:
        raise CaseError(f"low is larger than high in the sampler {entry.name!r}", table.place)
    draws = Draws([_seed(table), stream])
    with np.errstate(all="ignore"):
        array = entry.draw(draws, shape, kind == "complex", parameters)
        return _scaled(array, table, kind, entry)


def _entry(table: Table, kind: str, shape: Shape, what: str) -> Sampler:
    place = table.where("sample")
    name = document.text(table.get("sample"), "sample", place)
    entry = REGISTRY.get(name)
    if entry is None:
        near = difflib.get_close_matches(name, REGISTRY, n=1)
        raise CaseError(f"there is no sampler {name!r}", place, suggestion(name, near or REGISTRY, listing=60))
    if kind not in entry.kinds:
        raise CaseError(
            f"the sampler {name!r} makes no {kind} arrays, as {what} needs", place, _others(kind, entry.axes)
        )
    if len(shape) < entry.axes:
        need = "a matrix" if entry.axes == 2 else "at least one axis"
        raise CaseError(f"the sampler {name!r} needs {need}, but {what} has shape {list(shape)}", place)
    if entry.square and shape[-1] != shape[-2]:
        raise CaseError(f"the sampler {name!r} needs a square matrix, but {what} has shape {list(shape)}", place)
    if entry.axes == 2 and max(shape[-2:]) > matrices.MAX_SIDE:
        raise CaseError(f"a matrix sampler makes sides of at most {matrices.MAX_SIDE}, not {list(shape)}", place)
    return entry


def _others(kind: str, axes: int) -> str:
    names = [s.name for s in REGISTRY.values() if kind in s.kinds and s.axes == axes]
    return f"for {kind}: {', '.join(names[:8])}" if names else ""


def _seed(table: Table) -> int:
    node = table.get("seed")
    if node is None:
        return 0
    value = document.resolve(node) if isinstance(node, Scalar) else None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise CaseError(f"seed must be a whole number from 0 on, not {document.describe(node)}", node.place)
    return value


def _parameter(parameter: Parameter, table: Table, entry: Sampler) -> Any:
    node = table.get(parameter.name)
    if node is None:
        return parameter.default
    what = f"{parameter.name} of the sampler {entry.name!r}"
    if parameter.kind == "word":
        value: Any = node.text if isinstance(node, Scalar) else None
    elif parameter.kind == "integer":
        value = document.resolve(node) if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int):
            raise CaseError(f"{what} must be a whole number, not {document.describe(node)}", node.place)
    else:
        value = _real(node, what)
    if parameter.choices and value not in parameter.choices:
        options = ", ".join(str(choice) for choice in parameter.choices)
        raise CaseError(f"{what} must be one of {options}, not {document.describe(node)}", node.place)
    if parameter.kind != "word" and not parameter.low <= value <= parameter.high:
        raise CaseError(f"{what} must lie between {parameter.low:g} and {parameter.high:g}", node.place)
    return value


def _constant(node: document.Node, what: str) -> tuple[Number, Place]:
    if not isinstance(node, Scalar):
        raise CaseError(f"{what} must be a number, not {document.describe(node)}", node.place)
    try:
        return constant(node.text), node.place
    except BadNumber as error:
        raise CaseError(f"{what}: {error}", node.place, error.hint) from None


def _real(node: document.Node, what: str) -> float:
    value, place = _constant(node, what)
    if not value.is_real or not np.isfinite(value.real):
        raise CaseError(f"{what} must be a finite real number", place)
    return value.real


def _scaled(array: Array, table: Table, kind: str, entry: Sampler) -> Array:
    out = array
    for key in ("scale", "shift"):
        node = table.get(key)
        if node is None:
            continue
        value, place = _constant(node, key)
        if kind in ("integer", "boolean") or (kind == "real" and not value.is_real):
            raise CaseError(f"{key} cannot be {document.describe(node)} for a {kind} input", place)
        factor: Array = np.asarray(value.real)
        if not value.is_real:
            factor = join(factor, np.asarray(value.imag))
        if key == "scale":
            out = times(out, factor)
        elif entry.axes == 2:
            out = np.where(np.eye(out.shape[-2], out.shape[-1]) > 0, _plus(out, factor), out)
        else:
            out = _plus(out, factor)
    return out


def _plus(a: Array, b: Array) -> Array:
    if np.iscomplexobj(b):
        return join(a.real + b.real, a.imag + b.imag)
    return join(a.real + b, a.imag) if np.iscomplexobj(a) else a + b
