"""What several modules need is made once in a session of pytest, however many processes share the work."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


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
