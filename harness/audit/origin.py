"""Where it starts: taps that the user has put into both functions, and the functions that the torch side calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from harness.audit.answer import Audit
from harness.audit.faults import SideFault
from harness.audit.sides import arrays, tapped, traced
from harness.audit.state import SIDES, State
from harness.audit.taps import where_it_starts
from harness.audit.trace import Suspect, remembered, suspects
from harness.tapping import Tapped

_FUNCTIONS = 3  # that the answer names


def with_origin(state: State, audit: Audit) -> Audit:
    """The sentences of `start` and, as plain data, `start_at`: "forward", "backward", "taps", "functions".

    Functions are traced where something differs; taps are compared wherever there are any.
    """
    at: dict[str, Any] = {}
    said: list[str] = []
    notes = list(audit.notes)
    with suppress(_Gone):
        _add(state, audit, at, said, notes)
    return replace(audit, start=(*audit.start, *said), start_at={**audit.start_at, **at}, notes=tuple(notes))


def _add(state: State, audit: Audit, at: dict[str, Any], said: list[str], notes: list[str]) -> None:
    if state.options.taps and any(state.seen[side].tapped for side in SIDES):
        left = _taps(state, "torch", notes)
        # Only where torch has no gradient does it matter whether anything of JAX's reaches the tap.
        right = _taps(state, "jax", notes, any(t.gradient is None and t.connected is False for t in left))
        start = where_it_starts(left, right, SIDES, rtol=state.options.rtol)
        if start is not None:
            at |= {"forward": start.forward, "backward": start.backward, "taps": [asdict(t) for t in start.taps]}
            said += start.sentences
    if not (audit.values_agree and audit.gradients_agree) and not _settled(audit):
        found, recalled = _functions(state, notes)
        if found:
            # Where the values part, two functions go by one name: neither is wrong; where they agree, it is not that.
            parted = {o.torch.rpartition("/")[2] for o in audit.origins if o.kind == "value"}
            found = [f for f in found if f.where not in parted and not (f.named and audit.values_agree)]
            if audit.checks and not any(r.verdict == "choice" for r in audit.rows):
                found = [f for f in found if f.choice < f.differing]  # no choice shows in any gradient
            at["functions"] = [asdict(f) for f in found]
            said += [f.sentence for f in found[:_FUNCTIONS]]
            if len(found) > _FUNCTIONS:
                said.append(f"and {len(found) - _FUNCTIONS} more functions differ at some of your elements")
        said += recalled[:_FUNCTIONS]


def _settled(audit: Audit) -> bool:
    """Whether it is known where the values part, and that each gradient is that of its own value: no derivative of a
    function is wrong then, and none is evaluated."""
    consistent = {c.side for c in audit.checks} == set(SIDES) and all(c.consistent for c in audit.checks)
    return not audit.values_agree and consistent and any(o.kind == "value" and o.what for o in audit.origins)


def _taps(state: State, side: str, notes: list[str], connections: bool = False) -> list[Tapped]:
    if not state.seen[side].tapped:
        return []
    reply = _asked(state, side, notes, "what is at the taps could not be recorded", "taps", connections=connections)
    return tapped(reply) if reply else []


def _functions(state: State, notes: list[str]) -> tuple[Sequence[Suspect], list[str]]:
    """(functions that differ at the user's numbers, sentences about those that were recorded and not examined)."""
    reply = _asked(state, "torch", notes, "the functions called could not be traced", "trace")
    if not reply:
        return (), []

    def observe(family: str, functions: Sequence[Any]) -> list[Mapping[str, Any]]:
        told = _asked(state, family, notes, "functions of the catalogue could not be evaluated", "elements",
                      functions=[list(f) for f in functions])
        if not told:
            return [{"message": "not evaluated"}] * len(functions)
        return [one if "message" in one else arrays(one) for one in told["seen"]]

    installed = {side: state.loaded[side].versions.get(side, "").partition("+")[0] for side in SIDES}
    versions, calls = {k: v for k, v in installed.items() if v}, traced(reply)
    return suspects(calls, observe, versions), remembered(calls, versions)


def _asked(state: State, side: str, notes: list[str], what: str, request: str, **fields: Any) -> dict[str, Any]:
    """The answer to a request without which the audit is still one: a failure is a note. Raises _Gone."""
    channel = state.channels[side]
    channel.ask(request, **fields)
    try:
        return channel.answer()
    except SideFault as fault:
        notes.append(f"{side}: {what}: {fault.sentence}")
        if fault.lost:
            raise _Gone from fault
        return {}


class _Gone(Exception):
    """A side that answers no more; a note says why."""
