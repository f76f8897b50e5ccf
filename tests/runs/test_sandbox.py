"""A worker that runs strangers' cases can read no home, write nothing of the user's, reach nobody and start nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.model import Case, Input, Point
from harness.runs.shut_in import inherited
from harness.workers import sandbox
from tests.in_process import InProcess

pytestmark = pytest.mark.skipif(bool(sandbox.missing()), reason=f"not available here: {sandbox.missing()}")

_INSIDE = """
import json, os, socket, subprocess, sys, threading
from harness.workers import sandbox

home, outside, inside, victim = sys.argv[1:]
sandbox.enter([inside])
tries = {
    "read": lambda: open(os.path.join(home, "secret")).read(),
    "list": lambda: os.listdir(home),
    "passwords": lambda: open("/etc/passwd").read(),
    "overwrite": lambda: open(os.path.join(home, "secret"), "w"),
    "append": lambda: open(os.path.join(home, "secret"), "a"),
    "truncate": lambda: os.truncate(os.path.join(home, "secret"), 0),
    "create": lambda: open(os.path.join(outside, "new"), "w"),
    "unlink": lambda: os.unlink(os.path.join(home, "secret")),
    "rename": lambda: os.rename(os.path.join(home, "secret"), os.path.join(inside, "secret")),
    "folder": lambda: os.mkdir(os.path.join(outside, "folder")),
    "link": lambda: os.symlink("/etc", os.path.join(outside, "link")),
    "environment": lambda: open(f"/proc/{victim}/environ").read(),
    "memory": lambda: open(f"/proc/{victim}/mem", "rb").read(1),
    "root": lambda: open(f"/proc/{victim}/root{home}/secret").read(),
    "tcp": lambda: socket.socket(),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "fork": lambda: os.fork(),
    "program": lambda: subprocess.run(["/bin/true"]),
    "execute": lambda: os.execv("/bin/true", ["true"]),
    "kill": lambda: os.kill(int(victim), 15),
    "library": lambda: open(os.path.join(sys.prefix, "written"), "w"),
}
said = {}
for name, attempt in tries.items():
    try:
        attempt()
        said[name] = "worked"
    except OSError as error:
        said[name] = type(error).__name__
open(os.path.join(inside, "mine"), "w").write("x")
thread = threading.Thread(target=lambda: said.update(thread="worked"))
thread.start()
thread.join()
print(json.dumps(said))
"""


def test_what_code_inside_a_worker_can_do(tmp_path: Path) -> None:
    home, outside, inside = (tmp_path / name for name in ("home", "outside", "inside"))
    for folder in (home, outside, inside):
        folder.mkdir()
    (home / "secret").write_text("key")
    victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        words = [str(home), str(outside), str(inside), str(victim.pid)]
        done = subprocess.run([sys.executable, "-c", _INSIDE, *words], capture_output=True, text=True, check=False)
        assert victim.poll() is None
    finally:
        victim.communicate(b"\n")
    said = json.loads(done.stdout)
    assert said.pop("thread") == "worked"
    assert set(said.values()) == {"PermissionError"}, said
    assert (home / "secret").read_text() == "key"
    assert not list(outside.iterdir())
    assert (inside / "mine").read_text() == "x"


def test_the_home_folder_and_what_holds_it_are_never_readable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "a" / "home"))
    inner = tmp_path / "a" / "home" / "project"
    inner.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", ["", "/", str(tmp_path), str(tmp_path / "a" / "home"), str(inner)])
    found = sandbox.installation()
    assert str(inner.resolve()) in found
    for never in ("/", tmp_path, tmp_path / "a" / "home"):
        assert str(Path(never).resolve()) not in found


def test_this_package_is_readable_behind_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of another environment has a folder with a link to it on its path, and nothing else of ours."""
    (tmp_path / "harness").symlink_to(Path(harness.__file__).parent)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert os.path.realpath(Path(harness.__file__).parent) in sandbox.installation()


def test_byte_code_that_is_kept_apart_is_readable_and_no_more_than_that_of_the_installation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else each worker would compile its framework from source."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    project, apart = tmp_path / "project", tmp_path / "apart"
    monkeypatch.setattr(sys, "path", ["", str(project), str(tmp_path / "home")])
    monkeypatch.setattr(sys, "pycache_prefix", str(apart))
    below = [p.removeprefix(str(apart)) for p in sandbox.installation() if p.startswith(str(apart))]
    assert str(project) in below and sys.prefix in below
    assert "" not in below and set(below) <= {*sandbox.installation(), sys.prefix, sys.base_prefix, sys.exec_prefix}


def test_workers_that_are_shut_in_use_the_cache_and_write_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The coordinator keeps what they made; the next run finds it, and what was planted there is made again."""
    pytest.importorskip("jax")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("HARNESS_COMPILATION_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)
    point = Point("p", {"z": np.array([1 + 2j])})
    case = replace(ONE, points=(point,))
    bytes_of: list[bytes] = []
    stamps: dict[Path, int] = {}
    damaged: dict[Path, bytes] = {}
    for number in range(3):
        run = harness.run(case, backends=["jax"], progress=False, jobs=1, output=tmp_path / f"run{number}", apis=())
        bytes_of.append((run.path / "observations.parquet").read_bytes())
        kept = sorted(p for p in (tmp_path / "cache").rglob("*") if p.is_file())
        assert sorted(p.parent.name for p in kept if p.suffix == ".program") == ["shut-in"]
        assert len(kept) == 2  # the program, and what the reference found
        if number == 0:
            stamps = {p: p.stat().st_mtime_ns for p in kept}
        elif number == 1:
            assert stamps == {p: p.stat().st_mtime_ns for p in kept}  # nothing was made anew
            damaged = {p: p.read_bytes()[:-1] + b"\x00\xff"[p.read_bytes()[-1] == 0 :][:1] for p in kept}
            for path, content in damaged.items():
                path.write_bytes(content)
        else:
            assert all(p.read_bytes() != damaged[p] for p in kept)
    assert len(set(bytes_of)) == 1


ONE = Case("one", {"portable": "exp(z)"}, (Input("z", "complex", (1,)),), (Point("p", {"z": np.ones(1, complex)}),),
           ("complex128",))


@pytest.mark.parametrize(("options", "why"), [
    ({"backends": ["tests.runs.fakes:Square"], "reference": False}, "no part of this package"),
    ({"backends": ["torch.func"], "modes": ["compile"], "reference": False}, "starts a compiler"),
    ({"backends": ["jax"], "devices": ["cpu", "gpu:0"], "reference": False}, "driver of gpu:0"),
    ({"backends": ["reference"], "allow": ["mine"]}, "code of your own"),
])
def test_a_worker_that_is_not_shut_in_can_be_refused(options: dict[str, object], why: str, tmp_path: Path) -> None:
    from harness.runs import RunError

    with pytest.raises(RunError, match=why) as refused:
        harness.run(ONE, progress=False, output=tmp_path / "run", require_sandbox=True, **options)
    assert refused.value.exit_status == 2 and not (tmp_path / "run").exists()


def test_a_kernel_without_it_is_told_and_can_be_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.runs import RunError

    monkeypatch.setattr(sandbox, "missing", lambda: "this kernel has no Landlock")
    with pytest.raises(RunError, match="no Landlock"):
        harness.run(ONE, backends=["reference"], progress=False, output=tmp_path / "run", require_sandbox=True)
    run = harness.run(ONE, backends=["reference"], progress=False, output=tmp_path / "run", executor=InProcess())
    assert run.header["sandbox"] == "this kernel has no Landlock"


def test_the_environment_of_a_worker_holds_no_secrets() -> None:
    given = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "GITHUB_TOKEN": "x", "SSH_AUTH_SOCK": "x", "XLA_FLAGS": "y",
             "OMP_NUM_THREADS": "1", "LC_ALL": "C", "PGPASSWORD": "x", "DBUS_SESSION_BUS_ADDRESS": "x"}
    assert set(inherited(given)) == {"PATH", "XLA_FLAGS", "OMP_NUM_THREADS", "LC_ALL"}


_LIMITS = """
import json, resource, sys
from harness.runs import worker

worker._shut_in(sys.argv[1], 64 << 20, lambda data: None)
worker._limit_processor(30.0)
said = {"processor": resource.getrlimit(resource.RLIMIT_CPU)[0], "files": resource.getrlimit(resource.RLIMIT_NOFILE)}
bytearray(64 << 20)
try:
    bytearray(3 << 30)
    said["memory"] = "had"
except MemoryError:
    said["memory"] = "refused"
try:
    resource.setrlimit(resource.RLIMIT_DATA, (8 << 30, 8 << 30))
    said["raised"] = resource.getrlimit(resource.RLIMIT_DATA)
except (ValueError, PermissionError):
    said["raised"] = "refused"
print(json.dumps(said))
"""


def test_memory_files_and_the_processor_are_limited_by_the_kernel(tmp_path: Path) -> None:
    """Beside the coordinator, which looks ten times a second and may itself be stopped."""
    done = subprocess.run([sys.executable, "-c", _LIMITS, str(tmp_path)], capture_output=True, text=True, check=False)
    said = json.loads(done.stdout or done.stderr)
    assert said["memory"] == "refused"
    assert 90 <= said["processor"] <= 95 * (os.cpu_count() or 1)
    assert said["files"][1] <= 1024
    assert said["raised"] == "refused" or os.geteuid() == 0  # root may raise what it likes
