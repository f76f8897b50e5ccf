"""The few helpers that cells of the spelling table may call, and what a text must find out about its inputs.

No framework is imported: each helper set is made from the roots that the backend hands in.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

_NUMBERS = (bool, int, float, complex)


def leaves(values: Sequence[Any]) -> Iterator[Any]:
    """The arrays among the inputs; an input may be a mapping of arrays."""
    for value in values:
        if isinstance(value, Mapping):
            yield from leaves(tuple(value.values()))
        elif hasattr(value, "dtype"):
            yield value


def many(axes: Any) -> tuple[Any, ...]:
    """An integer as a tuple of one."""
    return tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)


def every(x: Any) -> tuple[int, ...]:
    """All axes of `x`."""
    return tuple(range(x.ndim))


def pads(x: Any, width: Any) -> tuple[int, ...]:
    """NumPy's pad_width, an int, a pair or a pair for each axis, in torch's order: last axis first, flat."""
    pairs = [many(entry) for entry in width] if isinstance(width, (tuple, list)) else [(width,)]
    if isinstance(width, (tuple, list)) and all(isinstance(entry, int) for entry in width):
        pairs = [tuple(width)]
    pairs = [pair * 2 if len(pair) == 1 else pair for pair in pairs]
    if len(pairs) == 1:
        pairs = pairs * x.ndim
    if len(pairs) != x.ndim:
        raise ValueError(f"pad_width for {len(pairs)} axes, the array has {x.ndim}")
    return tuple(side for pair in reversed(pairs) for side in pair)


def fitting(values: Any, dtype: Any, complex_dtype: Any) -> Any:
    """complex_dtype where the (nested) Python numbers include a complex one, dtype otherwise."""
    if isinstance(values, (tuple, list)):
        return complex_dtype if any(fitting(v, False, True) for v in values) else dtype
    return complex_dtype if isinstance(values, complex) else dtype


def torch_helpers(torch: Any) -> Mapping[str, Callable[..., Any]]:
    """Helpers over a torch module."""
    complex_of = {torch.float64: torch.complex128, torch.float32: torch.complex64}

    def like(x: Any, value: Any, precision: Any = None) -> Any:
        """`value` as a tensor that does not widen `x`: torch functions of two tensors refuse Python numbers.

        Where `x` is a number too, `precision` is the real dtype to use.
        """
        if not isinstance(value, _NUMBERS):
            return value
        if not isinstance(x, torch.Tensor):
            known = {float: precision, complex: complex_of.get(precision)}
            return torch.tensor(value, dtype=known.get(type(value)))
        dtype = x.dtype
        if isinstance(value, complex) and not dtype.is_complex:
            dtype = complex_of.get(dtype, torch.complex64)
        elif isinstance(value, float) and not (dtype.is_complex or dtype.is_floating_point):
            dtype = torch.get_default_dtype()
        elif dtype == torch.bool:
            dtype = None
        return torch.tensor(value, dtype=dtype, device=x.device)

    def index(x: Any, indices: Any) -> Any:
        if isinstance(indices, torch.Tensor):
            return indices
        return torch.as_tensor(np.asarray(indices, np.int64), device=x.device)

    return {"like": like, "index": index, "many": many, "every": every, "pads": pads, "fitting": fitting}


def jax_helpers(jnp: Any) -> Mapping[str, Callable[..., Any]]:
    """Helpers over jax.numpy."""

    def like(x: Any, value: Any, precision: Any = None) -> Any:
        if not isinstance(value, _NUMBERS):
            return value
        return jnp.full_like(x, value) if hasattr(x, "dtype") else jnp.asarray(value)

    def index(x: Any, indices: Any) -> Any:
        return indices if hasattr(indices, "dtype") else jnp.asarray(np.asarray(indices, np.int64))

    return {"like": like, "index": index, "many": many, "every": every, "pads": pads, "fitting": fitting}


def torch_context(torch: Any) -> Callable[..., tuple[Any, Any, Any]]:
    """A function of the inputs that answers (dtype, complex_dtype, device): the precision and place of the case."""
    real_of = {torch.complex128: torch.float64, torch.complex64: torch.float32}
    complex_of = {torch.float64: torch.complex128, torch.float32: torch.complex64}

    def context(*values: Any) -> tuple[Any, Any, Any]:
        device = None
        for leaf in leaves(values):
            device = leaf.device
            if leaf.dtype.is_complex or leaf.dtype.is_floating_point:
                dtype = real_of.get(leaf.dtype, leaf.dtype)
                return dtype, complex_of.get(dtype, torch.complex64), device
        dtype = torch.get_default_dtype()
        return dtype, complex_of.get(dtype, torch.complex64), device

    return context


def jax_context(jnp: Any) -> Callable[..., tuple[Any, Any, Any]]:
    """As torch_context; the device is never set."""

    def context(*values: Any) -> tuple[Any, Any, Any]:
        for leaf in leaves(values):
            if jnp.issubdtype(leaf.dtype, jnp.inexact):
                dtype = jnp.finfo(leaf.dtype).dtype
                return dtype, jnp.promote_types(dtype, jnp.complex64), None
        dtype = jnp.result_type(float)
        return dtype, jnp.promote_types(dtype, jnp.complex64), None

    return context


#: NumPy's names of functions that the standard library has for real and complex numbers.
_STANDARD = {
    "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctanh": "atanh",
    **{name: name for name in ("cos", "cosh", "exp", "log", "log10", "sin", "sinh", "sqrt", "tan", "tanh")},
}


def numbers(name: str) -> Callable[..., Any]:
    """A function of Python numbers, answering a Python number, so that array dtypes are not widened by it.

    It is NumPy's, or the standard library's inside its domain, which compilers of array programs see through.
    """
    function = getattr(np, name)
    real = getattr(math, _STANDARD.get(name, ""), None)
    other = getattr(cmath, _STANDARD.get(name, ""), None)

    def scalar(*values: Any) -> Any:
        standard = other if isinstance(values[0], complex) else real
        if standard is not None:
            try:
                return standard(*values)
            except (ValueError, OverflowError):
                pass
        with np.errstate(all="ignore"):
            return function(*values).item()

    return scalar
