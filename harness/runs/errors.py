"""Every way in which a run can be bad, as a named exception with a sentence for the person who meets it.

`exit_status` is what the command line ends with (design section 4).
"""

from __future__ import annotations

from harness.model import HarnessError


class RunError(HarnessError):
    """A run cannot be made, read or continued; the message says why and what to do."""


class TargetError(RunError):
    """A target cannot be run at all: its framework does not import, or it has no such device or mode."""

    exit_status = 3


class NotARun(RunError):
    """The folder is not a run, or holds something else."""


class UnknownFormat(RunError):
    """The run was written by a later release, in a format that this one does not know."""


class DamagedRun(RunError):
    """A file of a run is truncated, altered or missing."""


class FolderInUse(RunError):
    """Another process is writing to the folder."""


class PlanChanged(RunError):
    """A run cannot be continued because what is asked now is not what was asked when it began."""


class CannotWrite(RunError):
    """The run folder cannot be written: disk full, read-only, no permission."""


class WorkerFailed(HarnessError):
    """A worker ended, or never began, and the reason; the executor turns it into rows or a TargetError."""

    exit_status = 3

    def __init__(self, status: str, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error, self.message = status, error, message
