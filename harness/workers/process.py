"""The coordinator's end of one worker process: start it, feed it, read it, drain its output, kill it."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from harness.storage import cache_folder
from harness.workers import sandbox
from harness.workers.frames import CorruptFrame, Frame, FrameReader, pack

Inherited = Callable[[Mapping[str, str]], Mapping[str, str]]

LOG_BYTES = 1 << 14  # of a worker's standard output and error that are kept
_READ = 1 << 18
_PAGE = os.sysconf("SC_PAGE_SIZE")

#: Set for workers unless the user says otherwise. One thread each: workers are the parallelism, and sums do not depend
#: on how many there are.
SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # several workers share one accelerator
}
MARK = "HARNESS_WORKER"  # whose processes are whose
NUMERIC = re.compile(
    r"XLA_\w+|JAX_\w+|TORCH_\w+|TORCHINDUCTOR_\w+|CUBLAS_WORKSPACE_CONFIG|NVIDIA_TF32_OVERRIDE|CUDA_VISIBLE_DEVICES|"
    r"\w+_NUM_THREADS|MKL_\w+|KMP_\w+|OMP_\w+"
)

#: Runs in the worker's interpreter. The current folder is never on its path: it may hold a stranger's numpy.py.
_BOOT = (
    "import sys; own = sys.path[:] = [p for p in sys.path if p]; "
    "import json; paths = json.loads(sys.argv.pop(1)); "
    "sys.path[:] = paths + [p for p in own if p not in paths]; "
    "from importlib import import_module; sys.exit(import_module(sys.argv.pop(1)).main())"
)


def _environment(kind: WorkerSpec, more: Mapping[str, str], inherited: Inherited | None) -> dict[str, str]:
    own = os.environ if inherited is None else inherited(os.environ)
    values = {**SETTINGS, **own, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
    kept = cache_folder()
    if kept is not None:  # compiled programs; jax keeps them apart by version and by what they were compiled for
        values.setdefault("HARNESS_COMPILATION_CACHE", str(kept / "compiled"))
    if kind.python:
        values.pop("PYTHONPATH", None)  # meant for our interpreter
    return {**values, **more}


@dataclass(frozen=True, order=True)
class WorkerSpec:
    """What a worker is made for: one backend on one device in one environment.

    python: its interpreter, empty for our own. A process for each device: some frameworks choose theirs when they are
    imported, and what one device does to memory is not to be charged to another.
    """

    spec: str
    python: str = ""
    device: str = "cpu"



class Worker:
    """One worker process. `frames` and `log` are file descriptors to wait on; `inbox` may be written when it is ready.

    module: what runs in it, a main() that takes --backend, --device, --in and --out.
    more: further words for it. environment: further variables. inherited: which of our own it gets (all).
    Raises OSError where the interpreter cannot be started.
    """

    def __init__(
        self, kind: WorkerSpec, paths: list[str], module: str = "harness.runs.worker", more: Sequence[str] = (),
        environment: Mapping[str, str] = MappingProxyType({}), inherited: Inherited | None = None,
    ) -> None:
        self.kind = kind
        self.started = time.monotonic()
        self._mark = secrets.token_hex(16)
        self._reader, self._outgoing = FrameReader(), bytearray()
        self._log: deque[bytes] = deque()
        self._logged = 0
        self._shut_in = "--shut-in" in more and not sandbox.missing()
        self.silent, self.deaf = False, False  # whether its pipes for frames and for output have ended
        self.corrupt: CorruptFrame | None = None
        task_r, task_w = os.pipe()
        frame_r, frame_w = os.pipe()
        log_r, log_w = os.pipe()
        self.inbox, self.frames, self.log = task_w, frame_r, log_r
        words = ["--backend", kind.spec, "--device", kind.device, "--in", str(task_r), "--out", str(frame_w), *more]
        try:
            self.process = subprocess.Popen(
                [kind.python or sys.executable, "-c", _BOOT, json.dumps(paths), module, *words],
                stdin=subprocess.DEVNULL, stdout=log_w, stderr=log_w, pass_fds=(task_r, frame_w),
                start_new_session=True, env=_environment(kind, {**environment, MARK: self._mark}, inherited),
            )
        except BaseException:
            self._close(task_w, frame_r, log_r)
            raise
        finally:
            self._close(task_r, frame_w, log_w)
        for fd in (task_w, frame_r, log_r):
            os.set_blocking(fd, False)

    @staticmethod
    def _close(*fds: int) -> None:
        for fd in fds:
            with contextlib.suppress(OSError):
                os.close(fd)

    # -- what the worker is told

    def send(self, frame: bytes) -> None:
        """Queue a frame; `flush` writes what the pipe takes."""
        self._outgoing += frame
        self.flush()

    def dismiss(self) -> None:
        """Ask the worker to end once it has done what it was given."""
        self.send(pack({"m": "bye"}))

    def flush(self) -> None:
        """Write as much as the pipe takes now. A worker that no longer listens is noticed by `ended`."""
        while self._outgoing:
            try:
                written = os.write(self.inbox, self._outgoing[:_READ])
            except BlockingIOError:
                return
            except OSError:
                self._outgoing.clear()
                return
            del self._outgoing[:written]

    @property
    def congested(self) -> bool:
        """Whether frames wait for room in the pipe."""
        return bool(self._outgoing)

    # -- what the worker says

    def receive(self) -> list[Frame]:
        """Every frame that has arrived. After it `silent` says that no more will come, and `corrupt` why, if known."""
        frames: list[Frame] = []
        self._read(frames)
        return frames

    def receive_rest(self) -> list[Frame]:
        """Every frame that is in the pipe now; of a worker that is gone, everything it managed to say."""
        frames: list[Frame] = []
        while self._read(frames):
            pass
        return frames

    def _read(self, frames: list[Frame]) -> bool:
        """Add the frames of one read to `frames`; whether another read may find more."""
        if self.corrupt is not None or self.silent:
            return False
        try:
            data = os.read(self.frames, _READ)
            self.silent = not data
            for frame in self._reader.feed(data):
                frames.append(frame)  # one by one: those before a corrupt one count
        except BlockingIOError:
            return False
        except CorruptFrame as error:
            self.corrupt = error
        return True

    def drain(self) -> None:
        """Take what user code printed, keeping the last LOG_BYTES of it."""
        try:
            data = os.read(self.log, _READ)
        except BlockingIOError:
            return
        self.deaf = not data
        if data:
            self._log.append(data[-LOG_BYTES:])
            self._logged += len(self._log[-1])
            while self._logged - len(self._log[0]) >= LOG_BYTES:
                self._logged -= len(self._log.popleft())

    def last_words(self) -> str:
        """The end of what was printed (standard output and error together)."""
        return b"".join(self._log)[-LOG_BYTES:].decode("utf-8", "replace").strip()

    # -- its life

    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def exiting(self) -> bool:
        """Whether the kernel is taking the process down, which on a busy machine may be a while; Linux alone tells."""
        try:
            with open(f"/proc/{self.process.pid}/stat", "rb") as file:
                return bool(int(file.read().rpartition(b")")[2].split()[6]) & 0x4)  # PF_EXITING of proc(5)'s flags
        except (OSError, IndexError, ValueError):
            return False

    def cause(self) -> tuple[str, str]:
        """(name, sentence) of how it ended: a signal's name, or "exit"."""
        code = self.process.wait()
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            return name, "killed (out of memory?)" if name == "SIGKILL" else f"killed by {name}"
        return "exit", f"the process ended itself with status {code}"

    def resident(self) -> int:
        """Bytes of memory in use, 0 where /proc does not tell."""
        try:
            with open(f"/proc/{self.process.pid}/statm", "rb") as file:
                return int(file.read().split()[1]) * _PAGE
        except (OSError, IndexError, ValueError):
            return 0

    def kill(self) -> None:
        """End the process and every process that it started, at once."""
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in a driver: nothing more can be done
            self.process.wait(timeout=10)
        if not self._shut_in:  # what is shut in starts no processes
            _end_strays(self._mark)

    def close(self) -> None:
        """Kill if alive, and release the pipes."""
        self.kill()
        self._close(self.inbox, self.frames, self.log)


def _end_strays(mark: str) -> None:
    """End what a worker started in a session of its own (a daemon): it has inherited the worker's mark. Linux alone."""
    wanted = f"{MARK}={mark}".encode()
    for _ in range(10):  # one may have started another meanwhile
        found = []
        for place in glob.iglob("/proc/[0-9]*/environ"):
            with contextlib.suppress(OSError), open(place, "rb") as file:
                if wanted in file.read():
                    found.append(int(place.split("/")[2]))
        for number in found:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
        if not found:
            return


class Paths:
    """Where workers find this package, and nothing else of ours where they run in another environment.

    A folder with one link is used there: our site-packages on the path of another interpreter would hide its NumPy.
    """

    def __init__(self) -> None:
        self._folder: str | None = None
        self._package = Path(__file__).resolve().parents[1]

    def of(self, kind: WorkerSpec) -> list[str]:
        """Entries to put before the worker's own sys.path."""
        if not kind.python:
            return [os.path.abspath(p) for p in sys.path if p]
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="harness-")
            os.symlink(self._package, os.path.join(self._folder, "harness"))
        return [self._folder]

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
