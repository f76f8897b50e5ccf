"""Whether a program iterates where no derivative goes: a solver whose gradient is that of its limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

#: Turns, of a loop or of one line, from which on it is an iteration.
MANY = 8
_MAXIMA = ("reduce_max", "max", "select_n")
_CUSTOM = ("custom_vjp_call", "custom_vjp_call_jaxpr", "custom_jvp_call", "custom_lin")


def iterates(jaxpr: Any, held: bool = False) -> bool:
    """held: whether the derivative of the whole of it is left to a rule of the user's own.

    `while` has no reverse derivative, so where one was taken it is not through the loop; a scan, or a line that is
    passed again and again, counts within such rules and before `stop_gradient`.
    """
    still = {id(e) for e in jaxpr.eqns} if held else _before_stops(jaxpr)
    lines: Counter[Any] = Counter()
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "while":
            return True
        mine = id(eqn) in still
        if mine and eqn.params.get("length", 0) >= MANY:
            return True
        if mine:
            lines[eqn.primitive.name, _line(eqn)] += 1
        if any(iterates(inner, mine or eqn.primitive.name in _CUSTOM) for inner in opened(eqn)):
            return True
    return any(count >= MANY for (_, line), count in lines.items() if line)


def _before_stops(jaxpr: Any) -> set[int]:
    """The equations from which a `stop_gradient` is computed, other than that of a maximum (softmax, logsumexp)."""
    made = {v: eqn.primitive.name for eqn in jaxpr.eqns for v in eqn.outvars}
    wanted: set[Any] = set()
    found: set[int] = set()
    for eqn in reversed(jaxpr.eqns):
        stop = eqn.primitive.name == "stop_gradient" and not hasattr(eqn.invars[0], "val")
        if (stop and made.get(eqn.invars[0]) not in _MAXIMA) or any(v in wanted for v in eqn.outvars):
            found.add(id(eqn))
            wanted |= {v for v in eqn.invars if not hasattr(v, "val")}
    return found


def opened(eqn: Any) -> Iterator[Any]:
    """The jaxprs among an equation's parameters."""
    for value in eqn.params.values():
        for one in value if isinstance(value, list | tuple) else (value,):
            one = getattr(one, "jaxpr", one)
            if hasattr(one, "eqns"):
                yield one


def _line(eqn: Any) -> Any:
    trace = getattr(eqn.source_info, "traceback", None)
    frames = list(trace.frames) if trace is not None else []
    return next(((f.file_name, f.line_num) for f in frames if "/jax/" not in f.file_name), None)
