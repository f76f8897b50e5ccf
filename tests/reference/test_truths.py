"""The reference against independent truths: sympy's derivatives, mpmath's functions, functional equations."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from flint import acb, arb, ctx

from harness.formats import DOUBLE
from harness.model import Input
from harness.reference.ball_arrays import Array, fill
from harness.reference.derivative import Differences
from harness.reference.function import Compiled, Problem, flattened
from harness.reference.namespace import namespace
from harness.reference.precision import working
from harness.reference.singular import SMOOTH
from harness.reference.solution import solve

X, Y = sympy.symbols("x y", real=True)
Z = X + sympy.I * Y

#: portable text -> (Re f, Im f) as functions of x and y, for sympy to differentiate.
HOLOMORPHIC = {
    "exp(z)": sympy.exp(Z), "sin(z)": sympy.sin(Z), "cos(z)": sympy.cos(Z), "tan(z)": sympy.tan(Z),
    "sinh(z)": sympy.sinh(Z), "cosh(z)": sympy.cosh(Z), "tanh(z)": sympy.tanh(Z), "log(z)": sympy.log(Z),
    "sqrt(z)": sympy.sqrt(Z), "arcsin(z)": sympy.asin(Z), "arccos(z)": sympy.acos(Z), "arctan(z)": sympy.atan(Z),
    "arcsinh(z)": sympy.asinh(Z), "arccosh(z)": sympy.acosh(Z), "arctanh(z)": sympy.atanh(Z),
    "z**3 - 2 * z + 1 / z": Z**3 - 2 * Z + 1 / Z, "z / (1 + exp(-z))": Z / (1 + sympy.exp(-Z)),
    "z**z": Z**Z, "exp2(z)": 2**Z, "log1p(z)": sympy.log(1 + Z), "log10(z)": sympy.log(Z) / sympy.log(10),
    "sinc(z)": sympy.sin(sympy.pi * Z) / (sympy.pi * Z), "reciprocal(z)": 1 / Z, "rsqrt(z)": 1 / sympy.sqrt(Z),
}
MODULUS = sympy.sqrt(X**2 + Y**2)
NON_HOLOMORPHIC = {
    "abs(z)": MODULUS, "abs(z)**2": X**2 + Y**2, "conj(z)": X - sympy.I * Y, "real(z)": X, "imag(z)": Y,
    "z * conj(z)": X**2 + Y**2, "z / abs(z)": Z / MODULUS, "sign(z)": Z / MODULUS, "angle(z)": sympy.atan2(Y, X),
    "abs(z)**(1 + 1j)": MODULUS ** (1 + sympy.I), "log(abs(z))": sympy.log(MODULUS),
    "exp(-abs(z)**2) * z": sympy.exp(-(X**2) - Y**2) * Z, "conj(z)**2 * z": (X - sympy.I * Y) ** 2 * Z,
    "sin(real(z)) + 1j * cos(imag(z))": sympy.sin(X) + sympy.I * sympy.cos(Y),
    "tanh(abs(z)) * z": sympy.tanh(MODULUS) * Z,
}
POINTS = [complex(-2, 1), complex(0.5, -2), complex(0.3, 0.9), complex(-0.25, -0.125), complex(1e-8, -3e-8)]


def sympy_jacobian(expression: Any, at: complex) -> np.ndarray:
    """(u_x, u_y, v_x, v_y) to 30 digits: the derivative of a complex-valued function of two real variables."""
    f_x, f_y = (sympy.diff(expression, s) for s in (X, Y))
    values = {X: sympy.Rational(at.real), Y: sympy.Rational(at.imag)}
    numbers = [complex(sympy.N(d.subs(values), 30)) for d in (f_x, f_y)]
    return np.array([[n.real for n in numbers], [n.imag for n in numbers]])


@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize(("text", "expression"), [*HOLOMORPHIC.items(), *NON_HOLOMORPHIC.items()])
def test_sympy_derivatives(text: str, expression: Any, at: complex) -> None:
    found = solve(Compiled(text, [Input("z", "complex", ())]), {"z": np.array(at)}, form=DOUBLE)
    truth = sympy_jacobian(expression, at)[: len(found.j)]
    assert (found.kind == SMOOTH).all()
    np.testing.assert_allclose(found.j, truth, rtol=4e-16, atol=4e-16 * np.abs(truth).max())
    assert (found.bound <= 1e-25 * np.abs(truth).max()).all()


@pytest.mark.parametrize("text", sorted(HOLOMORPHIC))
def test_bounds_are_upheld(text: str) -> None:
    """Cauchy and Riemann: u_x = v_y and u_y = -v_x, to within the bounds that were given."""
    problem = Problem(Compiled(text, [Input("z", "complex", ())]), {"z": np.array(0.7 - 0.4j)})
    found = Differences(problem).differential()
    with working(2000):
        e = found.entries
        for a, b, sign in (((0, 0), (1, 1), -1), ((0, 1), (1, 0), 1)):
            gap = abs(e[a].value.mid() + sign * e[b].value.mid())
            assert gap <= e[a].bound + e[b].bound


MPMATH = {
    "erf": mpmath.erf, "erfc": mpmath.erfc, "gamma": mpmath.gamma, "digamma": mpmath.digamma,
    "i0": lambda x: mpmath.besseli(0, x), "i1": lambda x: mpmath.besseli(1, x), "expi": mpmath.ei, "exp1": mpmath.e1,
    "sqrt": mpmath.sqrt, "log": mpmath.log, "arcsin": mpmath.asin, "arccosh": mpmath.acosh, "arctanh": mpmath.atanh,
    "arctan": mpmath.atan, "arcsinh": mpmath.asinh, "arccos": mpmath.acos, "tanh": mpmath.tanh, "expm1": mpmath.expm1,
    "sinc": mpmath.sincpi, "exp": mpmath.exp, "gammaln": mpmath.loggamma,
    "ndtr": lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
}


@pytest.mark.parametrize("name", sorted(MPMATH))
@pytest.mark.parametrize("kind", ["real", "complex"])
def test_mpmath_functions(name: str, kind: str) -> None:
    """Two libraries that share no code, to 60 digits."""
    for number in (0.6, 0.35, 0.95) if kind == "real" else (0.6 - 0.3j, -0.4 + 1.7j, 2.1 - 0.2j):
        if name == "arccosh" and kind == "real":
            number += 1
        with working(300), mpmath.workdps(80):
            x = acb(number.real, number.imag) if kind == "complex" else arb(number)
            mine = namespace()[name](Array(fill([x], (), kind[0]), kind[0])).data[()]
            theirs = MPMATH[name](mpmath.mpmathify(number))
            parts = (mine.real, mine.imag) if kind == "complex" else (mine, arb(0))
            mine_mp = mpmath.mpc(*(mpmath.mpf(p.mid().str(75, radius=False)) for p in parts))
            assert abs(mine_mp - theirs) <= mpmath.mpf(10) ** -60 * max(1, abs(theirs))


def balls(text: str, **arrays: np.ndarray) -> list[Any]:
    kinds = {"f": "real", "c": "complex"}
    inputs = [Input(n, kinds[a.dtype.kind], a.shape) for n, a in arrays.items()]
    return flattened(Problem(Compiled(text, inputs), arrays).outputs({}))


_RNG = np.random.default_rng(11)
A = _RNG.normal(size=(4, 4)) + 1j * _RNG.normal(size=(4, 4))
B = _RNG.normal(size=(4, 3)) + 1j * _RNG.normal(size=(4, 3))
H = A @ A.conj().T + np.eye(4)
W = _RNG.normal(size=7) + 1j * _RNG.normal(size=7)

IDENTITIES = [
    "exp(log(a)) - a", "sin(a)**2 + cos(a)**2 - 1", "cosh(a)**2 - sinh(a)**2 - 1", "sqrt(a)**2 - a",
    "tan(arctan(a)) - a", "cosh(arccosh(a)) - a", "sin(arcsin(a)) - a", "tanh(arctanh(a)) - a",
    "exp(1j * angle(a)) * abs(a) - a", "log1p(expm1(s)) - s", "conj(a) * a - abs(a)**2",
    "gamma(a + 1) - a * gamma(a)", "digamma(a + 1) - digamma(a) - 1 / a", "erf(s) + erfc(s) - 1",
    "a @ inv(a) - eye(4)", "a @ solve(a, b) - b", "det(a) - prod(eigvals(a))", "trace(a) - sum(eigvals(a))",
    "expm(s) @ expm(-s) - eye(4)", "sqrtm(h) @ sqrtm(h) - h", "c = cholesky(h)\nc @ adjoint(c) - h",
    "q, r = qr(b)\nq @ r - b", "q, r = qr(b)\nadjoint(q) @ q - eye(3)", "tril(qr(b)[1], -1)",
    "u, s, vh = svd(b, full_matrices=False)\n(u * s) @ vh - b", "u, s, vh = svd(b)\nu @ adjoint(u) - eye(4)",
    "u, s, vh = svd(b, full_matrices=False)\nvh @ adjoint(vh) - eye(3)", "w, v = eigh(h)\nh @ v - v * w",
    "w, v = eigh(h)\nadjoint(v) @ v - eye(4)", "w, v = eig(a)\na @ v - v * w", "p, l, u = lu(a)\np @ l @ u - a",
    "pinv(b) @ b - eye(3)", "b @ lstsq(b, b) - b", "ifft(fft(w)) - w", "fft(w)[0] - sum(w)",
    "sum(abs(fft(w))**2) - 7 * sum(abs(w)**2)", "irfft(rfft(real(w)), n=7) - real(w)",
    "idct(dct(real(w))) - real(w)", "hfft(ihfft(real(w)), n=7) - real(w)", "exp(logsumexp(w)) - sum(exp(w))",
    "sum(softmax(w)) - 1", "log_softmax(k) - log(softmax(k))", "matrix_norm(b, 'nuc') - sum(svdvals(b))",
    "matrix_norm(b)**2 - real(trace(adjoint(b) @ b))", "slogdet(a)[0] * exp(slogdet(a)[1]) - det(a)",
    "matrix_power(a, -2) @ a @ a - eye(4)", "cho_solve(cholesky(h), eye(4)) - inv(h)",
    "kron(b, b)[0, 0] - b[0, 0]**2", "convolve(w, w) - ifft(fft(concat([w, zeros(6)]))**2)",
    "cumsum(w, 0)[6] - sum(w)", "i0(w)**2 - i0(-w)**2", "zeta(real(w)**2 + 2, 1.0) - zeta(real(w)**2 + 2, 2.0) - 1",
    "polygamma(1, w**2 + 3) - polygamma(1, w**2 + 4) - 1 / (w**2 + 3)**2",
]


@pytest.mark.parametrize("text", IDENTITIES)
def test_identities_hold_far_beyond_double_precision(text: str) -> None:
    every = {"a": A, "b": B, "h": H, "s": 0.2 * A, "w": W, "k": 0.3 * W}
    with working(400):
        rows = balls(text, **{n: v for n, v in every.items() if n in _names(text)})
        assert rows
        for x in rows:
            assert x.contains(0)  # rigorous balls
            assert x.rad() < arb(10) ** -80


def _names(text: str) -> set[str]:
    import ast

    tree = ast.parse(text)
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called} - stored


def test_precision_is_left_as_it_was() -> None:
    before = ctx.prec
    with pytest.raises(ZeroDivisionError), working(999):
        raise ZeroDivisionError
    assert ctx.prec == before
