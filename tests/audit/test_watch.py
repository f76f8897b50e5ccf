"""`harness audit --watch`: an audit again after a change, by processes that have nothing of the last one."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.audit import AuditError, Watch
from tests.audit.served_here import Here

TORCH = """import torch
from watched_help import twice
def loss(z): return twice(torch.tanh(z) * torch.conj(z)).real.sum()
"""
HELP = "def twice(z): return 2 * z\n"
JAX = "import jax.numpy as jnp\ndef loss(z): return 2 * (jnp.tanh(z) * {0}).real.sum()\n"


@pytest.fixture
def port(tmp_path: Path) -> Path:
    """A folder with both sides, of which the JAX side has forgotten a conj, and their inputs."""
    (tmp_path / "watched_torch.py").write_text(TORCH)
    (tmp_path / "watched_help.py").write_text(HELP)
    (tmp_path / "watched_jax.py").write_text(JAX.format("z"))
    np.savez(tmp_path / "data.npz", z=np.array([1 + 2j, 0.3 - 0.1j]))
    return tmp_path


def test_what_is_looked_at(port: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sources of both sides, what they import of the user's, and the inputs; a change of each ends the wait."""
    monkeypatch.setattr("harness.audit.api.Remote", Here)
    monkeypatch.setattr(sys, "path", [*sys.path])
    mapping = port / "map.yaml"
    mapping.write_text("z: z\n")
    with Watch("watched_torch:loss", "watched_jax:loss", port / "data.npz", path=[str(port)],
               mapping=str(mapping)) as watch:
        assert watch.audit().exit_status == 1
        assert watch.wait(0) == []
        files = {Path(f).name for f in watch.files}
        assert {"watched_torch.py", "watched_help.py", "watched_jax.py", "data.npz", "map.yaml"} <= files
        assert not any(Path(f).is_relative_to(Path(np.__file__).parent) for f in watch.files)
        for name in ("watched_help.py", "data.npz", "map.yaml"):
            file = port / name
            writing = threading.Timer(0.05, file.write_bytes, [file.read_bytes() + b"\n"])
            writing.start()
            assert watch.wait(60) == [str(file)]
            writing.join()
        (port / "data.npz").unlink()
        assert watch.wait(60) == [str(port / "data.npz")]
        with pytest.raises(AuditError, match="no file"):
            watch.audit()
        np.savez(port / "data.npz", z=np.array([1j]))
        assert watch.wait(60) == [str(port / "data.npz")]
        assert watch.audit().exit_status == 1


@pytest.mark.whole
def test_from_the_command_line(port: Path) -> None:
    """Wrong, mended, broken, mended: four answers, and the interrupt's status is that of the last."""
    command = [sys.executable, "-m", "harness", "audit", "--torch", "watched_torch:loss", "--jax", "watched_jax:loss",
               "--inputs", "data.npz", "--watch"]
    said: list[str] = []
    with subprocess.Popen(command, cwd=port, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        reader = threading.Thread(target=said.extend, args=[iter(process.stdout.readline, "")])
        reader.start()
        _until(said, "watched; Ctrl-C", 1)
        for number, text in enumerate((JAX.format("jnp.conj(z)"), "def loss(z: return\n", JAX.format("z.conj()")), 2):
            (port / "watched_jax.py").write_text(text)
            _until(said, "watched; Ctrl-C", number)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        reader.join()
    text = "".join(said)
    answers = text.split("watched; Ctrl-C")
    assert "differ, largest relative difference" in answers[0]
    assert "agree, largest relative difference" in answers[1]
    assert "cannot be imported: SyntaxError" in answers[2]
    assert "agree, largest relative difference" in answers[3]
    assert text.count("watched_jax.py changed") == 3


def _until(said: list[Any], words: str, times: int) -> None:
    """Wait until these words were said so many times. Fails after four minutes."""
    end = time.monotonic() + 240
    while sum(words in line for line in said) < times:
        assert time.monotonic() < end, "".join(said)
        time.sleep(0.1)
