"""Which names of torch and of JAX are one function, and why some functions are in one of them alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

from harness.expr import table

_TORCH = re.compile(r"torch\.[\w.]+(?=\()")
_JAX = re.compile(r"(?:jnp|jax)\.[\w.]+(?=\()")


@dataclass
class Function:
    """One function: the name that stands for it, its other names in each framework, its portable names."""

    name: str
    torch: list[str] = field(default_factory=list)
    jax: list[str] = field(default_factory=list)
    group: str = ""  # heading of the spelling table, or of same.txt


@dataclass(frozen=True)
class Names:
    """functions: by the name that stands for each. A jax name may belong to several: jnp.max is max and amax."""

    functions: Mapping[str, Function]
    torch: Mapping[str, str]  # torch name -> function
    jax: Mapping[str, frozenset[str]]  # jax name -> functions


def data(name: str) -> str:
    return resources.files("harness.coverage").joinpath(name).read_text(encoding="utf-8")


def sections(text: str) -> Iterable[tuple[str, str]]:
    """(heading, line) of every line of a data file that is not empty and no comment."""
    heading = ""
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("= "):
            heading = line[2:].strip()
        elif line:
            yield heading, line


@lru_cache(maxsize=1)
def reasons() -> Mapping[str, str]:
    """Name -> why it is not counted as a function of both frameworks."""
    return {name: heading for heading, line in sections(data("reasons.txt")) for name in line.split()}


def cells(name: str, row: int) -> tuple[str, str]:
    """The torch and the jax function of one row of the spelling table, "" where there is no single one."""
    entry = table()[name].rows[row]
    found = []
    for family, pattern in (("torch", _TORCH), ("jax", _JAX)):
        text = entry.cells.get(family, "")
        match = None if family in entry.composed else pattern.search(text)
        found.append(match.group() if match else "")
    return found[0], found[1]


def names(same: Iterable[tuple[str, ...]] = ()) -> Names:
    """The functions of the spelling table, of same.txt and of `same` (names of one function, the first for all)."""
    functions: dict[str, Function] = {}
    of_torch: dict[str, str] = {}
    of_jax: dict[str, set[str]] = {}

    def add(group: str, torch: list[str], jax: list[str]) -> None:
        if not torch and not jax:
            return
        base = next((of_torch[t] for t in torch if t in of_torch), None)
        if base is None and torch:
            base = torch[0]
        if base is None:
            base = next((sorted(of_jax[j])[0] for j in jax if j in of_jax), jax[0])
        entry = functions.setdefault(base, Function(base))
        entry.group = entry.group or group
        for name in torch:
            if of_torch.setdefault(name, base) == base and name not in entry.torch:
                entry.torch.append(name)
        for name in jax:
            of_jax.setdefault(name, set()).add(base)
            if name not in entry.jax:
                entry.jax.append(name)

    for group in same:
        if group[0].startswith("torch."):
            add("", list(group), [])
    for heading, line in sections(data("same.txt")):
        words = line.split()
        add(heading, [w for w in words if w.startswith("torch.")], [w for w in words if not w.startswith("torch.")])
    for name, spelling in table().items():
        for row in range(len(spelling.rows)):
            torch, jax = cells(name, row)
            add(spelling.group, [torch] if torch else [], [jax] if jax else [])
            known = of_torch.get(torch) if torch else None
            if known:
                functions[known].group = spelling.group
    for group in same:
        if not group[0].startswith("torch."):
            add("", [], list(group))
    return Names(functions, of_torch, {name: frozenset(found) for name, found in of_jax.items()})
