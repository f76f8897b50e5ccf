"""Every expected failure is one sentence and status 2 or 3; a defect of ours is neither, and never a finding."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import harness
from harness.cli import COMMANDS, dispatch, main
from harness.model import HarnessError

#: What one part of a computation says to another, each caught beside where it is raised: no person ever reads them.
SIGNALS = {
    "BadNumber", "Undecided", "ResultRefused", "Recalled", "NotElementwise", "AuditFault", "CorruptFrame",
    "WrongObservation", "ExpressionRefused", "Wrong", "Surprising",
    "Bends", "Failed", "OutOfRange", "Malformed", "TooBig", "TooLarge",
}


def exceptions() -> Iterator[type[Exception]]:
    """Every public exception class of the package that can be imported without a framework."""
    for module in pkgutil.walk_packages(harness.__path__, "harness."):
        if module.name.startswith(("harness.backends.torch", "harness.backends.jax")) or "__main__" in module.name:
            continue
        if module.name.endswith((".gallery", ".bench", ".soak", ".observing", ".ray", ".node_agent")):
            continue
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.name and not kind.__name__.startswith("_"):
                yield kind


def test_every_failure_that_a_person_meets_has_one_root() -> None:
    found = set(exceptions())
    assert len(found) > 20
    strangers = {k.__name__ for k in found if not issubclass(k, HarnessError)}
    assert strangers == {k.__name__ for k in found} & SIGNALS
    assert all(k.exit_status in (2, 3) for k in found if issubclass(k, HarnessError))


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> int:
    """The status of a command that raises `error`."""

    def execute(args: object) -> int:
        raise error

    module = SimpleNamespace(configure=lambda parser: None, execute=execute)
    monkeypatch.setattr(dispatch.importlib, "import_module", lambda name: module)
    return dispatch.dispatch("list", COMMANDS["list"], [])


@pytest.mark.parametrize("status", [2, 3])
def test_an_expected_failure_is_a_sentence(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = type("Some", (HarnessError,), {"exit_status": status})
    assert failing(monkeypatch, kind("the file is empty")) == status
    assert capsys.readouterr().err == "harness list: the file is empty\n"


def test_a_defect_of_ours_is_never_taken_for_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Odd(ValueError):
        exit_status = 2  # of its own: nothing but the class counts

    for error in (KeyError("x"), Odd("odd"), AssertionError()):
        assert failing(monkeypatch, error) == 70
        said = capsys.readouterr().err
        assert said.startswith("Traceback")
        last = said.splitlines()[-2]
        assert last.startswith("harness list: a defect of the harness") and type(error).__name__ in last


def test_an_atlas_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("jax")
    (tmp_path / "file").write_text("")
    output = str(tmp_path / "file" / "x.png")
    words = ["atlas", "sin", "--size", "8", "--no-reference", "--backend", "jax", "--output", output]
    assert main(words) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_terminal_that_cannot_print_a_character_gets_another() -> None:
    import io

    from harness.cli.screen import Screen

    raw = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Screen(raw).write("≠ 3 … ✓ \u4e2d\n")
    raw.flush()
    assert raw.buffer.getvalue() == b"!= 3 ... ok \\u4e2d\n"  # type: ignore[attr-defined]


def test_a_reader_that_went_away_is_neither_success_nor_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dispatch.os, "dup2", lambda a, b: None)
    assert failing(monkeypatch, BrokenPipeError()) == 141  # type: ignore[arg-type]
    assert "Traceback" not in capfd.readouterr().err


def test_progress_that_nobody_reads_costs_no_run() -> None:
    from harness.runs.progress import Progress

    class Closed:
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    progress = Progress(Closed())  # type: ignore[arg-type]
    progress.say("first")
    progress.say("second")
    assert progress.stream is None


def test_ctrl_c_says_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.cli.run import interrupted

    monkeypatch.chdir(tmp_path)
    asked = SimpleNamespace(output=None)
    assert interrupted(asked) == "interrupted before anything was observed"  # type: ignore[arg-type]
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "header.json").write_text("{}")
    assert "kept in runs/one: harness run --resume" in interrupted(asked)  # type: ignore[arg-type]
    (tmp_path / "runs" / "one" / "closed.json").write_text("{}")
    assert "is complete: harness compare runs/one" in interrupted(asked)  # type: ignore[arg-type]
