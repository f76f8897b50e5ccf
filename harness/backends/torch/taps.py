"""What torch has at the taps of a function: the values, and the gradients at the edges of the graph.

The edge of a tensor at the moment of the tap is kept, not the tensor, which may be written into afterwards: its
gradient would then be the one with respect to what it became. Releases before 2.1 have no such edges.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from harness.backends.side.values import plain
from harness.tapping import MOST, Names, Tapped, listening, rebuilt

_TRANSFORMED = "inside a transformation of torch.func (grad, vmap, jvp), where it has no value of its own"
_NO_GRAD = "under torch.no_grad(), so there is no gradient"
_CUT = "the tensor requires no gradient here: no parameter reaches it, or it was detached"
_UNUSED = "the output does not depend on it"


def record(torch: Any, call: Callable[[], Any]) -> list[Tapped]:
    """The taps of one evaluation, in the order of the calls.

    call: evaluates the user's function and returns L, a real scalar tensor, with the graph of what is differentiated.
    Gradients are L_x + i L_y, which is what torch returns. Exceptions of the user's code pass through.
    """
    names, found = Names(), list[Tapped]()
    edges: dict[int, Any] = {}
    edge = getattr(torch.autograd.graph, "get_gradient_edge", None) or (lambda x: x)

    def leaf(name: str, x: Any) -> Any:
        entry = Tapped(name)
        at = len(found)
        found.append(entry)
        if not isinstance(x, torch.Tensor):
            entry.value, entry.note = plain(x, "a tensor")
            return x
        if _transformed(torch, x):
            entry.note = _TRANSFORMED
            return x
        entry.value = _array(x)
        entry.connected = bool(x.requires_grad)
        if not x.requires_grad:
            if not (x.is_floating_point() or x.is_complex()):
                entry.note = f"{x.dtype} has no gradient"
            else:
                entry.note = _CUT if torch.is_grad_enabled() else _NO_GRAD
            return x
        edges[at] = edge(x)
        return x

    def listener(name: str, x: Any) -> Any:
        return x if names.full() else rebuilt(names.new(name), x, leaf)

    with ExitStack() as stack:
        stack.enter_context(listening(listener))
        stance = getattr(getattr(torch, "compiler", None), "set_stance", None)
        if stance is not None:  # a compiled function would trace the listener
            stack.enter_context(stance("force_eager"))
        loss = call()
    if edges and isinstance(loss, torch.Tensor) and loss.requires_grad:
        for at, gradient in zip(edges, torch.autograd.grad(loss, list(edges.values()), allow_unused=True), strict=True):
            if gradient is None:
                found[at].gradient, found[at].note = np.zeros_like(found[at].value), _UNUSED
            else:
                found[at].gradient = _array(gradient)
    elif edges:
        for at in edges:
            found[at].note = "the output requires no gradient"
    if names.dropped:
        found.append(Tapped("...", note=f"{names.dropped} more calls of harness.tap are left out, {MOST} are kept"))
    return found


def _transformed(torch: Any, x: Any) -> bool:
    functorch = getattr(torch._C, "_functorch", None)
    test = getattr(functorch, "is_functorch_wrapped_tensor", None)
    return bool(test and test(x))


def _array(x: Any) -> Any:
    """A tensor as a NumPy array of its own memory; bfloat16, which NumPy lacks, as float32."""
    x = x.detach()
    x = x.resolve_conj() if hasattr(x, "resolve_conj") else x
    x = x.resolve_neg() if hasattr(x, "resolve_neg") else x
    x = x.to_dense() if getattr(x, "is_sparse", False) else x
    if str(x.dtype) == "torch.bfloat16":
        x = x.float()
    return x.cpu().numpy().copy()
