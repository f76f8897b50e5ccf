"""What this machine, or the container we run in, has to offer."""

from __future__ import annotations

import contextlib
import os


def memory_of_machine() -> int:
    """Bytes of memory that this machine, or the container we run in, may use; 0 where that is not known."""
    found = []
    with contextlib.suppress(OSError, ValueError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                found.append(int(file.read()))
        except (OSError, ValueError):
            continue
    return min(found, default=0)


def default_jobs() -> int:
    """Processors that we may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
