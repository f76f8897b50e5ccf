"""Small arrays of balls with NumPy's broadcasting and indexing, and a kind that is tracked as a dtype would be.

An `Array` holds `data`, a NumPy array of objects (arb for kind "r", acb for kind "c") or of int64 ("i") or bool ("b"),
and optionally `mask`: for every element a Python int whose set bits say which elements of the inputs it was computed
from. Masks are carried in one evaluation a function (see `function.structure`) and are absent otherwise.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from flint import acb, arb

from harness.reference.ball_numbers import Objects, equal, integer_power, less, less_equal, product, quotient, whole
from harness.reference.operators import Operators
from harness.reference.precision import MAX_ELEMENTS, Ball, NotInReference, literal, room_for, state

ORDER = "birc"


def boxed(x: Any) -> Objects:
    """An object array of whatever NumPy returned: for a zero-dimensional operand it returns the bare object."""
    if isinstance(x, np.ndarray):
        return x
    out = np.empty((), dtype=object)
    out[()] = x
    return out


def native(x: Any) -> Objects:
    return np.asarray(x)


class Array(Operators):
    """An array of balls, of integers or of booleans; see the module's docstring."""

    __slots__ = ("data", "kind", "mask")
    __array_ufunc__ = None  # a NumPy operand defers to the operators below
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, data: Objects, kind: str, mask: Objects | None = None) -> None:
        if state.room is not None or data.size > MAX_ELEMENTS:
            state.spend(data.size)
        self.data, self.kind, self.mask = data, kind, mask

    # --- shape ---------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Array]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[k] for k in range(len(self)))

    def structural(self, function: Callable[[Objects], Any]) -> Array:
        """The same rearrangement of the elements and of their masks."""
        out, mask = function(self.data), None if self.mask is None else boxed(function(self.mask))
        return Array(boxed(out) if self.data.dtype == object else native(out), self.kind, mask)

    def reshape(self, *shape: Any) -> Array:
        wanted = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return self.structural(lambda d: d.reshape(wanted))

    @property
    def T(self) -> Array:
        return self.structural(np.transpose)

    @property
    def mT(self) -> Array:
        if self.ndim < 2:
            raise ValueError("mT needs at least two dimensions")
        return self.structural(lambda d: d.swapaxes(-1, -2))

    @property
    def real(self) -> Array:
        return self if self.kind != "c" else self.each(lambda z: z.real, "r")

    @property
    def imag(self) -> Array:
        if self.kind != "c":
            return self.each(lambda _: arb(0), "r") if self.kind == "r" else self * 0
        return self.each(lambda z: z.imag, "r")

    def conj(self) -> Array:
        return self.each(acb.conjugate, "c") if self.kind == "c" else self

    def __getitem__(self, key: Any) -> Array:
        masks: list[Objects] = []
        plain = _plain_index(key, masks)
        out = self.structural(lambda d: d[plain])
        for index_mask in masks:  # which element was taken depends on what the index was computed from
            if out.mask is None:
                out.mask = no_mask(out.shape)
            out.mask = boxed(out.mask | _union(index_mask))
        return out

    # --- elements ------------------------------------------------------------------------------------------------

    def each(self, function: Callable[[Ball], Any], kind: str) -> Array:
        """function of every element; the result has the kind given."""
        return Array(fill([function(x) for x in self.data.ravel().tolist()], self.shape, kind), kind, self.mask)

    def balls(self) -> Array:
        """Integers and booleans as exact real balls; real and complex arrays as they are."""
        if self.kind in "rc":
            return self
        return Array(fill([arb(int(x)) for x in self.data.ravel().tolist()], self.shape, "r"), "r", self.mask)

    def to_complex(self) -> Array:
        return self if self.kind == "c" else self.balls().each(acb, "c")

    # --- operators: the rest are `Operators` -----------------------------------------------------------------------

    def operate(self, name: str, left: Any, right: Any) -> Array:
        a, b = lift(left), lift(right)
        if name == "matmul" or state.room is not None or a.data.shape != b.data.shape:
            room_for(name, a.shape, b.shape)
        return _OPERATIONS[name](a, b)

    def __neg__(self) -> Array:
        if self.kind in "rc":
            return Array(boxed(-self.data), self.kind, self.mask)
        return Array(native(-self.data.astype(np.int64)), "i", self.mask)

    def __pos__(self) -> Array:
        return self

    def __abs__(self) -> Array:
        return absolute(self)

    def __invert__(self) -> Array:
        return Array(native(~self.data), self.kind, self.mask)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError("the truth value of an array with more than one element is ambiguous")
        if self.kind in "rc":
            return not equal(self.data.reshape(-1)[0], arb(0))
        return bool(self.data)

    def __index__(self) -> int:
        if self.kind != "i" or self.size != 1:
            raise TypeError("only an integer array with one element is an index")
        return int(self.data.reshape(-1)[0])


# --- making -----------------------------------------------------------------------------------------------------------

_DTYPES: dict[str, Any] = {"r": object, "c": object, "i": np.int64, "b": np.bool_}


def fill(values: Sequence[Any], shape: Sequence[int], kind: str) -> Objects:
    """A NumPy array of a kind from a flat list of elements."""
    out: Objects = np.empty(count := len(values), dtype=_DTYPES[kind])
    if count > 16:
        out[:] = values
    else:  # a slice takes longer than these
        for k in range(count):
            out[k] = values[k]
    return out if len(shape) == 1 and shape[0] == count else out.reshape(tuple(shape))


def no_mask(shape: Sequence[int]) -> Objects:
    return np.full(tuple(shape), 0, dtype=object)


def lift(x: Any) -> Array:
    """A Python number (or nested sequence) of a source text, or a NumPy array, as an Array."""
    if isinstance(x, Array):
        return x
    if isinstance(x, bool):
        return Array(np.asarray(x), "b")
    if isinstance(x, int):
        if abs(x) >= 2**63:
            return Array(boxed(arb(x)), "r")
        return Array(np.asarray(x, dtype=np.int64), "i")
    if isinstance(x, float):
        return Array(boxed(literal(x)), "r")
    if isinstance(x, complex):
        return Array(boxed(acb(literal(x.real), literal(x.imag))), "c")
    if isinstance(x, (list, tuple)):
        return stack([lift(v) for v in x]) if x else Array(np.empty(0, dtype=object), "r")
    if isinstance(x, (np.ndarray, np.generic)):
        return from_numpy(np.asarray(x))
    raise NotInReference(f"a {type(x).__name__} is not an array")


def from_numpy(x: Objects) -> Array:
    """Exactly the numbers of a NumPy array."""
    kind = {"f": "r", "c": "c", "i": "i", "u": "i", "b": "b"}.get(x.dtype.kind)
    if kind is None:
        raise NotInReference(f"dtype {x.dtype}")
    if kind == "c":
        flat = x.ravel()
        re, im = flat.real.astype(np.float64).tolist(), flat.imag.astype(np.float64).tolist()
        return Array(fill([acb(arb(a), arb(b)) for a, b in zip(re, im, strict=True)], x.shape, "c"), "c")
    if kind == "r":
        return Array(fill([arb(a) for a in x.astype(np.float64).ravel().tolist()], x.shape, "r"), "r")
    return Array(x.astype(_DTYPES[kind]), kind)


def widest(arrays: Iterable[Array]) -> str:
    return max((a.kind for a in arrays), key=ORDER.index)


def common(arrays: Sequence[Array]) -> tuple[list[Array], str]:
    """The arrays brought to the widest of their kinds."""
    kind = widest(arrays)
    if kind == "c":
        return [a.to_complex() for a in arrays], kind
    if kind == "r":
        return [a.balls() for a in arrays], kind
    return [Array(a.data.astype(_DTYPES[kind]), kind, a.mask) for a in arrays], kind


def masks_of(arrays: Sequence[Array]) -> list[Objects] | None:
    """One mask for each array (zeros where it has none), or None where no array has one."""
    for a in arrays:
        if a.mask is not None:
            return [no_mask(x.shape) if x.mask is None else x.mask for x in arrays]
    return None


def joined(function: Callable[[Sequence[Objects]], Any], arrays: Sequence[Array]) -> Array:
    """A structural function of several arrays (stack, concatenate, ...)."""
    same, kind = common(arrays)
    masks = masks_of(same)
    data = function([a.data for a in same])
    out = boxed(data) if kind in "rc" else native(data)
    return Array(out, kind, None if masks is None else boxed(function(masks)))


def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    return joined(lambda xs: np.stack(xs, axis=axis), arrays)


def _union(mask: Objects) -> int:
    out = 0
    for m in mask.ravel().tolist():
        out |= m
    return out


def union_of(arrays: Iterable[Array]) -> int:
    """The union of every mask of the arrays."""
    out = 0
    for a in arrays:
        if a.mask is not None:
            out |= _union(a.mask)
    return out


def mixed(data: Objects, kind: str, sources: Sequence[Array]) -> Array:
    """A result every element of which may depend on every element of the sources."""
    if all(a.mask is None for a in sources):
        return Array(data, kind)
    mask = np.empty(data.shape, dtype=object)
    mask.fill(union_of(sources))
    return Array(data, kind, mask)


def _plain_index(key: Any, masks: list[Objects]) -> Any:
    if isinstance(key, tuple):
        return tuple(_plain_index(k, masks) for k in key)
    if isinstance(key, Array):
        if key.kind not in "ib":
            raise TypeError("only integers, slices and integer or boolean arrays are indices")
        if key.mask is not None:
            masks.append(key.mask)
        return key.data
    return key


# --- arithmetic -------------------------------------------------------------------------------------------------------


def _both_masks(a: Array, b: Array) -> Objects | None:
    masks = masks_of([a, b])
    return None if masks is None else boxed(masks[0] | masks[1])


def arithmetic(op: Callable[[Any, Any], Any], a: Array, b: Array) -> Array:
    """Sum, difference or product; flint mixes arb and acb itself."""
    kind = a.kind if a.kind == b.kind or ORDER.index(a.kind) >= ORDER.index(b.kind) else b.kind
    if kind in "ib":
        left, right = a.data.astype(np.int64), b.data.astype(np.int64)
        return Array(native(op(left, right)), "i", _both_masks(a, b))
    return Array(boxed(op(a.balls().data, b.balls().data)), kind, _both_masks(a, b))


def divide(a: Array, b: Array) -> Array:
    a, b = a.balls(), b.balls()
    kind = "c" if "c" in (a.kind, b.kind) else "r"
    out = Array(boxed(a.data / b.data), kind, _both_masks(a, b))
    if kind == "r" and any(x.is_nan() for x in out.data.ravel().tolist()):
        out.data = elements(quotient, [a, b], "r").data
    return out


def pairwise(function: Callable[[Any, Any], Any], a: Array, b: Array, kind: str) -> Array:
    """function of every pair of elements, broadcast; both arrays are brought to balls of one kind first."""
    (a, b), _ = common([a.balls(), b.balls()])
    return elements(function, [a, b], kind)


def elements(function: Callable[..., Any], arrays: Sequence[Array], kind: str) -> Array:
    """function of the elements of several arrays, broadcast together; the result has the kind given."""
    if len(arrays) == 1 or len({a.data.shape for a in arrays}) == 1:
        shape, columns = arrays[0].shape, [a.data.ravel().tolist() for a in arrays]
    else:
        views = np.broadcast_arrays(*(a.data for a in arrays))
        room_for("", shape := views[0].shape)
        columns = [v.ravel().tolist() for v in views]
    masks = masks_of(arrays)
    mask = None if masks is None else boxed(reduce(operator.or_, masks))
    return Array(fill([function(*xs) for xs in zip(*columns, strict=True)], shape, kind), kind, mask)


def power(a: Array, b: Array) -> Array:
    """a**b; an integer exponent is repeated multiplication, so that a negative or zero base is no special case."""
    if a.kind in "ib" and b.kind in "ib" and not bool(np.any(b.data < 0)):
        return Array(native(a.data.astype(np.int64) ** b.data.astype(np.int64)), "i", _both_masks(a, b))
    kind = "c" if "c" in (a.kind, b.kind) else "r"
    if b.kind in "ib":
        a = a.balls()
        return elements(integer_power, [a, b], kind)
    return pairwise(operator.pow, a, b, kind)


def absolute(a: Array) -> Array:
    if a.kind in "rc":
        return a.each(abs, "r")
    return Array(native(np.abs(a.data.astype(np.int64))), "i", a.mask)


def floor_divide(a: Array, b: Array) -> Array:
    if a.kind in "ib" and b.kind in "ib":
        return Array(native(a.data // b.data), "i", _both_masks(a, b))
    return pairwise(lambda x, y: whole(x / y, arb.floor), a, b, "r")


def remainder(a: Array, b: Array) -> Array:
    """a - floor(a / b) * b: the sign is the divisor's, as in Python."""
    if a.kind in "ib" and b.kind in "ib":
        return Array(native(a.data % b.data), "i", _both_masks(a, b))
    return pairwise(lambda x, y: x - whole(x / y, arb.floor) * y, a, b, "r")


# --- comparisons ------------------------------------------------------------------------------------------------------


def compare(test: Callable[[Ball, Ball], bool], a: Array, b: Array) -> Array:
    if a.kind in "ib" and b.kind in "ib":
        op = operator.lt if test is less else operator.le if test is less_equal else operator.eq
        return Array(native(op(a.data, b.data)), "b", _both_masks(a, b))
    if test is not equal and "c" in (a.kind, b.kind):
        raise NotInReference("complex numbers have no order")
    return pairwise(test, a, b, "b")


def logic(op: Callable[[Any, Any], Any], a: Array, b: Array) -> Array:
    if a.kind not in "ib" or b.kind not in "ib":
        raise TypeError("logic needs booleans or integers")
    kind = "b" if a.kind == b.kind == "b" else "i"
    return Array(native(op(a.data, b.data)), kind, _both_masks(a, b))


def truth(a: Array) -> Array:
    """Booleans: whether each element is non-zero."""
    if a.kind == "b":
        return a
    if a.kind == "i":
        return Array(native(a.data != 0), "b", a.mask)
    return a.each(lambda x: not equal(x, arb(0)), "b")


# --- products ---------------------------------------------------------------------------------------------------------


def matmul(a: Array, b: Array) -> Array:
    """NumPy's matmul: batched, with the usual promotion of vectors."""
    if not a.ndim or not b.ndim:
        raise ValueError("matmul needs at least one dimension")
    if a.kind in "ib" and b.kind in "ib":
        return Array(native(np.matmul(a.data.astype(np.int64), b.data.astype(np.int64))), "i", None)
    a, b = a.balls(), b.balls()
    kind = "c" if "c" in (a.kind, b.kind) else "r"
    left = a.data[None, :] if a.ndim == 1 else a.data
    right = b.data[:, None] if b.ndim == 1 else b.data
    data = product(left, right)
    mask = None
    masks = masks_of([a, b])
    if masks is not None:
        ml = masks[0][None, :] if a.ndim == 1 else masks[0]
        mr = masks[1][:, None] if b.ndim == 1 else masks[1]
        mask = np.bitwise_or.reduce(ml[..., :, :, None] | mr[..., None, :, :], axis=-2)
    keep: tuple[Any, ...] = (Ellipsis, 0 if a.ndim == 1 else slice(None), 0 if b.ndim == 1 else slice(None))
    return Array(boxed(data[keep]), kind, None if mask is None else boxed(mask[keep]))


#: What `Operators` name; comparisons the other way round and "not equal" are among theirs.
_OPERATIONS: dict[str, Callable[[Array, Array], Array]] = {
    "add": partial(arithmetic, operator.add), "subtract": partial(arithmetic, operator.sub),
    "multiply": partial(arithmetic, operator.mul), "divide": divide, "floor_divide": floor_divide,
    "remainder": remainder, "power": power, "matmul": matmul, "and": partial(logic, operator.and_),
    "or": partial(logic, operator.or_), "xor": partial(logic, operator.xor), "less": partial(compare, less),
    "less_equal": partial(compare, less_equal), "equal": partial(compare, equal),
}
