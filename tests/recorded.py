"""What several modules need is made once in a session of pytest, however many processes share the work."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from harness import cases
from harness.cases import load
from harness.model import Case


@cache
def catalogue() -> tuple[Case, ...]:
    """The cases of the catalogue, loaded once in a process; nobody may change their arrays."""
    return load([cases.catalogue_path()])


def catalogue_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands that load the catalogue in this process take the one above."""
    monkeypatch.setattr(cases, "load", lambda paths, **more: (
        catalogue() if list(paths) == [cases.catalogue_path()] and not any(more.values()) else load(paths, **more)))


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder of this session that `make(folder)` has filled; whoever comes first makes it, the others wait.

    A marker beside it, written last, says that it is whole: what a process that died left behind is made anew.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    attempt = 0
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        marker = shared / f"{name}.whole"
        if marker.exists():
            return Path(marker.read_text())
        while (folder := shared / f"{name}-{attempt}").exists():
            attempt += 1
        folder.mkdir()
        make(folder)
        marker.write_text(str(folder))
        return folder
