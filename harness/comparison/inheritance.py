"""Raw results follow from differentials: what is said of one pair is said of the other.

Where each side's raw result is what its own differential predicts, raw results differ because differentials do. Then
they have the same reason (a cut, a kink, a gauge), or the same side is wrong.
"""

from __future__ import annotations

import numpy as np

from harness.comparison.differing_pair import OPEN
from harness.comparison.engine import Engine
from harness.comparison.evidence import Evidence
from harness.comparison.observations import combine, lookup
from harness.comparison.predict import VECTOR_OF, predicted
from harness.comparison.rounding import FORWARD
from harness.comparison.value_kinds import Array, close
from harness.verdicts import RELATION, VERDICT

_EXPLAINED = tuple(VERDICT[v] for v in ("branch", "choice", "gauge"))


def inherit(engine: Engine, found: Evidence) -> None:
    """Raw results take over the reason, or the culprit, of the differentials that they are made of."""
    pairs, out, context = engine.pairs, engine.out, engine.context
    if pairs.count == 0:
        return
    row = np.where(pairs.left >= 0, pairs.left, pairs.right)
    raw = context.joiner.raw[row]
    forward = np.array([k in FORWARD for k in engine.kinds] + [False])[engine.kind]
    pushed = np.where(raw, forward[row], engine.seen.is_word("api", "pushforward")[row])
    size = len(context.targets)
    key = combine([(pairs.left_target, size), (pairs.right_target, size), (pushed.astype(np.int64), 2),
                   (context.spot[row], int(context.spot.max(initial=0)) + 1)])
    explained = np.isin(out.verdict, _EXPLAINED)
    sources = np.flatnonzero((explained | (found.culprit != "")) & engine.seen.is_word("quantity", "differential")[row])
    nonsense = out.lost & (out.verdict == VERDICT["agree"]) & (pairs.left_target != pairs.right_target)
    heirs = np.flatnonzero(raw & (np.isin(out.verdict, OPEN) | nonsense) & ~pairs.predicted)
    at = lookup(key[sources], key[heirs])
    lost = at >= 0  # sides agree on NaN as their differentials do
    lost[lost] = out.verdict[sources[at[lost]]] == VERDICT["nonfinite"]
    at[nonsense[heirs] & ~lost] = -1
    heirs, sources = heirs[at >= 0], sources[at[at >= 0]]
    own = _Predictions(engine)
    for k, source in zip(heirs, sources, strict=True):
        if not all(own.hold(int(side[k]), bool(pushed[k])) for side in (pairs.left, pairs.right) if side[k] >= 0):
            continue
        if nonsense[k]:
            out.verdict[k], out.relation[k], out.note[k] = out.verdict[source], RELATION["none"], out.note[source]
            found.culprit[k], found.evidence[k] = found.culprit[source], found.evidence[source]
        elif explained[source]:
            out.verdict[k], out.factor[k], out.note[k] = out.verdict[source], np.nan, out.note[source]
        elif found.culprit[k] in ("", found.culprit[source]) or found.culprit[source] == "both":
            found.culprit[k], found.evidence[k] = found.culprit[source], found.evidence[source]
            if found.culprit[k] == "formula":
                out.verdict[k], out.factor[k], out.note[k] = out.verdict[source], np.nan, out.note[source]
                if out.verdict[k] == VERDICT["precision"]:
                    out.relation[k] = RELATION["equal"]


class _Predictions:
    """Whether raw results are what the differentials of their own targets make of them."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.context, self.seen = engine, engine.context, engine.seen
        rows = np.flatnonzero(
            self.context.joiner.ok & self.seen.is_word("quantity", "differential") & self.seen.is_word(
                "api", "pushforward"))
        self.pushed = dict(zip(self.context.place[rows].tolist(), rows.tolist(), strict=True))
        self.kept: dict[int, bool] = {}

    def hold(self, row: int, forward: bool) -> bool:
        """What nothing predicts (there is no differential, it holds NaN, an API of another kind) is not refuted."""
        if row not in self.kept:
            self.kept[row] = self._hold(row, forward)
        return self.kept[row]

    def _hold(self, row: int, forward: bool) -> bool:
        context, seen, engine = self.context, self.seen, self.engine
        j = int(context.j_row[row])
        if forward:
            j = self.pushed.get(int(context.place[row]), j)
        kind = engine.kinds[engine.kind[row]] if engine.kind[row] >= 0 else ""
        form = context.j_form(j) if j >= 0 and kind in VECTOR_OF else None
        if form is None:
            return True
        shape, side = seen.shapes[seen.shape[j]], VECTOR_OF[kind]
        vectors = [engine.vector(j, kind, side, shape)] if side else None
        matrix = seen.components(np.array([j])).reshape(1, *shape)
        wanted, is_complex = predicted(kind, matrix, form.out_complex, form.in_complex, vectors)
        terms, _ = predicted(kind, matrix, form.out_complex, form.in_complex, vectors, absolute=True)
        held = seen.components(np.array([row]))
        if held.shape != wanted.shape:
            return True
        if is_complex and int(engine.sign[row]) < 0:
            held = np.concatenate([held[:, : held.shape[1] // 2], -held[:, held.shape[1] // 2 :]], axis=1)
        tol = context.tolerances[int(context.tolerance_id[row])]
        floor = np.nan_to_num(terms, posinf=0.0)[..., None]
        same: Array = close(held[..., None, None], wanted[..., None, None], tol.coarse, tol.tiny, floor)
        return bool((same[..., 0, 0] | ~np.isfinite(wanted)).all())
