"""Which devices each backend can use, asked of a worker in each framework's own environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness import backends as registry
from harness.runs.errors import WorkerFailed
from harness.runs.local import LocalExecutor
from harness.runs.planning import own_python
from harness.workers.process import WorkerSpec

COLUMNS = ("backend", "device", "usable", "reason", "environment")


def devices(backends: Sequence[str] | None, python: Mapping[str, str]) -> pd.DataFrame:
    """One row a backend and device: COLUMNS; `reason` says why a device cannot be used.

    backends: names (None: all). python: backend -> interpreter of its environment. A backend whose framework is not
    installed, or cannot be started, has one row with an empty device. Raises CaseError for an unknown backend.
    """
    rows: list[dict[str, Any]] = []
    kinds: dict[WorkerSpec, str] = {}
    for spec in backends or registry.available():
        cls = registry.load(spec)
        lacking = registry.missing(cls)
        where = own_python(python.get(spec, ""))
        if cls.family == "reference" and not backends:
            continue
        if lacking and not where:
            rows.append(_row(spec, "", False, f"not installed: {', '.join(lacking)}", ""))
            continue
        for device in cls.device_hints:
            kinds[WorkerSpec(spec, where, device)] = cls.name
    executor = LocalExecutor(jobs=1)
    try:
        for kind, name in kinds.items():
            rows += _asked(executor, kind, name)
    finally:
        executor.close()
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:  # a worker started for a device knows best whether it is there
        known = best.setdefault((row["backend"], row["device"]), row)
        if row["usable"] and not known["usable"]:
            best[row["backend"], row["device"]] = row
    answered = {row["backend"] for row in best.values() if row["device"]}
    kept = [r for r in best.values() if r["device"] or r["backend"] not in answered]
    return pd.DataFrame(kept, columns=list(COLUMNS))


def _asked(executor: LocalExecutor, kind: WorkerSpec, name: str) -> list[dict[str, Any]]:
    hello = executor.open({kind: 1})[kind]
    if isinstance(hello, WorkerFailed):
        device = "" if kind.device == "cpu" else kind.device
        return [_row(name, device, False, hello.message, "")]
    packages = ", ".join(f"{k} {v}" for k, v in hello["versions"].items())
    return [_row(name, device, bool(usable), reason, packages) for device, usable, reason in hello["devices"]]


def _row(backend: str, device: str, usable: bool, reason: str, environment: str) -> dict[str, Any]:
    return dict(zip(COLUMNS, (backend, device, usable, reason, environment), strict=True))
