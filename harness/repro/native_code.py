"""A case's function as code that a framework's user would write: portable names replaced by the framework's own.

For scripts that run without this package. Whatever a cell of the spelling table needs beyond the framework is written
out as a small function of the script's own.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.expr import NoSpelling, check, table, toolkit
from harness.expr.grammar import parse
from harness.expr.portable import Portable
from harness.model import Source

#: Helpers that cells of the spelling table may call, by family.
_HELPERS: Mapping[tuple[str, str], str] = {
    ("torch", "like"): """def like(x, value, precision=None):
    if not isinstance(value, (bool, int, float, complex)):
        return value
    return torch.tensor(value, dtype=x.dtype if isinstance(x, torch.Tensor) else precision)
""",
    ("jax", "like"): """def like(x, value, precision=None):
    if not isinstance(value, (bool, int, float, complex)):
        return value
    return jnp.full_like(x, value) if hasattr(x, "dtype") else jnp.asarray(value)
""",
    ("torch", "index"): """def index(x, indices):
    return torch.as_tensor(np.asarray(indices, np.int64))
""",
    ("jax", "index"): """def index(x, indices):
    return jnp.asarray(np.asarray(indices, np.int64))
""",
    ("", "many"): """def many(axes):
    return tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)
""",
    ("", "every"): """def every(x):
    return tuple(range(x.ndim))
""",
    ("", "pads"): """def pads(x, width):
    return tuple(side for pair in reversed(np.broadcast_to(width, (x.ndim, 2)).tolist()) for side in pair)
""",
    ("", "fitting"): """def fitting(values, dtype, complex_dtype):
    return complex_dtype if np.iscomplexobj(np.asarray(values)) else dtype
""",
}


@dataclass
class Code:
    """The lines of a function body (the last one returns), and the helper definitions that it needs."""

    body: str
    helpers: list[str] = field(default_factory=list)
    summed: bool = False  # in_mpmath: the text is the sum of what the body returns


def native(source: Source, arguments: Sequence[str], family: str) -> Code:
    """The body of the function on a framework. Raises NoSpelling, or CaseError for a bad text."""
    check(source, arguments, family)  # what a recorded run calls a function is a stranger's text
    if source.kind == "native":
        return Code(_returning(ast.parse(source.text.strip())))
    writer = _Writer(family)
    body = writer.written(source.text, arguments)
    helpers = [_HELPERS[(family, h)] if (family, h) in _HELPERS else _HELPERS["", h] for h in sorted(writer.helpers)]
    return Code(body, helpers)


def _returning(module: ast.Module) -> str:
    """The statements with the last expression returned."""
    last = module.body[-1]
    if isinstance(last, ast.Expr):
        module.body[-1] = ast.Return(last.value)
    return "\n".join(ast.unparse(ast.fix_missing_locations(s)) for s in module.body)


class _Writer(ast.NodeTransformer):
    """Puts the cell of the spelling table in the place of every portable call."""

    def __init__(self, family: str) -> None:
        self.family = family
        self.helpers: set[str] = set()

    def written(self, text: str, arguments: Sequence[str]) -> str:
        judged = Portable(parse(text), arguments)
        statements = judged.program()
        self.needs = judged.needs
        return "\n".join(ast.unparse(ast.fix_missing_locations(self.visit(s))) for s in statements)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        need = self.needs.get(node.id)
        if need is not None and need.kind == "value":
            maker = "torch.tensor" if self.family == "torch" else "jnp.array"
            return ast.parse(f"{maker}({need.value.tolist()})", mode="eval").body
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id not in self.needs:
            return node
        need = self.needs[node.func.id]
        if need.kind == "scalar":
            values = [ast.literal_eval(a) for a in node.args]
            return ast.Constant(toolkit.numbers(need.name)(*values))
        return self.call(need.name, need.row, node)

    def call(self, name: str, row: int, node: ast.Call) -> ast.expr:
        """The cell of a row with the arguments in the place of its parameters."""
        spelled = table()[name].rows[row]
        if self.family not in spelled.cells:
            raise NoSpelling(name, self.family)
        bound = bound_arguments(spelled.signature.text, node)
        cell = ast.parse(spelled.cells[self.family], mode="eval").body
        out = _Filled(bound).visit(cell)
        for inner in ast.walk(out):
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name):
                known = inner.func.id
                if ("", known) in _HELPERS or (self.family, known) in _HELPERS:
                    self.helpers.add(known)
        assert isinstance(out, ast.expr)
        return out


def bound_arguments(signature: str, node: ast.Call) -> dict[str, ast.expr | list[ast.expr]]:
    """Parameter -> argument (a list behind a `*`), with defaults, as Python binds a call."""
    definition = ast.parse(f"def {signature}: pass").body[0]
    assert isinstance(definition, ast.FunctionDef)
    a = definition.args
    names = [p.arg for p in (*a.posonlyargs, *a.args)]
    optional = names[len(names) - len(a.defaults) :]
    bound: dict[str, ast.expr | list[ast.expr]] = dict(zip(optional, a.defaults, strict=True))
    bound |= {p.arg: d for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is not None}
    bound |= dict(zip(names, node.args, strict=False))
    if a.vararg:
        bound[a.vararg.arg] = list(node.args[len(names):])
    bound |= {k.arg: k.value for k in node.keywords if k.arg and not k.arg.startswith("_")}
    return bound


class _Filled(ast.NodeTransformer):
    """A cell with its parameters replaced; `*arrays` becomes the arrays themselves."""

    def __init__(self, bound: Mapping[str, ast.expr | list[ast.expr]]) -> None:
        self.bound = bound

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.bound.get(node.id)
        if value is None:
            return node
        if isinstance(value, list):
            return ast.Tuple([copy.deepcopy(v) for v in value], ast.Load())
        return copy.deepcopy(value)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        args: list[ast.expr] = []
        for arg in node.args:
            starred = isinstance(arg, ast.Starred) and isinstance(arg.value, ast.Name)
            value = self.bound.get(arg.value.id) if starred else None  # type: ignore[attr-defined]
            args += [copy.deepcopy(v) for v in value] if isinstance(value, list) else [self.visit(arg)]
        node.func, node.args = self.visit(node.func), args
        node.keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        if isinstance(node.func, ast.Name) and node.func.id == "like" and len(args) == 2 and not isinstance(
                args[1], (ast.Constant, ast.UnaryOp)):
            return args[1]  # an array already
        return node


# --- mpmath -----------------------------------------------------------------------------------------------------------

#: Portable elementwise functions in mpmath, of scalars; "{0}" and "{1}" are the arguments.
_MPMATH: Mapping[str, str] = {
    "add": "({0} + {1})", "subtract": "({0} - {1})", "multiply": "({0} * {1})", "divide": "({0} / {1})",
    "negative": "(-{0})", "positive": "{0}", "square": "({0}) ** 2", "reciprocal": "1 / ({0})",
    "power": "(mp.mpf(0) if {0} == 0 and mp.re({1}) > 0 else mp.power({0}, {1}))",
    "float_power": "(mp.mpf(0) if {0} == 0 and mp.re({1}) > 0 else mp.power({0}, {1}))",
    "sqrt": "mp.sqrt({0})", "rsqrt": "1 / mp.sqrt({0})",
    "hypot": "mp.sqrt(({0}) ** 2 + ({1}) ** 2)", "exp": "mp.exp({0})", "exp2": "mp.power(2, {0})",
    "expm1": "mp.expm1({0})", "log": "mp.log({0})", "log2": "(mp.log({0}) / mp.log(2))",
    "log_ndtr": "mp.log(mp.ncdf({0}))", "gelu[approximate='none']": "({0} * mp.ncdf({0}))",
    "log10": "(mp.log({0}) / mp.log(10))", "log1p": "mp.log(1 + {0})", "sin": "mp.sin({0})", "cos": "mp.cos({0})",
    "tan": "mp.tan({0})", "arcsin": "mp.asin({0})", "arccos": "mp.acos({0})", "arctan": "mp.atan({0})",
    "sinh": "mp.sinh({0})", "cosh": "mp.cosh({0})", "tanh": "mp.tanh({0})", "arcsinh": "mp.asinh({0})",
    "arccosh": "mp.acosh({0})", "arctanh": "mp.atanh({0})", "sinc": "mp.sincpi({0})", "abs": "abs({0})",
    "angle": "mp.arg({0})", "conj": "mp.conj({0})", "real": "mp.re({0})", "imag": "mp.im({0})",
    "sign": "mp.sign({0})", "erf": "mp.erf({0})", "erfc": "mp.erfc({0})", "gammaln": "mp.loggamma({0})",
    "gamma": "mp.gamma({0})", "digamma": "mp.digamma({0})", "i0": "mp.besseli(0, {0})", "i1": "mp.besseli(1, {0})",
    "sigmoid": "1 / (1 + mp.exp(-({0})))", "expit": "1 / (1 + mp.exp(-({0})))",
    "silu": "(({0}) / (1 + mp.exp(-({0}))))", "softplus": "mp.log(1 + mp.exp({0}))",
    "logaddexp": "mp.log(mp.exp({0}) + mp.exp({1}))", "ndtr": "mp.ncdf({0})",
}


class _MpWriter(_Writer):
    def call(self, name: str, row: int, node: ast.Call) -> ast.expr:
        for keyword in node.keywords:  # a form of its own, such as gelu[approximate='none']
            name += f"[{keyword.arg}={ast.unparse(keyword.value)}]"
        if name not in _MPMATH:
            raise NoSpelling(name, "mpmath")
        text = _MPMATH[name].format(*(f"({ast.unparse(a)})" for a in node.args))
        return ast.parse(text, mode="eval").body


def in_mpmath(text: str, arguments: Sequence[str]) -> Code:
    """An elementwise text, or the sum of one, as a function of mpmath scalars. Raises NoSpelling for anything else."""
    whole = ast.parse(text.strip())
    last = whole.body[-1]
    summed = (isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) and not last.value.keywords
              and isinstance(last.value.func, ast.Name) and last.value.func.id == "sum" and len(last.value.args) == 1)
    if summed:
        whole.body[-1] = ast.Expr(last.value.args[0])  # type: ignore[attr-defined]
    writer = _MpWriter("mpmath")
    body = writer.written(ast.unparse(whole), arguments)
    if "[" in body or "@" in body:
        raise NoSpelling("an array operation", "mpmath")
    return Code(body, summed=summed)


