"""Comparison frames written by hand, a few rows, for the screens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from harness.model import Case, Input, Point
from harness.verdicts import KINDS, SEVERITY

VERSIONS = {"torch": "2.13.0+cpu", "jax": "0.10.2"}


def row(case: str, point: str, kind: str = "same", verdict: str = "agree", **more: Any) -> dict[str, Any]:
    """One row of the contract; jax against the reference unless told otherwise."""
    left, right = more.get("left", "jax"), more.get("right", "reference")
    out: dict[str, Any] = {
        "case": case, "family": "mine", "point": point, "ordinary": True, "dtype": "complex128", "api": "pullback",
        "quantity": "differential", "input": "z", "output": "out", "axis": "backend", "left": left, "right": right,
        "verdict": verdict, "relation": "none" if kind == "defect" else "equal",
        "culprit": left if kind == "defect" else "", "evidence": "closed-form" if kind == "defect" else "",
        "cause": "", "since": "", "fixed": "", "link": "", "max_abs": np.nan, "max_rel": 0.5 if kind == "defect" else 0,
        "ulp": 0.0, "blind": "", "expected": "", "surprising": False, "note": "", "factor": np.nan, "kind": kind,
        "left_backend": left, "right_backend": right, "left_status": "ok", "right_status": "ok", "left_run": "run",
        "left_version": VERSIONS.get(left.partition(".")[0], ""), "right_version": "", "left_api": "", "right_api": "",
    }
    return {**out, **more}


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    """With ordered categories, as the comparison makes them."""
    out = pd.DataFrame(list(rows))
    out["kind"] = pd.Categorical(out["kind"], list(KINDS), ordered=True)
    out["verdict"] = pd.Categorical(out["verdict"], list(reversed(SEVERITY)), ordered=True)
    for name in ("relation", "axis", "quantity", "left_backend", "right_backend", "left_status", "right_status"):
        out[name] = out[name].astype("category")
    return out


def fake_run(*cases: str, failed: dict[str, str] | None = None) -> Any:
    """What a screen asks of a run."""
    targets = [
        {"backend": b, "device": "cpu", "versions": {b.partition(".")[0]: VERSIONS[b.partition(".")[0]]}}
        for b in ("torch.autograd", "torch.func", "jax")
    ]
    point = Point("generic", {"z": np.array([1 + 2j])})
    made = [Case(c, {"portable": "z"}, (Input("z", "complex", (1,)),), (point,), ("complex128",)) for c in cases]
    return SimpleNamespace(
        path="runs/R", cases=made, targets=targets, complete=True, failed_targets=failed or {},
        table=lambda: pa.table({"dtype": ["complex128"]}),
    )
