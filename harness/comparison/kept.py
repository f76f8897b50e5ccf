"""The comparison of a whole recorded run, kept beside the run, so that what is asked of it later takes seconds.

A kept comparison is named by content: what the run's closing mark says of its files, the axis, the code that compares
(with the tables that ship with it) and the libraries whose arithmetic it uses. Anything else is another name, so that
nothing that is kept can be out of date. HARNESS_CACHE=off keeps none.

A run may come from a stranger, and what lies beside it too: what this user did not seal (harness.kept) is not read.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.comparison.frame import Comparison
from harness.kept import seal, unseal
from harness.recorded.tables import FINDINGS, TIMELINE, place
from harness.storage import cache_folder, write_whole

FOLDER = "comparisons"
_PURPOSE = "comparisons"  # whose key
#: Observations from which on a comparison is worth keeping: below, it is made anew in less than a second.
LEAST = 4_000
_PACKAGE = Path(__file__).resolve().parents[1]
_CODE = ("comparison", "reference", "recorded", "expr", "cases", "verdicts.py", "wirtinger.py", "model.py",
         "selection.py", "version.py")


def load(run: Any, axis: str, cases: Sequence[str] | None = None) -> Comparison | None:
    """What is kept of a run along an axis, None where nothing is. cases: only the rows of these."""
    places = _places(run, axis)
    found = next((p for p in places if p.is_file()), None)
    if found is None:
        return None
    try:
        content = unseal(_PURPOSE, found.name.encode(), found.read_bytes())
        if content is None:
            return None
        table = pq.read_table(pa.BufferReader(content))
        if cases is not None:
            chosen = pc.is_in(pc.cast(table.column("case"), pa.string()), value_set=pa.array(cases, pa.string()))
            table = table.filter(chosen)
        frame = table.to_pandas()
    except (OSError, pa.ArrowException, ValueError):
        return None  # damaged: it is made anew
    return Comparison(frame)


def store(run: Any, axis: str, frame: Comparison) -> None:
    """Keep a comparison of the whole run; quietly nothing where there is no place for it."""
    places = _places(run, axis)
    if not places or len(run.table()) < LEAST:
        return
    content = io.BytesIO()
    table = pa.Table.from_pandas(pd.DataFrame(frame), preserve_index=False)
    pq.write_table(table, content, compression="zstd")
    for path in places:
        sealed = seal(_PURPOSE, path.name.encode(), content.getvalue())
        if sealed is None:
            return
        try:
            write_whole(path, sealed)
        except OSError:
            continue
        for old in path.parent.glob(f"{axis}-*.kept"):
            if old != path and path.parent.parent == getattr(run, "path", None):
                old.unlink(missing_ok=True)
        return


def _places(run: Any, axis: str) -> list[Path]:
    """Where it is kept: beside the run, or in the cache folder where that cannot be written."""
    path, cache = getattr(run, "path", None), cache_folder()
    if path is None or cache is None or not getattr(run, "complete", False):
        return []
    try:
        mark = json.loads((Path(path) / "closed.json").read_bytes())["sha256"]
    except (OSError, ValueError, KeyError):
        return []
    asked = json.dumps([mark, axis, str(Path(path).name), code()], sort_keys=True)
    name = f"{axis}-{hashlib.sha256(asked.encode()).hexdigest()[:20]}.kept"
    return [Path(path) / FOLDER / name, cache / FOLDER / name]


@lru_cache(maxsize=1)
def code() -> str:
    """SHA-256 of the code and tables that a comparison depends on, and of the libraries' versions."""
    total = hashlib.sha256(f"numpy {np.__version__} pandas {pd.__version__} pyarrow {pa.__version__}".encode())
    files = [p for name in _CODE for p in (sorted((_PACKAGE / name).rglob("*")) if "." not in name
                                           else [_PACKAGE / name])]
    files += [p for p in (place(TIMELINE), place(FINDINGS)) if p is not None]
    for file in files:
        if file.is_file() and file.suffix != ".pyc":
            total.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return total.hexdigest()
