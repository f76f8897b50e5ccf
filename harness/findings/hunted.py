"""Defects that no case of the catalogue shows, found by sweeps, searches and reading, from hunted.yaml.

Each was reduced to one point by hand, looked up among the other findings, and has an exhibit: an expression of the
framework, one of mpmath, and three points on either side of where its sentence says that it is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from harness.findings.exhibits import Exhibit

#: What a script returns of a function: its value, a derivative in one of the directions, or a second derivative.
QUANTITIES = {"value": "value", "reverse": "differential", "forward": "differential", "hessian": "hessian"}
APIS = {"reverse": ("pullback",), "forward": ("pushforward",)}


@dataclass(frozen=True)
class Hunted:
    """One defect. name: begins with the framework. of: a key of QUANTITIES. verdict: one word of harness.verdicts.
    dtype: in which its exhibit computes."""

    name: str
    of: str
    verdict: str
    sentence: str
    link: str
    exhibit: Exhibit
    dtype: str

    @property
    def framework(self) -> str:
        return self.name.partition("-")[0]


@cache
def hunted() -> Mapping[str, Hunted]:
    """Every entry of hunted.yaml by its name."""
    text = resources.files("harness.findings").joinpath("hunted.yaml").read_text("utf-8")
    return {entry["id"]: _read(entry) for entry in yaml.safe_load(text)}


def _read(entry: Mapping[str, Any]) -> Hunted:
    shown = Exhibit(
        str(entry["got"]), str(entry["right"]), _literal(entry["shown"]), _three(entry["inside"]),
        _three(entry["outside"]), float(entry.get("room", 1e-6)), str(entry.get("setup", "")), str(entry["function"]))
    return Hunted(entry["id"], entry["of"], entry["verdict"], " ".join(str(entry["sentence"]).split()),
                  str(entry.get("link", "")), shown,
                  entry.get("dtype", "complex128" if "j" in shown.shown else "float64"))


def _three(points: Sequence[Any]) -> tuple[str, str, str]:
    first, second, third = points
    return _literal(first), _literal(second), _literal(third)


def _literal(point: Any) -> str:
    """A point as it is written; YAML reads some numbers itself."""
    return point if isinstance(point, str) else repr(point)
