"""Backends by name: found through the entry point group `wirtinger_harness.backends`, no framework imported here."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from harness.backends.base import Backend
from harness.model import CaseError

GROUP = "wirtinger_harness.backends"

#: What this package brings itself; used where its metadata is absent (a checkout on sys.path).
BUILT_IN = {
    "torch.autograd": "harness.backends.torch.autograd:TorchAutograd",
    "torch.func": "harness.backends.torch.func:TorchFunc",
    "jax": "harness.backends.jax.backend:Jax",
    "reference": "harness.backends.reference:Reference",
}


def names() -> dict[str, str]:
    """Backend name -> "package.module:Class", without importing anything. Built-in names come first."""
    from importlib.metadata import entry_points  # takes longer than all else here, and most workers need none of it

    found = dict(BUILT_IN)
    found.update({entry.name: entry.value for entry in entry_points(group=GROUP)})
    return found


def available() -> dict[str, type[Backend]]:
    """Every backend by name, its framework importable or not; one whose module cannot be imported is left out."""
    classes = {}
    for name, spec in names().items():
        try:
            classes[name] = _class(spec)
        except (ImportError, AttributeError, TypeError):
            continue
    return classes


def load(spec: str) -> type[Backend]:
    """The class of a backend given by name ("jax") or as "package.module:Class".

    Raises CaseError where there is no such backend, with what there is.
    """
    path = spec if ":" in spec else (known := names()).get(spec, spec)
    if ":" not in path:
        raise CaseError(f"there is no backend {spec!r}", hint=f"known: {', '.join(known)}; or package.module:Class")
    try:
        return _class(path)
    except ImportError as error:
        raise CaseError(f"the backend {spec!r} cannot be imported: {error}") from error
    except AttributeError as error:
        raise CaseError(f"the backend {spec!r} does not exist: {error}") from error
    except TypeError as error:
        raise CaseError(f"{spec!r} is not a backend: {error}") from error


def importable(cls: type[Backend]) -> bool:
    """Whether every module that the backend requires can be found; none is imported."""
    return not missing(cls)


def missing(cls: type[Backend]) -> tuple[str, ...]:
    """The required modules of a backend that are not installed."""
    return tuple(module for module in cls.requires if not _found(module))


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _class(path: str) -> type[Backend]:
    module, _, attribute = path.partition(":")
    cls = getattr(import_module(module), attribute)
    if not (isinstance(cls, type) and issubclass(cls, Backend)):
        raise TypeError(f"{path} is not a subclass of harness.backends.base.Backend")
    return cls
