"""One optimiser step on each side: are the updates equal, and does each go down its own loss?

L falls fastest along -(L_x + i L_y). A step that takes jax.grad's result as it is moves along the conjugate: the real
part goes down and the imaginary part up, and nothing complains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from harness.audit.answer import Audit
from harness.audit.faults import SideFault
from harness.audit.judging import judge_gradient, largest
from harness.audit.optimisers import fitted, sentences
from harness.audit.result import StepRow
from harness.audit.sides import arrays
from harness.audit.state import SIDES, State
from harness.wirtinger import Array

#: Correlation of update and gradient below which nothing is said of a direction.
_CLEAR = 0.1


def with_steps(state: State, audit: Audit) -> Audit:
    """The audit with one row for each parameter that a step updated. A step that fails is a fault."""
    if not (state.options.torch_step or state.options.jax_step):
        return audit
    targets = {"torch": state.options.torch_step, "jax": state.options.jax_step}
    updates: dict[str, dict[str, Array]] = {}
    faults: list[SideFault] = []
    for side, target in targets.items():
        if target:
            state.channels[side].ask("step", target=target)
            try:
                updates[side] = arrays(state.channels[side].answer()["updates"])
            except SideFault as fault:
                faults.append(fault)
    if faults:
        return replace(audit, faults=(*audit.faults, *faults))
    whole = max((largest(a) for found in updates.values() for a in found.values()), default=0.0)
    rows = []
    for x in state.differentiated:
        left, right = updates.get("torch", {}).get(x.torch), updates.get("jax", {}).get(x.jax)
        if left is None and right is None:
            continue
        gradients = state.gradients(x)
        turned = None if right is None else x.to_torch(right)
        at, aj = direction(gradients[0], left), direction(gradients[1], turned)
        verdict, size, note = "", 0.0, ""
        if len(updates) == 2 and audit.gradients_agree:  # from other gradients follow other updates
            found = judge_gradient(left, turned, state.tol, whole=whole, raw_sign=1)
            verdict, size, note = found.verdict, found.max_rel, found.note
        rows.append(StepRow(x.torch, verdict, at, aj, size, note))
    hints = audit.hints
    if len(updates) == 2 and audit.gradients_agree and any(r.odd for r in rows):
        hints = (*hints, *_defaults(state, updates))
    return replace(audit, steps=tuple(rows), hints=hints)


def _defaults(state: State, updates: Mapping[str, Mapping[str, Array]]) -> list[str]:
    """The defaults that make the steps differ, where both are steps of a known kind."""
    terms: dict[str, list[tuple[Array, Array, Array]]] = {side: [] for side in SIDES}
    for x in state.differentiated:
        gradients = state.gradients(x)
        left, right = updates["torch"].get(x.torch), updates["jax"].get(x.jax)
        held = state.array("torch", x.torch)
        for side, g, u in (("torch", gradients[0], left), ("jax", gradients[1], None if right is None
                                                           else x.to_torch(right))):
            if g is not None and u is not None:
                terms[side].append((g, held, u))
    fits = [fitted(terms[side], state.tol.single) for side in SIDES]
    first, second = fits
    return sentences(first, second) if first is not None and second is not None else []


def direction(gradient: Array | None, update: Array | None) -> str:
    """descent, conjugate, ascent, other: what an update is to the gradient L_x + i L_y; "" where one is zero."""
    if gradient is None or update is None or not largest(gradient) or not largest(update):
        return ""
    real = _correlation(np.real(gradient), np.real(update))
    imaginary = _correlation(np.imag(gradient), np.imag(update)) if np.iscomplexobj(update) else None
    if imaginary is None:
        return "descent" if real < -_CLEAR else "ascent" if real > _CLEAR else "other"
    if real < -_CLEAR:
        return "conjugate" if imaginary > _CLEAR else "descent"
    if real > _CLEAR:
        return "ascent" if imaginary > -_CLEAR else "other"
    return "other"


def _correlation(a: Array, b: Array) -> float:
    x, y = a.reshape(-1).astype(np.float64), b.reshape(-1).astype(np.float64)
    size = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / size if size and np.isfinite(size) else 0.0
