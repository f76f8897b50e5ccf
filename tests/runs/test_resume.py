"""Kill the coordinator for real; what was observed is kept, nothing is repeated, and the end is the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

import harness.runs as runs
from harness.runs import local
from harness.runs.local import LocalExecutor
from harness.runs.lock import Lock
from harness.workers.frames import unpack
from tests.runs.conftest import make_case
from tests.runs.slow_run import CASES, cases

ROOT = Path(__file__).parents[2]
SAME = ("header.json", "catalogue.json", "observations.parquet", "closed.json")


def start(folder: Path, jobs: int = 2, fakes: str = "Square,Segfault", diary: Path | None = None, *more: str) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if diary:
        environment["FAKE_DIARY"] = str(diary)
    words = [sys.executable, "-m", "tests.runs.slow_run", str(folder), str(jobs), fakes, *more]
    return subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, start_new_session=True)


def wait_for_journal(folder: Path, size: int) -> None:
    journal = folder / "journal.bin"
    wait_until(lambda: journal.exists() and journal.stat().st_size > size)


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "the run did not get going"
        time.sleep(0.01)


def finish(process: Any) -> None:
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()


def workers_of(process: Any) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def assert_gone(workers: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nobody interrupted, made by one worker."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    finish(start(folder, 1))
    return folder


def test_the_same_bytes_with_one_worker_and_with_two(whole: Path, tmp_path: Path) -> None:
    finish(start(tmp_path / "two", 2))
    for name in SAME:
        assert (tmp_path / "two" / name).read_bytes() == (whole / name).read_bytes(), name
    assert len(runs.Run.open(whole).observations()) == 2 * CASES * 4 * 4


def test_killed_in_the_middle_then_resumed(whole: Path, tmp_path: Path) -> None:
    folder, diary = tmp_path / "run", tmp_path / "diary"
    process = start(folder, 2, "Square,Segfault", diary)
    for size in (4_000, 10_000):  # twice, at different places
        wait_for_journal(folder, size)
        workers = workers_of(process)
        assert workers
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert_gone(workers)
        before = runs.Run.open(folder)
        assert not before.complete
        assert any("incomplete" in note for note in before.notes)
        seen = before.observations()
        assert 0 < len(seen) < 2 * CASES * 4 * 4
        assert len(before.cases) == CASES
        process = start(folder, 2, "Square,Segfault", diary, "resume")
    finish(process)
    for name in SAME:
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    # Nothing that was complete is repeated: every (case, point, step) of a backend at most once, but for the points
    # that a kill or the segfault interrupted (at most 2 running tasks a kill, and every task of one that dies once).
    counts = Counter(diary.read_text().splitlines())
    planned = {f"{c.id} {p.name} {api}" for c in cases() for p in c.points
               for api in ("value", "pullback", "pushforward", "grad")}
    assert set(counts) == planned
    again = sum(n - 2 for n in counts.values() if n > 2)  # two backends share the diary
    assert again <= CASES * 3 + 2 * 2 * 4
    assert len(json.loads((folder / "invocations.json").read_text())) == 1  # a kill -9 writes nothing


def test_points_that_are_complete_are_not_observed_again(tmp_path: Path) -> None:
    folder, diary = tmp_path / "run", tmp_path / "diary"
    process = start(folder, 1, "Square", diary)
    wait_for_journal(folder, 5_000)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    frames = list(_frames(folder))
    complete = {(n["task"], n["point"]) for n in frames if n["m"] == "point"}
    names = {n["task"]: n["case"] for n in frames if n["m"] == "rows"}
    before = Counter(diary.read_text().splitlines())
    finish(start(folder, 1, "Square", diary, "resume"))
    after = Counter(diary.read_text().splitlines())
    assert complete
    for task, point in complete:
        for api in ("value", "pullback", "pushforward", "grad"):
            line = f"{names[task]} {point} {api}"
            assert before[line] == after[line] == 1


def _frames(folder: Path) -> Any:
    from harness.runs.journal import read

    for frame in read(folder / "journal.bin", lambda sentence: None):
        yield frame.header


def test_ctrl_c_leaves_a_readable_run_and_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder, 2, "Square,Hang")
    wait_for_journal(folder, 4_000)
    workers = workers_of(process)
    os.kill(process.pid, signal.SIGINT)
    try:
        _, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGUSR1)
        time.sleep(1)
        process.kill()
        pytest.fail(f"it goes on: {process.communicate()[1].decode()}")
    assert process.returncode != 0 and b"KeyboardInterrupt" in err
    assert_gone(workers)
    run = runs.Run.open(folder)
    assert not run.complete and len(run.observations()) > 0
    assert json.loads((folder / "invocations.json").read_text())[0]["outcome"] == "interrupted"
    Lock(folder).release()  # nobody holds it any more


def test_workers_end_when_the_coordinator_is_killed_while_they_hang(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    process = start(tmp_path / "run", 2, "Spin", diary)  # in C, with the interpreter lock: no thread of it can run
    wait_until(lambda: diary.exists() and "bad pushforward" in diary.read_text())
    workers = workers_of(process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert_gone(workers)


def test_a_complete_run_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: Callable) -> None:
    first = go("Square")
    stamp = (first.path / "observations.parquet").stat().st_mtime_ns
    monkeypatch.setenv("FAKE_DIARY", str(tmp_path / "diary"))
    again = go("Square", resume=True)
    assert again.complete and (first.path / "observations.parquet").stat().st_mtime_ns == stamp
    assert not (tmp_path / "diary").exists()


def unfinish(run: runs.Run, keep: float = 0.5) -> None:
    """Make a complete run one that was interrupted: cut its journal."""
    journal = run.path / "journal.bin"
    data = journal.read_bytes()
    journal.write_bytes(data[: int(len(data) * keep)])
    for name in ("closed.json", "observations.parquet", "times.parquet"):
        (run.path / name).unlink()


def test_resume_on_a_folder_that_does_not_exist_begins_a_run(go: Callable) -> None:
    assert go("Square", resume=True).complete


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cases": [make_case(points=("first", "bad"))]}, "other cases"),
        ({"apis": ()}, "other dtypes, targets, APIs or limits"),
        ({"modes": ["slow"]}, "other dtypes, targets, APIs or limits"),
        ({"fakes": ("Square", "Hang")}, "other dtypes, targets, APIs or limits"),
    ],
)
def test_a_changed_question_is_not_resumed(go: Callable, change: dict[str, Any], reason: str) -> None:
    unfinish(go("Square"))
    with pytest.raises(runs.PlanChanged, match=reason) as caught:
        go(*change.pop("fakes", ("Square",)), resume=True, **change)
    assert caught.value.exit_status == 2


def test_a_changed_version_is_not_resumed(go: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    unfinish(go("Square"))
    monkeypatch.setenv("FAKE_VERSION", "1.1")
    with pytest.raises(runs.PlanChanged, match=r"square on cpu \(eager\) has changed.*fake was 1.0, is 1.1"):
        go("Square", resume=True)
    monkeypatch.delenv("FAKE_VERSION")
    assert go("Square", resume=True).complete


def test_a_changed_setting_that_may_change_numbers_is_not_resumed(
    go: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinish(go("Square"))
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    with pytest.raises(runs.PlanChanged, match="XLA_FLAGS was nothing"):
        go("Square", resume=True)


@pytest.mark.parametrize(
    ("bad", "keep"),
    [*(("Raises", keep) for keep in (0.0, 0.13, 0.37, 0.5, 0.77, 0.999)), ("Segfault", 0.37), ("Segfault", 0.77)],
)
def test_a_journal_cut_anywhere_is_completed(go: Callable, bad: str, keep: float) -> None:
    cases = [make_case(), make_case("other")]
    run = go(bad, "Square", cases=cases)
    want = {name: (run.path / name).read_bytes() for name in SAME}
    unfinish(run, keep)
    assert not runs.Run.open(run.path).complete
    again = go(bad, "Square", cases=cases, resume=True)
    assert {name: (again.path / name).read_bytes() for name in SAME} == want


@pytest.mark.parametrize("where", range(12))
def test_a_flipped_bit_anywhere_in_the_journal_loses_nothing_silently(go: Callable, where: int) -> None:
    run = go("Square")
    want = {name: (run.path / name).read_bytes() for name in SAME}
    unfinish(run, 1.0)
    journal = run.path / "journal.bin"
    data = bytearray(journal.read_bytes())
    bit = (where * 2 + 1) * len(data) * 8 // 24
    data[bit // 8] ^= 1 << bit % 8
    journal.write_bytes(data)
    hurt = runs.Run.open(run.path)
    rows = len(hurt.observations())
    assert any("journal.bin" in note and "not readable" in note for note in hurt.notes)
    assert rows <= 12
    again = go("Square", resume=True)
    assert {name: (again.path / name).read_bytes() for name in SAME} == want


def test_a_lost_frame_of_a_task_that_was_done_is_noticed(go: Callable) -> None:
    run = go("Square")
    unfinish(run, 1.0)
    frames = [f for f in _raw(run.path) if f[0] != "rows"]
    dropped = [raw for _, raw in frames]
    (run.path / "journal.bin").write_bytes(b"".join(dropped))
    hurt = runs.Run.open(run.path)
    assert len(hurt.observations()) == 0
    assert any("12 observations" in note and "lost" in note for note in hurt.notes)
    assert len(go("Square", resume=True).observations()) == 12


def _raw(folder: Path) -> list[tuple[str, bytes]]:
    data, at, out = (folder / "journal.bin").read_bytes(), 0, []
    while found := unpack(data, at):
        out.append((found[0].header["m"], found[0].raw))
        at = found[1]
        if at == len(data):
            break
    return out


def test_two_runs_in_one_folder(go: Callable, tmp_path: Path) -> None:
    run = go("Square")
    unfinish(run)
    lock = Lock(run.path)
    try:
        with pytest.raises(runs.FolderInUse, match=f"process {os.getpid()}"):
            go("Square", resume=True)
    finally:
        lock.release()
    assert go("Square", resume=True).complete


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from harness.runs.lock import Lock; Lock(pathlib.Path(sys.argv[1])); "
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert "process" in (tmp_path / "lock").read_text()  # it is still there, and names the dead
    Lock(tmp_path).release()


def test_without_resume_a_run_is_not_overwritten(go: Callable) -> None:
    go("Square")
    with pytest.raises(runs.FolderInUse, match="already holds a run"):
        go("Square")


def test_a_folder_with_other_things_is_left_alone(go: Callable, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years")
    with pytest.raises(runs.NotARun, match="not a run"):
        go("Square")
    assert os.listdir(tmp_path / "run") == ["thesis.tex"]


def test_a_disk_that_is_full(go: Callable) -> None:
    run = go("Square")
    unfinish(run, 0.0)
    (run.path / "journal.bin").unlink()
    (run.path / "journal.bin").symlink_to("/dev/full")  # every write is refused with "No space left on device"
    with pytest.raises(runs.RunError, match=r"journal.bin: No space left on device.*--resume"):
        go("Square", resume=True)
    (run.path / "journal.bin").unlink()
    assert go("Square", resume=True).complete


def test_a_disk_that_becomes_full_while_closing(tmp_path: Path) -> None:
    code = (
        "import resource, sys; import harness.runs as r; from tests.runs.slow_run import CASES, cases\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))\n"
        "try:\n"
        "    r.run(cases(), backends=['tests.runs.fakes:Square'], output=sys.argv[1], jobs=1, reference=False,\n"
        "          progress=False)\n"
        "except r.RunError as error: print(error); sys.exit(error.exit_status)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "run"), "18000"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stdout and "File too large" in done.stdout
    assert len(runs.Run.open(tmp_path / "run").observations()) > 10


@pytest.mark.parametrize("folder", ["/proc/run", "/dev/null/run"])
def test_a_folder_that_cannot_be_written(folder: str) -> None:
    with pytest.raises(runs.RunError, match=f"cannot write {folder}"):
        runs.run([make_case()], backends=["tests.runs.fakes:Square"], output=folder, reference=False, progress=False)


class Stopped(LocalExecutor):
    """Stopped for a minute, by the only clock that it looks at, when its first task is under way."""

    clock = 0.0

    def _turn(self) -> None:
        super()._turn()
        if any(desk.began is not None for desk in self._desks):
            type(self).clock = 60.0


def test_a_coordinator_that_was_stopped_charges_nobody(go: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stopped, "clock", 0.0)
    monkeypatch.setattr(local, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + Stopped.clock))
    run = go("Square", modes=["slow"], cases=cases(), executor=Stopped(jobs=2), seconds=10.0)
    assert Stopped.clock
    frame = run.observations()
    assert (frame["status"] == "ok").all() and len(frame) == CASES * 4 * 4
