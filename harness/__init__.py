"""Wirtinger harness: do torch.autograd, torch.func and JAX give the same derivative, and if not, who is wrong?

    import harness
    run = harness.run("cases/elementwise")        # observe: worker processes, one framework each
    frame = harness.compare(run)                  # compare: a pandas frame, one row per pair of observations

Names are loaded on first use, so that `import harness` stays cheap and needs no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api import accuracy, compare, conventions, devices, diff, open_run, repro, run, show, timeline
    from harness.tapping import tap

__version__ = "0.1.0"
__all__ = [
    "__version__", "accuracy", "compare", "conventions", "devices", "diff", "open_run", "repro", "run", "show",
    "tap", "timeline",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "tap":  # of a user's model, where neither pandas nor NumPy need be installed
        from harness.tapping import tap

        globals()["tap"] = tap
        return tap
    if name in __all__:
        from harness import api

        return getattr(api, name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
