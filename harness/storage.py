"""Where what is expensive and never changes is kept from run to run, and how it is written."""

from __future__ import annotations

import os
import sys
import tempfile
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


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the place and rename, so that a reader meets the whole file or none. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
