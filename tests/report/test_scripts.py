"""Reproduction scripts of a report: from a recorded run, each confirmed by running it."""

from __future__ import annotations

import base64
import gzip
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import harness
from harness.cli import main
from harness.repro.recorded import scripts


def _jax() -> str:
    try:
        return version("jax")
    except PackageNotFoundError:
        return ""


@pytest.mark.skipif(_jax() != "0.10.2", reason="the defect of arccosh that is looked for is that of jax 0.10.2")
def test_a_finding_gets_a_script_that_confirms_it(tmp_path: Path) -> None:
    source = tmp_path / "cases.yaml"
    source.write_text(
        "cases:\n  - id: acosh\n    function: arccosh(z)\n    inputs: {z: 'complex[2]'}\n    dtype: [complex128]\n"
        "    points:\n      left: {z: [-2+1j, -1.3+0.9j]}\n      right: {z: [2+1j, 0.5-2j]}\n"
    )
    run = harness.run(source, backends=["jax", "reference"], output=tmp_path / "run")
    told: list[str] = []
    made = scripts([run], harness.compare(run), told=told.append)
    assert list(made) == [("acosh", "left")] and told == ["acosh, jax: confirmed"]
    assert scripts([run], harness.compare(run), most=0) == {}
    path = tmp_path / "script.py"
    path.write_text(made["acosh", "left"])
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "CONFIRMED" in done.stdout
    page = tmp_path / "report.html"
    assert main(["report", str(run.path), "--scripts", "3", "--output", str(page)]) == 0
    details = re.search(r'id="details">([^<]*)<', page.read_text())
    assert details is not None and "CONFIRMED" in gzip.decompress(base64.b64decode(details[1])).decode()
    empty = tmp_path / "empty"
    empty.mkdir()
    words = ["report", str(run.path), "--atlas", str(empty), "--output", str(tmp_path / "other.html")]
    assert main(words) == 2 and not (tmp_path / "other.html").exists()
