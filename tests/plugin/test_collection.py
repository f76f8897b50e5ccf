"""Case files as test items."""

from __future__ import annotations

import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.plugin.conftest import PLUGIN, Pytest

ROOT = Path(__file__).resolve().parents[2]


GOOD = [f"cases/good.yaml::{name}" for name in ("product@one", "product@two", "known@here", "known@there")]


def test_case_files_are_collected_where_they_were_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def collected(*words: str) -> list[str]:
        """In this process: nothing is run."""
        # without the search for lost exceptions, which looks through all objects of this process twice a call
        pytest.main([*PLUGIN, "-p", "no:unraisableexception", "--collect-only", "-q", *words])
        return [line for line in capsys.readouterr().out.splitlines() if "::" in line]

    monkeypatch.chdir(project)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    own = "tests/test_own.py::test_own"
    broken = ["tests/broken.yaml::planted@here", "tests/broken.yaml::stale@here"]
    for words, expected in (
        ([], [own]),
        (["."], [own]),
        (["tests"], [own]),
        (["cases"], GOOD),
        (["cases/good.yaml"], GOOD),
        (["cases/good.yaml::known@here"], GOOD[2:3]),
        (["cases", "-k", "product and one"], GOOD[:1]),
        ([".", "--harness"], [*GOOD, *broken, own]),
    ):
        assert collected(*words) == expected, words
    (project / "pytest.ini").write_text("[pytest]\nharness_cases = cases\n")
    assert collected() == [*GOOD, own]


def test_a_case_file_with_a_mistake_is_an_error_with_its_place(project: Path, run_pytest: Pytest) -> None:
    (project / "cases" / "bad.yaml").write_text(
        "cases:\n  - id: a\n    function: nosuch(z)\n    inputs: {z: complex}\n"
    )
    done = run_pytest("cases")
    assert done.returncode == 2 and "bad.yaml:3:" in done.stdout, done.stdout


def test_pytest_starts_without_what_it_does_not_need(project: Path, run_pytest: Pytest) -> None:
    (project / "tests" / "test_own.py").write_text(
        "import sys\n\n\ndef test_own():\n"
        "    heavy = {'torch', 'jax', 'pandas', 'numpy', 'yaml', 'mpmath'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    assert run_pytest("-q").returncode == 0
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert list(entry.values()) == ["harness.testing.plugin"]


def test_what_passes_fails_and_is_reported(project: Path, run_pytest: Pytest) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.harness]\nbackends = ["torch.autograd", "jax"]\njobs = 1\nmodules = ["ours"]\n')
    done = run_pytest("cases", "tests/broken.yaml", "--junitxml", "report.xml", "-p", "xdist.plugin", "-n", "2")
    assert "4 passed" in done.stdout and "2 failed" in done.stdout, done.stdout + done.stderr
    assert f"{project / 'pyproject.toml'} names code, which runs as yours and in no sandbox: ours" in done.stdout
    # the harness's own report: what differs, who is wrong by what, and that an expectation is stale
    assert "planted@here" in done.stdout and "jax" in done.stdout and "reference" in done.stdout
    assert "no longer happens: it was so once" in done.stdout
    assert "Traceback" not in done.stdout
    root = ET.parse(project / "report.xml").getroot()
    cases = {c.get("name"): c for c in root.iter("testcase")}
    assert set(cases) == {name.partition("::")[2] for name in GOOD} | {"planted@here", "stale@here"}
    known = cases["known@here"].find(".//property[@name='expected']")
    assert known is not None and "two functions" in str(known.get("value"))
    assert cases["product@one"].find(".//property") is None
    assert cases["planted@here"].find("failure") is not None


def test_a_target_that_is_not_installed_is_a_skip_with_its_reason(project: Path, run_pytest: Pytest) -> None:
    (project / "pyproject.toml").write_text("[tool.harness]\njobs = 1\n")
    (project / "conftest.py").write_text(
        "import harness.backends as b\nfound = b._found\nb._found = lambda m: m != 'torch' and found(m)\n"
    )
    done = run_pytest("cases/good.yaml::product@one", "-rs")
    assert "1 skipped" in done.stdout and "not installed: torch" in done.stdout, done.stdout


def test_this_repository_collects_no_cases_of_its_own_accord() -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert configured["testpaths"] == ["tests"] and "harness_cases" not in configured
