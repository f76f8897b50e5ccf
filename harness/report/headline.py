"""From rows to functions: what became of each one, and the few numbers that a first screen shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.report.verdict_style import OUTCOMES, STYLES
from harness.verdicts import NOBODY_WRONG

_UNDECIDED = {"mismatch", "sign", "conjugate", "zero", "part", "factor", "nonfinite"}
_FAILED = {"crash", "error", "timeout"}
_CHOICE = {"branch", "choice", "gauge"}
_POLE = "a pole or essential singularity"  # how the comparison's note begins


def row_outcomes(frame: pd.DataFrame) -> np.ndarray:
    """The outcome that each row of a comparison frame calls for, as an object array of OUTCOMES' names.

    A refusal of a raw API says nothing about the function (frameworks differ in which APIs take complex input): such
    a row is "" unless there is nothing else; a refused value or differential is `refused`. So is a raw result without
    counterpart. A row that names a culprit is `wrong` whatever its verdict, `extreme` at a point that is not ordinary.
    A frame with the column `kind` has decided all this (docs/columns.md): what it counts as is what the screens count.
    """
    if "kind" in frame.columns:
        return _of_kinds(frame)
    verdict = frame["verdict"].astype(str).to_numpy(dtype=object)
    culprit = frame["culprit"].fillna("").astype(str).to_numpy(dtype=object)
    relation = frame["relation"].fillna("").astype(str).to_numpy(dtype=object)
    quantity = frame["quantity"].astype(str).to_numpy(dtype=object)
    out = np.full(len(frame), "agree", dtype=object)
    out[(verdict == "agree") & ~np.isin(relation, ["", "equal", "none"]) & (quantity == "raw")] = "convention"
    for name, words in (
        ("precision", {"precision"}), ("choice", _CHOICE), ("refused", {"unsupported"}), ("value", {"value"}),
        ("failed", _FAILED), ("undecided", _UNDECIDED),
    ):
        out[np.isin(verdict, sorted(words))] = name
    out[((verdict == "unsupported") & (quantity == "raw")) | unasked(frame)] = ""
    out[~np.isin(verdict, sorted(STYLES))] = "undecided"
    if "note" in frame.columns:  # where there is no derivative, nobody can be asked for one
        pole = frame["note"].fillna("").astype(str).str.startswith(_POLE).to_numpy(dtype=bool)
        out[pole & np.isin(out, ["undecided", "value"])] = "choice"
    out[culprit != ""] = "wrong"
    return out


_OUTCOME_OF_KIND = {
    **dict.fromkeys(NOBODY_WRONG, "choice"), "same": "agree", "convention": "convention", "precision": "precision",
    "value": "value", "undecided": "undecided", "failed": "failed", "refused": "", "defect": "wrong",
}


def _of_kinds(frame: pd.DataFrame) -> np.ndarray:
    """The outcomes of a frame whose rows say what they count as."""
    kind = frame["kind"].astype(str)
    out = kind.map({k: _OUTCOME_OF_KIND.get(k, "undecided") for k in kind.unique()}).to_numpy(dtype=object)
    if "ordinary" in frame.columns:
        out[(out == "wrong") & ~frame["ordinary"].to_numpy(dtype=bool)] = "extreme"
    return out


def unasked(frame: pd.DataFrame) -> np.ndarray:
    """Raw results whose counterpart was not recorded at all: they say something about the run, not the function."""
    if not {"left_status", "right_status"} <= set(frame.columns):
        return np.zeros(len(frame), bool)
    absent = (frame["left_status"].astype(str) == "absent") | (frame["right_status"].astype(str) == "absent")
    return np.asarray(absent & (frame["quantity"].astype(str) == "raw"), dtype=bool)


def function_outcomes(frame: pd.DataFrame) -> pd.Series:
    """One outcome a case (index: case id), the worst of its rows."""
    if frame.empty:
        return pd.Series([], dtype=object, name="outcome", index=pd.Index([], name="case"))
    names = [*OUTCOMES, "refused"]  # the last one: a function of which nothing but refusals is known
    order = {name: k for k, name in enumerate(OUTCOMES)} | {"": len(OUTCOMES)}
    rank = pd.Series([order[o] for o in row_outcomes(frame)], index=frame.index)
    worst = rank.groupby(frame["case"].astype(str).to_numpy()).min()
    worst.index.name = "case"
    return worst.map(lambda k: names[k]).rename("outcome")


def backend_of(side: str) -> str:
    """The backend of a side's label: "jax:pullback" and "jax@0.10.2" are jax's."""
    return re.split("[:@]", side, maxsplit=1)[0]


@dataclass(frozen=True)
class Headline:
    """The numbers of a first screen. outcomes: functions by outcome, worst first, zeros included.

    culprits: functions in which a side is named wrong (at ordinary points, where the frame tells them apart), by
    backend ("jax", "torch.func") and "both"; a function counts once for each.
    """

    functions: int
    points: int
    rows: int
    surprising: int
    blind: int
    outcomes: Mapping[str, int]
    culprits: Mapping[str, int]
    verdicts: Mapping[str, int]


def headline(frame: pd.DataFrame) -> Headline:
    """Count a comparison frame (the contract's columns)."""
    per_case = function_outcomes(frame)
    counts = per_case.value_counts()
    accused = frame["culprit"].fillna("").astype(str) != ""
    if "kind" in frame.columns:
        accused &= ~frame["kind"].isin(NOBODY_WRONG)
    if "ordinary" in frame.columns:
        accused &= frame["ordinary"].astype(bool)
    named = frame.loc[accused, ["case", "culprit"]].astype(str)
    named["culprit"] = named["culprit"].map({c: backend_of(c) for c in named["culprit"].unique()})
    by_side = named.drop_duplicates()["culprit"].value_counts()
    verdicts = frame["verdict"].astype(str).value_counts()
    blind = frame["blind"]
    is_blind = blind.fillna("").astype(str).to_numpy(dtype=object)
    return Headline(
        functions=len(per_case),
        points=len(frame[["case", "point"]].drop_duplicates()),
        rows=len(frame),
        surprising=int(frame["surprising"].fillna(False).astype(bool).sum()),
        blind=int((~np.isin(is_blind, ["", "False", "none"])).sum()),
        outcomes={name: int(counts.get(name, 0)) for name in OUTCOMES},
        culprits={str(k): int(v) for k, v in by_side.items()},
        verdicts={v: int(verdicts[v]) for v in STYLES if v in verdicts},
    )


def sentence(h: Headline) -> str:
    """The headline in words: "412 functions at 3,100 points: 371 agree (300 of them by convention), ..."."""
    same = h.outcomes["agree"] + h.outcomes["convention"]
    by_convention = h.outcomes["convention"]
    parts = [f"{same:,} agree" + (f" ({by_convention:,} of them by convention)" if by_convention else "")]
    if h.outcomes["wrong"]:
        sides = ", ".join(f"{side} {n:,}" for side, n in h.culprits.items())
        parts.append(f"{h.outcomes['wrong']:,} wrong on a side ({sides})")
    if h.outcomes["extreme"]:
        parts.append(f"{h.outcomes['extreme']:,} wrong at extreme inputs")
    parts += [
        f"{h.outcomes[name]:,} {words}"
        for name, words in (
            ("undecided", "different and undecided"), ("failed", "failed"), ("value", "with different values"),
            ("refused", "refused by one side"), ("choice", "without a right answer"),
            ("precision", "different in precision"),
        )
        if h.outcomes[name]
    ]
    plural = "" if h.functions == 1 else "s"
    where = f"{h.points:,} point" + ("" if h.points == 1 else "s")
    return f"{h.functions:,} function{plural} at {where}: " + ", ".join(parts) + "."
