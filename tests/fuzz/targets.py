"""What is fuzzed: each reads bytes from a stranger, and may refuse them with errors of its own and nothing else."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.model import CaseError, HarnessError
from harness.workers.frames import CorruptFrame
from tests.fuzz.engine import Fuzzer, words

_NUMBERS = ("0", "-1", "1e999", ".nan", "9" * 30, "2**70", "1e-320", "0x10", "1_0", "12:30:45", "2001-01-01", "1+2j")
_ODD = ("\0", "\x1b]0;x\x07", "\u202e", "\ufeff", "\ud800", "ｚ", "\r", "\t", "'", '"', "\\", "&a ", "*a", "<<: ",
        "!!x ", "---\n", "\n  ", "{", "}", "[", "]", "|\n", ">\n", "? ", "..", "../", "__class__")


def folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="harness-fuzz-"))
    atexit.register(shutil.rmtree, made, True)
    return made


def corpus(name: str) -> list[bytes]:
    """What this fuzzer has found before (tests/fuzz/corpus): tried first, and what mutations begin with."""
    return [path.read_bytes() for path in sorted(Path(__file__).with_name("corpus").glob(f"{name}-*"))]


def yaml() -> Fuzzer:
    from harness.cases import catalogue_path, load
    from harness.cases.schema import schema
    from tests.cases.hostile import HOSTILE

    place = folder() / "case.yaml"

    def target(data: bytes) -> None:
        place.write_bytes(data)
        with contextlib.suppress(HarnessError):
            load([place])

    seeds = [h.text.encode() if isinstance(h.text, str) else h.text for h in HOSTILE if not callable(h.text)]
    seeds += [p.read_bytes()[:2000] for p in sorted(Path(catalogue_path()).rglob("*.yaml"))[:40]]
    keys = sorted(schema()["properties"]) + sorted(schema()["$defs"])
    seeds += corpus("yaml")
    return Fuzzer(target, [s for s in seeds if len(s) < 3000], words(_NUMBERS, _ODD, keys, ("complex[3]", "cases:\n")))


def expression() -> Fuzzer:
    from harness.expr import check, table
    from harness.expr.native import whitelist
    from harness.model import Source
    from tests.expr.hostile import PORTABLE

    def target(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        for kind, family in (("portable", "torch"), ("native", "torch"), ("native", "jax")):
            try:
                check(Source(kind, text), ["z", "w"], family)
            except CaseError as error:
                str(error)

    listed = (Path(__file__).parents[1] / "expr" / "hostile_texts.txt").read_text(encoding="utf-8").splitlines()
    seeds = [text.encode("utf-8", "surrogatepass") for text, _ in PORTABLE if len(text) < 500]
    seeds += [line.partition("\t")[2].encode() for line in listed if "\t" in line]
    names = [f"{name}(" for name in (*table(), *whitelist("torch").functions, *whitelist("jax").functions)]
    methods = [f".{m}(" for m in whitelist("torch").methods]
    marks = ("z", "w", ", ", ")", "; ", " = ", "axis=", "**")
    return Fuzzer(target, seeds + corpus("expression"), words(_NUMBERS, _ODD, names, methods, marks))


def frames() -> Fuzzer:
    from harness.runs.protocol import journal_task, rows_from, task_from
    from harness.workers.frames import FrameReader, pack, unpack
    from tests.runs.recorded_by_hand import write_run

    run = write_run(folder() / "run")

    def target(data: bytes) -> None:
        for framed in (data, pack({"m": "rows"}), _framed(data)):
            try:
                for frame in FrameReader().feed(framed):
                    for read in (journal_task, rows_from, task_from):
                        with contextlib.suppress(CorruptFrame):
                            read(frame)
            except CorruptFrame:
                pass

    journal, at, seeds = (run / "journal.bin").read_bytes(), 0, []
    while at < len(journal) and (found := unpack(journal, at)) is not None:
        seeds.append(found[0].raw[12:])
        at = found[1]
    marks = ('"m":"rows"', '"rows":[', '"task":', "null", "true", "<f8", "|O")
    return Fuzzer(target, seeds + corpus("frames"), words(_NUMBERS, _ODD, marks))


def _framed(payload: bytes) -> bytes:
    """A frame whose length and checksum are right, so that what is inside is read."""
    from zlib import crc32

    from harness.workers.frames import MAGIC

    return MAGIC + len(payload).to_bytes(4, "little") + crc32(payload).to_bytes(4, "little") + payload


def run() -> Fuzzer:
    from harness.comparison import compare
    from harness.runs import Run
    from tests.runs.recorded_by_hand import seal, write_run

    place = write_run(folder() / "run")
    names = ("header.json", "catalogue.json", "closed.json", "observations.parquet")
    sound = {name: (place / name).read_bytes() for name in names}

    def target(data: bytes) -> None:
        """The first byte says which file; the rest is written over a part of it, and everything is sealed again."""
        name, body = names[data[0] % 4 if data else 0], data[1:]
        for other, content in sound.items():
            (place / other).write_bytes(content)
        (place / name).write_bytes(body)
        if name != "closed.json":
            seal(place)
        try:
            opened = Run.open(place)
            opened.observations()
            compare([opened], axis="backend")
        except HarnessError as error:
            assert "\n" not in str(error) and "\x1b" not in str(error), str(error)

    seeds = [bytes([k]) + sound[name] for k, name in enumerate(names)]
    marks = ("null", "true", "[]", "{}", '"jax"', "1e400", '""', "NaN", "PAR1")
    return Fuzzer(target, seeds + corpus("run"), words(_NUMBERS, _ODD, marks))


TARGETS: dict[str, Callable[[], Fuzzer]] = {"yaml": yaml, "expression": expression, "frames": frames, "run": run}
