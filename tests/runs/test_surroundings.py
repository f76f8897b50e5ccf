"""What the machine does to a run: disks that fill or cannot be written, clocks that jump, others in the same folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import harness.runs as runs
from harness import kept
from tests.runs.conftest import make_case
from tests.runs.slow_run import cases

ROOT = Path(__file__).parents[2]
SAME = ("header.json", "catalogue.json", "observations.parquet", "closed.json")
Go = Callable[..., runs.Run]


def slow_run(folder: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.runs.slow_run", str(folder), "2", environment.pop("FAKE", "Square"), *more]
    return subprocess.Popen(words, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)


def same(left: Path, right: Path) -> bool:
    return all((left / name).read_bytes() == (right / name).read_bytes() for name in SAME)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run on which nothing fell."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    process = slow_run(folder)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 0, words
    return folder


def test_two_coordinators_and_one_folder(tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "run"
    pair = [slow_run(folder, "resume"), slow_run(folder, "resume")]
    ends = [(p.communicate(timeout=60)[1], p.returncode) for p in pair]
    good = [words for words, status in ends if status == 0]
    assert good, ends
    for words, status in ends:  # the second may come so late that it finds a complete run
        assert status == 0 or ("FolderInUse" in words and "is being written by another run" in words), words
    assert same(folder, whole)


def test_a_worker_that_kills_the_coordinator(tmp_path: Path, whole: Path) -> None:
    """The run is interrupted and can be read; no process is left; continued, it is what it would have been."""
    folder, once = tmp_path / "run", tmp_path / "once"
    process = slow_run(folder, FAKE_ONCE=str(once), FAKE="KillsCoordinatorOnce")
    process.communicate(timeout=60)
    assert process.returncode == -9 and once.exists()
    assert not runs.Run.open(folder).complete
    process = slow_run(folder, "resume", FAKE_ONCE=str(once), FAKE="KillsCoordinatorOnce")
    _, words = process.communicate(timeout=60)
    assert process.returncode == 0, words
    frame, undisturbed = (runs.Run.open(p).observations() for p in (folder, whole))
    other = ["seconds", "backend", "target"]
    assert frame.drop(columns=other, errors="ignore").equals(undisturbed.drop(columns=other, errors="ignore"))


# -- disks


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of 96 KiB, or of what the test asks for. Skips where it cannot be mounted (that takes root)."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={getattr(request, 'param', '96k')}", "harness-test", str(folder)]
    if not shutil.which("mount") or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here; /dev/full and a limit on file size are tried elsewhere")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def test_a_disk_that_fills_up_and_is_then_enlarged(disk: Path, go: Go) -> None:
    many = [make_case(f"case{k:02d}", tuple(f"p{p}" for p in range(8))) for k in range(12)]
    with pytest.raises(runs.RunError, match=r"cannot write .*No space left on device.*--resume") as caught:
        go("Square", cases=many, output=str(disk / "run"))
    assert caught.value.exit_status == 2
    hurt = runs.Run.open(disk / "run")
    kept = len(hurt.observations())
    assert not hurt.complete and 0 < kept < 12 * 8 * 4
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
    again = go("Square", cases=many, output=str(disk / "run"), resume=True)
    assert same(again.path, go("Square", cases=many, output="elsewhere").path)


@pytest.mark.parametrize("disk", ["4k", "8k"], indirect=True)
def test_a_disk_too_small_to_begin(disk: Path, go: Go) -> None:
    """Header and catalogue do not fit: a sentence, and nothing is left but what can be begun again."""
    cases = [make_case(f"case{k}") for k in range(12)]
    with pytest.raises(runs.RunError, match=r"cannot write .*No space left on device") as caught:
        go("Square", output=str(disk / "run"), cases=cases)
    assert caught.value.exit_status == 2
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
    assert go("Square", output=str(disk / "run"), resume=True, cases=cases).complete


def test_a_cache_on_a_full_disk_costs_nothing_but_the_cache(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(disk / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(disk.parent / "state"))
    top = kept.root("reference")
    assert top is not None
    kept.store("reference", top, "small", b"kept")
    for size in (40, 60, 80, 200):
        kept.store("reference", top, "large", bytes(size << 10))
    assert kept.load("reference", top, "small") == b"kept"
    large = kept.load("reference", top, "large")
    assert large is None or set(large) == {0}
    assert sorted(p.name for p in disk.rglob("*") if p.is_file()) in (["small"], ["large", "small"])  # no drafts


#: Root may write anywhere. Without these two capabilities it is held to the permissions of what it owns.
_BOUND = """
import ctypes, os, sys
if os.geteuid() == 0:
    libc, head, data = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, data) == 0
    data[0] &= ~0b110; data[1] &= ~0b110
    assert libc.capset(head, data) == 0
"""


def bound(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run code as one for whom read-only is read-only."""
    command = [sys.executable, "-c", _BOUND + code, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


_RUN = """
import harness.runs as r
from tests.runs.slow_run import cases
try:
    r.run(cases(), backends=["tests.runs.fakes:Square"], modes=["slow"], output=sys.argv[1], jobs=2,
          resume="resume" in sys.argv, reference=False, progress=False)
except r.RunError as error:
    print(error)
    sys.exit(error.exit_status)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_a_read_only_folder(tmp_path: Path, whole: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir()
    shut.chmod(0o555)
    done = bound(_RUN, str(shut / "run"))
    assert done.returncode == 2 and "cannot write" in done.stdout and "Permission denied" in done.stdout, done.stderr
    assert list(shut.iterdir()) == []
    # A run that was interrupted, in a folder that has since been made read-only: a sentence, and it can still be read.
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    for name in ("closed.json", "observations.parquet", "times.parquet"):
        (folder / name).unlink()
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = bound(_RUN, str(folder), "resume")
    assert done.returncode == 2 and "cannot write" in done.stdout and "--output" in done.stdout, done.stderr
    read = bound("import harness.runs as r; print(len(r.Run.open(sys.argv[1]).observations()))", str(folder))
    assert read.stdout.strip() == str(len(runs.Run.open(whole).observations())), read.stderr
    folder.chmod(0o755)


# -- clocks

#: The wall clock is an hour earlier every time that somebody looks; other clocks run on.
_CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
static long looks;
int clock_gettime(clockid_t id, struct timespec *out) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, out);
    if (id == CLOCK_REALTIME) out->tv_sec -= 3600 * ++looks;
    return status;
}
int gettimeofday(struct timeval *out, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec; out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


def test_a_wall_clock_that_runs_backwards_changes_nothing(tmp_path: Path, whole: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler or sys.platform != "linux":
        pytest.skip("there is no C compiler here to make the library that turns the clock back")
    (tmp_path / "clock.c").write_text(_CLOCK)
    library = str(tmp_path / "clock.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, str(tmp_path / "clock.c"), "-ldl"], check=True)
    look = "import time; a = time.time(); m = time.monotonic(); print(time.time() - a < -3000, time.monotonic() >= m)"
    tried = subprocess.run(
        [sys.executable, "-c", look], env={**os.environ, "LD_PRELOAD": library}, capture_output=True, text=True
    )
    assert tried.stdout.split() == ["True", "True"], tried.stderr
    process = slow_run(tmp_path / "run", "strict", LD_PRELOAD=library)  # a time limit of 2 s; tasks take 0.2 s
    _, words = process.communicate(timeout=60)
    assert process.returncode == 0, words
    frame, undisturbed = (runs.Run.open(p).observations() for p in (tmp_path / "run", whole))
    assert frame.drop(columns="seconds").equals(undisturbed.drop(columns="seconds"))
    assert (frame["status"] == "ok").all() and len(frame) == len(cases()) * 4 * 4


# -- kills from outside while a framework is imported


def test_a_worker_killed_while_it_imports_is_started_again(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ONCE", str(tmp_path / "once"))
    run = go("KilledAtImport")
    assert (tmp_path / "once").exists()
    assert (run.observations()["status"] == "ok").all() and len(run.observations()) == 12


def test_a_worker_that_is_always_killed_while_it_imports_is_a_failed_target(go: Go) -> None:
    with pytest.raises(runs.TargetError, match="could not be run: killed"):
        go("KilledAtImport")
