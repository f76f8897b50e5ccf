"""What shows a finding best: a typical point at which the error is plain, and points on either side of its edge.

Every exhibit is evaluated at its points by tests/findings/test_exhibits.py, against mpmath.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Exhibit:
    """got: an expression of the framework in x; right: one of mpmath (`mp`) in x, exact but for 100 digits.

    shown: the point of the script; inside, outside: where the sentence of the finding says that got is wrong, and where
    it does not. All are Python literals of a number or a list of numbers. room: relative error that is none.
    setup: lines that got needs. function: what is at fault, where the rows of a comparison cannot prove it.
    """

    got: str
    right: str
    shown: str
    inside: tuple[str, str, str]
    outside: tuple[str, str, str]
    room: float = 1e-6
    setup: str = ""
    function: str = ""


def _jvp(function: str) -> str:
    return f"jax.jvp({function}, (x,), (jnp.ones_like(x),))[1]"


def _torch_jvp(function: str) -> str:
    return f"torch.func.jvp({function}, (x,), (torch.ones_like(x),))[1]"


#: Mixed second derivative of F(s, t) at 0, by reverse over forward (x[-1] = 0) or reverse over reverse (1).
_MIXED = '''def mixed(F, way):
    zero = torch.zeros((), dtype=torch.float64)
    if way:
        inner = lambda s: torch.func.grad(lambda t: F(s, t))(zero)
    else:
        inner = lambda s: torch.func.jvp(lambda t: F(s, t), (zero,), (torch.ones_like(zero),))[1]
    return torch.func.grad(inner)(zero)
M = lambda a, s, t: torch.stack([torch.stack([a + s, 1 + t]), torch.stack([0.5 + 2 * t, 2 + s + t])])'''
#: det, its logarithm and the inverse's first entry of M(a, s, t) = [[a + s, 1 + t], [1/2 + 2t, 2 + s + t]].
_DET = "((x[0] + s) * (2 + s + t) - (1 + t) * (mp.mpf(1) / 2 + 2 * t))"

_BIG = ("1e155", "1e200", "-1e300")
_BIG_C = ("1e155+1e155j", "1e200-1e200j", "-1e300+1e300j")
_PLAIN = ("0.5", "-2.0", "1e100")
_PLAIN_C = ("1+1j", "-0.5+2j", "1e100+1e100j")
_SAFE_C = ("0.25+0.5j", "-0.5+2j", "3-1j")

JAX: Mapping[str, Exhibit] = {
    "jax-arccosh": Exhibit(
        "jax.vjp(jnp.arccosh, x)[1](jnp.ones_like(x))[0]", "1 / (mp.sqrt(x - 1) * mp.sqrt(x + 1))", "-2+1j",
        ("-2+1j", "-0.5-2j", "-1e3+1j"), ("2+1j", "0.5-2j", "1e3+1j")),
    "jax-asinh-acosh-overflow": Exhibit("jax.grad(jnp.arcsinh)(x)", "1 / mp.sqrt(1 + x * x)", "1e160", _BIG, _PLAIN),
    "jax-asin-acos-overflow": Exhibit(
        _jvp("jnp.arcsin"), "1 / mp.sqrt(1 - x * x)", "1e160+1e160j", _BIG_C, _PLAIN_C),
    "jax-abs-hessian-tiny": Exhibit(
        "jax.grad(jax.grad(lambda s: jnp.abs((s + 1j) * x)))(1.0)", "x / mp.sqrt(8)", "1e-170",
        ("1e-165", "1e-170", "1e-200"), ("1e-100", "0.5", "1e50")),
    "jax-angle-tiny": Exhibit(
        _jvp("jnp.angle"), "mp.im(1 / x)", "1e-170-1e-170j", ("1e-170-1e-170j", "1e-200+1e-200j", "1e160+1e160j"),
        _SAFE_C),
    "jax-betainc-ends": Exhibit(
        "jax.grad(lambda t: jax.scipy.special.betainc(x[0], x[1], t))(0.0)", "x[1] if x[0] == 1 else 0", "[1, 2.5]",
        ("[1, 2.5]", "[1, 1]", "[1, 4]"), ("[2, 2.5]", "[3, 1]", "[1.5, 4]")),
    "jax-gammainc-zero": Exhibit(
        "jax.grad(lambda t: jax.scipy.special.gammainc(x[0], x[1] * t))(0.0)", "x[1] if x[0] == 1 else 0", "[1, 1]",
        ("[1, 1]", "[1, 2]", "[1, 0.5]"), ("[2, 1]", "[3, 2]", "[1.5, 0.5]")),
    "jax-divide-by-square": Exhibit(
        "jax.grad(lambda t: x / t)(x)", "-1 / x", "1e-170", ("1e-170", "1e-200", "1e170"), _PLAIN),
    "jax-eigh-repeated": Exhibit(
        "jax.grad(f)(0.0)", "mp.exp(x[0]) * (mp.expm1(x[1]) / x[1] if x[1] else 1)", "[1, 0]",
        ("[1, 0]", "[0, 0]", "[-2, 0]"), ("[1, 0.5]", "[0, 2]", "[-2, 1]"),
        setup="exp = lambda w, v: (v * jnp.exp(w)) @ v.T  # of a matrix\n"
              "f = lambda t: exp(*jnp.linalg.eigh(jnp.array([[x[0], t], [t, x[0] + x[1]]])))[0, 1]",
        function="jax.numpy.linalg.eigh"),
    "jax-svd-equal": Exhibit(
        "jax.grad(f)(0.0)", "2 / (2 * x[0] + x[1])", "[2, 0]", ("[2, 0]", "[1, 0]", "[0.5, 0]"),
        ("[2, 1]", "[1, 0.5]", "[0.5, 2]"),
        setup="polar = lambda u, s, v: u @ v  # the orthogonal factor\n"
              "f = lambda t: polar(*jnp.linalg.svd(jnp.array([[x[0], t], [-t, x[0] + x[1]]])))[0, 1]",
        function="jax.numpy.linalg.svd"),
    "jax-erfcx-cancellation": Exhibit(
        "jax.grad(jax.scipy.special.erfcx)(x)", "2 * x * mp.exp(x * x) * mp.erfc(x) - 2 / mp.sqrt(mp.pi)", "1e6",
        ("1e6", "1e7", "3e5"), ("0.5", "3.0", "20.0")),
    "jax-hypot-scaling": Exhibit(
        "jax.grad(lambda t: jnp.hypot(t, x))(x)", "mp.sign(x) / mp.sqrt(2)", "1e160", ("1e155", "1e160", "1e200"),
        ("1.0", "1e100", "1e150")),
    "jax-i0-zero": Exhibit(
        "jax.grad(lambda t: jax.scipy.special.i0(x[1] * t))(x[0])", "x[1] * mp.besseli(1, x[0] * x[1])", "[0, 1]",
        ("[0, 1]", "[0, -2]", "[-0.0, 3]"), ("[0.5, 1]", "[-1, 1]", "[2, 1]")),
    "jax-ldexp-zero": Exhibit(
        "jax.grad(lambda t: jnp.ldexp(t, 3))(x[1] * x[0])", "8", "[0, 1]", ("[0, 1]", "[-0.0, 2]", "[0, -1]"),
        ("[1, 1]", "[0.25, 2]", "[-2e100, 1]")),
    "jax-ldexp-subnormal": Exhibit(
        "jax.grad(lambda t: jnp.ldexp(t, 3))(x)", "8", "1e-310", ("1e-310", "5e-324", "-2e-308"),
        ("1e-307", "0.3", "-2e100")),
    "jax-log-ndtr-right": Exhibit(
        "jax.scipy.special.log_ndtr(x)", "mp.log1p(-mp.erfc(x / mp.sqrt(2)) / 2)", "7.5", ("6.5", "7.5", "8.0"),
        ("4.0", "8.5", "20.0"), 1e-7),
    "jax-log-ndtr-left": Exhibit(
        "jax.scipy.special.log_ndtr(x)", "mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)", "-20.5",
        ("-20.5", "-21.0", "-20.1"), ("-2.0", "-10.0", "-200.0"), 1e-13),
    "jax-lu-singular": Exhibit(
        "jax.jvp(f, (0.0,), (1.0,))[1]", "-mp.mpf(1) / 4", "[1, 0]", ("[1, 0]", "[3, 0]", "[-2, 0]"),
        ("[1, 0.5]", "[3, 1]", "[-2, 2]"),
        setup="f = lambda t: jax.scipy.linalg.lu(jnp.array([[2 + t, x[0]], [1.0, x[0] / 2 + x[1]]]))[1][1, 0]"),
    "jax-pow-zero-base": Exhibit(
        "jnp.power(x[0], x[1])", "x[0] ** x[1] if x[0] else 0", "[0j, 1+1j]",
        ("[0j, 1+1j]", "[0j, 0.5+2j]", "[0j, 2-1j]"),
        ("[1+0j, 1+1j]", "[2j, 0.5+2j]", "[1e-3+0j, 2-1j]"),
        function="jax.numpy.power"),
    "jax-sign": Exhibit(
        "jax.jvp(jnp.sign, (x[0],), (x[1],))[1]",
        "(x[1] - x[0] * mp.re(mp.conj(x[0]) * x[1]) / abs(x[0]) ** 2) / abs(x[0])", "[3+4j, 1j]",
        ("[3+4j, 1j]", "[1+0j, 1j]", "[-2+1j, 1+0j]"), ("[3+4j, 3+4j]", "[1+0j, 2+0j]", "[4j, 8j]")),
    "jax-sinc-small": Exhibit(
        "jax.grad(jnp.sinc)(x)", "(mp.pi * x * mp.cos(mp.pi * x) - mp.sin(mp.pi * x)) / (mp.pi * x * x)", "1e-7",
        ("1e-7", "1e-9", "-1e-12"), ("0.5", "1.5", "-0.3")),
    "jax-sinh-tiny": Exhibit(
        "jnp.sinh(x)", "mp.sinh(x)", "1e-20+1e-20j", ("1e-20+1e-20j", "1e-30-1e-30j", "-1e-100+1e-100j"),
        ("0.25+0.5j", "1e-3+1e-3j", "3-1j")),
    "jax-spence-removable": Exhibit(
        "jax.grad(jax.scipy.special.spence)(x)", "mp.log(x) / (1 - x) if x != 1 else mp.mpf(-1)", "1.5",
        ("1.5", "1.0", "2.0"), ("0.5", "2.5", "10.0")),
    "jax-tanh-saturated": Exhibit(
        "jax.grad(jnp.tanh)(x)", "mp.sech(x) ** 2", "17.0", ("17.0", "-18.0", "19.0"), ("1.0", "-3.0", "8.0")),
    "jax-vander-zero": Exhibit(
        "jax.grad(lambda t: x[1] * jnp.vander(jnp.array([t]), 3)[0, 1])(x[0])", "x[1]", "[0, 1]",
        ("[0, 1]", "[0, 2]", "[0, -1]"), ("[1, 1]", "[0.5, 2]", "[-2, 1]")),
    "jax-saturation": Exhibit(
        "jax.grad(jax.nn.sigmoid)(x)", "1 / (mp.exp(x / 2) + mp.exp(-x / 2)) ** 2", "38.0", ("38.0", "36.0", "40.0"),
        ("1.0", "-3.0", "10.0")),
    "jax-overflow": Exhibit(
        "jax.grad(jax.grad(lambda s: jnp.abs((s + 1j) * x)))(1.0)", "x / mp.sqrt(8)", "1e160",
        ("1e155", "1e160", "1e200"), ("1e100", "0.5", "1e-50"), function="jax.numpy.abs"),
    "jax-expm-digits": Exhibit(
        "jax.scipy.linalg.expm(x * jnp.array([[5.0, 3], [4, 6]]))[0, 0]",
        "mp.expm(x * mp.matrix([[5, 3], [4, 6]]))[0, 0]", "1.15", ("1.15", "1.0", "2.0"),
        ("0.5", "1.25", "0.1"), 1e-11),
    "jax-attention-single": Exhibit(
        "jax.nn.dot_product_attention(q, k, v)[0, 0, 0, 0]",
        "x[1] / (1 + mp.exp(-x[0]))", "[0.3, 1]", ("[0.3, 1]", "[1.7, 1]", "[-2, 3]"), ("[0, 1]", "[0, 2]", "[0, -3]"),
        1e-12, "q, k, v = (jnp.array(a).reshape(1, -1, 1, 1) for a in ([x[0]], [0, 1.0], [0, x[1]]))"),
}

TORCH: Mapping[str, Exhibit] = {
    "torch-forward-conj-assertion": Exhibit(
        "torch.autograd.functional.jacobian((f, g)[int(x[1].real)], x[0], strategy='forward-mode', vectorize=True)",
        "mp.mpc(2 * mp.re(x[0]))", "[1+2j, 0j]", ("[1+2j, 0j]", "[-3+1j, 0j]", "[0.5j+2, 0j]"),
        ("[1+2j, 1+0j]", "[-3+1j, 1+0j]", "[0.5j+2, 1+0j]"),
        setup="f = lambda z: torch.conj(z) * z\ng = lambda z: torch.conj_physical(z) * z",
        function="torch.conj"),
    "torch-nested-forward-assertion": Exhibit(
        "push(push(lambda z: torch.real(2 * z) ** 2))(x)[0]", "mp.mpf(8)", "[1+2j]",
        ("[1+2j]", "[-3+1j]", "[0.5j]"), ("[1+2j, 3j]", "[-3+1j, 1+0j]", "[0.5j, 0j, 1+0j]"),
        setup="push = lambda f: lambda z: torch.func.jvp(f, (z,), (torch.ones_like(z),))[1]", function="torch.real"),
    "torch-prod-nested-forward": Exhibit(
        "torch.func.jacfwd(torch.func.jacfwd(lambda t: torch.cumprod(t, 0)[2]))(x)[1, 0]", "x[2]", "[0, 2, 3]",
        ("[0, 2, 3]", "[0, -1, 0.5]", "[0, 5, -7]"), ("[1, 2, 3]", "[4, -1, 0.5]", "[2, 0, 3]"),
        function="torch.cumprod"),
    "torch-pow-mixed-forward": Exhibit(
        "torch.func.jvp(lambda t: t ** w, (x[0],), (torch.ones_like(x[0]),))[1]",
        "(1 + 1j * x[1]) * x[0] ** (1j * x[1])", "[0.6, 1]", ("[0.6, 1]", "[1.5, -2]", "[3, 0.5]"),
        ("[0.6, 0]", "[1.5, 0]", "[3, 0]"), setup="w = 1 + 1j * x[1].item()",
        function="torch.pow"),
    "torch-scatter-reduce-prod-forward": Exhibit(
        "way(x[0])", "mp.mpf(3)", "[0.5, 0]", ("[0.5, 0]", "[2, 0]", "[-1, 0]"), ("[0.5, 1]", "[2, 1]", "[-1, 1]"),
        setup="three, zero = torch.full((1,), 3.0).to(x), torch.tensor([0])\n"
              "f = lambda t: three.scatter_reduce(0, zero, t[None], 'prod')[0]\n"
              "forward = lambda f, t: torch.func.jvp(f, (t,), (torch.ones_like(t),))[1]\n"
              "way = torch.func.grad(lambda t: f(t)) if x[1] else lambda t: forward(f, t)"),
    "torch-soft-margin-target": Exhibit(
        "torch.func.jvp(lambda t: f(x[0], t) if not x[1] else f(t, x[0]), (one,), (one,))[1]",
        "-x[0] / (1 + mp.exp(x[0]))", "[0.7, 0]", ("[0.7, 0]", "[-2, 0]", "[1.5, 0]"),
        ("[0.7, 1]", "[-2, 1]", "[1.5, 1]"),
        setup="f, one = torch.nn.functional.soft_margin_loss, torch.ones_like(x[0])"),
    "torch-cdist-jacrev": Exhibit(
        "torch.func.grad(lambda a: f(a)[0, 1])(A)[0, 0] if x[1] else torch.func.jacrev(f)(A)[0, 1, 0, 0]",
        "x[0] / mp.sqrt(x[0] ** 2 + mp.mpf(1) / 4)", "[3, 0]", ("[3, 0]", "[0.5, 0]", "[-2, 0]"),
        ("[3, 1]", "[0.5, 1]", "[-2, 1]"),
        setup="A = torch.stack([torch.stack([x[0], 0 * x[0] - 1.5]), torch.tensor([2.0, 0.5]).to(x)])\n"
              "f = lambda a: torch.cdist(a, torch.tensor([[1.0, 2.0], [0.0, -1.0]]).to(x))",
        function="torch.cdist"),
    "torch-abs-subnormal": Exhibit(
        "torch.func.vjp(torch.abs, x)[1](torch.ones_like(x.real))[0]", "x / abs(x)", "3e-320+4e-320j",
        ("3e-320+4e-320j", "5e-324+0j", "1e-310+1e-310j"), ("1e-300+1e-300j", "1+1j", "-3+4j")),
    "torch-angle-tiny": Exhibit(
        _torch_jvp("torch.angle"), "mp.im(1 / x)", "1e-170-1e-170j",
        ("1e-170-1e-170j", "1e-200+1e-200j", "1e160+1e160j"), _SAFE_C),
    "torch-asin-acos-overflow": Exhibit(
        _torch_jvp("torch.asin"), "1 / mp.sqrt(1 - x * x)", "1e160+1e160j", _BIG_C, _PLAIN_C),
    "torch-asinh-acosh-overflow": Exhibit("torch.func.grad(torch.asinh)(x)", "1 / mp.sqrt(1 + x * x)", "1e160", _BIG,
                                          _PLAIN),
    "torch-arctan-overflow": Exhibit(
        _torch_jvp("torch.atan"), "1 / (1 + x * x)", "1e155+1e155j", ("1e155+1e155j", "-1e157+1e157j", "2e154-2e154j"),
        ("1+0.5j", "-0.5+2j", "1e100+1e100j")),
    "torch-slogdet-hessian": Exhibit(
        "mixed(lambda s, t: torch.linalg.slogdet(M(x[0], s, t))[1], x[1])",
        f"mp.diff(lambda s, t: mp.log(abs({_DET})), (0, 0), (1, 1))", "[2, 0]", ("[2, 0]", "[3, 0]", "[-1.5, 0]"),
        ("[2, 1]", "[3, 1]", "[-1.5, 1]"), setup=_MIXED,
        function="torch.linalg.slogdet"),
    "torch-det-hessian": Exhibit(
        "mixed(lambda s, t: torch.linalg.det(M(x[0], s, t)), x[1])", "mp.mpf(1)", "[2, 0]",
        ("[2, 0]", "[3, 0]", "[-1.5, 0]"), ("[2, 1]", "[3, 1]", "[-1.5, 1]"), setup=_MIXED,
        function="torch.linalg.det"),
    "torch-solve-hessian": Exhibit(
        "mixed(lambda s, t: torch.linalg.solve((1 + 1j) * M(x[0], s, t), torch.tensor([2j, 1.0]).to(torch.complex128))"
        "[0].real, x[1])",
        f"mp.diff(lambda s, t: mp.re((2j * (2 + s + t) - (1 + t)) / (1 + 1j)) / {_DET}, (0, 0), (1, 1))", "[2, 0]",
        ("[2, 0]", "[3, 0]", "[-1.5, 0]"), ("[2, 1]", "[3, 1]", "[-1.5, 1]"), setup=_MIXED,
        function="torch.linalg.solve"),
    "torch-cholesky-inverse-forward": Exhibit(
        "torch.func.grad(f)(x[0]) if x[1] else torch.func.jvp(f, (x[0],), (torch.ones_like(x[0]),))[1]",
        "-2 * (mp.mpf(1) + 1) / x[0] ** 3", "[2, 0]", ("[2, 0]", "[3, 0]", "[-1.5, 0]"),
        ("[2, 1]", "[3, 1]", "[-1.5, 1]"),
        setup="L = lambda t: torch.stack([torch.stack([t, 0 * t]), torch.stack([0 * t + 1, 0 * t + 1])])\n"
              "f = lambda t: torch.cholesky_inverse(L(t))[0, 0]",
        function="torch.cholesky_inverse"),
    "torch-pow-zero-base": Exhibit(
        "torch.func.jvp(lambda w: torch.pow(x[0], w), (x[1],), (torch.ones_like(x[1]),))[1]",
        "x[0] ** x[1] * mp.log(x[0]) if x[0] else 0", "[0j, 1+1j]", ("[0j, 1+1j]", "[0j, 0.5+2j]", "[0j, 2-1j]"),
        ("[1+1j, 1+1j]", "[2j, 0.5+2j]", "[1e-3+0j, 2-1j]"),
        function="torch.pow"),
    "torch-det-singular": Exhibit(
        "torch.autograd.functional.jacobian(f, torch.ones_like(x[0]))", "2 * x[0] + x[1]", "[3, 0]",
        ("[3, 0]", "[-1, 0]", "[0.5, 0]"), ("[3, 1]", "[-1, 1]", "[0.5, 2]"),
        setup="f = lambda t: torch.linalg.det(torch.stack([torch.stack([t, 2 * t.detach()]), "
              "torch.stack([x[0], 2 * x[0] + x[1]])]))"),
    "torch-erfcx-cancellation": Exhibit(
        "torch.func.grad(torch.special.erfcx)(x)", "2 * x * mp.exp(x * x) * mp.erfc(x) - 2 / mp.sqrt(mp.pi)", "1e6",
        ("1e6", "1e7", "3e5"), ("0.5", "3.0", "20.0")),
    "torch-gammainc-zero": Exhibit(
        "torch.func.grad(lambda t: torch.special.gammainc(x[0], x[1] * t))(0 * x[0])", "x[1] if x[0] == 1 else 0",
        "[1, 1]", ("[1, 1]", "[1, 2]", "[1, 0.5]"), ("[2, 1]", "[3, 2]", "[1.5, 0.5]")),
    "torch-gelu-tail": Exhibit(
        "torch.nn.functional.gelu(x)", "x * mp.erfc(-x / mp.sqrt(2)) / 2", "-10.0", ("-10.0", "-8.0", "-20.0"),
        ("-1.0", "2.0", "10.0")),
    "torch-ndtr-tail": Exhibit(
        "torch.special.ndtr(x)", "mp.erfc(-x / mp.sqrt(2)) / 2", "-9.0", ("-9.0", "-8.0", "-20.0"),
        ("-1.0", "2.0", "10.0")),
    "torch-logaddexp-hessian": Exhibit(
        "torch.func.grad(torch.func.grad(lambda t: torch.logaddexp(t, 0 * t)))(x)", "mp.sech(x / 2) ** 2 / 4", "1500.0",
        ("1500.0", "-2000.0", "1e4"), ("1.0", "-3.0", "20.0"), 1e-5),
    "torch-logaddexp-complex-large": Exhibit(
        _torch_jvp("lambda w: torch.logaddexp(torch.zeros_like(w), w)"),
        "1 / (1 + mp.exp(-x)) if mp.re(x) > -745 else 0", "-800+1j",
        ("-800+1j", "-1000-2j", "-720+0.5j"), ("1+1j", "-600+0.5j", "-800+0j")),
    "torch-logcumsumexp-forward": Exhibit(
        "(torch.func.jvp(f, (x[:2],), (x[:2],)) if x[2] else torch.autograd.functional.jvp(f, x[:2], x[:2]))[1][1]",
        "(x[0] * mp.exp(x[0]) + x[1] * mp.exp(x[1])) / (mp.exp(x[0]) + mp.exp(x[1]))", "[0.5, 2, 0]",
        ("[0.5, 2, 0]", "[1, -1, 0]", "[-2, 0.5, 0]"), ("[0.5, 2, 1]", "[1, -1, 1]", "[-2, 0.5, 1]"),
        setup="f = lambda t: torch.logcumsumexp(t, 0)"),
    "torch-saturation": Exhibit(
        "torch.func.grad(torch.tanh)(x)", "mp.sech(x) ** 2", "17.0", ("17.0", "-18.0", "20.0"), ("1.0", "-3.0", "8.0")),
    "torch-polar-radius": Exhibit(
        "torch.func.grad(lambda r: torch.polar(r, x[1]).real)(x[0])", "mp.cos(x[1])", "[0, 0.7]",
        ("[0, 0.7]", "[-2, 1]", "[-0.0, 1]"), ("[1, 0.7]", "[0.5, -2]", "[3, 1]")),
    "torch-cumprod-hessian": Exhibit(
        "torch.func.jacrev(torch.func.jacfwd(lambda t: torch.cumprod(t, 0)[2]))(x)[0, 1]", "x[2]", "[0, 2, 3]",
        ("[0, 2, 3]", "[1, 0, 3]", "[0, 0, 1]"), ("[1, 2, 3]", "[2, -1, 0.5]", "[-1, 4, 1]")),
    "torch-sinc-small": Exhibit(
        "torch.func.grad(torch.sinc)(x)",
        "(mp.pi * x * mp.cos(mp.pi * x) - mp.sin(mp.pi * x)) / (mp.pi * x * x)", "1e-7",
        ("1e-7", "1e-9", "-1e-12"), ("0.5", "1.5", "-0.3")),
    "torch-sigmoid-far-left": Exhibit(
        "torch.sigmoid(x)", "1 / (1 + mp.exp(-x)) if mp.re(x) > -745 else 0", "-800+1j",
        ("-800+1j", "-1000-2j", "-760+3j"),
        ("1+1j", "-3-2j", "-100+3j")),
    "torch-hard-sigmoid-slope": Exhibit(
        "torch.func.grad(torch.nn.functional.hardsigmoid)(x)", "mp.mpf(1) / 6 if abs(x) < 3 else 0", "0.5",
        ("0.5", "-2.0", "1.0"), ("4.0", "-5.0", "10.0"), 1e-12),
    "torch-ldexp": Exhibit(
        "torch.func.grad(lambda t: torch.ldexp(t, n))(x[0])", "mp.mpf(2) ** x[1]", "[0.5, -1]",
        ("[0.5, -1]", "[2, -3]", "[-1, -2]"), ("[0.5, 1]", "[2, 3]", "[-1, 2]"), setup="n = x[1].to(torch.int64)"),
    "torch-solve-unread-triangle": Exhibit(
        "torch.func.jvp(lambda t: torch.triangular_solve(b, A(t), upper=True)[0][0, 0], (0 * one,), (one,))[1]",
        "0 if not x[1] else -x[0]", "[2, 0]", ("[2, 0]", "[3, 0]", "[-1, 0]"), ("[2, 1]", "[3, 1]", "[-1, 1]"),
        setup="one = torch.ones_like(x[0])\nb = torch.stack([one, x[0]])[:, None]\n"
              "u, l = x[1], 1 - x[1]  # the entry that moves: above the diagonal, or below it, which is not read\n"
              "A = lambda t: torch.stack([torch.stack([one, one + u * t]), torch.stack([l * t, one])])"),
    "torch-cholesky-solve-unread-triangle": Exhibit(
        "torch.func.grad(lambda t: torch.cholesky_solve(b, L(t))[0, 0])(0 * one)", "2 - x[0] if x[1] else 0", "[3, 0]",
        ("[3, 0]", "[-1, 0]", "[1, 0]"), ("[3, 1]", "[-1, 1]", "[1, 1]"),
        setup="one = torch.ones_like(x[0])\nb = torch.stack([one, x[0]])[:, None]\n"
              "u, l = 1 - x[1], x[1]  # the entry that moves: below the diagonal, or above it, which is not read\n"
              "L = lambda t: torch.stack([torch.stack([one, u * t]), torch.stack([one + l * t, one])])"),
    "torch-frexp-tiny": Exhibit(
        "torch.func.grad(lambda t: torch.frexp(t)[0])(x)", "mp.mpf(2) ** -(mp.floor(mp.log(abs(x), 2)) + 1)", "1e-60",
        ("1e-60", "1e-100", "1e60"), ("0.5", "3.0", "1e20")),
    "torch-silu": Exhibit(
        _torch_jvp("torch.nn.functional.silu"), "mp.mpf(1) / (1 + mp.exp(-x)) * (1 + x / (1 + mp.exp(x)))", "1+2j",
        ("1+2j", "-0.5+1j", "2-1j"), ("1+0j", "-0.5+0j", "2+0j")),
    "torch-subnormal": Exhibit(
        "torch.log1p(x)", "mp.log1p(x)", "3e-320+4e-320j", ("3e-320+4e-320j", "5e-322+5e-322j", "1e-315-1e-315j"),
        ("1e-300+1e-300j", "1+1j", "0.5-3j")),
    "torch-trigamma-digits": Exhibit(
        "torch.func.grad(torch.digamma)(x)", "mp.psi(1, x)", "1.5", ("1.5", "2.5", "0.7"), ("100.0", "1e4", "1e6"),
        1e-11),
    "torch-bessel-j0-forward": Exhibit(
        _torch_jvp("torch.special.bessel_j0"), "-mp.besselj(1, x)", "1.5", ("1.5", "0.5", "10.0"),
        ("0.0", "-0.0", "0.0")),
}
