"""Modules of torch as functions: parameters and buffers are swapped in for one call by functional_call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def swapped(torch: Any, swaps: Sequence[tuple[Any, Mapping[str, Any]]], work: Callable[[], Any]) -> Any:
    """`work()` while each module has other tensors for its parameters and buffers."""

    class Holder(torch.nn.Module):  # type: ignore[misc]
        def forward(self, call: Callable[[], Any]) -> Any:
            return call()

    holder = Holder()
    tensors = {}
    for k, (module, values) in enumerate(swaps):
        holder.add_module(f"m{k}", module)
        tensors.update({f"m{k}.{name}": value for name, value in values.items()})
    return torch.func.functional_call(holder, tensors, (work,))


def as_function(module: Any) -> Callable[..., Any]:
    """forward as a function of `model`, the module itself (a tree of its state), and of forward's own arguments."""

    def forward(model: Any, *args: Any, **kwargs: Any) -> Any:
        return model(*args, **kwargs)

    own = list(inspect.signature(module.forward).parameters.values())
    first = inspect.Parameter("model", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=module)
    # `model` has a default, so what follows is given by name or position as the user's inputs say
    rest = [p for p in own if p.name != "model"]
    forward.__signature__ = inspect.Signature([first.replace(default=inspect.Parameter.empty), *rest])  # type: ignore[attr-defined]
    forward.model = module  # type: ignore[attr-defined]
    return forward
