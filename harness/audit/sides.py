"""The two sides as the coordinator talks to them: in workers of their own, or in this process for bare callables."""

from __future__ import annotations

import select
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from harness.audit.faults import SideFault
from harness.tapping import Tapped
from harness.wirtinger import Array
from harness.workers.frames import pack
from harness.workers.process import Paths, Worker, WorkerSpec

_MODULE = "harness.backends.side_worker"
#: Importing counts against no request. Where it never ends it is stopped after this many times as long.
_IMPORTS = 10


@dataclass(frozen=True)
class SideLeaf:
    """One leaf of a side's arguments. array: None for what is not an array."""

    name: str
    argument: str
    differentiate: bool
    array: Array | None
    half: str = ""  # the half precision in which the function gets it


@dataclass(frozen=True)
class Loaded:
    """What a side says of itself. raw_sign: sign of the imaginary part of its own gradient against L_x + i L_y."""

    versions: Mapping[str, str]
    raw_sign: int
    unused: tuple[str, ...]
    leaves: tuple[SideLeaf, ...]
    keywords: tuple[str, ...] = ()  # arguments that the function must be given by name


@dataclass(frozen=True)
class Evaluated:
    """Value and gradient of a side; gradients L_x + i L_y by leaf name, None where the framework gives none."""

    outputs: Mapping[str, Array]
    gradients: Mapping[str, Array | None]
    unsteady: float = 0.0
    unsteady_where: str = ""
    mutated: tuple[str, ...] = ()
    tapped: bool = False
    notes: tuple[str, ...] = ()
    silent: tuple[int, ...] = ()
    half: str = ""  # the coarsest half precision among the outputs


class Channel(Protocol):
    """Ask, then poll until there is an answer, so that both sides work at the same time; `answer` waits. Both raise
    SideFault."""

    side: str

    def ask(self, request: str, **fields: Any) -> None: ...

    def answer(self) -> dict[str, Any]: ...

    def poll(self) -> dict[str, Any] | None: ...

    def close(self) -> None: ...

    @property
    def printed(self) -> str: ...


def loaded(reply: Mapping[str, Any]) -> Loaded:
    leaves = tuple(SideLeaf(n, a, d, _got(x), half) for n, a, d, x, half in reply["leaves"])
    return Loaded(reply["versions"], reply["raw_sign"], tuple(reply["unused"]), leaves, tuple(reply["keywords"]))


def evaluated(reply: Mapping[str, Any]) -> Evaluated:
    return Evaluated(
        arrays(reply["outputs"]), {k: _got(v) for k, v in reply["gradients"].items()}, reply["unsteady"],
        reply["unsteady_where"], tuple(reply["mutated"]), reply["tapped"], tuple(reply["notes"]),
        tuple(reply.get("silent", ())), reply.get("half", ""),
    )


def tapped(reply: Mapping[str, Any]) -> list[Tapped]:
    return [Tapped(t["name"], _got(t["value"]), _got(t["gradient"]), t["note"], t["connected"]) for t in reply["taps"]]


def traced(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**call, "elements": stored(call["elements"])} for call in reply["calls"]]


def arrays(held: Mapping[str, Any]) -> dict[str, Array]:
    """Every array of an answer, from memory or from its file."""
    return {k: stored(v) for k, v in held.items()}


def _got(held: Any) -> Array | None:
    if held is None or isinstance(held, np.ndarray):
        return held
    array: Array = np.load(held, mmap_mode="r", allow_pickle=False)
    return array


def stored(held: Any) -> Array:
    """An array of an answer, from memory or from its file."""
    array = _got(held)
    assert array is not None
    return array


class Remote:
    """A side in a worker process of its own.

    timeout: seconds for one request, from when the process has started and imported what it needs. memory: GiB of
    resident memory, 0 for no limit. python: another interpreter.
    """

    def __init__(
        self, side: str, folder: Path, paths: Paths, *, timeout: float, memory: float = 0.0, python: str = ""
    ) -> None:
        self.side, self._folder, self._timeout, self._memory = side, folder, timeout, memory
        kind = WorkerSpec(side, python)
        self._step, self._importing = "starting", True
        self._asked, self._count = 0.0, 0
        self.peak = 0
        try:
            self._worker = Worker(kind, paths.of(kind), _MODULE)
        except OSError as error:
            raise SideFault(side, "absent", f"the interpreter cannot be started: {error}") from error

    def ask(self, request: str, **fields: Any) -> None:
        self._asked = time.monotonic()
        self._step = self._step if self._importing else request
        body = {k: self._stored(v) for k, v in fields.items()}
        self._worker.send(pack({"m": request, "folder": str(self._folder), **body}))

    def _stored(self, value: Any) -> Any:
        """Arrays become names of files, wherever they are nested."""
        if isinstance(value, np.ndarray):
            self._count += 1
            path = self._folder / f"to-{self.side}-{self._count}.npy"
            np.save(path, value, allow_pickle=False)
            return str(path)
        if isinstance(value, Mapping):
            return {k: self._stored(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._stored(v) for v in value]
        return value

    def answer(self) -> dict[str, Any]:
        while (found := self.poll()) is None:
            pass
        return found

    def poll(self) -> dict[str, Any] | None:
        """The answer, or None if there is none after 20 ms. Both sides are polled in turn. Raises SideFault."""
        worker = self._worker
        for frame in worker.receive():
            header = frame.header
            if header["m"] == "step":
                self._step, before = header["step"], self._importing
                self._importing = self._step.startswith("importing")
                if before:
                    self._asked = time.monotonic()
            elif header["m"] == "done":
                data: dict[str, Any] = header["data"]
                return data
            elif header["m"] == "failed":
                raise SideFault(self.side, header["word"], header["sentence"], header["detail"], self.printed)
        if worker.silent or worker.corrupt:
            self._died()
        limit = self._timeout * _IMPORTS if self._importing else self._timeout
        if time.monotonic() - self._asked > limit:
            worker.kill()
            sets = f"--timeout sets the limit; importing may take {_IMPORTS} times as long" if self._importing else (
                "--timeout sets the limit")
            raise SideFault(self.side, "timeout", f"no answer after {limit:g} s while {self._step}; it was stopped "
                            f"({sets})", printed=self.printed)
        resident = worker.resident()
        self.peak = max(self.peak, resident)
        if self._memory and resident > self._memory * 2**30:
            worker.kill()
            raise SideFault(
                self.side, "memory", f"the process outgrew {self._memory:g} GiB while {self._step} "
                "(--memory sets the limit)", printed=self.printed,
            )
        worker.flush()
        waiting = [fd for fd, ended in ((worker.frames, worker.silent), (worker.log, worker.deaf)) if not ended]
        ready, _, _ = select.select(waiting, [worker.inbox] if worker.congested else [], [], 0.02)
        if worker.log in ready:
            worker.drain()
        return None

    def _died(self) -> None:
        worker = self._worker
        worker.kill() if worker.corrupt else None
        name, sentence = worker.cause()
        while not worker.deaf:
            worker.drain()
            if not select.select([worker.log], [], [], 0.1)[0]:
                break
        what = sentence if name == "exit" else f"the process was {sentence}"
        if worker.corrupt:
            what = "the code wrote into the pipe of the worker"
        raise SideFault(self.side, "died", f"{what} while {self._step}", printed=self.printed)

    @property
    def printed(self) -> str:
        """The end of what the user's code printed."""
        while not self._worker.deaf and select.select([self._worker.log], [], [], 0)[0]:
            self._worker.drain()
        return self._worker.last_words()

    def close(self) -> None:
        self._worker.close()


class Local:
    """A side in this process: for callables that cannot be imported elsewhere. No limits, nothing captured."""

    def __init__(self, side: str) -> None:
        from harness.backends.side.recording import Recorder
        from harness.backends.side_worker import make_side

        self.side = side
        self._side = make_side(side)
        self._recorder = Recorder(self._side)
        self._request: tuple[str, dict[str, Any]] = ("", {})

    printed = ""

    def ask(self, request: str, **fields: Any) -> None:
        self._request = (request, fields)

    def answer(self) -> dict[str, Any]:
        from harness.backends.side.faults import AuditFault

        name, fields = self._request
        try:
            reply: dict[str, Any] = getattr(self, f"_{name}")(**fields)
        except AuditFault as fault:
            raise SideFault(self.side, fault.word, fault.sentence, fault.detail) from fault.__cause__
        return reply

    def poll(self) -> dict[str, Any] | None:
        return self.answer()

    def _load(self, target: Any, sources: Sequence[Any], **options: Any) -> dict[str, Any]:
        leaves = self._side.load(target, sources, **options)
        return {
            "versions": self._side.versions(), "raw_sign": self._side.raw_sign, "unused": self._side.unused,
            "keywords": self._side.keywords,
            "leaves": [[x.name, x.argument, x.differentiate, x.array, x.half] for x in leaves],
        }

    def _replace(self, arrays: Mapping[str, Array]) -> dict[str, Any]:
        self._side.replace(arrays)
        return {}

    def _widen(self, wide: bool) -> dict[str, Any]:
        self._side.widen(wide)
        self._recorder.kept.clear()
        return {}

    def _gradient(self, repeat: bool, silent: Sequence[int] = ()) -> dict[str, Any]:
        return vars(self._side.gradient(repeat=repeat, silent=silent))

    def _taps(self, connections: bool) -> dict[str, Any]:
        return {"taps": [vars(t) for t in self._side.taps(connections)]}

    def _trace(self) -> dict[str, Any]:
        return {"calls": self._side.trace()}

    def _padded(self) -> dict[str, Any]:
        return {"padded": self._side.padded()}

    def _iterates(self) -> dict[str, Any]:
        return {"iterates": self._side.iterates()}

    def _narrow(self) -> dict[str, Any]:
        return {"narrow": [[n.file, n.line, n.dtype, n.text] for n in self._side.narrow()]}

    def _elements(self, functions: Sequence[Any]) -> dict[str, Any]:
        return {"seen": self._side.elements(functions)}

    def _transformed(self, what: Mapping[str, str]) -> dict[str, Any]:
        return {"outputs": self._side.transformed(what)}

    def _differences(
        self, directions: Sequence[Mapping[str, Array]], curves: Sequence[Any], jumps: float | None, rough: bool
    ) -> dict[str, Any]:
        return {"differences": [asdict(d) for d in self._side.differences(directions, curves, jumps, rough)]}

    def _along(
        self, direction: Mapping[str, Array], steps: Sequence[float], curves: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {"values": self._side.along(direction, steps, curves)}

    def _step(self, target: Any) -> dict[str, Any]:
        return {"updates": self._side.step(target)}

    def _record(self, replace: Sequence[Any], gradients: bool) -> dict[str, Any]:
        number, found = self._recorder.record(dict(replace), gradients)
        return {"number": number, "steps": found.steps, "outputs": found.outputs, "notes": found.notes,
                "cotangents": {str(k): c for k, c in enumerate(self._side._cotangents)}}

    def _recorded(self, number: int, ids: Sequence[int]) -> dict[str, Any]:
        return {"arrays": [[i, *found] for i, found in self._recorder.arrays(number, ids).items()]}

    def _rerun(self, replace: Sequence[Any], ids: Sequence[int], factors: Sequence[Any] = ()) -> dict[str, Any]:
        outputs, values = self._recorder.probe(dict(replace), ids, dict(factors))
        return {"outputs": outputs, "values": [[i, v] for i, v in values.items()]}

    def _options(self, replace: Sequence[Any], id: int) -> dict[str, Any]:
        return {"options": self._recorder.options(dict(replace), id)}

    def close(self) -> None:
        """Undo what was changed in this process."""
        self._side.release()
