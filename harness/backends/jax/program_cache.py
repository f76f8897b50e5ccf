"""Compiled programs kept whole from run to run, so that a case seen before is neither traced nor lowered again.

JAX's own cache of compilations is keyed by the lowered program, and making that is most of what a case costs once the
cache is filled. Here the key is everything that the lowered program is made from: the case's text, the kinds and
shapes of its inputs, what is asked of it, the settings of JAX, the processor, the files of the installed JAX (names,
sizes, times) and the text of our own modules that spell and trace. A function of the user's own has no such key and is
never kept; nor is anything that a subclass of the backend traces.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import sys
from collections.abc import Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness import kept
from harness.backends.rows import Recalled
from harness.model import Task

#: Of our own package: what decides which program is traced from a task.
_OURS = ("backends", "expr", "model.py", "wirtinger.py")


@dataclass
class KeptPart:
    """One compiled function: JAX's serialised executable with its trees, where each result lies, what was raised."""

    executable: bytes
    trees: tuple[Any, Any]
    slices: Mapping[Hashable, tuple[int, Any]]
    errors: Mapping[Hashable, Recalled]


@dataclass
class KeptProgram:
    """What `Program` learns by tracing. Shapes and dtypes are those of the outputs, in NumPy words."""

    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    names: Mapping[tuple[str, int], list[tuple[str, ...]]]
    parts: tuple[KeptPart, ...]


class Shelf:
    """The folder of kept programs of one process. A file that cannot be read, or is not under the user's own key,
    counts as absent: what is kept is code (a pickle that holds machine code), looked at only once its digest holds.

    Workers that are shut in have a shelf of their own beside it, whose programs nobody else runs (`harness.kept`).
    """

    def __init__(self, folder: Path) -> None:
        self.top = folder.parent.parent
        self._below = f"{folder.parent.name}/{'shut-in' if kept.shut_in() else folder.name}/"
        self._purpose = kept.shut_in_purpose("programs") if kept.shut_in() else "programs"
        self._base = _surroundings()

    def name(self, task: Task, settings: Mapping[str, str]) -> str | None:
        """The file name of a task's program; None where its text does not say what it computes.

        settings: what of the framework's state changes a program.
        """
        if task.source.kind == "callable" or task.modules or task.path:
            return None
        point = task.points[0]
        said = repr((
            task.case, task.dtype, task.device, task.mode, task.source, task.inputs, task.outputs, task.order,
            task.apis, task.without, sorted(settings.items()),
            [(name, p.shape, str(p.dtype)) for name, p in point.arrays.items()],
        ))
        return hashlib.sha256(f"{self._base}\n{said}".encode()).hexdigest()[:40] + ".program"

    def load(self, name: str) -> KeptProgram | None:
        """What was kept under this name, or None."""
        payload = kept.load(self._purpose, self.top, self._below + name)
        if payload is None:
            return None
        try:
            found = pickle.loads(payload)
        except Exception:  # a file of another version may fail in any way; it is made anew
            return None
        return found if isinstance(found, KeptProgram) else None

    def store(self, name: str, program: KeptProgram) -> None:
        """Keeps a program; a folder that cannot be written costs nothing but the time next time."""
        with suppress(Exception):
            kept.store("programs", self.top, self._below + name, pickle.dumps(program, protocol=5))


@cache
def _surroundings() -> str:
    """The interpreter, the processor, our own text and the files of every package that JAX computes with."""
    import jax
    import jaxlib
    import numpy as np

    digest = hashlib.sha256()
    home = Path(__file__).resolve().parents[2]
    for entry in _OURS:
        place = home / entry
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and path.suffix != ".pyc":
                digest.update(str(path.relative_to(home)).encode() + b"\0" + path.read_bytes())
    for package in (jax, jaxlib):
        for line in _files(Path(str(package.__file__)).resolve().parent):
            digest.update(line.encode())
    asked = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(("JAX_", "XLA_"))]
    versions = (sys.version, jax.__version__, jaxlib.__version__, np.__version__)
    return "\n".join([*versions, *asked, platform.machine(), _processor(), digest.hexdigest()])


def _files(folder: Path) -> Iterator[str]:
    """Name, size and time of change of each of a package's own source and binary files."""
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in ("__pycache__", "include", "tests"))
        for name in sorted(names):
            if name.endswith((".py", ".so", ".pyd", ".dylib")):
                about = os.stat(os.path.join(path, name))
                yield f"{path}/{name} {about.st_size} {about.st_mtime_ns}\n"


@cache
def _processor() -> str:
    """What the processor can do: machine code made for another one may not run here."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        told = ("model name", "flags", "Features")
        kept = {line.partition(":")[0].strip(): line for line in file if line.startswith(told)}
        return "".join(kept[key] for key in sorted(kept))
    return platform.processor()
