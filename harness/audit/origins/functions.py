"""Functions that go by one name, or are taken for one another: which of them a side computes is told by its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.audit.origins.cut import Cut
from harness.audit.origins.layout import close
from harness.wirtinger import Array

#: Entries beyond which functions are not tried.
_MOST = 1 << 20


def functions(cut: Cut, a: Array, b: Array, rtol: float) -> Iterator[tuple[str, str]]:
    """The same input through functions that go by one name: each side's result is one of them."""
    g = cut.at.left
    for p in g.parents(cut.torch.id):
        x = cut.at.recordings["torch"].value(p)
        if np.iscomplexobj(x) or x.size > _MOST:
            continue
        for family in _FAMILIES:
            left = _which(family, x, a, rtol)
            right = _which(family, x, b, rtol)
            if left and right and left != right:
                default = f" ({_DEFAULTS[right[1]]})" if right[1] in _DEFAULTS else ""
                yield f"torch computes {left[0]}, JAX {right[0]}{default}", f"on the JAX side: {left[1]}"


def _which(family: Any, x: Array, wanted: Array, rtol: float) -> tuple[str, str] | None:
    with np.errstate(all="ignore"):
        for text, code, value in family(x):
            if value.size == wanted.size and close(value.reshape(-1), wanted.reshape(-1), max(rtol, 1e-9)):
                return text, code
    return None


def _gelu(x: Array) -> Iterator[tuple[str, str, Array]]:
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    exact = x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    yield "nothing (the numbers stay as they are)", "x", x
    yield "the exact gelu", "jax.nn.gelu(x, approximate=False)", exact
    yield "gelu by tanh", "jax.nn.gelu(x)", x * 0.5 * (1 + np.tanh(inner))
    yield "silu", "jax.nn.silu(x)", x / (1 + np.exp(-x))
    yield "relu", "jax.nn.relu(x)", np.maximum(x, 0)
    yield "tanh", "jnp.tanh(x)", np.tanh(x)
    yield "sigmoid", "jax.nn.sigmoid(x)", 1 / (1 + np.exp(-x))
    yield "softplus", "jax.nn.softplus(x)", np.logaddexp(x, 0)
    yield "elu", "jax.nn.elu(x)", np.where(x > 0, x, np.expm1(x))
    for slope in (0.01, 0.1, 0.2, 0.3, 0.05):
        yield (f"leaky relu with slope {slope:g}", f"jax.nn.leaky_relu(x, {slope:g})", np.where(x >= 0, x, slope * x))
    for power in (2, 3, 4):
        yield f"the power {power}", f"x ** {power}", x**power
    yield "log(1 + x)", "jnp.log1p(x)", np.log1p(x)
    yield "log(x)", "jnp.log(x)", np.log(x)


def _reductions(x: Array) -> Iterator[tuple[str, str, Array]]:
    for axis in (None, *range(x.ndim)):
        words, arg = ("over everything", "") if axis is None else (f"over axis {axis}", f"axis={axis}")
        for name in ("mean", "sum", "max", "min", "prod"):
            yield f"{name} {words}", f"x.{name}({arg})", getattr(x, name)(axis=axis)
        for name in ("var", "std"):
            for ddof in (0, 1):
                n = x.size if axis is None else x.shape[axis]
                if n > ddof:
                    code = f"x.{name}({arg + ', ' if arg else ''}ddof={ddof})"
                    yield f"{name} {words} with n - {ddof}", code, getattr(x, name)(axis=axis, ddof=ddof)


def _softmax(x: Array) -> Iterator[tuple[str, str, Array]]:
    for axis in range(x.ndim):
        e = np.exp(x - x.max(axis, keepdims=True))
        s = e / e.sum(axis, keepdims=True)
        yield f"softmax over axis {axis}", f"jax.nn.softmax(x, axis={axis})", s
        yield f"log_softmax over axis {axis}", f"jax.nn.log_softmax(x, axis={axis})", np.log(s)
        yield f"cumsum over axis {axis}", f"jnp.cumsum(x, axis={axis})", np.cumsum(x, axis)


def _norms(x: Array) -> Iterator[tuple[str, str, Array]]:
    for axis in range(x.ndim):
        m, v = x.mean(axis, keepdims=True), x.var(axis, keepdims=True)
        for eps in (0.0, 1e-12, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3):
            yield (f"normalisation over axis {axis} with eps={eps:g}", f"(x - mean) / sqrt(var + {eps:g})",
                   (x - m) / np.sqrt(v + eps))


def _fft(x: Array) -> Iterator[tuple[str, str, Array]]:
    for norm in ("backward", "ortho", "forward") if x.ndim else ():
        yield f"the FFT with norm={norm!r}", f"jnp.fft.fft(x, norm={norm!r})", np.fft.fft(x, norm=norm)


_DEFAULTS = {
    "jax.nn.gelu(x)": "its documented default, approximate=True",
}
_FAMILIES = (_gelu, _reductions, _softmax, _norms, _fft)
