"""The journal of a closed run is packed, and at no moment is there less than one whole journal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness import runs
from harness.runs import journal, store


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every journal is worth packing."""
    monkeypatch.setattr(journal, "PACKED_FROM", 1)


def files(run: runs.Run) -> set[str]:
    return {p.name for p in run.path.iterdir() if p.name.startswith("journal")}


def test_a_small_journal_stays_as_it_is(go: Callable) -> None:
    assert files(go("Square")) == {"journal.bin"}


def test_a_packed_journal_rebuilds_what_is_damaged(go: Callable, packing: None) -> None:
    run = go("Square")
    assert files(run) == {"journal.bin.zst"} and run.complete
    before = (run.path / "observations.parquet").read_bytes()
    (run.path / "observations.parquet").write_bytes(before[:-100])
    with pytest.raises(runs.DamagedRun):
        runs.Run.open(run.path)
    again = go("Square", resume=True)
    assert again.complete and (run.path / "observations.parquet").read_bytes() == before
    assert files(again) == {"journal.bin.zst"}


def test_a_run_without_its_mark_is_read_from_a_packed_journal(go: Callable, packing: None) -> None:
    run = go("Square")
    (run.path / "closed.json").unlink()
    assert len(runs.Run.open(run.path).observations()) == len(run.observations()) == 12
    assert go("Square", resume=True).complete


class Killed(BaseException):
    """kill -9, as far as this process can tell."""


@pytest.mark.parametrize("step", ["before", "while packing", "before it is in place", "before the plain one goes"])
def test_killed_at_any_step(
    go: Callable, packing: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str
) -> None:
    def die(*args: Any, **more: Any) -> None:
        raise Killed

    def half(source: Path, draft: Path) -> None:
        draft.write_bytes(b"half of it")
        raise Killed

    replace, unlink = os.replace, Path.unlink
    with monkeypatch.context() as patch:
        if step == "before":
            patch.setattr(store.Folder, "_pack", die)
        elif step == "while packing":
            patch.setattr(journal, "pack", half)
        elif step == "before it is in place":
            patch.setattr(os, "replace", lambda a, b: die() if str(b).endswith(".zst") else replace(a, b))
        else:
            patch.setattr(Path, "unlink", lambda self, **more: die() if self.name == "journal.bin" else unlink(
                self, **more))
        with pytest.raises(Killed):
            go("Square")
    folder = tmp_path / "run"
    assert runs.Run.open(folder).complete and (folder / "journal.bin").is_file()
    (folder / "observations.parquet").unlink()  # and then a disk fails: the journal still has everything
    again = go("Square", resume=True)
    assert again.complete and len(again.observations()) == 12 and files(again) == {"journal.bin.zst"}


def test_what_is_no_packed_journal_is_a_sentence(go: Callable, packing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    run = go("Square")
    (run.path / "closed.json").unlink()
    sound = (run.path / "journal.bin.zst").read_bytes()
    (run.path / "journal.bin.zst").write_bytes(b"nonsense" * 9)
    with pytest.raises(runs.DamagedRun, match=r"journal\.bin\.zst cannot be unpacked"):
        runs.Run.open(run.path).observations()
    monkeypatch.setattr(journal, "_SPARE", 1000)
    bomb = pa.Codec("zstd").compress(bytes(10_000_000), asbytes=True)
    (run.path / "journal.bin.zst").write_bytes(bomb)
    assert len(bomb) < 9_000 and len(sound) > 100
    with pytest.raises(runs.DamagedRun, match="unpacks to more than"):
        runs.Run.open(run.path).observations()
