"""Single precision inside a program of torch: calls, and rules of derivatives, that narrow what is differentiated."""

from __future__ import annotations

import sys
from typing import Any

from harness.backends.side.narrow import Narrow
from harness.backends.side.narrow import narrow as of_steps
from harness.backends.side.recording import Tape, not_the_users, own_place
from harness.backends.torch.inside import tensors
from harness.backends.torch.recording import frames, play


def narrow(side: Any) -> list[Narrow]:
    """The lines, each once: those of the value, then those of rules that are written in Python."""
    tape = Tape({}, gradients=False)
    play(side, tape)
    dtypes = {-k - 1: str(leaf.array.dtype) for k, leaf in enumerate(side.leaves) if leaf.array is not None}
    found = of_steps(tape.steps(), dtypes, [-k - 1 for k in side._wanted()])
    return list(dict.fromkeys([*found, *_backward(side)]))


def _backward(side: Any) -> list[Narrow]:
    from torch.utils._python_dispatch import TorchDispatchMode

    torch = side.torch
    folders = not_the_users(torch)
    found: list[Narrow] = []
    leaves = side.natives()
    moving = [leaves[k].requires_grad_(True) for k in side._wanted()]
    base = max((_bits(torch, x) for x in moving), default=0)

    class Looking(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            given = max((_bits(torch, x) for x in tensors(torch, args)), default=0)
            for x in tensors(torch, result):
                narrows = 0 < _bits(torch, x) < min(given, base)
                here = own_place(frames(sys._getframe(1)), folders) if narrows else None
                if here is not None:
                    found.append(Narrow(*here, str(x.dtype).removeprefix("torch.")))
            return result

    named = side.outputs(side.call(leaves))
    flowing = [v for _, v in named if side.differentiable(v)]
    pairs = [(v, c) for v, c in zip(flowing, side._cotangents, strict=True) if v.requires_grad]
    if pairs:
        seeds = [torch.from_numpy(c.copy()).to(v.device, v.dtype) for v, c in pairs]
        with Looking():
            torch.autograd.grad([v for v, _ in pairs], [side.held.of(x) for x in moving], seeds, allow_unused=True)
    return found


def _bits(torch: Any, x: Any) -> int:
    """Of a real or complex number's parts; 0 of any other dtype."""
    return int(torch.finfo(x.dtype).bits) if x.is_floating_point() or x.is_complex() else 0
