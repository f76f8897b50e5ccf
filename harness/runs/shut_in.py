"""Workers that are shut in (harness.workers.sandbox), from the coordinator's side: which ones, and what they need."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping

from harness import kept
from harness.backends import BUILT_IN
from harness.model import Task
from harness.runs.protocol import MAX_KEPT
from harness.workers import sandbox
from harness.workers.frames import CorruptFrame, Frame
from harness.workers.process import NUMERIC, WorkerSpec

_KEEPS = {"reference": "reference", "jax": "programs"}  # backend -> what it keeps from run to run
_MOST = 8 << 30  # bytes of it that one run may add


#: What of the environment a worker that is shut in inherits, beside what changes numbers: nothing that may be a secret.
_INHERITED = re.compile(
    r"PATH|LANG|LC_\w+|TZ|HOME|PYTHON\w*|VIRTUAL_ENV|LD_LIBRARY_PATH|HARNESS_CACHE|HARNESS_COMPILATION_CACHE|"
    r"XDG_CACHE_HOME|COVERAGE_\w+"
)


def inherited(values: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that reach a worker that is shut in."""
    return {n: v for n, v in values.items() if _INHERITED.fullmatch(n) or NUMERIC.fullmatch(n)}


def exposed(tasks: Iterable[Task]) -> str:
    """Why some worker for these tasks is not shut in, as half a sentence; "" where every one is."""
    if why := sandbox.missing():
        return why
    for task in tasks:
        if task.modules or task.path or task.source.kind == "callable":
            return "code of your own (--allow, [tool.harness] modules) is not shut in"
        if task.mode.startswith("compile"):
            return f"the mode {task.mode} starts a compiler, so its workers are not shut in"
        if task.device != "cpu":
            return f"the driver of {task.device} needs what a sandbox takes away"
        if (task.spec or task.backend) not in (*BUILT_IN, *BUILT_IN.values()):
            return f"{task.spec or task.backend} is no part of this package, so its workers are not shut in"
    return ""


class ShutIn:
    """wanted: whether workers of our own backends give up files, network and processes."""

    def __init__(self) -> None:
        self.wanted = False
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._kept = 0

    def applies(self, kind: WorkerSpec) -> bool:
        """Whether workers of this kind are shut in: an accelerator's driver needs what a sandbox takes away."""
        return self.wanted and kind.device == "cpu" and kind.spec in (*BUILT_IN, *BUILT_IN.values())

    def needs(self, kind: WorkerSpec, memory: int = 0) -> tuple[list[str], dict[str, str]]:
        """(further words, further environment variables) for a worker of this kind. memory: its limit in bytes."""
        if not self.applies(kind):
            return [], {}
        if self._scratch is None:  # the one folder for their temporary files; it goes with the executor
            self._scratch = tempfile.TemporaryDirectory(prefix="harness-", ignore_cleanup_errors=True)
        keys = kept.keys_for(*(kept.shut_in_purpose(p) for p in self._keeps(kind)))
        return ["--shut-in", self._scratch.name, "--memory", str(memory)], {kept.KEYS_VARIABLE: keys}

    def keep(self, kind: WorkerSpec, frame: Frame) -> None:
        """Write what a worker that is shut in cannot. Raises CorruptFrame, ValueError for what is not its own."""
        head = frame.header
        if not self.applies(kind) or head["purpose"] not in self._keeps(kind):
            raise CorruptFrame("a worker wants something kept that is not its own")
        self._kept += len(frame.body)
        if len(frame.body) <= MAX_KEPT and self._kept <= _MOST:
            kept.take_over(head["purpose"], head["name"], frame.body)

    def close(self) -> None:
        """Remove the folder of temporary files."""
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    @staticmethod
    def _keeps(kind: WorkerSpec) -> list[str]:
        return [purpose for name, purpose in _KEEPS.items() if kind.spec in (name, BUILT_IN[name])]
