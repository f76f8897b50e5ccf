"""The steps of a function on torch: what every call above autograd returns, and its cotangent."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from harness.backends.side.recording import Row, own_place
from harness.wirtinger import Array

_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_GETTERS = ("T", "H", "mT", "mH", "real", "imag", "data")


class Steps:
    """What was recorded of one call. natives: the leaves, by position; replace: id -> array."""

    def __init__(self, torch: Any, natives: Sequence[Any], replace: Mapping[int, Array], gradients: bool) -> None:
        self.torch, self.replace, self.gradients = torch, replace, gradients
        self.ids: dict[int, int] = {id(x): -k - 1 for k, x in enumerate(natives) if isinstance(x, torch.Tensor)}
        self.kept: list[Any] = list(natives)  # an id is one of a tensor only while it lives
        self.tensors: list[Any] = []
        self.meta: list[tuple[str, tuple[str, int], tuple[int, ...]]] = []
        self.quiet = 0
        self._folder = os.path.dirname(os.path.abspath(torch.__file__))

    def note(self, name: str, inputs: Any, result: Any) -> Any:
        """The result of a call, recorded; tensors are replaced where that is asked for."""
        torch = self.torch
        if isinstance(result, (tuple, list)):
            new = [self.note(name, inputs, x) for x in result]
            return type(result)(new)
        if not isinstance(result, torch.Tensor) or not (result.is_floating_point() or result.is_complex()):
            return result
        before = self.ids.get(id(result))
        number = len(self.tensors)
        if number in self.replace and before is None:
            given = torch.from_numpy(np.ascontiguousarray(self.replace[number])).to(result.dtype).reshape(result.shape)
            result = result + (given - result).detach()
        if before is None and result.requires_grad and self.gradients:
            result.retain_grad()
        if before is not None:  # the same tensor handed on, or changed in place
            return result
        self.ids[id(result)] = number
        self.tensors.append(result)
        where = own_place(_frames(sys._getframe(1)), (self._folder, _OURS)) or ("", 0)
        self.meta.append((name, where, tuple(dict.fromkeys(self._known(inputs)))))
        return result

    def _known(self, value: Any) -> Iterator[int]:
        if isinstance(value, self.torch.Tensor):
            if id(value) in self.ids:
                yield self.ids[id(value)]
        elif isinstance(value, dict):
            for x in value.values():
                yield from self._known(x)
        elif isinstance(value, (tuple, list)):
            for x in value:
                yield from self._known(x)


def record(torch: Any, call: Callable[[], Any], steps: Steps) -> Any:
    """What the call returns, its steps noted."""

    class Mode(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            result = func(*args, **kwargs)
            name = getattr(func, "__name__", str(func))
            if name == "__get__":
                name = getattr(getattr(func, "__self__", None), "__name__", "")
                if name not in _GETTERS:
                    return result
            if steps.quiet or name in ("retain_grad", "requires_grad_", "__set__"):
                return result
            with torch._C.DisableTorchFunction():
                return steps.note(name, (args, kwargs), result)

    with _rules(torch, steps), Mode():
        return call()


@contextmanager
def _rules(torch: Any, steps: Steps) -> Iterator[None]:
    """Rules of the user's own (`autograd.Function`) as one step each: what happens inside has no derivative."""
    held = torch.autograd.Function.__dict__.get("apply")
    if held is None:
        yield
        return

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        steps.quiet += 1
        try:
            result = held.__get__(None, cls)(*args, **kwargs)
        finally:
            steps.quiet -= 1
        return result if steps.quiet else steps.note(f"{cls.__name__}.apply", (args, kwargs), result)

    torch.autograd.Function.apply = classmethod(apply)
    try:
        yield
    finally:
        torch.autograd.Function.apply = held


def _frames(frame: Any) -> Iterator[tuple[str, int]]:
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back


def rows(
    side: Any, replace: Mapping[int, Array], gradients: bool
) -> tuple[list[Row], dict[str, Array], dict[int, Any]]:
    """(steps, outputs, cotangents of the leaves) of a side's function; without gradients the outputs alone."""
    torch = side.torch
    names = {leaf.name: replace[-k - 1] for k, leaf in enumerate(side.leaves) if -k - 1 in replace}
    natives, wanted = side.natives(names), side._wanted()
    for k in wanted:
        natives[k].requires_grad_(True)
    steps = Steps(torch, natives, replace, gradients)
    named = side.outputs(record(torch, lambda: side.call(natives), steps))
    outputs = {name: side.as_numpy(value) for name, value in named}
    if not gradients:
        return [], outputs, {}
    active = [v for _, v in named if side.differentiable(v)]
    seeds = [torch.from_numpy(np.array(c)).to(device=v.device, dtype=v.dtype)
             for v, c in zip(active, side._cotangents, strict=True)]
    flowing = [(v, c) for v, c in zip(active, seeds, strict=True) if v.requires_grad]
    if flowing:
        torch.autograd.backward([v for v, _ in flowing], [c for _, c in flowing])
    out = []
    for (name, where, parents), x in zip(steps.meta, steps.tensors, strict=True):
        cotangent = side.as_numpy(x.grad) if x.requires_grad and x.grad is not None else None
        out.append(Row(name, where, parents, side.as_numpy(x), cotangent))
    return out, outputs, {k: None if natives[k].grad is None else side.as_numpy(natives[k].grad) for k in wanted}
