"""From a judged text to a callable, over the roots of a framework or over a namespace of functions."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.expr import toolkit
from harness.expr.grammar import NOWHERE, parse
from harness.expr.guards import GUARDS
from harness.expr.kinds import ExpressionRefused
from harness.expr.native import HIDDEN, ROOTS, Native, full
from harness.expr.portable import Portable
from harness.expr.spelling import FAMILIES, NoSpelling, table
from harness.expr.translate import Need, Translator, build, define
from harness.model import CaseError, Place, Source

Function = Callable[..., Any]


class Namespace:
    """The functions of one framework, resolved as they are needed; make one a process and family.

    `roots` are the framework's modules as the backend imported them: {"torch": torch} or {"jax": jax, "jnp": jnp}.
    """

    def __init__(self, family: str, roots: Mapping[str, Any]) -> None:
        self.family = family
        self.roots = {ROOTS[family][root]: module for root, module in roots.items() if root in ROOTS[family]}
        self._cells: dict[tuple[str, int], tuple[Function, tuple[str, ...]]] = {}
        if family == "torch":
            self.helpers = toolkit.torch_helpers(self.roots["torch"])
            self.context = toolkit.torch_context(self.roots["torch"])
        else:
            jnp = self.native("jnp.ndarray") and self._module("jax.numpy")
            self.helpers = toolkit.jax_helpers(jnp)
            self.context = toolkit.jax_context(jnp)

    def _module(self, dotted: str) -> Any:
        """A module of the framework, by its dotted name."""
        if dotted in self.roots:
            return self.roots[dotted]
        parent, _, name = dotted.rpartition(".")
        package = self._module(parent)
        module = getattr(package, name, None)
        if module is None:  # a submodule that nobody has imported yet, such as jax.scipy.special
            try:
                module = importlib.import_module(f"{package.__name__}.{name}")
            except ImportError:
                raise AttributeError(dotted) from None
        self.roots[dotted] = module
        return module

    def native(self, name: str) -> Any:
        """The object that a whitelisted dotted name stands for; raises NoSpelling."""
        parent, _, last = full(self.family, name).rpartition(".")
        try:
            return getattr(self._module(parent), last)
        except (AttributeError, KeyError):
            raise NoSpelling(name, self.family, "not in the installed release") from None

    def portable(self, name: str, row: int) -> tuple[Function, tuple[str, ...]]:
        """The function of a row of the spelling table and which hidden values it wants; raises NoSpelling."""
        found = self._cells.get((name, row))
        if found is None:
            found = self._cells[name, row] = self._compile_cell(name, row)
        return found

    def _compile_cell(self, name: str, row: int) -> tuple[Function, tuple[str, ...]]:
        spelled = table()[name].rows[row]
        if self.family not in spelled.cells:
            raise NoSpelling(name, self.family)
        signature = spelled.signature
        parameters = (*signature.positional, *signature.keyword_only)
        place = Place(f"spelling of {name}", 1, 1)
        cell = Native(parse(spelled.cells[self.family], place, allow_not=True), parameters, self.family, cell=signature)
        body = cell.program()
        hidden = tuple(h for h in HIDDEN if h in cell.hidden)
        module = ast.parse(f"def {signature.text}: pass")
        function = module.body[0]
        assert isinstance(function, ast.FunctionDef)
        function.args.kwonlyargs += [ast.arg(h) for h in hidden]
        function.args.kw_defaults += [None] * len(hidden)
        function.body = body
        try:
            scope = self.bind(cell)
        except NoSpelling as missing:
            raise NoSpelling(name, self.family, f"{missing.name} is not in the installed release") from None
        return self.define(ast.fix_missing_locations(module), scope), hidden

    def hidden_of(self, name: str, row: int) -> tuple[str, ...]:
        """Which hidden values a portable function wants; raises NoSpelling."""
        return self.portable(name, row)[1]

    def bind(self, translator: Translator) -> dict[str, Any]:
        """The globals of a generated function."""
        return {known: self._resolve(need) for known, need in translator.needs.items()}

    def _resolve(self, need: Need) -> Any:
        if need.kind == "native":
            found = self.native(need.name)
            return GUARDS[need.name](found) if need.name in GUARDS else found
        if need.kind == "portable":
            return self.portable(need.name, need.row)[0]
        if need.kind == "helper":
            return self.helpers[need.name]
        if need.kind == "scalar":
            return toolkit.numbers(need.name)
        return need.value

    def compile(self, source: Source, arguments: Sequence[str]) -> Function:
        """The callable of a portable or native text; raises CaseError and NoSpelling."""
        text = parse(source.text)
        translator: Translator
        if source.kind == "portable":
            translator = Portable(text, arguments, self.hidden_of)
        else:
            translator = Native(text, arguments, self.family)
        translator.bounds = True
        body = translator.program()
        scope = self.bind(translator)
        if translator.hidden:
            scope["_context"] = self.context
            names = [ast.Name(name, ast.Load()) for name in arguments]
            targets = [ast.Name(f"_{hidden}", ast.Store()) for hidden in HIDDEN]
            call = ast.Call(ast.Name("_context", ast.Load()), list[ast.expr](names), [])
            body.insert(0, ast.Assign([ast.Tuple(list[ast.expr](targets), ast.Store())], call))
        return self.define(build("_f", arguments, body), scope)

    def define(self, module: ast.Module, scope: Mapping[str, Any]) -> Function:
        """Run a definition."""
        return define(module, scope, all_builtins=self.family == "torch")


_NAMESPACES: dict[tuple[str, tuple[int, ...]], Namespace] = {}


def namespace(family: str, roots: Mapping[str, Any]) -> Namespace:
    """The Namespace of these roots, made once."""
    key = (family, tuple(id(roots[name]) for name in sorted(roots)))
    if key not in _NAMESPACES:
        _NAMESPACES[key] = Namespace(family, roots)
    return _NAMESPACES[key]


def check_arguments(arguments: Sequence[str], place: Place) -> None:
    """Refuse argument names that could not be written in a text."""
    for name in arguments:
        if not name.isidentifier() or not name.isascii() or name.startswith("_") or "__" in name:
            raise CaseError(f"{name!r} cannot be the name of an input", place, "letters, digits and single underscores")


def callable_path(text: str, place: Place = NOWHERE) -> tuple[str, str]:
    """Split "package.module:function"; raises CaseError."""
    module, colon, name = text.strip().partition(":")
    parts = [*module.split("."), name]
    if not colon or not all(part.isidentifier() and "__" not in part for part in parts):
        raise CaseError(f"{text[:80]!r} is not package.module:function", place)
    return module, name


def import_callable(source: Source, arguments: Sequence[str], modules: Sequence[str]) -> Function:
    """The user's own function, where its module or a parent package of it was allowed; called positionally."""
    module, name = callable_path(source.text)
    parts = module.split(".")
    parents = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    if not any(parent in modules for parent in parents):
        raise CaseError(
            f"code of {module} is not allowed to run", NOWHERE, f"allow it by name: --allow {module.partition('.')[0]}"
        )
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        raise CaseError(f"{module} cannot be imported: {error}", NOWHERE, "is its folder on the path?") from error
    if not callable(found):
        raise CaseError(f"{module} has no function {name}", NOWHERE)
    order = tuple(arguments)

    def function(*positional: Any, **named: Any) -> Any:
        return found(*positional, *(named[argument] for argument in order[len(positional) :]))

    return function


def compile_source(
    source: Source, arguments: Sequence[str], family: str, roots: Mapping[str, Any], modules: Sequence[str] = ()
) -> Function:
    """The callable of a case on a framework: it takes the case's arguments by position or by name.

    A final tuple is a tuple of outputs. Raises CaseError for a bad text or a module that is not in `modules`, and
    NoSpelling where a portable function has no spelling in `family`.
    """
    check_arguments(arguments, NOWHERE)
    try:
        if source.kind == "callable":
            return import_callable(source, arguments, modules)
        if family not in FAMILIES:
            raise CaseError(f"there is no column for the family {family}", NOWHERE, "use compile_portable")
        return namespace(family, roots).compile(source, arguments)
    except ExpressionRefused as refused:
        raise CaseError(refused.problem, NOWHERE, refused.hint) from None


def compile_portable(
    text: str, arguments: Sequence[str], functions: Mapping[str, Any], family: str = "reference"
) -> Function:
    """The callable of a portable text over a namespace: canonical portable name -> function, called as written.

    Functions get the arguments of the call as they stand (an argument that is the constant None is left out), arrays
    and Python numbers alike; `pi`, `e` and the other constants are taken from the namespace where it has them. A list
    in brackets arrives as an integer array. Raises CaseError, and NoSpelling for a name that is not there.
    """
    check_arguments(arguments, NOWHERE)
    own = [name for name in ("pi", "e", "euler_gamma", "inf", "nan") if name in functions]
    translator = Portable(parse(text), arguments, scalars=False, own_constants=own)
    translator.bounds = True
    body = translator.program()
    scope: dict[str, Any] = {}
    for known, need in translator.needs.items():
        if need.kind == "value":
            scope[known] = need.value
        elif need.name in functions:
            scope[known] = functions[need.name]
        else:
            raise NoSpelling(need.name, family)
    return define(build("_f", arguments, body), scope)
