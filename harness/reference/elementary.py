"""Elementwise functions: arithmetic, powers, exponentials, trigonometry, complex parts, rounding, selection.

On a branch cut an imaginary (or real) part that is exactly zero counts as +0, as C99 Annex G has it for +0; what lies
on the other side is found by looking there (`singular`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from flint import acb, arb

from harness.reference import ball_arrays as A
from harness.reference import ball_numbers as B
from harness.reference.ball_arrays import Array, elements, lift
from harness.reference.precision import Ball, NotInReference, midpoint, state
from harness.reference.registry import portable, real_only, unary

NAN = arb("nan")
_ZERO, _ONE, _TWO = arb(0), arb(1), arb(2)


# --- the side of a cut ------------------------------------------------------------------------------------------------


def _above(function: Callable[[Ball], Ball], wrong: Callable[[Ball], bool]) -> Callable[[Ball], Ball]:
    """flint continues some functions from below their cut; by f(conj z) = conj f(z) that gives the side of +0."""

    def corrected(z: Ball) -> Ball:
        out = function(z)
        return out.conjugate() if z.imag == 0 and wrong(z.real) else out

    return corrected


def _right(function: Callable[[Ball], Ball]) -> Callable[[Ball], Ball]:
    """The side of a real part +0 on a cut along the imaginary axis, below -i: by f(-conj z) = -conj f(z)."""

    def corrected(z: Ball) -> Ball:
        out = function(z)
        return -out.conjugate() if z.real == 0 and z.imag < -1 else out

    return corrected


arcsin_complex = _above(acb.asin, lambda x: x > 1)
arccos_complex = _above(acb.acos, lambda x: x > 1)
arctanh_complex = _above(acb.atanh, lambda x: x > 1)
arctan_complex = _right(acb.atan)
arcsinh_complex = _right(acb.asinh)


# --- arithmetic and powers --------------------------------------------------------------------------------------------

for _name, _op in {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv,
    "floor_divide": operator.floordiv, "remainder": operator.mod, "matmul": operator.matmul,
    "equal": operator.eq, "not_equal": operator.ne, "less": operator.lt, "less_equal": operator.le,
    "greater": operator.gt, "greater_equal": operator.ge,
}.items():

    def _binary(x: Any, y: Any, op: Callable[[Any, Any], Any] = _op) -> Any:
        return op(lift(x), lift(y))

    portable(_name)(_binary)


@portable("power")
def power(x: Any, y: Any) -> Array:
    return A.power(lift(x), lift(y))


@portable("float_power")
def float_power(x: Any, y: Any) -> Array:
    return A.power(lift(x).balls(), lift(y).balls())


@portable("negative")
def negative(x: Any) -> Array:
    return -lift(x)


@portable("positive")
def positive(x: Any) -> Array:
    return lift(x)


@portable("square")
def square(x: Any) -> Array:
    a = lift(x)
    return a * a


unary("reciprocal", lambda x: 1 / x, lambda z: 1 / z)
unary("sqrt", arb.sqrt, acb.sqrt)
unary("rsqrt", arb.rsqrt, acb.rsqrt)


def _cbrt(x: Ball) -> Ball:
    if x.contains(0):
        return _ZERO if x == 0 else x.nonnegative_part().root(3).union(-((-x).nonnegative_part().root(3)))
    return x.root(3) if x > 0 else -((-x).root(3))


unary("cbrt", _cbrt, None)
real_only("hypot", lambda x, y: (x * x + y * y).sqrt(), 2)
real_only("fmod", lambda x, y: x - _truncated(x / y) * y, 2)


@portable("lerp")
def lerp(start: Any, end: Any, weight: Any) -> Array:
    a = lift(start)
    return a + lift(weight) * (lift(end) - a)


# --- exponentials and logarithms --------------------------------------------------------------------------------------

unary("exp", arb.exp, acb.exp)
unary("exp2", lambda x: _TWO**x, lambda z: acb(2) ** z)
unary("expm1", arb.expm1, acb.expm1)
unary("log", arb.log, acb.log)
unary("log10", lambda x: x.log() / arb.const_log10(), lambda z: z.log() / arb.const_log10())
unary("log2", lambda x: x.log() / arb.const_log2(), lambda z: z.log() / arb.const_log2())
unary("log1p", arb.log1p, acb.log1p)


def log_of_sum(terms: list[Ball]) -> Ball:
    """log(sum(exp(terms))), the principal value; shifted by the largest real part, so that nothing grows."""
    if not terms:
        return arb("-inf")
    reals = [midpoint(t.real) for t in terms]
    if any(r.is_nan() for r in reals):
        return terms[0] * NAN
    shift = max(reals)
    total = sum(((t - shift).exp() for t in terms[1:]), (terms[0] - shift).exp())
    return shift + total.log()


@portable("logaddexp")
def logaddexp(x: Any, y: Any) -> Array:
    (a, b), kind = A.common([lift(x).balls(), lift(y).balls()])
    return elements(lambda s, t: log_of_sum([s, t]), [a, b], kind)


@portable("logaddexp2")
def logaddexp2(x: Any, y: Any) -> Array:
    (a, b), kind = A.common([lift(x).balls(), lift(y).balls()])

    def rule(s: Ball, t: Ball) -> Ball:
        log2 = arb.const_log2()
        return log_of_sum([s * log2, t * log2]) / log2

    return elements(rule, [a, b], kind)


# --- trigonometric and hyperbolic -------------------------------------------------------------------------------------

unary("sin", arb.sin, acb.sin)
unary("cos", arb.cos, acb.cos)
unary("tan", arb.tan, acb.tan)
unary("arcsin", arb.asin, arcsin_complex)
unary("arccos", arb.acos, arccos_complex)
unary("arctan", arb.atan, arctan_complex)
unary("sinh", arb.sinh, acb.sinh)
unary("cosh", arb.cosh, acb.cosh)
unary("tanh", arb.tanh, acb.tanh)
unary("arcsinh", arb.asinh, arcsinh_complex)
unary("arccosh", arb.acosh, acb.acosh)
unary("arctanh", arb.atanh, arctanh_complex)
unary("sinc", arb.sinc_pi, acb.sinc_pi)
unary("deg2rad", lambda x: x * arb.pi() / 180, lambda z: z * arb.pi() / 180)
unary("rad2deg", lambda x: x * 180 / arb.pi(), lambda z: z * 180 / arb.pi())
real_only("arctan2", lambda y, x: arb.atan2(y, x), 2)


# --- complex parts ----------------------------------------------------------------------------------------------------


@portable("abs")
def absolute(x: Any) -> Array:
    return A.absolute(lift(x))


unary("angle", lambda x: arb.pi() if B.less(x, _ZERO) else _ZERO * x, acb.arg, gives="r")


@portable("conj")
def conj(x: Any) -> Array:
    return lift(x).conj()


@portable("real")
def real(x: Any) -> Array:
    return lift(x).real


@portable("imag")
def imag(x: Any) -> Array:
    return lift(x).imag


unary("sign", arb.sgn, acb.sgn)


@portable("complex")
def complex_(re: Any, im: Any) -> Array:
    return elements(acb, [_real(lift(re)), _real(lift(im))], "c")


def _real(a: Array) -> Array:
    a = a.balls()
    if a.kind == "c":
        raise NotInReference("a real array is needed here, not a complex one")
    return a


@portable("polar")
def polar(r: Any, theta: Any) -> Array:
    def rule(modulus: Ball, angle: Ball) -> Ball:
        s, c = angle.sin_cos()
        return acb(modulus * c, modulus * s)

    return elements(rule, [_real(lift(r)), _real(lift(theta))], "c")


@portable("as_complex")
def as_complex(x: Any) -> Array:
    return lift(x).to_complex()


@portable("as_real")
def as_real(x: Any) -> Array:
    """A complex array loses its imaginary part, as a conversion of dtype does."""
    a = lift(x)
    return a.real if a.kind == "c" else a.balls()


@portable("view_as_real")
def view_as_real(x: Any) -> Array:
    a = lift(x)
    return A.stack([a.real, a.imag], axis=-1)


@portable("view_as_complex")
def view_as_complex(x: Any) -> Array:
    a = lift(x)
    return complex_(a[..., 0], a[..., 1])


# --- rounding, bounds, selection --------------------------------------------------------------------------------------


def _truncated(x: Ball) -> Ball:
    return B.whole(x, arb.floor if x >= 0 else arb.ceil)


def _half_even(x: Ball) -> Ball:
    """The nearest integer, ties to even."""
    if not x.is_finite():
        return NAN
    low = B.whole(x, arb.floor)
    part = x - low
    if B.equal(part, arb(0.5)):
        return low if B.equal(B.whole(low / 2, arb.floor) * 2, low) else low + 1
    return low + 1 if B.less(arb(0.5), part) else low


unary("floor", lambda x: B.whole(x, arb.floor), None)
unary("ceil", lambda x: B.whole(x, arb.ceil), None)
unary("trunc", _truncated, None)
unary("round", _half_even, lambda z: acb(_half_even(z.real), _half_even(z.imag)))


def undefined(x: Ball) -> bool:
    """Whether a number is NaN (either part of a complex one)."""
    return bool(x.real.is_nan() or x.imag.is_nan()) if isinstance(x, acb) else bool(x.is_nan())


def precedes(x: Ball, y: Ball) -> bool:
    """x < y; complex numbers by real part, then by imaginary part, as NumPy sorts them."""
    if isinstance(x, acb):
        return B.less(x.real, y.real) or (B.equal(x.real, y.real) and B.less(x.imag, y.imag))
    return B.less(x, y)


def larger(x: Ball, y: Ball) -> Ball:
    """The larger one; a NaN wins."""
    if undefined(x) or undefined(y):
        return x if undefined(x) else y
    return y if precedes(x, y) else x


def smaller(x: Ball, y: Ball) -> Ball:
    """The smaller one; a NaN wins."""
    if undefined(x) or undefined(y):
        return x if undefined(x) else y
    return y if precedes(y, x) else x


def _chosen(rule: Callable[[Ball, Ball], Ball]) -> Callable[[Any, Any], Array]:
    def function(x: Any, y: Any) -> Array:
        a, b = lift(x), lift(y)
        if a.kind in "ib" and b.kind in "ib":
            choose = np.maximum if rule in (larger,) else np.minimum
            return A.Array(choose(a.data, b.data), a.kind)
        (a, b), kind = A.common([a.balls(), b.balls()])
        return elements(rule, [a, b], kind)

    return function


maximum = portable("maximum")(_chosen(larger))
minimum = portable("minimum")(_chosen(smaller))


@portable("fmax")
def fmax(x: Any, y: Any) -> Array:
    (a, b), kind = A.common([lift(x).balls(), lift(y).balls()])
    return elements(lambda s, t: t if undefined(s) else s if undefined(t) else larger(s, t), [a, b], kind)


@portable("fmin")
def fmin(x: Any, y: Any) -> Array:
    (a, b), kind = A.common([lift(x).balls(), lift(y).balls()])
    return elements(lambda s, t: t if undefined(s) else s if undefined(t) else smaller(s, t), [a, b], kind)


@portable("clip")
def clip(x: Any, min: Any = None, max: Any = None) -> Array:
    out = lift(x)
    if min is not None:
        out = maximum(out, min)
    if max is not None:
        out = minimum(out, max)
    return out


@portable("where")
def where(condition: Any, x: Any, y: Any) -> Array:
    test = A.truth(lift(condition))
    (a, b), kind = A.common([lift(x), lift(y)])
    return elements(lambda t, s, u: s if t else u, [test, a, b], kind)


@portable("heaviside")
def heaviside(x: Any, y: Any) -> Array:
    def rule(s: Ball, at_zero: Ball) -> Ball:
        if undefined(s):
            return NAN
        return at_zero if B.equal(s, _ZERO) else (_ZERO if B.less(s, _ZERO) else _ONE)

    return elements(rule, [_real(lift(x)), _real(lift(y))], "r")


real_only("copysign", lambda x, y: -abs(x) if B.less(y, _ZERO) else abs(x), 2)


@portable("nan_to_num")
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    big = state.form.largest
    high, low = big if posinf is None else posinf, -big if neginf is None else neginf

    def rule(s: Ball) -> Ball:
        if isinstance(s, acb):
            return acb(rule(s.real), rule(s.imag))
        if s.is_finite():
            return s
        return arb(nan) if s.is_nan() else arb(high) if s > 0 else arb(low)

    a = lift(x)
    return a if a.kind in "ib" else a.each(rule, a.kind)


# --- logic ------------------------------------------------------------------------------------------------------------


def _logic(op: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Array]:
    return lambda x, y: A.logic(op, A.truth(lift(x)), A.truth(lift(y)))


portable("logical_and")(_logic(operator.and_))
portable("logical_or")(_logic(operator.or_))
portable("logical_xor")(_logic(operator.xor))


@portable("logical_not")
def logical_not(x: Any) -> Array:
    return ~A.truth(lift(x))


def _parts(x: Ball) -> tuple[Ball, ...]:
    return (x.real, x.imag) if isinstance(x, acb) else (x,)


def _test(name: str, rule: Callable[[Ball], bool]) -> None:
    def function(x: Any) -> Array:
        return lift(x).balls().each(rule, "b")

    portable(name)(function)


_test("isnan", undefined)
_test("isfinite", lambda x: all(p.is_finite() for p in _parts(x)))
_test("isinf", lambda x: any(not p.is_finite() and not p.is_nan() for p in _parts(x)))
_test("signbit", lambda x: B.less(x, _ZERO))
