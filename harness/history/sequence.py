"""Every question's answers over the versions, in order, and where two neighbours differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from harness.comparison.context import Context
from harness.comparison.engine import Engine
from harness.comparison.evidence import weigh
from harness.comparison.inheritance import inherit
from harness.comparison.observations import Observations, combine, lookup
from harness.comparison.pairs import Joiner, Pairs
from harness.comparison.targets import REFERENCE, Target, match_targets
from harness.comparison.value_points import settle_values
from harness.comparison.values import weigh_values
from harness.model import Case
from harness.verdicts import RELATIONS, VERDICT

Array = np.ndarray[Any, np.dtype[Any]]

#: Two results that are the same for a timeline: the coarse tolerance is the noise of a release.
_SAME = (VERDICT["agree"], VERDICT["precision"])
#: Differences that are nobody's fault.
ALLOWED = (VERDICT["branch"], VERDICT["choice"], VERDICT["gauge"])
_TURNED = [
    RELATIONS.index(w) for w in ("conjugate", "negated", "negated-conjugate", "factor", "transposed", "adjoint")
]


@dataclass
class Links:
    """Verdicts on pairs of rows. same: no change. culprit: "", "left", "right", "both". evidence: of what kind."""

    same: Array
    verdict: Array
    culprit: Array
    evidence: Array


class Sequences:
    """The observations of one backend on one device in one mode over versions, and of the reference.

    Entries are sorted by question, then by version: key (question), version, row (-1 where there is none), cover (the
    failed row that explains it). One entry for each question and version that was asked.
    """

    def __init__(
        self, tables: Sequence[pa.Table], targets: Sequence[Target], cases: Mapping[str, Case], group: Sequence[Target],
        versions: Sequence[str],
    ) -> None:
        """targets: all that have rows. group: those followed; versions: their versions in order."""
        seen = Observations(tables)
        met = {(t.run, t.backend, t.device, t.mode, t.environment): t for t in targets}
        listed = match_targets(met.values(), ())
        self.joiner = Joiner(seen, listed)
        self.context = Context(self.joiner, cases)
        self.seen, self.targets = seen, listed
        wanted = {(t.run, t.backend, t.device, t.mode, t.environment) for t in group}
        self.members = [k for k, t in enumerate(listed)
                        if (t.run, t.backend, t.device, t.mode, t.environment) in wanted]
        self.order = {k: versions.index(listed[k].version) for k in self.members}
        self._collect()

    def _collect(self) -> None:
        joiner, parts, seen = self.joiner, [], self.seen
        asked = combine([(seen.codes[n], len(seen.words[n])) for n in ("quantity", "api")])
        own = {k: joiner.rows_of(k) for k in self.members}
        own = {k: rows[~joiner.blanket[rows]] for k, rows in own.items()}
        everything = np.concatenate([*own.values(), np.zeros(0, np.int64)]).astype(np.int64)
        keys, first = np.unique(joiner.key[everything], return_index=True)
        sample = everything[first] if everything.size else everything
        for k, rows in own.items():
            parts.append(self._part(joiner.key[rows], k, rows, np.full(rows.size, -1)))
            missing = sample[~np.isin(keys, joiner.key[rows])]
            # A question that this target was never asked anywhere is not one that it failed to answer.
            missing = missing[np.isin(asked[missing], asked[rows])]
            owed, cover = joiner._owed(missing, k)
            explained = cover >= 0
            owed, cover = owed[explained], cover[explained]
            parts.append(self._part(joiner.key[owed], k, np.full(owed.size, -1), cover))
        stacked = np.concatenate(parts) if parts else np.zeros((0, 5), np.int64)
        # Where two runs hold one version, an observation goes before its absence and the earlier run before the later.
        order = np.lexsort((stacked[:, 2], stacked[:, 3] < 0, stacked[:, 1], stacked[:, 0]))
        stacked = stacked[order]
        keep = np.ones(len(stacked), bool)
        keep[1:] = (np.diff(stacked[:, 0]) != 0) | (np.diff(stacked[:, 1]) != 0)
        self.key, self.version, self.target, self.row, self.cover = stacked[keep].T

    def _part(self, key: Array, target: int, rows: Array, cover: Array) -> Array:
        size = key.size
        where = [np.full(size, self.order[target]), np.full(size, target)]
        return np.stack([key.astype(np.int64), *where, rows.astype(np.int64), cover.astype(np.int64)], axis=1)

    # -- answers ---------------------------------------------------------------------------------------------------

    @property
    def status(self) -> Array:
        """(E,) status word of every entry."""
        speaker = np.where(self.row >= 0, self.row, self.cover)
        words = np.array(self.seen.words["status"], dtype=object)
        return np.asarray(words[self.seen.codes["status"][speaker]]) if speaker.size else np.zeros(0, object)

    def judge(self, left: Array, right: Array) -> Links:
        """Verdicts on pairs of entries that both hold results (positions of entries)."""
        pairs = Pairs(
            self.row[left], self.row[right], self.target[left].astype(np.int32), self.target[right].astype(np.int32),
            np.full(left.size, -1), np.full(left.size, -1), np.zeros(left.size, bool),
        )
        return self._verdicts(pairs)

    def against_reference(self, entries: Array) -> tuple[Array, Links]:
        """(the entries that the reference answers too, verdicts with the reference on the right)."""
        joiner = self.joiner
        referees = [k for k, t in enumerate(self.targets) if t.backend == REFERENCE]
        if not referees or not entries.size:
            return entries[:0], Links(*(np.zeros(0) for _ in range(4)))
        rows = np.concatenate([joiner._one_each(joiner.rows_of(k)) for k in referees])
        rows = rows[joiner.ok[rows] & ~joiner.raw[rows]]
        at = lookup(joiner.key_free[rows], joiner.key_free[self.row[entries]])
        found = (at >= 0) & ~joiner.raw[self.row[entries]]
        entries, truth = entries[found], rows[at[found]]
        pairs = Pairs(
            self.row[entries], truth, self.target[entries].astype(np.int32), joiner.target[truth].astype(np.int32),
            np.full(truth.size, -1), np.full(truth.size, -1), np.zeros(truth.size, bool),
        )
        return entries, self._verdicts(pairs)

    def relations(self, left: Array, right: Array) -> list[str]:
        """The relation of raw results, row by row (rows of the observations)."""
        where = self.joiner.target[left].astype(np.int32)
        none = np.full(left.size, -1)
        engine = Engine(self.context, Pairs(left, right, where, where, none, none, np.zeros(left.size, bool)))
        engine.run()
        return [RELATIONS[k] for k in engine.out.relation]

    def _verdicts(self, pairs: Pairs) -> Links:
        engine = Engine(self.context, pairs)
        engine.run()
        settle_values(engine)
        found = weigh(engine)
        weigh_values(engine, found)
        inherit(engine, found)
        verdict = engine.out.verdict
        same = np.isin(verdict, _SAME)
        # Equal only after a convention is removed that moved with it: the raw result changed.
        same &= ~(self.joiner.raw[pairs.left] & np.isin(engine.out.relation, _TURNED))
        return Links(same, verdict, found.culprit, found.evidence)

    # -- what an entry speaks of -----------------------------------------------------------------------------------

    def place(self, entry: int) -> dict[str, str]:
        """Case, point, dtype, quantity, api, input and output of an entry's question."""
        seen = self.seen
        row = int(self.row[entry])
        return {name: seen.text(name, row) for name in
                ("case", "point", "dtype", "quantity", "api", "input", "output")}

    def groups(self) -> tuple[Array, Array]:
        """(start, stop) of the entries of each question."""
        edges = np.flatnonzero(np.diff(self.key)) + 1
        return np.concatenate([[0], edges]).astype(np.int64), np.concatenate([edges, [self.key.size]]).astype(np.int64)

