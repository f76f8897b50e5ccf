"""Run folders made by an attacker: name, what is done to a sound run, and what the refusal says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.runs.arrow_schema import SCHEMA
from harness.workers.frames import pack
from tests.runs.recorded_by_hand import edit, edit_rows, seal

TITLE = "\x1b]0;pwned\x07"


@dataclass(frozen=True)
class HostileRun:
    name: str
    harm: Callable[[Path], None]
    said: str  # a part of the sentence


def header(**changes: Any) -> Callable[[Path], None]:
    return lambda run: edit(run, "header.json", lambda head: head.update(changes))


def target(**changes: Any) -> Callable[[Path], None]:
    return lambda run: edit(run, "header.json", lambda head: head["targets"][1].update(changes))


def case(**changes: Any) -> Callable[[Path], None]:
    return lambda run: edit(run, "catalogue.json", lambda found: found["cases"][0].update(changes))


def inner(path: str, value: Any) -> Callable[[Path], None]:
    """One value of the first case, by its path: "points.0.arrays.z.data"."""

    def change(found: Any) -> None:
        place = found["cases"][0]
        *way, last = path.split(".")
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        place[int(last) if isinstance(place, list) else last] = value

    return lambda run: edit(run, "catalogue.json", change)


def text(name: str, content: bytes) -> Callable[[Path], None]:
    def write(run: Path) -> None:
        (run / name).write_bytes(content)
        if name != "closed.json":
            seal(run)

    return write


def hole(name: str, size: int) -> Callable[[Path], None]:
    """A file that says it is this large and holds nothing."""
    return lambda run: os.truncate(run / name, size)


def mark(**changes: Any) -> Callable[[Path], None]:
    return lambda run: edit(run, "closed.json", lambda found: found.update(changes))


def row(**changes: Any) -> Callable[[Path], None]:
    """Another first row of data."""

    def change(rows: list[dict[str, Any]]) -> None:
        next(r for r in rows if r["status"] == "ok").update(changes)

    return lambda run: edit_rows(run, change)


def twice(run: Path) -> None:
    edit_rows(run, lambda rows: [*rows, rows[0]])


def in_place_of(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(run: Path) -> None:
        (run / name).unlink()
        make(run / name)

    return replace


def parquet(table: pa.Table, **options: Any) -> Callable[[Path], None]:
    def write(run: Path) -> None:
        pq.write_table(table, run / "observations.parquet", **options)
        seal(run)

    return write


def million_rows(run: Path) -> None:
    """Two million equal rows in a few kilobytes."""
    first = pq.read_table(run / "observations.parquet", partitioning=None).slice(0, 1).cast(SCHEMA)
    parquet(first.take(pa.array([0] * 2_000_000)), compression="zstd")(run)


def one_entry_repeated(run: Path) -> None:
    """A megabyte of zeros, once in the file and once for each of a hundred rows in memory."""
    rows = pq.read_table(run / "observations.parquet", partitioning=None).to_pylist()
    zeros = b"\0" * (1 << 20)
    many = [rows[0] | {"point": f"p{k}", "kind": "<f8", "shape": [1 << 17], "data": zeros} for k in range(100)]
    parquet(pa.Table.from_pylist(many, schema=SCHEMA), compression="zstd", dictionary_pagesize_limit=1 << 28)(run)


def big_page(run: Path) -> None:
    """A page of a hundred megabytes of zeros in some kilobytes."""
    rows = pq.read_table(run / "observations.parquet", partitioning=None).to_pylist()
    wide = rows[0] | {"kind": "|u1", "shape": [100 << 20], "data": bytes(100 << 20)}
    parquet(pa.Table.from_pylist([wide], schema=SCHEMA), compression="zstd", use_dictionary=False)(run)


def lying_page(run: Path) -> None:
    """The header of the first page claims two gigabytes, what stands at the end of the file does not."""
    path = run / "observations.parquet"
    data = bytearray(path.read_bytes())
    data[4:12] = bytes([0x15, 0x04, 0x15, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F])  # type dictionary, 2**31 - 1 bytes
    path.write_bytes(data)
    seal(run)


def flag_for_a_header(run: Path) -> None:
    """Where the first page says how many values it has stands true: its sixteenth byte begins a structure."""
    path = run / "observations.parquet"
    data = bytearray(path.read_bytes())
    at = data.index(0x2C if 0x2C in data[4:24] else 0x3C, 4, 24)  # a structure two or three fields on
    data[at] = data[at] & 0xF0 | 1
    path.write_bytes(data)
    seal(run)


def names_that_are_no_text(run: Path) -> None:
    path = run / "observations.parquet"
    path.write_bytes(path.read_bytes().replace(b"status", b"st\xe1tus"))
    seal(run)


def lying_footer(run: Path) -> None:
    path = run / "observations.parquet"
    data = bytearray(path.read_bytes())
    data[-8:-4] = (1 << 31).to_bytes(4, "little")
    path.write_bytes(data)
    seal(run)


def journal(*frames: bytes) -> Callable[[Path], None]:
    """An incomplete run whose journal is this."""

    def write(run: Path) -> None:
        (run / "closed.json").unlink()
        (run / "journal.bin").write_bytes(b"".join(frames))

    return write


def not_closed(then: Callable[[Path], None]) -> Callable[[Path], None]:
    def write(run: Path) -> None:
        (run / "closed.json").unlink()
        then(run)

    return write


def rename_case(run: Path) -> None:
    """The case and its rows are called after a path."""
    edit(run, "catalogue.json", lambda found: found["cases"][0].update(id="../../../tmp/pwned"))


_DEEP = b'{"format": 1, "targets": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
_WIDE = json.dumps({"cases": []}).encode()[:-2] + b"[]," * 4_000_000 + b"[]]}"
_POINT = "points.0.arrays.z"

HOSTILE_RUNS = [
    HostileRun("header-empty", text("header.json", b""), "header.json cannot be read"),
    HostileRun("header-not-utf8", text("header.json", b"\xff\xfe{"), "header.json cannot be read"),
    HostileRun("header-list", text("header.json", b"[]"), "must be an object"),
    HostileRun("header-nested", text("header.json", _DEEP), "nested too deeply"),
    HostileRun("header-long-number", text("header.json", b'{"format": ' + b"1" * 10_000 + b"}"), "header.json"),
    HostileRun("header-ten-gigabytes", hole("header.json", 10 << 30), "at most"),
    HostileRun("header-fifo", in_place_of("header.json", os.mkfifo), "is not a run"),
    HostileRun("header-device", in_place_of("header.json", lambda p: p.symlink_to("/dev/zero")), "is not a run"),
    HostileRun("format-text", header(format="1"), "header.format"),
    HostileRun("format-negative", header(format=-1), "header.format"),
    HostileRun("format-true", header(format=True), "header.format"),
    HostileRun("format-future", header(format=2**31), "has format 2147483648"),
    HostileRun("targets-object", header(targets={"backend": "jax"}), "header.targets must be a list"),
    HostileRun("targets-many", header(targets=[{}] * 5000), "5,000 items"),
    HostileRun("targets-null", header(targets=[None]), "header.targets[0] must be an object"),
    HostileRun("catalogue-entry-list", header(catalogue=[]), "header.catalogue must be an object"),
    HostileRun("counts-huge", header(plan={"digest": "0" * 64, "tasks": 2**70}), "header.plan.tasks"),
    HostileRun("counts-nan", header(plan={"digest": "0" * 64, "tasks": float("nan")}), "header.plan.tasks"),
    HostileRun("digest-short", header(plan={"digest": "0", "tasks": 1}), "SHA-256"),
    HostileRun("absent-list", header(absent=["x"]), "header.absent"),
    HostileRun("backend-path", target(backend="../../jax"), "header.targets[1].backend"),
    HostileRun("backend-title", target(backend="jax" + TITLE), "header.targets[1].backend"),
    HostileRun("backend-number", target(backend=7), "header.targets[1].backend"),
    HostileRun("environment-clears-screen", target(environment="jax\x1b[2J"), "U+001B"),
    HostileRun("device-overrides-direction", target(device="cpu\u202exfc"), "U+202E"),
    HostileRun("platform-hidden", target(platform="Li\u200bnux"), "U+200B"),
    HostileRun("versions-list", target(versions=["jax"]), "versions must be an object"),
    HostileRun("versions-number", target(versions={"jax": 1}), "versions.jax must be text"),
    HostileRun("apis-short", target(apis=[["grad", "gradient"]]), "a list of 4 items"),
    HostileRun("apis-sign", target(apis=[["grad", "gradient", "gradient", 2**40]]), "from -1 to 1"),
    HostileRun("failed-number", target(failed=1), "failed must be text"),
    HostileRun("mark-list", text("closed.json", b"[]"), "closed.json"),
    HostileRun("mark-extra", mark(sha256={"../../../etc/passwd": "0" * 64}), "closing mark"),
    HostileRun("mark-rows", mark(rows="all"), "rows"),
    HostileRun("mark-device", in_place_of("closed.json", lambda p: p.symlink_to("/dev/zero")), "is not a file"),
    HostileRun("mark-huge", hole("closed.json", 1 << 40), "at most"),
    HostileRun("catalogue-ten-gigabytes", hole("catalogue.json", 10 << 30), "at most"),
    HostileRun("catalogue-values", text("catalogue.json", _WIDE), "values"),
    HostileRun("catalogue-fifo", in_place_of("catalogue.json", os.mkfifo), "is not a file"),
    HostileRun("catalogue-folder", in_place_of("catalogue.json", os.mkdir), "is not a file"),
    HostileRun("catalogue-nothing", text("catalogue.json", b"null"), "must be an object"),
    HostileRun("cases-number", text("catalogue.json", b'{"cases": 3}'), "cases must be a list"),
    HostileRun("id-path", rename_case, "cases[0].id"),
    HostileRun("id-dots", case(id=".."), "cases[0].id"),
    HostileRun("id-title", case(id="sq" + TITLE), "cases[0].id"),
    HostileRun("id-list", case(id=["square"]), "cases[0].id"),
    HostileRun("id-long", case(id="a" * 100_000), "name is too long"),
    HostileRun("id-of-another", case(id="cube"), "is there twice"),
    HostileRun("note-title", case(note=TITLE), "U+001B"),
    HostileRun("note-direction", case(note="abc\u2066xyz"), "U+2066"),
    HostileRun("note-object", case(note={}), "note must be text"),
    HostileRun("function-text", case(function="z**2"), "function must be an object"),
    HostileRun("function-long", case(function={"portable": "z+" * 50_000 + "z"}), "100,001 characters"),
    HostileRun("inputs-none", case(inputs=[]), "inputs has 0 items"),
    HostileRun("kind-unknown", inner("inputs.0.kind", "quaternion"), "inputs[0].kind"),
    HostileRun("shape-negative", inner("inputs.0.shape", [-2]), "inputs[0].shape"),
    HostileRun("shape-huge", inner("inputs.0.shape", [2**62]), "inputs[0].shape"),
    HostileRun("dtype-unknown", case(dtypes=["float128"]), "dtypes[0]"),
    HostileRun("dtypes-none", case(dtypes=[]), "dtypes has 0 items"),
    HostileRun("order-million", case(order=10**6), "order"),
    HostileRun("tolerance-infinite", case(tolerance={"fine": float("inf"), "coarse": None}), "tolerance.fine"),
    HostileRun("tolerance-attribute", case(tolerance={"fine": None, "coarse": None, "__class__": 1}), "not known"),
    HostileRun("place-attribute", case(place={"path": "x", "line": 1, "column": 1, "x": 1}), "not known"),
    HostileRun("seconds-text", case(seconds="60"), "seconds"),
    HostileRun("data-not-base64", inner(f"{_POINT}.data", "!!!!"), "base64"),
    HostileRun("data-short", inner(f"{_POINT}.data", "AAAA"), "catalogue.json cannot be read"),
    HostileRun("array-object", inner(f"{_POINT}.dtype", "object"), "dtype"),
    HostileRun("array-sides", inner(f"{_POINT}.shape", [2**23, 2**23, 2**23]), "catalogue.json cannot be read"),
    HostileRun("array-of-another", inner("points.0.arrays", {}), "other arrays"),
    HostileRun("layout-unknown", inner("points.0.layout", "__reduce__"), "layout"),
    HostileRun("link-script", inner("expect.0.link", "javascript:alert(1)"), "link"),
    HostileRun("link-data", inner("expect.0.link", "data:text/html,x"), "link"),
    HostileRun("link-quotes", inner("expect.0.link", 'https://x"onclick="y'), "link"),
    HostileRun("verdict-unknown", inner("expect.0.verdict", ["fine"]), "verdict"),
    HostileRun("versions-nonsense", inner("expect.0.versions", {"jax": "~~~"}), "names no version"),
    HostileRun("cause-path", inner("expect.0.cause", "../../pwned"), "cause"),
    HostileRun("family-path", case(family="../.."), "family"),
    HostileRun("derivative-of-nothing", case(derivative=[{"input": "w", "dz": "z"}]), "does not have"),
    HostileRun("parquet-nothing", text("observations.parquet", b""), "not a Parquet file"),
    HostileRun("parquet-text", text("observations.parquet", b"PAR1" + b"x" * 100 + b"PAR1"), "observations.parquet"),
    HostileRun("parquet-ten-gigabytes", hole("observations.parquet", 10 << 30), "at most"),
    HostileRun("parquet-other-columns", parquet(pa.table({"case": ["a"]})), "other columns"),
    HostileRun("parquet-rows", million_rows, "claims 2,000,000 rows"),
    HostileRun("parquet-repeated", one_entry_repeated, "in memory"),
    HostileRun("parquet-page", big_page, "in memory"),
    HostileRun("parquet-page-lies", lying_page, "observations.parquet"),
    HostileRun("parquet-page-flag", flag_for_a_header, "observations.parquet"),
    HostileRun("parquet-names", names_that_are_no_text, "no text"),
    HostileRun("parquet-footer", lying_footer, "does not end as"),
    HostileRun("rows-twice", twice, "the same thing twice"),
    HostileRun("row-of-nobody", row(backend="evil"), "targets of the header"),
    HostileRun("row-of-no-case", row(case="other"), "points of the catalogue"),
    HostileRun("row-title", row(api=TITLE), "U+001B"),
    HostileRun("row-status", row(status="fine"), "status of a row"),
    HostileRun("row-dtype", row(dtype="complex182"), "dtype of a row"),
    HostileRun("row-object", row(kind="|O"), "kind of a row"),
    HostileRun("row-shape-missing", row(shape=[]), "other data than"),
    HostileRun("row-shape-negative", row(shape=[-1]), "below nothing"),
    HostileRun("row-shape-overflows", row(shape=[2**27] * 30), "other data than"),
    HostileRun("row-axes", row(shape=[1] * 64), "32 axes"),
    HostileRun("row-short", row(data=b"\0" * 3), "other data than"),
    HostileRun("row-gap", row(error=None), "gaps"),
    HostileRun("row-without-data", row(data=None), "a kind without data"),
    HostileRun("journal-target", journal(pack({"m": "rows", "task": 0, "case": "square", "dtype": "complex128",
                                               "target": 99, "rows": []}), b"x" * 64), ""),
    HostileRun("journal-fifo", not_closed(in_place_of("journal.bin", os.mkfifo)), "is not a file"),
    HostileRun("journal-huge", not_closed(hole("journal.bin", 1 << 40)), "at most"),
]
