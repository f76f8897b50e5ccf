"""The JAX side of an audit."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.jax import compilations
from harness.backends.jax.compiled import Compiler, Untraceable
from harness.backends.side.base import AuditSide
from harness.backends.side.binding import as_function
from harness.backends.side.faults import AuditFault, guarded
from harness.backends.side.narrow import Narrow
from harness.backends.side.tree import Node, State, by_name, flatten, standard
from harness.backends.side.values import Leaf
from harness.tapping import Tapped
from harness.wirtinger import Array, signed


class JaxSide(AuditSide):
    """Functions of arrays and of any pytree that JAX knows, differentiated by jax.vjp."""

    family = "jax"
    raw_sign = -1

    def __init__(self) -> None:
        super().__init__()
        import jax

        self.jax = jax
        _register_state(jax)
        self._switched = False
        self._order: list[bool] = []
        self._program: Any = None
        self._natives: dict[str, tuple[Array, Any]] = {}
        self._compiler = Compiler(jax)
        self._compiles = True
        self._names: list[str] = []

    def versions(self) -> dict[str, str]:
        return {"jax": str(self.jax.__version__)}

    def prepare(self, double: bool) -> None:
        if double and not self.jax.config.jax_enable_x64:
            self.jax.config.update("jax_enable_x64", True)
            self._switched = True
            self.notes.append("jax_enable_x64 was switched on, because the inputs are in double precision")

    def seed_all(self) -> None:
        """In a process of its own, compiled programs are kept from audit to audit: each operation is one."""
        super().seed_all()
        place = os.environ.get("HARNESS_COMPILATION_CACHE")
        if place:
            compilations.keep(self.jax, Path(place), f"jax-{self.jax.__version__}-audit")

    def release(self) -> None:
        if self._switched:
            self.jax.config.update("jax_enable_x64", False)
            self._switched = False

    # -- trees ---------------------------------------------------------------------------------------------------------

    def expand(self, node: Any) -> Node:
        tree = self.jax.tree_util
        if isinstance(node, self.jax.Array | np.ndarray):
            return None
        pairs, structure = tree.tree_flatten_with_path(node, is_leaf=lambda other: other is not node)
        if tree.treedef_is_leaf(structure):
            return standard(node)  # such as a dataclass that nobody registered
        children = [(_key(path[0]) if path else "", child) for path, child in pairs]
        return children, lambda new: tree.tree_unflatten(structure, new)

    def as_numpy(self, leaf: Any) -> Array | None:
        if isinstance(leaf, np.ndarray | np.generic):
            return np.array(leaf) if leaf.dtype.kind in "biufc" else None
        if not isinstance(leaf, self.jax.Array):
            return None
        if self.jax.dtypes.issubdtype(leaf.dtype, self.jax.dtypes.prng_key):
            return None
        array = np.asarray(leaf)
        if array.dtype.kind not in "biufc" or array.dtype == np.float16:
            array = array.astype(np.float32)  # bfloat16 and its kin are no NumPy kinds
        return np.array(array)

    def as_native(self, array: Array, leaf: Leaf) -> Any:
        made = self.jax.numpy.array(array)
        if leaf.half:
            return made if self.wide else made.astype(leaf.half)
        if not leaf.cast and isinstance(leaf.original, self.jax.Array) and leaf.original.dtype != made.dtype:
            made = made.astype(leaf.original.dtype)
        return made

    def differentiable(self, array: Any) -> bool:
        return bool(self.jax.numpy.issubdtype(array.dtype, self.jax.numpy.inexact))

    # -- calling -------------------------------------------------------------------------------------------------------

    def target(self, found: Any, name: str) -> Callable[..., Any]:
        """A function as it is; a callable tree (an Equinox module) as a function of itself and its inputs."""
        if callable(found) and not isinstance(found, type) and self.expand(found) is not None:
            return as_function(found)
        return super().target(found, name)

    def differentiate(
        self,
        call: Callable[[Sequence[Any]], Any],
        leaves: list[Any],
        wanted: Sequence[int],
        choose: Callable[[Sequence[Any]], list[Array]],
    ) -> tuple[list[tuple[str, Any]], list[Array | None]]:
        jnp = self.jax.numpy
        names: list[str] = []
        moving = [leaves[k] for k in wanted]
        # what is held still is an argument too: as constants, large arrays would be compiled into the program
        still = [k for k in self._numbers() if k not in wanted]

        def flat(moving: list[Any], held: Sequence[Any] = ()) -> tuple[list[Any], list[Any]]:
            whole = list(leaves)
            for k, value in zip(still, held, strict=False):
                whole[k] = value
            for k, value in zip(wanted, moving, strict=True):
                whole[k] = value
            found = self._traced(call(whole))
            names[:] = [name for name, _ in found]
            active = [v for _, v in found if self.differentiable(v)]
            return active, [v for _, v in found if not self.differentiable(v)]

        def seeds(active: list[Any]) -> list[Any]:
            if not active:
                raise AuditFault("structure", "the function returned whole numbers or booleans: it has no derivative")
            return [jnp.asarray(signed(c, -1), dtype=v.dtype) for v, c in zip(active, choose(active), strict=True)]

        def both(moving: list[Any], held: list[Any], given: list[Any]) -> Any:
            active, pull, rest = self.jax.vjp(lambda moving: flat(moving, held), moving, has_aux=True)
            return active, rest, pull(given)[0]

        try:
            if not self._compiles:
                raise Untraceable
            shapes, _ = self.jax.eval_shape(flat, moving)
            given = seeds([jnp.zeros(s.shape, s.dtype) for s in shapes])
            active, rest, gradients = self._compiler.run("gradient", both, moving, [leaves[k] for k in still], given)
        except Exception:  # as it stands: what is wrong with it then says so itself
            self._compiles = False
            active, pull, rest = self.jax.vjp(flat, moving, has_aux=True)
            (gradients,) = pull(seeds(active))
            del pull
        values, others = iter(active), iter(rest)
        named = [(n, next(values if is_active else others)) for n, is_active in zip(names, self._order, strict=True)]
        return named, [signed(_array(self.as_numpy(g)), -1) for g in gradients]

    def _numbers(self) -> list[int]:
        """The leaves of real and complex numbers; whole ones may be sizes or indices, which are no tracers."""
        return [k for k, leaf in enumerate(self.leaves) if leaf.array is not None and leaf.array.dtype.kind in "fc"]

    def value(self, changes: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """As the side's, by a compiled program where the function has one."""
        if self._compiles:
            places = self._numbers()
            natives = self.natives(changes)

            def flat(arrays: list[Any]) -> list[Any]:
                whole = list(natives)
                for k, array in zip(places, arrays, strict=True):
                    whole[k] = array
                found = self._traced(self.call(whole))
                self._names = [name for name, _ in found]
                return [v for _, v in found]

            arrays = [natives[k] for k in places]
            try:
                found = self._compiler.again("value", arrays)
                found = self._compiler.run("value", flat, arrays) if found is None else found
                return {n: _array(self.as_numpy(v)) for n, v in zip(self._names, found, strict=True)}
            except Untraceable:
                self._compiles = False
        return super().value(changes)

    def record(
        self,
        call: Callable[[Sequence[Any]], Any],
        leaves: list[Any],
        wanted: Sequence[int],
        cotangents: Sequence[Array],
        connections: bool,
    ) -> list[Tapped]:
        from harness.backends.jax.taps import record

        jnp = self.jax.numpy

        def loss(moving: Sequence[Any]) -> Any:
            whole = list(leaves)
            for k, value in zip(wanted, moving, strict=True):
                whole[k] = value
            active = [v for _, v in self._traced(call(whole)) if self.differentiable(v)]
            return sum(jnp.sum(jnp.real(jnp.conj(jnp.asarray(c)) * v)) for v, c in zip(active, cotangents, strict=True))

        return record(self.jax, loss, [leaves[k] for k in wanted], connections)

    def natives(self, changes: Mapping[str, Array] | None = None) -> list[Any]:
        """As in the base class; what is not replaced is made once, since no array of jax can be changed."""
        changes = changes or {}
        held: dict[str, tuple[Array, Any]] = {}
        for leaf in self.leaves:
            if leaf.array is not None and leaf.name not in changes:
                known = self._natives.get(leaf.name)
                if known is None or known[0] is not leaf.array or known[1].is_deleted():  # donated to a call
                    known = leaf.array, self.as_native(leaf.array, leaf)
                held[leaf.name] = known
        self._natives = held
        return [leaf.original if leaf.array is None else held[leaf.name][1] if leaf.name in held else
                self.as_native(changes[leaf.name].astype(leaf.array.dtype, copy=False), leaf) for leaf in self.leaves]

    def widen(self, wide: bool) -> None:
        super().widen(wide)
        self._natives, self._program, self._compiles = {}, None, True
        self._compiler = Compiler(self.jax)

    def play(self, tape: Any) -> dict[str, Array]:
        """See harness.backends.jax.recording.play."""
        from harness.backends.jax import recording

        if self._program is None or self._program.leaves is not self.leaves:
            self._program = recording.program(self)
        return recording.play(self, self._program, tape)

    def narrow(self) -> list[Narrow]:
        from harness.backends.jax.narrow import narrow

        self.announce("looking for single precision inside")
        return list(guarded(lambda: narrow(self)))

    def iterates(self) -> bool:
        from harness.backends.jax import recording
        from harness.backends.jax.loops import iterates

        return bool(bool(guarded(lambda: iterates(recording.program(self).closed.jaxpr))))

    def _traced(self, result: Any) -> list[tuple[str, Any]]:
        """As `outputs`, while the arrays are tracers."""
        found, _ = flatten(result, "", by_name(self.expand))
        named = []
        for name, value in found:
            if not isinstance(value, self.jax.Array):
                self.outputs(result)  # says what is wrong with it
                value = self.jax.numpy.asarray(value)
            named.append((name or "value", value))
        if not named:
            self.outputs(result)
        self._order = [self.differentiable(v) for _, v in named]
        return named


def _register_state(jax: Any) -> None:
    """The state of a torch module is a tree for JAX too, in the user's own jit and tree.map."""
    key = jax.tree_util.DictKey
    with contextlib.suppress(ValueError):  # it is registered already
        jax.tree_util.register_pytree_with_keys(
            State, lambda state: ([(key(k), state[k]) for k in sorted(state)], tuple(sorted(state))),
            lambda names, values: State(zip(names, values, strict=True)),
        )


def _key(entry: Any) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry).strip("[].'\"")


def _array(array: Array | None) -> Array:
    assert array is not None
    return array
