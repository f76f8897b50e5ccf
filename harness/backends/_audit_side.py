"""One side of an audit: the user's function, its inputs as a tree of arrays, its value, gradient and differences.

Framework-free: `_audit_torch` and `_audit_jax` add how arrays go in and out and how the framework differentiates. Runs
in a worker process or, for callables that no other process can import, in the caller's. Gradients leave this module in
one form, L_x + i L_y (torch's; docs/mathematics.md), beside the sign with which the framework itself returns them.
"""

from __future__ import annotations

import inspect
import random
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends._audit_differences import Difference, difference
from harness.backends._audit_tree import Node, flatten, nested, standard
from harness.tapping import Tapped, listening
from harness.wirtinger import Array

#: Modules of these are not the user's lines when an error is located.
_NOT_THEIRS = ("/site-packages/", "/dist-packages/", "/lib/python")


class AuditFault(Exception):
    """The user's code, or what it was given, cannot be audited; the text is a sentence about the function.

    word: raised, structure, inputs, import, mutates, random. detail: further lines for whoever wants them.
    """

    def __init__(self, word: str, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.word, self.sentence, self.detail = word, sentence, detail


@dataclass
class Source:
    """Where arguments come from: named arrays, or a function of the user's, or values given directly.

    argument: the one that the arrays belong to; empty: the first part of each name says it.
    """

    argument: str = ""
    arrays: Mapping[str, Array] | None = None
    function: str = ""
    values: tuple[Any, ...] | None = None
    mapping: dict[str, Any] | None = None  # arguments by name, given directly
    nest: bool = False  # dots in names nest, as slashes always do


@dataclass
class Leaf:
    """One leaf of the arguments. array: its value, None for what is no array (passed on as it is)."""

    name: str
    argument: str
    original: Any
    array: Array | None
    differentiate: bool


@dataclass
class Evaluation:
    """Outputs by name, gradients L_x + i L_y by leaf name (None: the output does not depend on it, by the framework).

    unsteady: the largest relative difference between two evaluations on equal inputs. mutated: leaves changed in place.
    """

    outputs: dict[str, Array]
    gradients: dict[str, Array | None]
    unsteady: float = 0.0
    unsteady_where: str = ""
    mutated: tuple[str, ...] = ()
    tapped: bool = False  # whether the function called harness.tap
    notes: tuple[str, ...] = ()


class AuditSide(ABC):
    """The user's function on one framework. `load` first; then any of the others, in any order."""

    family: str = ""
    raw_sign = 1  # the imaginary part of the framework's own gradient is raw_sign times that of L_x + i L_y

    def __init__(self) -> None:
        self.leaves: list[Leaf] = []
        self.notes: list[str] = []
        self.announce: Callable[[str], None] = lambda step: None
        self._function: Callable[..., Any] = lambda: None
        self._cotangents: list[Array] = []
        self._seed = 0
        self._held: dict[str, Any] = {}
        self._given: dict[str, Any] = {}
        self._rebuild: Callable[[Iterator[Any]], dict[str, Any]] = lambda new: {}
        self._state: dict[str, Any] = {}
        self.unused: list[str] = []

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

    def release(self) -> None:
        """Undo what was changed in the process."""

    def prepare(self, double: bool) -> None:
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
        self._function = self.target(self.imported(target) if isinstance(target, str) else target, name)
        arguments = self._arguments(sources, name)
        self._given = arguments
        parts = [flatten(tree, argument, self._expand_module) for argument, tree in arguments.items()]
        flat = [entry for found, _ in parts for entry in found]
        names = list(arguments)
        self._rebuild = lambda new: {n: build(new) for n, (_, build) in zip(names, parts, strict=True)}
        self.leaves = []
        for leaf_name, value in flat:
            array = self.as_numpy(value)
            if array is not None and precision:
                array = _cast(array, precision)
            active = array is not None and array.dtype.kind in "fc" and self._active(value)
            active = active and not any(fnmatchcase(leaf_name, glob) for glob in constant)
            self.leaves.append(
                Leaf(leaf_name, leaf_name.partition(".")[0], None if precision else value, array, active)
            )
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
                                     f"{getattr(leaf.array, 'shape', 'no array')}")  # fmt: skip
                leaf.array = array.astype(leaf.array.dtype)

    def _expand_module(self, node: Any) -> Node:
        """As `expand`, once, when the inputs are loaded."""
        return self.expand(node)

    def imported(self, target: str) -> Any:
        """What "package.module:name" names. Raises AuditFault."""
        module_name, _, name = target.partition(":")
        try:
            module = import_module(module_name)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            raise located("import", f"the module {module_name} cannot be imported", error) from error
        if not hasattr(module, name):
            from difflib import get_close_matches

            close = get_close_matches(name, [n for n in dir(module) if not n.startswith("_")], n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise AuditFault("import", f"the module {module_name} has no function {name!r}{hint}")
        return getattr(module, name)

    def _arguments(self, sources: Sequence[Source], name: str) -> dict[str, Any]:
        """Argument name -> tree, in the order of the signature. Raises AuditFault."""
        bound: dict[str, Any] = {}
        positional: tuple[Any, ...] | None = None
        for source in sources:
            made: Any
            if source.function:
                self.announce("making the inputs")
                maker = self.imported(source.function)
                try:
                    made = maker()
                except BaseException as error:
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    raise located("raised", f"the function of the inputs {source.function} raised", error) from error
                if source.argument:
                    made = {source.argument: made}
            elif source.mapping is not None:
                made = source.mapping
            elif source.values is not None:
                made = source.values
            else:
                made = _grouped(source)
            if isinstance(made, dict):
                bound.update(made)
            else:
                positional = tuple(made) if type(made) in (tuple, list) else (made,)
        parameters, required, variable = _signature(self._function)
        own = getattr(self._function, "model", None)
        if own is not None:  # the target is itself a module: what is given for it are values of its state
            self._state = {k: bound.pop(k) for k in ("model", "params") if k in bound and k not in parameters[1:]}
            if positional is not None:
                positional = (own, *positional)
            else:
                bound = {"model": own, **bound}
        if positional is not None:
            if bound and set(bound) & set(parameters[: len(positional)]):
                raise AuditFault("inputs", "an input is given twice, by name and by position")
            names = parameters[: len(positional)]
            names += [f"arg{k}" for k in range(len(names), len(positional))]
            if len(positional) > len(parameters) and not variable:
                raise AuditFault(
                    "inputs", f"{name} takes {len(parameters)} arguments and the inputs are {len(positional)}"
                )
            bound = {**dict(zip(names, positional)), **{k: v for k, v in bound.items() if k in parameters}}
        elif not set(required) <= set(bound):
            if len(required) == 1 and not set(parameters) & set(bound):
                bound = {required[0]: bound}
            else:
                missing = [p for p in required if p not in bound]
                raise AuditFault(
                    "inputs",
                    f"{name}({', '.join(parameters)}) needs {', '.join(missing)}, and the inputs are named "
                    f"{', '.join(bound) or 'nothing'}; name them so in the file, or write ARGUMENT=FILE",
                )
        self.unused = [k for k in bound if k not in parameters and not variable]
        kept = {k: v for k, v in bound.items() if k not in self.unused}
        order = [p for p in parameters if p in kept] + [k for k in kept if k not in parameters]
        return {k: kept[k] for k in order}

    # -- calling -------------------------------------------------------------------------------------------------------

    def call(self, leaves: Sequence[Any]) -> Any:
        """The user's function on new leaves. What it raises comes out as it is."""
        arguments = self._rebuild(iter(leaves))
        names = list(arguments)
        self._held = arguments
        parameters, _, _ = _signature(self._function)
        by_position = names == parameters[: len(names)] or any(n.startswith("arg") for n in names)
        if by_position:
            return self.invoke(self._function, tuple(arguments.values()), {})
        return self.invoke(self._function, (), arguments)

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

    def replace(self, values: Mapping[str, Array]) -> None:
        """New values for some leaves, for good."""
        for leaf in self.leaves:
            if leaf.name in values and leaf.array is not None:
                leaf.array = np.array(values[leaf.name], dtype=leaf.array.dtype).reshape(leaf.array.shape)

    def outputs(self, result: Any) -> list[tuple[str, Any]]:
        """The array leaves of what the function returned, by name. Raises AuditFault for what is not an array."""
        found, _ = flatten(result, "", self.expand)
        if not found:
            raise AuditFault("structure", f"the function returned {_kind(result)}, expected an array or arrays")
        named = []
        for name, value in found:
            if isinstance(value, (int, float, complex)) and not isinstance(value, bool):
                what = f"the Python number {value!r}" if not name else f"a Python number as {name}"
                raise AuditFault(
                    "structure", f"the function returned {what}: through it no gradient flows; return the array itself"
                )
            if self.as_numpy(value) is None:
                what = _kind(value) if not name else f"{_kind(value)} as {name}"
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
            numbers: Array = draw.standard_normal(value.shape)
            if np.iscomplexobj(value):
                numbers = numbers + 1j * draw.standard_normal(value.shape)
            chosen.append(np.asarray(numbers, dtype=value.dtype))
        self._cotangents = chosen
        return chosen

    def gradient(self, repeat: bool = True) -> Evaluation:
        """Value and gradient, twice, so that randomness shows. Raises AuditFault."""
        first = self._once()
        if repeat:
            self.announce("evaluating the function a second time")
            second = self._once()
            first.unsteady, first.unsteady_where = _unsteadiness(first, second)
        return first

    def taps(self, connections: bool) -> list[Tapped]:
        """What the function has at its taps; see `record`. After `gradient`. Raises AuditFault."""
        self.announce("evaluating the function with its taps")
        leaves, wanted = self.natives(), self._wanted()
        found: list[Tapped] = guarded(
            self, lambda: self.record(self.call, leaves, wanted, self._cotangents, connections)
        )
        return found

    def trace(self) -> list[dict[str, Any]]:
        """The functions of the framework that the function calls (torch alone can tell). Raises AuditFault."""
        return []

    def elements(self, functions: Sequence[tuple[str, str, str, Array]]) -> list[dict[str, Any]]:
        """See harness.backends._elements.observe."""
        from harness.backends._elements import observe

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
            named, gradients = guarded(self, lambda: self.differentiate(self.call, leaves, wanted, self._choose))
        outputs = {name: _known(self.as_numpy(value)) for name, value in named}
        mutated = self._mutated(leaves)
        pairs = {self.leaves[k].name: g for k, g in zip(wanted, gradients)}
        return Evaluation(outputs, pairs, mutated=mutated, tapped=bool(called), notes=tuple(self.notes))

    def _mutated(self, leaves: Sequence[Any]) -> tuple[str, ...]:
        changed = []
        for leaf, native in zip(self.leaves, leaves):
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
        result = guarded(self, lambda: self.call(self.natives(changes)))
        return {name: _known(self.as_numpy(v)) for name, v in self.outputs(result)}

    def transformed(self, what: Mapping[str, str]) -> dict[str, Array]:
        """The outputs with inputs conjugated or transposed: {leaf name: "conjugate" or "transpose"}."""
        changes = {}
        for leaf in self.leaves:
            if leaf.name in what and leaf.array is not None:
                turned = leaf.array.conj() if what[leaf.name] == "conjugate" else np.swapaxes(leaf.array, -1, -2)
                changes[leaf.name] = np.ascontiguousarray(turned)
        return self.value(changes)

    def expressions(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Each argument as Python text, its arrays replaced by texts (leaf name -> text). Raises AuditFault."""
        return {name: _expression(tree, name, variables) for name, tree in self._given.items()}

    # -- finite differences --------------------------------------------------------------------------------------------

    def functional(self, outputs: Mapping[str, Array]) -> float:
        """The real number whose gradient was taken: the loss, or Re <cotangent, outputs>. Double precision."""
        total, at = 0.0, 0
        for value in outputs.values():
            if value.dtype.kind in "fc":
                wide = value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)
                total += float(np.real(np.vdot(self._cotangents[at].astype(wide.dtype), wide)))
                at += 1
        return total

    def differences(self, directions: Sequence[Mapping[str, Array]]) -> list[Difference]:
        """Directional derivatives of the side's own value by extrapolated central differences.

        directions: leaf name -> array of its shape, of the size of the leaf (steps are fractions of it).
        """
        self.announce("taking finite differences")
        arrays = {leaf.name: leaf.array for leaf in self.leaves if leaf.array is not None}
        found = []
        for direction in directions:

            def at(t: float, direction: Mapping[str, Array] = direction) -> float:
                moved = {k: arrays[k] + (t * d).astype(arrays[k].dtype) for k, d in direction.items()}
                return self.functional(self.value(moved))

            single = any(arrays[k].dtype.itemsize // (1 + (arrays[k].dtype.kind == "c")) < 8 for k in direction)
            found.append(difference(at, single or self._single_outputs))
        return found

    @property
    def _single_outputs(self) -> bool:
        return any(c.dtype in (np.float32, np.complex64, np.float16) for c in self._cotangents)

    # -- an optimiser step ---------------------------------------------------------------------------------------------

    def step(self, target: Any) -> dict[str, Array]:
        """new - old of every leaf that the user's training step updated. Raises AuditFault.

        The step is called with the arguments of the loss. It returns the updated first argument (or a tuple that
        begins with it), or nothing where it works in place.
        """
        self.announce("running the optimiser step")
        loss = self._function
        name = target if isinstance(target, str) else getattr(target, "__name__", "the step")
        try:
            self._function = self.target(self.imported(target) if isinstance(target, str) else target, name)
            leaves = self.step_leaves()
            result = guarded(self, lambda: self.call(leaves), f"the step {name}")
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
        now = {leaf.name: self.as_numpy(native) for leaf, native in zip(self.leaves, leaves)}
        return {n: a for n, a in now.items() if a is not None}


# -- helpers -----------------------------------------------------------------------------------------------------------


def guarded(side: AuditSide, work: Callable[[], Any], what: str = "the function") -> Any:
    """The result of `work`; whatever the user's code raises becomes an AuditFault with its own line."""
    try:
        return work()
    except (AuditFault, KeyboardInterrupt):
        raise
    except BaseException as error:
        text = str(error)
        if "in-place operation" in text and "leaf" in text:
            where = _line(error)
            raise AuditFault("mutates", f"{what} changes an input in place{where}; work on a copy of it") from error
        raise located("raised", f"{what} raised", error) from error


def located(word: str, what: str, error: BaseException) -> AuditFault:
    """ "the function raised ValueError: ... (port.py:41, in loss: `x = y`)", with the whole traceback as detail."""
    text = " ".join(str(error).split())
    text = text[:300] + ("…" if len(text) > 300 else "")
    kind = type(error).__name__
    joiner = " " if what.endswith("raised") else ": "
    detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return AuditFault(word, f"{what}{joiner}{kind}{': ' + text if text else ''}{_line(error)}", detail[-8000:])


def _line(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = str(Path(__file__).resolve().parents[1])
    theirs = [f for f in frames if not any(n in f.filename for n in _NOT_THEIRS) and not f.filename.startswith(own)]
    theirs = [f for f in theirs if not f.filename.startswith("<")]
    if not theirs:
        return ""
    last = theirs[-1]
    source = f": `{last.line}`" if last.line else ""
    return f" ({Path(last.filename).name}:{last.lineno}, in {last.name}{source})"


def _expression(node: Any, name: str, variables: Mapping[str, str]) -> str:
    if name in variables:
        return variables[name]
    if node is None or isinstance(node, (str, bool, int, float)):
        return repr(node)
    if isinstance(node, Mapping) and all(isinstance(k, str) for k in node):
        return "{" + ", ".join(f"{k!r}: {_expression(v, f'{name}.{k}', variables)}" for k, v in node.items()) + "}"
    if type(node) in (list, tuple):
        parts = [_expression(v, f"{name}.{k}", variables) for k, v in enumerate(node)]
        return (
            f"[{', '.join(parts)}]" if type(node) is list else f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        )
    raise AuditFault(
        "structure", f"{name} is {_kind(node)}; a case holds arrays in dicts, lists and tuples (audit a function of the "
        "state dict, or of a tree, to save it)",
    )  # fmt: skip


def _grouped(source: Source) -> dict[str, Any]:
    """Arguments from named arrays: the first part of a name is the argument, or all belong to the one given."""
    assert source.arrays is not None
    separators = "/." if source.nest else "/"
    groups: dict[str, dict[str, Any]] = {}
    plain: dict[str, Any] = {}
    try:
        if source.argument:
            if set(source.arrays) == {""}:  # one array without a name: an .npy file
                return {source.argument: source.arrays[""]}
            return {source.argument: nested(source.arrays, separators)}
        for name, array in source.arrays.items():
            cut = min((name.index(c) for c in "./" if c in name), default=-1)
            if cut <= 0:
                plain[name] = array
            else:
                groups.setdefault(name[:cut], {})[name[cut + 1 :]] = array
        both = set(plain) & set(groups)
        if both:
            raise ValueError(f"{min(both)!r} is both an array and a folder of arrays")
        return {**{k: nested(v, separators) for k, v in groups.items()}, **plain}
    except ValueError as error:
        raise AuditFault("inputs", f"the names of the arrays do not make a tree: {error}") from None


def _signature(function: Callable[..., Any]) -> tuple[list[str], list[str], bool]:
    """(names that can be given, those that must be, whether it takes any number)."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [], [], True
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in plain if p.default is p.empty]
    return [p.name for p in plain], required, any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _cast(array: Array, precision: str) -> Array:
    if array.dtype.kind == "f":
        return array.astype(np.float64 if precision == "double" else np.float32)
    if array.dtype.kind == "c":
        return array.astype(np.complex128 if precision == "double" else np.complex64)
    return array


def _known(array: Array | None) -> Array:
    assert array is not None
    return array


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _unsteadiness(first: Evaluation, second: Evaluation) -> tuple[float, str]:
    """(largest difference relative to the largest entry of its array, where) between two evaluations."""
    worst, where = 0.0, ""
    if list(first.outputs) != list(second.outputs):
        return np.inf, "the structure of the output"
    pairs: Iterable[tuple[str, Array | None, Array | None]] = [
        *((f"the output {k}" if k != "value" else "the value", v, second.outputs[k]) for k, v in first.outputs.items()),
        *((f"the gradient of {k}", v, second.gradients.get(k)) for k, v in first.gradients.items()),
    ]
    for name, a, b in pairs:
        if a is None or b is None:
            size = 0.0 if a is b else np.inf
        elif a.shape != b.shape:
            size = np.inf
        else:
            size = _distance(a, b)
        if size > worst:
            worst, where = size, name
    return float(worst), where


def _distance(a: Array, b: Array) -> float:
    if a.dtype.kind not in "fc":
        return 0.0 if np.array_equal(a, b) else np.inf
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return np.inf
    good = np.isfinite(a)
    if not good.any():
        return 0.0
    scale = float(np.abs(a[good]).max())
    delta = float(np.abs(a[good] - b[good]).max())
    return 0.0 if delta == 0 else delta / scale if scale else np.inf
