"""Cases as JSON and back, without losing a bit, and the digest by which a run knows its catalogue."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from harness.cases.draws import Array
from harness.formats import DTYPES, HALVES
from harness.model import (
    Case,
    CaseError,
    Derivative,
    Expectation,
    Input,
    Place,
    Point,
    Tolerance,
    as_held,
)

_DTYPES = ("bool", "int64", "float32", "float64", "complex64", "complex128")


def to_json(case: Case) -> dict[str, Any]:
    """The case as JSON data. Arrays keep every bit: base64 of their little-endian bytes, dtype and shape."""
    return {
        "id": case.id,
        "function": dict(case.function),
        "inputs": [_fields(i) for i in case.inputs],
        "points": [_point(p) for p in case.points],
        "dtypes": list(case.dtypes),
        "outputs": list(case.outputs),
        "order": case.order,
        "tolerance": _fields(case.tolerance),
        "expect": [_fields(e) for e in case.expect],
        "derivative": [_fields(d) for d in case.derivative],
        "tags": list(case.tags),
        "covers": list(case.covers),
        "blind": case.blind,
        "note": case.note,
        "family": case.family,
        "place": _fields(case.place),
        "seconds": case.seconds,
    }


def from_json(data: Mapping[str, Any]) -> Case:
    """The case that `to_json` wrote. Raises CaseError where the data is not of that form."""
    try:
        return Case(
            id=data["id"],
            function=dict(data["function"]),
            inputs=tuple(Input(i["name"], i["kind"], tuple(i["shape"]), i["differentiate"]) for i in data["inputs"]),
            points=tuple(
                Point(p["name"], {k: array_from_json(a) for k, a in p["arrays"].items()}, p["note"], p["layout"])
                for p in data["points"]
            ),
            dtypes=tuple(data["dtypes"]),
            outputs=tuple(data["outputs"]),
            order=data["order"],
            tolerance=Tolerance(**data["tolerance"]),
            expect=tuple(_expectation(e) for e in data["expect"]),
            derivative=tuple(Derivative(**d) for d in data["derivative"]),
            tags=tuple(data["tags"]),
            covers=tuple(data["covers"]),
            blind=data.get("blind", ""),  # runs of earlier releases have none
            note=data["note"],
            family=data["family"],
            place=Place(**data["place"]),
            seconds=data["seconds"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CaseError(f"this is not a case written by this program: {error!r}") from None


def digest(case: Case) -> str:
    """SHA-256 (hex) of what is computed: everything but places, notes, tags and expectations; and half precisions, in
    which a case is run where a run asks for them, beside the others."""
    data = to_json(case)
    data["dtypes"] = [d for d in case.dtypes if d not in HALVES] or data["dtypes"]
    for key in ("place", "note", "expect", "tags", "covers", "blind"):
        del data[key]
    for point in data["points"]:
        del point["note"]
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def array_to_json(array: Array) -> dict[str, Any]:
    """{dtype, shape, data}: data is base64 of the array's bytes, little-endian, C order."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    data = base64.b64encode(little.tobytes()).decode("ascii")
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def array_from_json(data: Mapping[str, Any]) -> Array:
    """Inverse of `array_to_json`. Raises ValueError or KeyError."""
    if data["dtype"] not in _DTYPES:
        raise ValueError(f"dtype {data['dtype']!r}")
    dtype = np.dtype(data["dtype"])
    flat = np.frombuffer(base64.b64decode(data["data"], validate=True), dtype.newbyteorder("<"))
    array = flat.reshape(tuple(data["shape"])).astype(dtype)
    array.flags.writeable = False
    return array


def point_arrays(case: Case, dtype: str) -> tuple[Point, ...]:
    """The points with their arrays cast to the concrete dtypes of `dtype`, as fresh writable arrays.

    A value beyond the precision becomes infinite, one below it zero or subnormal: that is what a user of that dtype
    gets. Raises CaseError for a dtype word that there is not.
    """
    if dtype not in DTYPES:
        raise CaseError(f"there is no dtype {dtype!r}", None, f"one of {', '.join(DTYPES)}")
    kinds = {i.name: i.kind for i in case.inputs}
    return tuple(
        Point(p.name, {name: as_held(array, kinds[name], dtype) for name, array in p.arrays.items()}, p.note, p.layout)
        for p in case.points
    )


def _point(point: Point) -> dict[str, Any]:
    arrays = {name: array_to_json(array) for name, array in point.arrays.items()}
    return {"name": point.name, "arrays": arrays, "note": point.note, "layout": point.layout}


def _fields(value: Any) -> dict[str, Any]:
    """A flat dataclass as a dict; tuples become lists and places dicts."""
    out: dict[str, Any] = {}
    for entry in fields(value):
        item = getattr(value, entry.name)
        if isinstance(item, Place):
            item = _fields(item)
        elif isinstance(item, tuple):
            item = list(item)
        elif isinstance(item, Mapping):
            item = dict(item)
        out[entry.name] = item
    return out


def _expectation(data: Mapping[str, Any]) -> Expectation:
    values: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in data.items()}
    values["place"] = Place(**data["place"])
    if "defect" in values:  # runs of earlier releases say no more than that
        values["kind"] = "defect" if values.pop("defect") else "formula"
    return Expectation(**values)
