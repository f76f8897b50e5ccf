"""The command line: exit statuses, sentences instead of tracebacks, and no framework where none is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import COMMANDS, main
from tests.cases.hostile import HOSTILE

GOOD = """
cases:
  - id: square
    function: z * z
    inputs: {z: "complex[2]"}
    points: {generic: {z: [1+2j, 3-1j]}}
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda h: h.name)
def test_bad_input_is_a_sentence_and_status_2(hostile, tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    path = hostile.write(tmp_path)
    several = "a/other.yaml" in (hostile.extra or {})
    status = main(["run", str(path.parent if several else path), "--output", str(tmp_path / "run")])
    seen = capsys.readouterr()
    assert status == 2, seen.err[-400:]
    start = f"{path.parent / hostile.file}:{hostile.line}:{hostile.column}: "
    assert any(line.split("harness run: ")[-1].startswith(start) for line in seen.err.splitlines()), seen.err[-600:]
    assert hostile.expected in seen.err
    assert "Traceback" not in seen.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("words", [["nonsense"], ["run", "--nonsense"], [], ["compare"], ["show", "nowhere", "x"],
                                   ["compare", "nowhere"], ["run", "nowhere.yaml"]])
def test_bad_usage_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    seen = capsys.readouterr()
    assert "Traceback" not in seen.err + seen.out
    assert seen.err or seen.out


def test_a_selection_that_matches_nothing_is_an_error(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(good), "--select", "sqare"]) == 2
    assert "did you mean square?" in capsys.readouterr().err


def test_a_backend_that_is_not_there_is_status_3_or_2(good: Path, tmp_path: Path) -> None:
    status = main(["run", str(good), "--backend", "torch.func", "--python", f"torch.func={tmp_path}/no/python",
                   "--output", str(tmp_path / "run"), "--quiet", "--no-reference"])
    assert status == 3


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"harness {name}" in capsys.readouterr().out


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("form", ["table", "csv", "json", "markdown"])
def test_list_in_every_format(form: str, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", str(good), "--format", form]) == 0
    assert "square" in capsys.readouterr().out


def test_run_compare_and_show(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    folder = str(tmp_path / "run")
    assert main(["run", str(good), "--output", folder, "--quiet"]) == 0
    assert "Nothing surprising" in capsys.readouterr().out
    assert main(["compare", folder, "--format", "csv"]) == 0
    header = capsys.readouterr().out.splitlines()[0].split(",")
    contract = [
        "case", "point", "dtype", "api", "quantity", "input", "output", "axis", "left", "right", "verdict", "relation",
        "culprit", "function", "evidence", "max_abs", "max_rel", "ulp", "blind", "expected", "surprising", "note",
    ]
    assert set(contract) <= set(header)
    assert main(["show", folder, "square@generic"]) == 0
    page = capsys.readouterr().out
    # d(z^2)/dz = 2z at 1+2j and 3-1j, as the Wirtinger pair; and the conjugate of it in jax's own words
    assert "df/dz" in page and "2+4j" in page and "6-2j" in page and "df/dz* = 0 on all sides" in page
    assert "the same derivative on all sides" in page and "jnp.conj(jax." in page
    assert max(map(len, page.splitlines())) <= 80
    assert main(["show", folder, "square@generic", "--all"]) == 0
    whole = capsys.readouterr().out
    assert "vjp" in whole and "2+4j" in whole
