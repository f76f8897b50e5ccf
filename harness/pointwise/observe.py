"""Asks each framework, in a process of its own, for values and differentials over the samples."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.model import CaseError
from harness.pointwise.subject import Subject

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Observed:
    """What one backend returned over N samples.

    value: (N,) or None. reverse, forward: the differential (N, rows, columns), rows u then v, columns x then y, or
    None. messages: the framework's own words where something was refused, by "value", "reverse", "forward".
    """

    backend: str
    versions: Mapping[str, str] = field(default_factory=dict)
    value: Array | None = None
    reverse: Array | None = None
    forward: Array | None = None
    messages: Mapping[str, str] = field(default_factory=dict)

    @property
    def differential(self) -> Array | None:
        """From reverse mode where it answered, else from forward mode."""
        return self.reverse if self.reverse is not None else self.forward


class Asking:
    """Processes at work; `answers` waits for them. Use as a context manager, which ends them in any case."""

    def __init__(
        self, subject: Subject, points: Array, names: Sequence[str], families: Mapping[str, str], *,
        modules: Sequence[str] = (), seconds: float = 300.0,
    ) -> None:
        """families: backend -> which text it evaluates; backends of one family share a process."""
        self._names, self._seconds = list(names), seconds
        self._folder = tempfile.TemporaryDirectory(prefix="harness-atlas-")
        self._running: list[tuple[list[str], Path, subprocess.Popen[bytes]]] = []
        self._told: dict[str, Observed] = {}
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(families[name], []).append(name)
        for family, members in groups.items():
            source = subject.source(family)
            if source is None:
                for name in members:
                    self._told[name] = Observed(name, messages={"value": f"the case has no text for {family}"})
                continue
            spec = {"kind": source.kind, "text": source.text, "argument": subject.argument, "backends": members,
                    "modules": list(modules)}
            self._start(family, members, spec, points)

    def _start(self, family: str, members: list[str], spec: Mapping[str, Any], points: Array) -> None:
        folder = Path(self._folder.name)
        request, answer = folder / f"{family}-request.npz", folder / f"{family}-answer.npz"
        with open(request, "wb") as file:
            np.savez(file, points=points, spec=np.array(json.dumps(spec)))
        self._running.append((members, answer, self._process(request, answer)))

    def _process(self, request: Path, answer: Path) -> subprocess.Popen[bytes]:
        root = str(Path(__file__).resolve().parents[2])
        code = (
            f"import sys; sys.path[:0] = [{root!r}]; from harness.backends.sweep_worker import main; "
            "sys.exit(main(sys.argv[1:]))"
        )
        with open(_errors(answer), "wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-P", "-c", code, str(request), str(answer)], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=errors,
            )

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *error: object) -> None:
        for _, _, process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._folder.cleanup()

    def answers(self) -> list[Observed]:
        """One entry a backend, in the order asked. A process that died or hung is a message, not an exception."""
        for members, answer, process in self._running:
            try:
                status: int | str = process.wait(self._seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                status = f"no answer within {self._seconds:g} s"
            if status == 0:
                self._told.update(_read(answer, members))
                continue
            errors = _errors(answer).read_text("utf-8", "replace")
            last = errors.strip().splitlines()[-1:] or [""]
            what = f"signal {-status}" if isinstance(status, int) and status < 0 else f"{last[0] or status}"
            for name in members:
                self._told[name] = Observed(name, messages={"value": f"the process ended: {what}"})
        return [self._told[name] for name in self._names]


def _errors(answer: Path) -> Path:
    return answer.with_name(answer.name.replace("-answer.npz", "-errors.txt"))


def _read(answer: Path, members: Sequence[str]) -> dict[str, Observed]:
    out = {}
    with np.load(answer, allow_pickle=False) as given:
        told = json.loads(str(given["spec"]))["backends"]
        for name in members:
            parts = {key: given[f"{name}/{key}"] for key in ("value", "reverse", "forward") if f"{name}/{key}" in given}
            out[name] = Observed(name, told[name]["versions"], parts.get("value"), parts.get("reverse"),
                                 parts.get("forward"), told[name]["messages"])
    return out


def families_of(names: Sequence[str] | None) -> dict[str, str]:
    """backend -> family of the backends asked for (default: every importable one), less the reference.

    Raises CaseError for a name that no installed package provides.
    """
    from importlib.util import find_spec

    from harness import backends

    found = dict(backends.available())
    found.pop("reference", None)
    if names:
        unknown = [n for n in names if n not in found and ":" not in n]
        if unknown:
            raise CaseError(f"no backend is called {unknown[0]!r}", None, f"known: {', '.join(found)}")
        return {n: (found[n] if n in found else backends.load(n)).family for n in names}
    return {n: c.family for n, c in found.items() if all(find_spec(m) is not None for m in c.requires)}
