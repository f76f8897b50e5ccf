"""The committed matrix, and the nox sessions that make it.

The five facts are those that the matrix was asked to show (each is known from the frameworks' own histories): complex
backward() accepted up to torch 2.0.1 and refused by 2.4.1; jacrev of a complex function conjugated against jacfwd on
functorch 1.13.1 and refused later; the derivative of atan2 at (0, 0) NaN, then 0; jax's arccosh right at 0.4.25,
wrong at 0.4.38 and 0.10.2, right at 0.12; the derivative of complex sign 0 before 0.12, right there.
"""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.history.environments import ROOT, interpreter

MATRIX = ROOT / "results/matrix"
Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def committed() -> Rows:
    return read(MATRIX / "timeline.csv")


def of(table: Rows, **wanted: str) -> Rows:
    found = [row for row in table if all(row[k] == v for k, v in wanted.items())]
    assert found, wanted
    return found


def states(row: dict[str, str], *versions: str) -> list[str]:
    """The words of a row without what the results hold."""
    return [row[v].split(" (")[0] for v in versions]


def complex_backward_was_accepted_and_is_refused(table: Rows) -> None:
    versions = ["torch 1.13.1", "torch 2.0.1", "torch 2.4.1", "torch 2.13.0"]
    found = of(table, case="seed-linear", backend="torch.autograd", quantity="raw", api="backward", dtype="complex128")
    for row in found:
        assert states(row, *versions) == ["ok", "ok", "refused", "refused"] and row["first_bad"] == "torch 2.4.1"


def jacrev_was_the_conjugate_of_jacfwd(table: Rows) -> None:
    versions = ["torch 1.13.1", "torch 2.0.1", "torch 2.4.1", "torch 2.13.0"]
    found = of(table, case="square", backend="torch.func", quantity="relation", api="jacrev ~ jacfwd")
    for row in found:
        assert states(row, *versions) == ["conjugate", "refused", "refused", "refused"]


def atan2_at_the_origin_was_nan_and_is_zero(table: Rows) -> None:
    for backend in ("torch.autograd", "torch.func"):
        found = of(table, case="arctan2", backend=backend, quantity="differential", api="pullback", point="origin")
        told = [found[0][f"torch {v}"].split("(")[-1] for v in ("1.13.1", "2.4.1", "2.13.0")]
        assert told == ["NaN)", "NaN)", "zero)"]


def arccosh_of_jax_was_right_then_wrong_then_right(table: Rows) -> None:
    versions = ["jax 0.4.25", "jax 0.4.38", "jax 0.10.2", "jax 0.12.0.1"]
    for api in ("pullback", "pushforward"):
        found = of(table, case="arccosh", backend="jax", quantity="differential", api=api)
        row = next(row for row in found if "left-half-plane" in row["point"].split(" +")[0].split(", "))
        assert states(row, *versions) == ["right", "wrong", "wrong", "right"]
        assert (row["first_bad"], row["first_good"]) == ("jax 0.4.38", "jax 0.12.0.1")
        assert row["decided"] in ("closed-form", "reference")


def complex_sign_of_jax_had_no_derivative(table: Rows) -> None:
    for api in ("pullback", "pushforward"):
        found = of(table, case="sign", backend="jax", quantity="differential", api=api, dtype="complex128")
        row = next(row for row in found if "generic-1" in row["point"].split(", "))
        before = [row[f"jax {v}"] for v in ("0.4.25", "0.4.38", "0.10.2")]
        assert before == ["wrong (zero)"] * 3 and row["jax 0.12.0.1"] == "right"
        assert row["first_good"] == "jax 0.12.0.1" and row["decided"] in ("closed-form", "reference")


FACTS = [
    complex_backward_was_accepted_and_is_refused, jacrev_was_the_conjugate_of_jacfwd,
    atan2_at_the_origin_was_nan_and_is_zero, arccosh_of_jax_was_right_then_wrong_then_right,
    complex_sign_of_jax_had_no_derivative,
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda f: f.__name__)
def test_the_committed_timeline_shows(fact, committed: Rows) -> None:  # type: ignore[no-untyped-def]
    fact(committed)


def test_what_is_committed_is_small_and_says_how_it_was_made() -> None:
    names = {path.name for path in MATRIX.iterdir()}
    assert names == {"README.md", "timeline.md", "timeline.csv"}
    assert sum(path.stat().st_size for path in MATRIX.iterdir()) < 2 << 20
    for name in ("README.md", "timeline.md"):
        assert "nox -s" in (MATRIX / name).read_text()


# -- the sessions --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noxfile() -> ModuleType:
    pytest.importorskip("nox", reason="nox is not installed")
    spec = importlib.util.spec_from_file_location("noxfile_under_test", ROOT / "noxfile.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_of_releases(noxfile: ModuleType) -> None:
    table = {release.name: release for release in noxfile.RELEASES}
    wanted = {f"torch-{v}" for v in ("1.13.1", "2.0.1", "2.2.2", "2.4.1", "2.6.0", "2.9.1", "2.13.0", "2.15.0")}
    wanted |= {f"jax-{v}" for v in ("0.4.20", "0.4.25", "0.4.30", "0.4.38", "0.6.2", "0.8.1", "0.10.2", "0.12.0.1")}
    assert set(table) >= wanted
    assert "functorch==1.13.1" in table["torch-1.13.1"].packages
    assert tuple(map(int, table["jax-0.12.0.1"].python.split("."))) >= (3, 12)
    assert all("==" in package for release in table.values() for package in release.packages[:1])


def nox(sessions: list[str], *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("nox", reason="nox is not installed")
    command = [sys.executable, "-m", "nox", "--non-interactive", "-s", *sessions, *(["--", *words] if words else [])]
    where = {**os.environ, "HARNESS_PYTHON": sys.executable, **environment}
    return subprocess.run(command, cwd=ROOT, env=where, capture_output=True, text=True, timeout=900)


def test_a_release_that_cannot_be_installed_is_reported_and_skipped(tmp_path: Path) -> None:
    false = tmp_path / "uv"
    false.write_text("#!/bin/sh\necho 'no wheel for this platform' >&2\nexit 1\n")
    false.chmod(0o755)
    done = nox(["observe(torch-2.4.1)"], HARNESS_UV=str(false), HARNESS_ENVIRONMENTS=str(tmp_path / "environments"),
               HARNESS_RECORDED=str(tmp_path / "recorded"))
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "torch-2.4.1 cannot be installed on this machine: no wheel for this platform" in said and "skipped" in said
    assert not (tmp_path / "recorded").exists()


def test_the_matrix_needs_recorded_runs(tmp_path: Path) -> None:
    done = nox(["matrix"], HARNESS_RECORDED=str(tmp_path), HARNESS_MATRIX=str(tmp_path / "matrix"))
    assert done.returncode != 0 and "holds 0 recorded runs: nox -s observe records them" in done.stdout + done.stderr
    assert not (tmp_path / "matrix").exists()


@pytest.mark.environments
def test_observe_and_matrix_find_the_facts_by_themselves(tmp_path: Path) -> None:
    names = ["torch-1.13.1", "torch-2.0.1", "torch-2.4.1", "torch-2.13.0", "jax-0.4.25", "jax-0.4.38", "jax-0.10.2",
             "jax-0.12.0.1"]
    for name in names:
        interpreter(name)
    where = {"HARNESS_RECORDED": str(tmp_path / "recorded"), "HARNESS_MATRIX": str(tmp_path / "matrix")}
    sessions = [*(f"observe({name})" for name in names), "truth"]
    select = ["seed-linear@real-weights", "square@generic-1", "arctan2@origin", "arccosh@left-half-plane",
              "sign@generic-1"]
    words = [*(word for text in select for word in ("--select", text)), "--jobs", "1", "--quiet"]
    done = nox(sessions, *words, **where)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert {path.name for path in (tmp_path / "recorded").iterdir()} == {*names, "reference"}
    done = nox(["truth"], *words, **where)  # what is complete is not recorded again
    assert done.returncode == 0 and "reference is complete" in done.stdout + done.stderr
    done = nox(["truth"], *words[2:], **where)  # other cases are
    assert done.returncode == 0 and "it is recorded anew" in done.stdout + done.stderr
    nox(["truth"], *words, **where)
    done = nox(["matrix"], **where)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    table = read(tmp_path / "matrix" / "timeline.csv")
    for fact in FACTS:
        fact(table)
    assert "nox -s" in (tmp_path / "matrix" / "timeline.md").read_text()
