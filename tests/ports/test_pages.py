"""The ports of docs/ports from start to end: what the pages show is run, and prints what they say."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import sys
from pathlib import Path

import pytest

from tests.ports.pages import PAGES, commands, files, run, unlike, write_files

NAMES = {"complex_network", "stft_loss", "quantum_circuit"}
#: The page that the short suite runs; `nox -s whole` runs each.
SHORT = "complex_network"


def test_the_pages_are_there_and_complete() -> None:
    assert {page.stem for page in PAGES} == NAMES
    for page in PAGES:
        assert {"torch_side.py", "jax_side.py", "jax_fixed.py", "check.py"} <= set(files(page))
        assert [c.words.partition(" ")[0] for c in commands(page)] == ["harness", "python"]


@pytest.mark.parametrize("page", [pytest.param(page, marks=[] if page.stem == SHORT else [pytest.mark.whole])
                                  for page in PAGES], ids=lambda page: page.stem)
def test_a_port_from_start_to_end(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(page, tmp_path)
    audit, check = commands(page)
    done = run(audit, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr  # each page audits a port that has something to mend
    assert unlike(done.stdout, audit.output) == []
    printed = checked(tmp_path, monkeypatch)
    assert unlike(printed, check.output) == []
    # the trajectories of a hundred steps are what the page is about, whatever it prints
    (equal,) = re.findall(r"equal to within \S+ +(\w+)", printed)
    assert equal == "True"


def checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What check.py prints: run here, where torch and JAX are loaded, with the modules of its folder."""
    monkeypatch.syspath_prepend(str(folder))
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            runpy.run_path(str(folder / "check.py"), run_name="__main__")
    finally:
        for name in ("torch_side", "jax_side", "jax_fixed", "data"):
            sys.modules.pop(name, None)
    return out.getvalue()


def test_comparing_outputs_can_fail() -> None:
    page = "Value: 1.5 (torch), 1.25e-3 (jax): differ\ntorch 2.13.0+cpu, jax 0.10.2; 9.2 s\nw  8x4  1.0e-16"
    assert unlike(page.replace("1.5", "1.51").replace("9.2", "11").replace("1.0e-16", "3.0e-15"), page) == []
    assert unlike(page.replace("1.5", "2.75"), page) == ["2.75, not 1.5"]
    assert unlike(page.replace("1.25e-3", "0.00"), page) == ["0, not 0.00125"]
    assert unlike(page.replace("differ", "agree"), page) and unlike(page.replace("8x4", "4x8"), page)
