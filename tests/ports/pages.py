"""The pages of docs/ports: their files, their commands, and what those print.

python -m tests.ports.pages        runs every command and writes into the pages what it printed
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "ports").glob("*.md"))
_FILE = re.compile(r'^```python title="([\w.]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^```console\n\$ ([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A command of a page and the output under it."""

    words: str
    output: str


def files(page: Path) -> dict[str, str]:
    """The files that the page shows, by name."""
    return dict(_FILE.findall(page.read_text(encoding="utf-8")))


def commands(page: Path) -> list[Command]:
    """The commands that the page shows, in order."""
    return [Command(*found) for found in _COMMAND.findall(page.read_text(encoding="utf-8"))]


def run(command: Command, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a page in a folder that holds its files."""
    words = shlex.split(command.words)
    words[:1] = {"harness": [sys.executable, "-m", "harness"], "python": [sys.executable]}[words[0]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


def write_files(page: Path, folder: Path) -> None:
    """The files of a page, into a folder."""
    for name, text in files(page).items():
        (folder / name).write_text(text, encoding="utf-8")


_NUMBER = re.compile(r"(?<![\w.])[-+±]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])")
#: Numbers agree to a relative 2e-2 (few digits are printed); what is smaller than this is rounding, and only that.
_ROUNDING = 1e-6


def parts(output: str) -> tuple[list[str], list[float]]:
    """The words of an output with # for each number, and the numbers. How lines are broken and columns filled depends
    on the numbers, and counts for nothing."""
    lines = [line for line in output.splitlines() if not re.match(r"(torch|jax) \d", line)]  # versions and seconds
    text = " ".join(lines)
    return _NUMBER.sub("#", text).split(), [float(n.lstrip("±")) for n in _NUMBER.findall(text)]


def unlike(printed: str, shown: str) -> list[str]:
    """Where what was printed is not what a page shows: other words, or numbers that are not close."""
    (words, numbers), (expected, wanted) = parts(printed), parts(shown)
    if words != expected:
        return [f"{a!r}, not {b!r}" for a, b in zip_longest(words, expected) if a != b]
    near = np.isclose(numbers, wanted, rtol=2e-2, atol=_ROUNDING)
    return [f"{a:g}, not {b:g}" for a, b, same in zip(numbers, wanted, near, strict=True) if not same]


def refresh(page: Path) -> None:
    """Run the commands of a page and put what they print under them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(page, folder)

        def printed(found: re.Match[str]) -> str:
            done = run(Command(found[1], found[2]), folder)
            if done.stderr.strip():
                print(f"{page.name}: {found[1]}\n{done.stderr}", file=sys.stderr)
            return f"```console\n$ {found[1]}\n{done.stdout.rstrip()}\n```"

        page.write_text(_COMMAND.sub(printed, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    for path in PAGES:
        refresh(path)
