"""The audit itself: load both sides, link their arrays, compare values, then gradients, then ask who is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from harness.audit import advice, candidates, evidence, halves, hints, origin, steps
from harness.audit.answer import Audit
from harness.audit.faults import AuditError, SideFault
from harness.audit.judging import judge_gradient, largest
from harness.audit.layout import equal
from harness.audit.mapping import link
from harness.audit.origins import with_origins
from harness.audit.parts import Parted, cut
from harness.audit.precision import inside, narrowed, said_inside, softened, tolerance
from harness.audit.result import ParameterRow, ValueRow
from harness.audit.sides import Channel, evaluated, loaded
from harness.audit.state import SIDES, Faults, Options, State
from harness.comparison.arrays import relation, words
from harness.comparison.tolerance import Tolerances
from harness.report.text import number, some
from harness.wirtinger import Array, below_double


def _origins(state: State, audit: Audit) -> Audit:
    """As with_origins; what torch leaves out by intention has no place where it starts, and no rule to correct."""
    rows = tuple(replace(row, verdict="gauge") if row.word == "padding" else row for row in audit.rows)
    return replace(with_origins(state, replace(audit, rows=rows)), rows=audit.rows)


#: What follows once both sides have answered, in this order. Evidence comes before hints: at a kink, what a difference
#: looks like is no hint. The origin comes late, since a loop of a hundred thousand taps may cost the worker; advice
#: comes last, since it rests on everything else.
STEPS: tuple[Callable[[State, Audit], Audit], ...] = (
    evidence.with_evidence, hints.with_hints, steps.with_steps, _origins, origin.with_origin, advice.with_advice,
)
#: Two evaluations on equal inputs may differ by the order of sums; more than this is another function each time.
_UNSTEADY = 100.0  # times eps


def run(
    channels: Mapping[str, Channel],
    targets: Mapping[str, Any],
    sources: Mapping[str, Sequence[Any]],
    options: Options,
    save: Callable[[State], str] | None = None,
) -> Audit:
    """The whole audit. Raises AuditError for what the user has to mend on the command line; faults are in the answer.

    save: writes the point somewhere once both sides have answered, and says where.
    """
    began = time.monotonic()
    names = {side: _name(targets[side]) for side in SIDES}
    state = State(dict(channels), options, targets)
    audit = Audit(names["torch"], names["jax"], {})
    try:
        audit = _audited(state, sources, audit)
        if save is not None and not audit.faults:
            audit = replace(audit, saved=save(state))
    except Faults as found:
        audit = replace(state.so_far or audit, faults=found.faults)
        versions = {k: v for x in state.loaded.values() for k, v in x.versions.items()}
        audit = replace(audit, versions=audit.versions or versions)
    printed = {side: channels[side].printed for side in SIDES if channels[side].printed}
    return replace(audit, printed=printed, seconds=time.monotonic() - began)


def _name(target: Any) -> str:
    if isinstance(target, str):
        return target
    return f"{getattr(target, '__module__', '')}:{getattr(target, '__qualname__', type(target).__name__)}".lstrip(":")


def _audited(state: State, sources: Mapping[str, Sequence[Any]], audit: Audit) -> Audit:
    _load(state, sources)
    versions = {k: v for side in SIDES for k, v in state.loaded[side].versions.items()}
    audit = replace(audit, versions=versions)
    open_ = candidates.unmatched(state)
    if any(open_.values()):
        return candidates.answered(state, audit, open_)
    if not state.differentiated:
        left, right = (", ".join(x.name for x in state.loaded[s].leaves if x.differentiate) or "none" for s in SIDES)
        raise AuditError(f"no parameter of one side matches one of the other (torch: {left}; jax: {right}); "
                         "give a mapping file with --map")
    _same_inputs(state)
    silent = _evaluate(state)
    state.half = halves.of_state(state)
    state.tol = _tolerances(state)
    notes = [note for side in SIDES for note in state.seen[side].notes] + silent
    notes += [f"{side}: the inputs {', '.join(state.loaded[side].unused)} are not used by the function"
              for side in SIDES if state.loaded[side].unused]
    warnings = _mutations(state)
    faults = _random(state) + _structure(state)
    if faults:
        return replace(audit, faults=tuple(faults), warnings=tuple(warnings), notes=tuple(notes))
    values, rows = _values(state), _rows(state)
    told = narrowed(state)
    if state.half:
        told += halves.said(state, halves.widened(state, lambda: _evaluate(state)))
        faults = _random(state) + _structure(state)
        if faults:
            return replace(audit, faults=tuple(faults), warnings=tuple(warnings), notes=tuple(notes))
        if not state.stuck:
            values, rows = halves.judged(state, (values, rows), (_values(state), _rows(state)))
    if inside(state, (*values, *rows)):
        values, rows = softened(values, _values(state)), softened(rows, _rows(state))
        told += said_inside(state)
    audit = state.so_far = replace(
        audit, precision=tuple(told), values=values, rows=rows, warnings=tuple(warnings), notes=tuple(notes))
    for step in STEPS:
        audit = state.so_far = step(state, audit)
    return audit


def _evaluate(state: State) -> list[str]:
    """Value and gradient of both sides. What torch returns of a module's state (running statistics) has no derivative
    there; it is left out on both sides, and that is said."""
    found = state.ask("gradient", lambda side: {"repeat": True})
    state.seen = {side: evaluated(found[side]) for side in SIDES}
    silent = state.seen["torch"].silent
    outputs = [(n, v) for n, v in state.seen["torch"].outputs.items() if v.dtype.kind in "fc"]
    if not silent or len(silent) == len(outputs) or _structure(state):
        return []
    names = ", ".join(outputs[k][0] for k in silent[:4])
    again = state.ask("gradient", lambda side: {"repeat": False, "silent": list(silent)})
    state.seen = {
        side: replace(evaluated(again[side]), unsteady=state.seen[side].unsteady,
                      unsteady_where=state.seen[side].unsteady_where) for side in SIDES
    }
    return [f"{names}: state of torch's module, through which it has no derivative; compared by value alone"]


def _load(state: State, sources: Mapping[str, Sequence[Any]]) -> None:
    options = state.options
    replies = state.ask("load", lambda side: {
        "target": state.targets[side], "sources": sources[side], "path": list(options.path),
        "precision": options.precision, "constant": list(options.constant), "seed": options.seed,
    })
    state.loaded = {side: loaded(replies[side]) for side in SIDES}
    names = sorted({leaf.name for side in SIDES for leaf in state.loaded[side].leaves})
    for glob in options.constant:
        if not any(fnmatchcase(name, glob) for name in names):
            close = get_close_matches(glob, names, n=3) or names[:8]
            raise AuditError(f"no input matches {glob!r}, which is to be constant; near: {', '.join(close)}")
    leaves = state.loaded["torch"].leaves, state.loaded["jax"].leaves
    state.matching = link(*leaves, options.mapping, given=bool(options.values_from))
    for side in SIDES:
        views = state.matching.views.get(side, ())
        if views:
            state.channels[side] = Parted(state.channels[side], views, state.loaded[side].leaves)
            state.loaded[side] = cut(state.loaded[side], views)


def _same_inputs(state: State) -> None:
    """Both sides are evaluated at the same numbers, or nothing can be concluded. Raises AuditError."""
    differing = []
    for x in state.matching.links:
        if not equal(x.to_jax(state.array("torch", x.torch)), state.array("jax", x.jax)):
            differing.append(x)
    if not differing:
        return
    if not state.options.values_from:
        names = some([x.torch if x.torch == x.jax else f"{x.torch} ~ {x.jax}" for x in differing], 6)
        raise AuditError(
            f"the two sides have different numbers for {names}: gradients at two points cannot be compared. "
            "--values-from torch (or jax) gives that side's numbers to the other"
            + candidates.elsewhere(state, differing)
        )
    source, sink = ("torch", "jax") if state.options.values_from == "torch" else ("jax", "torch")
    given = {}
    for x in differing:
        array = state.array(source, x.torch if source == "torch" else x.jax)
        if np.iscomplexobj(array) and not np.iscomplexobj(state.array(sink, x.jax if sink == "jax" else x.torch)):
            raise AuditError(f"{x.torch} ~ {x.jax} is complex on the {source} side and real on the other: imaginary "
                             "part cannot be given to it")
        given[x.jax if sink == "jax" else x.torch] = np.array(x.to_jax(array) if sink == "jax" else x.to_torch(array))
    channel = state.channels[sink]
    channel.ask("replace", arrays=given)
    try:
        channel.answer()
    except SideFault as fault:
        raise Faults([fault]) from fault
    leaves = tuple(replace(y, array=given.get(y.name, y.array)) for y in state.loaded[sink].leaves)
    state.loaded[sink] = replace(state.loaded[sink], leaves=leaves)


def _tolerances(state: State) -> Tolerances:
    """By the coarser precision of what is differentiated and returned, unless the user says otherwise."""
    dtypes = [state.array("torch", x.torch).dtype for x in state.differentiated]
    dtypes += [state.array("jax", x.jax).dtype for x in state.differentiated]
    dtypes += [v.dtype for side in SIDES for v in state.seen[side].outputs.values()]
    single = any(map(below_double, dtypes))
    return tolerance(state.half or ("complex64" if single else "complex128"), state.options.rtol)


def _mutations(state: State) -> list[str]:
    out = []
    for side in SIDES:
        changed = state.seen[side].mutated
        channel = state.channels[side]
        for name in channel.unequal if isinstance(channel, Parted) else ():
            out.append(f"{side}: the terms of {name} have different gradients: the function does not add them up.")
        if changed:
            out.append(f"{side}: the function changes its input {some(changed, 4)} in place; the next call sees other "
                       "numbers. Work on a copy.")
    return out


def _random(state: State) -> list[SideFault]:
    out = []
    for side in SIDES:
        seen = state.seen[side]
        if seen.unsteady > _UNSTEADY * state.tol.eps:
            size = f" by {seen.unsteady:.2g} of its size" if np.isfinite(seen.unsteady) else ""
            what = (
                f"the function is not deterministic: {seen.unsteady_where} differs{size} between two evaluations on "
                "the same inputs (dropout? an unseeded generator? a counter?)"
            )
            out.append(SideFault(side, "random", what, printed=state.channels[side].printed))
    return out


def _structure(state: State) -> list[SideFault]:
    """Outputs must be the same arrays in the same shapes; the fault is laid at the JAX side's door as the port."""
    left, right = (list(state.seen[s].outputs.items()) for s in SIDES)
    if len(left) != len(right):
        what = f"the function returns {_many(right)}, where torch's returns {_many(left)}"
        return [SideFault("jax", "structure", what)]
    out = []
    for (a, x), (b, y) in zip(left, right, strict=True):
        if x.shape != y.shape:
            name = "" if a == "value" else f" as {b}"
            what = f"the function returns shape {list(y.shape)}{name}, where torch's returns {list(x.shape)}"
            out.append(SideFault("jax", "structure", what))
        elif np.iscomplexobj(x) != np.iscomplexobj(y) and "fc".find(x.dtype.kind) >= 0 <= "fc".find(y.dtype.kind):
            kinds = ["complex" if np.iscomplexobj(v) else "real" for v in (x, y)]
            name = "" if a == "value" else f" as {b}"
            out.append(SideFault("jax", "structure",
                                 f"the function returns {kinds[1]} numbers{name}, torch's are {kinds[0]}"))
    return out


def _many(outputs: Sequence[tuple[str, Array]]) -> str:
    if len(outputs) == 1:
        return f"one array of shape {list(outputs[0][1].shape)}"
    return f"{len(outputs)} arrays ({', '.join(n for n, _ in outputs[:6])})"


def _values(state: State) -> tuple[ValueRow, ...]:
    rows = []
    pairs = zip(state.seen["torch"].outputs.items(), state.seen["jax"].outputs.items(), strict=True)
    for (name, a), (_, b) in pairs:
        found = judge_gradient(a, b, state.tol, atol=state.options.atol, raw_sign=1)
        verdict = found.verdict if found.verdict in ("agree", "precision", "nonfinite") else "value"
        pattern = relation(a, b, tolerance=state.tol.coarse) if verdict == "value" else None
        if found.note.startswith("NaN on both"):
            rows.append(ValueRow(name, a.shape, _shown(a), _shown(b), verdict, found.max_abs, found.max_rel, found.note,
                                 "nan"))
            continue
        rows.append(ValueRow(
            name, a.shape, _shown(a), _shown(b), verdict, found.max_abs, found.max_rel,
            words(pattern, "torch", "JAX") if pattern and pattern.word not in ("none", "equal") else "",
            pattern.word if pattern else "equal",
            float(pattern.factor.real) if pattern and pattern.word == "factor" else float("nan"),
        ))
    return tuple(rows)


def _shown(value: Array) -> str:
    if value.size == 1:
        return number(value.reshape(-1)[0].item(), 9)
    return f"{value.dtype} {list(value.shape)}, largest {largest(value) if value.dtype.kind in 'fc' else 0:.6g}"


def _rows(state: State) -> tuple[ParameterRow, ...]:
    whole = max((largest(g) for x in state.differentiated for g in state.gradients(x)), default=0.0)
    rows = []
    for x in state.differentiated:
        left, right = state.gradients(x)
        a, b = state.array("torch", x.torch), state.array("jax", x.jax)
        if left is not None and right is not None and np.iscomplexobj(a) != np.iscomplexobj(b):
            left, right = np.asarray(left), np.asarray(right)
        found = judge_gradient(
            left, right, state.tol, whole=whole, atol=state.options.atol, raw_sign=state.loaded["jax"].raw_sign, like=a
        )
        note = found.note
        if np.iscomplexobj(a) != np.iscomplexobj(b):
            real = "jax" if np.iscomplexobj(a) else "torch"
            note = f"the {real} side holds it as real numbers; " + note
        words = state.dtype("torch", x.torch), state.dtype("jax", x.jax)
        dtype = "/".join(dict.fromkeys(words))
        rows.append(ParameterRow(
            x.torch, x.jax, a.shape, dtype, x.turned, found.verdict, found.relation, found.factor, found.max_abs,
            found.max_rel, found.blind, note.rstrip("; "), max(largest(left), largest(right)), word=found.word,
        ))
    return tuple(rows)
