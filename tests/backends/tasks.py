"""Tasks and observations for the tests of the backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from harness.backends import load
from harness.backends.base import Backend, Step
from harness.model import Input, Observation, Point, Source, Task, as_held

FRAMEWORKS = ("torch.autograd", "torch.func", "jax")

Key = tuple[str, str, str, str, str]


@cache
def backend(name: str) -> Backend:
    """One instance a process: frameworks take seconds to import."""
    return load(name)()


def make_task(
    text: str, name: str, points: Sequence[Mapping[str, Any]], *, dtype: str = "complex128", kinds: str = "",
    fixed: Sequence[str] = (), layout: str = "", source: str = "portable", **more: Any,
) -> Task:
    """A task from its text and points; kinds of inputs follow from their dtypes, `fixed` ones are held."""
    first = {key: np.asarray(value) for key, value in points[0].items()}
    words = {"c": "complex", "f": "real", "i": "integer", "b": "boolean"}
    inputs = tuple(Input(k, words[a.dtype.kind], a.shape, k not in fixed) for k, a in first.items())
    sites = tuple(
        Point(f"p{n}", {i.name: as_held(np.asarray(p[i.name]), i.kind, dtype) for i in inputs},
              layout=layout)
        for n, p in enumerate(points)
    )
    cls = load(name)
    mode = more.pop("mode", cls.default_mode)
    return Task("case", dtype, cls.name, "cpu", mode, Source(source, text), inputs, sites, **more)


def observe(task: Task, using: Backend | None = None) -> dict[Key, Observation]:
    """Every observation by (point, api, quantity, input, output); a key seen twice is an error."""
    found: dict[Key, Observation] = {}
    for seen in (using or backend(task.backend)).observe(task):
        if isinstance(seen, Step):
            continue
        key = (seen.point, seen.api, seen.quantity, seen.input, seen.output)
        assert key not in found, key
        found[key] = seen
    return found


def steps(task: Task) -> list[tuple[str, str]]:
    """What was announced, in order."""
    return [(s.point, s.api) for s in backend(task.backend).observe(task) if isinstance(s, Step)]


def data(found: Mapping[Key, Observation], *key: str) -> np.ndarray:
    """The data of a row that must be there and be ok."""
    seen = found[key]  # type: ignore[index]
    assert seen.status == "ok", (key, seen.status, seen.error, seen.message)
    assert seen.data is not None
    return seen.data
