"""The hunt in a process of its own: where a framework takes it down, that is a finding, and the hunt goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from harness.search.hunt import CURRENT, FOUND, STATE, Found, crashed

_BOOT = (
    "import os, sys; os.environ.setdefault('OMP_NUM_THREADS', '1'); sys.path[:0] = [sys.argv[1]]; "
    "from harness.search.supervise import child; child(sys.argv[2:])"
)
_SILENT = 300.0  # seconds that one program may take before the process counts as hung


def hunt(
    folder: Path, seconds: float, seed: int, *, rounds: int | None = None,
    said: Callable[[str], None] = lambda line: None,
) -> list[Found]:
    """Hunt for so many seconds, in as many processes as it takes; what was found, in the order in which it was.

    rounds: stop after so many rounds, counted from the first. Ctrl-C ends the hunt; it can be continued.
    """
    end = time.monotonic() + seconds
    deaths = 0
    while (left := end - time.monotonic()) > 0:
        status = _watched(folder, left, seed, rounds, said)
        if status == 0:
            break
        deaths += 1
        found = crashed(folder, _how(status), _round(folder))
        if found is None or deaths > 20:
            break
        with open(folder / FOUND, "a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(found)) + "\n")
        said(f"{_how(status)}: {found.text}")
        _skip(folder, seed)
    return [Found(**json.loads(line)) for line in _read(folder / FOUND)]


def _watched(folder: Path, seconds: float, seed: int, rounds: int | None, said: Callable[[str], None]) -> int:
    """The exit status of one process; what it says is passed on, and it is killed where one program hangs."""
    root = str(Path(__file__).resolve().parents[2])
    words = [str(folder), str(seconds), str(seed), "" if rounds is None else str(rounds)]
    process = subprocess.Popen([sys.executable, "-P", "-c", _BOOT, root, *words], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    rest = b""
    began = time.time()
    try:
        while True:
            over = process.poll() is not None
            rest += process.stdout.read() or b""
            *lines, rest = rest.split(b"\n")
            for line in lines:
                said(line.decode("utf-8", "replace"))
            if over:
                return int(process.returncode)
            if time.time() - max(began, _changed(folder / CURRENT), _changed(folder / STATE)) > _SILENT:
                process.kill()
            time.sleep(0.2)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def child(words: list[str]) -> None:
    """What runs in the process."""
    from harness.search.hunt import Hunt

    folder, seconds, seed, rounds = words
    made = Hunt(Path(folder), int(seed), said=lambda line: print(line, flush=True))
    made.go(float(seconds), int(rounds) if rounds else None)
    (Path(folder) / CURRENT).unlink(missing_ok=True)


def _how(status: int) -> str:
    if status >= 0:
        return f"the process ended itself with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return "no answer within five minutes, or out of memory" if name == "SIGKILL" else f"killed by {name}"


def _round(folder: Path) -> int:
    lines = _read(folder / STATE)
    return int(json.loads(lines[0])["round"]) if lines else 0


def _skip(folder: Path, seed: int) -> None:
    """Go on with the next round: the one in which the process died would end there again."""
    lines = _read(folder / STATE)
    state = json.loads(lines[0]) if lines else {"seed": seed, "programs": 0, "seconds": 0.0, "round": 0}
    (folder / STATE).write_text(json.dumps({**state, "round": state["round"] + 1}), "utf-8")
    (folder / CURRENT).unlink(missing_ok=True)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _read(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []
