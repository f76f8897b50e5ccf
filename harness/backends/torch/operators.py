"""What the installed torch can differentiate, by its own operator database: `python -m` prints one JSON object.

The database (`torch.testing._internal`) is what torch tests its operators with. An entry counts over a dtype where it
claims autograd and has the dtype both forward and backward; its variants count once.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def survey() -> dict[str, Any]:
    """{"version", "entries", "functions": {name: [over float64, over complex128]}, "aliases": {name: [names]}}.

    entries: how many entries (variants counted) are differentiable over float64 and over complex128.
    Raises ImportError where torch, or expecttest, which its database needs, is not installed.
    """
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, list[bool]] = {}
    aliases: dict[str, list[str]] = {}
    entries = [0, 0]
    for op in op_db:
        can = [
            bool(op.supports_autograd and dtype in op.dtypes and dtype in op.backward_dtypes)
            for dtype in (torch.float64, torch.complex128)
        ]
        entries = [n + c for n, c in zip(entries, can, strict=True)]
        known = found.setdefault(op.name, [False, False])
        found[op.name] = [a or b for a, b in zip(known, can, strict=True)]
        aliases.setdefault(op.name, []).extend(a.name for a in op.aliases)
    return {
        "version": torch.__version__,
        "entries": entries,
        "functions": found,
        "aliases": {name: sorted(set(others)) for name, others in aliases.items() if others},
    }


if __name__ == "__main__":
    try:
        answer = survey()
    except ImportError as error:
        answer = {"missing": getattr(error, "name", "") or str(error)}
    json.dump(answer, sys.stdout)
