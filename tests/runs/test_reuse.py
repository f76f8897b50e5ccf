"""What was observed before is reused where nothing changed, and nowhere else, however hard one tries."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
import harness.runs as runs
from harness.model import Case, CaseError, Point, Task
from harness.runs import _synthetic as synthetic
from harness.runs import reuse
from harness.runs.local import LocalExecutor
from harness.runs.planning import Target, plan, worker_spec
from harness.workers.process import WorkerSpec
from tests.in_process import InProcess
from tests.runs.conftest import make_case

SPEC = "harness.runs._synthetic:Synthetic"
SAME = ("header.json", "catalogue.json", "observations.parquet", "closed.json")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def go(tmp_path: Path, home: Path) -> Callable[..., runs.Run]:
    """go(cases) -> a run that reuses; every one in a folder of its own."""
    made: list[int] = []

    def run(cases: list[Case], spec: str = SPEC, **options: Any) -> runs.Run:
        made.append(1)
        if "jobs" not in options:
            options["executor"] = InProcess()
        options = {"reuse": home, "output": tmp_path / f"run{len(made)}", **options}
        options.setdefault("progress", False)
        return runs.run(cases, backends=[spec], reference=False, **options)

    return run


def reused(run: runs.Run) -> tuple[int, int, int]:
    """(tasks, points, observations) that a run says it took from the store."""
    said = json.loads((run.path / "invocations.json").read_text())[-1]["reused"]
    return said["tasks"], said["points"], said["rows"]


def same(left: runs.Run, right: runs.Run) -> bool:
    return all((left.path / name).read_bytes() == (right.path / name).read_bytes() for name in SAME)


def calm(count: int = 3, points: int = 4) -> list[Case]:
    return [replace(c, points=c.points[:points]) for c in synthetic.cases(count, faulty=False)]


def test_a_second_run_observes_nothing_and_is_the_same_bytes(go: Callable) -> None:
    first, second = go(calm()), go(calm())
    assert reused(first) == (0, 0, 0)
    assert reused(second) == (3, 12, 48)
    assert same(first, second) and second.complete
    assert same(second, go(calm(), reuse=False))


def test_without_being_asked_nothing_is_kept_or_taken(go: Callable, home: Path) -> None:
    run = go(calm(), reuse=False)
    assert not home.exists()
    assert "reused" not in json.loads((run.path / "invocations.json").read_text())[-1]


def test_it_is_said_how_much_was_reused(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "harness", "run", "cases/elementwise", "--select", "square", "--backend",
             "reference", "--dtype", "complex128", "--reuse", "--no-compare", "--output"]
    environment = {**os.environ, "HARNESS_CACHE": str(tmp_path / "cache")}
    for name, sentence in (("one", "reused 0 of 1 tasks"), ("two", "reused 1 of 1 tasks")):
        done = subprocess.run([*words, str(tmp_path / name)], capture_output=True, text=True, env=environment)
        assert done.returncode == 0 and sentence in done.stderr, done.stderr
    assert (tmp_path / "one" / "observations.parquet").read_bytes() == (
        tmp_path / "two" / "observations.parquet"
    ).read_bytes()


# -- what changed is observed, and nothing else


def test_a_changed_point_and_a_new_case_are_observed_and_nothing_else(go: Callable) -> None:
    before = calm()
    go(before)
    moved = np.nextafter(before[1].points[2].arrays["z"].real, 9) + 1j * before[1].points[2].arrays["z"].imag
    points = [*before[1].points[:2], Point("p02", {"z": moved}), before[1].points[3]]
    after = [before[0], replace(before[1], points=tuple(points)), before[2], *calm(4)[3:]]
    again = go(after)
    assert reused(again) == (2, 11, 44)  # 3 tasks of 4 points, less one point; a fourth task is new
    assert same(again, go(after, reuse=False))


CHANGES: dict[str, Callable[[Task], Task]] = {
    "expression": lambda t: replace(t, source=replace(t.source, text="z**3")),
    "kind of source": lambda t: replace(t, source=replace(t.source, kind="native")),
    "dtype": lambda t: replace(t, dtype="complex64"),
    "device": lambda t: replace(t, device="cuda"),
    "mode": lambda t: replace(t, mode="jit"),
    "apis": lambda t: replace(t, apis=()),
    "without": lambda t: replace(t, without=("grad",)),
    "order": lambda t: replace(t, order=2),
    "differences": lambda t: replace(t, differences=True),
    "outputs": lambda t: replace(t, outputs=("out", "more")),
    "case": lambda t: replace(t, case="another"),
    "backend": lambda t: replace(t, backend="another"),
    "left out": lambda t: replace(t, skip=frozenset({("p00", "grad")})),
    "left out everywhere": lambda t: replace(t, skip=frozenset({("*", "compile")})),
    "sign of a zero": lambda t: with_z(t, complex(-0.0, 1.0)),
    "imaginary zero": lambda t: with_z(t, complex(0.0, -0.0)),
    "layout": lambda t: replace(t, points=(replace(t.points[0], layout="lazy-conj"),)),
    "name of the point": lambda t: replace(t, points=(replace(t.points[0], name="p99"),)),
    "dtype of the array": lambda t: replace(t, points=(Point("p00", {"z": np.zeros(1, np.complex64)}),)),
    "shape of the array": lambda t: replace(t, points=(Point("p00", {"z": np.zeros((1, 1), complex)}),)),
    "differentiated": lambda t: replace(t, inputs=(replace(t.inputs[0], differentiate=False),)),
}


def with_z(task: Task, z: complex) -> Task:
    return replace(task, points=(Point("p00", {"z": np.array([z])}),))


def key(task: Task, hello: dict[str, Any] | None = None, **settings: str) -> bytes:
    base = {"identity": "x", "versions": {"a": "1"}, "flags": {"x64": "on"}, "numpy": "2", "python": "3"}
    (one,) = reuse.Keys({worker_spec(task): {**base, **(hello or {})}}, settings).of(task).values()
    return one


def a_task() -> Task:
    (task,) = plan(calm(1, 1), [Target("synthetic", spec=SPEC)])
    return with_z(task, 0j)


@pytest.mark.parametrize("what", CHANGES)
def test_the_key_changes_with_whatever_is_asked(what: str) -> None:
    task = a_task()
    changed = CHANGES[what](task)
    assert key(changed) != key(task) == key(replace(task, seconds=1.0))


@pytest.mark.parametrize(
    "hello",
    [{"versions": {"a": "1.0.1"}}, {"flags": {"x64": "off"}}, {"numpy": "2.1"}, {"python": "3.12"},
     {"identity": "y"}, {"devices": [["cpu", True, "new"]]}],
)
def test_the_key_changes_with_whatever_the_worker_says_of_itself(hello: dict[str, Any]) -> None:
    assert key(a_task(), hello) != key(a_task())


def test_the_key_changes_with_settings_and_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = key(a_task())
    assert key(a_task(), XLA_FLAGS="--x") != plain
    monkeypatch.setattr(reuse, "__version__", "99")
    assert key(a_task()) != plain


def test_code_of_the_user_s_own_and_foreign_backends_are_never_reused(go: Callable) -> None:
    task = a_task()
    kind = worker_spec(task)
    keys = reuse.Keys({kind: {"identity": "x"}}, {})
    assert keys.of(task)
    for mine in (replace(task, modules=("mine",)), replace(task, path=("/x",)),
                 replace(task, source=replace(task.source, kind="callable"))):
        assert keys.of(mine) == {}
    assert reuse.Keys({kind: {"identity": ""}}, {}).of(task) == {}
    for _ in range(2):
        run = go([make_case()], spec="tests.runs.fakes:Square")
        assert reused(run) == (0, 0, 0)


@pytest.mark.parametrize("name", ["JAX_ENABLE_X64", "SOME_SETTING_OF_A_LIBRARY"])
def test_a_changed_environment_variable_is_another_key(
    go: Callable, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    go(calm(1))
    monkeypatch.setenv("TERM", "another")
    assert reused(go(calm(1))) == (1, 4, 16)
    monkeypatch.setenv(name, "3")
    assert reused(go(calm(1))) == (0, 0, 0)


def test_changed_source_of_the_backend_is_another_key(tmp_path: Path) -> None:
    """A copy of the package, edited between two runs: the second must show the edit."""
    home = Path(harness.__file__).resolve().parent
    copy = tmp_path / "code" / "harness"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "import sys, harness.runs as r\n"
        "from tests.runs.test_reuse import calm, reused, SPEC\n"
        "run = r.run(calm(1), backends=[SPEC], reference=False, progress=False, jobs=1, output=sys.argv[1],\n"
        "            reuse=sys.argv[2])\n"
        "assert r.__file__.startswith(sys.argv[3])\n"
        "print(reused(run), run.array(3).tolist())\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{copy.parent}{os.pathsep}{Path(__file__).parents[2]}"}

    def run(name: str) -> str:
        words = [sys.executable, "-c", code, str(tmp_path / name), str(tmp_path / "store"), str(copy)]
        done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = run("one")
    assert first.startswith("(0, 0, 0)")
    assert run("two") == first.replace("(0, 0, 0)", "(1, 4, 16)", 1)
    text = (copy / "runs" / "_synthetic.py").read_text()
    assert "z * z" in text
    (copy / "runs" / "_synthetic.py").write_text(text.replace("z * z", "z * z + 1"))
    third = run("three")
    assert third.startswith("(0, 0, 0)") and third != first
    (copy / "report" / "text.py").write_text("")  # what only reads observations cannot change them
    assert run("four") == third.replace("(0, 0, 0)", "(1, 4, 16)", 1)


def test_every_installed_file_of_a_framework_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.runs.identity import identity

    package = tmp_path / "some_framework"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "kernel.so").write_bytes(b"1")
    monkeypatch.syspath_prepend(str(tmp_path))

    def now(device: str = "cpu", module: str = "harness.backends.jax.backend") -> str:
        return identity("jax", module, ("some_framework",), device)

    plain = now()
    assert plain == now() != ""
    (package / "kernel.so").write_bytes(b"22")
    bigger = now()
    os.utime(package / "kernel.so", ns=(1, 1))
    assert len({plain, bigger, now()}) == 3
    assert now(module="somebody.else") == ""


# -- failures are observed again


def test_crashes_and_time_outs_are_observed_again(go: Callable) -> None:
    cases = synthetic.cases(2, faulty=True, seconds=0.5)
    first = go(cases, jobs=2)
    again = go(cases, jobs=2)
    bad = [f for c in cases for f in synthetic.faults(c.id)]
    assert (first.observations()["status"] != "ok").sum() == len(bad) == 4
    tasks, points, _ = reused(again)
    assert tasks == 0
    # Of a task in which a worker died, only points that were complete before its first death.
    firsts = [min(int(p[1:]) for p, _ in synthetic.faults(c.id)) for c in cases]
    assert points == sum(firsts) and points > 0
    assert same(first, again)


# -- damage


def test_a_truncated_store_is_no_store(go: Callable, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / "store.sqlite"
    first = go(calm())
    for share in (0.5, 0.01, 0.0):
        if not file.exists():
            go(calm())
        with open(file, "r+b") as handle:
            handle.truncate(int(file.stat().st_size * share))
        again = go(calm(), progress=True)
        assert same(first, again)
        words = capsys.readouterr().err
        assert reused(again) == (0, 0, 0) and ("begun anew" in words) == (share > 0)
    assert reused(go(calm())) == (3, 12, 48)  # an empty file is a new store


@pytest.mark.parametrize("seed", range(6))
def test_flipped_bits_never_become_observations(home: Path, seed: int) -> None:
    """Entries are either intact or absent, wherever the file is hit."""
    said: list[str] = []
    entries = {bytes([k]) * 32: bytes([k]) * (200 + k) for k in range(60)}
    store = reuse.Store(home / "store.sqlite", said.append)
    store.save(entries)
    store.close()
    data = bytearray((home / "store.sqlite").read_bytes())
    random = np.random.default_rng(seed)
    for bit in random.integers(0, len(data) * 8, 40):
        data[bit // 8] ^= 1 << bit % 8
    (home / "store.sqlite").write_bytes(data)
    hurt = reuse.Store(home / "store.sqlite", said.append)
    found = hurt.load(list(entries))
    hurt.close()
    assert all(entries[key] == content for key, content in found.items())
    assert len(found) < 60 or not said


def test_an_entry_under_another_key_is_no_entry(home: Path) -> None:
    store = reuse.Store(home / "store.sqlite", print)
    store.save({b"a": b"one", b"b": b"two"})
    store.close()
    base = sqlite3.connect(home / "store.sqlite")
    base.execute("UPDATE entries SET value = (SELECT value FROM entries WHERE key = ?) WHERE key = ?", (b"a", b"b"))
    base.commit()
    base.close()
    store = reuse.Store(home / "store.sqlite", print)
    assert store.load([b"a", b"b", b"c"]) == {b"a": b"one"}


def test_a_store_that_another_run_holds_costs_nothing_but_time(
    go: Callable, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = go(calm())
    other = sqlite3.connect(home / "store.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **more: connect(path, **{**more, "timeout": 0.1}))
    again = go(calm())
    assert reused(again) == (0, 0, 0) and same(first, again)
    other.execute("ROLLBACK")
    assert reused(go(calm())) == (3, 12, 48)


def test_the_older_half_goes_when_there_is_too_much(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = reuse.Store(home / "store.sqlite", print)
    monkeypatch.setattr(reuse.time, "time", lambda: 1)
    store.save({bytes([k]): os.urandom(5000) for k in range(20)})
    monkeypatch.setattr(reuse.time, "time", lambda: 2)
    monkeypatch.setattr(reuse, "LIMIT", 100_000)
    store.save({bytes([k]): os.urandom(5000) for k in range(20, 40)})
    assert set(store.load([bytes([k]) for k in range(40)])) == {bytes([k]) for k in range(20, 40)}


# -- resume


def test_reuse_and_resume_together(go: Callable, tmp_path: Path) -> None:
    first = go(calm())
    journal = first.path / "journal.bin"
    journal.write_bytes(journal.read_bytes()[: journal.stat().st_size // 2])
    want = {name: (first.path / name).read_bytes() for name in SAME}
    for name in ("closed.json", "observations.parquet", "times.parquet"):
        (first.path / name).unlink()
    again = go(calm(), output=first.path, resume=True)
    assert reused(again)[0] >= 1
    assert {name: (again.path / name).read_bytes() for name in SAME} == want


def test_a_cache_that_is_off_is_a_sentence(go: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", "off")
    with pytest.raises(CaseError, match="HARNESS_CACHE is off"):
        go(calm(), reuse=True)


def test_workers_identify_themselves_only_when_asked() -> None:
    kind = WorkerSpec(SPEC)
    for asked in (False, True):
        executor = LocalExecutor(jobs=1)
        executor.identify = asked
        try:
            hello = executor.open({kind: 1})[kind]
        finally:
            executor.close()
        assert isinstance(hello, dict) and ("identity" in hello) == asked
