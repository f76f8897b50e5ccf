"""Rows gathered into what a person would call one difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.verdicts import severity


@dataclass(frozen=True)
class Difference:
    """Rows of one case with the same verdict, culprit and cause.

    sides: "left ↔ right" pairs; max_rel: NaN where unknown; cause: the id of the known difference, link: its address
    upstream, "" without.
    """

    case: str
    verdict: str
    culprit: str
    evidence: str
    points: tuple[str, ...]
    dtypes: tuple[str, ...]
    sides: tuple[str, ...]
    apis: tuple[str, ...]
    note: str
    expected: str
    surprising: bool
    rows: int
    max_rel: float
    worst: Mapping[str, Any]
    cause: str = ""
    link: str = ""


def differences(frame: pd.DataFrame, mask: Any = None) -> list[Difference]:
    """One entry for each (case, verdict, culprit, cause) of a normalised frame (worst rows first), worst first.

    mask: rows to take; default those that are not plain agreement, precision or a refused API.
    """
    if mask is None:
        refused = (frame["verdict"] == "unsupported") & (frame["quantity"] == "raw") & ~frame["surprising"]
        harmless = frame["verdict"].isin(["agree", "precision"]) | refused
        mask = frame["surprising"] | ~harmless | (frame["culprit"] != "")
    out = []
    keys = ["case", "verdict", "culprit", "cause"]
    for (case, verdict, culprit, cause), part in frame[mask].groupby(keys, sort=False):
        out.append(
            Difference(
                case=str(case), verdict=str(verdict), culprit=str(culprit), evidence=_first(part["evidence"]),
                points=_distinct(part["point"]), dtypes=_distinct(part["dtype"]),
                sides=_distinct(part["left"] + " ↔ " + part["right"]), apis=_distinct(part["api"]),
                note=_first(part["note"]), expected=_first(part["expected"]),
                surprising=bool(part["surprising"].any()), rows=len(part), max_rel=float(part["max_rel"].max()),
                worst={str(k): v for k, v in part.iloc[0].to_dict().items()}, cause=str(cause),
                link=_first(part["link"]),
            )
        )
    out.sort(key=lambda d: (not d.surprising, -severity(d.verdict), not d.culprit, -d.rows, d.case))
    return out


def _distinct(column: pd.Series) -> tuple[str, ...]:
    return tuple(str(v) for v in column.unique() if str(v))


def _first(column: pd.Series) -> str:
    return next((str(v) for v in column if str(v)), "")


def some(words: tuple[str, ...], most: int) -> str:
    """"a, b and 3 more"."""
    shown = ", ".join(words[:most])
    return shown + (f" and {len(words) - most} more" if len(words) > most else "")
