"""What each part may load: asked of a process of its own, because this one has loaded everything."""

from __future__ import annotations

import subprocess
import sys

import pytest

FRAMEWORKS = {"torch", "jax", "jaxlib", "functorch"}
COORDINATORS = {"pandas", "pyarrow", "rich", "yaml", "mpmath"}

#: name -> (statements, modules that must not be loaded after them)
PARTS = {
    "harness": ("import harness", FRAMEWORKS | {"mpmath", "matplotlib"}),
    "tap": ("from harness import tap", FRAMEWORKS | COORDINATORS),
    "help": ("from harness.cli import main; main(['--help'])", FRAMEWORKS | COORDINATORS | {"numpy", "argparse"}),
    "list, lint and schema": (
        "from harness.cli import main; path = 'cases/elementwise/hyperbolic.yaml'; "
        "assert main(['list', path]) == 0 and main(['lint', path]) == 0 and main(['schema']) == 0", FRAMEWORKS),
    "worker": ("import harness.runs.worker, harness.backends", FRAMEWORKS | COORDINATORS),
    "node of a cluster": ("import harness.runs.node_agent", FRAMEWORKS | COORDINATORS | {"ray"}),
    "backends": (
        "from harness.backends import available, load, importable; a = available(); assert len(a) >= 4; "
        "[importable(c) for c in a.values()]; load('jax'); load('torch.func'); import harness.convention.measure",
        FRAMEWORKS),
    "reference": (
        "from harness.backends.reference import Reference; Reference(); "
        "import harness.reference.solution, harness.reference.cache, harness.reference.closed_forms",
        FRAMEWORKS | {"pandas", "pyarrow"}),
    "comparison": ("import harness.comparison", FRAMEWORKS | {"mpmath", "flint", "rich", "matplotlib"}),
    "pytest plugin": ("import harness.testing.plugin", FRAMEWORKS | COORDINATORS | {"numpy"}),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_loads_no_more_than_it_may(part: str) -> None:
    statements, forbidden = PARTS[part]
    code = f"import sys; {statements}\nprint('loaded', *sorted({forbidden!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded"
