"""From files, functions and values to the arguments of the user's function, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from harness.backends.side.faults import AuditFault, kind, located
from harness.backends.side.tree import nested
from harness.wirtinger import Array


@dataclass
class Source:
    """Where arguments come from: named arrays, or a function of the user's, or values given directly.

    argument: the one that the arrays belong to; empty: the first part of each name says it.
    """

    argument: str = ""
    arrays: Mapping[str, Array] | None = None
    function: str = ""
    values: tuple[Any, ...] | None = None
    mapping: dict[str, Any] | None = None  # arguments by name, given directly
    nest: bool = False  # dots in names nest, as slashes always do


@dataclass
class Bound:
    """arguments: name -> tree, in the order of the signature. state: values for a target that is a module.

    unused: names that the function does not take.
    """

    arguments: dict[str, Any]
    state: dict[str, Any]
    unused: list[str]


def imported(target: str) -> Any:
    """What "package.module:name" names. Raises AuditFault."""
    module_name, _, name = target.partition(":")
    try:
        module = import_module(module_name)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise located("import", f"the module {module_name} cannot be imported", error) from error
    if not hasattr(module, name):
        from difflib import get_close_matches

        close = get_close_matches(name, [n for n in dir(module) if not n.startswith("_")], n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise AuditFault("import", f"the module {module_name} has no function {name!r}{hint}")
    return getattr(module, name)


def bind(function: Callable[..., Any], sources: Sequence[Source], name: str, announce: Callable[[str], None]) -> Bound:
    """The arguments of a function from their sources. name: of the function, for messages. Raises AuditFault."""
    bound: dict[str, Any] = {}
    positional: tuple[Any, ...] | None = None
    for source in sources:
        made: Any
        if source.function:
            announce("importing the module of the inputs")
            maker = imported(source.function)
            announce("making the inputs")
            try:
                made = maker()
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                raise located("raised", f"the function of the inputs {source.function} raised", error) from error
            if source.argument:
                made = {source.argument: made}
        elif source.mapping is not None:
            made = source.mapping
        elif source.values is not None:
            made = source.values
        else:
            made = _grouped(source)
        if isinstance(made, dict):
            bound.update(made)
        else:
            positional = tuple(made) if type(made) in (tuple, list) else (made,)
    parameters, required, variable = signature(function)
    state: dict[str, Any] = {}
    own = getattr(function, "model", None)
    if own is not None:  # the target is itself a module: what is given for it are values of its state
        state = {k: bound.pop(k) for k in ("model", "params") if k in bound and k not in parameters[1:]}
        if positional is not None:
            positional = (own, *positional)
        else:
            bound = {"model": own, **bound}
    if positional is not None:
        names = _places(function, parameters, variable)[: len(positional)]
        if set(bound) & set(names):
            raise AuditFault("inputs", "an input is given twice, by name and by position")
        names += [f"arg{k}" for k in range(len(names), len(positional))]
        if len(positional) > len(parameters) and not variable:
            raise AuditFault("inputs", f"{name} takes {len(parameters)} arguments and the inputs are {len(positional)}")
        bound = {**dict(zip(names, positional, strict=True)), **{k: v for k, v in bound.items() if k in parameters}}
    elif not set(required) <= set(bound):
        if len(required) == 1 and not set(parameters) & set(bound):
            bound = {required[0]: bound}
        else:
            missing = [p for p in required if p not in bound]
            raise AuditFault(
                "inputs",
                f"{name}({', '.join(parameters)}) needs {', '.join(missing)}, and the inputs are named "
                f"{', '.join(bound) or 'nothing'}; name them so in the file, or write ARGUMENT=FILE",
            )
    unused = [k for k in bound if k not in parameters and not variable]
    kept = {k: v for k, v in bound.items() if k not in unused}
    order = [p for p in parameters if p in kept] + [k for k in kept if k not in parameters]
    return Bound({k: kept[k] for k in order}, state, unused)


def _grouped(source: Source) -> dict[str, Any]:
    """Arguments from named arrays: the first part of a name is the argument, or all belong to the one given."""
    assert source.arrays is not None
    separators = "/." if source.nest else "/"
    groups: dict[str, dict[str, Any]] = {}
    plain: dict[str, Any] = {}
    try:
        if source.argument:
            if set(source.arrays) == {""}:  # one array without a name: an .npy file
                return {source.argument: source.arrays[""]}
            return {source.argument: nested(source.arrays, separators)}
        for name, array in source.arrays.items():
            cut = min((name.index(c) for c in "./" if c in name), default=-1)
            if cut <= 0:
                plain[name] = array
            else:
                groups.setdefault(name[:cut], {})[name[cut + 1 :]] = array
        both = set(plain) & set(groups)
        if both:
            raise ValueError(f"{min(both)!r} is both an array and a folder of arrays")
        return {**{k: nested(v, separators) for k, v in groups.items()}, **plain}
    except ValueError as error:
        raise AuditFault("inputs", f"the names of the arrays do not make a tree: {error}") from None


def signature(function: Callable[..., Any]) -> tuple[list[str], list[str], bool]:
    """(names that can be given, those that must be, whether it takes any number)."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [], [], True
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in plain if p.default is p.empty]
    return [p.name for p in plain], required, any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _places(function: Callable[..., Any], parameters: list[str], variable: bool) -> list[str]:
    """The names that values without one get, in their order. Where any number is taken, none goes beyond the star."""
    if not variable:
        return parameters
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return parameters
    return [name for name in parameters if found[name].kind is not inspect.Parameter.KEYWORD_ONLY]


def named_only(function: Callable[..., Any], names: Sequence[str]) -> list[str]:
    """Those of the arguments, in the order in which they are given, that cannot be given by position."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    places = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return [n for n in names if any(p.name == n and p.kind is p.KEYWORD_ONLY for p in parameters)]
    fit = 0
    while fit < min(len(names), len(places)) and names[fit] == places[fit]:
        fit += 1
    return list(names[fit:])


def expression(node: Any, name: str, variables: Mapping[str, str]) -> str:
    """A tree as Python text, its arrays replaced by texts (leaf name -> text). Raises AuditFault."""
    if name in variables:
        return variables[name]
    if node is None or isinstance(node, (str, bool, int, float)):
        return repr(node)
    if isinstance(node, Mapping) and all(isinstance(k, str) for k in node):
        return "{" + ", ".join(f"{k!r}: {expression(v, f'{name}.{k}', variables)}" for k, v in node.items()) + "}"
    if type(node) in (list, tuple):
        parts = [expression(v, f"{name}.{k}", variables) for k, v in enumerate(node)]
        return (
            f"[{', '.join(parts)}]" if type(node) is list else f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        )
    raise AuditFault(
        "structure", f"{name} is {kind(node)}; a case holds arrays in dicts, lists and tuples (audit a function of the "
        "state dict, or of a tree, to save it)",
    )


def as_function(module: Any) -> Callable[..., Any]:
    """A module as a function of `model`, the module itself (a tree of its state), and of its own arguments."""

    def forward(model: Any, *args: Any, **kwargs: Any) -> Any:
        return model(*args, **kwargs)

    own = list(inspect.signature(getattr(module, "forward", module)).parameters.values())
    first = inspect.Parameter("model", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    forward.__signature__ = inspect.Signature([first, *(p for p in own if p.name != "model")])  # type: ignore[attr-defined]
    forward.model = module  # type: ignore[attr-defined]
    return forward
