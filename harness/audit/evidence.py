"""Who is right: finite differences of each side's own value, and a sentence on what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.audit import approximate, constrained, kinks, padding, precision
from harness.audit.answer import Audit
from harness.audit.approximate import tolerance
from harness.audit.checks import checked, directions, random_direction
from harness.audit.result import HARMLESS, Check, ParameterRow
from harness.audit.state import State


def with_evidence(state: State, audit: Audit) -> Audit:
    """The audit with its checks, the culprit of each parameter that differs, and a sentence on who is right."""
    if not state.options.differences or state.stuck:
        return audit
    audit = replace(audit, rows=padding.settle(state, audit.rows))
    along = directions(state, audit.rows, audit.values_agree)
    tried = checked(state, along)
    if precision.inside(state, [c.consistent is False for c in tried]):
        audit = replace(audit, precision=(*audit.precision, *precision.said_inside(state)))
        tried = checked(state, along)
    if constrained.suspicious(tried) and constrained.settle(state, audit.rows):
        along = directions(state, audit.rows, audit.values_agree)
        tried = checked(state, along)
    tried = approximate.settled(state, along, tried)
    audit = replace(audit, rows=constrained.judged(state, audit.rows))
    found = kinks.settled(state, audit, tried)
    checks = approximate.alike(state, found.rows, found.checks)
    checks += [] if found.kinked else _bisected(state, audit, checks)
    rows = tuple(_blamed(row, checks) for row in found.rows)
    audit = replace(audit, rows=rows, checks=tuple(checks))
    culprits = {side for side in ("torch", "jax") if any(c.side == side and c.consistent is False for c in checks)}
    culprit = "both" if len(culprits) == 2 else next(iter(culprits), "")
    evidence = "finite-differences" if culprit else ""
    who = _sentence(audit, checks, culprit, state)
    bent = found.kinked and not approximate.jumps_alone(checks)
    before = [kinks.sentence(found, checks) if bent else "", constrained.sentence(state),
              approximate.sentence(checks)]
    who = " ".join(filter(None, [*before, who]))
    return replace(audit, culprit=culprit, evidence=evidence, who=who,
                   precision=(*audit.precision, *_rough([c for c in checks if not state.narrow.get(c.side)])))


def _bisected(state: State, audit: Audit, checks: Sequence[Check]) -> list[Check]:
    """Where a side fails on all parameters together and the sides agree on each, find the parameter."""
    together = [c for c in checks if c.consistent is False and c.direction != "difference"]
    if not together or any(row.verdict not in HARMLESS for row in audit.rows):
        return []
    suspects = state.movable
    found: list[Check] = []
    while len(suspects) > 1:
        halves = [suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]]
        tried = checked(state, [random_direction(state, half, "random", 3 + k) for k, half in enumerate(halves)])
        bad = [k for k, half in enumerate(halves)
               if any(c.consistent is False and c.where == tuple(x.torch for x in half) for c in tried)]
        found = [c for c in tried if c.consistent is False]
        if len(bad) != 1:
            break
        suspects = halves[bad[0]]
    return found


def _blamed(row: ParameterRow, checks: Sequence[Check]) -> ParameterRow:
    if row.verdict in HARMLESS:
        return row
    own = [c for c in checks if c.direction == "difference" and row.torch in c.where]
    wrong = {c.side for c in own if c.consistent is False}
    culprit = "both" if len(wrong) == 2 else next(iter(wrong), "")
    return replace(row, culprit=culprit, evidence="finite-differences" if culprit else "")


def _digits(a: float, b: float) -> int:
    """As many digits as show that two numbers differ, six at least."""
    gap = abs(a - b) / max(abs(a), abs(b), 1e-300)
    return 6 if not 0 < gap < 1e-4 else min(16, int(-np.log10(gap)) + 3)


def _rough(checks: Sequence[Check]) -> list[str]:
    """What is said first of a value that jumps between points next to each other."""
    out = []
    for side in ("torch", "jax"):
        found = [c for c in checks if c.side == side and c.noise and c.size]
        if found:
            told = tolerance(max(32 * c.noise / c.size for c in found))
            out.append(f"Precision: the value of the {side} side jumps by {max(c.noise for c in found):.1g} between "
                       "points next to each other (single precision inside? a loop that stops?). Finite differences "
                       f"can tell gradients to no less than {told:.0e}: audit with --rtol {told:.0e}.")
    return out


def _undecided(checks: Sequence[Check], state: State) -> str:
    inside = any(state.narrow.values())
    if not checks or all(c.failed for c in checks):
        return "Finite differences show nothing here"
    if any(not np.isfinite(c.estimate) for c in checks if c.consistent is None):
        return "Finite differences show nothing here: beside the point the value is no finite number"
    if any(c.noise for c in checks) and not inside:
        jump = max(c.noise for c in checks)
        return (f"Finite differences are inconclusive here: the value jumps by {jump:.1g} between points next to each "
                "other (single precision inside? a loop that stops?)")
    less = "Finite differences are inconclusive here: their error is as large as what they should show"
    if inside:
        return f"{less} ({state.inside_words} precision inside)"
    return less + (". Audit in double precision (--precision double)" if state.single else "")


def _sentence(audit: Audit, checks: Sequence[Check], culprit: str, state: State) -> str:
    values = sum(c.values for c in checks)
    spent = f" ({values} evaluations, both sides together)"
    decided = [c for c in checks if c.consistent is not None]
    if (not values and state.unchecked) or (not culprit and any(c.approximate or c.limit for c in checks)):
        return ""  # there is a sentence already
    worst = max((abs(c.predicted - c.estimate) / max(abs(c.predicted), abs(c.estimate), c.size, 1e-300)
                 for c in decided if c.consistent), default=0.0)
    if culprit:
        c = next((c for c in checks if c.consistent is False and c.direction == "difference"),
                 next(c for c in checks if c.consistent is False))
        where = c.where[0] if len(c.where) == 1 else f"{len(c.where)} parameters"
        who = ("Both sides are wrong: each one's" if culprit == "both" else f"The {culprit} side is wrong: its")
        name = {"torch": "torch's", "jax": "JAX's"}[c.side] if culprit == "both" else "it"
        digits = _digits(c.predicted, c.estimate)
        return (f"{who} gradient is not the derivative of its own value. For {where} {name} predicts "
                f"{c.predicted:.{digits}g}, the value changes by {c.estimate:.{digits}g} ± {c.error:.1g}{spent}.")
    undecided = [c for c in checks if c.consistent is None and not c.kink]
    needed = [c for c in undecided if c.direction == "difference"]
    if not decided or (needed and not any(
            c.direction in ("difference", "beside") for c in decided)):
        return _undecided(checks, state) + spent + "."
    same = "Each side's gradient is the derivative of its own value"
    if state.unchecked:
        same = "For all other inputs each side's gradient is the derivative of its own value"
    size = f" (to {worst:.1g}, by finite differences; {values} evaluations, both sides together)"
    if not audit.values_agree:
        return f"{same}{size}: both frameworks differentiate correctly, and the two functions are different."
    if any(c.kink for c in checks):
        same = "Beside the kink, and along what avoids it, each side's gradient is the derivative of its own value"
    if not audit.gradients_agree:
        return f"{same} along all directions that could be decided{size}; nobody is named."
    return f"{same}{size}."
