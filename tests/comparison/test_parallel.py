"""A comparison in parts: who judges them, and what is made of their frames."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pandas as pd
import pytest

from harness.comparison import parallel

#: In a process of its own, since forking beside the threads of a framework is not safe.
PARTS = """
import os
import pandas as pd
from harness.comparison.parallel import in_parts

own = os.getpid()

def judge(cases):
    if "lost" in cases and os.getpid() != own:
        os._exit(1)
    return pd.DataFrame({"case": pd.Categorical(sorted(cases)), "here": os.getpid() == own})

found = in_parts(judge, [["a", "b"], ["c"]])
assert list(found["case"]) == ["a", "b", "c"] and not found["here"].any(), found
found = in_parts(judge, [["a", "b"], ["lost"], ["c"]])
assert list(found["case"]) == ["a", "b", "lost", "c"] and found["here"][2], found
"""


def test_processes_judge_the_parts_and_one_that_is_lost_costs_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", PARTS], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_parts_are_of_about_as_many_observations(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Counter({f"case{k}": 10_000 for k in range(8)})
    parts = parallel.parts_of(rows, rows, processes=2)
    assert parts == [[f"case{k}", f"case{k + 1}"] for k in range(0, 8, 2)]
    assert parallel.parts_of(rows, rows, processes=1) == []
    assert parallel.parts_of(Counter({"a": parallel.LEAST - 1}), ["a"], processes=2) == []
    # what the catalogue does not know is not lost
    assert parallel.parts_of(rows + Counter({"unknown": 1}), rows, processes=2)[-1][-1] == "unknown"
    monkeypatch.setitem(sys.modules, "torch", sys)
    assert parallel.parts_of(rows, rows) == []


def test_categories_are_those_of_all_parts() -> None:
    frames = [pd.DataFrame({"word": pd.Categorical(list(words)), "n": [1, 1]}) for words in ("bb", "ca")]
    found = parallel.together(frames)
    assert list(found["word"]) == ["b", "b", "c", "a"] and list(found["word"].cat.categories) == ["a", "b", "c"]
    assert list(found.index) == [0, 1, 2, 3]


def test_parts_without_rows_are_nothing() -> None:
    """What an interrupted run has not come to: categories without a type, which pandas will not join to words."""
    full = pd.DataFrame({"word": pd.Categorical(["a", "b"]), "n": [1, 2]})
    none = pd.Categorical.from_codes([], pd.Index([], dtype=float))
    empty = pd.DataFrame({"word": none, "n": pd.Series([], dtype=int)})
    for frames in ([full, empty], [empty, full]):
        pd.testing.assert_frame_equal(parallel.together(frames), full)
    assert not len(parallel.together([empty, empty]))
