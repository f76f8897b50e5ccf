"""The torch side of an audit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.backends.side.base import AuditSide
from harness.backends.side.binding import as_function
from harness.backends.side.faults import AuditFault, guarded
from harness.backends.side.narrow import Narrow
from harness.backends.side.tree import Node, standard
from harness.backends.side.values import Leaf
from harness.backends.torch.modules import Values
from harness.tapping import Tapped
from harness.wirtinger import Array


class TorchSide(AuditSide):
    """Functions of tensors and modules, differentiated by torch.autograd."""

    family = "torch"
    raw_sign = 1

    def __init__(self) -> None:
        super().__init__()
        import torch

        self.torch = torch
        self._swaps: dict[int, tuple[Any, dict[str, Any]]] = {}
        self.held = Values(torch)
        self.inner: dict[int, int] = {}  # how many steps a recorded call has inside, by its number
        self.plain: set[Any] = set()  # functions that are one step
        self._in_place = False

    def versions(self) -> dict[str, str]:
        return {"torch": str(self.torch.__version__)}

    def seed_all(self) -> None:
        super().seed_all()
        self.torch.manual_seed(0)

    # -- trees ---------------------------------------------------------------------------------------------------------

    def expand(self, node: Any) -> Node:
        if isinstance(node, self.torch.nn.Module):
            names = [*node.named_parameters(), *node.named_buffers()]

            def build(new: list[Any]) -> Any:
                self._swaps[id(node)] = (node, dict(zip([n for n, _ in names], new, strict=True)))
                return node

            return names, build
        if isinstance(node, self.torch.Tensor):
            return None
        return standard(node)

    def as_numpy(self, leaf: Any) -> Array | None:
        torch = self.torch
        if isinstance(leaf, np.ndarray | np.generic):
            return np.array(leaf) if leaf.dtype.kind in "biufc" else None
        if not isinstance(leaf, torch.Tensor):
            return None
        tensor = leaf.detach().resolve_conj().resolve_neg().cpu()
        if tensor.dtype in (torch.bfloat16, torch.float16):
            tensor = tensor.float()
        elif tensor.dtype == getattr(torch, "complex32", None):
            tensor = tensor.to(torch.complex64)
        return np.array(tensor.numpy())

    def as_native(self, array: Array, leaf: Leaf) -> Any:
        tensor = self.torch.from_numpy(np.array(array, order="C"))
        dtype = None if leaf.cast or not isinstance(leaf.original, self.torch.Tensor) else leaf.original.dtype
        if leaf.half:
            dtype = None if self.wide else getattr(self.torch, leaf.half)
        device = leaf.original.device if isinstance(leaf.original, self.torch.Tensor) else "cpu"
        return tensor.to(dtype=dtype, device=device)

    def _active(self, value: Any) -> bool:
        return not (isinstance(value, self.torch.Tensor) and id(value) in self._constant)

    def _mutated(self, leaves: Sequence[Any]) -> tuple[str, ...]:
        """Buffers of modules are there to be updated: they are a note."""
        changed = super()._mutated(leaves)
        buffers = {leaf.name for leaf in self.leaves if id(leaf.original) in self._constant}
        found = [name for name in changed if name in buffers]
        note = f"the torch side updates buffers of its module ({', '.join(found[:3])}): running statistics?"
        if found and note not in self.notes:
            self.notes.append(note)
        return tuple(name for name in changed if name not in buffers)

    def differentiable(self, array: Any) -> bool:
        return bool(array.is_floating_point() or array.is_complex())

    # -- calling -------------------------------------------------------------------------------------------------------

    def target(self, found: Any, name: str) -> Callable[..., Any]:
        """A function as it is; a module, or a class of modules, as a function of its state and its inputs."""
        nn = self.torch.nn
        if isinstance(found, type) and issubclass(found, nn.Module):
            try:
                found = found()
            except Exception as error:
                raise AuditFault("import", f"the class {name} cannot be made without arguments: {error}") from error
        if not isinstance(found, nn.Module):
            return super().target(found, name)
        return as_function(found)

    def load(self, target: Any, sources: Any, **options: Any) -> list[Leaf]:
        self._constant: set[int] = set()
        return super().load(target, sources, **options)

    def _expand_module(self, node: Any) -> Node:
        if isinstance(node, self.torch.nn.Module):
            self._constant |= {id(b) for b in node.buffers()}
            self._constant |= {id(p) for p in node.parameters() if not p.requires_grad}
        return self.expand(node)

    def invoke(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        swaps, self._swaps = list(self._swaps.values()), {}
        self.held.begin()
        if not self._in_place:
            with self.torch._C.DisableTorchFunction():  # a mode that records calls has no part in this
                for module, values in swaps:
                    self.held.give(module, values)
        return function(*args, **kwargs)

    def release(self) -> None:
        self.held.restore()

    def differentiate(
        self,
        call: Callable[[Sequence[Any]], Any],
        leaves: list[Any],
        wanted: Sequence[int],
        choose: Callable[[Sequence[Any]], list[Array]],
    ) -> tuple[list[tuple[str, Any]], list[Array | None]]:
        torch = self.torch
        for k in wanted:
            leaves[k].requires_grad_(True)
        named = self.outputs(call(leaves))
        active = [value for _, value in named if self.differentiable(value)]
        if not active:
            raise AuditFault("structure", f"the function returned {named[0][1].dtype} only: it has no derivative")
        buffers = self.held.buffers()
        self.states = tuple(k for k, v in enumerate(active) if any(v is b for b in buffers))
        flowing = [(v, c) for v, c in zip(active, choose(active), strict=True) if v.requires_grad]
        gradients: list[Any] = [None] * len(wanted)
        if flowing:
            seeds = [torch.from_numpy(np.array(c)).to(device=v.device, dtype=v.dtype) for v, c in flowing]
            moving = [self.held.of(leaves[k]) for k in wanted]
            gradients = list(torch.autograd.grad([v for v, _ in flowing], moving, seeds, allow_unused=True))
        return named, [None if g is None else self.as_numpy(g) for g in gradients]

    def record(
        self,
        call: Callable[[Sequence[Any]], Any],
        leaves: list[Any],
        wanted: Sequence[int],
        cotangents: Sequence[Array],
        connections: bool,
    ) -> list[Tapped]:
        from harness.backends.torch.taps import record

        torch = self.torch
        for k in wanted:
            leaves[k].requires_grad_(True)

        def loss() -> Any:
            active = [v for _, v in self.outputs(call(leaves)) if self.differentiable(v)]
            seeds = [torch.from_numpy(np.array(c)).to(v.device) for v, c in zip(active, cotangents, strict=True)]
            return sum((c.conj() * v).real.sum() for v, c in zip(active, seeds, strict=True))

        return record(torch, loss)

    def trace(self) -> list[dict[str, Any]]:
        from harness.backends.torch.trace import trace

        self.announce("tracing the functions that are called")
        leaves = self.natives()
        found: list[dict[str, Any]] = guarded(lambda: trace(self.torch, lambda: self.call(leaves)))
        return found

    def padded(self) -> list[tuple[str, int]]:
        from harness.backends.torch.trace import padded

        leaves = self.natives()
        found = guarded(lambda: padded(self.torch, lambda: self.call(leaves)))
        return [(leaf.name, row) for table, row in found for leaf, native in zip(self.leaves, leaves, strict=True)
                if isinstance(native, self.torch.Tensor) and native.shape == table.shape
                and native.data_ptr() == table.data_ptr()]

    def narrow(self) -> list[Narrow]:
        from harness.backends.torch.narrow import narrow

        self.announce("looking for single precision inside")
        return list(guarded(lambda: narrow(self)))

    def iterates(self) -> bool:
        from harness.backends.torch.trace import iterates

        leaves = self.natives()
        for k in self._wanted():
            leaves[k].requires_grad_(True)
        return bool(guarded(lambda: iterates(self.torch, lambda: self.call(leaves))))

    def play(self, tape: Any) -> dict[str, Array]:
        """See harness.backends.torch.recording.play."""
        from harness.backends.torch.recording import play

        return play(self, tape)

    # -- an optimiser step ---------------------------------------------------------------------------------------------

    def step_leaves(self) -> list[Any]:
        """Leaves that ask for gradients, and the user's own modules: an optimiser works on them in place."""
        self._in_place = True
        self.held.restore()
        for leaf in self.leaves:
            if isinstance(leaf.original, self.torch.nn.Parameter):
                self._give(leaf)
        leaves = self.natives()
        for leaf, native in zip(self.leaves, leaves, strict=True):
            if leaf.differentiate:
                native.requires_grad_(True)
        return leaves

    def _give(self, leaf: Leaf) -> None:
        """The user's own parameter gets the value of the leaf."""
        with self.torch.no_grad():
            leaf.original.copy_(self.torch.from_numpy(np.array(leaf.array)))

    def step(self, target: Any) -> dict[str, Array]:
        try:
            return super().step(target)
        finally:
            self._in_place = False

    def step_result(self, result: Any, leaves: Sequence[Any]) -> dict[str, Array]:
        found = super().step_result(result, leaves)
        for leaf in self.leaves:  # parameters of modules were changed in the module itself
            if isinstance(leaf.original, self.torch.nn.Parameter):
                new = self.as_numpy(leaf.original)
                if new is not None:
                    found[leaf.name] = new
                self._give(leaf)
        return found


def read_state(path: str) -> dict[str, Array]:
    """The tensors of a `.pt` file by name, read by torch.load(weights_only=True) only. Raises AuditFault."""
    import torch

    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        text = " ".join(str(error).split())
        if "weights_only" in text or "Unsupported" in text or "WeightsUnpickler" in text:
            raise AuditFault(
                "inputs",
                f"{path} holds more than tensors (pickled Python objects), which the safe loader refuses; it is not "
                "read. Save a state dict: torch.save(model.state_dict(), path), or use .safetensors or .npz",
            ) from error
        raise AuditFault("inputs", f"{path} cannot be read as a torch file: {text[:200]}") from error
    from harness.backends.side.tree import flatten

    leaves, _ = flatten(held, "", standard)
    side = TorchSide()
    arrays = {name: side.as_numpy(value) for name, value in leaves if isinstance(value, torch.Tensor)}
    return {name: array for name, array in arrays.items() if array is not None}
