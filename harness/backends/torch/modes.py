"""Modes of torch: `vmap` (a batch of cotangents or tangents at once) and `torch.compile`.

    eager             one cotangent at a time, nothing compiled
    vmap              all cotangents, or tangents, at once
    compile-aot       torch.compile(backend="aot_eager"): traced and decomposed, run by eager kernels
    compile-inductor  torch.compile(backend="inductor")

torch.compile falls back to eager without a word where it captures nothing. That would pass eager off as compiled, so
what ran is counted, and a call in which no captured graph ran is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.backends.rows import ResultRefused

COMPILED = {"compile-aot": "aot_eager", "compile-inductor": "inductor"}
MODES = ("eager", "vmap", *COMPILED)

#: Names, over the releases, of the limits after which torch.compile gives up and runs eagerly.
_LIMITS = (
    "cache_size_limit", "accumulated_cache_size_limit", "recompile_limit", "accumulated_recompile_limit",
)
_MANY = 1 << 20


def modes_of(torch: Any) -> tuple[str, ...]:
    """The modes that this release has: torch.compile came with 2.0."""
    return MODES if hasattr(torch, "compile") else MODES[:2]


class Compiler:
    """torch.compile for one mode, which knows whether anything compiled was run."""

    def __init__(self, torch: Any, mode: str) -> None:
        self.torch, self.name = torch, COMPILED[mode]
        import torch._dynamo as dynamo

        self._dynamo = dynamo
        for limit in _LIMITS:
            if hasattr(dynamo.config, limit):
                setattr(dynamo.config, limit, _MANY)
        self._runs = 0
        lookup: Any = getattr(dynamo, "lookup_backend", None)
        if lookup is None:
            from torch._dynamo.backends import registry

            lookup = registry.lookup_backend
        self._inner: Any = lookup(self.name)

    def forget(self) -> None:
        """Drop what was compiled: each task begins anew."""
        self._dynamo.reset()

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function under torch.compile. Calling it raises ResultRefused where no captured graph ran."""
        fast = self.torch.compile(function, backend=self._backend, dynamic=False)

        def call(*arguments: Any) -> Any:
            before = self._runs
            result = fast(*arguments)
            if self._runs == before:
                raise ResultRefused(
                    f'torch.compile(backend="{self.name}") captured nothing of this and would run it eagerly'
                )
            return result

        return call

    def _backend(self, graph: Any, examples: Any) -> Callable[..., Any]:
        if not any(node.op in ("call_function", "call_method", "call_module") for node in graph.graph.nodes):
            return graph.forward  # type: ignore[no-any-return]  # nothing to compute: it does not count
        made = self._inner(graph, examples)

        def run(*arguments: Any) -> Any:
            self._runs += 1
            return made(*arguments)

        if getattr(made, "_boxed_call", False):
            run._boxed_call = True  # type: ignore[attr-defined]
        return run
