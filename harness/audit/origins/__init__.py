"""Where a port starts to differ: every origin, on both sides, by file and line, with what it is and what to write."""

from __future__ import annotations

from harness.audit.origins.locate import with_origins

__all__ = ["with_origins"]
