"""An expression of the grammar as presentation MathML, which browsers typeset without a library.

The text is parsed, never evaluated. Everything that ends up in the markup is escaped. What the typesetter has no
picture for is written as an upright function name with its arguments, so nothing is ever left out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from html import escape

_LIMIT = 20_000  # characters; longer texts are shown as code only

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "lam": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}

# Binding strength, as in Python: a child of lower strength than its place gets parentheses.
_ADD, _MUL, _NEG, _POW, _ATOM = 1, 2, 3, 4, 5
_OPERATORS: Mapping[type[ast.operator], tuple[str, int]] = {
    ast.Add: ("+", _ADD), ast.Sub: ("−", _ADD), ast.Mult: ("·", _MUL), ast.MatMult: ("", _MUL), ast.Mod: ("mod", _MUL),
    ast.FloorDiv: ("÷", _MUL),
}
_COMPARE: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥", ast.Eq: "=", ast.NotEq: "≠",
}

Rendered = tuple[str, int]  # markup and its binding strength


def mathml(text: str, *, name: str = "f", arguments: Sequence[str] = ()) -> str | None:
    """A `<math display="block">` element for one expression or a few lines of assignments ending in one.

    name and arguments: the left-hand side, f(z) = ...; no arguments, no left-hand side. None where the text is not
    in the part of the grammar that can be typeset (the caller then shows the text itself).
    """
    if len(text) > _LIMIT or "\0" in text:
        return None
    try:
        tree = ast.parse(text.strip(), mode="exec")
        lines = [_line(statement) for statement in tree.body]
    except (SyntaxError, ValueError, RecursionError, MemoryError, _Unrenderable):
        return None
    if not lines:
        return None
    if arguments:
        left = _identifier(name) + _fenced(_commas([_identifier(a) for a in arguments]))
        lines[-1] = f"{left}<mo>=</mo>{lines[-1]}"
    if len(lines) == 1:
        body = f"<mrow>{lines[0]}</mrow>"
    else:
        body = "<mtable>" + "".join(f"<mtr><mtd>{line}</mtd></mtr>" for line in lines) + "</mtable>"
    return f'<math display="block">{body}</math>'


class _Unrenderable(Exception):
    """The text uses something outside the grammar that can be typeset."""


def _line(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr):
        return _row(statement.value)
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return f"{_row(statement.targets[0])}<mo>=</mo>{_row(statement.value)}"
    raise _Unrenderable


def _row(node: ast.expr, least: int = 0) -> str:
    markup, strength = _render(node)
    return _fenced(markup) if strength < least else markup


def _fenced(markup: str, left: str = "(", right: str = ")") -> str:
    return f'<mrow><mo fence="true">{left}</mo>{markup}<mo fence="true">{right}</mo></mrow>'


def _commas(parts: Sequence[str]) -> str:
    return '<mo separator="true">,</mo>'.join(parts)


def _identifier(name: str) -> str:
    """One letter in italics, Greek letters as such, `x_1`/`x1` with a subscript, words upright."""
    if name in _GREEK:
        return f"<mi>{_GREEK[name]}</mi>"
    stem, bar, tail = name.partition("_")
    if not bar and len(name) > 1:
        letters = name.rstrip("0123456789")
        stem, tail = letters, name[len(letters):]
        bar = "_" if tail and (len(stem) == 1 or stem in _GREEK) else ""
    if bar and stem and tail and (len(stem) == 1 or stem in _GREEK):
        below = f"<mn>{escape(tail)}</mn>" if tail.isdigit() else f"<mtext>{escape(tail)}</mtext>"
        return f"<msub>{_identifier(stem)}{below}</msub>"
    if len(name) == 1:
        return f"<mi>{escape(name)}</mi>"
    return f"<mtext>{escape(name)}</mtext>"


def _word(name: str) -> str:
    return f'<mi mathvariant="normal">{escape(name)}</mi>'


def _render(node: ast.expr) -> Rendered:
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.Name):
        return _identifier(node.id), _ATOM
    if isinstance(node, ast.UnaryOp):
        return _unary(node)
    if isinstance(node, ast.BinOp):
        return _binary(node)
    if isinstance(node, ast.Compare):
        parts = [_row(node.left, _ADD)]
        for op, right in zip(node.ops, node.comparators, strict=True):
            if type(op) not in _COMPARE:
                raise _Unrenderable
            parts.append(f"<mo>{escape(_COMPARE[type(op)])}</mo>{_row(right, _ADD)}")
        return "".join(parts), 0
    if isinstance(node, ast.Tuple | ast.List):
        fences = ("(", ")") if isinstance(node, ast.Tuple) else ("[", "]")
        return _fenced(_commas([_row(e) for e in node.elts]), *fences), _ATOM
    if isinstance(node, ast.Subscript):
        return f"<msub>{_row(node.value, _ATOM)}<mrow>{_index(node.slice)}</mrow></msub>", _ATOM
    if isinstance(node, ast.Attribute):
        return _attribute(node)
    if isinstance(node, ast.Call):
        return _call(node)
    if isinstance(node, ast.IfExp):
        return _cases([(_row(node.body), _row(node.test)), (_row(node.orelse), "")]), _ATOM
    raise _Unrenderable


def _constant(value: object) -> Rendered:
    if isinstance(value, bool) or value is None:
        return _word(str(value)), _ATOM
    if isinstance(value, str):
        return f"<mtext>“{escape(value)}”</mtext>", _ATOM
    if isinstance(value, complex):
        number = "" if value.imag == 1 else _real(value.imag)
        return f"{number}<mi>i</mi>", _ATOM
    if isinstance(value, int | float):
        return _real(value), _ATOM
    if value is Ellipsis:
        return "<mo>…</mo>", _ATOM
    raise _Unrenderable


def _real(value: int | float) -> str:
    text = repr(int(value)) if value == value and abs(value) < 1e15 and value == int(value) else repr(value)
    mantissa, e, exponent = text.partition("e")
    if not e:
        return f"<mn>{escape(text)}</mn>"
    power = f"<msup><mn>10</mn><mn>{escape(str(int(exponent)).replace('-', '−'))}</mn></msup>"
    return power if mantissa == "1" else f"<mn>{escape(mantissa)}</mn><mo>·</mo>{power}"


def _unary(node: ast.UnaryOp) -> Rendered:
    signs: dict[type[ast.unaryop], str] = {ast.USub: "−", ast.UAdd: "+", ast.Not: "¬", ast.Invert: "¬"}
    return f'<mo form="prefix">{signs[type(node.op)]}</mo>{_row(node.operand, _NEG)}', _NEG


def _binary(node: ast.BinOp) -> Rendered:
    if isinstance(node.op, ast.Div):
        return f"<mfrac><mrow>{_row(node.left)}</mrow><mrow>{_row(node.right)}</mrow></mfrac>", _ATOM
    if isinstance(node.op, ast.Pow):
        if isinstance(node.right, ast.Constant) and node.right.value == 0.5:
            return f"<msqrt>{_row(node.left)}</msqrt>", _ATOM
        return f"<msup>{_row(node.left, _ATOM)}<mrow>{_row(node.right)}</mrow></msup>", _POW
    if type(node.op) not in _OPERATORS:
        raise _Unrenderable
    sign, strength = _OPERATORS[type(node.op)]
    if isinstance(node.op, ast.Mult) and _juxtaposes(node.left, node.right):
        sign = ""
    # Subtraction and the like bind to the left: a right operand of the same strength needs parentheses.
    same = isinstance(node.op, ast.Add | ast.Mult | ast.MatMult)
    right = _row(node.right, strength if same else strength + 1)
    operator = f"<mo>{escape(sign)}</mo>" if sign else '<mo rspace="0.12em" lspace="0em">&#x2062;</mo>'
    return f"{_row(node.left, strength)}{operator}{right}", strength


def _juxtaposes(left: ast.expr, right: ast.expr) -> bool:
    """2z and 3πz read as products; 2·3 and z·w keep their dot."""
    number = isinstance(left, ast.Constant) and isinstance(left.value, int | float)
    return number and not (isinstance(right, ast.Constant) or _starts_with_number(right))


def _starts_with_number(node: ast.expr) -> bool:
    while isinstance(node, ast.BinOp):
        node = node.left
    return isinstance(node, ast.Constant)


def _index(node: ast.expr) -> str:
    if isinstance(node, ast.Tuple):
        return _commas([_index(e) for e in node.elts])
    if isinstance(node, ast.Slice):
        ends = [_row(e) if e is not None else "" for e in (node.lower, node.upper)]
        text = f"{ends[0]}<mo>:</mo>{ends[1]}"
        return text if node.step is None else f"{text}<mo>:</mo>{_row(node.step)}"
    return _row(node)


def _attribute(node: ast.Attribute) -> Rendered:
    superscripts = {"T": "T", "mT": "T", "H": "H", "mH": "H"}
    if node.attr in superscripts:
        return f"<msup>{_row(node.value, _ATOM)}<mi mathvariant=\"normal\">{superscripts[node.attr]}</mi></msup>", _ATOM
    if node.attr in ("real", "imag") and not isinstance(node.value, ast.Name | ast.Attribute):
        return _word("Re" if node.attr == "real" else "Im") + _fenced(_row(node.value)), _ATOM
    if node.attr in ("real", "imag"):
        return _word("Re" if node.attr == "real" else "Im") + "<mo>&#x2061;</mo>" + _row(node.value, _ATOM), _MUL
    return f"{_row(node.value, _ATOM)}<mo>.</mo>{_word(node.attr)}", _ATOM


def _callee(node: ast.expr) -> str:
    """The last word of a dotted name: torch.nn.functional.silu and silu are typeset alike."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    raise _Unrenderable


def _call(node: ast.Call) -> Rendered:
    name = _callee(node.func)
    arguments = list(node.args)
    if isinstance(node.func, ast.Attribute) and not _is_namespace(node.func.value):
        arguments.insert(0, node.func.value)  # x.sum() reads as sum(x)
    special = _SPECIAL.get((name, len(arguments)))
    if special is not None and not node.keywords and not any(isinstance(a, ast.Starred) for a in arguments):
        return special(arguments)
    parts = []
    for a in arguments:
        parts.append(f"<mo>∗</mo>{_row(a.value)}" if isinstance(a, ast.Starred) else _row(a))
    for k in node.keywords:
        key = _word(k.arg) + "<mo>=</mo>" if k.arg else "<mo>∗∗</mo>"
        parts.append(key + _row(k.value))
    return f"{_word(name)}<mo>&#x2061;</mo>{_fenced(_commas(parts))}", _ATOM


_NAMESPACES = {"torch", "jax", "jnp", "np", "numpy", "nn", "linalg", "fft", "special", "functional", "lax", "scipy"}


def _is_namespace(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in _NAMESPACES


def _bars(mark: str) -> Callable[[list[ast.expr]], Rendered]:
    return lambda a: (_fenced(_row(a[0]), mark, mark), _ATOM)


def _over(mark: str) -> Callable[[list[ast.expr]], Rendered]:
    return lambda a: (f'<mover accent="false"><mrow>{_row(a[0])}</mrow><mo stretchy="true">{mark}</mo></mover>', _ATOM)


def _superscript(mark: str) -> Callable[[list[ast.expr]], Rendered]:
    return lambda a: (f"<msup>{_row(a[0], _ATOM)}<mrow>{mark}</mrow></msup>", _ATOM)


def _named(word: str) -> Callable[[list[ast.expr]], Rendered]:
    return lambda a: (f"{_word(word)}<mo>&#x2061;</mo>{_fenced(_row(a[0]))}", _ATOM)


def _root(degree: int) -> Callable[[list[ast.expr]], Rendered]:
    if degree == 2:
        return lambda a: (f"<msqrt>{_row(a[0])}</msqrt>", _ATOM)
    return lambda a: (f"<mroot><mrow>{_row(a[0])}</mrow><mn>{degree}</mn></mroot>", _ATOM)


def _exp(a: list[ast.expr]) -> Rendered:
    return f"<msup><mi>e</mi><mrow>{_row(a[0])}</mrow></msup>", _POW


def _where(a: list[ast.expr]) -> Rendered:
    return _cases([(_row(a[1]), _row(a[0])), (_row(a[2]), "")]), _ATOM


def _cases(rows: Sequence[tuple[str, str]]) -> str:
    body = ""
    for value, condition in rows:
        text = f"<mtext>where </mtext>{condition}" if condition else "<mtext>otherwise</mtext>"
        body += f"<mtr><mtd>{value}</mtd><mtd>{text}</mtd></mtr>"
    return f'<mrow><mo fence="true">{{</mo><mtable>{body}</mtable></mrow>'


def _infix(sign: str, strength: int) -> Callable[[list[ast.expr]], Rendered]:
    return lambda a: (f"{_row(a[0], strength)}<mo>{sign}</mo>{_row(a[1], strength + 1)}", strength)


def _fraction(a: list[ast.expr]) -> Rendered:
    return f"<mfrac><mrow>{_row(a[0])}</mrow><mrow>{_row(a[1])}</mrow></mfrac>", _ATOM


def _power(a: list[ast.expr]) -> Rendered:
    return f"<msup>{_row(a[0], _ATOM)}<mrow>{_row(a[1])}</mrow></msup>", _POW


def _complex(a: list[ast.expr]) -> Rendered:
    return f"{_row(a[0], _ADD)}<mo>+</mo><mi>i</mi><mo>&#x2062;</mo>{_row(a[1], _NEG)}", _ADD


#: (name, number of positional arguments) -> picture. Only calls without keywords.
_SPECIAL: Mapping[tuple[str, int], Callable[[list[ast.expr]], Rendered]] = {
    ("abs", 1): _bars("|"), ("absolute", 1): _bars("|"), ("norm", 1): _bars("‖"), ("vector_norm", 1): _bars("‖"),
    ("conj", 1): _over("¯"), ("conjugate", 1): _over("¯"), ("sqrt", 1): _root(2), ("cbrt", 1): _root(3),
    ("exp", 1): _exp, ("real", 1): _named("Re"), ("imag", 1): _named("Im"), ("angle", 1): _named("arg"),
    ("inv", 1): _superscript("<mo>−</mo><mn>1</mn>"), ("pinv", 1): _superscript("<mo>+</mo>"),
    ("reciprocal", 1): _superscript("<mo>−</mo><mn>1</mn>"), ("square", 1): _superscript("<mn>2</mn>"),
    ("matrix_transpose", 1): _superscript('<mi mathvariant="normal">T</mi>'), ("where", 3): _where,
    ("add", 2): _infix("+", _ADD), ("subtract", 2): _infix("−", _ADD), ("multiply", 2): _infix("·", _MUL),
    ("divide", 2): _fraction, ("true_divide", 2): _fraction, ("power", 2): _power, ("pow", 2): _power,
    ("complex", 2): _complex, ("trace", 1): _named("tr"), ("outer", 2): _infix("⊗", _MUL), ("kron", 2): _infix(
        "⊗", _MUL),
}
