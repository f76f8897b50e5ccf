"""`--save-case`: the audited point as a YAML case beside its numbers, for `harness lint` and `harness run`.

A case calls a function with arrays. Where both functions take just that, the case names them; where they take trees, or
lay kernels out differently, it names an adapter of a few lines that is written beside it and puts the arrays into each
side's trees.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from harness.audit.faults import AuditError, SideFault
from harness.audit.files import write_npz
from harness.audit.sides import Channel, Loaded, SideLeaf
from harness.cases import load
from harness.cases.files import MAX_AXES, MAX_ELEMENTS, MAX_SIDE
from harness.cases.inputs import MAX_INPUTS
from harness.model import CaseError
from harness.wirtinger import Array

if TYPE_CHECKING:
    from harness.audit.mapping import Link
    from harness.audit.state import State


def save(path: Path, state: State, channels: Mapping[str, Channel]) -> str:
    """Write FILE.yaml, FILE.npz and, where one is needed, FILE_adapter.py; returns how to run the case.

    Raises AuditError where the point cannot be a case: too large, or trees of objects.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise AuditError(f"a case is a .yaml file, not {path}")
    if not path.parent.is_dir():
        raise AuditError(f"there is no folder {path.parent}")
    if any(state.matching.views.values()) or any(x.layout.split or x.layout.merged for x in state.matching.links):
        raise AuditError("arrays that are cut or reshaped on their way to the other side cannot be saved as a case")
    numbers = _numbers(state)
    _check_sizes(numbers)
    name = re.sub(r"[^A-Za-z0-9-]+", "-", path.stem).strip("-") or "audit"
    targets = {side: str(state.targets[side]) for side in ("torch", "jax")}
    data = path.with_suffix(".npz")
    plain = _plain_arguments(state)
    if plain is None:
        adapter = path.with_name(f"{name.replace('-', '_')}_adapter.py")
        text = _adapter(state, channels, numbers)
        _write(adapter, text)
        module, folder = _module(adapter)
        targets = {side: f"{module}:{side}_side" for side in ("torch", "jax")}
        inputs: dict[str, Any] = {
            v: {"file": data.name, "key": v, "differentiate": active} for v, (_, active) in numbers.items()
        }
        arrays = {v: a for v, (a, _) in numbers.items()}
    else:
        folder = ""
        inputs, arrays = plain
        inputs = {k: {"file": data.name, **v} for k, v in inputs.items()}
    write_npz(data, {k: _case_array(a) for k, a in arrays.items()})
    kind = "complex" if any(np.iscomplexobj(a) for a, active in numbers.values() if active) else "float"
    width = {True: {"complex": "complex64", "float": "float32"}, False: {"complex": "complex128", "float": "float64"}}
    dtype = state.half if state.half and kind == "float" else width[state.single][kind]
    case = {"id": name, "function": targets, "inputs": inputs, "dtype": dtype,
            "note": f"saved by harness audit from {state.targets['torch']} and {state.targets['jax']}"}
    _write(path, yaml.safe_dump({"cases": [case]}, sort_keys=False, width=110))
    modules = sorted({t.partition(":")[0] for t in targets.values()})
    try:
        load([path], allow=modules)
    except CaseError as error:
        raise AuditError(f"this point cannot be written as a case: {error}") from error
    allow = " ".join(f"--allow {m}" for m in modules)
    before = f"PYTHONPATH={folder} " if folder else ""
    return f"{path}; run it with {before}harness run {path} {allow}"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AuditError(f"cannot write {path}: {error.strerror}") from error


def _case_array(array: Array) -> Array:
    """Cases hold int64, bool, float64 and complex128, and read the narrower ones."""
    return np.ascontiguousarray(array.astype(np.int64) if array.dtype.kind == "u" else array)


def _leaves(loaded: Loaded) -> list[SideLeaf]:
    return [leaf for leaf in loaded.leaves if leaf.array is not None]


def _variable(name: str, taken: set[str]) -> str:
    """A leaf's name as that of an input of a case: params.layers.0.weight is params_layers_0_weight."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "x"
    word = word if word[0].isalpha() and word not in ("note", "layout") else f"x_{word}"
    found, k = word, 2
    while found in taken:
        found, k = f"{word}_{k}", k + 1
    taken.add(found)
    return found


def _variables(state: State) -> dict[str, dict[str, str]]:
    """{"torch": leaf name -> variable, "jax": ...}; linked leaves share a variable."""
    taken: set[str] = set()
    out: dict[str, dict[str, str]] = {"torch": {}, "jax": {}}
    links = {x.torch: x for x in state.matching.links}
    for leaf in _leaves(state.loaded["torch"]):
        word = out["torch"][leaf.name] = _variable(leaf.name, taken)
        if leaf.name in links:
            out["jax"][links[leaf.name].jax] = word
    for leaf in _leaves(state.loaded["jax"]):
        if leaf.name not in out["jax"]:
            out["jax"][leaf.name] = _variable(leaf.name, taken)
    return out


def _numbers(state: State) -> dict[str, tuple[Array, bool]]:
    """variable -> (its array, in torch's layout where both sides have it; whether it is differentiated)."""
    variables, out = _variables(state), {}
    for side in ("jax", "torch"):
        for leaf in _leaves(state.loaded[side]):
            assert leaf.array is not None
            out[variables[side][leaf.name]] = (leaf.array, leaf.differentiate)
    order = list(dict.fromkeys(v for side in ("torch", "jax") for v in variables[side].values()))
    return {v: out[v] for v in order}


def _check_sizes(numbers: Mapping[str, tuple[Array, bool]]) -> None:
    if len(numbers) > MAX_INPUTS:
        raise AuditError(f"{len(numbers)} arrays are too many for a case, which has {MAX_INPUTS} inputs at most")
    for name, (array, _) in numbers.items():
        if array.size > MAX_ELEMENTS or array.ndim > MAX_AXES or max(array.shape, default=0) > MAX_SIDE:
            raise AuditError(
                f"{name} of shape {list(array.shape)} is too large for a case (at most {MAX_ELEMENTS:,} elements, "
                f"sides of {MAX_SIDE}): audit a smaller model and save that"
            )


def _plain_arguments(state: State) -> tuple[dict[str, dict[str, Any]], dict[str, Array]] | None:
    """(inputs, arrays) where both functions take the same plain arrays and nothing else; None otherwise."""
    sides = [state.loaded[s].leaves for s in ("torch", "jax")]
    if any(x.axes or x.torch != x.jax for x in state.matching.links) or any(
        leaf.array is None or "." in leaf.name for side in sides for leaf in side
    ):
        return None
    names = [[leaf.name for leaf in side] for side in sides]
    if names[0] != names[1] or any(not re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", n) for n in names[0]):
        return None
    if any(list(state.seen[s].outputs) != ["value"] for s in ("torch", "jax")):
        return None
    arrays = {leaf.name: leaf.array for leaf in sides[0] if leaf.array is not None}
    return {leaf.name: {"key": leaf.name, "differentiate": leaf.differentiate} for leaf in sides[0]}, arrays


def _module(path: Path) -> tuple[str, str]:
    """(dotted name of a module, the folder that must be on the path; "" where that is the current one)."""
    here = Path.cwd().resolve()
    where = path.resolve()
    if where.is_relative_to(here):
        parts = where.relative_to(here).with_suffix("").parts
        if all(p.isidentifier() for p in parts):
            return ".".join(parts), ""
    return path.stem, os.fspath(where.parent)


# -- the adapter -------------------------------------------------------------------------------------------------------


def _adapter(state: State, channels: Mapping[str, Channel], numbers: Mapping[str, Any]) -> str:
    variables = _variables(state)
    links: dict[str, Link] = {x.jax: x for x in state.matching.links}
    parts = ['"""Adapters of a case saved by `harness audit --save-case`: arrays into each side\'s own trees."""\n']
    for side in ("torch", "jax"):
        module, _, name = str(state.targets[side]).partition(":")
        texts = {}
        for leaf, variable in variables[side].items():
            axes = links[leaf].axes if side == "jax" and leaf in links else ()
            texts[leaf] = f"{variable}.transpose({', '.join(map(str, axes))})" if axes else variable
        channels[side].ask("expressions", variables=texts)
        try:
            arguments: dict[str, str] = channels[side].answer()["expressions"]
        except SideFault as fault:
            raise AuditError(f"this point cannot be written as a case: {fault}") from fault
        call = ", ".join(arguments.values())
        parts.append(
            f"\n\ndef {side}_side({', '.join(numbers)}):\n    from {module} import {name}\n\n"
            f"    out = {name}({call})\n    return {_returned(state.seen[side].outputs)}\n"
        )
    return "".join(parts)


def _returned(outputs: Mapping[str, Array]) -> str:
    names = list(outputs)
    if names == ["value"]:
        return "out"
    if names == [str(k) for k in range(len(names))]:
        return "tuple(out)"
    if any("." in n for n in names):
        raise AuditError("this point cannot be written as a case: the function returns a tree of trees")
    return f"tuple(out[name] for name in {names!r})"
