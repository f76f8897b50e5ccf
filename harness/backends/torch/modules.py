"""Modules of torch as functions of their parameters and buffers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Values:
    """Other values in a user's modules, and the user's own back again.

    The tensors of a module stay the objects they are and are given other data: whatever else holds them (a list, a
    tied layer, the flat weights of an LSTM, a variable of Keras) sees the new values, and gradients reach them by every
    path. The data stay until `restore`, because a graph that was recorded with them needs them until it is pulled back.
    """

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._own: dict[int, tuple[Any, Any]] = {}  # a tensor of the user's, and its data
        self._entries: dict[int, tuple[Any, dict[str, tuple[Any, str, Any]]]] = {}
        self._stand_ins: list[tuple[Any, Any]] = []

    def give(self, module: Any, values: Mapping[str, Any]) -> None:
        """values: by the names of named_parameters and named_buffers. They share their memory with the module."""
        for name, (place, key, tensor) in self._held(module).items():
            if name not in values:
                continue
            entries = place._parameters if key in place._parameters else place._buffers
            entries[key] = tensor  # where the last call put another one in its place
            self._own.setdefault(id(tensor), (tensor, tensor.data))
            tensor.data = values[name].detach()
            self._stand_ins.append((values[name], tensor))

    def _held(self, module: Any) -> dict[str, tuple[Any, str, Any]]:
        """Where the module holds each of its tensors, as found the first time."""
        if id(module) not in self._entries:
            found = {}
            for name, tensor in (*module.named_parameters(), *module.named_buffers()):
                path, _, key = name.rpartition(".")
                found[name] = (module.get_submodule(path), key, tensor)
            self._entries[id(module)] = (module, found)
        return self._entries[id(module)][1]

    def begin(self) -> None:
        """Forget whose values were given: a new call begins."""
        self._stand_ins = []

    def of(self, native: Any) -> Any:
        """The tensor of a module that holds this value; the value itself where no module does."""
        return next((tensor for value, tensor in self._stand_ins if value is native), native)

    def given(self, tensor: Any) -> Any:
        """The value that was given to a tensor of a module; None where it is no such tensor."""
        return next((value for value, own in self._stand_ins if own is tensor), None)

    def unmark(self, *attributes: str) -> None:
        """Take attributes off the user's tensors that were set while they were written into."""
        for _, own in self._stand_ins:
            for name in attributes:
                vars(own).pop(name, None)

    def buffers(self) -> list[Any]:
        """The state that the modules have now, which is no parameter: running statistics."""
        return [b for module, _ in self._entries.values() for b in module.buffers()]

    def restore(self) -> None:
        """Everything as the user had it."""
        for _, found in self._entries.values():
            for place, key, tensor in found.values():
                entries = place._parameters if key in place._parameters else place._buffers
                entries[key] = tensor
        for tensor, data in self._own.values():
            tensor.data = data
        self._own, self._entries, self._stand_ins = {}, {}, []
