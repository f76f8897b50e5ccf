"""Whose value is wrong, where two function values differ and the reference has one."""

from __future__ import annotations

import numpy as np

from harness.compare.batch import VERDICT
from harness.compare.engine import Engine
from harness.compare.evidence import Evidence
from harness.compare.pairs import Pairs
from harness.compare.table import lookup
from harness.compare.targets import REFERENCE


def weigh_values(engine: Engine, found: Evidence) -> None:
    """Name the side whose value differs from that of the reference, in pairs of frameworks whose values differ."""
    pairs, joiner, context = engine.pairs, engine.context.joiner, engine.context
    referees = np.array([t.backend == REFERENCE for t in context.targets] or [False])
    truths = np.flatnonzero(joiner.value & joiner.ok & referees[joiner.target])
    chosen = np.flatnonzero((engine.out.verdict == VERDICT["value"]) & (pairs.left >= 0) & (pairs.right >= 0))
    chosen = chosen[joiner.value[pairs.left[chosen]] & ~referees[pairs.right_target[chosen]]]
    if not truths.size or not chosen.size:
        return
    at = lookup(joiner.where[truths], joiner.where[pairs.left[chosen]])
    chosen, truth = chosen[at >= 0], truths[at[at >= 0]]
    # Where the reference leaves the value open, or an argument is infinite or NaN, it speaks for nobody.
    known = [
        context.has_finite_inputs(int(t)) and bool(np.isfinite(engine.seen.components(np.array([t]))).all())
        for t in truth
    ]
    chosen, truth = chosen[known], truth[known]
    if not chosen.size:
        return
    none = np.full(chosen.size, -1)
    wrong = []
    for side, where in ((pairs.left, pairs.left_target), (pairs.right, pairs.right_target)):
        referee = joiner.target[truth].astype(np.int32)
        against = Pairs(side[chosen], truth, where[chosen], referee, none, none, np.zeros(chosen.size, bool))
        wrong.append(Engine(context, against).run().verdict == VERDICT["value"])
    for word, mask in (("left", wrong[0] & ~wrong[1]), ("right", wrong[1] & ~wrong[0]), ("both", wrong[0] & wrong[1])):
        found.culprit[chosen[mask]], found.evidence[chosen[mask]] = word, "reference"
