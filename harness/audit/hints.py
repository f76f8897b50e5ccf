"""What the mistake is, where a difference has the shape of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.audit import padding
from harness.audit.answer import Audit
from harness.audit.constants import lengths, meaning
from harness.audit.judging import largest
from harness.audit.result import HARMLESS
from harness.audit.state import State, transformed
from harness.comparison.arrays import ratio_text, relation
from harness.wirtinger import Array

#: Inputs that are turned and tried, each for one evaluation of the JAX side.
TRIALS = 24


def with_hints(state: State, audit: Audit) -> Audit:
    """The audit with hints: sentences that name a mistake and a parameter."""
    found = [f"The value: {v.pattern}{_meant(state, v.factor)}." for v in audit.values if v.pattern and v.word != "nan"]
    found += _constant_factor(state, audit)
    if not audit.values_agree:
        found += _turned(state, audit)
        found += _real_gradients(state)
    found += _by_row(audit)
    return replace(audit, hints=tuple(dict.fromkeys(found)))


def _meant(state: State, factor: float) -> str:
    """", which is N/(N - 1) for N = 4, ..." of a ratio; "" where no formula gives it."""
    shapes = {x.torch: state.array("torch", x.torch).shape for x in state.matching.links}
    found = meaning(factor, lengths(shapes), 1e-5 if state.tol.single else 1e-9)
    return f", which is {found}" if found else ""


def _constant_factor(state: State, audit: Audit) -> list[str]:
    bad = [r for r in audit.rows if r.verdict not in HARMLESS]
    if not bad or any(r.verdict != "factor" for r in bad):
        return []
    factors = [r.factor for r in bad]
    if max(factors) - min(factors) > 1e-3 * abs(factors[0]):
        return []
    c = factors[0]
    shown = ratio_text(c) if abs(c) >= 1 else f"1/{ratio_text(1 / c)}"
    side, meant = "torch" if abs(c) > 1 else "jax", _meant(state, c)
    carried = _meant(state, c if abs(c) >= 1 else 1 / c)
    whole = all(r.verdict == "factor" or "sign" in r.blind for r in audit.rows)
    values = [v for v in audit.values if v.word == "factor" and abs(v.factor / c - 1) < 1e-3]
    if whole and values:
        return [f"A factor {ratio_text(c if abs(c) >= 1 else 1 / c)} in the loss of the {side} side: the value and "
                f"every gradient carry it{carried and carried.replace(', which', '; it')}."]
    if whole and not audit.values_agree:
        return [f"Every gradient of torch is {shown} times JAX's{meant}, and the values differ too."]
    if whole:
        return [f"Every gradient of torch is {shown} times JAX's{meant}, and the values agree: a factor in the "
                "gradient alone."]
    return [
        f"{', '.join(r.name for r in bad[:4])}: torch's gradient is {shown} times JAX's{meant}; the other parameters "
        "agree."
    ]


def _turned(state: State, audit: Audit) -> list[str]:
    """Conjugate or transpose one input of the JAX side at a time: if the values then agree, that is the mistake."""

    trials = []
    for x in state.differentiated:
        array = state.array("jax", x.jax)
        if array.ndim >= 2 and array.shape[-1] == array.shape[-2] and array.shape[-1] > 1:
            trials.append((x, "transpose", "the kernel is transposed on one side"))
        if np.iscomplexobj(array) and np.abs(np.imag(array)).max(initial=0) > 0:
            trials.append((x, "conjugate", "it is conjugated on one side and not on the other"))
    out = []
    wanted = list(state.seen["torch"].outputs.values())
    before = _apart(list(zip(wanted, state.seen["jax"].outputs.values(), strict=True)))
    for x, what, words in trials[:TRIALS]:
        got = transformed(state, "jax", {x.jax: what})
        if got is None or len(got) != len(wanted):
            continue
        pairs = list(zip(wanted, got.values(), strict=True))
        if all(relation(a, b, tolerance=state.tol.coarse).word == "equal" for a, b in pairs) and _apart(pairs) <= max(
                1e-3 * before, 8 * state.tol.eps):  # (values that differ by little agree by chance, nearly)
            name = x.torch if x.jax == x.torch else f"{x.torch} ~ {x.jax}"
            done = f"jnp.swapaxes({x.jax}, -1, -2)" if what == "transpose" else f"jnp.conj({x.jax})"
            out.append(f"{name}: {words}. With {done} on the JAX side the values agree.")
    return out


def _apart(pairs: Sequence[tuple[Array, Array]]) -> float:
    """The largest difference of two values, relative to the largest entry of its array."""
    return max((largest(a - b) / (largest(a) or 1.0) for a, b in pairs if a.dtype.kind in "fc"), default=0.0)


def _real_gradients(state: State) -> list[str]:
    """Complex parameters whose gradient has an imaginary part on one side, and none at all on the other."""
    out = []
    for side, other in (("jax", "torch"), ("torch", "jax")):
        names = []
        for x in state.differentiated:
            pair = dict(zip(("torch", "jax"), state.gradients(x), strict=True))
            mine, theirs = pair[side], pair[other]
            if mine is None or theirs is None or not np.iscomplexobj(theirs) or not largest(mine):
                continue
            if not np.imag(mine).any() and largest(np.imag(theirs)) > state.tol.coarse * largest(theirs):
                names.append(x.torch if x.torch == x.jax else f"{x.torch} ~ {x.jax}")
        if names:
            few = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
            out.append(f"On the {side} side the imaginary part of {few} does not reach the loss: .real (or a cast to "
                       "real numbers) too early, right after it.")
    return out


def _by_row(audit: Audit) -> list[str]:
    groups = {
        "conjugate": "conjugated on one side even after the conventions are removed: a conj too much or too few",
        "part": "one side has lost the real or the imaginary part: .real (or a cast to real numbers) too early",
        "zero": "no gradient arrives on one side: detach, stop_gradient, or a constant",
        "sign": "the sign is flipped on one side",
        "nonfinite": "NaN or infinity: guard the point with a double where",
    }
    out = [text for text in map(padding.hint, audit.rows) if text]
    for verdict, words in groups.items():
        rows = [r for r in audit.rows if r.verdict == verdict and r.word != "padding"]
        if rows:
            names = ", ".join(r.name for r in rows[:4]) + (f" and {len(rows) - 4} more" if len(rows) > 4 else "")
            out.append(f"{names}: {words}{'; ' + rows[0].note if rows[0].note else ''}.")
    for r in audit.rows:
        if r.relation in ("transposed", "adjoint") and r.verdict == "mismatch":
            out.append(f"{r.name}: the gradient is {r.relation} on one side: a kernel that is laid out the other way.")
    return out
