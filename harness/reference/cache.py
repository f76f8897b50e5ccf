"""Results of the reference on disk, by content: they never change.

The key is made of the text, the inputs, the bytes of the point, what was asked, and a digest of the code that
computes (this package, the expression compiler, flint's version). A file is written beside its place and renamed, so
that concurrent writers are safe; a file that cannot be read back is computed again. `HARNESS_CACHE` names another
folder, or is "off".
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from harness import kept
from harness.formats import Format
from harness.model import Input
from harness.reference.solution import Solution
from harness.storage import cache_folder
from harness.workers.frames import CorruptFrame, array_bytes, array_from, pack, unpack

_KEEP_SECONDS = 30 * 24 * 3600.0  # results of other versions of the code
_OPTIONAL = ("samples", "domain", "stability", "invariant")
_MATRICES = ("j", "bound", "kind", "plus", "minus")


@lru_cache(maxsize=1)
def version() -> str:
    """A digest of everything by which a result could change."""
    import flint

    total = sha256(f"{flint.__version__} {flint.__FLINT_VERSION__}".encode())
    for package in ("harness.reference", "harness.expr"):
        for entry in sorted(resources.files(package).iterdir(), key=lambda e: e.name):
            if entry.name.endswith((".py", ".txt")):
                total.update(entry.name.encode() + b"\0" + entry.read_bytes())
    return total.hexdigest()[:20]


def key(
    text: str, inputs: Sequence[Input], arrays: Mapping[str, np.ndarray[Any, Any]], *, form: Format, order: int,
) -> str:
    """The name of a result."""
    total = sha256(repr((text, form.name, order)).encode())
    for i in inputs:
        kind, shape, data = array_bytes(arrays[i.name])
        total.update(repr((i.name, i.kind, i.differentiate, kind, shape)).encode())
        total.update(data)
    return total.hexdigest()


class Cache:
    """Results by key; does nothing where the folder is "off" or cannot be written."""

    def __init__(self, base: Path | None = None) -> None:
        base = cache_folder() if base is None else base
        self.folder = None if base is None else base / "reference" / version()
        self._made = False

    def _below(self, name: str) -> str:
        return f"{version()}/{name[:2]}/{name}"

    def load(self, name: str) -> Solution | None:
        """A result, or None where there is none that can be read back whole."""
        if self.folder is None:
            return None
        try:
            content = kept.load("reference", self.folder.parent, self._below(name))
            found = None if content is None else unpack(content)
            if found is None or found[0].header["m"] != "solution" or found[0].header["key"] != name:
                return None
            return _decoded(found[0].header, found[0].body)
        except (OSError, CorruptFrame, KeyError, TypeError, ValueError):
            return None

    def store(self, name: str, solution: Solution) -> None:
        """Keep a result; a folder that cannot be written is not an error."""
        if self.folder is None:
            return
        kept.store("reference", self.folder.parent, self._below(name), _encoded(name, solution))
        if not self._made and not kept.shut_in():
            self._made = True
            with suppress(OSError):
                self._prune()

    def _prune(self) -> None:
        """Remove what other versions of the code left long ago."""
        import shutil

        assert self.folder is not None
        os.utime(self.folder)
        for other in self.folder.parent.iterdir():
            if other != self.folder and time.time() - other.stat().st_mtime > _KEEP_SECONDS:
                shutil.rmtree(other, ignore_errors=True)


def _encoded(name: str, s: Solution) -> bytes:
    named: list[tuple[str, Any]] = [(m, getattr(s, m)) for m in (*_MATRICES, *_OPTIONAL)]
    for group in ("values", "value_plus", "value_minus"):
        named += [(f"{group}:{k}", a) for k, a in enumerate(getattr(s, group))]
    for output, parts in s.hessians.items():
        named += [(f"hessian:{output}:{k}", a) for k, a in enumerate(parts)]
    for output, parts in s.thirds.items():
        named += [(f"third:{output}:{k}", a) for k, a in enumerate(parts)]
    index, body = [], []
    for label, array in named:
        if array is not None:
            kind, shape, data = array_bytes(array)
            index.append([label, kind, shape, len(data)])
            body.append(data)
    header = {"m": "solution", "key": name, "kinds": list(s.kinds), "shapes": [list(x) for x in s.shapes],
              "arrays": index}
    return pack(header, body)


def _decoded(header: Mapping[str, Any], body: bytes) -> Solution:
    arrays, at = {}, 0
    for label, kind, shape, size in header["arrays"]:
        arrays[label] = array_from(kind, shape, body[at : at + size])
        at += size
    count = len(header["kinds"])
    higher: dict[str, dict[int, list[Any]]] = {"hessian": {}, "third": {}}
    for label in arrays:
        name, _, place = label.partition(":")
        if name in higher:
            higher[name].setdefault(int(place.partition(":")[0]), []).append(arrays[label])
    return Solution(
        kinds=tuple(header["kinds"]), shapes=tuple(tuple(x) for x in header["shapes"]),
        values=[arrays[f"values:{k}"] for k in range(count)],
        value_plus=[arrays.get(f"value_plus:{k}") for k in range(count)],
        value_minus=[arrays.get(f"value_minus:{k}") for k in range(count)],
        j=arrays["j"], bound=arrays["bound"], kind=arrays["kind"], plus=arrays["plus"], minus=arrays["minus"],
        samples=arrays.get("samples"), domain=arrays.get("domain"), stability=arrays.get("stability"),
        invariant=arrays.get("invariant"),
        hessians={o: tuple(parts) for o, parts in higher["hessian"].items()},
        thirds={o: tuple(parts) for o, parts in higher["third"].items()},
    )
