"""The answer of an audit: frozen values, which `answer` puts on a screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.audit.faults import SideFault

if TYPE_CHECKING:
    pass

#: Verdicts that are no difference of substance.
HARMLESS = ("agree", "precision", "choice", "gauge")


@dataclass(frozen=True)
class ValueRow:
    """One output on both sides. verdict: agree, precision, nonfinite or value; pattern: how it differs, a sentence."""

    name: str
    shape: tuple[int, ...]
    torch: str
    jax: str
    verdict: str
    max_abs: float
    max_rel: float
    pattern: str = ""
    word: str = "equal"
    factor: float = float("nan")


@dataclass(frozen=True)
class ParameterRow:
    """One differentiated leaf on both sides. relation: of the raw results; factor: torch / JAX; culprit: of the side
    whose gradient is not the derivative of its own value ("torch", "jax", "both", or empty)."""

    torch: str
    jax: str
    shape: tuple[int, ...]
    dtype: str
    turned: str
    verdict: str
    relation: str
    factor: float
    max_abs: float
    max_rel: float
    blind: str
    note: str
    size: float = 0.0
    culprit: str = ""
    evidence: str = ""
    word: str = ""  # of a mismatch: how the two are related once the conventions are removed, if anyhow

    @property
    def name(self) -> str:
        """What it is called: torch's name."""
        return self.torch

    @property
    def both(self) -> str:
        """Both names, where they differ."""
        return self.torch if self.torch == self.jax else f"{self.torch} ~ {self.jax}"


@dataclass(frozen=True)
class Check:
    """One comparison of a side's gradient with finite differences of its own value.

    where: the parameters that were moved. direction: "random", "imaginary", "difference" (along that of the two
    gradients), "beside" (near the point, where it is a kink) or "avoiding" (of entries that do not cross the kink).
    consistent: None where the error is too large to tell, or where the value has a kink along this direction.
    kink: whether its slopes, from below and from above, differ. failed: what the side said where it refused to be
    evaluated beside the point.
    """

    side: str
    where: tuple[str, ...]
    direction: str
    predicted: float
    estimate: float
    error: float
    consistent: bool | None
    other: float = float("nan")  # what the other side's gradient predicts along the same direction
    values: int = 0
    kink: bool = False
    slopes: tuple[float, float] = (float("nan"), float("nan"))
    failed: str = ""
    size: float = 0.0  # of the terms that the prediction is a sum of
    noise: float = 0.0  # of the value: how far it jumps between two points next to each other
    limit: bool = False  # whether its gradient is taken for that of the limit of an iteration, as the other side's is
    approximate: float = 0.0  # how far the value is off at most, where that is what a wrong gradient looked like


@dataclass(frozen=True)
class StepRow:
    """One parameter's update by each side's optimiser step.

    verdict: of the two updates ("" where only one side has a step). torch, jax: what each update is to its side's
    gradient L_x + i L_y: descent, conjugate, ascent, other, or "" (did not move).
    """

    name: str
    verdict: str
    torch: str
    jax: str
    max_rel: float
    note: str = ""

    @property
    def odd(self) -> bool:
        """Whether the updates differ, or one of them does not go down its own loss."""
        return self.verdict not in ("", *HARMLESS) or bool({self.torch, self.jax} & {"conjugate", "ascent"})


@dataclass(frozen=True)
class Origin:
    """One place where the two programs part. torch, jax: "file.py:5"; kind: "value" or "gradient".

    what: said only if it was evaluated and gives the numbers; fix: code or words, may be empty. loop: iterations.
    """

    torch: str
    jax: str
    kind: str
    what: str
    fix: str = ""
    torch_text: str = ""
    jax_text: str = ""
    loop: str = ""


@dataclass(frozen=True)
class Suggestion:
    """What to change: a sentence, and code that can be pasted."""

    title: str
    code: str = ""


@dataclass(frozen=True)
class Findings:
    """What an audit found, as values; `answer.Audit` adds what people read. `exit_status` as in docs/audit.md."""

    torch: str
    jax: str
    versions: Mapping[str, str]
    precision: tuple[str, ...] = ()  # dtypes that change on the way: said first
    values: tuple[ValueRow, ...] = ()
    rows: tuple[ParameterRow, ...] = ()
    unmatched_torch: tuple[str, ...] = ()
    unmatched_jax: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()  # sentences: what an array without counterpart may belong to
    to_map: tuple[str, ...] = ()  # lines of a mapping file that would settle it
    checks: tuple[Check, ...] = ()
    steps: tuple[StepRow, ...] = ()
    conventions: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    who: str = ""
    culprit: str = ""
    evidence: str = ""
    start: tuple[str, ...] = ()  # where it starts: sentences from taps and from the trace
    start_at: Mapping[str, Any] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()  # in the order of the program
    lines: tuple[tuple[str, str], ...] = ()  # "file.py:5" of both sides that compute the same numbers
    suggestions: tuple[Suggestion, ...] = ()
    faults: tuple[SideFault, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    printed: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    peak: Mapping[str, int] = field(default_factory=dict)  # bytes of memory that each side's process held at most
    saved: str = ""

    @property
    def values_agree(self) -> bool:
        return all(v.verdict in HARMLESS for v in self.values)

    @property
    def gradients_agree(self) -> bool:
        return all(r.verdict in HARMLESS for r in self.rows)

    @property
    def surprising(self) -> bool:
        """Whether anything is to be mended: a real difference, a fault of the user's code."""
        steps = any(s.odd for s in self.steps)
        return bool(
            not self.values_agree or not self.gradients_agree or steps or self.culprit or self.warnings
        )

    @property
    def exit_status(self) -> int:
        if self.faults:
            return 3
        return 2 if self.undecided else 1 if self.surprising else 0

    @property
    def undecided(self) -> bool:
        """Whether arrays are without counterpart: nothing is judged at different numbers."""
        return bool(self.unmatched_torch or self.unmatched_jax)
