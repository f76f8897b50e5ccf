"""From a parsed text to the syntax tree that runs: everything not expressly allowed is refused, with its place.

Nothing of the user's tree is reused: each node is built anew from judged parts, and names of functions become
globals `_n` that only the compiler binds. `portable.py` and `native.py` say what names, attributes and calls mean.
"""

from __future__ import annotations

import ast
import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from harness.expr import kinds, limits
from harness.expr.grammar import Text
from harness.expr.kinds import ARRAY, FRESH, SHAPE, SIZE, ExpressionRefused, Kind
from harness.model import CaseError

Typed = tuple[ast.expr, Kind]

_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_WORDS = {
    ast.JoinedStr: "f-strings are not allowed",
    ast.Starred: "* arguments are not allowed",
    ast.Dict: "dictionaries are not allowed",
    ast.Set: "sets are not allowed",
    ast.Lambda: "functions cannot be defined",
    ast.NamedExpr: "write an assignment on its own line",
    ast.Slice: "a slice belongs in brackets",
}


@dataclass(frozen=True)
class Need:
    """A global of the generated function: kind "portable", "native", "scalar", "helper" or "value"."""

    kind: str
    name: str = ""
    row: int = 0
    value: Any = None


class Translator(ABC):
    """Judges one text and builds what runs. One use: `program()`, then `needs`, `used` and `hidden`."""

    def __init__(self, text: Text, arguments: Sequence[str]) -> None:
        self.text = text
        self.arguments = tuple(arguments)
        self.locals: dict[str, Kind] = dict.fromkeys(arguments, ARRAY)
        self.needs: dict[str, Need] = {}
        self.used: set[str] = set()
        self.hidden: set[str] = set()  # of dtype, complex_dtype, device: what the function must find out first
        self.bounds = False  # whether what is built will run: integers out of shapes are then bounded
        self._names: dict[tuple[str, str, int], str] = {}

    # What a dialect decides

    @abstractmethod
    def free_name(self, node: ast.Name) -> Typed:
        """A name that is neither an argument nor assigned."""

    @abstractmethod
    def attribute(self, node: ast.Attribute) -> Typed:
        """`value.name`, not called."""

    @abstractmethod
    def call(self, node: ast.Call) -> Typed:
        """A call."""

    def index_list(self, node: ast.List) -> Typed:
        """A list used as an index."""
        return self.expression(node)

    # Statements

    def program(self) -> list[ast.stmt]:
        """The statements of the generated function, the last one a return; raises CaseError."""
        *assignments, last = self.text.body
        body = [self.assignment(statement) for statement in assignments]
        if not isinstance(last, ast.Expr):
            self.text.refuse(last, "the last statement must be an expression: what the case returns")
        value, kind = self.expression(last.value)
        outputs = kind.items if isinstance(value, ast.Tuple) and kind.items is not None else (kind,)
        if not outputs:
            self.text.refuse(last, "the expression returns nothing")
        for output in outputs:
            if output.sort in ("string", "none", "slice", "other") or (len(outputs) > 1 and output.sort == "sequence"):
                self.text.refuse(last, f"an output must be an array, this is {output.words}")
        return [*body, ast.Return(value)]

    def assignment(self, node: ast.stmt) -> ast.stmt:
        """`name = expression` or `a, b = expression`."""
        if isinstance(node, ast.Expr):
            self.text.refuse(node, "this value is not used", "give it a name; the last line is the result")
        if isinstance(node, ast.AugAssign):
            self.text.refuse(node, "augmented assignment is not part of the grammar", "write a = a + ...")
        if not isinstance(node, ast.Assign):
            self.text.refuse(node, "only assignments and expressions are allowed")
        if len(node.targets) != 1:
            self.text.refuse(node, "one assignment a statement")
        value, kind = self.expression(node.value)
        if kind.sort in ("string", "slice", "other"):
            self.text.refuse(node.value, f"{kind.words} cannot be given a name")
        target = node.targets[0]
        if isinstance(target, ast.Name):
            return ast.Assign([self.bind(target, kind)], value)
        if not isinstance(target, ast.Tuple) or not all(isinstance(t, ast.Name) for t in target.elts):
            self.text.refuse(target, "only names can be assigned to", "name = expression, or a, b = expression")
        if kind.sort not in ("array", "sequence"):
            self.text.refuse(node.value, f"{kind.words} cannot be unpacked")
        if kind.items is not None and len(kind.items) != len(target.elts):
            self.text.refuse(node, f"{len(kind.items)} values for {len(target.elts)} names")
        items = kind.items or (kind.element or ARRAY,) * len(target.elts)
        names = [self.bind(t, k) for t, k in zip(target.elts, items, strict=True) if isinstance(t, ast.Name)]
        return ast.Assign([ast.Tuple(list[ast.expr](names), ast.Store())], value)

    def bind(self, target: ast.Name, kind: Kind) -> ast.Name:
        """Note that a name now stands for a value."""
        self.locals[target.id] = kind
        return ast.Name(target.id, ast.Store())

    # Expressions

    def expression(self, node: ast.expr, *, strings: bool = False) -> Typed:
        """Judge and rebuild one expression; `strings` admits a string constant here."""
        try:
            return self._expression(node, strings)
        except ExpressionRefused as refused:
            self.text.refuse(node, refused.problem, refused.hint)

    def _expression(self, node: ast.expr, strings: bool) -> Typed:
        if isinstance(node, ast.Constant):
            kind = kinds.constant(node.value)
            if kind.sort == "string" and not strings:
                raise ExpressionRefused("a string is only allowed as an argument", 'for instance fft(z, norm="ortho")')
            if isinstance(node.value, int) and node.value is not True and node.value is not False:
                return ast.Constant(int(node.value)), kind
            return ast.Constant(node.value), kind
        if isinstance(node, ast.Name):
            if node.id in self.locals:
                return ast.Name(node.id, ast.Load()), self.locals[node.id]
            return self.free_name(node)
        if isinstance(node, (ast.Tuple, ast.List)):
            items = [self.expression(item, strings=strings) for item in node.elts]
            built = type(node)([item for item, _ in items], ast.Load())
            return built, kinds.display(tuple(kind for _, kind in items))
        if isinstance(node, ast.UnaryOp):
            operand, kind = self.expression(node.operand)
            return ast.UnaryOp(node.op, operand), kinds.unary(node.op, kind)
        if isinstance(node, ast.BinOp):
            left, left_kind = self.expression(node.left)
            right, right_kind = self.expression(node.right)
            return ast.BinOp(left, node.op, right), kinds.binary(left_kind, node.op, right_kind)
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.Subscript):
            return self.subscript(node)
        if isinstance(node, ast.Attribute):
            return self.attribute(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        raise ExpressionRefused(_WORDS.get(type(node), f"{type(node).__name__} is not part of the grammar"))

    def comparison(self, node: ast.Compare) -> Typed:
        """One comparison of arrays or numbers."""
        if len(node.ops) != 1:
            raise ExpressionRefused("one comparison at a time", "(a < b) & (b < c)")
        if not isinstance(node.ops[0], _COMPARISONS):
            raise ExpressionRefused("this comparison is not part of the grammar")
        left, left_kind = self.expression(node.left)
        right, right_kind = self.expression(node.comparators[0])
        for kind in (left_kind, right_kind):
            if kind.sort not in ("array", "int", "number"):
                raise ExpressionRefused(f"{kind.words} cannot be compared")
        both = left_kind.is_python_number and right_kind.is_python_number
        return ast.Compare(left, [node.ops[0]], [right]), Kind("int", bits=1) if both else FRESH

    def subscript(self, node: ast.Subscript) -> Typed:
        """`value[index]`; the key of an argument that is a mapping of arrays is the one string index."""
        base, kind = self.expression(node.value)
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            if not (isinstance(node.value, ast.Name) and node.value.id in self.arguments):
                raise ExpressionRefused("a string index is for an argument that is a mapping of arrays")
            return ast.Subscript(base, ast.Constant(str(node.slice.value)), ast.Load()), ARRAY
        index, index_kind = self.index(node.slice)
        return ast.Subscript(base, index, ast.Load()), kinds.subscript(kind, index_kind)

    def index(self, node: ast.expr, *, inside: bool = False) -> Typed:
        """What stands in brackets."""
        if isinstance(node, ast.Slice):
            parts: list[ast.expr | None] = []
            for part in (node.lower, node.upper, node.step):
                if part is None:
                    parts.append(None)
                    continue
                built, kind = self.expression(part)
                if kind.sort not in ("int", "none"):
                    self.text.refuse(part, "the bounds of a slice are integers")
                parts.append(built)
            return ast.Slice(*parts), kinds.SLICE
        if isinstance(node, ast.Tuple) and not inside:
            items = [self.index(item, inside=True) for item in node.elts]
            return ast.Tuple([item for item, _ in items], ast.Load()), kinds.OTHER
        if isinstance(node, ast.List):
            return self.index_list(node)
        built, kind = self.expression(node)
        if kind.sort in ("number", "string"):
            self.text.refuse(node, "an index is an integer, a slice, ..., None, a list of integers or a boolean array")
        return built, kind

    def value_attribute(self, node: ast.Attribute, value: ast.expr, kind: Kind) -> Typed | None:
        """The attributes that every dialect knows: shape and ndim of an array, named parts of a result."""
        if kind.sort == "sequence" and node.attr in kind.fields:
            position = kind.fields.index(node.attr)
            return ast.Subscript(value, ast.Constant(position), ast.Load()), ARRAY
        if kind.sort == "array" and node.attr in ("shape", "ndim"):
            return ast.Attribute(value, node.attr, ast.Load()), SHAPE if node.attr == "shape" else SIZE
        return None

    # Helpers for dialects

    def require(self, kind: str, name: str = "", row: int = 0, value: Any = None) -> ast.Name:
        """A global of the generated function, reused where it has been required before."""
        key = (kind, name, row)
        known = None if kind == "value" else self._names.get(key)
        if known is None:
            known = f"_{len(self.needs)}_{name.replace('.', '_')}"
            self.needs[known] = Need(kind, name, row, value)
            self._names[key] = known
        return ast.Name(known, ast.Load())

    def bounded(self, name: str, value: ast.expr, kind: Kind) -> ast.expr:
        """An argument of `name` as it is handed over: integers out of shapes behind a bound, in what is to run."""
        if not (self.bounds and limits.comes_out_of_shapes(kind)):
            return value
        return ast.Call(self.require("value", "bounded", value=limits.bounding(name)), [value], [])

    def call_parts(self, node: ast.Call) -> tuple[list[Typed], list[tuple[str, Typed]]]:
        """The judged arguments of a call."""
        positional = [self.expression(argument, strings=True) for argument in node.args]
        keywords: list[tuple[str, Typed]] = []
        for keyword in node.keywords:
            if keyword.arg is None:
                self.text.refuse(keyword.value, "** arguments are not allowed")
            keywords.append((keyword.arg, self.expression(keyword.value, strings=True)))
        return positional, keywords


def index_array(node: ast.List) -> np.ndarray[Any, Any] | None:
    """The integer or boolean array that a list of constants stands for, or None."""
    try:
        array = np.array(ast.literal_eval(node))
    except ValueError:
        return None
    if array.size == 0:
        return array.astype(np.int64)
    return array if array.dtype.kind in "ib" else None


def build(name: str, arguments: Sequence[str], body: list[ast.stmt]) -> ast.Module:
    """A module holding one function. It starts from parsed text so that every Python version has all of its fields."""
    module = ast.parse("def f(): pass")
    function = module.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.name = name
    function.args.args = [ast.arg(argument) for argument in arguments]
    function.body = body
    return ast.fix_missing_locations(module)


def define(module: ast.Module, namespace: Mapping[str, Any], *, all_builtins: bool = False) -> Callable[..., Any]:
    """Run the definition and return the function, after a last look at every name in it.

    Its only builtin is `__import__`, which no text can name: C code of a framework that imports lazily looks for it
    in the frame that called, and would fail without. `all_builtins` is for torch, whose compiler looks for more there.
    """
    function = module.body[0]
    assert isinstance(function, ast.FunctionDef)
    _last_look(function, namespace)
    found = vars(builtins) if all_builtins else {"__import__": builtins.__import__}
    scope: dict[str, Any] = {"__builtins__": found, **namespace}
    exec(compile(module, "<expression>", "exec"), scope)
    defined: Callable[..., Any] = scope.pop(function.name)
    return defined


def _last_look(function: ast.FunctionDef, namespace: Mapping[str, Any]) -> None:
    """Every name is bound here and no attribute is private: independent of how the tree came about."""
    arguments = function.args
    bound = {a.arg for a in (*arguments.args, *arguments.kwonlyargs)} | set(namespace)
    bound |= {arguments.vararg.arg} if arguments.vararg else set()
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    bound |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id not in bound:
            raise AssertionError(f"{node.id} is not bound in a generated function")
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            raise AssertionError(f"{node.attr} is private")


def refuse_argument(problem: str, text: Text) -> NoReturn:
    """A case's arguments cannot be used in its text."""
    raise CaseError(problem, text.place)
