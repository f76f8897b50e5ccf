"""The soak, scaled down: crashes, hangs, kills of workers and of the coordinator; and its checks find what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import harness.runs as runs
from harness.backends.base import Step
from harness.model import Observation, Task
from harness.runs import _synthetic as synthetic
from tests.bench.soak import check, sentences, soak, write_section

linux = pytest.mark.skipif(sys.platform != "linux", reason="the soak watches processes in /proc")


@linux
@pytest.mark.soak
def test_two_thousand_observations_under_fire(tmp_path: Path) -> None:
    report = soak(2_000, tmp_path / "run", jobs=4, seconds=1.0, kills=2, coordinators=1, seed=2, limit=240, every=0.1)
    assert report.problems == []
    assert sorted(k.split(" at")[0] for k in report.kills) == ["coordinator", "worker", "worker"]
    assert report.observations == 2_000 == runs.Run.open(tmp_path / "run").table().num_rows
    assert "every row is what it must be" in sentences(report)[-1]
    assert check(tmp_path / "run", 21) == ["2000 rows, expected 2100", "100 rows are missing",
        *(f"soak-000020/{p}/{a} says ok, must say {w}" for (p, a), c in sorted(synthetic.faults("soak-000020").items())
          for w in [("timeout", "Timeout") if c == "timeout" else ("crash", c)])]


class Lying(synthetic.Synthetic):
    """One unit in the last place off in one number; and a case that neither crashes nor hangs."""

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        task = Task(**{**task.__dict__, "skip": task.skip | frozenset(synthetic.faults(task.case))})
        for item in super().observe(task):
            if isinstance(item, Observation) and (task.case, item.point, item.api) == ("soak-000001", "p07", "grad"):
                assert item.data is not None
                item = Observation(**{**item.__dict__, "data": item.data * (1 + 2**-52)})
            yield item


def test_the_check_of_a_soak_finds_one_wrong_bit_and_every_missing_row(tmp_path: Path) -> None:
    runs.run(synthetic.cases(2), backends=["tests.runs.test_soak:Lying"], output=tmp_path / "run", jobs=1,
             reference=False, progress=False)
    problems = check(tmp_path / "run", 2)
    assert problems[:2] == ["196 rows, expected 200", "4 rows are missing"]
    assert problems[-1] == "1 rows of grad have wrong numbers"
    assert len([p for p in problems if "says ok, must say" in p]) == 4


def test_every_case_has_one_crash_and_one_hang_at_different_steps() -> None:
    kinds = []
    for k in range(300):
        found = synthetic.faults(synthetic.name_of(k, True))
        assert len(found) == 2 and list(found.values()).count("timeout") == 1
        kinds += [c for c in found.values() if c != "timeout"]
        assert synthetic.faults(synthetic.name_of(k, False)) == {}
    assert set(kinds) == set(synthetic.CRASHES)
    assert (
        np.unique([next(iter(synthetic.faults(synthetic.name_of(k, True)))) for k in range(300)], axis=0).shape[0] > 50
    )


def test_a_ledger_lets_go_of_what_is_closed() -> None:
    from harness.runs.planning import Target, plan
    from harness.runs.recovery import Ledger
    from harness.workers.frames import FrameReader

    (task,) = plan(synthetic.cases(1), [Target("synthetic", spec="harness.runs._synthetic:Synthetic")])
    ledger = Ledger(0, task, 0)
    ledger.absorb({"m": "rows", "rows": [["p00", "", "value", "", "out"]]})
    closing = list(FrameReader().feed(ledger.finish()))
    assert closing[-1].header == {"m": "done", "task": 0, "rows": synthetic.POINTS}
    assert ledger.seen == set()


def test_the_figures_take_the_place_of_the_earlier_ones(tmp_path: Path) -> None:
    file = tmp_path / "bench.md"
    write_section(file, ["first", "table", "closing", "end"])
    write_section(file, ["again", "table", "closing", "end"])
    assert file.read_text() == "# Benchmarks\n\n## Soak\n\nagain.\n\n```\ntable\n```\n\nclosing\nend\n"
    file.write_text("# Benchmarks\n\n## Other\n\nkept\n\n## Soak\n\nold\n\n## More\n\nkept too\n")
    write_section(file, ["new", "closing", "end"])
    text = file.read_text()
    assert "old" not in text and "kept\n\n## Soak\n\nnew." in text and text.endswith("end\n\n## More\n\nkept too\n")
