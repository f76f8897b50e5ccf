"""Functions of neural networks, by their definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import acb, arb

from harness.reference import ball_numbers as B
from harness.reference.ball_arrays import Array, lift
from harness.reference.elementary import larger, log_of_sum, maximum, undefined
from harness.reference.precision import Ball, NotInReference, literal
from harness.reference.reductions import along, mean, part, square_modulus, sum_, var
from harness.reference.registry import portable, unary
from harness.reference.special import logistic, softplus

_ZERO, _ONE = arb(0), arb(1)


def _positive_part(x: Ball) -> Ball:
    return larger(x, _ZERO)


def _sided(x: Ball, above: Callable[[], Ball], below: Callable[[], Ball]) -> Ball:
    """above() for x > 0, below() otherwise; NaN stays NaN."""
    if undefined(x):
        return x
    return above() if B.less(_ZERO, x) else below()


def _clipped(x: Ball, low: Any, high: Any) -> Ball:
    x = larger(x, arb(low))
    return arb(high) if B.less(arb(high), x) else x


unary("relu", _positive_part, None)
unary("relu6", lambda x: _clipped(x, 0, 6), None)
unary("silu", lambda x: x * logistic(x), lambda z: z * logistic(z))
unary("mish", lambda x: x * softplus(x).tanh(), lambda z: z * softplus(z).tanh())
unary("log_sigmoid", lambda x: -softplus(-x), lambda z: -softplus(-z))
unary("softplus", softplus, softplus)
unary("softsign", lambda x: x / (1 + abs(x)), lambda z: z / (1 + abs(z)))
unary("hard_sigmoid", lambda x: _clipped(x + 3, 0, 6) / 6, None)
unary("hard_swish", lambda x: x * _clipped(x + 3, 0, 6) / 6, None)
unary("hard_tanh", lambda x: _clipped(x, -1, 1), None)
unary("tanhshrink", lambda x: x - x.tanh(), lambda z: z - z.tanh())

#: Klambauer et al., "Self-Normalizing Neural Networks" (2017): the fixed point with mean 0 and variance 1.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
unary("selu", lambda x: literal(_SELU_SCALE) * _sided(x, lambda: x, lambda: literal(_SELU_ALPHA) * x.expm1()), None)


def _real(x: Any) -> Array:
    a = lift(x).balls()
    if a.kind == "c":
        raise NotInReference("defined for real arrays only")
    return a


@portable("leaky_relu")
def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Array:
    return _real(x).each(lambda t: _sided(t, lambda: t, lambda: t * literal(negative_slope)), "r")


@portable("elu")
def elu(x: Any, alpha: Any = 1.0) -> Array:
    return _real(x).each(lambda t: _sided(t, lambda: t, lambda: literal(alpha) * t.expm1()), "r")


@portable("celu")
def celu(x: Any, alpha: Any = 1.0) -> Array:
    scale = literal(alpha)
    return _real(x).each(lambda t: _sided(t, lambda: t, lambda: scale * (t / scale).expm1()), "r")


@portable("gelu")
def gelu(x: Any, approximate: str = "none") -> Array:
    """x times the normal distribution function; approximate="tanh" is Hendrycks and Gimpel's formula."""
    a = lift(x).balls()
    if approximate == "none":
        return a.each(lambda t: t * (-t / arb(2).sqrt()).erfc() / 2, a.kind)

    def rule(t: Ball) -> Ball:
        inner = (2 / arb.pi()).sqrt() * (t + literal(0.044715) * t * t * t)
        return t * (1 + inner.tanh()) / 2

    return a.each(rule, a.kind)


@portable("squareplus")
def squareplus(x: Any, b: Any = 4) -> Array:
    a = _real(x)
    return (a + (a * a + lift(b)).each(arb.sqrt, "r")) / 2


def _normalised(x: Array, axis: int) -> tuple[Array, Array]:
    """exp(x - shift) and its sum along the axis, the shift being the largest real part (an exact number)."""

    def top(terms: list[Ball]) -> Ball:
        parts = [t.real.mid() for t in terms]
        return arb("nan") if any(p.is_nan() for p in parts) else max(parts)

    plain = Array(x.data, x.kind)
    shift = along(plain, axis, True, top, "r")
    powers = (x - shift).each(acb.exp if x.kind == "c" else arb.exp, x.kind)
    return powers, sum_(powers, axis=axis, keepdims=True)


@portable("softmax")
def softmax(x: Any, axis: int = -1) -> Array:
    powers, total = _normalised(lift(x).balls(), axis)
    return powers / total


@portable("log_softmax")
def log_softmax(x: Any, axis: int = -1) -> Array:
    a = lift(x).balls()
    return a - along(a, axis, True, log_of_sum, a.kind)


@portable("glu")
def glu(x: Any, axis: int = -1) -> Array:
    a = lift(x).balls()
    half = a.shape[axis] // 2
    gate = part(a, axis, half, None)
    return part(a, axis, None, half) * gate.each(logistic, gate.kind)


@portable("softshrink")
def softshrink(x: Any, lambd: Any = 0.5) -> Array:
    width = literal(lambd)

    def rule(t: Ball) -> Ball:
        if undefined(t):
            return t
        return t - width if B.less(width, t) else t + width if B.less(t, -width) else _ZERO

    return _real(x).each(rule, "r")


@portable("hardshrink")
def hardshrink(x: Any, lambd: Any = 0.5) -> Array:
    width = literal(lambd)
    return _real(x).each(lambda t: t if undefined(t) or B.less(width, abs(t)) else _ZERO, "r")


@portable("layer_norm")
def layer_norm(x: Any, eps: Any = 1e-5) -> Array:
    a = lift(x).balls()
    spread = (var(a, axis=-1, keepdims=True) + lift(eps)).each(arb.rsqrt, "r")
    return (a - mean(a, axis=-1, keepdims=True)) * spread


@portable("cosine_similarity")
def cosine_similarity(a: Any, b: Any, axis: int = -1) -> Array:
    """Inner product over the product of lengths, each at least 1e-8."""
    x, y = _real(a), _real(b)
    tiny = lift(1e-8)

    def length(v: Array) -> Array:
        return maximum(sum_(v.each(square_modulus, "r"), axis=axis).each(arb.sqrt, "r"), tiny)

    return sum_(x * y, axis=axis) / (length(x) * length(y))


@portable("one_hot")
def one_hot(x: Any, num_classes: int) -> Array:
    a = lift(x)
    return Array((a.data[..., None] == np.arange(num_classes)).astype(np.int64), "i")

