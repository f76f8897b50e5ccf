"""Special functions, real and (where the mathematics has it) complex."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import acb, arb

from harness.reference import ball_arrays as A
from harness.reference import ball_numbers as B
from harness.reference.ball_arrays import Array, elements, lift
from harness.reference.elementary import NAN, log_of_sum, undefined
from harness.reference.precision import Ball, NotInReference, state
from harness.reference.registry import portable, real_only, unary


def _half(x: Ball) -> Ball:
    return x / arb(2).sqrt()


def _through_complex(function: Callable[[Ball], Ball]) -> Callable[[Ball], Ball]:
    """A real function evaluated by its complex extension; NaN where that is not real."""

    def rule(x: Ball) -> Ball:
        out = function(acb(x))
        return out.real if out.imag.contains(0) else NAN

    return rule


_SERIES = 8  # elements that one call of a function summed by FLINT counts for
_HARD = 640  # elements that one call of FLINT's slow functions counts for: at most 5 ms within these bounds


def _bounded(parameters: tuple[Ball, ...], argument: Ball | None = None, least: float = 0.0) -> None:
    """Where a stranger's text is evaluated, and no process ends what takes for ever (`precision.bounded`): refuse the
    numbers for which FLINT's series take seconds or have no end, and count the others as much work.

    parameters: sizes from `least` to 100. argument: not beyond 1e5 where it is complex or negative. By measurement.
    """
    if state.room is None:
        return
    state.work(_HARD)
    slow = any(p.is_finite() and not least <= abs(p) <= 100 for p in parameters)
    if argument is not None and argument.is_finite() and not abs(argument) <= 100_000:
        slow = slow or isinstance(argument, acb) or not argument > 0
    if slow:
        raise NotInReference("a special function of such numbers takes too long to be evaluated here")


def _lower_gamma(a: Ball, x: Ball) -> Ball:
    _bounded((a,))
    return x.gamma_lower(a, regularized=1)


def _upper_gamma(a: Ball, x: Ball) -> Ball:
    _bounded((a,))
    return x.gamma_upper(a, regularized=1)


def _lower_beta(a: Ball, b: Ball, x: Ball) -> Ball:
    _bounded((a, b), least=1e-6)
    if state.room is not None and not 0 <= x <= 1:
        raise NotInReference("the incomplete beta function beyond 0 and 1 takes too long to be evaluated here")
    return x.beta_lower(a, b, regularized=1)


def _kummer(a: Ball, b: Ball, x: Ball) -> Ball:
    _bounded((a, b))
    return x.hypgeom_1f1(a, b)


# --- error functions -------------------------------------------------------------------------------------------------

unary("erf", arb.erf, acb.erf)
unary("erfc", arb.erfc, acb.erfc)
unary("erfcx", lambda x: (x * x).exp() * x.erfc(), lambda z: (z * z).exp() * z.erfc())
unary("erfinv", arb.erfinv, None, work=_SERIES)
unary("ndtr", lambda x: (-_half(x)).erfc() / 2, lambda z: (-_half(z)).erfc() / 2)
unary("log_ndtr", lambda x: ((-_half(x)).erfc() / 2).log(), lambda z: ((-_half(z)).erfc() / 2).log())
unary("ndtri", lambda p: -(2 * p).erfcinv() * arb(2).sqrt(), None, work=_SERIES)


# --- gamma functions -------------------------------------------------------------------------------------------------


def log_abs_gamma(x: Ball) -> Ball:
    return x.lgamma() if x > 0 else abs(x.gamma()).log()


unary("gammaln", log_abs_gamma, acb.lgamma, work=_SERIES)
unary("gamma", arb.gamma, acb.gamma, work=_SERIES)
unary("digamma", arb.digamma, acb.digamma, work=_SERIES)
real_only("gammainc", _lower_gamma, 2)
real_only("gammaincc", _upper_gamma, 2)
real_only("beta", lambda a, b: a.gamma() * b.gamma() * (a + b).rgamma(), 2, work=_SERIES)
real_only("betaln", lambda a, b: log_abs_gamma(a) + log_abs_gamma(b) - log_abs_gamma(a + b), 2, work=_SERIES)
real_only("betainc", _lower_beta, 3)
real_only("poch", lambda x, m: x.rising(m), 2, work=_SERIES)
real_only("hyp1f1", _kummer, 3)


@portable("polygamma")
def polygamma(n: Any, x: Any) -> Array:
    """The n-th derivative of digamma; n a whole number."""

    def rule(order: Ball, z: Ball) -> Ball:
        if order == 0:
            state.work(_SERIES)
            return z.digamma()
        _bounded((order,), z)
        if state.room is not None and order < 0:
            raise NotInReference("polygamma of a negative order takes too long to be evaluated here")
        out = acb(z).polygamma(acb(order))
        return out if isinstance(z, acb) else out.real

    orders, a = lift(n).balls(), lift(x).balls()
    if orders.kind == "c":
        raise NotInReference("polygamma of a complex order")
    return elements(rule, [orders, a], a.kind)


@portable("multigammaln")
def multigammaln(a: Any, d: int) -> Array:
    def rule(x: Ball) -> Ball:
        state.work(_SERIES * int(d))
        terms = [log_abs_gamma(x - arb(j) / 2) for j in range(int(d))]
        return sum(terms, arb(int(d) * (int(d) - 1)) / 4 * arb.pi().log())

    return lift(a).balls().each(rule, "r")


@portable("zeta")
def zeta(x: Any, q: Any) -> Array:
    """Hurwitz zeta: sum over k of (k + q)**-x."""
    (s, a), kind = A.common([lift(x).balls(), lift(q).balls()])

    def rule(u: Ball, v: Ball) -> Ball:
        _bounded((u,), v)
        if state.room is not None and u.real < 0:
            raise NotInReference("zeta of a negative number takes too long to be evaluated here")
        out = acb(u).zeta(acb(v))
        if kind == "c":
            return out
        return out.real if out.imag.contains(0) else NAN

    return elements(rule, [s, a], kind)


# --- Bessel functions, exponential integrals, dilogarithm ------------------------------------------------------------

unary("i0", lambda x: x.bessel_i(arb(0)), lambda z: z.bessel_i(acb(0)), work=_SERIES)
unary("i1", lambda x: x.bessel_i(arb(1)), lambda z: z.bessel_i(acb(1)), work=_SERIES)
unary("i0e", lambda x: (-abs(x)).exp() * x.bessel_i(arb(0)), None, work=_SERIES)
unary("i1e", lambda x: (-abs(x)).exp() * x.bessel_i(arb(1)), None, work=_SERIES)
unary("expi", arb.ei, acb.ei, work=_SERIES)
unary("exp1", lambda x: x.expint(arb(1)), lambda z: z.expint(acb(1)), work=_SERIES)
unary("spence", _through_complex(lambda z: (1 - z).polylog(acb(2))), lambda z: (1 - z).polylog(acb(2)), work=_SERIES)


@portable("expn")
def expn(n: Any, x: Any) -> Array:
    (order, a), kind = A.common([lift(n).balls(), lift(x).balls()])

    def rule(s: Ball, z: Ball) -> Ball:
        _bounded((s,))
        return z.expint(s)

    return elements(rule, [order, a], kind)


# --- logistic and entropy --------------------------------------------------------------------------------------------


def logistic(x: Ball) -> Ball:
    return 1 / (1 + (-x).exp())


unary("expit", logistic, logistic)
unary("sigmoid", logistic, logistic)
unary("logit", lambda x: (x / (1 - x)).log(), lambda z: (z / (1 - z)).log())


def x_log_y(x: Ball, log: Callable[[], Ball]) -> Ball:
    """x * log(...), which is 0 for x = 0 whatever the logarithm."""
    return x if B.equal(x, type(x)(0)) else x * log()


def _weighted_log(name: str, log: Callable[[Ball], Ball]) -> None:
    def function(x: Any, y: Any) -> Array:
        (a, b), kind = A.common([lift(x).balls(), lift(y).balls()])
        return elements(lambda s, t: NAN * s if undefined(t) else x_log_y(s, lambda: log(t)), [a, b], kind)

    portable(name)(function)


_weighted_log("xlogy", lambda t: t.log())
_weighted_log("xlog1py", lambda t: t.log1p())
unary("entr", lambda x: -x_log_y(x, x.log) if not x < 0 else arb("-inf"), None)
real_only("rel_entr", lambda x, y: x_log_y(x, lambda: (x / y).log()), 2)
real_only("kl_div", lambda x, y: x_log_y(x, lambda: (x / y).log()) - x + y, 2)


def softplus(x: Ball) -> Ball:
    """log(1 + exp(x))."""
    return log_of_sum([type(x)(0), x]) if not isinstance(x, acb) else (1 + x.exp()).log()
