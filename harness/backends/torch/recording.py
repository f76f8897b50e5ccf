"""The steps of a function on torch: what every call above autograd returns, and its cotangent.

A mode sees each call that the user's program makes; a hook at the result takes the cotangent when it arrives. Results
carry the number of their step as an attribute, which lives and dies with them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from harness.backends.side.recording import Tape, not_the_users, own_place
from harness.backends.torch.inside import steps_inside, tensors, whole
from harness.wirtinger import Array

_GETTERS = ("T", "H", "mT", "mH", "real", "imag", "data")
_NO_STEPS = ("retain_grad", "requires_grad_", "register_hook", "__set__", "backward")
#: What writes into running statistics without counting it as a version of theirs.
_UNCOUNTED = ("batch_norm", "instance_norm")
_MARK, _SEEN = "_harness_step", "_harness_seen"
_TRANSFORMED = "torch: what is computed inside a transformation of torch.func (grad, vmap, jvp) is left out"


class Steps:
    """One call as it is recorded."""

    def __init__(self, side: Any, tape: Tape, natives: Sequence[Any]) -> None:
        self.side, self.torch, self.tape = side, side.torch, tape
        self.quiet = self.calls = 0
        self.arriving = False
        self.scopes: list[str] = []
        self._folders = not_the_users(self.torch)
        for k, x in enumerate(natives):
            if isinstance(x, self.torch.Tensor):
                setattr(x, _MARK, (self, -k - 1))

    def id(self, x: Any) -> int | None:
        """The number of the step that a tensor comes from."""
        for held in (x, self.side.held.given(x)):
            owner, number = getattr(held, _MARK, (None, None))
            if owner is self and number is not None:
                return int(number)
        return None

    def inside(self, func: Any, args: Any, kwargs: Any, name: str, before: Sequence[tuple[Any, int]]) -> list[int]:
        """What a call computes inside, as steps without cotangents; those from which its result is made.

        The same calls are looked into each time, since they share the numbering; for their values alone where asked.
        """
        mark = _content if name in _UNCOUNTED else _version
        odd = any(mark(x) != held or not self._recordable(x) for x, held in before if _floating(x))
        if odd or not before or whole(name):
            return []
        self.calls += 1
        known, tape, start = self.side.inner, self.tape, self.tape.count
        count = known.get(self.calls, 0 if func in self.side.plain else None)
        if count == 0 or (count is not None and not tape.prints and not any(
                start + k in (tape.wanted or ()) for k in range(count))):
            tape.count += count
            return []
        inner, last = steps_inside(self.torch, func, args, kwargs)
        numbers = [tape.number() for _ in inner]
        known[self.calls] = len(numbers)
        if not numbers:
            self.side.plain.add(func)
        where = own_place(frames(sys._getframe(1)), self._folders) or ("", 0)
        scope = self.scopes[-1] if self.scopes else ""

        def ids(given: Sequence[Any]) -> list[int]:
            found = (numbers[g] if isinstance(g, int) else self.id(g) for g in given)
            return [i for i in found if i is not None]

        for number, x in zip(numbers, inner, strict=True):
            tape.step(number, x.op, where, ids(x.given), _view(self.torch, x.value), scope=scope, quiet=True)
        return ids(last)

    def note(self, name: str, inputs: Any, result: Any, before: Sequence[tuple[Any, int]] = (),
             inner: Sequence[int] = ()) -> Any:
        """The result of a call, recorded; tensors are replaced where that is asked for.

        before: the tensors among the inputs with their marks: those that were written into are results too.
        inner: steps inside the call from which its result is made.
        """
        mark = _content if name in _UNCOUNTED else _version
        parents = [i for x in tensors(self.torch, inputs) if (i := self.id(x)) is not None]
        parents += [i for i in inner if i not in parents]
        results = list(tensors(self.torch, result))
        written = [x for x, held in before if mark(x) != held]
        swaps: dict[int, Any] = {}
        for x in [*written, *results]:
            if self._known(x, written) or not self._recordable(x):
                continue
            new = self._step(name, parents, x, any(x is w for w in written))
            if new is not x:
                swaps[id(x)] = new
            base = getattr(x, "_base", None)
            if any(x is w for w in written) and base is not None and self.id(base) is not None:
                self._step(name, [self.id(base), self.id(x)], base, True)  # written into through a view
        return _swapped(self.torch, result, swaps) if swaps else result

    def _known(self, x: Any, written: Sequence[Any]) -> bool:
        """Whether a result is an input handed on, or was recorded already."""
        number = self.id(x)
        return number is not None and (getattr(x, _SEEN, None) == (number, _version(x)) or
                                       not any(x is w for w in written))

    def _recordable(self, x: Any) -> bool:
        if not _floating(x) or x.layout != self.torch.strided or x.device.type == "meta":
            return False
        functorch = getattr(self.torch._C, "_functorch", None)
        test = getattr(functorch, "is_functorch_wrapped_tensor", None)
        if test is not None and test(x):
            self.tape.note(_TRANSFORMED)
            return False
        return True

    def _step(self, name: str, parents: Any, x: Any, in_place: bool) -> Any:
        tape, number = self.tape, self.tape.number()
        if number in tape.replace:
            x = self._given(x, number, in_place)
        setattr(x, _MARK, (self, number))
        setattr(x, _SEEN, (number, _version(x)))
        if tape.prints or (tape.wanted is None or number in tape.wanted):
            where = own_place(frames(sys._getframe(1)), self._folders) or ("", 0)
            scope = self.scopes[-1] if self.scopes else ""
            tape.step(number, name, where, parents, _view(self.torch, x), scope=scope)
        if tape.gradients and x.requires_grad:
            x.register_hook(lambda g: self._arrived(number, g))
        return x

    def _arrived(self, number: int, gradient: Any) -> None:
        """A cotangent; not one of the user's own calls of autograd."""
        if self.arriving:
            self.tape.cotangent(number, _view(self.torch, gradient))

    def _given(self, x: Any, number: int, in_place: bool) -> Any:
        given = self.torch.from_numpy(np.array(self.tape.replace[number])).to(x.device, x.dtype).reshape(x.shape)
        given = self.tape.put(number, given, x.detach())
        if in_place:
            x.data.copy_(given)
            return x
        return _put(self.torch)(x, given)


def _put(torch: Any) -> Any:
    """A given value in the place of another, through which cotangents pass as they are."""

    class Put(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any, given: Any) -> Any:
            return given.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g, None

    held = getattr(torch.autograd.Function.apply, "_harness_original", None)
    return Put.apply if held is None else held.__get__(None, Put)


def _swapped(torch: Any, value: Any, swaps: Mapping[int, Any]) -> Any:
    if isinstance(value, torch.Tensor):
        return swaps.get(id(value), value)
    if isinstance(value, (tuple, list)):
        new = [_swapped(torch, x, swaps) for x in value]
        return type(value)(*new) if hasattr(value, "_fields") else type(value)(new)
    return value


def _floating(x: Any) -> bool:
    return bool(x.is_floating_point() or x.is_complex())


def _version(x: Any) -> int:
    try:
        return int(x._version)
    except RuntimeError:  # a tensor of inference mode
        return 0


def _content(x: Any) -> Any:
    """The version of a tensor; of one without gradient its numbers too."""
    return _version(x) if x.requires_grad else (_version(x), x.detach().cpu().numpy().tobytes())


def _view(torch: Any, x: Any) -> Array:
    """A tensor as an array, where possible of the same memory; bfloat16 and float16 as float32."""
    x = x.detach().resolve_conj().resolve_neg()
    if x.dtype in (torch.bfloat16, torch.float16):
        x = x.float()
    array: Array = x.cpu().numpy()
    return array


def record(steps: Steps, call: Callable[[], Any]) -> Any:
    """What the call returns, its steps noted."""
    torch = steps.torch

    class Mode(torch.overrides.TorchFunctionMode):  # type: ignore[misc, name-defined]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            name = getattr(func, "__name__", str(func))
            if name == "__get__":
                name = getattr(getattr(func, "__self__", None), "__name__", "")
                if name not in _GETTERS:
                    return func(*args, **kwargs)
            if steps.quiet or name in _NO_STEPS:
                return func(*args, **kwargs)
            mark = _content if name in _UNCOUNTED else _version
            with torch._C.DisableTorchFunction():
                before = [(x, mark(x)) for x in tensors(torch, (args, kwargs))]
            result = func(*args, **kwargs)
            with torch._C.DisableTorchFunction():
                inner = steps.inside(func, args, kwargs, name, before)
                return steps.note(name, (args, kwargs), result, before, inner)

    with ExitStack() as stack:
        stance = getattr(getattr(torch, "compiler", None), "set_stance", None)
        if stance is not None:  # a compiled function would trace the mode
            stack.enter_context(stance("force_eager"))
        stack.enter_context(_rules(torch, steps))
        stack.enter_context(_modules(torch, steps))
        stack.enter_context(Mode())
        return call()


@contextmanager
def _rules(torch: Any, steps: Steps) -> Iterator[None]:
    """Rules of the user's own (`autograd.Function`) as one step each: what happens inside has no derivative."""
    held = torch.autograd.Function.__dict__.get("apply")
    if held is None:
        yield
        return

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        with torch._C.DisableTorchFunction():
            before = [(x, _version(x)) for x in tensors(torch, (args, kwargs))]
        steps.quiet += 1
        try:
            result = held.__get__(None, cls)(*args, **kwargs)
        finally:
            steps.quiet -= 1
        if steps.quiet:
            return result
        with torch._C.DisableTorchFunction():
            return steps.note(f"{cls.__name__}.apply", (args, kwargs), result, before)

    apply._harness_original = held  # type: ignore[attr-defined]
    torch.autograd.Function.apply = classmethod(apply)
    try:
        yield
    finally:
        torch.autograd.Function.apply = held


@contextmanager
def _modules(torch: Any, steps: Steps) -> Iterator[None]:
    """The path of the module that runs, "layers.0.attn", below the outermost one that is the user's."""
    names: dict[int, str] = {}
    hooks = torch.nn.modules.module

    def enter(module: Any, args: Any) -> None:
        if not type(module).__module__.startswith("harness."):
            if id(module) not in names:
                above = f"{steps.scopes[-1]}." if steps.scopes and steps.scopes[-1] else ""
                for name, inner in module.named_modules():
                    names.setdefault(id(inner), f"{above}{name}" if steps.scopes else name)
            steps.scopes.append(names[id(module)])

    def leave(module: Any, args: Any, result: Any) -> None:
        if not type(module).__module__.startswith("harness.") and steps.scopes:
            steps.scopes.pop()

    with ExitStack() as stack:
        stack.callback(hooks.register_module_forward_pre_hook(enter).remove)
        stack.callback(hooks.register_module_forward_hook(leave).remove)
        yield


def frames(frame: Any) -> Iterator[tuple[str, int]]:
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back


def play(side: Any, tape: Tape) -> dict[str, Array]:
    """The outputs of a side's function, its steps written on the tape; cotangents of the leaves by negative ids."""
    torch = side.torch
    names = {leaf.name: tape.replace[-k - 1] for k, leaf in enumerate(side.leaves) if -k - 1 in tape.replace}
    natives, wanted = side.natives(names), side._wanted()
    for k in wanted:
        natives[k].requires_grad_(tape.gradients)
    steps = Steps(side, tape, natives)
    try:
        named = side.outputs(record(steps, lambda: side.call(natives)))
    finally:
        side.held.unmark(_MARK, _SEEN)
    if tape.gradients:
        active = [v for _, v in named if side.differentiable(v)]
        pairs = zip(active, side._cotangents, strict=True)
        flowing = [(v, torch.from_numpy(np.array(c)).to(v.device, v.dtype)) for v, c in pairs if v.requires_grad]
        steps.arriving = True
        if flowing:
            found = torch.autograd.grad([v for v, _ in flowing], [side.held.of(natives[k]) for k in wanted],
                                        [c for _, c in flowing], allow_unused=True)
            for k, gradient in zip(wanted, found, strict=True):
                if gradient is not None:
                    tape.cotangents[-k - 1] = side.as_numpy(gradient)
    return {name: side.as_numpy(value) for name, value in named}
