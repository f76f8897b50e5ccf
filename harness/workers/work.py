"""How long another process has worked, so that what is given up does not depend on what else the machine does."""

from __future__ import annotations

import os
import time
from pathlib import Path

_PATIENCE = 20.0  # a process that waits for something else is given up as well, after so many times its seconds


class Work:
    """Processor seconds of a process since this was made, of all of its threads."""

    def __init__(self, pid: int) -> None:
        self.pid, self._began = pid, time.monotonic()
        self._before = _processor(pid)

    def seconds(self) -> float:
        """At least a twentieth of the time that went by, for a process that waits forever; where the system does not
        tell the processor time, the time that went by."""
        gone, now = time.monotonic() - self._began, _processor(self.pid)
        if self._before is None or now is None:
            return gone
        return max(now - self._before, gone / _PATIENCE)


def _processor(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
