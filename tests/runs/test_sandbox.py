"""A worker that runs strangers' cases can read no home, write nothing of the user's, reach nobody and start nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.workers import sandbox

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
