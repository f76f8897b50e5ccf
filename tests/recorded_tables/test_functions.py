"""`harness known`: what the committed tables say of a function, without a framework and within a second."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.cli import main
from harness.recorded.functions import NotKnown, known


@pytest.mark.parametrize("name", ["arccosh", "acosh", "torch.acosh", "torch.arccosh", "jnp.arccosh",
                                  "jax.numpy.arccosh", "jax.numpy.arccos[h]"])
def test_a_function_in_every_spelling(name: str) -> None:
    (found,) = known(name)
    assert found.name == "arccosh" and "torch.arccosh" in found.torch and "jnp.arccosh" in found.jax
    sign = next(d for d in found.defects if d.id == "jax-arccosh")
    # The matrix: right in 0.4.30, wrong from 0.4.38 to 0.10.2, right in 0.12.0.1.
    assert (sign.since, sign.fixed, sign.ordinary) == ("jax 0.4.38", "jax 0.12.0.1", True)
    assert sign.link.endswith("/jax/pull/40643")
    assert found.defects[0].ordinary


def test_a_function_without_a_defect_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["known", "trace"]) == 0
    out = capsys.readouterr().out
    assert "no recorded defect" in out and "jnp.conj(jax.grad(f)(z))" in out


def test_worst_errors_are_those_of_the_sweeps(capsys: pytest.CaptureFixture[str]) -> None:
    """Of sin itself; sums, compositions and other precisions in the table are not its."""
    (found,) = known("sin")
    assert {w.text for w in found.worst} == {"sin(x)", "sin(z)"}
    (torch,) = [w for w in found.worst if (w.text, w.framework) == ("sin(x)", "torch")]
    with (Path(__file__).parents[2] / "results" / "accuracy.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["function"] == "sin(x)" and "torch" in r["backend"]]
    assert torch.value == max(float(r["value_worst"]) for r in rows if r["dtype"] == "float64") < 1
    assert main(["known", "torch.sin"]) == 0
    assert "worst error of sin(x) over all doubles: torch 0.5 ulp" in capsys.readouterr().out


def test_a_source_file_lists_what_it_calls(tmp_path: Path) -> None:
    port = tmp_path / "port.py"
    port.write_text("import jax.numpy as np\nfrom torch import acosh as f\nimport torch.nn.functional as F\n"
                    "def loss(z):\n    return np.sign(z) + f(z) + F.silu(z) + len(z)\n")
    found = {k.name: k.places for k in known(str(port))}
    assert found["sign"] == (f"{port}:5",) and found["arccosh"] == (f"{port}:5",) and "silu" in found
    assert set(found) == {"sign", "arccosh", "silu"}


def test_names_that_no_table_has(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(NotKnown, match="near: arccosh"):
        known("arccossh")
    assert main(["known", "arccossh"]) == 2
    assert main(["known", str(tmp_path / "absent.py")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_frame_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    frame = harness.known("arccosh", "trace")
    assert set(frame.function) == {"arccosh", "trace"} and (frame[frame.function == "trace"].id == "").all()
    assert main(["known", "arccosh", "--format", "json"]) == 0
    assert {row["id"] for row in json.loads(capsys.readouterr().out)} >= {"jax-arccosh"}


@pytest.mark.parametrize("size", [60, 80, 100])
def test_lines_fit_but_for_links(size: int) -> None:
    from harness.report.known import text

    lines = text(known("arccosh", "sign"), size).splitlines()
    assert all(len(line) <= size or "http" in line for line in lines)


def test_no_framework_is_imported() -> None:
    code = "import sys; from harness.cli import main; main(['known', 'arccosh']); " \
           "sys.exit(bool({'torch', 'jax', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_the_readme_shows_what_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    readme = (root / "README.md").read_text(encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["known", "torch.acosh"]) == 0
    printed = capsys.readouterr().out.splitlines()
    block = readme[readme.index("    arccosh   torch.arccosh") : readme.index("## Start")].rstrip().splitlines()
    assert len(block) == 5 and all(line.removeprefix("    ") in printed for line in block)
    story = readme[readme.index("    Where it starts") : readme.index("And what is known")].strip()
    assert story in (root / "docs" / "audit.md").read_text(encoding="utf-8")  # whose blocks are tested themselves
