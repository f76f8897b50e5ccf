"""Backends that misbehave for real, and one that does not. Pure NumPy; loaded by workers as "tests.runs.fakes:NAME"."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from harness.backends.base import DONE, Backend, Device, Step
from harness.model import Observation, Task
from harness.wirtinger import TORCH, Api


class Square(Backend):
    """f(z) = z**2 elementwise, observed correctly; subclasses do `harm` at the step they are made for."""

    name = "square"
    family = "fake"
    convention = TORCH
    apis = (Api("grad", "gradient", "gradient"),)
    modes = ("eager", "slow")
    at: tuple[str, str] = ("bad", "pushforward")  # (point, api)

    def versions(self) -> dict[str, str]:
        return {"fake": os.environ.get("FAKE_VERSION", "1.0")}

    def flags(self) -> dict[str, str]:
        return {"precision": "highest"}

    def devices(self) -> tuple[Device, ...]:
        return (Device("cpu", True), Device("abacus", False, "its beads are stuck"))

    def harm(self, task: Task) -> None:
        """Nothing."""

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        head = (task.dtype, task.backend, task.device, task.mode)
        for point in task.points:
            z = point.arrays["z"]
            n, x, y = z.size, z.real.ravel(), z.imag.ravel()
            j = np.block([[np.diag(2 * x), np.diag(-2 * y)], [np.diag(2 * y), np.diag(2 * x)]]).astype(x.dtype)
            results = {"value": z * z, "pullback": j, "pushforward": j, "grad": (j[:n, :n] + 1j * j[:n, n:]).sum(0)}
            for api, data in results.items():
                if (point.name, api) in task.skip:
                    continue
                yield Step(point.name, api)
                if "FAKE_DIARY" in os.environ:
                    with open(os.environ["FAKE_DIARY"], "a") as diary:
                        diary.write(f"{task.case} {point.name} {api}\n")
                if task.mode == "slow":
                    time.sleep(0.01)
                if (point.name, api) == self.at:
                    self.harm(task)
                quantity = {"value": "value", "grad": "raw"}.get(api, "differential")
                label = "" if api == "value" else api
                into = "" if api == "value" else "z"
                yield Observation(task.case, point.name, *head, label, quantity, into, "out", "ok", data, seconds=1e-3)
            yield Step(point.name, DONE)


class Leaves(Square):
    """Changes NumPy's settings for good, and answers otherwise where they are not as NumPy comes."""

    name = "leaves"

    def harm(self, task: Task) -> None:
        np.seterr(over="raise")

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        wrong = np.geterr()["over"] == "raise"
        for item in super().observe(task):
            if wrong and isinstance(item, Observation):
                yield replace(item, data=np.zeros_like(item.data))
            else:
                yield item


class Hang(Square):
    name = "hang"

    def harm(self, task: Task) -> None:
        time.sleep(3600)


class Spin(Square):
    """Hangs in C with the interpreter lock held, so that no Python code of the worker runs any more."""

    name = "spin"

    def harm(self, task: Task) -> None:
        ctypes.PyDLL(None).sleep(3600)


class Segfault(Square):
    name = "segfault"

    def harm(self, task: Task) -> None:
        ctypes.string_at(0)


class Abort(Square):
    name = "abort"

    def harm(self, task: Task) -> None:
        ctypes.CDLL(None).abort()


class Killed(Square):
    """Killed from outside every time, as the kernel does when memory ends."""

    name = "killed"

    def harm(self, task: Task) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class KilledOnce(Square):
    """Killed from outside FAKE_KILLS times (default: once); FAKE_ONCE names the file that remembers."""

    name = "killed-once"

    def harm(self, task: Task) -> None:
        with open(os.environ["FAKE_ONCE"], "a+") as file:
            if file.tell() < int(os.environ.get("FAKE_KILLS", "1")):
                file.write("x")
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)


class KilledAtStart(Square):
    """Killed from outside FAKE_KILLS times before it says what it is."""

    name = "killed-at-start"

    def versions(self) -> dict[str, str]:
        KilledOnce.harm(self, None)  # type: ignore[arg-type]
        return super().versions()


class Exits(Square):
    name = "exits"

    def harm(self, task: Task) -> None:
        os._exit(7)


class Glutton(Square):
    name = "glutton"

    def harm(self, task: Task) -> None:
        held = []
        while True:
            held.append(np.ones(1 << 22))  # 32 MiB, touched
            time.sleep(0.01)


class Leaks(Square):
    """Keeps 24 MiB more with every task, and never gives back."""

    name = "leaks"
    held: list[np.ndarray] = []  # noqa: RUF012

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        self.held.append(np.ones(3 << 20))
        yield from super().observe(task)


class Floods(Square):
    """64 MiB to each of standard output and error."""

    name = "floods"

    def harm(self, task: Task) -> None:
        line = "x" * (1 << 16)
        for _ in range(1 << 10):
            sys.stderr.write(line)
            os.write(1, line.encode())


class Garbage(Square):
    """User code that writes into the worker's pipe to the coordinator."""

    name = "garbage"
    bytes_ = b"this is not a frame at all\n" * 10

    def harm(self, task: Task) -> None:
        os.write(int(sys.argv[sys.argv.index("--out") + 1]), self.bytes_)
        time.sleep(3600)


class HalfFrame(Garbage):
    """The beginning of a frame whose end never comes, and then one of ours."""

    name = "half-frame"
    bytes_ = b"WHf1\x40\x00\x00\x00\x00\x00\x00\x00"

    def harm(self, task: Task) -> None:
        os.write(int(sys.argv[sys.argv.index("--out") + 1]), self.bytes_)


class ClosesPipe(Square):
    name = "closes-pipe"

    def harm(self, task: Task) -> None:
        os.close(int(sys.argv[sys.argv.index("--out") + 1]))
        time.sleep(3600)


class Nothing(Square):
    """Says nothing at one point."""

    name = "nothing"

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        for item in super().observe(task):
            if item.point != "bad":
                yield item


class Silent(Square):
    name = "silent"

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        return iter(())


class Quits(Square):
    name = "quits"

    def harm(self, task: Task) -> None:
        raise SystemExit("enough")


class Raises(Square):
    name = "raises"

    def harm(self, task: Task) -> None:
        raise ZeroDivisionError(f"in {object()!r}")


class NoSteps(Square):
    """Dies without having announced anything."""

    name = "no-steps"

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        for item in super().observe(task):
            if isinstance(item, Observation):
                yield item


class NoStepsSegfault(NoSteps):
    name = "no-steps-segfault"

    def harm(self, task: Task) -> None:
        ctypes.string_at(0)


class Shared(Square):
    """Dies while it prepares what all points share, unless told to observe without sharing."""

    name = "shared"

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        if ("*", "compile") not in task.skip:
            yield Step("*", "compile")
            ctypes.string_at(0)
        yield from super().observe(task)


class DiesOften(Square):
    """Every native API and every differential of every point takes the worker down."""

    name = "dies-often"

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        for item in super().observe(task):
            yield item
            if isinstance(item, Step) and item.api not in ("value", DONE):
                os.abort()


class WrongTask(Square):
    name = "wrong-task"

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        for item in super().observe(task):
            if isinstance(item, Observation) and item.point == "bad" and item.api == "grad":
                item = Observation(**{**item.__dict__, "case": "another"})
            yield item


class Objects(Square):
    """Returns an array that is not one of numbers."""

    name = "objects"

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        for item in super().observe(task):
            if isinstance(item, Observation) and item.api == "grad":
                item = Observation(**{**item.__dict__, "data": np.array([object()])})
            yield item


class Forks(Square):
    """Leaves a child behind that holds every pipe, and dies."""

    name = "forks"

    def harm(self, task: Task) -> None:
        if os.fork() == 0:
            time.sleep(3600)
        ctypes.string_at(0)


class Daemonises(Square):
    """Leaves a daemon behind that belongs to no process group of ours; FAKE_ONCE names the file with its number."""

    name = "daemonises"

    def harm(self, task: Task) -> None:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                with open(os.environ["FAKE_ONCE"], "w") as file:
                    file.write(str(os.getpid()))
                time.sleep(3600)
            os._exit(0)
        while not os.path.exists(os.environ["FAKE_ONCE"]):
            time.sleep(0.01)


class Stops(Square):
    """Stops itself, as a debugger or a scheduler may: it does nothing and does not end."""

    name = "stops"

    def harm(self, task: Task) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)


class KillsCoordinatorOnce(Square):
    """Kills the process that started the worker, where FAKE_ONCE does not say that it has."""

    name = "kills-coordinator-once"

    def harm(self, task: Task) -> None:
        if not os.path.exists(os.environ["FAKE_ONCE"]):
            open(os.environ["FAKE_ONCE"], "w").close()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(3600)


class NotThere(Square):
    name = "not-there"
    requires = ("no_such_framework",)

    def __init__(self) -> None:
        import no_such_framework  # noqa: F401


class DiesAtImport(Square):
    name = "dies-at-import"

    def __init__(self) -> None:
        os.abort()


class Changes(Square):
    """Another version in every process."""

    name = "changes"

    def versions(self) -> dict[str, str]:
        return {"fake": str(os.getpid())}

    def harm(self, task: Task) -> None:
        os.abort()


class SaysTwice(Square):
    """Returns two different results under one key."""

    name = "says-twice"

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        for item in super().observe(task):
            yield item
            if isinstance(item, Observation) and item.point == "bad" and item.api == "grad":
                yield Observation(**{**item.__dict__, "data": -np.asarray(item.data)})


class Looks(Square):
    """Reports which of the coordinator's packages a worker has loaded, or could."""

    name = "looks"

    def flags(self) -> dict[str, str]:
        from importlib.util import find_spec

        heavy = ("pandas", "pyarrow", "rich", "yaml", "torch", "jax", "mpmath", "scipy")
        return {
            "loaded": " ".join(m for m in heavy if m in sys.modules),
            "importable": " ".join(m for m in heavy if find_spec(m)),
        }


class WholePoint(Square):
    """Announces a point at once, and dies in it, unless told to go step by step."""

    name = "whole-point"

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        for point in task.points:
            if point.name == "bad" and (point.name, "*") not in task.skip:
                yield Step(point.name, "*")
                ctypes.string_at(0)
        yield from super().observe(task)


class Choosy(Square):
    """Is told its device when it is made."""

    name = "choosy"

    def __init__(self, device: str = "nowhere") -> None:
        self.device = device

    def flags(self) -> dict[str, str]:
        return {"made for": self.device}


class KilledAtImport(Square):
    """Killed from outside while its framework is imported: once where FAKE_ONCE names a file, always elsewhere."""

    name = "killed-at-import"

    def __init__(self) -> None:
        once = os.environ.get("FAKE_ONCE", "")
        if not once or not os.path.exists(once):
            if once:
                open(once, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)


class Lent(Square):
    """Says which accelerators it may see."""

    name = "lent"

    def flags(self) -> dict[str, str]:
        return {"visible": os.environ.get("CUDA_VISIBLE_DEVICES", "all"), "nice": str(os.nice(0))}

    def devices(self) -> tuple[Device, ...]:
        return (Device("cpu", True), Device("cuda", True))


class KillsParent(Square):
    """Takes down the process that started the worker, where that is a process of Ray's."""

    name = "kills-parent"

    def harm(self, task: Task) -> None:
        if "RAY_JOB_ID" not in os.environ:
            raise RuntimeError("the parent is not Ray's")
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(3600)


class KillsParentOnce(KillsParent):
    name = "kills-parent-once"

    def harm(self, task: Task) -> None:
        marker = os.environ["FAKE_PARENT"]
        if not os.path.exists(marker):
            open(marker, "w").close()
            super().harm(task)
