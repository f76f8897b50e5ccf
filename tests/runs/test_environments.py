"""Another interpreter: an environment that holds NumPy and nothing else of ours."""

from __future__ import annotations

import os
import shutil
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import harness.runs as runs
from tests.runs.conftest import make_case


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment with NumPy and one module of fakes."""
    folder = tmp_path_factory.mktemp("other")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    home = Path(np.__file__).parents[1]
    for name in ("numpy", "numpy.libs"):
        if (home / name).exists():
            os.symlink(home / name, site / name)
    shutil.copy(Path(__file__).with_name("fakes.py"), site / "lent_fakes.py")
    return folder / "bin" / "python"


def observe(tmp_path: Path, other: Path | str | list[Path | str], fake: str = "Square", **options: object) -> runs.Run:
    spec = f"lent_fakes:{fake}"
    python = [str(p) for p in other] if isinstance(other, list) else str(other)
    return runs.run(
        [make_case()], backends=[spec], python={spec: python}, output=tmp_path / "run", reference=False, progress=False,
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same module for our own interpreter."""
    (tmp_path / "lent").mkdir()
    shutil.copy(Path(__file__).with_name("fakes.py"), tmp_path / "lent" / "lent_fakes.py")
    monkeypatch.syspath_prepend(str(tmp_path / "lent"))


def test_a_worker_in_another_environment(lent: None, other: Path, tmp_path: Path, go: Callable) -> None:
    run = observe(tmp_path, other)
    frame = run.observations()
    assert (frame["status"] == "ok").all() and len(frame) == 12
    assert run.targets[0]["interpreter"] == str(other)
    ours = go("Square", output="ours").observations()
    assert frame["data"].tolist() == ours["data"].tolist()


def test_our_packages_do_not_leak_into_it(lent: None, other: Path, tmp_path: Path) -> None:
    run = observe(tmp_path, other, "Looks")
    assert run.targets[0]["flags"] == {"loaded": "", "importable": ""}


def test_two_environments_in_one_run_are_told_apart(
    lent: None, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = observe(tmp_path, ["", other])
    frame = run.observations()
    names = {t["environment"] for t in run.targets}
    assert len(names) == 2 and all(name.startswith("fake 1.0") for name in names)
    assert {str(e): len(g) for e, g in frame.groupby("environment", observed=True)} == dict.fromkeys(names, 12)


@pytest.mark.parametrize("program", ["/no/such/python", "/bin/false", "/bin/cat"])
def test_an_interpreter_that_is_none(lent: None, tmp_path: Path, program: str) -> None:
    with pytest.raises(runs.TargetError, match=r"could not be run: (cannot start|the process ended itself)"):
        observe(tmp_path, program)


def test_an_environment_without_numpy_says_so(lent: None, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    with pytest.raises(runs.TargetError, match="No module named 'numpy'"):
        observe(tmp_path, tmp_path / "bare" / "bin" / "python")
    assert sys.version_info >= (3, 10)
