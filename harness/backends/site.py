"""One point of one task as a backend works on it, and J's blocks from what pullbacks and pushforwards returned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from harness.backends.rows import ResultRefused
from harness.backends.third import passes
from harness.expr.calling import Function, Wrong
from harness.formats import FORMATS, holder
from harness.model import Point, Task
from harness.wirtinger import (
    Array,
    Convention,
    basis,
    components,
    differential_from_pullbacks,
    differential_from_pushforwards,
    generic_vector,
    real_size,
    signed,
)

#: A whole Jacobian or Hessian is asked of a native API up to this many entries.
JACOBIAN_LIMIT = 4096
#: A differential is observed up to this many real numbers, a hundred megabytes, and this many of an output: each is a
#: pass of its own.
DIFFERENTIAL_LIMIT, OUTPUT_LIMIT = 1 << 24, 1 << 16


@lru_cache(maxsize=512)
def basis_array(shape: tuple[int, ...], dtype: str, imaginary_sign: int) -> Array:
    """`basis` stacked along a first axis, in `formats.holder` of the dtype; shared between callers, who do not write to
    it."""
    rows = list(basis(shape, holder(dtype), imaginary_sign))
    return np.stack(rows) if rows else np.zeros((0, *shape), dtype=holder(dtype))


class Site:
    """A point, the function and its leaves (framework arrays in task.inputs order, none traced).

    `outputs`, `output_shapes` and `output_dtypes` (the frameworks' words, which are NumPy's) are set once the value is
    known. `shared` lives as long as the task: what a backend wants to keep from point to point. lift: makes of a NumPy
    array what the framework takes for a vector of a dtype that NumPy lacks, `Backend.lift`.
    """

    def __init__(
        self, task: Task, point: Point, function: Function, leaves: Sequence[Any], convention: Convention,
        shared: dict[Any, Any], lift: Callable[[Array, str], Any] = lambda array, dtype: array,
    ) -> None:
        self.task, self.point, self.function, self.leaves = task, point, function, list(leaves)
        self.convention, self.shared, self._lift = convention, shared, lift
        self.positions = function.differentiated
        self.names = [task.inputs[k].name for k in self.positions]
        self.input_shapes = [point.arrays[name].shape for name in self.names]
        self.input_dtypes = [input_dtype(task, point.arrays[name]) for name in self.names]
        self.outputs: tuple[str, ...] = ()
        self.output_shapes: list[tuple[int, ...]] = []
        self.output_dtypes: list[str] = []

    # -- functions of the differentiated leaves --------------------------------------------------------------------

    @property
    def moving(self) -> list[Any]:
        """The differentiated leaves."""
        return [self.leaves[k] for k in self.positions]

    def output(self, output: int) -> Callable[..., Any]:
        """f_o as a function of the differentiated leaves."""
        return self.function.output(self.leaves, self.positions, output)

    def loss(self, output: int) -> Callable[..., Any]:
        """f_o where it is a scalar, else its sum: what people do before they call grad."""
        f = self.output(output)
        return f if self.output_shapes[output] == () else (lambda *moving: f(*moving).sum())

    def along(self, number: int) -> Callable[[Any], tuple[Any, ...]]:
        """Every output as a function of the differentiated leaf `number` alone."""
        return self.function.of(self.leaves, (self.positions[number],))

    def output_along(self, number: int, output: int) -> Callable[[Any], Any]:
        """One output as a function of the differentiated leaf `number` alone."""
        return self.function.output(self.leaves, (self.positions[number],), output)

    # -- kinds -----------------------------------------------------------------------------------------------------

    def input_complex(self, number: int) -> bool:
        return self.input_dtypes[number].startswith("complex")

    def output_complex(self, output: int) -> bool:
        return self.output_dtypes[output].startswith("complex")

    def input_size(self, number: int) -> int:
        """Real components of a differentiated input."""
        return real_size(self.input_shapes[number], self.input_complex(number))

    def differentiable(self, output: int) -> bool:
        return self.output_dtypes[output].startswith(("complex", "float", "bfloat"))

    def need_differentiable(self, output: int) -> None:
        """Raises ResultRefused for an integer or boolean output."""
        if not self.differentiable(output):
            raise ResultRefused(f"output {self.outputs[output]} is {self.output_dtypes[output]}: it has no derivative")

    def need_real_loss(self, output: int) -> None:
        """Raises ResultRefused where the output has no real Hessian."""
        self.need_differentiable(output)
        if self.output_complex(output):
            raise ResultRefused(f"output {self.outputs[output]} is complex: a Hessian is observed for real losses")

    def need_small(self) -> None:
        """Raises ResultRefused where an output, whose shape is known, has more derivatives than are observed."""
        inputs = sum(self.input_size(k) for k in range(len(self.names)))
        for o, name in enumerate(self.outputs):
            outputs = real_size(self.output_shapes[o], self.output_complex(o))
            if outputs > OUTPUT_LIMIT or outputs * inputs > DIFFERENTIAL_LIMIT:
                raise ResultRefused(
                    f"output {name} has {outputs:,} real numbers and {outputs * inputs:,} derivatives: a case is a "
                    f"small example (at most {OUTPUT_LIMIT:,} and {DIFFERENTIAL_LIMIT:,})")

    def too_large(self, kind: str, output: int) -> bool:
        """Whether a whole Jacobian or Hessian of this output has more entries than are asked for."""
        if not kind.startswith(("jacobian", "hessian")):
            return False
        inputs = sum(prod(shape) for shape in self.input_shapes)
        outputs = inputs if kind == "hessian" else prod(self.output_shapes[output])
        return inputs * outputs > JACOBIAN_LIMIT

    # -- vectors ---------------------------------------------------------------------------------------------------

    def output_cotangents(self, output: int) -> Array:
        """The basis of an output as cotangents, stacked, in the backend's convention."""
        return self._basis(self.output_shapes[output], self.output_dtypes[output], self.convention.cotangent)

    def input_tangents(self, number: int) -> Array:
        """The basis of an input as tangents, stacked, in the backend's convention."""
        return self._basis(self.input_shapes[number], self.input_dtypes[number], self.convention.tangent)

    def input_cotangents(self, number: int) -> Array:
        """The basis of an input as cotangents of its gradient, stacked, in the backend's convention."""
        return self._basis(self.input_shapes[number], self.input_dtypes[number], self.convention.cotangent)

    def _basis(self, shape: tuple[int, ...], dtype: str, sign: int) -> Array:
        found: Array = self._lift(basis_array(shape, dtype, sign), dtype)
        return found

    def generic_cotangent(self, output: int) -> Array:
        """The generic cotangent of an output as this backend takes it: torch c, jax conj(c)."""
        salt = f"{self.task.case}:pullback:{self.outputs[output]}"
        vector = generic_vector(self.output_shapes[output], self.output_complex(output), self.task.dtype, salt)
        dtype = self.output_dtypes[output]
        found: Array = self._lift(signed(vector, self.convention.cotangent).astype(holder(dtype)), dtype)
        return found

    def generic_tangent(self, number: int) -> Array:
        """The generic tangent of a differentiated input as this backend takes it."""
        salt = f"{self.task.case}:pushforward:{self.names[number]}"
        vector = generic_vector(self.input_shapes[number], self.input_complex(number), self.task.dtype, salt)
        dtype = self.input_dtypes[number]
        found: Array = self._lift(signed(vector, self.convention.tangent).astype(holder(dtype)), dtype)
        return found

    # -- blocks of J -----------------------------------------------------------------------------------------------

    def pulled_block(self, number: int, stacked: Array) -> Array:
        """J's block from pullbacks to input `number` along `output_cotangents`. Raises Wrong."""
        what = f"the pullback to input {self.names[number]}"
        _check(stacked, self.input_complex(number), self.input_shapes[number], what)
        return differential_from_pullbacks(stacked, self.convention, self.input_size(number))

    def pushed_block(self, output: int, stacked: Array) -> Array:
        """J's block from pushforwards of an output along `input_tangents`. Raises Wrong."""
        what = f"the pushforward of output {self.outputs[output]}"
        is_complex = self.output_complex(output)
        _check(stacked, is_complex, self.output_shapes[output], what)
        size = real_size(self.output_shapes[output], is_complex)
        return differential_from_pushforwards(stacked, self.convention, size)

    def hessian_block(self, row: int, column: int, stacked: Array, api: str) -> Array:
        """H[row, column], real: the gradient by input `row` differentiated by input `column`. Raises Wrong.

        stacked: "forward-over-reverse": that gradient pushed along `input_tangents(column)`; "reverse-over-reverse":
        pulled back to input `column` along `input_cotangents(row)`; "reverse-over-forward": the pushforward of the
        loss along `input_tangents(row)`, a real number, differentiated by input `column`; "forward-over-forward": the
        same number pushed along `input_tangents(column)`, (rows, columns) of numbers.
        """
        if api == "forward-over-forward":
            what = f"the second pushforward along {self.names[row]} and {self.names[column]}"
            _check(stacked, False, (self.input_size(column),), what)
            return stacked
        forward = api == "forward-over-reverse"
        result = row if forward else column
        what = f"the derivative of the gradient by {self.names[row]}"
        _check(stacked, self.input_complex(result), self.input_shapes[result], what)
        if forward:
            h = differential_from_pushforwards(stacked, self.convention, self.input_size(row))
        else:
            h = differential_from_pullbacks(stacked, self.convention, self.input_size(column))
        if self.input_complex(row) and self.convention.pullback == -1 and api != "reverse-over-forward":
            # the gradient that was differentiated is L_x - i L_y
            h = h.copy()
            h[len(h) // 2 :] *= -1
        return h

    def triples(self) -> Iterator[tuple[int, int, int]]:
        """Every three differentiated inputs, in every order."""
        yield from product(range(len(self.names)), repeat=3)

    def third_block(self, api: str, slots: tuple[int, int, int], stacked: Array) -> Array:
        """T's block of three inputs, real, (N_a N_b, N_c): rows by the first two in row-major order. Raises Wrong.

        stacked: what came of every combination of `third.directions`. See there for the order of differentiation.
        """
        forward, last = passes(api)
        sizes = [self.input_size(slot) for slot in slots]
        what = f"the third derivative by {', '.join(self.names[slot] for slot in slots)}"
        if last is None:
            _check(stacked, False, (), what)
            t = stacked.reshape(sizes)
        else:
            _check(stacked, self.input_complex(slots[last]), self.input_shapes[slots[last]], what)
            read = [components(row) for row in stacked]
            others = [size for p, size in enumerate(sizes) if p != last]
            t = np.moveaxis(np.array(read).reshape(*others, sizes[last]), -1, last)
        for p, slot in enumerate(slots):
            if not forward[p] and self.input_complex(slot) and self.convention.pullback == -1:
                half: list[slice] = [slice(None)] * 3
                half[p] = slice(sizes[p] // 2, None)
                t = t.copy()
                t[tuple(half)] *= -1
        return np.ascontiguousarray(t.reshape(sizes[0] * sizes[1], sizes[2]))


def input_dtype(task: Task, array: Array) -> str:
    """The dtype in which an array of a point is put in: that of the task where NumPy lacks it."""
    lacking = task.dtype in FORMATS and FORMATS[task.dtype].holder != task.dtype
    return task.dtype if lacking and str(array.dtype) == FORMATS[task.dtype].holder else str(array.dtype)


def pair_name(row: str, column: str) -> str:
    """The `input` of a Hessian block."""
    return row if row == column else f"{row},{column}"


def triple_name(first: str, second: str, third: str) -> str:
    """The `input` of a block of third derivatives."""
    return first if first == second == third else f"{first},{second},{third}"


def _check(stacked: Array, is_complex: bool, shape: Sequence[int], what: str) -> None:
    """Raises Wrong where a complex result came back real or the other way round, or has the wrong shape."""
    if np.iscomplexobj(stacked) != is_complex and len(stacked):
        expected, found = ("complex", "real") if is_complex else ("real", "complex")
        raise Wrong(f"{what} came back {found} ({stacked.dtype}), expected a {expected} array")
    if stacked.shape[1:] != tuple(shape):
        raise Wrong(f"{what} has shape {stacked.shape[1:]}, expected {tuple(shape)}")
