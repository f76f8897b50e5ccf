"""What a backend is.

A backend is one class in one file, found through the entry point group `wirtinger_harness.backends` (or named as
"package.module:Class" by the user). Importing its module must not import its framework; constructing it does. It
knows no other backend, no verdict and no report.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.model import Observation, Task
from harness.wirtinger import Api, Array, Convention


@dataclass(frozen=True)
class Device:
    """A device in the framework's own words, and why it cannot be used where it cannot."""

    name: str
    usable: bool
    reason: str = ""


#: The `api` of a Step that says that a point is complete.
DONE = "done"


@dataclass(frozen=True)
class Step:
    """Announced before work that could take the process down, so that a death is charged to the right row.

    (point, "*") is everything of one point at once.
    ("*", "compile") is work shared by every point; a task whose `skip` contains it must be observed without sharing.
    (point, DONE) may follow the last row of a point where a point does not depend on the others (nothing is batched
    across points): a redo or a resume then leaves that point out.
    """

    point: str
    api: str


class Backend(ABC):
    """One way to differentiate. Subclasses set the class attributes and implement the methods below."""

    name: ClassVar[str]  # "torch.autograd"
    family: ClassVar[str]  # which text of a case it evaluates: "torch", "jax", "reference", ...
    requires: ClassVar[tuple[str, ...]] = ()  # importable modules without which it cannot run
    convention: ClassVar[Convention]
    apis: ClassVar[tuple[Api, ...]] = ()
    modes: ClassVar[tuple[str, ...]] = ("eager",)
    default_mode: ClassVar[str] = "eager"
    device_hints: ClassVar[tuple[str, ...]] = ("cpu",)  # a worker for each of these is asked which devices there are

    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """Exact versions of the framework's packages, {"torch": "2.13.0+cpu", ...}."""

    @abstractmethod
    def flags(self) -> Mapping[str, str]:
        """The settings that change numbers, as set on purpose: x64, TF32, matmul precision, threads, determinism."""

    @abstractmethod
    def devices(self) -> tuple[Device, ...]:
        """Every device the framework knows of."""

    @abstractmethod
    def observe(self, task: Task) -> Iterator[Observation | Step]:
        """Everything asked of the task. Never raises for the case's own failures: those are observations.

        Per point: one "value" row per output; per (output, input): "differential" rows with api "pullback" and
        "pushforward" and one "raw" row per API; for order 2, "hessian" rows. A source that cannot be spelled here
        yields one row per point with quantity "value", api "" and status "unsupported".
        """

    def settings(self) -> Mapping[str, Any]:
        """What a case's function could leave changed, in words -> value: compared before and after every task."""
        return {}

    def namespaces(self) -> tuple[Any, ...]:
        """Modules and classes of the framework in which a case's function could replace a name."""
        return ()

    def sweep(
        self, call: Callable[..., Any], points: Array, dtype: str = ""
    ) -> Mapping[str, Callable[[], Array]] | None:
        """Value and differential of an elementwise function at many points at once; None where there is no such way.

        call: the function over one array of the framework. points: (N,), real or complex. dtype: "", or a half
        precision in which float32 points are put in (answers come back as float32). The three entries are
        `value`, () -> (N,); `reverse` and `forward`, () -> (N, rows of J, columns of J). They raise what the framework
        raises, and NotElementwise where the function mixes its points.
        """
        return None
