"""The same run on a Ray cluster of two nodes; and what is left when an outpost, a node or all of them are lost.

Skips where Ray is not installed: pip install 'wirtinger-harness[ray]'. A cluster takes some seconds to start.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import harness.runs as runs
from harness.model import CaseError
from harness.runs import _synthetic as synthetic
from harness.runs.ray import RayExecutor
from tests.bench.soak import check
from tests.runs.conftest import make_case

SAME = ("header.json", "catalogue.json", "observations.parquet", "closed.json")
Go = Callable[..., runs.Run]
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (the extra `ray`)")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A head with 2 processors and a second node with 1, and an accelerator that is only said to be there."""
    from ray.cluster_utils import Cluster

    before = dict(os.environ)
    os.environ["FAKE_PARENT"] = str(tmp_path_factory.mktemp("marker") / "once")
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    made.second = made.add_node(num_cpus=1, num_gpus=1)
    os.environ["RAY_ADDRESS"] = made.address
    yield made
    made.shutdown()
    os.environ.clear()
    os.environ.update(before)


def same(left: runs.Run, right: runs.Run) -> bool:
    return all((left.path / name).read_bytes() == (right.path / name).read_bytes() for name in SAME)


def log(run: runs.Run) -> str:
    path = run.path / "worker.log"
    return path.read_text() if path.exists() else ""


@needs_ray
def test_a_run_on_a_cluster_is_the_same_bytes(go: Go, cluster: Any) -> None:
    cases = [make_case(f"case{k}") for k in range(6)]
    there = go("Square", "Segfault", "Raises", cases=cases, output="there", executor="ray", jobs=None)
    here = go("Square", "Segfault", "Raises", cases=cases, output="here")
    assert same(there, here)


@needs_ray
def test_crashes_and_hangs_there_are_the_rows_that_they_are_here(tmp_path: Path, cluster: Any) -> None:
    run = runs.run(synthetic.cases(3, seconds=1.5), backends=["harness.runs._synthetic:Synthetic"], reference=False,
                   output=tmp_path / "run", executor="ray", progress=False)
    assert check(run.path, 3) == []


@needs_ray
def test_an_outpost_lost_once_costs_nothing_and_twice_is_a_row(go: Go, cluster: Any) -> None:
    once = go("KillsParentOnce", executor="ray", jobs=None, output="once")
    assert os.path.exists(os.environ["FAKE_PARENT"]) and log(once).count("the outpost on") == 1
    assert (once.observations()["status"] == "ok").all() and len(once.observations()) == 12
    run = go("KillsParent", "Square", executor="ray", jobs=None)
    frame = run.observations()[["backend", "point", "api", "status", "error"]].astype(str)
    lost = frame[frame["status"] != "ok"]
    assert set(lost["backend"]) == {"kills-parent"} and set(lost["status"] + lost["error"]) == {"crashNodeLost"}
    # What was told before the first loss is kept; everything else of that task is a row that says so.
    assert run.complete and len(frame) == 24
    assert ("bad", "pushforward") in set(zip(lost["point"], lost["api"], strict=True))
    assert log(run).count("the outpost on") == 2


@needs_ray
def test_accelerators_are_asked_for_and_only_those_lent_are_seen(go: Go, cluster: Any) -> None:
    run = go("Lent", devices=["cuda", "cpu"], executor="ray", jobs=None)
    flags = {t["device"]: t["flags"] for t in run.targets}
    assert flags["cuda"]["visible"] == "0" and run.failed_targets == {}
    assert (run.observations()["status"] == "ok").all() and len(run.observations()) == 24


@needs_ray
def test_workers_run_in_the_environment_that_ray_made(go: Go, cluster: Any) -> None:
    executor = RayExecutor("ray", runtime_env={"env_vars": {"FAKE_VERSION": "9.9"}})
    run = go("Square", executor=executor)
    assert run.targets[0]["versions"] == {"fake": "9.9"} and run.targets[0]["environment"] == "fake 9.9"


@needs_ray
def test_another_interpreter_of_the_nodes(go: Go, cluster: Any, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text(
        f'#!/bin/sh\nFAKE_VERSION=0.5 PYTHONPATH="{Path(__file__).parents[2]}" exec {sys.executable} "$@"\n'
    )
    other.chmod(0o755)
    run = go("Square", executor="ray", jobs=None, python={"tests.runs.fakes:Square": str(other)})
    assert run.targets[0]["versions"] == {"fake": "0.5"} and (run.observations()["status"] == "ok").all()


@needs_ray
def test_a_node_lost_in_the_middle(go: Go, cluster: Any, tmp_path: Path) -> None:
    """The last test with the second node. Its rows are observed by the first one."""
    cases = [make_case(f"case{k:02d}", tuple(f"p{p}" for p in range(6))) for k in range(24)]
    journal = tmp_path / "there" / "journal.bin"
    killed: list[float] = []

    def kill() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (journal.exists() and journal.stat().st_size > 12_000):
            time.sleep(0.01)
        cluster.remove_node(cluster.second, allow_graceful=False)
        killed.append(time.monotonic())

    thread = threading.Thread(target=kill)
    thread.start()
    there = go("Square", modes=["slow"], cases=cases, output="there", executor="ray", jobs=None)
    ended = time.monotonic()
    thread.join()
    here = go("Square", modes=["slow"], cases=cases, output="here")
    assert same(there, here)
    assert killed and (killed[0] < ended) and "the outpost on" in log(there)


@needs_ray
def test_where_no_accelerator_can_be_lent_the_target_has_failed(go: Go, cluster: Any) -> None:
    run = go("Lent", devices=["cuda", "cpu"], executor="ray", jobs=None)
    assert list(run.failed_targets.values()) == ["no node of the cluster has an accelerator to lend"]
    assert set(run.observations()["device"]) == {"cpu"}


# -- sentences


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--executor", "ray", "--runtime-env", "{"], "--runtime-env is not JSON"),
        (["--executor", "ray", "--runtime-env", "[]"], "wants an object"),
        (["--runtime-env", "{}"], "--runtime-env is for --executor ray"),
        (["--executor", "slurm"], "there is no executor 'slurm'"),
    ],
)
def test_bad_words(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    from harness.cli import main

    assert main(["run", "--select", "exp", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_without_ray_it_is_said_what_to_install(go: Go, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(runs.RunError, match=r"needs Ray.*wirtinger-harness\[ray\]") as caught:
        go("Square", executor="ray")
    assert caught.value.exit_status == 2 and not (tmp_path / "run").exists()


def test_an_executor_that_does_not_exist(go: Go) -> None:
    with pytest.raises(CaseError, match=r"no executor 'slurm' \(local, ray, or ray://ADDRESS\)"):
        go("Square", executor="slurm")


@needs_ray
def test_a_cluster_that_is_not_there(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    import ray

    monkeypatch.setattr(ray, "init", _refuse)
    with pytest.raises(runs.RunError, match="cannot connect to the Ray cluster at ray: no route"):
        go("Square", executor="ray")


def _refuse(**more: Any) -> None:
    raise ConnectionError("no route\nto anywhere")


def test_a_cluster_without_nodes_ends_the_run_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        class exceptions:
            class RayError(Exception):
                pass

        def nodes(self) -> list[Any]:
            return []

    executor = RayExecutor()
    executor._ray = Gone()
    monkeypatch.setattr("harness.runs.ray._RETURN", 0.0)
    with pytest.raises(runs.RunError, match=r"every node of the cluster was lost.*--resume"):
        executor._new_nodes()
