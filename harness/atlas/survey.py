"""One function over one window: everything that a figure shows, as arrays."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness.atlas import features
from harness.atlas.window import Window
from harness.formats import DTYPES
from harness.model import concrete_dtype
from harness.pointwise.judge import UNKNOWN, Beside, Judged, judge
from harness.pointwise.observe import Asking, Observed, families_of
from harness.pointwise.pool import Pool
from harness.pointwise.subject import Subject
from harness.pointwise.truth import Truth, sides
from harness.verdicts import VERDICT, VERDICTS

Array = np.ndarray[Any, np.dtype[Any]]

#: Samples of a real line.
LINE = 4096
_EDGES = 6000  # points on cuts and kinks that are looked at from all sides


@dataclass
class Survey:
    """points: (ny, nx) or (n,) samples. stride: every stride-th sample in each direction has a reference (0: none).

    truth: flat over all samples, unknown where there is no reference. derivative: (ny, nx, rows, columns) that is
    drawn, the reference's where known, else that of the side called `derived_from`.
    """

    subject: Subject
    window: Window
    dtype: str
    points: Array
    observed: list[Observed]
    judged: Judged
    truth: Truth | None
    stride: int
    derivative: Array
    derived_from: str
    value: Array
    features: features.Features
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def holomorphic(self) -> bool:
        """Whether df/dz* vanishes wherever the derivative is known (to 1e-6 of its size)."""
        j = self.derivative.reshape(-1, *self.derivative.shape[-2:])
        if j.shape[1:] != (2, 2):
            return False
        good = np.isfinite(j).all(axis=(1, 2))
        a, b = np.hypot(j[good, 0, 0] - j[good, 1, 1], j[good, 1, 0] + j[good, 0, 1]), np.abs(j[good]).max(axis=(1, 2))
        return bool(good.any() and (a <= 1e-6 * b).mean() > 0.999)

    def share(self, codes: Array, verdict: str) -> float:
        """Fraction of the judged samples with a verdict."""
        judged = codes != UNKNOWN
        return float((codes[judged] == VERDICT[verdict]).mean()) if judged.any() else 0.0

    def wrong(self, codes: Array) -> float:
        """Fraction of the judged samples at which a side differs from the reference by more than rounding, cuts,
        kinks and differing values excepted."""
        judged = codes != UNKNOWN
        fine = [VERDICT[w] for w in ("agree", "precision", "branch", "choice", "value")]
        return float((~np.isin(codes[judged], fine)).mean()) if judged.any() else 0.0


def survey(
    subject: Subject, window: Window, *, size: int = 512, dtype: str = "complex128",
    backends: Sequence[str] | None = None, reference: bool = True, jobs: int = 2, budget: float = 10.0,
    modules: Sequence[str] = (),
) -> Survey:
    """Observe, evaluate the reference, judge.

    budget: seconds that the reference may take; where every sample would take longer, every second, fourth or eighth
    in each direction is evaluated, and the figure says so.
    Raises CaseError for backends that do not exist.
    """
    families = families_of(backends)
    kind = "real" if subject.real else "complex"
    concrete = concrete_dtype(kind, dtype)
    points = window.line(window.re, max(size, LINE)) if subject.real else window.grid(size)
    points = points.astype(concrete)
    exact = points.astype(np.float64 if subject.real else np.complex128)
    seconds: dict[str, float] = {}
    notes: list[str] = []
    start = time.perf_counter()
    truth, stride, pool, beside = None, 0, None, None
    with Asking(subject, points.reshape(-1), list(families), families, modules=modules) as asking:
        try:
            if reference and subject.reference:
                truth, stride, pool = _reference(subject, exact, jobs, budget, dtype, notes)
                seconds["reference"] = time.perf_counter() - start
                if pool is not None and truth is not None:
                    beside = _beside(pool, exact.reshape(-1), truth)
            elif reference:
                notes.append("no portable text, so no reference")
            observed = asking.answers()
        finally:
            if pool is not None:
                pool.close()
    seconds["observed"] = time.perf_counter() - start
    judged = judge(observed, truth, beside, dtype)
    seconds["judged"] = time.perf_counter() - start
    derivative, value, derived_from = _drawn(judged, truth, exact, stride)
    found = features.Features(np.zeros(0, complex), (), False)
    if not subject.real and derivative.size:
        known = None if truth is None else truth.known.reshape(points.shape)
        size_of = np.abs(derivative).max(axis=(2, 3))
        thin = (slice(None, None, stride),) * 2 if stride > 1 and derived_from == "reference" else (...,)
        found = features.find(exact[thin], value[thin], size_of[thin], None if known is None else known[thin],
                              None if pool is None else pool.local)
    seconds["features"] = time.perf_counter() - start
    return Survey(subject, window, dtype, exact, observed, judged, truth, stride, derivative, derived_from, value,
                  found, seconds, notes)


def _reference(
    subject: Subject, points: Array, jobs: int, budget: float, dtype: str, notes: list[str]
) -> tuple[Truth | None, int, Pool | None]:
    """The reference at every eighth sample in each direction, then every fourth, second, each: for as long as the next
    round is expected to end within the budget."""
    try:
        pool = Pool(subject.reference, subject.argument, is_real=subject.real, form=DTYPES[dtype], jobs=jobs)
    except Exception as error:  # a text that only a framework can evaluate
        notes.append(f"no reference: {error}"[:300])
        return None, 0, None
    start = time.perf_counter()
    done, before, last = np.zeros(points.size, bool), start, 0
    truth: Truth | None = None
    stride = 0
    for level in (8, 4, 2, 1):
        wanted = _chosen(points.shape, level).reshape(-1) & ~done
        if stride:
            rate = (time.perf_counter() - before) / max(1, last)
            if time.perf_counter() - start + rate * wanted.sum() > budget:
                break
        before, last = time.perf_counter(), int(wanted.sum())
        truth = _merged(truth, pool.at(points.reshape(-1)[wanted]), wanted)
        done |= wanted
        stride = level
    if stride > 1:
        notes.append(f"reference at every {_ordinal(stride)} sample in each direction")
    return truth, stride, pool


def _chosen(shape: tuple[int, ...], stride: int) -> Array:
    """Every stride-th sample in each direction, and whole lines through the middle: the axes, where cuts and kinks
    like to lie."""
    chosen = np.zeros(shape, bool)
    for axis, count in enumerate(shape):
        np.moveaxis(chosen, axis, 0)[[count // 2 - 1, count // 2]] = True
    chosen[np.ix_(*(np.arange(0, n, stride) for n in shape))] = True
    return chosen


def _ordinal(n: int) -> str:
    return {2: "second", 4: "fourth", 8: "eighth"}[n]


def _merged(truth: Truth | None, part: Truth, chosen: Array) -> Truth:
    """A truth over all samples with the values of `part` where `chosen`, and as it was elsewhere."""
    rows, columns = part.high.shape[1:]
    if truth is None:
        truth = Truth.empty(chosen.size, rows, columns, bool(np.iscomplexobj(part.value)))
    if rows > truth.high.shape[1]:  # the first samples were all real by chance: a cut, an axis
        wider = Truth.empty(chosen.size, rows, columns, True)
        old = truth.high.shape[1]
        for name in ("high", "low"):
            getattr(wider, name)[:, :old] = getattr(truth, name)
            getattr(wider, name)[truth.known, old:] = 0.0
        for name in ("value", "bound", "known", "jump", "doubt"):
            getattr(wider, name)[...] = getattr(truth, name)
        truth = wider
    for name in ("value", "bound", "known", "jump", "doubt"):
        getattr(truth, name)[chosen] = getattr(part, name)
    for name in ("high", "low"):
        getattr(truth, name)[chosen] = 0.0
        getattr(truth, name)[chosen, :rows] = getattr(part, name)
    return truth


def _beside(pool: Pool, points: Array, truth: Truth) -> Beside | None:
    """Differentials around the samples where the function has a value and no derivative."""
    at = np.flatnonzero(~truth.known & np.isfinite(truth.value))
    if not at.size or at.size > _EDGES:
        return None
    around = sides(pool, points[at])
    directions = around.value.size // at.size
    if np.iscomplexobj(truth.value) != np.iscomplexobj(around.value):
        return None
    return Beside(at, truth.jump[at], around.value.reshape(-1, directions),
                  around.high.reshape(at.size, directions, *around.high.shape[1:]))


def _drawn(judged: Judged, truth: Truth | None, points: Array, stride: int) -> tuple[Array, Array, str]:
    """The derivative and value to draw: the reference's, filled up from the first side where it is not known."""
    shape = points.shape
    if not judged.sides:
        if truth is None:
            return np.zeros((*shape, 0, 0)), np.zeros(shape), ""
        high = np.where(truth.known[:, None, None], truth.high, np.nan)
        return high.reshape(*shape, *high.shape[1:]), truth.value.reshape(shape), "reference"
    first = judged.sides[0]
    share = 1 / max(1, stride) ** points.ndim
    if truth is None or truth.known.mean() < 0.5 * share:
        j = first.differential.astype(np.float64)
        return j.reshape(*shape, *j.shape[1:]), first.value.reshape(shape), first.name
    high = np.where(truth.known[:, None, None], truth.high, np.nan)
    value = np.where(np.isfinite(truth.value), truth.value, first.value.astype(truth.value.dtype))
    return high.reshape(*shape, *high.shape[1:]), value.reshape(shape), "reference"


def fallback_to_real(subject: Subject, made: Survey) -> Subject | None:
    """The same function of a real variable, where no framework evaluates it on complex numbers; else None.

    A framework that was not asked in words it knows (a CaseError) has not said anything about complex numbers.
    """
    if subject.real or made.judged.sides:
        return None
    said = [text for o in made.observed for text in o.messages.values()]
    if said and all(text.startswith("CaseError") for text in said):
        return None
    return replace(subject, real=True)


def tally(codes: Array) -> list[tuple[str, float]]:
    """Verdict words and their shares of the judged samples, most frequent first."""
    judged = codes[codes != UNKNOWN]
    words, counts = np.unique(judged, return_counts=True)
    order = np.argsort(-counts)
    return [(VERDICTS[words[k]], float(counts[k]) / max(1, judged.size)) for k in order]
