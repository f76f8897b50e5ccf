"""Many points at once in a process of its own: the request is a file, and so is the answer.

    python -m harness.backends.sweep_worker REQUEST.npz ANSWER.npz

The request holds `points` (N,) and the JSON `spec`: source kind and text, the argument's name, the backends of one
family. The answer holds for each backend `NAME/value` (N,) and `NAME/reverse`, `NAME/forward`: (N, rows of J, columns
of J), and the JSON `spec`: versions, and the framework's own message where one of them refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness import backends, expr
from harness.model import Source
from harness.wirtinger import Array


def main(argv: Sequence[str]) -> int:
    """Answer one request. Refusals of the framework are part of the answer; only a defect here raises."""
    request, answer = argv
    with np.load(request, allow_pickle=False) as given:
        points, spec = given["points"], json.loads(str(given["spec"]))
    arrays: dict[str, Array] = {}
    told: dict[str, Any] = {"backends": {}}
    for name in spec["backends"]:
        found, facts = observe(name, Source(spec["kind"], spec["text"]), spec["argument"], points, spec["modules"])
        arrays.update({f"{name}/{key}": value for key, value in found.items()})
        told["backends"][name] = facts
    with open(answer, "wb") as file:
        np.savez(file, spec=np.array(json.dumps(told)), **arrays)  # type: ignore[arg-type]
    return 0


def observe(
    name: str, source: Source, argument: str, points: Array, modules: Sequence[str] = ()
) -> tuple[dict[str, Array], dict[str, Any]]:
    """(arrays, facts) of one backend: see the module's docstring."""
    facts: dict[str, Any] = {"versions": {}, "messages": {}}
    arrays: dict[str, Array] = {}
    try:
        backend: Any = backends.load(name)()
        facts["versions"] = dict(backend.versions())
        call = expr.compile_source(source, (argument,), backend.family, backend.roots(), tuple(modules))
    except Exception as error:
        facts["messages"]["value"] = _said(error)
        return arrays, facts
    parts = backend.sweep(call, points)
    if parts is None:
        facts["messages"]["value"] = f"the backend {backend.name} has no sweep over many points"
        return arrays, facts
    for key, work in parts.items():
        try:
            arrays[key] = work()
        except Exception as error:
            facts["messages"][key] = _said(error)
    return arrays, facts


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
