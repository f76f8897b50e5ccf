"""Frames keep every bit, and bytes that are not frames are named."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Input, Observation, Point, Source, Task
from harness.runs import protocol
from harness.workers import frames
from harness.workers.frames import CorruptFrame, FrameReader


def bits(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def special() -> np.ndarray:
    """-0.0, infinities, a subnormal, NaN with a payload, negative NaN: as bit patterns, so that nothing tidies them."""
    words = [0x8000000000000000, 0x7FF0000000000000, 0xFFF0000000000000, 1, 0x7FF800000000BEEF, 0xFFF8000000000001]
    return np.array(words, dtype="<u8").view("<f8")


def a_task() -> Task:
    f8 = special()
    return Task(
        case="a/b", dtype="complex128", backend="jax", device="cpu", mode="jit", source=Source("native", "jnp.abs(z)"),
        inputs=(Input("z", "complex", (3,)), Input("p.w", "real", (2, 3), False)),
        points=(
            Point("one", {"z": f8[::2] + 0j, "p.w": f8.reshape(2, 3)}, "a note", "noncontiguous"),
            Point("two", {"z": np.zeros((0,), np.complex128), "p.w": np.asfortranarray(f8.reshape(2, 3))}),
        ),
        outputs=("u", "v"), order=2, apis=("grad",), skip=frozenset({("one", "grad"), ("*", "compile")}),
        modules=("mine",), path=("/somewhere",), seconds=1.5, spec="x:Y", python="/env/bin/python",
    )


def test_a_task_arrives_as_it_left() -> None:
    task = a_task()
    found = frames.unpack(protocol.task_frame(7, task, 3))
    assert found is not None
    frame, end = found
    assert end == len(frame.raw)
    assert (frame.header["task"], frame.header["target"]) == (7, 3)
    again = protocol.task_from(frame)
    for before, after in zip(task.points, again.points, strict=True):
        assert list(before.arrays) == list(after.arrays)
        for name in before.arrays:
            assert bits(before.arrays[name]) == bits(after.arrays[name])
            assert before.arrays[name].shape == after.arrays[name].shape
            assert before.arrays[name].dtype == after.arrays[name].dtype
    strip = {f: getattr(task, f) for f in task.__dataclass_fields__ if f != "points"}
    assert strip == {f: getattr(again, f) for f in strip}
    assert [(p.name, p.note, p.layout) for p in again.points] == [("one", "a note", "noncontiguous"), ("two", "", "")]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128", "int64", "bool", ">f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3)])
def test_observations_keep_dtype_shape_and_bits(dtype: str, shape: tuple[int, ...]) -> None:
    size = int(np.prod(shape))
    data = np.frombuffer(np.random.default_rng(1).bytes(size * 16), np.uint8)[: size * np.dtype(dtype).itemsize]
    data = (data & 1).view(bool) if dtype == "bool" else data.view(dtype)
    data = data.reshape(shape)
    seen = Observation("c", "p", "float64", "b", "cpu", "eager", "grad", "raw", "z", "out", "ok", data, seconds=0.25)
    found = frames.unpack(protocol.rows_frame(2, "c", "float64", 1, [seen]))
    assert found is not None
    ((row, raw),) = protocol.rows_from(found[0])
    assert raw is not None
    back = frames.array_from(row.kind, row.shape, raw)
    assert back.shape == shape
    assert back.dtype == np.dtype(dtype).newbyteorder("<")
    assert bits(back) == bits(data.astype(data.dtype.newbyteorder("<")))
    assert (row.point, row.api, row.quantity, row.input, row.output, row.status, row.seconds) == (
        "p", "grad", "raw", "z", "out", "ok", 0.25,
    )


def test_nan_payloads_and_signed_zeros_survive() -> None:
    seen = Observation("c", "p", "float64", "b", "cpu", "eager", "", "value", "", "out", "ok", special())
    found = frames.unpack(protocol.rows_frame(0, "c", "float64", 0, [seen]))
    assert found is not None
    ((row, raw),) = protocol.rows_from(found[0])
    assert raw is not None
    assert frames.array_from(row.kind, row.shape, raw).view("u8").tolist() == special().view("u8").tolist()


def test_a_row_without_data_is_not_a_row_with_an_empty_array() -> None:
    head = ("c", "p", "float64", "b", "cpu", "eager", "", "value", "", "out")
    rows = [Observation(*head, "refused", None, "RuntimeError", "no"), Observation(*head, "ok", np.zeros((0, 3)))]
    found = frames.unpack(protocol.rows_frame(0, "c", "float64", 0, rows))
    assert found is not None
    (_, nothing), (_, empty) = protocol.rows_from(found[0])
    assert nothing is None
    assert empty == b""


@pytest.mark.parametrize("bad", [np.array([object()]), np.array(["text"]), np.array([b"ab"]), np.zeros(1, "V2")])
def test_only_numbers_are_recorded(bad: np.ndarray) -> None:
    with pytest.raises(TypeError, match="cannot be recorded"):
        frames.array_bytes(bad)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6), st.integers(1, 50))
def test_a_stream_is_cut_into_frames_however_it_arrives(bodies: list[bytes], step: int) -> None:
    stream = b"".join(frames.pack({"m": "x", "n": k}, [b]) for k, b in enumerate(bodies))
    reader, found = FrameReader(), []
    for at in range(0, len(stream), step):
        found += [(f.header["n"], f.body) for f in reader.feed(stream[at : at + step])]
    assert found == list(enumerate(bodies))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_single_flipped_bit_passes(data: st.DataObject) -> None:
    frame = bytearray(frames.pack({"m": "rows", "task": 1}, [b"0123456789"]))
    bit = data.draw(st.integers(0, len(frame) * 8 - 1))
    frame[bit // 8] ^= 1 << bit % 8
    try:
        found = frames.unpack(frame)
    except CorruptFrame:
        return
    assert found is None  # a longer length: the rest never comes


@pytest.mark.parametrize(
    "garbage",
    [b"print output", b"WHf1" + struct.pack("<II", 1 << 31, 0), b"WHf1" + struct.pack("<II", 0, 0),
     frames._PREFIX.pack(b"WHf1", 8, 0) + b"12345678"],
)
def test_garbage_is_a_named_exception(garbage: bytes) -> None:
    with pytest.raises(CorruptFrame):
        list(FrameReader().feed(garbage))


def test_frames_before_garbage_are_not_lost() -> None:
    reader, found = FrameReader(), []
    with pytest.raises(CorruptFrame):
        for frame in reader.feed(frames.pack({"m": "a"}) + b"garbage garbage"):
            found.append(frame.header["m"])
    assert found == ["a"]
