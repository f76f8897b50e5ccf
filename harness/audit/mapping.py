"""Which leaf of the torch side is which leaf of the JAX side: by name, by normalised name, by values; or as written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from harness.audit.faults import AuditError
from harness.audit.sides import SideLeaf
from harness.wirtinger import Array

Axes = tuple[int, ...]

#: Words of one meaning in names of parameters (torch's word on the right).
_SAME = {
    "kernel": "weight", "embedding": "weight", "scale": "weight", "w": "weight", "b": "bias", "mean": "runningmean",
    "var": "runningvar", "gamma": "weight", "beta": "bias",
}
_WRAPPERS = {"params", "model", "module", "variables", "layers", "layer", "net", "batchstats", "self"}


@dataclass(frozen=True)
class Link:
    """One leaf on both sides. axes: np.transpose(torch's array, axes) is laid out as JAX's; () where they are alike.

    how: "name", "similar name", "value", or "mapping file".
    """

    torch: str
    jax: str
    axes: Axes = ()
    how: str = "name"

    def to_jax(self, array: Array) -> Array:
        """An array laid out as torch's, laid out as JAX's."""
        return np.transpose(array, self.axes) if self.axes else array

    def to_torch(self, array: Array) -> Array:
        """An array laid out as JAX's, laid out as torch's."""
        return np.transpose(array, np.argsort(self.axes)) if self.axes else array

    @property
    def turned(self) -> str:
        return "" if not self.axes else "transposed" if self.axes == (1, 0) else f"axes {list(self.axes)}"


@dataclass(frozen=True)
class Matching:
    """Links of arrays, and the names on either side for which there is none."""

    links: tuple[Link, ...]
    torch_only: tuple[str, ...]
    jax_only: tuple[str, ...]


def link(torch: Sequence[SideLeaf], jax: Sequence[SideLeaf], written: Mapping[str, Any] | None = None) -> Matching:
    """Link the arrays of both sides. written: the mapping file's content. Raises AuditError where that is wrong."""
    left = {leaf.name: leaf for leaf in torch if leaf.array is not None}
    right = {leaf.name: leaf for leaf in jax if leaf.array is not None}
    links: list[Link] = []

    def take(a: str, b: str, axes: Axes, how: str) -> None:
        links.append(Link(a, b, axes, how))
        del left[a], right[b]

    for a, b, how in _written(written or {}, left, right):
        take(a, b, how, "mapping file")
    for name in [n for n in left if n in right]:
        axes = turning(left[name], right[name], name)
        if axes is not None:
            take(name, name, axes, "name")
    for key in (_normal, _bare, _last):
        for a, b in _unique(left, right, key):
            axes = turning(left[a], right[b], b)
            if axes is not None:
                take(a, b, axes, "similar name")
    for a in list(left):
        found = [(b, axes) for b in right if (axes := _by_value(left[a], right[b])) is not None]
        if len(found) == 1:
            others = [n for n in left if n != a and _by_value(left[n], right[found[0][0]]) is not None]
            if not others:
                take(a, *found[0], "value")
    order = [leaf.name for leaf in torch]
    links.sort(key=lambda x: order.index(x.torch))
    return Matching(tuple(links), tuple(left), tuple(right))


def turning(torch: SideLeaf, jax: SideLeaf, name: str) -> Axes | None:
    """How torch's array must be turned to be laid out as JAX's; () for not at all, None where no way fits.

    The values decide where several ways fit; where they differ on both sides, a square kernel counts as transposed if
    it goes by Flax's name and torch's does not.
    """
    a, b = _array(torch), _array(jax)
    ways = _ways(a.shape, b.shape)
    if not ways:
        return None
    for axes in ways:
        if _equal(np.transpose(a, axes), b):
            return () if axes == tuple(range(a.ndim)) else axes
    if len(ways) > 1 and a.ndim == 2 and jax.name.endswith("kernel") and torch.name.endswith("weight"):
        return (1, 0)
    plain = tuple(range(a.ndim))
    if plain in ways:
        return ()
    if jax.name.endswith("kernel") and a.ndim > 2:  # (out, in, ...) in torch, (..., in, out) in Flax
        usual = (*range(2, a.ndim), 1, 0)
        if usual in ways:
            return usual
    return ways[0] if len(ways) == 1 else None


def _ways(shape: tuple[int, ...], other: tuple[int, ...]) -> list[Axes]:
    if sorted(shape) != sorted(other) or len(shape) > 5:
        return []
    return [p for p in permutations(range(len(shape))) if tuple(shape[k] for k in p) == other]


def _by_value(torch: SideLeaf, jax: SideLeaf) -> Axes | None:
    """As `turning`, only if the values are equal and say something (are not all the same number)."""
    a, b = _array(torch), _array(jax)
    if a.dtype.kind != b.dtype.kind or a.size < 2 or a.size != b.size or bool((a == a.reshape(-1)[0]).all()):
        return None
    for axes in _ways(a.shape, b.shape):
        if _equal(np.transpose(a, axes), b):
            return () if axes == tuple(range(a.ndim)) else axes
    return None


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a, b.astype(a.dtype) if a.dtype.kind == b.dtype.kind else b))


def _array(leaf: SideLeaf) -> Array:
    assert leaf.array is not None
    return leaf.array


def _parts(name: str) -> list[str]:
    found = [p.lower() for p in re.split(r"[._/\[\]'\"]+", re.sub(r"([a-z])([A-Z0-9])", r"\1_\2", name)) if p]
    return [_SAME.get(p, p) for p in found]


def _normal(leaf: SideLeaf) -> tuple[str, ...]:
    """The name without its argument and its wrappers: model.layers.0.weight and params.layers_0.kernel are one."""
    return tuple(p for p in _parts(leaf.name.removeprefix(f"{leaf.argument}.")) if p not in _WRAPPERS)


def _bare(leaf: SideLeaf) -> tuple[str, ...]:
    """As `_normal`, in one word: fc1 and fc_1."""
    return ("".join(_normal(leaf)),)


def _last(leaf: SideLeaf) -> tuple[str, ...]:
    """The last word alone, where the trees are nested to different depths."""
    return _normal(leaf)[-1:]


def _unique(left: Mapping[str, SideLeaf], right: Mapping[str, SideLeaf], key: Any) -> Iterable[tuple[str, str]]:
    names: list[dict[Any, list[str]]] = []
    for side in (left, right):
        found: dict[Any, list[str]] = {}
        for leaf in side.values():
            found.setdefault(key(leaf), []).append(leaf.name)
        names.append(found)
    return [(a[0], names[1][k][0]) for k, a in names[0].items() if len(a) == 1 and len(names[1].get(k, ())) == 1]


# -- the mapping file --------------------------------------------------------------------------------------------------


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping file: torch name -> JAX name, or {name: ..., transpose: true} or {name: ..., axes: [2, 3, 1, 0]}."""
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
        extra = set(value) - {"name", "transpose", "axes"}
        if extra:
            raise AuditError(f"{path}: {key}: unknown key {min(map(str, extra))!r}; known: name, transpose, axes")
        if not isinstance(value.get("transpose", False), bool):
            raise AuditError(f"{path}: {key}: transpose is true or false")
    return held


def _written(
    written: Mapping[str, Any], left: Mapping[str, SideLeaf], right: Mapping[str, SideLeaf]
) -> list[tuple[str, str, Axes]]:
    out: list[tuple[str, str, Axes]] = []
    for a, value in written.items():
        entry = {"name": value} if isinstance(value, str) else value
        b = entry["name"]
        for name, side, word in ((a, left, "torch"), (b, right, "JAX")):
            if name not in side:
                raise AuditError(f"the mapping names {name!r}, which the {word} side lacks; it has {_some(side)}")
        if b in {x for _, x, _ in out}:
            raise AuditError(f"the mapping names {b!r} of the JAX side twice")
        x, y = _array(left[a]), _array(right[b])
        axes = tuple(entry.get("axes") or ((*range(x.ndim - 2), x.ndim - 1, x.ndim - 2) if entry.get("transpose")
                     and x.ndim > 1 else ()))
        if axes and sorted(axes) != list(range(x.ndim)):
            raise AuditError(
                f"the mapping of {a}: axes must be a permutation of {list(range(x.ndim))}, not {list(axes)}"
            )
        turned = np.transpose(x, axes) if axes else x
        if turned.shape != y.shape:
            raise AuditError(f"the mapping of {a}: {list(turned.shape)} on the torch side, {list(y.shape)} on JAX's")
        out.append((a, b, axes if axes != tuple(range(x.ndim)) else ()))
    return out


def _some(names: Mapping[str, Any]) -> str:
    shown = list(names)[:8]
    return ", ".join(shown) + (f", … ({len(names)})" if len(names) > 8 else "")
