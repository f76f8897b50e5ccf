"""Processes that hold a framework each and answer for many points, as often as they are asked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.formats import DTYPES, Format
from harness.model import HarnessError, Source
from harness.pointwise.subject import Subject
from harness.workers.frames import CorruptFrame, Frame, FrameReader, array_bytes, array_from, pack
from harness.workers.work import Work

Array = np.ndarray[Any, np.dtype[Any]]

#: One thread each, whatever the machine has: sums do not depend on it, and two frameworks share the processors.
_BOOT = ("import os, sys; os.environ.setdefault('OMP_NUM_THREADS', '1'); sys.path[:0] = [sys.argv[1]]; "
         "from harness.backends.sweep_worker import serve; serve()")


class Gone(HarnessError):
    """A process that holds a framework ended or stopped answering; family: whose."""

    exit_status = 3

    def __init__(self, message: str, family: str = "") -> None:
        super().__init__(message)
        self.family = family


@dataclass
class Answer:
    """What one backend returned at N points: value (N, rows), reverse and forward (N, rows, columns), as doubles, or
    None; the framework's own words where it refused."""

    value: Array | None = None
    reverse: Array | None = None
    forward: Array | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)


class Asker:
    """One process for each family of backends, started when it is first asked. Use as a context manager."""

    def __init__(self, families: Mapping[str, str], *, modules: Sequence[str] = (), seconds: float = 600.0) -> None:
        """families: backend -> the family whose text it evaluates. seconds: how long one answer may take,
        in the processor's time."""
        self.families, self.modules, self.seconds = dict(families), list(modules), seconds
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        self._processes.clear()

    def ask(
        self, subject: Subject, dtype: str, points: Array, names: Sequence[str] | None = None,
        parts: Sequence[str] = ("value", "reverse", "forward"), control: bool = False,
    ) -> dict[str, Answer]:
        """Backend -> its answer at (N,) points of the dtype. control: the subject's reference text in place of its own.

        Raises Gone where a process died or hung: what made it die is in the message.
        """
        groups: dict[str, list[str]] = {}
        told: dict[str, Answer] = {}
        for name in names if names is not None else self.families:
            groups.setdefault(self.families[name], []).append(name)
        threads, failures = [], []
        for family, members in groups.items():
            source = Source("portable", subject.reference) if control else subject.source(family)
            if source is None:
                told.update({n: Answer(messages={"value": f"there is no text for {family}"}) for n in members})
                continue
            spec = {"kind": source.kind, "text": source.text, "argument": subject.argument, "backends": members,
                    "modules": self.modules, "dtype": DTYPES[dtype].half, "parts": list(parts)}

            def work(family: str = family, spec: dict[str, Any] = spec) -> None:
                try:
                    told.update(_answers(self._round(family, spec, held(points, dtype))))
                except Exception as error:
                    failures.append(error)

            threads.append(threading.Thread(target=work))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return {name: told[name] for name in (self.families if names is None else names)}  # whoever answered first

    def _round(self, family: str, spec: Mapping[str, Any], points: Array) -> Frame:
        process = self._processes.get(family)
        if process is None:
            root = str(Path(__file__).resolve().parents[2])
            process = self._processes[family] = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, root], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL)
        assert process.stdin is not None and process.stdout is not None
        kind, shape, data = array_bytes(points)
        answered = threading.Event()
        threading.Thread(target=_end, args=(process, Work(process.pid), self.seconds, answered), daemon=True).start()
        try:
            process.stdin.write(pack({"m": "ask", "spec": spec, "kind": kind, "shape": shape}, [data]))
            process.stdin.flush()
            reader = FrameReader()
            while block := os.read(process.stdout.fileno(), 1 << 20):
                for frame in reader.feed(block):
                    return frame
        except (BrokenPipeError, CorruptFrame):
            pass
        finally:
            answered.set()
        del self._processes[family]
        process.kill()
        status = process.wait()
        what = f"{spec['text'][:120]!r} at {points.size} points"
        raise Gone(f"the process that holds {family} ended ({status}) on {what}", family)


def _end(process: subprocess.Popen[bytes], work: Work, seconds: float, answered: threading.Event) -> None:
    """End a process that has worked so long without an answer."""
    while not answered.wait(min(1.0, seconds)):
        if work.seconds() >= seconds:
            process.kill()
            return


def held(points: Array, dtype: str) -> Array:
    """Points as the arrays that are sent: half precisions in single precision, which holds them exactly."""
    form: Format = DTYPES[dtype]
    if np.iscomplexobj(points):
        return points.astype(dtype)
    return points.astype(np.float32 if form.half else form.holder)


def _answers(frame: Frame) -> dict[str, Answer]:
    out = {name: Answer(versions=facts["versions"], messages=facts["messages"])
           for name, facts in frame.header["backends"].items()}
    at = 0
    for name, key, kind, shape, size in frame.header["arrays"]:
        array = array_from(kind, shape, frame.body[at : at + size])
        at += size
        if key == "value":
            parts = [array.real, array.imag] if np.iscomplexobj(array) else [array]
            array = np.stack(parts, axis=1)
        setattr(out[name], key, array.astype(np.float64))
    return out
