"""What one call computes inside, by torch's own decompositions: a fused norm, attention or cell, step by step.

The call is evaluated a second time, for its values alone, below autograd, where calls made of others come apart by
themselves and torch's table of decompositions takes care of most others. Nothing of it reaches the user's program:
tensors that the call might write into are copied, and calls that draw random numbers are left alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

#: Calls that are one step however they are computed: products, and what only moves numbers.
_WHOLE = ("linear", "matmul", "einsum", "conv", "mm", "bilinear", "dot", "mv", "fft", "stft", "view", "reshape",
          "transpose", "permute", "cat", "stack", "chunk", "split", "pad", "expand", "repeat", "flatten", "squeeze",
          "to", "clone", "contiguous", "detach", "item", "getitem", "index", "gather", "embedding", "copy", "solve",
          "inv", "eig", "svd", "qr", "cholesky", "ones", "zeros", "full", "arange", "tensor", "eye", "empty", "type")
_RANDOM = ("rand", "dropout", "bernoulli", "normal_", "multinomial", "poisson", "gumbel")
#: Operators that torch counts among its basic ones although they compute in several steps.
_FUSED = ("norm", "softmax", "gelu", "_cell", "nll_loss", "var", "std")
_COPIES = ("_to_copy", "clone", "contiguous", "copy", "expand", "to", "alias")
#: Steps of one call that are told apart; what comes after them is not.
MOST = 400


@dataclass(frozen=True)
class Inner:
    """One result inside a call. given: what it was computed from: the caller's tensors, or inner ones, by position."""

    op: str
    given: tuple[Any, ...]
    value: Any


def whole(name: str) -> bool:
    """Whether a call is not looked into."""
    name = name.lower()
    if any(word in name for word in _RANDOM):
        return True
    return any(name.startswith((word, f"__{word}", f"_{word}", f"__r{word}")) for word in _WHOLE)


@functools.cache
def _table() -> Mapping[Any, Any]:
    """Decompositions by operator; empty where this release of torch has none."""
    with suppress(Exception):
        from torch._decomp import core_aten_decompositions, decomposition_table

        fused = {op: rule for op, rule in decomposition_table.items() if any(w in str(op) for w in _FUSED)}
        return {**fused, **core_aten_decompositions()}
    return {}


def steps_inside(torch: Any, func: Callable[..., Any], args: Any, kwargs: Any) -> tuple[list[Inner], list[Any]]:
    """(what a call computes, in order, without its results; what those are computed from).

    given: tensors of the caller's, or numbers: the place of an inner result in this list. Empty where the call is one
    step, or where nothing can be told.
    """
    if not _table():
        return [], []
    seen = Seen(torch, args, kwargs)
    with suppress(Exception), torch.no_grad(), torch._C.DisableTorchFunction():  # (the user's own call has raised)
        with seen.mode():
            result = func(*seen.args, **seen.kwargs)
        return seen.without(result)
    return [], []


class Seen:
    """The inner results of one call so far, each with a copy of its value, since it may be written into."""

    def __init__(self, torch: Any, args: Any, kwargs: Any) -> None:
        self.torch = torch
        self.origin: dict[int, Any] = {}  # id of a tensor -> what it is to the caller
        self.alive: list[Any] = []  # ids are of living things
        self.found: list[Inner] = []
        self.args, self.kwargs = self._copied(args), self._copied(kwargs)

    def _copied(self, value: Any) -> Any:
        """The arguments; tensors that could be written into without autograd's leave, such as running means, copied."""
        if isinstance(value, self.torch.Tensor):
            new = value.clone() if not value.requires_grad else value
            self._is(new, value)
            return new
        if isinstance(value, Mapping):
            return {k: self._copied(v) for k, v in value.items()}
        if isinstance(value, (tuple, list)):
            return type(value)(self._copied(v) for v in value)
        return value

    def _is(self, x: Any, what: Any) -> None:
        self.alive.append(x)
        self.origin[id(x)] = what

    def note(self, op: str, given: Sequence[Any], x: Any) -> None:
        """One result of an operator; a view of all of something is that thing."""
        known = [self.origin[id(g)] for g in given if id(g) in self.origin]
        if not (x.is_floating_point() or x.is_complex()):
            if known:
                self._is(x, known[0])
            return
        if not op.endswith("_") and any(x is g and id(g) in self.origin for g in given):
            return
        same = [g for g in given if id(g) in self.origin and (x.numel(), x.dtype) == (g.numel(), g.dtype)]
        if same and not op.endswith("_") and (x.data_ptr() == same[0].data_ptr() or op in _COPIES):
            self._is(x, self.origin[id(same[0])])
            return
        if len(self.found) >= MOST:
            raise OverflowError("too many steps")
        self.found.append(Inner(op, tuple(known), x.detach().clone()))
        self._is(x, len(self.found) - 1)

    def without(self, result: Any) -> tuple[list[Inner], list[Any]]:
        """All but what the call returns, and what that is computed from."""
        returned = {self.origin.get(id(x)) for x in tensors(self.torch, result)}
        last = max((k for k in returned if isinstance(k, int)), default=-1)
        kept = [k for k in range(len(self.found)) if k not in returned]
        place = {k: n for n, k in enumerate(kept)}
        if last < 0 or not kept:
            return [], []

        def given(k: int) -> tuple[Any, ...]:
            return tuple(place.get(g, g) if isinstance(g, int) else g for g in self.found[k].given
                         if not isinstance(g, int) or g in place)

        inner = [Inner(self.found[k].op, given(k), self.found[k].value) for k in kept]
        return inner, list(given(last))

    def mode(self) -> Any:
        """What looks at every operator."""
        from torch.utils._python_dispatch import TorchDispatchMode

        torch, note, table = self.torch, self.note, _table()

        class Inside(TorchDispatchMode):  # type: ignore[misc]
            def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                kwargs = kwargs or {}
                if func in table:
                    with self:
                        result = table[func](*args, **kwargs)
                    if result is not NotImplemented:
                        return result
                result = func(*args, **kwargs)
                given = list(tensors(torch, (args, kwargs)))
                for x in tensors(torch, result):
                    note(func._schema.name.rpartition(":")[2], given, x)
                return result

        return Inside()


def tensors(torch: Any, value: Any) -> Iterator[Any]:
    """The tensors in nested mappings, tuples and lists."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for v in value.values():
            yield from tensors(torch, v)
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from tensors(torch, v)
