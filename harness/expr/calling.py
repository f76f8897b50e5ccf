"""A case's function as a callable over its leaves, with what it returns checked and said in sentences."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from harness.model import Input, Task


class Wrong(Exception):
    """What a function or a framework returned cannot be read as asked; the message is a sentence; status error."""


def output_names(task: Task, count: int) -> tuple[str, ...]:
    """The names of `count` outputs: those of the case, or "out", or "out0", "out1", ..."""
    if len(task.outputs) == count:
        return task.outputs
    return ("out",) if count == 1 else tuple(f"out{k}" for k in range(count))


def result_sequence(result: Any) -> tuple[Any, ...]:
    """What a case's function returned, as a tuple of outputs (named tuples and lists are tuples of outputs)."""
    return tuple(result) if isinstance(result, tuple | list) else (result,)


class Function:
    """A case's function over the flat tuple of its leaves (task.inputs order); returns a tuple of arrays.

    `as_array` turns one returned object into an array of the framework, or returns None where it is not one.
    """

    def __init__(self, call: Callable[..., Any], task: Task, as_array: Callable[[Any], Any]) -> None:
        self._call, self._as_array, self._named = call, as_array, task.outputs
        self.inputs = task.inputs
        self._groups = group_leaves(task.inputs)
        self.differentiated = tuple(k for k, i in enumerate(task.inputs) if i.differentiate)
        #: number of outputs, once the function has been called
        self.count: int | None = None

    def wrap(self, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Replace the case's own function by what the wrapper makes of it; the checks stay outside."""
        self._call = wrapper(self._call)

    def __call__(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        outputs = result_sequence(self._call(*(pick(leaves) for pick in self._groups)))
        return self._checked(outputs)

    def of(self, leaves: Sequence[Any], positions: Sequence[int]) -> Callable[..., tuple[Any, ...]]:
        """The function of the leaves at `positions` alone, the others held at `leaves`."""
        fixed = list(leaves)

        def moved(*moving: Any) -> tuple[Any, ...]:
            now = list(fixed)
            for position, leaf in zip(positions, moving, strict=True):
                now[position] = leaf
            return self(now)

        return moved

    def output(self, leaves: Sequence[Any], positions: Sequence[int], output: int) -> Callable[..., Any]:
        """f_o: one output as a function of the leaves at `positions`."""
        every = self.of(leaves, positions)
        return lambda *moving: every(*moving)[output]

    def _checked(self, outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        if not outputs:
            raise Wrong("the function returned no output at all")
        if self._named and len(outputs) != len(self._named):
            raise Wrong(
                f"the function returned {len(outputs)} outputs, and the case names {len(self._named)}: "
                f"{', '.join(self._named)}"
            )
        if self.count is None:
            self.count = len(outputs)
        elif self.count != len(outputs):
            raise Wrong(f"the function returned {self.count} outputs before and {len(outputs)} now")
        arrays = []
        for position, value in enumerate(outputs):
            array = self._as_array(value)
            if array is None:
                name = self._named[position] if self._named else f"number {position + 1}"
                raise Wrong(f"output {name} is a {type(value).__name__}, expected an array of the framework")
            arrays.append(array)
        return tuple(arrays)


def group_leaves(inputs: Sequence[Input]) -> list[Callable[[Sequence[Any]], Any]]:
    """One picker per argument of the function: a plain leaf, or a fresh mapping of the leaves "group.key"."""
    members: dict[str, list[int]] = {}
    for position, leaf in enumerate(inputs):
        members.setdefault(leaf.group, []).append(position)
    pickers: list[Callable[[Sequence[Any]], Any]] = []
    for group, positions in members.items():
        if len(positions) == 1 and inputs[positions[0]].name == group:
            pickers.append(partial(_leaf, positions[0]))
        else:
            keys = [inputs[k].name.partition(".")[2] for k in positions]
            pickers.append(partial(_mapping, keys, positions))
    return pickers


def _leaf(position: int, leaves: Sequence[Any]) -> Any:  # not an itemgetter, which torch.compile cannot trace
    return leaves[position]


def _mapping(keys: Sequence[str], positions: Sequence[int], leaves: Sequence[Any]) -> dict[str, Any]:
    return {key: leaves[k] for key, k in zip(keys, positions, strict=True)}


def compile_task(task: Task, family: str, roots: Mapping[str, Any], as_array: Callable[[Any], Any]) -> Function:
    """The function of a task. Raises expr.NoSpelling where the family has no spelling, CaseError where it is wrong."""
    from harness import expr

    sys.path.extend(folder for folder in task.path if folder not in sys.path)
    arguments = tuple(dict.fromkeys(leaf.group for leaf in task.inputs))
    return Function(expr.compile_source(task.source, arguments, family, roots, task.modules), task, as_array)


class Steady:
    """Notices when a function changes the kind of its outputs from point to point."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._first: tuple[str, tuple[str, ...]] | None = None

    def check(self, point: str, dtypes: Sequence[str]) -> None:
        """Raises Wrong where an output's dtype is not what it was at the first point."""
        now = tuple(dtypes)
        if self._first is None:
            self._first = (point, now)
            return
        before, first = self._first
        for name, a, b in zip(output_names(self._task, len(now)), first, now, strict=True):
            if a != b:
                raise Wrong(f"output {name} is {b} here and was {a} at point {before}")
