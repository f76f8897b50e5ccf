"""The same operation with another option: what an equation of JAX would give, for an audit to compare with torch's.

Each option is evaluated on the equation's own arguments; those of another result shape are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np

from harness.wirtinger import Array

#: Options of one equation that are evaluated, since each is compiled.
MOST = 40


def options(jax: Any, primitive: Any, params: Mapping[str, Any],
            args: Sequence[Any]) -> Iterator[tuple[str, str, Array]]:
    """(what it is, what to write, result) of an equation with other options. Bounded by MOST."""
    now = None
    for count, (what, fix, changed, new) in enumerate(_changes(jax, primitive.name, params, args)):
        if count >= MOST:
            return
        with suppress(Exception):  # an option that these arguments do not allow
            if now is None:
                now = np.asarray(primitive.bind(*args, **params)).shape
            result = np.asarray(primitive.bind(*new, **{**params, **changed}))
            if result.shape == now:
                yield what, fix, result


def _changes(jax: Any, name: str, params: Mapping[str, Any], args: Sequence[Any]) -> Iterator[
        tuple[str, str, dict[str, Any], Sequence[Any]]]:
    """(what it is, what to write, changed parameters, arguments)."""
    if name == "conv_general_dilated":
        yield from _convolutions(jax, params, args)
    elif name == "dot_general":
        for k in (0, 1):
            if args[k].ndim >= 2 and args[k].shape[-1] == args[k].shape[-2]:
                turned = [*args[:k], jax.numpy.swapaxes(args[k], -1, -2), *args[k + 1 :]]
                yield (f"operand {k + 1} is transposed on one side", f"jnp.swapaxes(..., -1, -2) of operand {k + 1}",
                       {}, turned)
    elif name.startswith(("cum", "reduce_", "sort")) or name == "rev":
        yield from _axes(name, params, args)
    if name in ("mul", "div", "dot_general", "conv_general_dilated"):
        for k in (0, 1):
            if jax.numpy.iscomplexobj(args[k]):
                changed = [*args[:k], args[k].conj(), *args[k + 1 :]]
                yield (f"operand {k + 1} is conjugated on one side", f"jnp.conj(...) of operand {k + 1} (or none)",
                       {}, changed)


def _axes(name: str, params: Mapping[str, Any], args: Sequence[Any]) -> Iterator[
        tuple[str, str, dict[str, Any], Sequence[Any]]]:
    for key in ("axis", "axes", "dimension"):
        if key in params:
            held = params[key]
            for k in range(args[0].ndim):
                new = (k,) if isinstance(held, tuple) else k
                if new != held:
                    yield (f"JAX's {name} runs over axis {_axis(held)}, torch's over axis {k}", f"axis={k}", {key: new},
                           args)
    if "reverse" in params:
        other = not params["reverse"]
        yield f"one side's {name} runs backwards", f"reverse={other}", {"reverse": other}, args


def _axis(held: Any) -> Any:
    return held[0] if isinstance(held, tuple) and len(held) == 1 else held


def _convolutions(jax: Any, params: Mapping[str, Any], args: Sequence[Any]) -> Iterator[
        tuple[str, str, dict[str, Any], Sequence[Any]]]:
    """Another padding, dilation or kernel."""
    numbers = params["dimension_numbers"]
    spatial = numbers.rhs_spec[2:]
    x, kernel = args[:2]
    flipped = jax.numpy.flip(kernel, spatial)
    yield ("torch's kernel is JAX's flipped (a correlation against a convolution)",
           f"jnp.flip(kernel, {tuple(spatial)})", {}, [x, flipped, *args[2:]])
    if len(spatial) == 2 and kernel.shape[spatial[0]] == kernel.shape[spatial[1]]:
        turned = jax.numpy.swapaxes(kernel, *spatial)
        yield "the kernel's height and width are exchanged", f"jnp.swapaxes(kernel, {spatial[0]}, {spatial[1]})", {}, [
            x, turned, *args[2:]]
    a, b = numbers.rhs_spec[:2]
    if kernel.shape[a] == kernel.shape[b]:
        for other, words in ((kernel, ""), (flipped, ", and it is flipped")):
            yield (f"the kernel's input and output channels are exchanged{words}", f"jnp.swapaxes(kernel, {a}, {b})",
                   {}, [x, jax.numpy.swapaxes(other, a, b), *args[2:]])
    sizes = [kernel.shape[k] for k in spatial]
    held = tuple(params["padding"])
    for dilation in range(1, 4):
        dilated = (dilation,) * len(sizes)
        reach = [(n - 1) * d + 1 for n, d in zip(sizes, dilated, strict=True)]
        for padding in _paddings(reach):
            if padding != held or dilated != tuple(params["rhs_dilation"]):
                said = [f"JAX pads by {_list(held)}, torch by {_list(padding)}"] if padding != held else []
                if dilated != tuple(params["rhs_dilation"]):
                    said.append(f"JAX's dilation is {tuple(params['rhs_dilation'])}, torch's {dilated}")
                code = f"padding={_list(padding)}"
                code += f", rhs_dilation={dilated}" if dilated != tuple(params["rhs_dilation"]) else ""
                yield " and ".join(said), code, {"padding": padding, "rhs_dilation": dilated}, args


def _paddings(reach: Sequence[int]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Paddings that people write: as much on both sides, SAME, one more on one side, causal."""
    seen = set()
    plain = [tuple((p, p) for _ in reach) for p in range(max(reach) + 1)]
    half = [tuple(((n - 1) // 2, n // 2) for n in reach), tuple((n // 2, (n - 1) // 2) for n in reach)]
    ends = [tuple((n - 1, 0) for n in reach), tuple((0, n - 1) for n in reach)]
    uneven = [tuple((a, b) for _ in reach) for a, b in product(range(3), repeat=2)]
    for padding in [*half, *plain, *ends, *uneven]:
        if padding not in seen:
            seen.add(padding)
            yield padding


def _list(padding: Sequence[tuple[int, int]]) -> str:
    return str([tuple(p) for p in padding])
