"""The two sides of an audit as workers serve them, in this process: the same requests and files, no start, no pipes.

For tests of what an audit says. What happens to processes (death, hangs, memory, what is printed) needs real ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.audit.faults import SideFault
from harness.audit.sides import Remote
from harness.backends.side.faults import AuditFault
from harness.backends.side_worker import Server
from harness.workers.frames import FrameReader, pack


class Here(Remote):
    """A side whose worker's server is in this process. Not for another interpreter, nor for limits."""

    def __init__(self, side: str, folder: Path, paths: Any, *, timeout: float, memory: float, python: str) -> None:
        assert not python and not memory, "another interpreter and a limit of memory are another process's"
        self.side, self._folder, self._count, self.peak = side, folder, 0, 0
        self._server = Server(side, lambda header: None)
        self._said: list[dict[str, Any]] = []

    def ask(self, request: str, **fields: Any) -> None:
        body = {k: self._stored(v) for k, v in fields.items()}
        (asked,) = FrameReader().feed(pack({"m": request, "folder": str(self._folder), **body}))
        try:
            said = {"m": "done", "data": self._server.answer(asked.header)}
        except AuditFault as fault:
            said = {"m": "failed", "word": fault.word, "sentence": fault.sentence, "detail": fault.detail}
        self._said += [frame.header for frame in FrameReader().feed(pack(said))]

    def poll(self) -> dict[str, Any] | None:
        said = self._said.pop(0)
        if said["m"] == "failed":
            raise SideFault(self.side, said["word"], said["sentence"], said["detail"])
        data: dict[str, Any] = said["data"]
        return data

    @property
    def printed(self) -> str:
        return ""

    def close(self) -> None:
        if self._server._side is not None:
            self._server._side.release()
