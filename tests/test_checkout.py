"""A checkout from a stranger: what of it runs is said wherever somebody may look, and nothing else of it runs."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main
from harness.pointwise.pool import Pool
from harness.settings import read_settings

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.harness]\nmodules = ["theirs"]\nbackends = ["jax", "theirs.backend:Evil"]\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_says_what_code_the_checkout_names(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "nowhere.yaml"]) == 2  # nothing is observed: the sentence comes before
    said = capsys.readouterr().err.splitlines()[0]
    assert said == (f"harness run: {checkout / 'pyproject.toml'} names code, which runs as yours and in no sandbox: "
                    "theirs, theirs.backend:Evil")


@pytest.mark.parametrize("table", ["", "[tool.harness]\njobs = 2\nbackends = ['jax']\npaths = ['cases']\n"])
def test_where_no_code_is_named_nothing_is_said(
    table: str, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "pyproject.toml").write_text(table)
    assert read_settings().code() == "" and main(["run", "nowhere.yaml"]) == 2
    assert "code" not in capsys.readouterr().err


def test_the_promise_stands_where_it_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside each promise of a sandbox or of data, that a checkout is code: nobody is misled."""
    for name in ("README.md", "docs/security.md", "docs/cases.md", "docs/pytest.md"):
        text = " ".join((ROOT / name).read_text(encoding="utf-8").split())
        assert "[tool.harness]" in text
        assert any(words in text for words in (
            "a stranger's checkout is another matter, since its pyproject.toml names code that runs",
            "**A checkout from a stranger is code, not data.**", "in a checkout that is not yours read")), name
    assert main(["run", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "modules and backends that it names are code that runs, in no sandbox" in said
    from harness.testing import plugin

    parser = pytest.Parser(_ispytest=True)
    plugin.pytest_addoption(parser)
    (option,) = parser.getgroup("harness").options
    assert "[tool.harness] of pyproject.toml names are code that runs" in option.attrs()["help"]


def test_no_process_of_ours_finds_modules_in_the_current_folder() -> None:
    """Each is started with -P; a worker, whose Python may be 3.10, drops the folder itself (tests/runs)."""
    started = []
    for path in sorted((ROOT / "harness").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) == "sys.executable":
                started.append(str(path.relative_to(ROOT)))
                assert ast.unparse(node.elts[1]) == "'-P'", f"{path}:{node.lineno}"
    assert len(started) >= 6


def test_what_lies_in_the_current_folder_is_not_imported(checkout: Path) -> None:
    for name in ("numpy", "flint", "mpmath", "harness", "theirs"):
        (checkout / f"{name}.py").write_text(f"open({str(checkout / 'pwned')!r}, 'w')\n")
    with Pool("z**2", "z", jobs=2, limit=60.0) as pool:
        pool.exact(np.array([1 + 2j]))
    assert not (checkout / "pwned").exists()
