"""Progress: lines where there is no terminal, a bar where there is one, counts that are right."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import harness.runs as runs
from harness.model import Expectation
from harness.runs.worker_slots import Event
from tests.runs.conftest import make_case

ROOT = Path(__file__).parents[2]


def test_lines_say_how_far_what_and_what_went_wrong(go: Callable) -> None:
    stream = io.StringIO()
    cases = [make_case(f"case{k}") for k in range(4)]
    go("Segfault", "Raises", cases=cases, progress=runs.Progress(stream))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "harness: starting tests.runs.fakes:Raises, tests.runs.fakes:Segfault"
    assert all(line.startswith("harness: ") for line in lines)
    assert lines[-1].startswith("harness: 8/8 tasks, 4 error, 4 crash")
    assert any("s left" in line for line in lines)


def test_lines_are_few(go: Callable) -> None:
    stream = io.StringIO()
    go("Square", cases=[make_case(f"case{k}") for k in range(60)], progress=runs.Progress(stream))
    assert 3 <= len(stream.getvalue().splitlines()) <= 30


def test_a_resumed_run_says_what_it_does_not_repeat(go: Callable) -> None:
    run = go("Square", cases=[make_case(), make_case("other")])
    (run.path / "closed.json").unlink()
    journal = run.path / "journal.bin"
    journal.write_bytes(journal.read_bytes()[:-40])
    stream = io.StringIO()
    go("Square", cases=[make_case(), make_case("other")], resume=True, progress=runs.Progress(stream))
    text = stream.getvalue()
    assert "1 of 2 tasks were done before and are not repeated" in text
    assert "journal.bin: the last" in text


def test_every_worker_is_shown_the_slowest_first() -> None:
    stream = io.StringIO()
    progress = runs.Progress(stream)
    progress.begin(9, 9)
    for number in range(6):
        (task,) = runs.plan([make_case(f"case{number}")], [runs.Target("square", family="torch")])
        progress.event(Event("start", number, b"", {}), task)
    progress._running[3] = progress._running[3][0], progress._running[3][1] - 100  # it hangs
    progress.event(Event("done", 5, b"", {}), None)
    said = stream.getvalue().splitlines()[-1]
    assert re.search(r"case3 \(square, complex128\), 10\d s; case0 \(.*; case1 \(.*; case2 \(.*; and 1 more$", said)
    assert "case5" not in said


def test_a_known_crash_is_told_as_known_ends_soon_and_takes_the_time_it_takes(go: Callable) -> None:
    stated = Expectation(("crash",), "it recurses until it dies", backends=("*egfault",))
    cases = [make_case(), make_case("stated", expect=(stated,), seconds=60.0)]
    names = ("tests.runs.fakes:Segfault", "tests.runs.fakes:Square")
    tasks = {(t.case, t.backend): t for t in runs.plan(cases, [runs.Target(n, family="torch") for n in names])}
    assert {k for k, t in tasks.items() if t.deadly} == {("stated", names[0])}
    assert tasks["stated", names[0]].seconds < tasks["stated", names[1]].seconds == 60
    stream = io.StringIO()
    run = go("Segfault", cases=cases[1:], progress=runs.Progress(stream))
    assert "1 crash (1 known)" in stream.getvalue()
    seen = run.observations()
    assert (seen[seen["status"] == "crash"]["seconds"] > 0).all()


def test_silence(go: Callable, capfd: object) -> None:
    go("Floods", progress=False)
    out, err = capfd.readouterr()  # type: ignore[attr-defined]
    assert (out, err) == ("", "")


def test_a_bar_on_a_terminal(tmp_path: Path) -> None:
    code = (
        "import harness.runs as r; from tests.runs.slow_run import cases\n"
        f"r.run(cases()[:3], backends=['tests.runs.fakes:Square'], modes=['slow'], output={str(tmp_path / 'run')!r},\n"
        "      jobs=1, reference=False)\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # the terminal is gone
                break
            if not data:
                break
            shown += data
        assert process.wait() == 0
    os.close(ours)
    text = shown.decode()
    assert "/3" in text and "case00 (square, complex128)" in text and "\x1b[" in text


def test_a_task_whose_worker_is_gone_is_not_said_to_run() -> None:
    """It waits until another worker takes it up; what runs is named."""
    tasks = runs.plan([make_case("first"), make_case("second")], [runs.Target("tests.runs.fakes:Square")])

    def said(*happened: tuple[str, int]) -> str:
        stream = io.StringIO()
        progress = runs.Progress(stream)
        progress.begin(3, 3)
        for kind, number in happened:
            header = {"death": {"status": "crash"}, "log": {"text": ""}}.get(kind, {})
            progress.event(Event(kind, number, b"", header), tasks[number] if number < 2 else None)
        return stream.getvalue().splitlines()[-1]

    assert "first" in said(("start", 0), ("start", 1), ("done", 2))
    for end in ("log", "death"):
        line = said(("start", 0), ("start", 1), (end, 0), ("done", 2))
        assert "first" not in line and "second" in line
        assert "first" in said(("start", 0), (end, 0), ("start", 0), ("done", 2))
