"""The torch functions that a user's function calls, with the numbers they were called with.

What the user's lines call is recorded, not what torch's functions call inside: `torch.nn.functional.silu` is one call.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from inspect import signature
from typing import Any

import numpy as np

from harness.backends.side.recording import not_the_users

#: Elements that are kept of one function's arguments, over all its calls; the rest is counted.
MOST = 1024
#: Calls of one line from which on it iterates.
MANY = 8
_FUNCTIONS = 200  # different calls that are told apart


def trace(torch: Any, call: Callable[[], Any]) -> list[dict[str, Any]]:
    """One entry for each function called, each set of its constants and each dtype, in the order of the first calls.

    Keys: function ("torch.acosh", "torch.Tensor.abs", "torch.nn.functional.silu"), tensors (how many arguments are
    tensors), positional and keywords (numbers and such as they were given, None for the tensor), dtype (of the first
    tensor), elements (1-D NumPy array: up to MOST of the first tensor's), calls, total (elements of all calls),
    elementwise (whether the result has the shape of the one tensor), where ("port.py:12").
    """
    found: dict[Any, dict[str, Any]] = {}

    class Mode(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            seen = _operands(torch, args, kwargs)
            result = func(*args, **kwargs)
            with suppress(Exception):  # what cannot be described is left out: the user's result is not ours to spoil
                _note(torch, found, func, args, kwargs, seen, result)
            return result

    with Mode():
        call()
    out = list(found.values())
    for entry in out:
        parts = entry.pop("parts")
        entry["elements"] = np.concatenate(parts) if parts else np.zeros(0)
    return out


def iterates(torch: Any, call: Callable[[], Any]) -> bool:
    """Whether one line calls a function again and again, and no gradient goes through what it returns."""
    still: Counter[Any] = Counter()

    class Mode(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and _differentiable(result) and not result.requires_grad:
                still[func, _where()] += 1
            return result

    with Mode():
        call()
    return any(count >= MANY for count in still.values())


def padded(torch: Any, call: Callable[[], Any]) -> list[tuple[Any, int]]:
    """(table, row) of every embedding that is called with a `padding_idx`."""
    found: list[tuple[Any, int]] = []

    class Mode(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func in (torch.nn.functional.embedding, torch.nn.functional.embedding_bag):
                given = signature(func).bind(*args, **(kwargs or {})).arguments
                if given.get("padding_idx") is not None:
                    found.append((given["weight"], int(given["padding_idx"]) % given["weight"].shape[0]))
            return func(*args, **(kwargs or {}))

    with Mode():
        call()
    return found


def _operands(torch: Any, args: Any, kwargs: Any) -> list[Any]:
    """The tensors among the arguments; what a call does in place must not change what is recorded of them."""
    flat = list(args) + list(kwargs.values())
    tensors = []
    for value in flat:
        if isinstance(value, torch.Tensor):
            tensors.append(value)
        elif isinstance(value, (list, tuple)):
            tensors += [v for v in value if isinstance(v, torch.Tensor)]
    if len(tensors) != 1:
        return tensors
    tensor = tensors[0].detach()
    return [tensor.clone() if tensor.numel() <= MOST else tensor]


def _note(torch: Any, found: dict[Any, dict[str, Any]], func: Any, args: Any, kwargs: Any, seen: list[Any],
          result: Any) -> None:
    name = torch.overrides.resolve_name(func) or getattr(func, "__name__", "")
    if not seen or not name or not _differentiable(seen[0]):
        return
    if name.endswith("__get__"):
        name = name[: -len(".__get__")]
        if name.rpartition(".")[2] not in ("real", "imag", "T", "H", "mT", "mH"):
            return
    positional = [None if isinstance(a, torch.Tensor) else a for a in args]
    keywords = {k: None if isinstance(v, torch.Tensor) else v for k, v in kwargs.items()}
    dtype = str(seen[0].dtype).removeprefix("torch.")
    key = (name, repr(positional)[:200], repr(keywords)[:200], dtype)
    entry = found.get(key)
    if entry is None:
        if len(found) >= _FUNCTIONS:
            return
        entry = found[key] = {
            "function": name, "tensors": len(seen), "positional": [_plain(p) for p in positional],
            "keywords": {k: _plain(v) for k, v in keywords.items()}, "dtype": dtype, "parts": [], "calls": 0,
            "total": 0, "elementwise": len(seen) == 1, "where": _where(),
        }
    entry["calls"] += 1
    same = isinstance(result, torch.Tensor) and tuple(result.shape) == tuple(seen[0].shape)
    entry["elementwise"] = entry["elementwise"] and same
    if len(seen) != 1:
        return
    entry["total"] += seen[0].numel()
    room = MOST - sum(p.size for p in entry["parts"])
    if room > 0 and seen[0].numel():
        entry["parts"].append(_sample(torch, seen[0], room))


def _differentiable(x: Any) -> bool:
    return bool(x.is_floating_point() or x.is_complex()) and x.layout == _strided(x)


def _strided(x: Any) -> Any:
    return sys.modules["torch"].strided


def _sample(torch: Any, x: Any, room: int) -> Any:
    """At most `room` elements, evenly spaced."""
    flat = x.detach().reshape(-1)
    if flat.numel() > room:
        flat = flat[torch.linspace(0, flat.numel() - 1, room).long()]
    flat = flat.resolve_conj().resolve_neg().cpu()
    if flat.dtype in (torch.bfloat16, torch.float16):
        flat = flat.float()
    return flat.numpy().copy()


def _plain(value: Any) -> Any:
    """A constant as plain data; what is none as the text "?"."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, complex):
        return {"real": value.real, "imag": value.imag}
    if isinstance(value, (list, tuple)) and all(isinstance(v, (bool, int, float)) for v in value):
        return list(value)
    return "?"


def _where() -> str:
    """ "port.py:12": the innermost line that is neither torch's nor ours."""
    frame: Any = sys._getframe(1)
    folders = tuple(folder + os.sep for folder in not_the_users(sys.modules["torch"]))
    while frame is not None:
        path = os.path.abspath(frame.f_code.co_filename)
        if not path.startswith(folders):
            return f"{os.path.basename(path)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
