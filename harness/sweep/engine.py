"""One function over all floating-point numbers of a format: sample, filter, decide by the reference, look closer.

1. `strata`, as many points in each binade and sector, and structured points are decided by the reference, all of them.
2. Many more points are evaluated by the frameworks alone. Where their answers (and those of the reference's own text
   on the frameworks, in double precision) are furthest apart, in units in the last place, the reference decides.
3. Around the worst points found so far, and where right meets wrong, the same again, several times.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.formats import DTYPES, Format
from harness.model import CaseError
from harness.pointwise import everywhere
from harness.pointwise.everywhere import Exact
from harness.pointwise.pool import Pool
from harness.pointwise.subject import Subject
from harness.sweep import errors
from harness.sweep.asking import Answer, Asker
from harness.sweep.errors import Limits, bad_from
from harness.sweep.filtering import apart, cells, chosen
from harness.sweep.points import Sampler, constants_of, distinct, modulus

Array = np.ndarray[Any, np.dtype[Any]]

LIMIT = 20.0  # seconds that the reference may take for a few hundred points
_EDGES = 6000  # points on cuts and kinks that are looked at from all sides, at most
_ROUNDS = 4
_WORST = 10  # points of each side and quantity around which a round looks
_EACH = 24


@dataclass
class Side:
    """One backend in one direction: what it returned at the decided points and how far that is off.

    value: (N, rows), slope: (N, rows, columns) or None. errors: "value", "dz", "dzbar" -> (N,) in ulp, NaN where the
    truth is not known.
    """

    backend: str
    by: str
    value: Array
    slope: Array | None
    errors: Mapping[str, Array]

    @property
    def name(self) -> str:
        return f"{self.backend} {self.by}"


@dataclass
class Swept:
    """points: (N,) that the reference was asked about. even: (N,) whether one is of the strata, of which medians and
    shares are taken. asked: points that the frameworks evaluated."""

    subject: Subject
    dtype: str
    points: Array
    even: Array
    exact: Exact
    limits: Limits
    sides: list[Side]
    asked: int
    versions: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def form(self) -> Format:
        return DTYPES[self.dtype]

    @property
    def normal(self) -> Array:
        """(N,) whether no component is subnormal: hardware may take such a number for 0."""
        parts = np.stack([self.points.real, self.points.imag]) if np.iscomplexobj(self.points) else self.points[None]
        size = np.abs(parts)
        return np.asarray(((size == 0) | (size >= self.form.tiny)).all(axis=0))


class Sweeper:
    """Sweeps one subject at one dtype with processes that are there already."""

    def __init__(self, subject: Subject, dtype: str, asker: Asker, pool: Pool, seed: int = 0) -> None:
        self.subject, self.dtype, self.asker, self.pool = subject, dtype, asker, pool
        self.form = DTYPES[dtype]
        self.sampler = Sampler(self.form, subject.real, seed)
        self.parts: list[tuple[Array, Exact, Limits, dict[str, Answer], bool]] = []
        self.asked = 0
        self.names: list[str] = []
        self.different: list[str] = []  # of those, the ones that the filter asks
        self.versions: dict[str, str] = {}
        self.messages: dict[str, str] = {}
        self.backed: list[str] = []  # backends that evaluate the reference's text, for the filter

    def sweep(self, points: int, decided: int, rounds: int = _ROUNDS) -> Swept:
        """points: to be evaluated by the frameworks. decided: by the reference, about."""
        began = time.perf_counter()
        constants = constants_of(self.subject.reference, *(s.text for s in self.subject.sources.values()))
        self.decide(self.sampler.strata(decided // 2), list(self.asker.families), even=True)
        self.names = self._answering()
        if self.names:
            special = self.sampler.structured(constants, min(1.0, points / 300_000))
            pick = self.sampler.rng.permutation(special.size)[: decided // 4]
            self.decide(special[np.sort(pick)], self.names)
            many = np.concatenate([special, self.sampler.strata(points)])
            self._filtered(many, max(64, decided // 8))
            for number in range(rounds):
                near = self._near_the_worst(spread=6 if number % 2 == 0 else 0)
                if near.size:
                    self._filtered(near, max(48, decided // 16))
                between = self._between_right_and_wrong()
                if between.size:
                    self.decide(between, self.names)
        made = self._made()
        made.seconds = time.perf_counter() - began
        return made

    def of(self, even: Array, more: Array) -> Swept:
        """These points and no others; medians and shares are of `even`."""
        self.decide(even, list(self.asker.families), even=True)
        self.names = self._answering()
        if self.names and more.size:
            self.decide(more, self.names)
        return self._made()

    # -- what is known of points

    def decide(self, points: Array, names: Sequence[str], *, even: bool = False) -> None:
        """Ask the frameworks and the reference about points."""
        answers = self.asker.ask(self.subject, self.dtype, points, names)
        exact = self.pool.exact(points)
        edges = np.flatnonzero(~exact.slope_known & np.isfinite(exact.value).all(axis=1))[:_EDGES]
        if edges.size:
            limits = Limits.of(edges, self.pool.around(points[edges]))
        else:
            limits = Limits.of(edges, everywhere.Exact.empty(0, *exact.slope.shape[1:]))
        self.parts.append((points, exact, limits, answers, even))
        self.asked += points.size

    def _answering(self) -> list[str]:
        """Backends that evaluate the function; of those that return the same digits here the first is enough for the
        filter. Those that do not are named with their own words."""
        _, _, _, answers, _ = self.parts[0]
        out: list[str] = []
        for name, answer in answers.items():
            self.versions.update(answer.versions)
            for part, words in answer.messages.items():
                self.messages[name if part == "value" else f"{name} {part}"] = words
            if answer.value is not None:
                out.append(name)
                if not any(same_digits(answers[n], answer) for n in self.different):
                    self.different.append(name)
        self.backed = [n for n in ("torch.autograd", "jax") if n in self.asker.families]
        return out

    def _filtered(self, points: Array, keep: int) -> None:
        """Ask the frameworks about many points and the reference about those where they are furthest apart."""
        points = distinct(points)
        told = list(self.asker.ask(self.subject, self.dtype, points, self.different).values())
        wide = "complex128" if np.iscomplexobj(points) else "float64"
        alone = {n for n in self.backed if self._own_text(n)}
        if alone or wide != self.dtype:
            told += self.asker.ask(self.subject, wide, points, self.backed, control=True).values()
        self.asked += points.size
        best = chosen(points, apart(self.form, told), keep)
        if best.size:
            self.decide(points[best], self.names)

    def _own_text(self, name: str) -> bool:
        """Whether a backend evaluates something else than the reference's text."""
        source = self.subject.source(self.asker.families[name])
        return source is None or source.text != self.subject.reference

    def _near_the_worst(self, spread: int) -> Array:
        made = self._made()
        at: list[int] = []
        for side in made.sides:
            for error in side.errors.values():
                ranked = np.argsort(-np.nan_to_num(error, nan=-1.0), kind="stable")
                at += self._apart_by_binade(made.points, ranked)
        if not at:
            return np.zeros(0)
        return self.sampler.neighbours(made.points[np.unique(at)], _EACH * (2 if self.subject.real else 3), spread)

    def _between_right_and_wrong(self) -> Array:
        """Points between neighbours by modulus of which one is right and one is wrong, where right and wrong lie in
        long rows: in each eighth of the plane, a few for each of such edges."""
        made = self._made()
        size, ray = modulus(made.points), np.floor(np.angle(made.points) / (np.pi / 4))
        out: list[tuple[Any, Any]] = []
        for side in made.sides:
            error = np.fmax.reduce(list(side.errors.values()))
            for sector in np.unique(ray).tolist():
                at = np.flatnonzero((ray == sector) & ~np.isnan(error) & made.even)
                at = at[np.argsort(size[at], kind="stable")]
                wrong = error[at] > bad_from(self.form)
                edges = np.flatnonzero(wrong[1:] != wrong[:-1])
                rows = np.diff(np.concatenate([[-1], edges, [at.size - 1]]))
                for k, edge in enumerate(edges.tolist()):
                    if min(rows[k], rows[k + 1]) >= 4 and len(out) < 64:
                        out.append((made.points[at[edge]], made.points[at[edge + 1]]))
        if not out:
            return np.zeros(0)
        weights = np.linspace(0.0, 1.0, 12)[1:-1]
        pairs = np.array(out)
        return distinct(self.sampler.between(pairs[:, 0], pairs[:, 1], weights))

    @staticmethod
    def _apart_by_binade(points: Array, ranked: Array) -> list[int]:
        """The first of `ranked`, no two of the same binade and sector of the plane."""
        _, firsts = np.unique(cells(points[ranked[:2000]], 4), return_index=True)
        out: list[int] = ranked[np.sort(firsts)[:_WORST]].tolist()
        return out

    # -- put together

    def _made(self) -> Swept:
        points = np.concatenate([p[0] for p in self.parts])
        exact = everywhere.joined([p[1] for p in self.parts])
        starts = np.cumsum([0, *(p[0].size for p in self.parts)])
        limits = _joined([p[2] for p in self.parts], starts.tolist(), exact.value.shape[1])
        even = np.concatenate([np.full(p[0].size, p[4]) for p in self.parts])
        whole: list[tuple[list[str], Answer]] = []  # those that return the same digits everywhere are one
        for name in self.names:
            answer = _whole([p[3][name] for p in self.parts])
            if answer.value is None or len(answer.value) != points.size:
                self.messages[name] = "it answered at some points and not at others"
                continue
            twin = next((names for names, other in whole if same_digits(other, answer)), None)
            if twin is None:
                whole.append(([name], answer))
            else:
                twin.append(name)
        sides: list[Side] = []
        for names, answer in whole:
            assert answer.value is not None
            value_error = errors.value_errors(self.form, answer.value, exact, limits)
            for by in ("reverse", "forward"):
                slope = getattr(answer, by)
                found: dict[str, Array] = {"value": value_error}
                if slope is not None:
                    pair = errors.slope_errors(self.form, slope, exact, limits, value_error)
                    found |= {"dz": pair[0]} if self.subject.real else {"dz": pair[0], "dzbar": pair[1]}
                sides.append(Side(", ".join(names), by, answer.value, slope, found))
        return Swept(self.subject, self.dtype, points, even, exact, limits, sides, self.asked, dict(self.versions),
                     dict(self.messages))


def _whole(parts: Sequence[Answer]) -> Answer:
    """The answers at all points; None where one is missing."""
    out = Answer()
    for key in ("value", "reverse", "forward"):
        arrays = [getattr(p, key) for p in parts]
        kept = [a for a in arrays if a is not None]
        if kept and (key == "value" or len(kept) == len(arrays)):
            setattr(out, key, _laid(kept))
    return out


def same_digits(a: Answer, b: Answer) -> bool:
    """Whether two answers are the same to the bit, NaN payloads aside."""
    return all(
        (x is None) == (y is None) and (x is None or y is None or np.array_equal(x, y, equal_nan=True))
        for x, y in ((a.value, b.value), (a.reverse, b.reverse), (a.forward, b.forward)))


def _laid(parts: Sequence[Array]) -> Array:
    """End to end; real ones get a second row of zeros where others have one."""
    rows = max((p.shape[1] for p in parts), default=1)
    return np.concatenate([
        p if p.shape[1] == rows else np.concatenate([p, np.zeros((len(p), 1, *p.shape[2:]))], axis=1) for p in parts
    ]) if parts else np.zeros((0, 1))


def _joined(parts: Sequence[Limits], starts: Sequence[int], rows: int) -> Limits:
    wide = []
    for part, start in zip(parts, starts, strict=False):
        value, slope = part.value, part.slope
        if value.shape[2] < rows:
            value = np.concatenate([value, np.zeros((*value.shape[:2], 1))], axis=2)
            slope = np.concatenate([slope, np.zeros_like(slope)], axis=2)
        wide.append((part.index + start, value, part.value_known, slope, part.slope_known))
    full = [w for w in wide if w[0].size] or wide[:1]
    return Limits(*(np.concatenate([w[k] for w in full]) for k in range(5)))


def sweep(
    subject: Subject, dtype: str, asker: Asker, *, points: int = 1 << 20, decided: int = 20_000, seed: int = 0,
    jobs: int = 2, rounds: int = _ROUNDS,
) -> Swept:
    """Sweep one function. Raises CaseError where it has no reference, Gone where a framework's process dies."""
    if not subject.reference:
        raise CaseError(f"{subject.name} has no portable text, so nothing can decide who is right", None,
                        "give it a reference")
    with Pool(
        subject.reference, subject.argument, is_real=subject.real, form=DTYPES[dtype], jobs=jobs, limit=LIMIT
    ) as pool:
        return Sweeper(subject, dtype, asker, pool, seed).sweep(points, decided, rounds)
