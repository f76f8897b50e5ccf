"""The frozen values that every part shares: cases, points, tasks, observations.

Nothing here reads a file, knows YAML or imports a framework. The module is part of what a worker loads, so it keeps
to the standard library and NumPy and to Python 3.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from harness.formats import DTYPES, SINGLE

#: Kinds of an input, as written in a case, and the NumPy dtype in which its numbers are kept there: the widest.
KINDS: Mapping[str, str] = {"complex": "complex128", "real": "float64", "integer": "int64", "boolean": "bool"}

#: Real components of all differentiated inputs of a case of order 3: their number's cube is observed, in every order.
THIRD_ORDER_VARIABLES = 4


def concrete_dtype(kind: str, dtype: str) -> np.dtype[Any]:
    """The NumPy dtype that holds an input of `kind` in a case run at `dtype` (a real input of a complex64 case is
    float32, and so are bfloat16 numbers, which NumPy lacks)."""
    if kind == "complex":
        return np.dtype("complex64" if DTYPES[dtype].digits <= SINGLE.digits else "complex128")
    return np.dtype(DTYPES[dtype].holder if kind == "real" else KINDS[kind])


def as_held(array: np.ndarray, kind: str, dtype: str) -> np.ndarray:
    """An array of the numbers of a case as one run at `dtype` holds them: rounded, in a fresh array of
    `concrete_dtype`. What is too large for the precision becomes infinite, what is too small zero or subnormal."""
    wanted = concrete_dtype(kind, dtype)
    with np.errstate(all="ignore"):
        if kind == "real" and wanted.name != DTYPES[dtype].name:
            return DTYPES[dtype].rounded(np.asarray(array)).astype(wanted)
        return np.asarray(array).astype(wanted)


@dataclass(frozen=True)
class Place:
    """Where something was written, for messages: 1-based line and column."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


class HarnessError(Exception):
    """Anything that is the user's or the environment's to mend: the message is one sentence for the person.

    exit_status: what the command line ends with: 2, or 3 where a target cannot run (design section 4).
    """

    exit_status: ClassVar[int] = 2


class Unsupported(HarnessError):
    """A function is not there: not in a framework (expr.NoSpelling) or not in the reference (NotInReference)."""


class CaseError(HarnessError):
    """A case, a file of cases or a command line is wrong; the message is for the person who wrote it."""

    def __init__(self, problem: str, place: Place | None = None, hint: str = "") -> None:
        self.problem, self.place, self.hint = problem, place, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.problem}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True)
class Input:
    """One named array of a case.

    `group` is the argument it belongs to: an argument given as a mapping of arrays (a `.npz` file) is flattened to
    leaves named "params.w", each with group "params"; a plain input is its own group.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    differentiate: bool = True

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Point:
    """One concrete set of input arrays, held in double precision (complex128, float64, int64, bool)."""

    name: str
    arrays: Mapping[str, np.ndarray] = field(hash=False)
    note: str = ""
    layout: str = ""  # "", "noncontiguous" or "lazy-conj": how the array is laid out when it reaches a framework


@dataclass(frozen=True)
class Source:
    """What one backend family evaluates; kind: portable, native or callable (text "package.module:function")."""

    kind: str
    text: str


@dataclass(frozen=True)
class Tolerance:
    """Relative tolerances of a case; None means the default for the dtype (eps**0.75 and eps**0.5)."""

    fine: float | None = None
    coarse: float | None = None


@dataclass(frozen=True)
class Expectation:
    """A known difference: which rows it speaks of, what is expected there, and why."""

    verdict: tuple[str, ...]
    because: str
    points: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()  # a row matches when every one of these is its left or its right
    api: tuple[str, ...] = ()
    quantity: tuple[str, ...] = ()
    dtype: tuple[str, ...] = ()
    axis: tuple[str, ...] = ()
    culprit: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict, hash=False)  # package -> PEP 440 specifier
    link: str = ""
    strict: bool = True
    place: Place = Place("")
    cause: str = ""  # id of the known difference that several cases share, empty where the case says it alone
    kind: str = "defect"  # or "documented", "taste", "formula": what is stated is nobody's mistake

    @property
    def defect(self) -> bool:
        """Whether a side that is named wrong here is counted as wrong."""
        return self.kind == "defect"


@dataclass(frozen=True)
class Derivative:
    """A closed form written in the case, in portable text: df/dz and df/dz* with respect to one input.

    Elementwise functions only (the differential is diagonal); for a real input `dz` is the ordinary derivative.
    """

    input: str
    dz: str
    dzbar: str = "0"


@dataclass(frozen=True)
class Case:
    """One function, the points where it is differentiated, and what is known about it.

    function maps "portable" or a backend family ("torch", "jax", "reference") to its text.
    """

    id: str
    function: Mapping[str, str] = field(hash=False)
    inputs: tuple[Input, ...]
    points: tuple[Point, ...] = field(hash=False)
    dtypes: tuple[str, ...]
    outputs: tuple[str, ...] = ()  # empty: named by position ("out", or "out0", "out1", ...)
    order: int = 1
    tolerance: Tolerance = Tolerance()
    expect: tuple[Expectation, ...] = ()
    derivative: tuple[Derivative, ...] = ()
    tags: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()  # functions of torch or jax that this case stands for, beyond those in its text
    blind: str = ""  # why no point of the case can show a conjugation, a sign flip or a factor; empty: one must
    note: str = ""
    family: str = ""  # the folder and file it lives in: "elementwise/inverse_hyperbolic"
    place: Place = Place("")
    seconds: float = 60.0  # time limit for one backend, one dtype, all points
    #: The point at which a case that stands for its family is asked what is asked once (see runs.planning): "*" is the
    #: first one there is, "" none, because another case of the family stands for it.
    stands_at: str = field(default="*", compare=False)

    def source(self, family: str) -> Source | None:
        """What the backend family evaluates, or None where the case has no text for it."""
        text = self.function.get(family)
        if text is None:
            portable = self.function.get("portable")
            return None if portable is None else Source("portable", portable)
        return Source("callable" if is_callable_path(text) else "native", text)

    @property
    def is_complex(self) -> bool:
        return any(i.kind == "complex" for i in self.inputs)


def is_callable_path(text: str) -> bool:
    """Whether a text is "package.module:function" rather than an expression."""
    module, colon, name = text.strip().partition(":")
    return bool(colon) and name.isidentifier() and all(p.isidentifier() for p in module.split("."))


@dataclass(frozen=True)
class Task:
    """What a worker is asked: one case at one dtype on one target, all points. Serialisable (see run.protocol)."""

    case: str
    dtype: str
    backend: str
    device: str
    mode: str
    source: Source
    inputs: tuple[Input, ...]
    points: tuple[Point, ...]  # arrays already cast to the concrete dtypes of `dtype`
    outputs: tuple[str, ...] = ()
    order: int = 1
    apis: tuple[str, ...] | None = None  # None: the differential and every native API; () : the differential only
    without: tuple[str, ...] = ()  # native APIs that are not observed all the same (see run.planning)
    differences: bool = False  # finite differences of the function's own values too: nothing else knows the truth
    skip: frozenset[tuple[str, str]] = frozenset()  # (point, api) steps that killed a worker before
    modules: tuple[str, ...] = ()  # modules whose functions the user allowed
    path: tuple[str, ...] = ()  # extra sys.path entries for those modules
    seconds: float = 60.0
    spec: str = ""  # what loads the backend: its name or "package.module:Class"; empty: its name
    python: str = ""  # interpreter of the environment it runs in; empty: the coordinator's own
    derivative: tuple[Derivative, ...] = ()  # closed forms, for the reference alone
    deadly: bool = False  # whether the case states that a step of it crashes or hangs here

    def wants(self, api: str) -> bool:
        """Whether the native API of this name is to be observed."""
        return (self.apis is None or api in self.apis) and api not in self.without

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        return (self.case, self.dtype, self.backend, self.device, self.mode)


#: Observation statuses. "refused": the framework declined with its own error. "unsupported": no spelling there.
STATUSES = ("ok", "refused", "error", "crash", "timeout", "unsupported")


@dataclass(frozen=True)
class Observation:
    """What one API on one target returned at one point.

    quantity "value":        data is the output as returned; input is "".
    quantity "differential": data is the real matrix J of design section 2, shape (2m, 2n), float of the precision;
                             api is "pullback" or "pushforward".
    quantity "raw":          data is exactly what the API returned for this (input, output).
    quantity "hessian":      data is the real Hessian block of the loss; input is "a" or "a,b"; api is
                             "forward-over-reverse", "reverse-over-forward", "reverse-over-reverse" or
                             "forward-over-forward".
    quantity "third":        data is the block of third derivatives of the loss by the inputs "a,b,c" ("a" where all are
                             one), real, (N_a N_b, N_c); api is one of harness.backends.third.THIRD_ORDER.
    When status is not "ok", data is None and `message` is the framework's own text.
    """

    case: str
    point: str
    dtype: str
    backend: str
    device: str
    mode: str
    api: str
    quantity: str
    input: str
    output: str
    status: str
    data: np.ndarray | None = None
    error: str = ""  # exception type or signal name
    message: str = ""
    seconds: float = 0.0
