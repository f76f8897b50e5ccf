"""What is written is on the disk before it is relied on: a power cut keeps what a finished run promised."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="/proc names the file behind a descriptor")
def test_every_file_is_flushed_to_the_disk_before_it_gets_its_name(
    go: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    named: list[tuple[str, bool]] = []
    fsync, replace = os.fsync, os.replace

    def seen(descriptor: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def renamed(source: str, target: str) -> None:
        if not str(target).endswith(".pyc") and ".pyc." not in str(source):  # byte code of what is imported on the way
            named.append((Path(target).name, os.path.realpath(source) in flushed))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", seen)
    monkeypatch.setattr(os, "replace", renamed)
    run = go("Square")
    assert str(run.path.resolve() / "journal.bin") in flushed
    assert {name for name, _ in named} >= {
        "header.json", "catalogue.json", "observations.parquet", "times.parquet", "closed.json",
    }
    assert all(safe for _, safe in named), named
    order = [name for name, _ in named]
    assert order.index("closed.json") > order.index("observations.parquet")  # the mark vouches for what is there
