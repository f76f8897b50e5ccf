"""JSON Schema (draft 2020-12) of a case file and of a file of point sets, made from the tables that the reader uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.cases import build, expectations, functions, inputs, known, points, pointsets, sampling, words
from harness.cases.files import MAX_SIDE
from harness.cases.samplers import REGISTRY, Parameter
from harness.model import KINDS
from harness.verdicts import AXES, QUANTITIES, VERDICTS

Schema = dict[str, Any]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> Schema:
    """The schema of a case file; `harness schema` prints it, and an editor completes with it."""
    return {
        "$schema": _DRAFT,
        "title": "A file of Wirtinger harness cases",
        "description": "Functions of named arrays, the points where they are differentiated, what is known about them.",
        "type": "object",
        "required": ["cases"],
        "additionalProperties": False,
        "properties": {
            "defaults": {
                "description": "keys that every case of this file has unless it gives its own",
                "type": "object",
                "additionalProperties": False,
                "properties": {key: {"$ref": f"#/$defs/{key}"} for key in build.DEFAULT_KEYS},
            },
            "cases": {"description": "the cases", "type": "array", "minItems": 1, "items": {"$ref": "#/$defs/case"}},
        },
        "$defs": _definitions(),
    }


def points_schema() -> Schema:
    """The schema of points.yaml."""
    shared = _definitions()
    numbers = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/number"}}
    point_set = {
        "type": "object",
        "required": list(pointsets.SET_KEYS),
        "additionalProperties": False,
        "properties": {
            "description": _text(pointsets.SET_KEYS["description"]),
            "kind": {"description": pointsets.SET_KEYS["kind"], "enum": ["complex", "real"]},
            "points": {
                "description": pointsets.SET_KEYS["points"],
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"$ref": "#/$defs/name"},
                "additionalProperties": {"anyOf": [{"$ref": "#/$defs/number"}, numbers, {"$ref": "#/$defs/sampler"}]},
            },
        },
    }
    return {
        "$schema": _DRAFT,
        "title": "Shared point sets of Wirtinger harness cases",
        "type": "object",
        "required": ["sets"],
        "additionalProperties": False,
        "properties": {
            "sets": {
                "description": "name of the set -> its description, kind and points",
                "type": "object",
                "propertyNames": {"$ref": "#/$defs/name"},
                "additionalProperties": point_set,
            }
        },
        "$defs": {key: shared[key] for key in ("name", "number", "sampler")},
    }


def known_schema() -> Schema:
    """The schema of known.yaml."""
    shared = _definitions()
    whole = shared["expectation"]["properties"]
    there = {
        "type": "object",
        "required": ["verdict"],
        "additionalProperties": False,
        "properties": whole,
    }
    cause = _described(
        known.CAUSE_KEYS,
        {
            "id": {"$ref": "#/$defs/name"},
            **{key: whole[key] for key in known.SHARED},
            "in": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"$ref": "#/$defs/name"},
                "additionalProperties": {"anyOf": [there, {"type": "array", "items": there}]},
            },
        },
        ["id", "because", "in"],
    )
    return {
        "$schema": _DRAFT,
        "title": "Known differences of a catalogue of Wirtinger harness cases",
        "type": "object",
        "required": ["known"],
        "additionalProperties": False,
        "properties": {"known": {"description": "the causes", "type": "array", "items": cause}},
        "$defs": {"name": shared["name"]},
    }


def _text(description: str, *examples: str, **more: Any) -> Schema:
    out: Schema = {"description": description, "type": "string", "minLength": 1, **more}
    if examples:
        out["examples"] = list(examples)
    return out


def _described(keys: Mapping[str, str], schemas: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """An object with exactly these keys; the table's sentence becomes the description of each."""
    out: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"description": keys[key], **schemas[key]} for key in keys},
    }
    if list(required):
        out["required"] = list(required)
    return out


def _one_or_many(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "uniqueItems": True}]}


def _definitions() -> Schema:
    text: Schema = {"type": "string", "minLength": 1}
    return {
        "name": {"type": "string", "pattern": f"^{words.NAME}$", "maxLength": words.MAX_NAME},
        "input-name": {
            "type": "string",
            "pattern": f"^{words.INPUT_NAME}$",
            "not": {"anyOf": [{"enum": list(words.RESERVED_INPUTS)}, {"pattern": "__"}]},
        },
        "number": {
            "description": "a number, or a text such as 1+2j, -1-0j, nan, -inf, pi/2, 1e-200*(1+1j)",
            "anyOf": [{"type": "number"}, {"type": "string", "minLength": 1, "maxLength": 200}],
        },
        "elements": {
            "type": "array",
            "items": {"anyOf": [{"$ref": "#/$defs/number"}, {"type": "boolean"}, {"$ref": "#/$defs/elements"}]},
        },
        "file": _text("a .npz or .npy file in the folder of this file, or below it", "weights.npz"),
        "value": _value(),
        "sampler": _sampler(),
        "type": {
            "description": inputs.KEYS["type"],
            "type": "string",
            "pattern": f"^ *{words.TYPE} *$",
            "examples": [*(f"{kind}[3]" for kind in KINDS), "complex[3,3]", "complex", "const real[3]"],
            "$comment": f"every side at most {MAX_SIDE}",
        },
        "input": _input(),
        "point": _point(),
        "set-reference": _set_reference(),
        "expectation": _expectation(),
        "formulas": _described(
            {"dz": "df/dz, the ordinary derivative for a real input", "dzbar": "df/dz*; 0 where it is left out"},
            {"dz": _formula(), "dzbar": _formula()},
            ["dz"],
        ),
        **_case_keys(text),
        "case": {
            "type": "object",
            "required": ["id", "function", "inputs"],
            "additionalProperties": False,
            "properties": {key: {"$ref": f"#/$defs/{key}"} for key in build.KEYS},
        },
    }


def _formula() -> Schema:
    return {"anyOf": [{"type": "string", "minLength": 1}, {"type": "number"}]}


def _case_keys(text: Schema) -> Schema:
    names = {"type": "object", "minProperties": 1, "propertyNames": {"$ref": "#/$defs/input-name"}}
    fraction = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
    inline: Schema = {
        "type": "object",
        "propertyNames": {"$ref": "#/$defs/name"},
        "additionalProperties": {"$ref": "#/$defs/point"},
    }
    entry = {"anyOf": [text, {"$ref": "#/$defs/set-reference"}, inline]}
    schemas: dict[str, Schema] = {
        "id": {"$ref": "#/$defs/name"},
        "function": {"anyOf": [_text("a portable expression", "arccosh(z)", "abs(z) ** 2"), _families()]},
        "inputs": {
            **names,
            "additionalProperties": {"anyOf": [{"$ref": "#/$defs/type"}, {"$ref": "#/$defs/input"}]},
        },
        "points": {"anyOf": [{**inline, "minProperties": 1}, {"type": "array", "minItems": 1, "items": entry}]},
        "dtype": _one_or_many({"enum": list(words.DTYPES)}),
        "outputs": _one_or_many({"$ref": "#/$defs/name"}),
        "order": {"type": "integer", "enum": [1, 2, 3]},
        "tolerance": {
            "anyOf": [
                fraction,
                _described(
                    {"fine": "beyond it: precision", "coarse": "beyond it: a difference"},
                    {"fine": fraction, "coarse": fraction},
                ),
            ]
        },
        "expect": {
            "anyOf": [
                {"$ref": "#/$defs/expectation"},
                {"type": "array", "items": {"$ref": "#/$defs/expectation"}},
            ]
        },
        "derivative": {
            "anyOf": [
                {"$ref": "#/$defs/formulas"},
                {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/formulas"}},
            ]
        },
        "tags": _one_or_many({"$ref": "#/$defs/name"}),
        "covers": _one_or_many({"type": "string", "pattern": r"^[^\W\d]\w*(\.[^\W\d]\w*)*$"}),
        "blind": text,
        "note": text,
        "seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": build.MAX_SECONDS},
    }
    return {key: {"description": build.KEYS[key], **schemas[key]} for key in build.KEYS}


def _families() -> Schema:
    meaning = {
        "portable": _text("for every backend that has no text of its own", "arccosh(z)"),
        "torch": _text("PyTorch's own spelling, or package.module:function", "torch.nn.functional.silu(z)"),
        "jax": _text("JAX's own spelling, or package.module:function", "jax.nn.silu(z)"),
        "reference": _text("a portable expression that defines the function", "z / (1 + exp(-z))"),
    }
    return {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": meaning,
        "patternProperties": {f"^{functions.FAMILY_NAME}$": {"type": "string", "minLength": 1}},
    }


def _value() -> Schema:
    parts = {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            "re": {"description": "real parts", "$ref": "#/$defs/value"},
            "im": {"description": "imaginary parts", "$ref": "#/$defs/value"},
        },
    }
    stored = {
        "type": "object",
        "additionalProperties": False,
        "required": ["file"],
        "properties": {"file": {"$ref": "#/$defs/file"}, "key": {"type": "string", "description": "name of the array"}},
    }
    return {
        "description": "a number (it fills the shape), nested lists, {re, im}, {file, key}, or {sample, seed, ...}",
        "anyOf": [
            {"$ref": "#/$defs/number"},
            {"type": "boolean"},
            {"$ref": "#/$defs/elements"},
            {"$ref": "#/$defs/sampler"},
            stored,
            parts,
        ],
    }


def _sampler() -> Schema:
    number = {"$ref": "#/$defs/number"}
    properties: dict[str, Schema] = {
        "sample": {"description": sampling.COMMON["sample"], "enum": list(REGISTRY)},
        "seed": {"description": sampling.COMMON["seed"], "type": "integer", "minimum": 0},
        "scale": {**number, "description": sampling.COMMON["scale"]},
        "shift": {**number, "description": sampling.COMMON["shift"]},
    }
    rules = []
    for entry in REGISTRY.values():
        known = [*sampling.COMMON, *(p.name for p in entry.parameters)]
        then = {
            "description": entry.meaning,
            "propertyNames": {"enum": known},
            "properties": {p.name: _parameter(p) for p in entry.parameters},
        }
        rules.append({"if": {"properties": {"sample": {"const": entry.name}}}, "then": then})
        for parameter in entry.parameters:
            properties.setdefault(parameter.name, {"description": parameter.meaning})
    return {
        "description": "a seeded random array",
        "type": "object",
        "required": ["sample"],
        "additionalProperties": False,
        "properties": properties,
        "allOf": rules,
    }


def _parameter(parameter: Parameter) -> Schema:
    out: Schema = {"description": parameter.meaning, "default": parameter.default}
    if parameter.choices:
        return {**out, "enum": list(parameter.choices)}
    if parameter.kind == "integer":
        return {**out, "type": "integer"}
    return {**out, "$ref": "#/$defs/number"}


def _input() -> Schema:
    names = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    base = _described(
        inputs.KEYS,
        {
            "type": {"$ref": "#/$defs/type"},
            "differentiate": {"anyOf": [{"type": "boolean"}, names]},
            "value": {"$ref": "#/$defs/value"},
            "file": {"$ref": "#/$defs/file"},
            "key": {"type": "string"},
        },
    )
    return {**base, "oneOf": [{"required": ["type"]}, {"required": ["file"]}]}


def _layout() -> Schema:
    return {"enum": list(words.LAYOUTS)}


def _point() -> Schema:
    return {
        "description": "input -> value; an input that is left out takes its default value",
        "type": "object",
        "properties": {
            "layout": {"description": points.POINT_KEYS["layout"], **_layout()},
            "note": _text(points.POINT_KEYS["note"]),
        },
        "additionalProperties": {"$ref": "#/$defs/value"},
    }


def _set_reference() -> Schema:
    names = _one_or_many({"type": "string"})
    return _described(
        points.SET_REFERENCE,
        {
            "set": {"type": "string", "minLength": 1},
            "for": names,
            "with": {"type": "object", "additionalProperties": {"$ref": "#/$defs/value"}},
            "only": names,
            "except": names,
            "layout": _layout(),
            "note": {"type": "string"},
        },
        ["set"],
    )


def _expectation() -> Schema:
    free = _one_or_many({"type": "string", "minLength": 1})
    return _described(
        expectations.KEYS,
        {
            "verdict": _one_or_many({"enum": list(VERDICTS)}),
            "because": {"type": "string", "minLength": 1},
            "points": free,
            "backends": {**free, "examples": list(words.BACKENDS)},
            "api": free,
            "quantity": _one_or_many({"enum": list(QUANTITIES)}),
            "dtype": _one_or_many({"enum": list(words.DTYPES)}),
            "axis": _one_or_many({"enum": list(AXES)}),
            "culprit": {**free, "examples": [*words.BACKENDS, "both"]},
            "inputs": free,
            "outputs": free,
            "versions": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "examples": [{"torch": ">=2.1"}],
            },
            "link": {"type": "string", "pattern": "^https?://"},
            "strict": {"type": "boolean"},
            "kind": {"enum": ["defect", "documented", "taste", "formula"]},
        },
        ["verdict", "because"],
    )
