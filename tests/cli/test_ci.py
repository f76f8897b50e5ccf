"""What continuous integration reads: workflow commands, a completion script, the action and the hook."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from harness.cli import COMMANDS, main
from harness.cli.lint import _annotation
from harness.model import CaseError, Place

ROOT = Path(__file__).parents[2]


def test_a_problem_marks_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("cases:\n  - id: a\n    function: sinn(z)\n    inputs: {z: 'complex[1]'}\n"
                    "    points: {p: {z: [1]}}\n")
    assert main(["lint", "--format", "github", str(path)]) == 2
    out = capsys.readouterr().out
    assert re.search(r"^::error file=[^,\n]*mine\.yaml,line=3,col=15::", out, re.MULTILINE), out


def test_a_message_cannot_become_a_command() -> None:
    said = _annotation(CaseError("bad\n::set-output name=x::1\r%0A", Place("a,b:c.yaml", 2, 1)))
    assert "\n" not in said and "\r" not in said
    assert said.startswith("::error file=a%2Cb%3Ac.yaml,line=2,col=1::bad%0A::set-output")
    assert said.endswith("%0D%250A")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script_that_the_shell_accepts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for name in COMMANDS:
        assert name in script
    assert "--select" in script and "--axis" in script
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def test_the_action_and_the_hook_name_what_exists() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    text = "\n".join(step["run"] for step in action["runs"]["steps"])
    for name in re.findall(r"\bharness (\w+)", text):
        assert name in COMMANDS
    # What comes from inputs reaches the shell by the environment alone, never by substitution into the script.
    assert "${{" not in text
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"].split()[:2] == ["harness", "lint"]
    assert re.search(hook["files"], "cases/mine.yaml") and not re.search(hook["files"], "docs/x.yaml")
