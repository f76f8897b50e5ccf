"""Random programs in the portable grammar, typed by kind and shape, and the numbers at which they are tried.

A program is an expression over named inputs; every node knows whether it is real ("r") or complex ("c") and whether it
is a number ("s"), a vector of 3 ("v") or a matrix of 2 by 2 ("m"), so that most programs run. Functions that have been
broken before are drawn more often. The first alternative of every choice is the simplest: Hypothesis shrinks to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.model import Case, Input, Point

if TYPE_CHECKING:
    from hypothesis import strategies as st

Array = np.ndarray[Any, np.dtype[Any]]

SHAPES: Mapping[str, tuple[int, ...]] = {"s": (), "v": (3,), "m": (2, 2)}
REGIMES = ("ordinary", "structured", "extreme")


_CALL = re.compile(r"(\w+)\(")
_HELPERS = frozenset({"sum", "adjoint", "matrix_transpose", "eye"})
_OPERATORS = {"**": "power", "@": "matmul", "/": "divide"}


@dataclass(frozen=True)
class Rule:
    """text: with {0}, {1} for its arguments. result, arguments: two letters each, kind and shape; "*" is any shape, the
    same everywhere in the rule. weight: how often it is drawn against others."""

    text: str
    result: str
    arguments: tuple[str, ...]
    weight: int = 1

    @property
    def name(self) -> str:
        """The function that the rule is about; "" for sums and products, which are in everything."""
        calls = _CALL.findall(self.text)
        about = [name for name in calls if name not in _HELPERS] or calls
        return about[0] if about else next((word for sign, word in _OPERATORS.items() if sign in self.text), "")


def _unary(kind: str, names: str, result: str = "", weight: int = 1) -> list[Rule]:
    return [Rule(f"{n}({{0}})", f"{result or kind}*", (f"{kind}*",), weight) for n in names.split()]


RULES: tuple[Rule, ...] = (
    *_unary("c", "negative exp sin cos square sqrt conj sinh cosh"),
    *_unary("c", "log tanh tan arctan arcsinh arcsin arccos arccosh arctanh log1p expm1 reciprocal rsqrt sinc sigmoid "
                 "sign log2 log10 exp2", weight=2),
    *_unary("c", "abs angle", "r", 3), *_unary("c", "real imag", "r"),
    *_unary("r", "negative exp sin cos square abs sqrt relu tanh"),
    *_unary("r", "log log1p expm1 sigmoid softplus silu erf erfc gammaln digamma i0 i1 arctan arcsinh sinc cbrt rsqrt "
                 "reciprocal sinh cosh arcsin arccos arctanh log2 exp2", weight=2),
    *_unary("r", "log_sigmoid mish gelu elu ndtr log_ndtr erfcx i0e i1e entr logit erfinv hard_sigmoid softsign",
            weight=2),
    Rule("as_complex({0})", "c*", ("r*",)), Rule("{0} * (1+2j)", "c*", ("r*",)), Rule("exp(1j * {0})", "c*", ("r*",)),
    Rule("complex({0}, {1})", "c*", ("r*", "r*")), Rule("polar({0}, {1})", "c*", ("r*", "r*"), 2),
    *(Rule(t, f"{k}*", (f"{k}*", f"{k}*")) for k in "rc" for t in (
        "({0} + {1})", "({0} - {1})", "({0} * {1})", "({0} / {1})")),
    *(Rule(f"{{0}} ** {p}", f"{k}*", (f"{k}*",), 1) for k in "rc" for p in ("2", "3", "0.5", "-1", "1.5")),
    Rule("power({0}, {1})", "c*", ("c*", "c*"), 3), Rule("power({0}, {1})", "r*", ("r*", "r*"), 2),
    Rule("power(abs({0}), {1})", "r*", ("c*", "r*"), 2),
    *(Rule(f"{n}({{0}}, {{1}})", "r*", ("r*", "r*"), 2) for n in (
        "maximum", "minimum", "hypot", "arctan2", "logaddexp", "xlogy", "xlog1py", "copysign")),
    Rule("logaddexp({0}, {1})", "c*", ("c*", "c*"), 2),
    Rule("where({0} > 0, {0}, {1})", "r*", ("r*", "r*")), Rule("clip({0}, -1.0, 1.0)", "r*", ("r*",)),
    Rule("where(real({0}) > 0, {0}, {1})", "c*", ("c*", "c*")),
    *(Rule(t, f"{k}v", (f"{k}v",), w) for k in "rc" for t, w in (
        ("cumsum({0}, 0)", 1), ("cumprod({0}, 0)", 4), ("flip({0})", 1), ("roll({0}, 1)", 1),
        ("logcumsumexp({0}, 0)", 3), ("softmax({0})", 2), ("log_softmax({0})", 2))),
    Rule("fft({0})", "cv", ("cv",)), Rule("ifft({0})", "cv", ("cv",)), Rule("sort({0})", "rv", ("rv",)),
    *(Rule(t, f"{k}s", (f"{k}{s}",), w) for k in "rc" for s in "vm" for t, w in (
        ("sum({0})", 1), ("mean({0})", 1), ("prod({0})", 3), ("logsumexp({0})", 2))),
    *(Rule(f"{t}({{0}})", "rs", (f"{k}{s}",), 2) for k in "rc" for s in "vm" for t in ("vector_norm", "var", "std")),
    *(Rule(f"{t}({{0}})", "rs", (f"r{s}",)) for s in "vm" for t in ("max", "min", "median")),
    *(Rule("sum({0} * {1})", f"{k}s", (f"{k}v", f"{k}v")) for k in "rc"), Rule("vdot({0}, {1})", "cs", ("cv", "cv")),
    *(Rule(t, f"{k}{s}", (f"{k}m",), w) for k in "rc" for t, s, w in (
        ("trace({0})", "s", 1), ("det({0})", "s", 3), ("inv({0})", "m", 3), ("matrix_transpose({0})", "m", 1),
        ("triu({0})", "m", 1), ("expm({0})", "m", 1), ("pinv({0})", "m", 2))),
    *(Rule("({0} @ {1})", f"{k}m", (f"{k}m", f"{k}m")) for k in "rc"),
    *(Rule("solve({0}, {1})", f"{k}m", (f"{k}m", f"{k}m"), 2) for k in "rc"),
    Rule("cholesky({0} @ adjoint({0}) + eye(2))", "cm", ("cm",), 2),
    Rule("cholesky({0} @ matrix_transpose({0}) + eye(2))", "rm", ("rm",), 2),
    Rule("slogdet({0})[1]", "rs", ("rm",), 2), Rule("slogdet({0})[1]", "rs", ("cm",), 2),
    Rule("sum(eigvalsh({0} + adjoint({0})) ** 3)", "rs", ("cm",), 2), Rule("sum(svdvals({0}))", "rs", ("cm",), 2),
    Rule("sum(svdvals({0}))", "rs", ("rm",), 2), Rule("adjoint({0})", "cm", ("cm",)),
)

_ORDINARY = (1.0, 2.0, 0.5, -1.0, 3.0, -0.5, 0.3, 1.5, -2.0, 0.7, -0.2)
_STRUCTURED = (0.0, 1.0, -1.0, 2.0, -0.0, 0.5, -2.0, 6.0)
_EXTREME = (20.0, -20.0, 40.0, -40.0, 1e-8, 1e8, 800.0, -800.0, 1e-160, 1e160, -1e200, 1e-300, 1e300, 0.0)
NUMBERS: Mapping[str, tuple[float, ...]] = dict(zip(REGIMES, (_ORDINARY, _STRUCTURED, _EXTREME), strict=True))
_SINGLE = {1e-160: 1e-25, 1e160: 1e25, -1e200: -1e30, 1e-300: 1e-36, 1e300: 1e37, 800.0: 90.0, -800.0: -90.0}


@dataclass(frozen=True)
class Program:
    """text over inputs (name -> kind and shape letters); arrays: regime -> name -> array. functions: those of the
    text, in no order."""

    text: str
    inputs: Mapping[str, str]
    points: Mapping[str, Mapping[str, Array]] = field(hash=False)
    functions: frozenset[str]
    operations: int
    order: int = 1
    dtype: str = "double"
    mode: str = ""

    def case(self, name: str = "found") -> Case:
        """As a case with one point a regime."""
        inputs = tuple(Input(n, "complex" if t[0] == "c" else "real", SHAPES[t[1]]) for n, t in self.inputs.items())
        points = tuple(Point(regime, dict(arrays)) for regime, arrays in self.points.items())
        is_complex = any(i.kind == "complex" for i in inputs)
        words = {"double": ("float64", "complex128"), "single": ("float32", "complex64")}[self.dtype]
        return Case(name, {"portable": self.text}, inputs, points, (words[is_complex],), order=self.order,
                    family="search", seconds=20.0)


@dataclass
class _Growing:
    """A program while it is drawn."""

    draw: Any
    left: int
    inputs: dict[str, str] = field(default_factory=dict)
    used: list[Rule] = field(default_factory=list)

    def node(self, kind: str) -> str:
        """An expression of a kind and shape."""
        from hypothesis import strategies as st

        rules = _rules(kind) if self.left > 0 else ()
        if not rules:
            return self._input(kind)
        self.left -= 1
        rule: Rule = self.draw(st.sampled_from(rules))
        self.used.append(rule)
        arguments = [self.node(a[0] + (kind[1] if a[1] == "*" else a[1])) for a in rule.arguments]
        return rule.text.format(*arguments)

    def _input(self, kind: str) -> str:
        from hypothesis import strategies as st

        same = [n for n, t in self.inputs.items() if t == kind]
        if same and (len(self.inputs) >= 3 or self.draw(st.booleans())):
            return str(self.draw(st.sampled_from(same)))
        letters = {"c": {"s": "c", "v": "z", "m": "a"}, "r": {"s": "t", "v": "x", "m": "b"}}[kind[0]][kind[1]]
        names = (letters + tail for tail in ("", *map(str, range(1, 40))))
        name = next(n for n in names if n not in self.inputs)
        self.inputs[name] = kind
        return name


_BY_KIND: dict[str, tuple[Rule, ...]] = {}


def _rules(kind: str) -> tuple[Rule, ...]:
    """Rules whose result is of the kind, each as often as its weight says, simple ones first."""
    if kind not in _BY_KIND:
        fitting = [r for r in RULES if r.result in (kind, kind[0] + "*")]
        _BY_KIND[kind] = tuple(r for r in sorted(fitting, key=lambda r: len(r.arguments)) for _ in range(r.weight))
    return _BY_KIND[kind]


def programs(
    most: int, orders: tuple[int, ...] = (1, 1, 2), modes: tuple[str, ...] = ("",)
) -> st.SearchStrategy[Program]:
    """A Hypothesis strategy of programs of at most `most` operations."""
    from hypothesis import strategies as st

    @st.composite
    def made(draw: Any) -> Program:
        order = draw(st.sampled_from(orders))
        count = draw(st.integers(1, most))
        kind = "rs" if order == 2 else draw(st.sampled_from(("cv", "rv", "cs", "rs", "cm", "rm")))
        growing = _Growing(draw, count)
        if order == 2:
            inner = draw(st.sampled_from(("rs", "rv", "cv", "cs")))
            text = growing.node(inner)
            text = f"real({text})" if inner[0] == "c" else text
            text = f"sum({text})" if inner[1] != "s" else text
        else:
            text = growing.node(kind)
        dtype = draw(st.sampled_from(("double", "double", "single")))
        points = {regime: {n: draw(_numbers(t, regime, dtype)) for n, t in growing.inputs.items()}
                  for regime in REGIMES}
        functions = frozenset(r.name for r in growing.used if r.name)
        return Program(text, dict(growing.inputs), points, functions, len(growing.used), order, dtype,
                       draw(st.sampled_from(modes)))

    return made()


def _numbers(kind: str, regime: str, dtype: str) -> st.SearchStrategy[Array]:
    """An array of a kind and shape: entry by entry of the regime's numbers; structured matrices also as identities,
    and with equal rows."""
    from hypothesis import strategies as st

    numbers = NUMBERS[regime]
    if dtype == "single":
        numbers = tuple(_SINGLE.get(x, x) for x in numbers)
    shape = SHAPES[kind[1]]
    size = int(np.prod(shape, dtype=int))
    parts = 2 if kind[0] == "c" else 1

    def array(flat: list[float]) -> Array:
        out: Array = np.array(flat[:size], np.float64)
        if parts == 2:
            both = np.empty(size, np.complex128)
            both.real, both.imag = out, flat[size:]
            out = both
        return out.reshape(shape)

    drawn = st.lists(st.sampled_from(numbers), min_size=size * parts, max_size=size * parts).map(array)
    if regime == "structured" and kind[1] == "m":
        kept = np.complex128 if parts == 2 else np.float64
        special = [m.astype(kept) for m in (np.eye(2), np.zeros((2, 2)), np.ones((2, 2)), np.diag([2.0, 2.0]))]
        return st.one_of(st.sampled_from(special), drawn)
    return drawn
