"""A run folder read back: vectorised decoding, later formats, and damage of every file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import harness.runs as runs
from harness.cases import to_json
from harness.model import Observation
from harness.runs import protocol
from harness.runs.arrow_arrays import Arrays
from harness.runs.arrow_schema import COLUMNS, KEY, Collector
from harness.workers.frames import Frame, unpack
from tests.runs.conftest import make_case

TARGETS = [
    {"backend": "b", "device": "cpu", "mode": "eager", "environment": "b 1"},
    {"backend": "a", "device": "cpu", "mode": "eager", "environment": "a 1"},
]


def frame_of(number: int, target: int, rows: list[Observation]) -> Frame:
    found = unpack(protocol.rows_frame(number, f"case{number}", "float64", target, rows))
    assert found is not None
    return found[0]


def seen(point: str, data: np.ndarray | None, api: str = "grad") -> Observation:
    status, message = ("refused", "no") if data is None else ("ok", "")
    return Observation("", point, "", "", "", "", api, "raw", "z", "out", status, data, "", message)


def random_frames(count: int) -> list[Frame]:
    rng, frames = np.random.default_rng(5), []
    kinds = ["float32", "complex128", "int64", "bool", "float64"]
    shapes: list[tuple[int, ...]] = [(), (0,), (3,), (2, 2), (2, 0, 1), (6,)]
    for k in range(count):
        rows = []
        for p in range(4):
            kind, shape = np.dtype(kinds[rng.integers(5)]), shapes[rng.integers(6)]
            size = int(np.prod(shape))
            raw = rng.bytes(size * kind.itemsize)
            data = np.frombuffer(raw, kind).reshape(shape) if kind.kind != "b" else rng.random(shape) < 0.5
            rows.append(seen(f"p{p}", None if rng.random() < 0.2 else np.asarray(data)))
        frames.append(frame_of(k, int(rng.integers(2)), rows))
    return frames


def table_of(frames: list[Frame]) -> tuple[pa.Table, np.ndarray]:
    collector = Collector(TARGETS)
    for frame in frames:
        collector.add(frame)
    return collector.finish()


def test_a_table_does_not_depend_on_the_order_of_arrival() -> None:
    frames = random_frames(50)
    forward, _ = table_of(frames)
    shuffled = [frames[k] for k in np.random.default_rng(1).permutation(50)]
    assert table_of(shuffled)[0].equals(forward)
    keys = list(zip(*(forward.column(c).to_pylist() for c in KEY), strict=True))
    assert keys == sorted(keys) and len(set(keys)) == 200
    assert tuple(forward.schema.names) == COLUMNS


def test_of_two_rows_with_one_key_the_first_counts() -> None:
    first, second = frame_of(0, 0, [seen("p", np.array([1.0]))]), frame_of(0, 0, [seen("p", np.array([2.0]))])
    table, seconds = table_of([first, second])
    assert table.num_rows == len(seconds) == 1
    array = Arrays(table).array(0)
    assert array is not None and array.tolist() == [1.0]


def test_arrays_come_back_one_by_one_and_in_bulk() -> None:
    frames = random_frames(60)
    table, _ = table_of(frames)
    arrays = Arrays(table)
    want: dict[tuple[str, str], bytes | None] = {}
    layouts: dict[tuple[str, str], tuple[str, tuple[int, ...]]] = {}
    for frame in frames:
        for row, data in protocol.rows_from(frame):
            want[frame.header["case"], row.point] = data
            layouts[frame.header["case"], row.point] = (row.kind, tuple(row.shape))
    keys = list(zip(table.column("case").to_pylist(), table.column("point").to_pylist(), strict=True))
    for k, key in enumerate(keys):
        array = arrays.array(k)
        assert (array is None) == (want[key] is None)
        if array is not None:
            assert array.tobytes() == want[key]
            assert (array.dtype.str, array.shape) == layouts[key]
    grouped = 0
    for kind, shape, rows in arrays.groups():
        stacked = arrays.stack(rows)
        assert stacked.dtype == kind and stacked.shape == (len(rows), *shape)
        for at, row in enumerate(rows):
            assert stacked[at].tobytes() == want[keys[row]]
        grouped += len(rows)
    assert grouped == sum(data is not None for data in want.values())
    with pytest.raises(ValueError, match="one kind and shape"):
        arrays.stack(np.arange(len(keys)))


@pytest.mark.parametrize("slice_", [slice(0, 0), slice(7, 30)])
def test_arrays_of_a_part_of_a_table(slice_: slice) -> None:
    table, _ = table_of(random_frames(20))
    whole, part = Arrays(table), Arrays(table.slice(slice_.start, slice_.stop - slice_.start))
    assert len(part) == slice_.stop - slice_.start
    for k in range(len(part)):
        a, b = whole.array(slice_.start + k), part.array(k)
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert a.tobytes() == b.tobytes() and a.shape == b.shape and a.dtype == b.dtype


def test_a_run_gives_back_what_was_asked_and_observed(go: Callable) -> None:
    case = make_case()
    run = go("Square", cases=[case])
    assert [to_json(c) for c in run.cases] == [to_json(case)]
    frame = run.observations()
    assert list(frame.columns) == [*COLUMNS, "seconds"]
    assert (frame["seconds"] == 1e-3).all()
    assert frame["shape"].map(lambda s: isinstance(s, tuple)).all()
    for k, row in enumerate(frame.itertuples(index=False)):
        assert run.array(k).tobytes() == run.array(row).tobytes() == run.array(frame.iloc[k]).tobytes() == row.data
    target = run.targets[0]
    assert target["versions"] == {"fake": "1.0"} and target["flags"] == {"precision": "highest"}
    assert set(frame["environment"].astype(str)) == {target["environment"]} == {"fake 1.0"}
    assert run.failed_targets == {}


def test_an_incomplete_run_reads_as_the_complete_one_did(go: Callable) -> None:
    run = go("Square", "Segfault")
    complete = run.observations()
    for name in ("closed.json", "observations.parquet", "times.parquet"):
        (run.path / name).unlink()
    again = runs.Run.open(run.path)
    assert not again.complete and any("incomplete" in note for note in again.notes)
    assert again.observations().equals(complete)


def test_a_later_format_is_refused(go: Callable) -> None:
    run = go("Square")
    header = json.loads((run.path / "header.json").read_text())
    (run.path / "header.json").write_text(json.dumps({**header, "format": 99}))
    with pytest.raises(runs.UnknownFormat, match="format 99"):
        runs.Run.open(run.path)


@pytest.mark.parametrize("name", ["observations.parquet", "catalogue.json", "header.json", "closed.json"])
@pytest.mark.parametrize("how", ["cut", "flip", "remove"])
def test_a_damaged_file_is_named(go: Callable, name: str, how: str) -> None:
    run = go("Square")
    file = run.path / name
    data = bytearray(file.read_bytes())
    if how == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif how == "flip":
        data[len(data) // 2] ^= 4
        file.write_bytes(data)
    else:
        file.unlink()
    if (name, how) == ("closed.json", "remove"):
        assert not runs.Run.open(run.path).complete
        return
    with pytest.raises((runs.DamagedRun, runs.NotARun), match=name):
        runs.Run.open(run.path)
    if name in ("observations.parquet", "catalogue.json"):  # the journal still has everything
        again = go("Square", resume=True)
        assert again.complete and len(again.observations()) == 12 and len(again.cases) == 1


def test_damaged_times_are_a_sentence(go: Callable) -> None:
    run = go("Square")
    data = bytearray((run.path / "times.parquet").read_bytes())
    data[20] ^= 1
    (run.path / "times.parquet").write_bytes(data)
    again = runs.Run.open(run.path)
    frame = again.observations()
    assert len(frame) == 12 and frame["seconds"].isna().all()
    assert any("times.parquet" in note for note in again.notes)


@pytest.mark.parametrize("what", ["nothing", "empty", "file"])
def test_what_is_not_a_run(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    if what == "empty":
        path.mkdir()
    elif what == "file":
        path.write_text("hello")
    with pytest.raises(runs.NotARun):
        runs.Run.open(path)


def test_a_large_table_is_decoded_in_bulk() -> None:
    frames = [frame_of(k, k % 2, [seen(f"p{p}", np.full(3, k + p, float)) for p in range(50)]) for k in range(2000)]
    table, _ = table_of(frames)
    (group,) = Arrays(table).groups()
    stacked = Arrays(table).stack(group[2])
    assert stacked.shape == (100_000, 3) and (stacked == stacked[:, :1]).all()


def test_a_closing_mark_that_proves_nothing_is_damage(go: Callable) -> None:
    run = go("Square")
    for mark in ({}, {"format": 1, "rows": 12, "sha256": {}}, [], {"sha257": {}}):
        (run.path / "closed.json").write_text(json.dumps(mark))
        with pytest.raises(runs.DamagedRun, match=r"closed\.json"):
            runs.Run.open(run.path)


def test_the_catalogue_of_an_incomplete_run_is_checked_too(go: Callable) -> None:
    run = go("Square")
    (run.path / "closed.json").unlink()
    text = (run.path / "catalogue.json").read_text()
    (run.path / "catalogue.json").write_text(text.replace("z**2", "z**3"))
    with pytest.raises(runs.DamagedRun, match=r"catalogue\.json"):
        _ = runs.Run.open(run.path).cases


def test_a_run_in_a_notebook(go: Callable) -> None:
    html = go("Segfault", "NotThere")._repr_html_()
    for word in ("complete, 1 cases, 12 observations", "segfault", "fake 1.0", "<th>crash</th>", "could not be run"):
        assert word in html
