"""The mapping file: which array is which, as the user writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.audit.faults import AuditError
from harness.audit.layout import Layout, layouts, likely, same
from harness.audit.parts import Cover, Part, View, checked, parse
from harness.wirtinger import Array

Written = Mapping[str, Any]
_KEYS = ("name", "transpose", "axes", "blocks")


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping file: torch name -> JAX name, or {name: ..., transpose: true, axes: [2, 3, 1, 0], blocks: [1, 0, 2]}.

    Raises AuditError where it is no such mapping.
    """
    import yaml

    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AuditError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise AuditError(f"{path}{where}: not YAML: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(held, dict) or not all(isinstance(k, str) for k in held):
        raise AuditError(f"{path}: expected a mapping of torch names to JAX names")
    for key, value in held.items():
        if isinstance(value, str):
            continue
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise AuditError(f"{path}: {key}: expected a JAX name, or {{name: ..., transpose: true}}")
        extra = set(value) - set(_KEYS)
        if extra:
            raise AuditError(f"{path}: {key}: unknown key {min(map(str, extra))!r}; known: {', '.join(_KEYS)}")
        if not isinstance(value.get("transpose", False), bool):
            raise AuditError(f"{path}: {key}: transpose is true or false")
    return held


def written_links(
    written: Written, torch: Mapping[str, Array], jax: Mapping[str, Array], cover: Mapping[str, Cover]
) -> list[tuple[View, View, Layout]]:
    """The links that the file names. Raises AuditError for names, indices and shapes that do not fit."""
    out: list[tuple[View, View, Layout]] = []
    seen: set[str] = set()
    taken = {side: Cover(arrays) for side, arrays in (("torch", torch), ("jax", jax))}
    for key, value in written.items():
        entry = {"name": value} if isinstance(value, str) else value
        a, b = parse(key, torch, "torch"), parse(entry["name"], jax, "JAX")
        x, y = checked(a, torch), checked(b, jax)
        pairs = [(a, b, x, y)]
        layout = _layout(key, entry, x, y)
        if entry.get("blocks"):
            pairs, layout = _blocks(key, entry, a, b, x, y, layout), layout
        for u, v, _, _ in pairs:
            for side, view, word in (("torch", u, "torch"), ("jax", v, "JAX")):
                if taken[side].taken(view):
                    what = "twice" if view.name in seen else "over something that it has named already"
                    raise AuditError(f"the mapping names {view.name!r} of the {word} side {what}")
                seen.add(view.name)
            taken["torch"].take(u)
            taken["jax"].take(v)
            out.append((u, v, layout if len(pairs) == 1 else Layout(layout.axes)))
    return out


def _layout(key: str, entry: Mapping[str, Any], x: Array, y: Array) -> Layout:
    axes = tuple(entry.get("axes") or ())
    if entry.get("transpose") and not axes and x.ndim > 1:
        axes = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)
    if axes:
        if sorted(axes) != list(range(x.ndim)):
            raise AuditError(
                f"the mapping of {key}: axes must be a permutation of {list(range(x.ndim))}, not {list(axes)}"
            )
        turned = np.transpose(x, axes).shape
        if turned != y.shape:
            merged = next((w for w in layouts(turned, y.shape) if not w.axes), None)
            if merged is not None:
                wanted = np.transpose(x, axes).reshape(y.shape)
                return next((w for w in layouts(x.shape, y.shape) if np.array_equal(w.to_jax(x), wanted)), Layout(axes))
            raise AuditError(f"the mapping of {key}: {list(turned)} on the torch side, {list(y.shape)} on JAX's")
        return Layout(() if axes == tuple(range(x.ndim)) else axes)
    if x.shape == y.shape:
        return Layout()
    layout = same(x, y) or likely(x, y, key, entry["name"])
    if layout is None or "transpose" in entry:
        raise AuditError(f"the mapping of {key}: {list(x.shape)} on the torch side, {list(y.shape)} on JAX's")
    return layout


def _blocks(key: str, entry: Mapping[str, Any], a: View, b: View, x: Array, y: Array, layout: Layout
            ) -> list[tuple[View, View, Array, Array]]:
    """Block k of JAX's array is block blocks[k] of torch's, along torch's first axis."""
    order = entry["blocks"]
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(map(str, range(len(order)))):
        raise AuditError(f"the mapping of {key}: blocks is a permutation such as [1, 0, 2], not {order!r}")
    parts = (*a.parts, *b.parts)
    if any(p.inside for p in parts) or layout.split is not None or layout.merged is not None:
        raise AuditError(f"the mapping of {key}: blocks are of whole arrays; name slices instead")
    if x.shape[0] % len(order):
        raise AuditError(f"the mapping of {key}: {x.shape[0]} rows do not make {len(order)} blocks")
    size, axis = x.shape[0] // len(order), layout.axes.index(0) if layout.axes else 0
    out = []
    for k, block in enumerate(order):
        u = View(tuple(Part(p.leaf, f"{block * size}:{(block + 1) * size}") for p in a.parts))
        v = View(tuple(Part(p.leaf, ":, " * axis + f"{k * size}:{(k + 1) * size}") for p in b.parts))
        out.append((u, v, x, y))
    return out


def as_line(torch: str, jax: str, layout: Layout) -> str:
    """A line of a mapping file."""
    turned = "" if not layout.axes or layout.split is not None or layout.merged is not None else (
        ", transpose: true" if layout.axes == (1, 0) else f", axes: {list(layout.axes)}")
    name = f'"{jax}"' if set(jax) & set("[]{},:#&*!|>'%@`") else jax
    key = f'"{torch}"' if set(torch) & set("[]{},:#&*!|>'%@`") else torch
    return f"{key}: {{name: {name}{turned}}}" if turned else f"{key}: {name}"
