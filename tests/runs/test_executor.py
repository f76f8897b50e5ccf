"""Another home for workers: what crosses the wire is picklable, and the run is the same bytes."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.runs.execution import Executor
from harness.runs.local import LocalExecutor
from harness.runs.recovery import Ledger
from harness.runs.worker_slots import Event
from harness.workers.process import WorkerSpec
from tests.runs.conftest import make_case


class Distant:
    """As a cluster would do it: every task, hello and event is serialised, and each node gets a part of the tasks."""

    def __init__(self, nodes: int) -> None:
        self.nodes = [LocalExecutor(jobs=1) for _ in range(nodes)]

    def open(self, kinds: Mapping[WorkerSpec, int]) -> Mapping[WorkerSpec, Any]:
        answers = [node.open(pickle.loads(pickle.dumps(dict(kinds)))) for node in self.nodes]
        return pickle.loads(pickle.dumps(answers[0]))  # type: ignore[no-any-return]

    def run(self, ledgers: Sequence[Ledger]) -> Iterator[list[Event]]:
        for k, node in reversed(list(enumerate(self.nodes))):
            batch = pickle.loads(pickle.dumps(ledgers[k :: len(self.nodes)]))
            for events in node.run(batch):
                yield pickle.loads(pickle.dumps(events))

    def close(self) -> None:
        for node in self.nodes:
            node.close()


def test_a_run_made_elsewhere_is_the_same_bytes(go: Callable) -> None:
    cases = [make_case(f"case{k}") for k in range(5)]
    executor: Executor = Distant(3)
    there = go("Square", "Segfault", "Raises", cases=cases, output="there", executor=executor)
    here = go("Square", "Segfault", "Raises", cases=cases, output="here")
    for name in ("header.json", "catalogue.json", "observations.parquet", "closed.json"):
        assert (there.path / name).read_bytes() == (here.path / name).read_bytes(), name
