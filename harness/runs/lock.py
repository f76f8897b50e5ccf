"""One writer per run folder. The lock dies with its process, so a crash leaves nothing behind that must be removed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from pathlib import Path

from harness.runs.errors import FolderInUse
from harness.runs.journal import cannot_write

_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}


class Lock:
    """Held from construction to `release`. Raises FolderInUse, CannotWrite.

    flock where the file system has it; elsewhere the process number in the file decides, on the same machine.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "lock"
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise cannot_write(path, error) from error
        owner = os.read(self._file, 200).decode("utf-8", "replace").strip()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS or _alive(owner):
                os.close(self._file)
                raise FolderInUse(
                    f"{folder} is being written by another run ({owner or 'unknown process'}); wait for it, or choose "
                    "another folder with --output"
                ) from error
        self._path = path
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)

    def release(self) -> None:
        """Give the folder back."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
        os.close(self._file)


def _alive(owner: str) -> bool:
    """Whether the process that a lock names lives; one on another machine is taken to."""
    words = owner.split()
    if len(words) != 4:
        return False
    if words[3] != socket.gethostname():
        return True
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        return True
    return int(words[1]) != os.getpid()
