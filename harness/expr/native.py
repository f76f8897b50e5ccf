"""The native dialects: each framework's own spelling, over reviewed names (native_torch.txt, native_jax.txt)."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

from harness.expr import limits
from harness.expr.grammar import Text, suggest, words
from harness.expr.kinds import ARRAY, ARRAYS, FRESH, NUMBER, OTHER, SHAPE, SIZE, ExpressionRefused, Kind
from harness.expr.parameters import check_arguments
from harness.expr.spelling import Signature, data
from harness.expr.translate import Translator, Typed, refuse_argument

#: Names a text of a family may begin with -> what they are short for.
ROOTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "torch": {"torch": "torch"},
        "jax": {"jax": "jax", "jnp": "jax.numpy", "lax": "jax.lax"},
    }
)

#: Keyword arguments that no function may be given: they write into inputs, choose devices or take functions.
FORBIDDEN_KEYWORDS = words(
    "max_norm out requires_grad unsafe pin_memory generator key device_put sharding out_sharding out_type layout "
    "memory_format names custom_jvp custom_vjp function fun callback dot_general _dot_general cond_fun "
    "body_fun"
)

#: Methods of `x.at[index]`.
AT = words("add divide get max min mul multiply power set")

#: Methods that answer Python integers.
_PYTHON_RESULTS = words("dim is_complex numel size")

#: Reads running statistics, or writes into them when it is told that this is training.
_STATISTICS = "torch.nn.functional.batch_norm"

#: Functions that only a cell of the spelling table may call, and the names that it finds set.
HELPERS = ("like", "index", "many", "every", "pads", "fitting")
HIDDEN = ("dtype", "complex_dtype", "device")


@dataclass(frozen=True)
class Whitelist:
    """What a native text of one family may use; dotted names are written with the short roots (jnp.abs)."""

    functions: Mapping[str, tuple[str, ...] | None]  # name -> parts of a tuple result, () of any length, None: array
    constants: frozenset[str]
    attributes: frozenset[str]
    result_attributes: frozenset[str]  # named parts, of what a call returned
    methods: frozenset[str]
    inplace: frozenset[str]
    names: frozenset[str] = field(default=frozenset())


_HEADING = re.compile(
    r"= (functions|constants|attributes of results|attributes|methods in place|methods)(?: in ([\w.]+))?(?::.*)?"
)


def read(text: str) -> Whitelist:
    """Parse a whitelist: headings `= functions in torch.linalg`, then names; `svd -> U, S` names parts of a result."""
    sections: dict[str, dict[str, tuple[str, ...] | None]] = {}
    section, prefix = "", ""
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        heading = _HEADING.fullmatch(line)
        if heading:
            section, prefix = heading[1], f"{heading[2]}." if heading[2] else ""
            continue
        names, arrow, result = line.partition("->")
        parts: tuple[str, ...] | None = None
        if arrow:
            parts = () if result.strip() == "*" else tuple(part.strip() for part in result.split(","))
        sections.setdefault(section, {}).update({f"{prefix}{name}": parts for name in names.split()})
    functions, constants = sections["functions"], frozenset(sections["constants"])
    return Whitelist(
        functions=MappingProxyType(functions),
        constants=constants,
        attributes=frozenset(sections["attributes"]),
        result_attributes=frozenset(sections.get("attributes of results", ())),
        methods=frozenset(sections["methods"]),
        inplace=frozenset(sections.get("methods in place", ())),
        names=constants | frozenset(functions),
    )


@cache
def whitelist(family: str) -> Whitelist:
    """The reviewed names of a family."""
    return read(data(f"native_{family}.txt"))


def short(family: str, dotted: str) -> str:
    """The name as the whitelist writes it: jax.numpy.abs is jnp.abs, lax.exp is jax.lax.exp."""
    if family == "jax":
        if dotted.startswith("jax.numpy."):
            return "jnp" + dotted[len("jax.numpy") :]
        if dotted.startswith("lax."):
            return "jax." + dotted
    return dotted


def full(family: str, name: str) -> str:
    """The importable dotted name of a whitelisted one."""
    root, _, rest = name.partition(".")
    return f"{ROOTS[family][root]}.{rest}"


class Native(Translator):
    """Judges a native text of `family`. With `cell`, a cell of the spelling table, which knows a few more names."""

    def __init__(self, text: Text, arguments: Sequence[str], family: str, *, cell: Signature | None = None) -> None:
        super().__init__(text, arguments)
        self.family = family
        self.cell = cell
        self.white = whitelist(family)
        if cell is not None and cell.variadic:
            self.locals[cell.variadic] = ARRAYS
        for name in arguments:
            if name in ROOTS[family] and cell is None:
                refuse_argument(f"an input cannot be named {name}: that is the framework", text)

    # Names

    def dotted(self, node: ast.expr) -> str | None:
        """`torch.linalg.inv` as text, where the expression is a chain of attributes on a root; None otherwise."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self.locals or node.id not in ROOTS[self.family]:
            return None
        return ".".join([node.id, *reversed(parts)])

    def bind(self, target: ast.Name, kind: Kind) -> ast.Name:
        if target.id in ROOTS[self.family]:
            self.text.refuse(target, f"{target.id} is the framework, it cannot be assigned to")
        return super().bind(target, kind)

    def free_name(self, node: ast.Name) -> Typed:
        if self.cell is not None and node.id in HIDDEN:
            self.hidden.add(node.id)
            return ast.Name(node.id, ast.Load()), OTHER
        if node.id in ROOTS[self.family]:
            raise ExpressionRefused(f"{node.id} is a module, not a value")
        roots = ", ".join(ROOTS[self.family])
        raise ExpressionRefused(
            f"there is no name {node.id}",
            suggest(node.id, [*self.locals, *ROOTS[self.family]])
            or f"a native text uses the inputs ({', '.join(self.arguments)}) and {roots}",
        )

    def unknown(self, name: str) -> ExpressionRefused:
        last = name.rpartition(".")[2]
        near = [known for known in self.white.names if known.rpartition(".")[2] == last]
        return ExpressionRefused(
            f"{name} is not on the list of allowed names",
            f"did you mean {near[0]}?" if near else suggest(name, self.white.names),
        )

    # Attributes and calls

    def attribute(self, node: ast.Attribute) -> Typed:
        dotted = self.dotted(node)
        if dotted is not None:
            name = short(self.family, dotted)
            if name in self.white.constants:
                self.used.add(name)
                kind = NUMBER if name.rpartition(".")[2] in ("pi", "e", "inf", "nan", "euler_gamma") else OTHER
                return self.require("native", name), kind
            if name in self.white.functions:
                raise ExpressionRefused(f"{dotted} is a function", f"call it: {dotted}(...)")
            raise self.unknown(dotted)
        value, kind = self.expression(node.value)
        if kind.sort == "sequence" and node.attr in kind.fields:
            return ast.Attribute(value, node.attr, ast.Load()), ARRAY
        known = self.value_attribute(node, value, kind)
        if known is not None:
            return known
        allowed = self.white.attributes
        if isinstance(node.value, ast.Call) or (
            isinstance(node.value, ast.Name) and node.value.id not in self.arguments
        ):
            allowed |= self.white.result_attributes
        if kind.sort != "array" or node.attr not in allowed:
            hint = f"call it: {node.attr}()" if node.attr in self.white.methods else ""
            raise ExpressionRefused(
                f"the attribute {node.attr} is not on the list of allowed names",
                hint or suggest(node.attr, allowed | self.white.methods),
            )
        result = OTHER if node.attr in ("dtype", "device") else Kind("array", fresh=kind.fresh)
        return ast.Attribute(value, node.attr, ast.Load()), result

    def call(self, node: ast.Call) -> Typed:
        function = node.func
        if isinstance(function, ast.Name):
            return self.helper(node, function)
        if not isinstance(function, ast.Attribute):
            raise ExpressionRefused("only functions that have a name can be called")
        dotted = self.dotted(function)
        if dotted is None:
            return self.method(node, function)
        name = short(self.family, dotted)
        if name not in self.white.functions and name not in self.white.constants:
            raise self.unknown(dotted)
        self.used.add(name)
        arguments, keywords = self.arguments_of(node, name)
        parts = self.white.functions.get(name)
        if parts is None:
            # Only what certainly owns its memory counts as fresh: the rest may be a view of an input.
            result = FRESH if name in ("torch.clone", "torch.empty_like", "torch.zeros_like") else ARRAY
        else:
            result = Kind("sequence", length=len(parts) or ARRAYS.length, element=ARRAY, fields=parts)
        return ast.Call(self.require("native", name), arguments, keywords), result

    def helper(self, node: ast.Call, function: ast.Name) -> Typed:
        """A call of a bare name: only a cell has any."""
        if self.cell is None or function.id not in HELPERS or function.id in self.locals:
            if function.id in self.locals:
                raise ExpressionRefused(f"{function.id} is a value here, it cannot be called")
            root = "torch" if self.family == "torch" else "jnp"
            raise ExpressionRefused(
                f"{function.id} is not part of a native text",
                f"write {root}.{function.id}" if f"{root}.{function.id}" in self.white.functions else "",
            )
        arguments, keywords = self.arguments_of(node, function.id)
        sequence = function.id in ("many", "every", "pads")
        return ast.Call(self.require("helper", function.id), arguments, keywords), ARRAYS if sequence else ARRAY

    def method(self, node: ast.Call, function: ast.Attribute) -> Typed:
        """A call of a method of an array, or of `x.at[index]`."""
        at = self.at_update(node, function)
        if at is not None:
            return at
        value, kind = self.expression(function.value)
        if kind.sort != "array":
            raise ExpressionRefused(f"there is no method {function.attr} here")
        if function.attr in self.white.inplace:
            if not kind.fresh:
                raise ExpressionRefused(
                    f"{function.attr} would write into an input", "use it on a result: x.clone().mul_(2)"
                )
        elif function.attr not in self.white.methods:
            raise ExpressionRefused(
                f"the method {function.attr} is not on the list of allowed names",
                suggest(function.attr, self.white.methods),
            )
        arguments, keywords = self.arguments_of(node, f".{function.attr}", kind.fresh)
        if function.attr in ("to", "astype", "type"):
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    raise ExpressionRefused(
                        f"{function.attr} takes a dtype here", "z.to(torch.complex128), z.astype(w.dtype)"
                    )
        self.used.add(f".{function.attr}")
        if function.attr in _PYTHON_RESULTS:
            result = SHAPE if function.attr == "size" and not node.args else SIZE
            return ast.Call(ast.Attribute(value, function.attr, ast.Load()), arguments, keywords), result
        fresh = function.attr == "clone" or (function.attr in self.white.inplace and kind.fresh)
        call = ast.Call(ast.Attribute(value, function.attr, ast.Load()), arguments, keywords)
        return call, FRESH if fresh else ARRAY

    def at_update(self, node: ast.Call, function: ast.Attribute) -> Typed | None:
        """`x.at[index].set(y)`."""
        item = function.value
        if self.family != "jax" or not (isinstance(item, ast.Subscript) and isinstance(item.value, ast.Attribute)):
            return None
        if item.value.attr != "at" or function.attr not in AT:
            return None
        value, kind = self.expression(item.value.value)
        if kind.sort != "array":
            raise ExpressionRefused("only arrays have .at")
        index, _ = self.index(item.slice)
        arguments, keywords = self.arguments_of(node, f".at.{function.attr}")
        self.used.add(f".at.{function.attr}")
        at = ast.Attribute(value, "at", ast.Load())
        indexed = ast.Subscript(at, index, ast.Load())
        return ast.Call(ast.Attribute(indexed, function.attr, ast.Load()), arguments, keywords), ARRAY

    def arguments_of(
        self, node: ast.Call, name: str, fresh: bool = False
    ) -> tuple[list[ast.expr], list[ast.keyword]]:
        """The rebuilt arguments of a call, checked. fresh: whether it is a method of the text's own array."""
        variadic = self.cell.variadic if self.cell is not None else ""
        starred: dict[int, ast.expr] = {}
        plain = ast.Call(node.func, list(node.args), node.keywords)
        if variadic:
            for position, argument in enumerate(node.args):
                if isinstance(argument, ast.Starred):
                    if not (isinstance(argument.value, ast.Name) and argument.value.id == variadic):
                        raise ExpressionRefused("* is for the variadic parameter of a cell")
                    starred[position] = ast.Starred(ast.Name(variadic, ast.Load()), ast.Load())
                    plain.args[position] = argument.value
        positional, keywords = self.call_parts(plain)
        for keyword, (_, kind) in keywords:
            if [word for word, _ in keywords].count(keyword) > 1:
                raise ExpressionRefused(f"{keyword} is given twice")
            if keyword in FORBIDDEN_KEYWORDS or (keyword == "device" and kind.sort != "other"):
                raise ExpressionRefused(f"the argument {keyword}= is not allowed")
        if name == _STATISTICS:
            given = dict(keywords)
            running = [kind for _, kind in positional[1:3]] + [t[1] for k, t in keywords if k.startswith("running_")]
            training = positional[5][1] if len(positional) > 5 else given.get("training", (None, None))[1]
            reads = training is None or (training.known and training.value is False)
            if not reads and any(kind.sort != "none" for kind in running):
                raise ExpressionRefused(f"{name} would write into its running statistics", "give None for them")
        if self.cell is None and (name in self.white.functions or name.startswith(".")):
            kinds, named = [kind for _, kind in positional], [(keyword, kind) for keyword, (_, kind) in keywords]
            check_arguments(self.family, name, kinds, named, fresh or _first_fresh(positional))
        if self.cell is None:
            limits.check_call(name, [kind for _, kind in (*positional, *(typed for _, typed in keywords))])
        built = [starred.get(position, self.bounded(name, *typed)) for position, typed in enumerate(positional)]
        return built, [ast.keyword(keyword, self.bounded(name, *typed)) for keyword, typed in keywords]

    # A cell may say more than a case: it is ours

    def comparison(self, node: ast.Compare) -> Typed:
        if self.cell is None:
            return super().comparison(node)
        left, _ = self.expression(node.left, strings=True)
        right, _ = self.expression(node.comparators[0], strings=True)
        return ast.Compare(left, node.ops, [right]), Kind("int", bits=1)


def _first_fresh(positional: Sequence[Typed]) -> bool:
    return bool(positional) and positional[0][1].fresh
