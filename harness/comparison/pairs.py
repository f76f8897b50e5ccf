"""Which observations are compared: pairs that differ along one axis and are otherwise the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from packaging.version import InvalidVersion, Version

from harness.comparison.errors import CompareError
from harness.comparison.observations import Observations, combine, lookup
from harness.comparison.targets import REFERENCE, Target
from harness.comparison.value_kinds import Array
from harness.verdicts import AXES, HIGHER, QUANTITIES

#: The version axis, said differently.
ALIASES = {"environment": "version"}
COMPARED = QUANTITIES
_DOUBLE = {"complex64": "complex128", "float32": "float64"}


@dataclass
class Pairs:
    """P pairs.  left, right: rows of the observations, -1 where there is none.

    left_target, right_target: indices of targets.  left_cover, right_cover: for a row that is not there, the failed
    row that explains why (a refusal of the whole case, a crash at this point), else -1.
    predicted: the right side is not the row itself but what the raw API of the left row ought to return given the
    differential in that row.
    """

    left: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    right: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    left_target: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    right_target: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    left_cover: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    right_cover: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    predicted: Array = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def count(self) -> int:
        return int(self.left.size)


def concatenated(parts: Sequence[Pairs]) -> Pairs:
    names = ("left", "right", "left_target", "right_target", "left_cover", "right_cover", "predicted")
    parts = [p for p in parts if p.count] or [Pairs()]
    return Pairs(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


class Joiner:
    """Joins rows of one table of observations.

    planned: for each run the (case, dtype) that it was to observe although no row may say so (an interrupted run);
    a run in which any target observed a (case, dtype) owes that (case, dtype) from all of its targets.
    """

    def __init__(
        self, seen: Observations, targets: Sequence[Target], planned: Sequence[frozenset[tuple[str, str]]] = ()
    ) -> None:
        self.seen, self.targets, self.planned = seen, list(targets), planned
        index = {(t.run, t.backend, t.device, t.mode, t.environment): k for k, t in enumerate(self.targets)}
        names = ("backend", "device", "mode", "environment")
        coded = combine([(seen.run, int(seen.run.max(initial=0)) + 1), *self._columns(*names)])
        unique, first, inverse = np.unique(coded, return_index=True, return_inverse=True)
        numbers = []
        for k in first.tolist():
            backend, device, mode, environment = (seen.text(n, k) for n in names)
            numbers.append(index[(int(seen.run[k]), backend, device, mode, environment)])
        self.target = np.array(numbers or [0], np.int32)[inverse.reshape(-1)] if unique.size else np.zeros(0, np.int32)
        self.question, self.questions = self._questions()
        self.raw = seen.is_word("quantity", "raw")
        self.value = seen.is_word("quantity", "value")
        self.ok = seen.is_word("status", "ok")
        referee = np.array([t.backend == REFERENCE for t in self.targets] or [False])[self.target]
        evidence = seen.is_word("api", "finite-differences") | (seen.is_word("api", "closed-form") & ~referee)
        self.compared = seen.is_word("quantity", *COMPARED) & ~evidence
        self._place = combine(self._columns("case", "point", "dtype"))
        #: Case, point, dtype and output of every row, as one code.
        self.where = combine([(self._place, _size(self._place)), *self._columns("output")])
        self._plan_key = combine(self._columns("case", "dtype"))
        api = np.where(self.raw, self.question, np.where(self.value, 0, seen.codes["api"]))
        size = max(len(seen.words["api"]), len(self.questions)) + 1
        self.key_free = combine(self._columns("case", "point", "dtype", "quantity", "input", "output"))
        self.key = combine([*self._columns("case", "point", "dtype", "quantity", "input", "output"), (api, size)])
        # Failed rows that speak of more than themselves: of every output (and input) of a point.
        self.blanket = ~self.ok & (seen.codes["output"] == seen.code("output", ""))
        self.dead = seen.is_word("status", "crash", "timeout", "error")
        #: Rows of a step that is no API of the backend, such as a compilation that all points share.
        self.stray = self.dead & self.raw & ~self._declared()

    def _columns(self, *names: str) -> list[tuple[Array, int]]:
        return [(self.seen.codes[name], len(self.seen.words[name])) for name in names]

    def _questions(self) -> tuple[Array, list[str]]:
        """Question of every row's API, as a code: APIs of different backends with one question are counterparts."""
        apis = self.seen.words["api"]
        words = sorted({a.question for t in self.targets for a in t.apis} | set(apis))
        number = {w: k for k, w in enumerate(words)}
        table = np.zeros((max(1, len(self.targets)), max(1, len(apis))), np.int64)
        for t, target in enumerate(self.targets):
            known = {a.name: a.question for a in target.apis}
            for a, name in enumerate(apis):
                table[t, a] = number[known.get(name, name)]
        return table[self.target, self.seen.codes["api"]], words

    def _declared(self) -> Array:
        """Rows whose API is among those that the header lists for their target."""
        table = np.zeros((max(1, len(self.targets)), max(1, len(self.seen.words["api"]))), bool)
        for t, target in enumerate(self.targets):
            for a in target.apis:
                table[t, max(0, self.seen.code("api", a.name))] |= self.seen.code("api", a.name) >= 0
        return table[self.target, self.seen.codes["api"]]

    # -- axes ----------------------------------------------------------------------------------------------------------

    def pairs(self, axis: str) -> Pairs:
        """Every pair along the axis. Raises CompareError for an axis that is not one."""
        axis = ALIASES.get(axis, axis)
        if axis not in AXES:
            raise CompareError(f"unknown axis {axis!r}; expected one of {', '.join(AXES)}")
        if axis == "api":
            return self._api()
        if axis == "dtype":
            return self._dtype()
        return concatenated([self._join(a, b) for a, b in self.target_pairs(axis)])

    def between(self, chosen: Sequence[tuple[int, int]]) -> Pairs:
        """Every pair of these (left, right) targets."""
        return concatenated([self._join(a, b) for a, b in chosen])

    def target_pairs(self, axis: str) -> Iterator[tuple[int, int]]:
        """Indices (left, right) of targets that differ along the axis only, in an order that depends on names alone."""
        frameworks = [k for k, t in enumerate(self.targets) if t.backend != REFERENCE]
        if axis == "backend":
            ranked = sorted(frameworks, key=lambda k: _backend_order(self.targets[k]))
            for a, b in combinations(ranked, 2):
                if self._same_but_backend(a, b):
                    yield a, b
            for b, t in enumerate(self.targets):
                if t.backend == REFERENCE:
                    yield from ((a, b) for a in ranked if self._shares_run(a, b))
            return
        order = {"mode": _mode_order, "device": _device_order, "version": _version_order}[axis]
        for a, b in combinations(sorted(frameworks, key=lambda k: order(self.targets[k])), 2):
            s, t = self.targets[a], self.targets[b]
            if s.backend != t.backend:
                continue
            same = {
                "device": s.device == t.device, "mode": s.mode == t.mode,
                "version": (s.run, s.environment) == (t.run, t.environment)
                or (axis != "version" and bool(s.versions) and dict(s.versions) == dict(t.versions)),
            }
            if not same[axis] and all(v for k, v in same.items() if k != axis):
                yield a, b

    def _same_but_backend(self, a: int, b: int) -> bool:
        """Two frameworks on the same kind of device, in the same or each in its default mode.

        They may live in different environments (that is why runs are recorded), but where an environment has its own
        counterpart that one is taken.
        """
        s, t = self.targets[a], self.targets[b]
        if s.backend == t.backend or s.device_class != t.device_class or s.common_mode != t.common_mode:
            return False
        if s.home == t.home:
            return True
        return not (self._at_home(s, t.backend) and self._at_home(t, s.backend))

    def _at_home(self, where: Target, backend: str) -> bool:
        return any(
            u.backend == backend and u.home == where.home
            and u.device_class == where.device_class and u.common_mode == where.common_mode
            for u in self.targets
        )

    def _shares_run(self, a: int, b: int) -> bool:
        """A reference serves the targets of its own run, and of runs that have none."""
        s, t = self.targets[a], self.targets[b]
        return s.run == t.run or not any(u.backend == REFERENCE and u.run == s.run for u in self.targets)

    # -- joins ---------------------------------------------------------------------------------------------------------

    def rows_of(self, target: int) -> Array:
        return np.flatnonzero((self.target == target) & self.compared)

    def _join(self, a: int, b: int) -> Pairs:
        left, right = self.rows_of(a), self.rows_of(b)
        if self.targets[b].backend == REFERENCE:
            # The reference answers for every device, mode and API; it has no native APIs.
            left = left[~self.raw[left] | self.stray[left]]
            right = self._one_each(right[~self.raw[right]])
            return self._outer(left, right, self.key_free[left], self.key_free[right], a, b)
        return self._outer(left, right, self.key[left], self.key[right], a, b)

    def _one_each(self, rows: Array) -> Array:
        """One row of the reference for each key: its own result before any other."""
        own = self.seen.is_word("api", "reference", "")[rows]
        rows = rows[np.argsort(~own, kind="stable")]
        _, first = np.unique(self.key_free[rows], return_index=True)
        return rows[np.sort(first)]

    def _outer(self, left: Array, right: Array, left_key: Array, right_key: Array, a: int, b: int) -> Pairs:
        """All combinations of rows with equal keys, and rows without counterpart where one was owed."""
        i, j = _matches(left_key, right_key)
        only_left = np.setdiff1d(np.arange(left.size), i)
        only_right = np.setdiff1d(np.arange(right.size), j)
        kept_left, cover_right = self._owed(left[only_left], b)
        kept_right, cover_left = self._owed(right[only_right], a)
        # A refusal of everything speaks through the rows that it covers; without any it speaks for itself.
        mute_left = self.blanket[kept_left] & np.isin(kept_left, cover_left)
        mute_right = self.blanket[kept_right] & np.isin(kept_right, cover_right)
        kept_left, cover_right = kept_left[~mute_left], cover_right[~mute_left]
        kept_right, cover_left = kept_right[~mute_right], cover_left[~mute_right]
        none = [np.full(k, -1) for k in (i.size, kept_left.size, kept_right.size)]
        rows = np.concatenate([left[i], kept_left, none[2]])
        return Pairs(
            rows, np.concatenate([right[j], none[1], kept_right]),
            np.full(rows.size, a, np.int32), np.full(rows.size, b, np.int32),
            np.concatenate([none[0], none[1], cover_left]), np.concatenate([none[0], cover_right, none[2]]),
            np.zeros(rows.size, bool),
        )

    def _owed(self, rows: Array, other: int) -> tuple[Array, Array]:
        """Of rows without counterpart those for which target `other` owed one, and the failed row that explains it."""
        if rows.size == 0:
            return rows, rows
        theirs = np.flatnonzero(self.target == other)
        run = self.targets[other].run
        observed = np.unique(self._plan_key[self.seen.run == run])
        owed = np.isin(self._plan_key[rows], observed)
        planned = self.planned[run] if run < len(self.planned) else frozenset()
        if planned and not owed.all():
            for k in np.flatnonzero(~owed):
                row = int(rows[k])
                owed[k] = (self.seen.text("case", row), self.seen.text("dtype", row)) in planned
        # A native API counts as asked where the other side has the question at all and was asked it anywhere.
        native = theirs[self.raw[theirs]]
        always = ~self.raw[rows] | self.stray[rows]
        owed &= always | np.isin(self.question[rows], self.question[native])
        rows, always = rows[owed], always[owed]
        cover = self._cover(rows, theirs)
        if not self.targets[other].complete:
            return rows, cover
        # Not every native API is asked of every case (harness.runs.planning). What is asked leaves a row, were it a
        # refusal, or a failure that covers it; where a case has other rows and neither of these, nobody asked.
        case = combine([(self._plan_key, _size(self._plan_key)), (self.question, len(self.questions))])
        owed = always | (cover >= 0) | np.isin(case[rows], case[native])
        owed |= ~np.isin(self._plan_key[rows], self._plan_key[theirs])
        owed &= ~self._never_taken(rows, theirs) | (cover >= 0)
        return rows[owed], cover[owed]

    def _never_taken(self, rows: Array, theirs: Array) -> Array:
        """Rows of an order of higher derivatives that the other side was never asked for: an older run knows fewer."""
        second = self.seen.is_word("quantity", *HIGHER)
        taken = np.unique(self.seen.codes["api"][theirs[second[theirs]]])  # of either order: their names differ
        if not taken.size or self.targets[int(self.target[theirs[0]])].backend == REFERENCE:
            return np.zeros(rows.size, bool)
        return np.asarray(second[rows] & ~np.isin(self.seen.codes["api"][rows], taken))

    def _cover(self, rows: Array, theirs: Array) -> Array:
        """The failed row of the other side that explains each absence, the most specific one first; -1 for none."""
        seen = self.seen
        failed = theirs[~self.ok[theirs]]
        out = np.full(rows.size, -1, np.int64)
        if failed.size == 0 or rows.size == 0:
            return out
        output, source = seen.codes["output"], seen.codes["input"]
        no_output, no_input = output == seen.code("output", ""), source == seen.code("input", "")
        place = (self._place, _size(self._place))
        api = combine([place, *self._columns("api")])
        question = combine([place, (self.question, len(self.questions))])
        points = [seen.code("point", w) for w in ("*", "") if seen.code("point", w) >= 0]
        shared = np.isin(seen.codes["point"], points)
        attempts = (
            # the same API, all inputs and outputs at once
            (api, no_input & ~self.value), (question, no_input & self.raw),
            # the function itself failed: this output, then all of them
            (self.where, self.value & ~no_output), (self._place, self.value),
            # the worker died or ran out of time at this point
            (self._place, self.dead),
            # work shared by all points
            (self._plan_key, shared),
        )
        for key, usable in attempts:
            candidates = failed[usable[failed]]
            left = np.flatnonzero(out < 0)
            if candidates.size and left.size:
                at = lookup(key[candidates], key[rows[left]])
                out[left] = np.where(at >= 0, candidates[np.maximum(at, 0)], -1)
        return out

    def _dtype(self) -> Pairs:
        """Single against double precision on one target."""
        seen, parts = self.seen, []
        kinds = sorted({*_DOUBLE, *_DOUBLE.values()})
        family = np.array([kinds.index(_DOUBLE.get(w, w)) if w in kinds else -1 for w in seen.words["dtype"]] or [0])
        names = ("case", "point", "quantity", "input", "output")
        api = np.where(self.raw, seen.codes["api"], np.where(self.value, 0, seen.codes["api"]))
        key = combine([*self._columns(*names), (api, len(seen.words["api"]) + 1), (family[seen.codes["dtype"]] + 1, 9)])
        single, kept = seen.is_word("dtype", *_DOUBLE), seen.is_word("dtype", *kinds)  # halves have other points
        for k, target in enumerate(self.targets):
            if target.backend == REFERENCE:
                continue
            rows = self.rows_of(k)
            rows = rows[kept[rows]]
            left, right = rows[single[rows]], rows[~single[rows]]
            i, j = _matches(key[left], key[right])
            lone = [np.setdiff1d(left, left[i]), np.setdiff1d(right, right[j])]
            both = self._both_dtypes(rows, single)
            lone = [x[np.isin(seen.codes["case"][x], both)] for x in lone]
            none = [np.full(x.size, -1) for x in lone]
            out_left = np.concatenate([left[i], lone[0], none[1]])
            out_right = np.concatenate([right[j], none[0], lone[1]])
            cover = np.full(out_left.size, -1)
            where = np.full(out_left.size, k, np.int32)
            parts.append(Pairs(out_left, out_right, where, where, cover, cover, np.zeros(where.size, bool)))
        return concatenated(parts)

    def _both_dtypes(self, rows: Array, single: Array) -> Array:
        """Cases of a target that were observed at both precisions: only those owe a counterpart."""
        codes = self.seen.codes["case"]
        return np.intersect1d(codes[rows[single[rows]]], codes[rows[~single[rows]]])

    def _api(self) -> Pairs:
        """Within one target: forward against reverse, and every native API against the differential it packs."""
        parts = []
        api = self.seen.codes["api"]
        for k, target in enumerate(self.targets):
            if target.backend == REFERENCE:
                continue
            rows = self.rows_of(k)
            for quantity in ("differential", *HIGHER):
                here = rows[self.seen.is_word("quantity", quantity)[rows]]
                for a, b in combinations(np.unique(api[here]), 2):
                    left, right = here[api[here] == a], here[api[here] == b]
                    parts.append(self._outer(left, right, self.key_free[left], self.key_free[right], k, k))
            parts.append(self._predictions(k, rows))
        return concatenated(parts)

    def _predictions(self, k: int, rows: Array) -> Pairs:
        """Raw rows with the differential that predicts them: from pushforwards for forward kinds, else pullbacks."""
        seen, target = self.seen, self.targets[k]
        kinds = {a.name: a.kind for a in target.apis}
        raw = rows[self.raw[rows]]
        basis = {
            "gradient": "pullback", "batched-gradient": "pullback", "pullback": "pullback",
            "jacobian-reverse": "pullback", "pushforward": "pushforward", "jacobian-forward": "pushforward",
        }
        wanted = [basis.get(kinds.get(w, ""), "") for w in seen.words["api"]]
        code = np.array([seen.code("api", w) if w else -2 for w in wanted] or [-2])[seen.codes["api"][raw]]
        raw, code = raw[code != -2], code[code != -2]
        js = rows[seen.is_word("quantity", "differential")[rows]]
        names = ("case", "point", "dtype", "input", "output")
        place, size = combine(self._columns(*names)), len(seen.words["api"]) + 1
        at = lookup(combine([(place[js], _size(place)), (seen.codes["api"][js], size)]),
                    combine([(place[raw], _size(place)), (code, size)]))
        right = np.where(at >= 0, js[np.maximum(at, 0)], -1) if js.size else np.full(raw.size, -1)
        cover = np.full(raw.size, -1)
        absent = np.flatnonzero(right < 0)
        cover[absent] = self._cover(raw[absent], np.flatnonzero(self.target == k))
        where = np.full(raw.size, k, np.int32)
        return Pairs(raw, right, where, where, np.full(raw.size, -1), cover, np.ones(raw.size, bool))


def _size(codes: Array) -> int:
    return int(codes.max(initial=0)) + 1


def _matches(left: Array, right: Array) -> tuple[Array, Array]:
    """Positions (i, j) of all combinations with left[i] == right[j]."""
    order = np.argsort(right, kind="stable")
    ranked = right[order]
    low, high = np.searchsorted(ranked, left, "left"), np.searchsorted(ranked, left, "right")
    many = high - low
    i = np.repeat(np.arange(left.size), many)
    within = np.arange(i.size) - np.repeat(np.cumsum(many) - many, many)
    return i, order[low[i] + within]


def _backend_order(target: Target) -> tuple[tuple[int, ...], str, str, str, int, str]:
    """Families in reverse alphabetical order (torch before jax), the rest in alphabetical order."""
    family = (*(-ord(c) for c in target.family), 1)
    return family, target.backend, target.device, target.mode, target.run, target.environment


def _mode_order(target: Target) -> tuple[str, bool, str, int]:
    return target.backend, target.mode != target.default_mode, target.mode, target.run


def _device_order(target: Target) -> tuple[str, bool, str, int]:
    return target.backend, target.device_class != "cpu", target.device, target.run


def _version_order(target: Target) -> tuple[str, Version, str, int, str]:
    try:
        version = Version(target.version)
    except InvalidVersion:
        version = Version("0")
    return target.backend, version, target.version, target.run, target.environment
