"""The ports of docs/ports from start to end: what the pages show is run, and prints what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ports.pages import PAGES, commands, comparable, files, run, write_files

NAMES = {"complex_network", "stft_loss", "quantum_circuit"}


def test_the_pages_are_there_and_complete() -> None:
    assert {page.stem for page in PAGES} == NAMES
    for page in PAGES:
        assert {"torch_side.py", "jax_side.py", "jax_fixed.py", "check.py"} <= set(files(page))
        assert [c.words.partition(" ")[0] for c in commands(page)] == ["harness", "python"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_port_from_start_to_end(page: Path, tmp_path: Path) -> None:
    write_files(page, tmp_path)
    audit, check = commands(page)
    done = run(audit, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr  # each page audits a port that has something to mend
    assert comparable(done.stdout) == comparable(audit.output)
    done = run(check, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert comparable(done.stdout) == comparable(check.output)
    # the trajectories of a hundred steps are what the page is about, whatever it prints
    (equal,) = re.findall(r"equal to within \S+ +(\w+)", done.stdout)
    assert equal == "True"


def test_comparing_outputs_can_fail() -> None:
    page = "Value: 1.5 (torch), 1.25e-3 (jax): differ\ntorch 2.13.0+cpu, jax 0.10.2; 9.2 s\nw  8x4  1.0e-16"
    assert comparable(page) == comparable(page.replace("1.5", "2.75").replace("9.2", "11"))
    assert comparable(page) != comparable(page.replace("differ", "agree"))
    assert comparable(page) != comparable(page.replace("8x4", "4x8"))
