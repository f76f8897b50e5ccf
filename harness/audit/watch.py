"""An audit that is made again whenever a file on which it depends has changed.

Each audit has processes of its own, so that nothing of the last one is left; those of the next are started, and import
their frameworks, while the answer is read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from harness.audit.answer import Audit
from harness.audit.api import Pair, Question
from harness.audit.faults import SideFault

#: Seconds between two looks at the files, and the quiet that a change must be followed by (editors write in steps).
LOOK, QUIET = 0.25, 0.1
#: So many source files below a folder of the search path are watched where what was imported is not known.
MANY = 2000


class Watch:
    """`audit()` again after each `wait()`. A context: the processes that stand ready end with it."""

    def __init__(self, *arguments: Any, **words: Any) -> None:
        """The arguments are those of `harness.audit.audit`; files that they name are read anew each time. The first
        pair of processes is started. Raises AuditError (bad usage)."""
        self._asked: Callable[[], Question] = partial(Question.of, *arguments, **words)
        mapping = words.get("mapping")
        self._mapping = os.path.abspath(mapping) if isinstance(mapping, str | os.PathLike) else ""
        question = self._asked()
        self._limits = question.limits
        self._ready: Pair | None = Pair(self._limits)
        self._seen = dict(_states(self._named(question)))

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._ready is not None:
            self._ready.close()
            self._ready = None

    @property
    def files(self) -> tuple[str, ...]:
        """What is looked at: the user's modules, the inputs, the mapping. Absolute; those that exist."""
        return tuple(file for file, state in self._seen.items() if state is not None)

    def audit(self) -> Audit:
        """The answer now. Raises AuditError."""
        question = self._asked()
        self._seen.update(_states(self._seen))  # what changes from here on, while this audit runs, is one change more
        pair, self._ready = self._ready or Pair(self._limits), None
        try:
            found = question.put(pair)
            watched = None if found.faults else _imported(pair)
        finally:
            pair.close()
            self._ready = Pair(self._limits)
        if watched is None:
            watched = _below(question.options.path)
        for file, state in _states({*watched, *self._named(question)}):
            self._seen.setdefault(file, state)
        return found

    def wait(self, seconds: float = float("inf")) -> list[str]:
        """The files that have changed, as soon as there are any and writing has ended; [] after `seconds`."""
        end = time.monotonic() + seconds
        changed: set[str] = set()
        while True:
            new = {file: state for file, state in _states(self._seen) if state != self._seen[file]}
            self._seen.update(new)
            changed.update(new)
            if changed and not new:
                return sorted(changed)
            if not changed and time.monotonic() >= end:
                return []
            time.sleep(QUIET if changed else LOOK)

    def _named(self, question: Question) -> Iterator[str]:
        """The files that the question itself names, and where its modules would lie."""
        modules = [question.torch, question.jax, question.options.torch_step, question.options.jax_step]
        for source in (g for side in question.sources.values() for g in side):
            if source.is_function:
                modules.append(source.text)
            else:
                yield os.path.abspath(source.text)
        if self._mapping:
            yield self._mapping
        for module in {str(m).partition(":")[0] for m in modules if m}:
            for folder in question.options.path:
                place = os.path.join(folder, *module.split("."))
                yield f"{place}.py"
                yield os.path.join(place, "__init__.py")


def _imported(pair: Pair) -> set[str] | None:
    """The sources of the user's modules on both sides; None where a side cannot say them any more."""
    files: set[str] = set()
    try:
        for channel in pair.channels.values():
            channel.ask("files")
            files.update(channel.answer()["files"])
    except SideFault:
        return None
    return files


def _below(folders: Iterable[str]) -> set[str]:
    """The source files below the folders, where a side failed before it could say what it imports."""
    found: set[str] = set()
    for folder in folders:
        for place, inner, names in os.walk(folder):
            inner[:] = [n for n in inner if not n.startswith(".") and n not in ("node_modules", "__pycache__")
                        and not (Path(place) / n / "pyvenv.cfg").exists()]
            found.update(os.path.join(place, n) for n in names if n.endswith(".py"))
            if len(found) > MANY:
                return found
    return found


def _states(files: Iterable[str]) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """Time of change (ns) and size of each; None for what does not exist."""
    for file in files:
        try:
            about = os.stat(file)
        except OSError:
            yield file, None
        else:
            yield file, (about.st_mtime_ns, about.st_size)
