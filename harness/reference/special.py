"""Special functions, real and (where the mathematics has it) complex."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import acb, arb

from harness.reference import ball_arrays as A
from harness.reference import ball_numbers as B
from harness.reference.ball_arrays import Array, elements, lift
from harness.reference.elementary import NAN, log_of_sum, undefined
from harness.reference.precision import Ball, NotInReference
from harness.reference.registry import portable, real_only, unary


def _half(x: Ball) -> Ball:
    return x / arb(2).sqrt()


def _through_complex(function: Callable[[Ball], Ball]) -> Callable[[Ball], Ball]:
    """A real function evaluated by its complex extension; NaN where that is not real."""

    def rule(x: Ball) -> Ball:
        out = function(acb(x))
        return out.real if out.imag.contains(0) else NAN

    return rule


# --- error functions -------------------------------------------------------------------------------------------------

unary("erf", arb.erf, acb.erf)
unary("erfc", arb.erfc, acb.erfc)
unary("erfcx", lambda x: (x * x).exp() * x.erfc(), lambda z: (z * z).exp() * z.erfc())
unary("erfinv", arb.erfinv, None)
unary("ndtr", lambda x: (-_half(x)).erfc() / 2, lambda z: (-_half(z)).erfc() / 2)
unary("log_ndtr", lambda x: ((-_half(x)).erfc() / 2).log(), lambda z: ((-_half(z)).erfc() / 2).log())
unary("ndtri", lambda p: -(2 * p).erfcinv() * arb(2).sqrt(), None)


# --- gamma functions -------------------------------------------------------------------------------------------------


def log_abs_gamma(x: Ball) -> Ball:
    return x.lgamma() if x > 0 else abs(x.gamma()).log()


unary("gammaln", log_abs_gamma, acb.lgamma)
unary("gamma", arb.gamma, acb.gamma)
unary("digamma", arb.digamma, acb.digamma)
real_only("gammainc", lambda a, x: x.gamma_lower(a, regularized=1), 2)
real_only("gammaincc", lambda a, x: x.gamma_upper(a, regularized=1), 2)
real_only("beta", lambda a, b: a.gamma() * b.gamma() * (a + b).rgamma(), 2)
real_only("betaln", lambda a, b: log_abs_gamma(a) + log_abs_gamma(b) - log_abs_gamma(a + b), 2)
real_only("betainc", lambda a, b, x: x.beta_lower(a, b, regularized=1), 3)
real_only("poch", lambda x, m: x.rising(m), 2)
real_only("hyp1f1", lambda a, b, x: x.hypgeom_1f1(a, b), 3)


@portable("polygamma")
def polygamma(n: Any, x: Any) -> Array:
    """The n-th derivative of digamma; n a whole number."""

    def rule(order: Ball, z: Ball) -> Ball:
        if order == 0:
            return z.digamma()
        out = acb(z).polygamma(acb(order))
        return out if isinstance(z, acb) else out.real

    orders, a = lift(n).balls(), lift(x).balls()
    if orders.kind == "c":
        raise NotInReference("polygamma of a complex order")
    return elements(rule, [orders, a], a.kind)


@portable("multigammaln")
def multigammaln(a: Any, d: int) -> Array:
    def rule(x: Ball) -> Ball:
        terms = [log_abs_gamma(x - arb(j) / 2) for j in range(int(d))]
        return sum(terms, arb(int(d) * (int(d) - 1)) / 4 * arb.pi().log())

    return lift(a).balls().each(rule, "r")


@portable("zeta")
def zeta(x: Any, q: Any) -> Array:
    """Hurwitz zeta: sum over k of (k + q)**-x."""
    (s, a), kind = A.common([lift(x).balls(), lift(q).balls()])

    def rule(u: Ball, v: Ball) -> Ball:
        out = acb(u).zeta(acb(v))
        if kind == "c":
            return out
        return out.real if out.imag.contains(0) else NAN

    return elements(rule, [s, a], kind)


# --- Bessel functions, exponential integrals, dilogarithm ------------------------------------------------------------

unary("i0", lambda x: x.bessel_i(arb(0)), lambda z: z.bessel_i(acb(0)))
unary("i1", lambda x: x.bessel_i(arb(1)), lambda z: z.bessel_i(acb(1)))
unary("i0e", lambda x: (-abs(x)).exp() * x.bessel_i(arb(0)), None)
unary("i1e", lambda x: (-abs(x)).exp() * x.bessel_i(arb(1)), None)
unary("expi", arb.ei, acb.ei)
unary("exp1", lambda x: x.expint(arb(1)), lambda z: z.expint(acb(1)))
unary("spence", _through_complex(lambda z: (1 - z).polylog(acb(2))), lambda z: (1 - z).polylog(acb(2)))


@portable("expn")
def expn(n: Any, x: Any) -> Array:
    (order, a), kind = A.common([lift(n).balls(), lift(x).balls()])
    return elements(lambda s, z: z.expint(s), [order, a], kind)


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
