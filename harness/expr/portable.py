"""The portable dialect: array-API and NumPy names from the spelling table, one text for every backend."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from harness.expr import kinds, limits
from harness.expr.grammar import Text, suggest, words
from harness.expr.kinds import ARRAY, FRESH, NUMBER, ExpressionRefused, Kind
from harness.expr.spelling import CONSTANTS, canonical, lookup
from harness.expr.toolkit import numbers
from harness.expr.translate import Translator, Typed, index_array

#: Attributes of an array that are another way to write a function.
ATTRIBUTES = {"real": "real", "imag": "imag", "T": "transpose", "mT": "matrix_transpose", "H": "adjoint"}
METHODS = {"conj": "conj"}
#: Namespaces of the array API standard, NumPy, SciPy and the frameworks: `linalg.norm` is `norm`, and so on.
NAMESPACES = frozenset(("linalg", "fft", "special", "nn"))

#: Functions of Python numbers: `sqrt(2)` or `sqrt(z.shape[-1])` is NumPy's, so that it stays a number everywhere.
SCALAR = words(
    "abs angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh ceil conj cos cosh deg2rad exp exp2 "
    "expm1 floor hypot imag log log10 log1p log2 maximum minimum power rad2deg real reciprocal sign sin "
    "sinc sinh sqrt square tan tanh trunc"
)


class Portable(Translator):
    """Judges a portable text.

    `hidden_of(name, row)` says which of dtype, complex_dtype and device a function must be handed; `scalars` is
    False where the namespace takes Python numbers itself (the reference).
    """

    def __init__(
        self,
        text: Text,
        arguments: Sequence[str],
        hidden_of: Callable[[str, int], Sequence[str]] = lambda name, row: (),
        *,
        scalars: bool = True,
        own_constants: Sequence[str] = (),
    ) -> None:
        super().__init__(text, arguments)
        self.hidden_of = hidden_of
        self.scalars = scalars
        self.own_constants = frozenset(own_constants)

    def free_name(self, node: ast.Name) -> Typed:
        """A constant; a function that is not called is refused."""
        if node.id in CONSTANTS:
            value: Any = CONSTANTS[node.id]
            kind = kinds.constant(value)
            if node.id in self.own_constants:
                return self.require("constant", node.id), NUMBER
            return ast.Constant(value), kind
        if node.id in canonical():
            raise ExpressionRefused(f"{node.id} is a function", f"call it: {lookup(node.id).signature}")
        raise ExpressionRefused(
            f"there is no name {node.id}",
            suggest(node.id, [*self.locals, *CONSTANTS, *canonical()]) or f"the inputs are {', '.join(self.arguments)}",
        )

    def attribute(self, node: ast.Attribute) -> Typed:
        """`z.real`, `z.T`, `z.shape`, `svd(a).U`."""
        value, kind = self.expression(node.value)
        known = self.value_attribute(node, value, kind)
        if known is not None:
            return known
        if kind.sort == "array" and node.attr in ATTRIBUTES:
            return self.invoke(node, ATTRIBUTES[node.attr], [(value, kind)], [])
        names = kind.fields if kind.sort == "sequence" else (*ATTRIBUTES, "shape", "ndim")
        hint = suggest(node.attr, names) or self._as_function(node.attr)
        raise ExpressionRefused(f"there is no attribute {node.attr} here", hint)

    @staticmethod
    def _as_function(name: str) -> str:
        return f"write {name}(x)" if name in canonical() else ""

    def call(self, node: ast.Call) -> Typed:
        """A call of a portable function, or the method conj()."""
        function = node.func
        dotted = self._dotted(function)
        if dotted:
            positional, keywords = self.call_parts(node)
            return self.invoke(node, dotted, positional, keywords)
        if isinstance(function, ast.Attribute):
            value, kind = self.expression(function.value)
            if kind.sort != "array" or function.attr not in METHODS:
                raise ExpressionRefused(f"there is no method {function.attr} here", self._as_function(function.attr))
            if node.args or node.keywords:
                raise ExpressionRefused(f"{function.attr}() takes no arguments")
            return self.invoke(node, METHODS[function.attr], [(value, kind)], [])
        if not isinstance(function, ast.Name):
            raise ExpressionRefused("only functions that have a name can be called")
        if function.id in self.locals:
            raise ExpressionRefused(f"{function.id} is a value here, it cannot be called", "rename the value")
        lookup(function.id)
        positional, keywords = self.call_parts(node)
        return self.invoke(node, function.id, positional, keywords)

    def _dotted(self, function: ast.expr) -> str:
        """The portable name that `linalg.norm` and the like stand for; "" where it is not one of them."""
        if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
            return ""
        namespace = function.value.id
        if namespace not in NAMESPACES or namespace in self.locals or namespace in self.arguments:
            return ""
        lookup(function.attr)
        return function.attr

    def invoke(self, node: ast.expr, called: str, positional: list[Typed], keywords: list[tuple[str, Typed]]) -> Typed:
        """Bind a call to a row of the spelling table."""
        spelling = lookup(called)
        name = spelling.name
        while positional and positional[-1][1].sort == "none":
            positional = positional[:-1]
        keywords = [(keyword, typed) for keyword, typed in keywords if typed[1].sort != "none"]
        row = spelling.row(len(positional), [keyword for keyword, _ in keywords])
        given = [kind for _, kind in (*positional, *(typed for _, typed in keywords))]
        limits.check_call(name, given)
        self.used.add(name)
        numeric = bool(given) and all(kind.is_python_number for kind in given)
        if numeric and not spelling.group.startswith("Creation"):
            if name not in SCALAR:
                raise ExpressionRefused(f"{name} needs an array", f"write {name}(array(...))")
            if self.scalars and all(kind.known for kind in given) and not keywords:
                value = _constant(name, given)
                return ast.Constant(value), kinds.constant(value)
            result = NUMBER
        else:
            parts = spelling.rows[row].signature.parts
            result = FRESH if parts is None else _parts(parts)
        kind_of_need = "scalar" if result is NUMBER and self.scalars else "portable"
        values = [self.bounded(name, *typed) if kind_of_need == "portable" else typed[0] for typed in positional]
        built = [ast.keyword(keyword, self.bounded(name, *typed)) for keyword, typed in keywords]
        if kind_of_need == "portable":
            hidden = self.hidden_of(name, row)
            self.hidden.update(hidden)
            built += [ast.keyword(each, ast.Name(f"_{each}", ast.Load())) for each in hidden]
        function = self.require(kind_of_need, name, row)
        return ast.Call(function, values, built), result

    def index_list(self, node: ast.List) -> Typed:
        """A list of integers is an index array: not every framework takes a list."""
        array = index_array(node)
        if array is None:
            self.text.refuse(node, "a list in brackets holds integers only", "x[[0, 2, 1]]")
        return self.require("value", "index", value=array), ARRAY


def _constant(name: str, given: Sequence[Kind]) -> Any:
    """The number that a function of constants is."""
    try:
        return numbers(name)(*(kind.value for kind in given))
    except (TypeError, ValueError, ArithmeticError) as error:  # NumPy has no such function of these kinds of numbers
        values = ", ".join(str(kind.value) for kind in given)
        raise ExpressionRefused(f"{name}({values}) is not a number: {error}", "write floats: 2.0, 1.0") from None


def _parts(parts: tuple[str, ...]) -> Kind:
    if not parts:
        return kinds.ARRAYS
    return Kind("sequence", length=len(parts), element=ARRAY, items=(ARRAY,) * len(parts), fields=parts)
