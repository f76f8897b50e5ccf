"""Where what is expensive and never changes is kept from run to run."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path | None:
    """$HARNESS_CACHE, or the platform's cache folder; None where it is "off"."""
    named = os.environ.get("HARNESS_CACHE", "")
    if named.lower() in ("off", "0", "none"):
        return None
    if named:
        return Path(named)
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "wirtinger-harness"
