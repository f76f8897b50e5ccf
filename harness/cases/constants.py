"""One number as a person writes it: `1+2j`, `-1-0j`, `nan`, `-0.0`, `pi/2`, `1e-200*(1+1j)`.

A number here is a pair of optional real parts. A part that was not written is absent rather than zero, so that
`-1-0j` keeps the sign of its zero, and `inf*(1+1j)` or `2-infj` do not turn into NaN as with complex arithmetic.
"""

from __future__ import annotations

import ast
import cmath
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.cases.errors import suggestion

MAX_LENGTH = 200

_REAL = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?|[-+]?\.?(inf|nan)", re.IGNORECASE)
_COMPLEX_LIKE = re.compile(r"[-+0-9.eEjJinfaNI()\s]+")

_NAMES: Mapping[str, float] = {
    "pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf, "nan": math.nan,
    "tiny": 2.0**-1022, "subnormal": 5e-324, "huge": math.ldexp(2 - 2.0**-52, 1023), "eps": 2.0**-52,
}
_FUNCTIONS: Mapping[str, tuple[Callable[[float], float], Callable[[complex], complex]]] = {
    name: (getattr(math, name), getattr(cmath, name))
    for name in ("sqrt", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")
}


class BadNumber(ValueError):
    """The text is not a number; the message says why, the second argument what to do."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.hint = hint


@dataclass(frozen=True)
class Number:
    """re + i im; a part that is None was not written (it counts as +0.0)."""

    re: float | None
    im: float | None = None

    @property
    def real(self) -> float:
        return 0.0 if self.re is None else self.re

    @property
    def imag(self) -> float:
        return 0.0 if self.im is None else self.im

    @property
    def is_real(self) -> bool:
        return self.im is None

    def as_complex(self) -> complex:
        return complex(self.real, self.imag)


def number(text: str) -> Number:
    """The number a text stands for. Raises BadNumber."""
    squeezed = text.strip()
    if not squeezed:
        raise BadNumber("a number is missing", "write 0 for zero")
    if len(squeezed) > MAX_LENGTH:
        raise BadNumber(f"a number of {len(squeezed)} characters", f"at most {MAX_LENGTH}")
    if _REAL.fullmatch(squeezed):
        return Number(_in_range(float(squeezed.lower().replace(".inf", "inf").replace(".nan", "nan")), squeezed))
    if _COMPLEX_LIKE.fullmatch(squeezed):
        try:
            z = complex(re.sub(r"\s+", "", squeezed))
        except ValueError:
            pass
        else:
            if squeezed.strip("()+- ")[-1:] not in "jJ":  # a real number in brackets
                return Number(_in_range(z.real, squeezed))
            return Number(_in_range(z.real, squeezed), _in_range(z.imag, squeezed))
    return _expression(squeezed)


def _in_range(value: float, text: str) -> float:
    """The value, unless its literal overflowed to infinity: that is a slip, not a way to write infinity."""
    if math.isinf(value) and "inf" not in text.lower():
        raise BadNumber(f"{_short(text)} is beyond the range of double precision", "write inf where infinity is meant")
    return value


def _expression(text: str) -> Number:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks on style, such as "1if"
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        hint = "the imaginary unit is j, as in 1+2j" if re.search(r"\d\s*i\b", text) else ""
        raise BadNumber(f"{_short(text)} is not a number", hint or "such as 1.5, -0.0, 1+2j, nan, inf, pi/2") from None
    try:
        return _evaluate(tree, text)
    except OverflowError:
        raise BadNumber(f"{_short(text)} overflows", "write inf where infinity is meant") from None
    except ZeroDivisionError:
        raise BadNumber(f"{_short(text)} divides by zero", "write inf or nan where that is meant") from None
    except ValueError as error:
        if isinstance(error, BadNumber):
            raise
        raise BadNumber(f"{_short(text)} is not defined: {error}") from None


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _evaluate(node: ast.expr, text: str) -> Number:
    if isinstance(node, ast.Constant) and isinstance(node.value, complex):
        return Number(None, _in_range(node.value.imag, text))
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return Number(_in_range(float(node.value), text))
    if isinstance(node, ast.Name):
        if node.id in ("j", "infj", "nanj"):
            return Number(None, {"j": 1.0, "infj": math.inf, "nanj": math.nan}[node.id])
        if node.id in _NAMES:
            return Number(_NAMES[node.id])
        known = [*_NAMES, "j"]
        raise BadNumber(
            f"{_short(text)} is not a number: {_short(node.id)} is not a known constant", suggestion(node.id, known)
        )
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        value = _evaluate(node.operand, text)
        return value if isinstance(node.op, ast.UAdd) else _negative(value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_evaluate(node.left, text), _evaluate(node.right, text))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
        if node.func.id not in _FUNCTIONS:
            hint = suggestion(node.func.id, _FUNCTIONS)
            raise BadNumber(f"{_short(node.func.id)} is not a function of constants", hint)
        return _call(_FUNCTIONS[node.func.id], _evaluate(node.args[0], text))
    raise BadNumber(
        f"{_short(text)} is not a constant expression",
        f"numbers, + - * / **, brackets, {', '.join(_NAMES)} and {', '.join(_FUNCTIONS)} are known",
    )


def _negative(a: Number) -> Number:
    return Number(None if a.re is None else -a.re, None if a.im is None else -a.im)


def _plus(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else a + b


def _times(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a * b


def _add(a: Number, b: Number) -> Number:
    return Number(_plus(a.re, b.re), _plus(a.im, b.im))


def _subtract(a: Number, b: Number) -> Number:
    return _add(a, _negative(b))


def _multiply(a: Number, b: Number) -> Number:
    re = _plus(_times(a.re, b.re), _times(None if a.im is None else -a.im, b.im))
    return Number(re, _plus(_times(a.re, b.im), _times(a.im, b.re)))


def _divide(a: Number, b: Number) -> Number:
    if b.im is None:
        return Number(*(None if part is None else part / b.real for part in (a.re, a.im)))
    if b.re is None:  # a / (i y) = -i a / y
        return Number(None if a.im is None else a.im / b.im, None if a.re is None else -a.re / b.im)
    z = a.as_complex() / b.as_complex()
    return Number(z.real, z.imag)


def _power(a: Number, b: Number) -> Number:
    z = operator.pow(a.real, b.real) if a.is_real and b.is_real else a.as_complex() ** b.as_complex()
    return Number(z.real, z.imag if isinstance(z, complex) else None)


def _call(pair: tuple[Callable[[float], float], Callable[[complex], complex]], a: Number) -> Number:
    if a.is_real:
        try:
            return Number(pair[0](a.real))
        except ValueError:  # sqrt(-1), log(-1): the complex function knows
            pass
    z = pair[1](a.as_complex())
    return Number(z.real, z.imag)


_OPERATIONS: Mapping[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: _add, ast.Sub: _subtract, ast.Mult: _multiply, ast.Div: _divide, ast.Pow: _power,
}
