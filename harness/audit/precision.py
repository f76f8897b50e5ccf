"""Dtypes that change on the way: a wrapper that computes in single precision, parameters that are stored in it."""

from __future__ import annotations

from harness.audit.state import SIDES, State
from harness.report.text import some
from harness.wirtinger import below_double

_NAMES = {"torch": "torch", "jax": "JAX"}


def narrowed(state: State) -> list[str]:
    """What comes back in another precision than it was given in, and what the two sides hold in different ones."""
    out = []
    for side in SIDES:
        given = [state.array(side, x.torch if side == "torch" else x.jax) for x in state.differentiated]
        narrow = [(name, a) for name, a in state.seen[side].outputs.items() if below_double(a.dtype)]
        if narrow and not any(below_double(a.dtype) for a in given):
            name, first = narrow[0]
            what = "its value" if name == "value" else f"the output {name}"
            more = f" (and {len(narrow) - 1} more outputs)" if narrow[1:] else ""
            out.append(f"Precision: {_NAMES[side]} returns {what}{more} in {first.dtype} although all its inputs are "
                       "in double precision; everything is compared to single precision for that.")
        held = {leaf.name: leaf.array for leaf in state.loaded[side].leaves if leaf.array is not None}
        turned = [name for name, g in state.seen[side].gradients.items()
                  if g is not None and name in held and below_double(g.dtype) and not below_double(held[name].dtype)]
        if turned:
            out.append(f"Precision: {_NAMES[side]} returns the gradient of {some(turned)} in single precision, "
                       "which is given in double precision.")
    mixed = [x for x in state.differentiated
             if below_double(state.array("torch", x.torch).dtype) != below_double(state.array("jax", x.jax).dtype)]
    if mixed:
        in_torch, in_jax = state.array("torch", mixed[0].torch).dtype, state.array("jax", mixed[0].jax).dtype
        out.append(f"Precision: {some([x.torch for x in mixed])}: {in_torch} in torch, {in_jax} in JAX.")
    return out
