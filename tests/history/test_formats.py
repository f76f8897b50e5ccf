"""Runs made with other libraries open here, and formats that are not known are refused.

The recorded runs (data/README.md) were written with the oldest and with the newest libraries that the coordinator runs
on; `nox -s formats` runs this file with both, so that older opens newer and newer opens older. Expected numbers are
mathematics: d|z|^2 = 2(x, y); (z^2)' = 2z; sign's differential (y^2, -xy; -xy, x^2)/|z|^3; arccosh' = 1/sqrt(z^2-1).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.cli import main
from harness.runs import UnknownFormat
from harness.runs.store import FORMAT

DATA = Path(__file__).with_name("data")
WRITTEN = {"oldest": ("1.26.0", "0.4.25"), "newest": ("2.5.5", "0.12.0.1")}
NAMES = sorted(WRITTEN)


def cauchy_riemann(derivative: complex) -> list[list[float]]:
    """The real differential of a holomorphic function."""
    return [[derivative.real, -derivative.imag], [derivative.imag, derivative.real]]


def differential(run: harness.runs.Run, case: str, point: str, api: str) -> np.ndarray:
    frame = run.observations()
    wanted = {"case": case, "point": point, "quantity": "differential", "api": api}
    for column, word in wanted.items():
        frame = frame[frame[column].astype(str) == word]
    assert len(frame) == 1, wanted
    array = run.array(frame.iloc[0])
    assert array is not None
    return array


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "interrupted"])
@pytest.mark.parametrize("name", NAMES)
def test_a_run_made_elsewhere_opens_here(name: str, closed: bool, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(DATA / name, folder)
    if not closed:  # what is left of a run that was interrupted: its journal
        for file in ("closed.json", "observations.parquet", "times.parquet"):
            (folder / file).unlink()
    run = harness.open_run(folder)
    target = run.targets[0]
    assert (target["numpy"], target["versions"]["jax"]) == WRITTEN[name] and run.complete is closed
    frame = run.observations()
    assert len(frame) == 30 and frame["status"].astype(str).value_counts().to_dict() == {"ok": 25, "refused": 5}
    refused = frame[frame["status"].astype(str) == "refused"]
    assert set(refused["api"].astype(str)) == {"grad"}
    assert refused["message"].astype(str).str.contains("real-valued").all()
    for api in ("pullback", "pushforward"):
        found = differential(run, "squared-modulus", "generic", api)
        np.testing.assert_array_equal(found, [[2, 0, 4, 0], [0, -1, 0, 0.5]])
        found = differential(run, "square", "generic", api)
        np.testing.assert_array_equal(found, cauchy_riemann(2 * (3 - 2j)))
        sign = np.array([[16, 12], [12, 9]]) / 125 if name == "newest" else np.zeros((2, 2))  # jax before 0.12: zero
        np.testing.assert_allclose(differential(run, "sign", "generic", api), sign, rtol=1e-15)
        arccosh = 1 / (np.sqrt(-3 + 1j) * np.sqrt(-1 + 1j))
        found = differential(run, "arccosh", "left-half-plane", api)
        np.testing.assert_allclose(found, cauchy_riemann(arccosh), rtol=1e-14)
        assert np.isnan(differential(run, "square", "nan", api)).any()
    cases = {case.id: case for case in run.cases}
    minus_zero = next(p for p in cases["square"].points if p.name == "minus-zero").arrays["z"]
    assert np.signbit(minus_zero.real).all() and not np.signbit(minus_zero.imag).any()


def test_older_and_newer_runs_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    old, new = DATA / "oldest", DATA / "newest"
    frame = harness.diff(old, new)
    assert set(frame["case"].astype(str)) == {"sign"} and set(frame["change"].astype(str)) == {"changed"}
    history = harness.timeline([new, old])
    assert list(history.columns[-2:]) == ["jax 0.4.25", "jax 0.12.0.1"]
    assert set(history["case"]) == {"sign"} and set(history["jax 0.4.25"]) == {"A (zero)"}
    along = harness.compare([old, new], axis="version")
    verdicts = along.groupby(along["case"].astype(str))["verdict"].agg(lambda v: {str(w) for w in v}).to_dict()
    assert verdicts["sign"] >= {"zero"} and all(v <= {"agree", "unsupported", "nonfinite"} for k, v in verdicts.items()
                                                if k != "sign")
    assert main(["diff", str(old), str(new)]) == 1
    assert "sign" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["diff", "{}", "{}"], ["timeline", "{}", "{}"], ["compare", "{}"],
                                   ["show", "{}", "sign"], ["report", "{}", "--output", "{}.html"]])
def test_a_format_of_the_future_is_a_sentence_and_status_2(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "later"
    shutil.copytree(DATA / "newest", folder)
    header = json.loads((folder / "header.json").read_text())
    header["format"] = FORMAT + 1
    (folder / "header.json").write_text(json.dumps(header))
    with pytest.raises(UnknownFormat):
        harness.open_run(folder)
    assert main([word.format(folder) for word in words]) == 2
    seen = capsys.readouterr()
    assert f"later has format {FORMAT + 1}, this release of harness knows formats up to {FORMAT}; read it" in seen.err
    assert "Traceback" not in seen.err and len(seen.err.strip().splitlines()) == 1
