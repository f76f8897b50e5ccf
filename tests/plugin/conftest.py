"""A folder with case files, and pytest run in it as somebody would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CASES = """\
defaults: {dtype: [complex128]}
cases:
  - id: product
    function: sin(z)
    inputs: {z: "complex[2]"}
    points:
      one: {z: [1+2j, 0.5-1j]}
      two: {z: [3j, -2+0.25j]}
  - id: known
    function: {torch: z.real, jax: z.imag, reference: real(z)}
    inputs: {z: "complex[2]"}
    points: {here: {z: [1+2j, 0.5-1j]}, there: {z: [1+3j, 0.5-4j]}}
    expect: [{verdict: value, because: the two texts are two functions, points: [here, there], api: []}]
"""
BROKEN = """\
cases:
  - id: planted
    function: {torch: z ** 3, jax: z ** 2, reference: z ** 3}
    inputs: {z: "complex[2]"}
    dtype: [complex128]
    points: {here: {z: [1+2j, 0.5-1j]}}
  - id: stale
    function: z * 2
    inputs: {z: "complex[2]"}
    dtype: [complex128]
    points: {here: {z: [1+2j, 0.5-1j]}}
    expect: [{verdict: conjugate, backends: [torch.autograd, jax], because: it was so once}]
"""
OTHER = "services:\n  cases: 3\n  function: {id: x}\n"

PLUGIN = ("-p", "harness.testing.plugin", "-p", "no:cacheprovider")
Pytest = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "cases").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    (tmp_path / "cases" / "good.yaml").write_text(CASES)
    (tmp_path / "cases" / "compose.yaml").write_text(OTHER)
    (tmp_path / "tests" / "broken.yaml").write_text(BROKEN)
    (tmp_path / "tests" / "test_own.py").write_text("def test_own():\n    pass\n")
    return tmp_path


@pytest.fixture
def run_pytest(project: Path) -> Pytest:
    def run(*words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"}
        for name in [n for n in environment if n.startswith("PYTEST_XDIST") or n == "PYTEST_CURRENT_TEST"]:
            del environment[name]
        root = Path(__file__).resolve().parents[2]
        environment["PYTHONPATH"] = str(root)
        command = [sys.executable, "-m", "pytest", *PLUGIN, *words]
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=timeout)

    return run
