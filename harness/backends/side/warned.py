"""What frameworks warn of while the user's code runs: shown as notes, for it is often the answer."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

#: About how code is written, not about what it computes.
_QUIET = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning, ResourceWarning)
_MOST, _LONGEST = 6, 200


@contextmanager
def heard(notes: list[str], side: str) -> Iterator[None]:
    """Warnings inside become notes, each once: "jax warned: UserWarning: ... (loss.py:12)"."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for found in caught:
                if issubclass(found.category, _QUIET):
                    continue
                text = " ".join(str(found.message).split())
                text = text[:_LONGEST] + "…" if len(text) > _LONGEST else text.rstrip(".")
                note = f"{side} warned: {found.category.__name__}: {text} ({os.path.basename(found.filename)}:" \
                       f"{found.lineno})"
                if note not in notes and sum(" warned: " in n for n in notes) < _MOST:
                    notes.append(note)
