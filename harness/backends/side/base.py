"""One side of an audit: the user's function, its inputs as a tree of arrays, its value, gradient and differences.

Framework-free: `_audit_torch` and `_audit_jax` add how arrays go in and out and how the framework differentiates. Runs
in a worker process or, for callables that no other process can import, in the caller's. Gradients leave this module in
one form, L_x + i L_y (torch's; docs/mathematics.md), beside the sign with which the framework itself returns them.
"""

from __future__ import annotations

import random
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from harness.backends.side.binding import Source, bind, expression, imported, named_only
from harness.backends.side.faults import AuditFault, guarded, kind
from harness.backends.side.narrow import Narrow
from harness.backends.side.numeric import along, differences
from harness.backends.side.tree import Node, by_name, flatten
from harness.backends.side.values import Evaluation, Leaf, cast, coarsest, half_of, unsteadiness
from harness.backends.side.warned import heard
from harness.differences import Difference
from harness.formats import FORMATS, HALVES
from harness.tapping import Tapped, listening
from harness.wirtinger import Array


class AuditSide(ABC):
    """The user's function on one framework. `load` first; then any of the others, in any order."""

    family: str = ""
    raw_sign = 1  # the imaginary part of the framework's own gradient is raw_sign times that of L_x + i L_y

    def __init__(self) -> None:
        self.leaves: list[Leaf] = []
        self.notes: list[str] = []
        self.announce: Callable[[str], None] = lambda step: None
        self.received: Callable[[Any], Any] = lambda tree: tree  # what another framework's objects are on this side
        self._function: Callable[..., Any] = lambda: None
        self._cotangents: list[Array] = []
        self._seed = 0
        self._silent: tuple[int, ...] = ()  # outputs that are left out of the derivative
        self.states: tuple[int, ...] = ()  # which of the outputs with a derivative are a module's state (torch alone)
        self._held: dict[str, Any] = {}
        self._given: dict[str, Any] = {}
        self._rebuild: Callable[[Iterator[Any]], dict[str, Any]] = lambda new: {}
        self._state: dict[str, Any] = {}
        self.unused: list[str] = []
        self.wide = False  # whether what is in half precision is put in in single precision instead

    # -- what a framework adds -----------------------------------------------------------------------------------------

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Exact versions of the framework's packages."""

    @abstractmethod
    def expand(self, node: Any) -> Node:
        """One level of a tree, as `_audit_tree.standard`; None for a leaf."""

    @abstractmethod
    def as_numpy(self, leaf: Any) -> Array | None:
        """A copy of an array leaf for NumPy; None for what is no array."""

    @abstractmethod
    def as_native(self, array: Array, leaf: Leaf) -> Any:
        """A fresh array of the framework, with the dtype that the leaf had."""

    @abstractmethod
    def differentiate(
        self,
        call: Callable[[Sequence[Any]], Any],
        leaves: list[Any],
        wanted: Sequence[int],
        choose: Callable[[Sequence[Any]], list[Array]],
    ) -> tuple[list[tuple[str, Any]], list[Array | None]]:
        """(named outputs, L_x + i L_y for each wanted leaf) of `call(leaves)`.

        choose: cotangents, in torch's convention, for the outputs' arrays that can be differentiated.
        """

    @abstractmethod
    def record(
        self,
        call: Callable[[Sequence[Any]], Any],
        leaves: list[Any],
        wanted: Sequence[int],
        cotangents: Sequence[Array],
        connections: bool,
    ) -> list[Tapped]:
        """The taps of `call(leaves)`, with gradients of L = Re sum(conj(cotangent) * output).

        connections: whether `connected` is wanted where it costs an evaluation.
        """

    @abstractmethod
    def differentiable(self, array: Any) -> bool:
        """Whether an array of the framework is real or complex floating point."""

    def target(self, found: Any, name: str) -> Callable[..., Any]:
        """What was named, as a function; frameworks make functions of modules."""
        if not callable(found):
            raise AuditFault("import", f"{name} is a {type(found).__name__}, expected a function")
        function: Callable[..., Any] = found
        return function

    def seed_all(self) -> None:
        """Seed what is random in a process of its own: parameters that are drawn are drawn alike each time."""
        np.random.seed(0)
        random.seed(0)

    def release(self) -> None:  # noqa: B027 - most have nothing to undo
        """Undo what was changed in the process."""

    def prepare(self, double: bool) -> None:  # noqa: B027 - likewise
        """Called before arrays are made. double: some of them are in double precision."""

    # -- loading -------------------------------------------------------------------------------------------------------

    def load(
        self,
        target: Any,
        sources: Sequence[Source],
        *,
        path: Sequence[str] = (),
        precision: str = "",
        constant: Sequence[str] = (),
        seed: int = 0,
    ) -> list[Leaf]:
        """Import the function, bind its arguments, and flatten them. Raises AuditFault."""
        sys.path.extend(folder for folder in path if folder not in sys.path)
        self._seed = seed
        self.announce("importing the module")
        name = target if isinstance(target, str) else getattr(target, "__name__", "the function")
        self._function = self.target(imported(target) if isinstance(target, str) else target, name)
        self.announce("reading the inputs")
        with heard(self.notes, self.family):
            bound = bind(self._function, sources, name, self.announce)
        arguments = self._given = {name: self.received(tree) for name, tree in bound.arguments.items()}
        self._state, self.unused = bound.state, bound.unused
        parts = [flatten(tree, argument, self._expand_module) for argument, tree in arguments.items()]
        flat = [entry for found, _ in parts for entry in found]
        names = list(arguments)
        self._rebuild = lambda new: {n: build(new) for n, (_, build) in zip(names, parts, strict=True)}
        self.leaves = []
        for leaf_name, value in flat:
            array, half = self.as_numpy(value), precision if precision in HALVES else half_of(value)
            if array is not None and precision:
                array = cast(array, precision)
                half = precision if precision in HALVES and array.dtype.kind == "f" else ""
            elif array is not None and half:
                array = array.astype(np.float32)
            active = array is not None and array.dtype.kind in "fc" and self._active(value)
            active = active and not any(fnmatchcase(leaf_name, glob) for glob in constant)
            argument = leaf_name.partition(".")[0]
            self.leaves.append(Leaf(leaf_name, argument, value, array, active, bool(precision), half))
        self._give_state()
        self.prepare(any(x.array is not None and x.array.dtype in (np.float64, np.complex128) for x in self.leaves))
        if not any(leaf.differentiate for leaf in self.leaves):
            raise AuditFault("inputs", "no input is a real or complex floating-point array: nothing to differentiate")
        return self.leaves

    def _active(self, value: Any) -> bool:
        """Whether an array is a parameter rather than a buffer or something frozen."""
        return True

    def _give_state(self) -> None:
        """Put the values of a state dict into the leaves of a target that is a module."""
        for state in self._state.values():
            given, _ = flatten(state, "model", self.expand)
            mine = {leaf.name: leaf for leaf in self.leaves}
            unknown = [name for name, _ in given if name not in mine]
            if unknown:
                raise AuditFault("inputs", f"the state holds {unknown[0].partition('.')[2]!r}, which the module lacks")
            for name, value in given:
                array, leaf = self.as_numpy(value), mine[name]
                if array is None or leaf.array is None or array.shape != leaf.array.shape:
                    found = getattr(array, "shape", "no array")
                    raise AuditFault("inputs", f"the state's {name.partition('.')[2]} is {found}, the module's is "
                                     f"{getattr(leaf.array, 'shape', 'no array')}")
                leaf.array = _rounded(array, leaf)

    def _expand_module(self, node: Any) -> Node:
        """As `expand`, once, when the inputs are loaded."""
        return self.expand(node)

    # -- calling -------------------------------------------------------------------------------------------------------

    def call(self, leaves: Sequence[Any]) -> Any:
        """The user's function on new leaves. What it raises comes out as it is."""
        arguments = self._rebuild(iter(leaves))
        self._held = arguments
        named = named_only(self._function, list(arguments))
        return self.invoke(self._function, tuple(v for n, v in arguments.items() if n not in named),
                           {n: arguments[n] for n in named})

    @property
    def keywords(self) -> list[str]:
        """The arguments that have to be given by name: beyond a parameter that is left out, or keyword-only."""
        return named_only(self._function, list(self._given))

    def invoke(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the function; frameworks swap the parameters of modules here."""
        return function(*args, **kwargs)

    def natives(self, changes: Mapping[str, Array] | None = None) -> list[Any]:
        """Fresh arrays of the framework for every leaf, some of them replaced."""
        out = []
        for leaf in self.leaves:
            if leaf.array is None:
                out.append(leaf.original)
            else:
                new = leaf.array if changes is None else changes.get(leaf.name, leaf.array)
                out.append(self.as_native(new.astype(leaf.array.dtype, copy=False), leaf))
        return out

    def widen(self, wide: bool) -> None:
        """Put what is in half precision in in single precision from now on, or no longer."""
        self.wide = wide

    def replace(self, values: Mapping[str, Array]) -> None:
        """New values for some leaves, for good."""
        for leaf in self.leaves:
            if leaf.name in values and leaf.array is not None:
                leaf.array = _rounded(np.asarray(values[leaf.name]), leaf).reshape(leaf.array.shape)

    def outputs(self, result: Any) -> list[tuple[str, Any]]:
        """The array leaves of what the function returned, by name. Raises AuditFault for what is not an array."""
        found, _ = flatten(result, "", by_name(self.expand))
        if not found:
            raise AuditFault("structure", f"the function returned {kind(result)}, expected an array or arrays")
        named = []
        for name, value in found:
            if isinstance(value, (int, float, complex)) and not isinstance(value, bool):
                what = f"the Python number {value!r}" if not name else f"a Python number as {name}"
                raise AuditFault(
                    "structure", f"the function returned {what}: through it no gradient flows; return the array itself"
                )
            if self.as_numpy(value) is None:
                what = kind(value) if not name else f"{kind(value)} as {name}"
                raise AuditFault("structure", f"the function returned {what}, expected an array of {self.family}")
            named.append((name or "value", value))
        return named

    def _choose(self, arrays: Sequence[Any]) -> list[Array]:
        """Cotangents in torch's convention: 1 for one real scalar, else generic numbers that both sides share."""
        values = [self.as_numpy(a) for a in arrays]
        chosen: list[Array] = []
        for k, value in enumerate(values):
            assert value is not None
            if len(values) == 1 and value.shape == () and not np.iscomplexobj(value):
                chosen.append(np.ones((), value.dtype))
                continue
            draw = np.random.default_rng([self._seed, k])
            numbers: Array = np.asarray(draw.standard_normal(value.shape))
            if np.iscomplexobj(value):
                numbers = numbers + 1j * draw.standard_normal(value.shape)
            chosen.append(np.asarray(numbers * (k not in self._silent), dtype=value.dtype))
        self._cotangents = chosen
        return chosen

    def gradient(self, repeat: bool = True, silent: Sequence[int] = ()) -> Evaluation:
        """Value and gradient, twice, so that randomness shows; without outputs `silent`. Raises AuditFault."""
        self._silent = tuple(silent)
        with heard(self.notes, self.family):
            first = self._once()
        first.notes = tuple(self.notes)
        if repeat:
            self.announce("evaluating the function a second time")
            second = self._once()
            first.unsteady, first.unsteady_where = unsteadiness(first, second)
        return first

    def taps(self, connections: bool) -> list[Tapped]:
        """What the function has at its taps; see `record`. After `gradient`. Raises AuditFault."""
        self.announce("evaluating the function with its taps")
        leaves, wanted = self.natives(), self._wanted()
        found: list[Tapped] = guarded(lambda: self.record(self.call, leaves, wanted, self._cotangents, connections))
        return found

    def trace(self) -> list[dict[str, Any]]:
        """The functions of the framework that the function calls (torch alone can tell). Raises AuditFault."""
        return []

    def padded(self) -> list[tuple[str, int]]:
        """(leaf, row) of tables of which a row gets no gradient, by intention (torch alone). Raises AuditFault."""
        return []

    def iterates(self) -> bool:
        """Whether the function iterates where no derivative goes (a solver of the user's). Raises AuditFault."""
        return False

    def narrow(self) -> list[Narrow]:
        """Where single precision is inside. After `gradient`. Raises AuditFault."""
        return []

    def elements(self, functions: Sequence[tuple[str, str, str, Array]]) -> list[dict[str, Any]]:
        """See harness.backends.elementwise.observe."""
        from harness.backends.elementwise import observe

        self.announce("evaluating functions of the catalogue")
        return observe(self.family, functions)

    def _wanted(self) -> list[int]:
        return [k for k, leaf in enumerate(self.leaves) if leaf.differentiate]

    def _once(self) -> Evaluation:
        self.announce("evaluating and differentiating the function")
        leaves, wanted = self.natives(), self._wanted()
        called: list[str] = []

        def listener(name: str, x: Any) -> Any:
            called.append("") if not called else None
            return x

        with listening(listener):
            named, gradients = guarded(lambda: self.differentiate(self.call, leaves, wanted, self._choose))
        outputs = {name: _known(self.as_numpy(value)) for name, value in named}
        mutated = self._mutated(leaves)
        pairs = {self.leaves[k].name: g for k, g in zip(wanted, gradients, strict=True)}
        return Evaluation(outputs, pairs, mutated=mutated, tapped=bool(called), notes=tuple(self.notes),
                          silent=self.states, half=coarsest(half_of(value) for _, value in named))

    def _mutated(self, leaves: Sequence[Any]) -> tuple[str, ...]:
        changed = []
        for leaf, native in zip(self.leaves, leaves, strict=True):
            if leaf.array is not None:
                now = self.as_numpy(native)
                if now is None or now.shape != leaf.array.shape or not np.array_equal(now, leaf.array, equal_nan=True):
                    changed.append(leaf.name)
        names = [name for a, tree in self._held.items() for name, _ in flatten(tree, a, self.expand)[0]]
        expected = [leaf.name for leaf in self.leaves]
        changed += sorted(set(names) ^ set(expected))
        return tuple(changed)

    def value(self, changes: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """The outputs alone, with some inputs replaced. Raises AuditFault."""
        result = guarded(lambda: self.call(self.natives(changes)))
        return {name: _known(self.as_numpy(v)) for name, v in self.outputs(result)}

    def transformed(self, what: Mapping[str, str]) -> dict[str, Array]:
        """The outputs with inputs conjugated or transposed: {leaf name: "conjugate" or "transpose"}."""
        changes = {}
        for leaf in self.leaves:
            if leaf.name in what and leaf.array is not None:
                turned = leaf.array.conj() if what[leaf.name] == "conjugate" else np.swapaxes(leaf.array, -1, -2)
                changes[leaf.name] = np.asarray(turned, order="C")
        return self.value(changes)

    def expressions(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Each argument as Python text, its arrays replaced by texts (leaf name -> text). Raises AuditFault."""
        return {name: expression(tree, name, variables) for name, tree in self._given.items()}

    # -- finite differences --------------------------------------------------------------------------------------------

    def differences(self, directions: Sequence[Mapping[str, Array]], *known: Any) -> list[Difference]:
        """See harness.backends.side.numeric.differences, which says what may be known."""
        self.announce("taking finite differences")
        return differences(self, directions, *known)

    def along(self, direction: Mapping[str, Array], steps: Sequence[float], curves: Mapping[str, Any]) -> list[float]:
        """See harness.backends.side.numeric.along."""
        self.announce("evaluating the function along a direction")
        return along(self, direction, steps, curves)

    # -- an optimiser step ---------------------------------------------------------------------------------------------

    def step(self, target: Any) -> dict[str, Array]:
        """new - old of every leaf that the user's training step updated. Raises AuditFault.

        The step is called with the arguments of the loss. It returns the updated first argument (or a tuple that
        begins with it), or nothing where it works in place.
        """
        self.announce("importing the module of the optimiser step")
        loss = self._function
        name = target if isinstance(target, str) else getattr(target, "__name__", "the step")
        try:
            self._function = self.target(imported(target) if isinstance(target, str) else target, name)
            self.announce("running the optimiser step")
            leaves = self.step_leaves()
            result = guarded(lambda: self.call(leaves), f"the step {name}")
        finally:
            self._function = loss
        after = self.step_result(result, leaves)
        updates = {}
        for leaf in self.leaves:
            if leaf.array is not None and leaf.differentiate and leaf.name in after:
                new = after[leaf.name]
                if new.shape != leaf.array.shape:
                    raise AuditFault(
                        "structure",
                        f"the step {name} returned {leaf.name} of shape {new.shape}, not {leaf.array.shape}",
                    )
                moved = new.astype(leaf.array.dtype) - leaf.array
                if moved.any():
                    updates[leaf.name] = moved
        if not updates:
            raise AuditFault("structure", f"the step {name} changed no parameter; it returns the updated parameters")
        return updates

    def step_leaves(self) -> list[Any]:
        """The leaves a step is called with."""
        return self.natives()

    def step_result(self, result: Any, leaves: Sequence[Any]) -> dict[str, Array]:
        """Leaf name -> value after the step: from what it returned, or from what it did in place."""
        first = self.leaves[0].argument
        expected = [leaf.name for leaf in self.leaves if leaf.argument == first]
        candidates = [result]
        if isinstance(result, (tuple, list)):
            candidates += list(result)
        for candidate in candidates:
            if candidate is None:
                continue
            found, _ = flatten(candidate, first, self.expand)
            if {n for n, _ in found} == set(expected):
                arrays = {n: self.as_numpy(v) for n, v in found}
                return {n: a for n, a in arrays.items() if a is not None}
        now = {leaf.name: self.as_numpy(native) for leaf, native in zip(self.leaves, leaves, strict=True)}
        return {n: a for n, a in now.items() if a is not None}


def _rounded(array: Array, leaf: Leaf) -> Array:
    """An array in the precision in which a leaf holds its numbers; a copy."""
    assert leaf.array is not None
    return np.array(FORMATS[leaf.half].rounded(array) if leaf.half else array, dtype=leaf.array.dtype)


def _known(array: Array | None) -> Array:
    assert array is not None
    return array
