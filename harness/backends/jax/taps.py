"""What JAX has at the taps of a function: the values, and the gradients by perturbations that are added there.

Evaluations with `jax.disable_jit`, under which Python runs the function as it stands: a jitted function calls
its taps although it was compiled before, and scan, while and cond are loops and branches of Python. The first finds
the taps; the second adds -0.0 at each, which changes no number, not even the sign of a zero, and differentiates with
respect to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.backends.side.values import plain
from harness.tapping import MOST, Names, Tapped, listening, rebuilt

_TRANSFORMED = (
    "inside a transformation of JAX (vmap, grad, checkpoint, custom_vjp, pmap), where it has no value of its own; "
    "put the tap around the transformed call"
)
_OTHERWISE = "the function called its taps differently when it was evaluated again"


def record(jax: Any, call: Callable[[Any], Any], parameters: Any, connections: bool = True) -> list[Tapped]:
    """The taps of one evaluation, in the order of the calls.

    call: takes the parameters (a pytree of arrays) and returns L, a real scalar. Gradients are L_x + i L_y, the
    conjugate of what JAX returns. connections: whether to find out what the parameters reach, which costs a third
    evaluation. Exceptions of the user's code pass through.
    """
    with jax.disable_jit():
        found, live = _first(jax, call, parameters)
        if live:
            _gradients(jax, call, parameters, found, live)
            if connections:
                _connections(jax, call, parameters, found, live)
    return found


def _first(jax: Any, call: Callable[[Any], Any], parameters: Any) -> tuple[list[Tapped], dict[int, Any]]:
    """The taps with their values, and what has to be added to those that can be differentiated."""
    names, found = Names(), list[Tapped]()
    live: dict[int, Any] = {}

    def leaf(name: str, x: Any) -> Any:
        entry = Tapped(name)
        at = len(found)
        found.append(entry)
        if isinstance(x, jax.core.Tracer):
            entry.note = _TRANSFORMED
        elif isinstance(x, jax.Array) and jax.numpy.issubdtype(x.dtype, jax.numpy.inexact):
            entry.value = _array(jax, x)
            live[at] = _nothing(jax, x)
        elif isinstance(x, jax.Array) and not jax.dtypes.issubdtype(x.dtype, jax.dtypes.extended):
            entry.value, entry.note = np.array(x), f"{x.dtype} has no gradient"
        else:
            entry.value, entry.note = plain(x, "a JAX array")
        return x

    def listener(name: str, x: Any) -> Any:
        return x if names.full() else rebuilt(names.new(name), x, leaf)

    with listening(listener):
        call(parameters)
    if names.dropped:
        found.append(Tapped("...", note=f"{names.dropped} more calls of harness.tap are left out, {MOST} are kept"))
    return found, live


def _nothing(jax: Any, x: Any) -> Any:
    """-0.0 in x's shape and dtype, weakly typed where x is: x + it is x to the bit, with x's rules of promotion."""
    zero = complex(-0.0, -0.0) if jax.numpy.iscomplexobj(x) else -0.0
    if getattr(x, "weak_type", False):
        return jax.numpy.broadcast_to(jax.numpy.asarray(zero), x.shape)
    return jax.numpy.full(x.shape, zero, x.dtype)


def _again(call: Callable[[Any], Any], parameters: Any, found: list[Tapped], at_tap: Callable[[int, Any], Any]) -> Any:
    """Evaluate once more, at_tap(number of the entry, x) in place of each leaf; None where the taps were others."""
    names, seen = Names(), list[str]()

    def leaf(name: str, x: Any) -> Any:
        at = len(seen)
        seen.append(name)
        return at_tap(at, x) if at < len(found) and found[at].name == name else x

    def listener(name: str, x: Any) -> Any:
        return x if names.full() else rebuilt(names.new(name), x, leaf)

    with listening(listener):
        out = call(parameters)
    same = seen == [entry.name for entry in found if entry.name != "..."]
    return (out,) if same else None


class _Differently(Exception):
    """The second evaluation had other taps."""


def _gradients(
    jax: Any, call: Callable[[Any], Any], parameters: Any, found: list[Tapped], live: dict[int, Any]
) -> None:
    def shifted(added: dict[int, Any]) -> Any:
        def at_tap(at: int, x: Any) -> Any:
            if at not in added:
                return x
            if x.shape != added[at].shape or x.dtype != added[at].dtype:
                raise _Differently
            return x + added[at]

        out = _again(call, parameters, found, at_tap)
        if out is None:
            raise _Differently
        return out[0]

    try:
        gradients = jax.grad(shifted)(live)
    except _Differently:
        for at in live:
            found[at].note = _OTHERWISE
        return
    for at, gradient in gradients.items():
        found[at].gradient = np.asarray(np.conj(_array(jax, gradient)))


def _connections(
    jax: Any, call: Callable[[Any], Any], parameters: Any, found: list[Tapped], live: dict[int, Any]
) -> None:
    """Whether a change of the parameters in a random direction moves each tap; left open where JAX refuses to say."""
    leaves, tree = jax.tree_util.tree_flatten(parameters)
    numpy = jax.numpy
    moving = [k for k, leaf in enumerate(leaves) if numpy.issubdtype(numpy.result_type(leaf), numpy.inexact)]
    generator = np.random.default_rng(0)

    def directions(x: Any) -> Any:
        drawn = generator.standard_normal(np.shape(x))
        if jax.numpy.iscomplexobj(x):
            drawn = drawn + 1j * generator.standard_normal(np.shape(x))
        return jax.numpy.asarray(drawn).astype(jax.numpy.result_type(x))

    def taps(values: list[Any]) -> dict[int, Any]:
        out: dict[int, Any] = {}
        full = list(leaves)
        for k, value in zip(moving, values, strict=True):
            full[k] = value

        def at_tap(at: int, x: Any) -> Any:
            if at in live:
                out[at] = x
            return x

        _again(call, jax.tree_util.tree_unflatten(tree, full), found, at_tap)
        return out

    values = [jax.numpy.asarray(leaves[k]) for k in moving]
    try:
        _, tangents = jax.jvp(taps, (values,), ([directions(x) for x in values],))
    except Exception:  # a custom_vjp has no forward rule; nothing but this one column is lost
        return
    for at, tangent in tangents.items():
        found[at].connected = bool(np.any(_array(jax, tangent) != 0))


def _array(jax: Any, x: Any) -> Any:
    """As a NumPy array; bfloat16 and the float8 kinds, which NumPy lacks, as float32."""
    if np.dtype(x.dtype).kind not in "biufc":
        x = x.astype(jax.numpy.float32)
    return np.array(x)
