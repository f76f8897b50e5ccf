"""Many points at once in a process of its own.

    python -m harness.backends.sweep_worker REQUEST.npz ANSWER.npz     one request: a file, and so is the answer
    serve()                                                            frames on the pipes, until the input ends

A request holds `points` (N,) and the `spec`: source kind and text, the argument's name, the backends of one family, the
modules allowed, `dtype` (a half precision, or "") and `parts` (default: all). The answer holds for each backend
`NAME/value` (N,) and `NAME/reverse`, `NAME/forward`: (N, rows of J, columns of J), and the versions, and the
framework's own message where one of them refused.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from harness import backends, expr
from harness.model import Source
from harness.wirtinger import Array
from harness.workers.frames import FrameReader, array_bytes, array_from, pack

#: Sizes to which points are filled up, so that a compiled program serves many requests; the last one cuts longer ones.
_SIZES = (8192, 65536)
PARTS = ("value", "reverse", "forward")


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


def serve() -> None:
    """Answer requests on standard input until it ends. What user code prints goes to standard error."""
    source, sink = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    reader = FrameReader()
    while data := os.read(source, 1 << 20):
        for frame in reader.feed(data):
            view = memoryview(answered(frame.header, frame.body))
            while view:
                view = view[os.write(sink, view) :]


def answered(header: Mapping[str, Any], body: bytes) -> bytes:
    """The frame that answers a request."""
    spec = header["spec"]
    points = array_from(header["kind"], header["shape"], body)
    told, listed, bodies = {}, [], []
    for name in spec["backends"]:
        found, told[name] = _in_blocks(name, spec, points)
        for key, array in found.items():
            kind, shape, data = array_bytes(array)
            listed.append([name, key, kind, shape, len(data)])
            bodies.append(data)
    return pack({"m": "answer", "backends": told, "arrays": listed}, bodies)


def _in_blocks(name: str, spec: Mapping[str, Any], points: Array) -> tuple[dict[str, Array], dict[str, Any]]:
    """`observe` in blocks of few sizes; the last one is filled up with its first point."""
    made: dict[str, list[Array]] = {}
    facts: dict[str, Any] = {}
    for start in range(0, max(1, points.size), _SIZES[-1]):
        block = points[start : start + _SIZES[-1]]
        size = next(s for s in _SIZES if s >= block.size)
        filled = np.concatenate([block, np.full(size - block.size, block[0] if block.size else 1, block.dtype)])
        found, facts = observe(
            name, Source(spec["kind"], spec["text"]), spec["argument"], filled, tuple(spec["modules"]),
            spec.get("dtype", ""), tuple(spec.get("parts", PARTS)),
        )
        for key, array in found.items():
            made.setdefault(key, []).append(array[: block.size])
    whole = max(map(len, made.values()), default=0)
    return {key: np.concatenate(parts) for key, parts in made.items() if len(parts) == whole}, facts


def observe(
    name: str, source: Source, argument: str, points: Array, modules: Sequence[str] = (), dtype: str = "",
    parts: Sequence[str] = PARTS,
) -> tuple[dict[str, Array], dict[str, Any]]:
    """(arrays, facts) of one backend: see the module's docstring."""
    facts: dict[str, Any] = {"versions": {}, "messages": {}}
    arrays: dict[str, Array] = {}
    try:
        backend = _backend(name)
        facts["versions"] = dict(backend.versions())
        call = _call(name, source, argument, tuple(modules))
    except Exception as error:
        facts["messages"]["value"] = _said(error)
        return arrays, facts
    offered = backend.sweep(call, points, dtype) if dtype else backend.sweep(call, points)
    if offered is None:
        facts["messages"]["value"] = f"the backend {backend.name} has no sweep over many points"
        return arrays, facts
    for key in parts:
        try:
            arrays[key] = offered[key]()
        except Exception as error:
            facts["messages"][key] = _said(error)
    return arrays, facts


@lru_cache(maxsize=8)
def _backend(name: str) -> Any:
    if ":" in name:
        _see_the_current_folder()
    return backends.load(name)()


@lru_cache(maxsize=64)
def _call(name: str, source: Source, argument: str, modules: tuple[str, ...]) -> Any:
    """The compiled text: the same object for the same text, so that what a backend keeps for it is found again."""
    backend = _backend(name)
    if modules:
        _see_the_current_folder()
    return expr.compile_source(source, (argument,), backend.family, backend.roots(), modules)


def _see_the_current_folder() -> None:
    """For code that the user named; at the end, where it hides nothing. Else that folder may be a stranger's."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
