"""Each fault is caused for real; what it costs is the step that ran, as a row that says so, and nothing else."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

import harness.runs as runs
from tests.runs.conftest import make_case

Go = Callable[..., runs.Run]
KEY = ["point", "api", "quantity", "input", "output"]


def bad_rows(run: runs.Run) -> list[tuple[Any, ...]]:
    frame = run.observations()
    frame = frame[frame["status"] != "ok"]
    return [tuple(r) for r in frame[["point", "api", "quantity", "status", "error"]].astype(str).to_numpy()]


def good_keys(run: runs.Run) -> set[tuple[str, ...]]:
    frame = run.observations()
    return {tuple(r) for r in frame[frame["status"] == "ok"][["case", *KEY]].astype(str).to_numpy()}


def expected_keys(case: str = "square", points: tuple[str, ...] = ("first", "bad", "last")) -> set[tuple[str, ...]]:
    """What z**2 with one output and one native API has to give: worked out by hand from the contract."""
    rows = [("", "value", ""), ("pullback", "differential", "z"), ("pushforward", "differential", "z"),
            ("grad", "raw", "z")]
    return {(case, p, api, quantity, into, "out") for p in points for api, quantity, into in rows}


CULPRIT = {("square", "bad", "pushforward", "differential", "z", "out")}


def test_no_fault_no_loss(go: Go) -> None:
    run = go("Square", jobs=2)
    assert run.complete
    assert good_keys(run) == expected_keys()
    assert bad_rows(run) == []
    frame = run.observations()
    z = make_case().points[0].arrays["z"]
    value = frame[(frame["point"] == "first") & (frame["quantity"] == "value")].iloc[0]
    np.testing.assert_array_equal(run.array(value), z * z)


@pytest.mark.parametrize(
    ("fake", "status", "error", "message"),
    [
        ("Segfault", "crash", "SIGSEGV", "SIGSEGV"),
        ("Abort", "crash", "SIGABRT", "SIGABRT"),
        ("Killed", "crash", "SIGKILL", "out of memory"),
        ("Exits", "crash", "exit", "status 7"),
        ("Garbage", "crash", "CorruptFrame", "expected a frame, found b'this is not"),
        ("HalfFrame", "crash", "CorruptFrame", "checksum"),
        ("ClosesPipe", "crash", "Silence", "closed its pipe"),
        ("Forks", "crash", "SIGSEGV", "SIGSEGV"),
        ("Quits", "error", "SystemExit", "enough"),
        ("Raises", "error", "ZeroDivisionError", "object at 0x...>"),
    ],
)
def test_a_fault_costs_its_step_alone(go: Go, fake: str, status: str, error: str, message: str) -> None:
    run = go(fake)
    if fake == "HalfFrame":  # swallowed by the torn frame: the row itself cannot be told from the garbage
        assert good_keys(run) >= expected_keys() - CULPRIT
    else:
        assert good_keys(run) == expected_keys() - CULPRIT
    assert bad_rows(run) == [("bad", "pushforward", "differential", status, error)]
    frame = run.observations()
    assert message in frame[frame["status"] != "ok"].iloc[0]["message"]


@pytest.mark.parametrize("fake", ["Hang", "Spin", "Stops"])
def test_a_hang_is_ended_at_the_time_limit(go: Go, fake: str) -> None:
    run = go(fake, seconds=1.0)
    assert bad_rows(run) == [("bad", "pushforward", "differential", "timeout", "Timeout")]
    late = run.observations()
    assert "the time limit of 1 s" in late[late["status"] == "timeout"].iloc[0]["message"]
    assert good_keys(run) == expected_keys() - CULPRIT


@pytest.mark.parametrize(("fake", "kills"), [("KilledOnce", 1), ("KilledOnce", 3), ("KilledAtStart", 4)])
def test_being_killed_from_outside_some_times_costs_nothing(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: str, kills: int
) -> None:
    """Three kills of workers in one run hit one long step, or three imports in a row, more often than one thinks."""
    monkeypatch.setenv("FAKE_ONCE", str(tmp_path / "once"))
    monkeypatch.setenv("FAKE_KILLS", str(kills))
    run = go(fake, jobs=1)
    assert (tmp_path / "once").stat().st_size == kills
    assert bad_rows(run) == []
    assert good_keys(run) == expected_keys()


def test_the_memory_limit_is_enforced(go: Go) -> None:
    run = go("Glutton", memory=0.4)
    assert bad_rows(run) == [("bad", "pushforward", "differential", "crash", "MemoryLimit")]
    assert good_keys(run) == expected_keys() - CULPRIT


def test_a_leaking_worker_is_replaced_before_it_reaches_the_limit(go: Go) -> None:
    cases = [make_case(f"leak{k}") for k in range(40)]  # 40 x 24 MiB would be twice the limit
    run = go("Leaks", cases=cases, memory=0.5, jobs=1)
    assert bad_rows(run) == []
    assert good_keys(run) == set().union(*(expected_keys(c.id) for c in cases))


def test_flooding_the_output_neither_blocks_nor_fills_memory(go: Go) -> None:
    before = psutil.Process().memory_info().rss
    run = go("Floods")
    assert good_keys(run) == expected_keys()
    assert bad_rows(run) == []
    assert psutil.Process().memory_info().rss - before < 60 << 20  # 128 MiB were printed
    assert sum(p.stat().st_size for p in run.path.iterdir()) < 1 << 20


def test_the_last_words_of_a_worker_are_kept(go: Go) -> None:
    run = go("Segfault")
    text = (run.path / "worker.log").read_text()
    assert "square complex128 segfault cpu eager step bad/pushforward" in text
    assert "Fatal Python error: Segmentation fault" in text
    assert "in harm" in text


@pytest.mark.parametrize(("fake", "silent"), [("Nothing", {"bad"}), ("Silent", {"first", "bad", "last"})])
def test_a_point_without_observations_is_an_error_row(go: Go, fake: str, silent: set[str]) -> None:
    run = go(fake)
    assert set(bad_rows(run)) == {(p, "", "value", "error", "NoObservation") for p in silent}
    assert good_keys(run) == {k for k in expected_keys() if k[1] not in silent}


def test_a_step_shared_by_all_points_is_charged_to_each_and_then_not_shared(go: Go) -> None:
    run = go("Shared")
    assert bad_rows(run) == [(p, "compile", "raw", "crash", "SIGSEGV") for p in ("bad", "first", "last")]
    assert good_keys(run) == expected_keys()


def test_after_three_deaths_the_rest_is_given_up_and_says_so(go: Go) -> None:
    run = go("DiesOften")
    frame = run.observations().astype({"point": str, "api": str, "message": str})
    lost = frame[frame["status"] != "ok"]
    assert set(lost["error"]) == {"SIGABRT"}
    assert set(lost["status"]) == {"crash"}
    gone = {(r.point, r.api) for r in lost.itertuples()}
    apis = {"", "pullback", "pushforward", "grad"}
    assert gone == {(p, a) for p in ("first", "bad", "last") for a in apis} - {("first", "")}
    direct = lost[~lost["message"].str.startswith("not observed")]
    assert {(r.point, r.api) for r in direct.itertuples()} == {("first", a) for a in apis - {""}}


def test_without_announced_steps_everything_missing_is_a_row(go: Go) -> None:
    run = go("NoStepsSegfault")
    frame = run.observations().astype({"point": str, "api": str})
    by = {(r.point, r.api): r.status for r in frame.itertuples()}
    assert set(by) == {(p, a) for p in ("first", "bad", "last") for a in ("", "pullback", "pushforward", "grad")}
    assert {k for k, status in by.items() if status == "ok"} >= {("first", a) for a in ("", "pullback", "grad")}
    assert {k for k, status in by.items() if status == "crash"} >= {("last", a) for a in ("", "pullback", "grad")}


@pytest.mark.parametrize("fake", ["WrongTask", "SaysTwice"])
def test_an_observation_that_was_not_asked_for_is_an_error(go: Go, fake: str) -> None:
    run = go(fake)
    assert bad_rows(run) == [("bad", "grad", "raw", "error", "WrongObservation")]
    assert good_keys(run) >= expected_keys() - {("square", "bad", "grad", "raw", "z", "out")}
    assert set(run.observations()["case"]) == {"square"}


def test_data_that_are_not_numbers_are_an_error_row(go: Go) -> None:
    run = go("Objects")
    assert bad_rows(run) == [(p, "grad", "raw", "error", "TypeError") for p in ("bad", "first", "last")]


def test_one_backend_s_death_is_not_another_s(go: Go) -> None:
    cases = [make_case(), make_case("other")]
    run = go("Segfault", "Square", "Raises", cases=cases)
    frame = run.observations()
    assert (frame[frame["backend"] == "square"]["status"] == "ok").all()
    assert len(frame[frame["backend"] == "square"]) == 24
    statuses = frame.groupby(["backend", "case", "status"], observed=True).size()
    for case in ("square", "other"):
        assert statuses["segfault", case, "crash"] == 1
        assert statuses["segfault", case, "ok"] == 11
        assert statuses["raises", case, "error"] == 1


def test_a_backend_that_cannot_be_imported_is_a_failed_target_and_others_go_on(go: Go) -> None:
    run = go("NotThere", "Square")
    assert run.complete
    assert list(run.failed_targets) == ["not-there on cpu (eager)"]
    assert "No module named 'no_such_framework'" in run.failed_targets["not-there on cpu (eager)"]
    assert set(run.observations()["backend"]) == {"square"}


@pytest.mark.parametrize(
    ("fake", "reason"), [("NotThere", "no_such_framework"), ("DiesAtImport", "SIGABRT"), ("NoSuchFake", "NoSuchFake")]
)
def test_where_no_target_can_be_run_nothing_is_left_behind(go: Go, tmp_path: Path, fake: str, reason: str) -> None:
    with pytest.raises(Exception, match=reason) as caught:
        go(fake)
    assert caught.type.__name__ in ("TargetError", "CaseError")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"devices": ["abacus"]}, "its beads are stuck"),
        ({"devices": ["tpu:3"]}, "no device 'tpu:3' here; it has cpu, abacus"),
        ({"modes": ["warp"]}, "no mode 'warp'; it has eager, slow"),
    ],
)
def test_an_unusable_device_or_mode_is_a_sentence(go: Go, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(runs.TargetError, match=reason) as caught:
        go("Square", **options)
    assert caught.value.exit_status == 3


def test_an_unusable_device_leaves_the_others(go: Go) -> None:
    run = go("Square", devices=["cpu", "abacus"])
    assert list(run.failed_targets) == ["square on abacus (eager)"]
    assert good_keys(run) == expected_keys()


def test_an_environment_that_changes_under_a_run_is_noticed(go: Go) -> None:
    run = go("Changes", jobs=1)
    frame = run.observations()
    lost = frame[frame["status"] != "ok"].astype(str)
    assert ("bad", "pushforward", "SIGABRT") in set(zip(lost["point"], lost["api"], lost["error"], strict=True))
    assert "EnvironmentChanged" in set(lost["error"])
    assert len(frame) == 12 and set(frame["environment"].astype(str)) == {run.targets[0]["environment"]}


def test_no_process_outlives_a_run(go: Go) -> None:
    go("Forks", "Hang", seconds=1.0)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _workers():
        time.sleep(0.05)
    assert _workers() == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_daemon_of_a_worker_ends_with_the_run(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has left the worker's process group and session, and its parent is gone."""
    monkeypatch.setenv("FAKE_ONCE", str(tmp_path / "once"))
    run = go("Daemonises")
    assert bad_rows(run) == []
    number = int((tmp_path / "once").read_text())
    assert not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE


def _workers() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = " ".join(process.info["cmdline"] or ())
        alive = process.info["status"] != psutil.STATUS_ZOMBIE
        if "harness.runs.worker" in words and "tests.runs.fakes:Forks" in words and alive:
            found.append(process)
    return found


def test_the_current_folder_is_not_on_a_worker_s_path(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "numpy.py").write_text("open('touched', 'w')")
    (tmp_path / "here" / "json.py").write_text("open('touched', 'w')")
    monkeypatch.chdir(tmp_path / "here")
    run = go("Square", jobs=2)
    assert good_keys(run) == expected_keys()
    assert not (tmp_path / "here" / "touched").exists()
    assert os.listdir(tmp_path / "here") and isinstance(run.observations(), pd.DataFrame)


def test_a_death_in_a_whole_point_is_a_row_and_then_taken_apart(go: Go) -> None:
    run = go("WholePoint")
    assert bad_rows(run) == [("bad", "all", "raw", "crash", "SIGSEGV")]
    assert good_keys(run) == expected_keys()


def test_a_worker_serves_one_device_and_its_backend_is_told_which(go: Go) -> None:
    run = go("Choosy", devices=["cpu", "abacus"])
    made = {t["device"]: t["flags"]["made for"] for t in run.header["targets"]}
    assert made == {"cpu": "cpu", "abacus": "abacus"}
