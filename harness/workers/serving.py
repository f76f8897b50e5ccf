"""The worker's end of its pipes: frames out, frames in, and a process that dies with its coordinator."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import queue
import signal

from harness.workers.frames import CorruptFrame, Frame, FrameReader


class Sender:
    """Writes whole frames to the coordinator; where nobody listens any more the process ends."""

    def __init__(self, sink: int) -> None:
        self._sink = sink

    def __call__(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._sink, view) :]
        except BrokenPipeError:
            os._exit(0)


def receive(source: int, inbox: queue.SimpleQueue[Frame]) -> None:
    """Read frames ahead of their use. The end of the pipe without a goodbye means that the coordinator died."""
    reader = FrameReader()
    while True:
        data = os.read(source, 1 << 16)
        if not data:
            os._exit(0)
        try:
            for frame in reader.feed(data):
                inbox.put(frame)
                if frame.header["m"] == "bye":
                    return
        except CorruptFrame as error:
            os.write(2, f"harness worker: {error}\n".encode())
            os._exit(70)


def harden(*pipes: int) -> None:
    """Die with the coordinator, leave no core file, be the first to go when memory ends, show where a crash was."""
    for fd in pipes:
        os.set_inheritable(fd, False)
    faulthandler.enable(file=2, all_threads=True)
    with contextlib.suppress(OSError, AttributeError, ValueError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG; Linux only
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("700")
