"""What a row of a comparison is about: family, kind of point, what it counts as, since when and until when."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from harness.comparison.ordinary import ordinary_points
from harness.comparison.value_kinds import Array
from harness.model import Case
from harness.recorded.releases import NOTHING, Span, of_cause, of_question
from harness.verdicts import GROUP_OF, KINDS

#: How the note of a row begins where there is no derivative.
POLE = "a pole or essential singularity"
_EXPLAINED = {"branch": "cut", "choice": "kink", "gauge": "gauge"}
_BY_GROUP = {"failed": "failed", "refused": "refused", "precision": "precision", "value": "value", "wrong": "undecided"}


def annotate(frame: pd.DataFrame, cases: Mapping[str, Case], stated: Array) -> None:
    """Fill the columns family, ordinary, kind, since and fixed, in place.

    stated: for each row the kind of the known difference that covers it, "" where none does.
    """
    family = {name: case.family for name, case in cases.items()}
    frame["family"] = frame["case"].map({c: family.get(str(c), "") for c in frame["case"].unique()}).astype("category")
    frame["ordinary"] = _ordinary(frame, cases)
    frame["kind"] = _kinds(frame, stated)
    frame["since"], frame["fixed"] = _releases(frame)


def _ordinary(frame: pd.DataFrame, cases: Mapping[str, Case]) -> Array:
    """Whether the row's point is ordinary; a row of a whole case is where any of its points is."""
    known = ordinary_points({name: cases[name] for name in frame["case"].astype(str).unique() if name in cases})
    for (name, _), ordinary in list(known.items()):
        for whole in ("*", ""):
            known[name, whole] = known.get((name, whole), False) or ordinary
    if frame.empty:
        return np.zeros(0, bool)
    codes = [pd.factorize(frame[name])[0].astype(np.int64) for name in ("case", "point")]
    _, first, inverse = np.unique(codes[0] * (codes[1].max() + 1) + codes[1], return_index=True, return_inverse=True)
    spots = frame[["case", "point"]].iloc[first].astype(str)
    told = np.array([known.get(spot, False) for spot in spots.itertuples(index=False, name=None)], bool)
    return np.asarray(told[inverse.reshape(-1)])


def _kinds(frame: pd.DataFrame, stated: Array) -> pd.Categorical:
    """A word of KINDS for each row; see docs/columns.md."""
    verdict = frame["verdict"].astype(object).to_numpy()
    relation = frame["relation"].astype(object).to_numpy()
    raw = (frame["quantity"] == "raw").to_numpy()
    culprit = frame["culprit"].to_numpy(dtype=object)
    out = np.full(len(frame), "same", dtype=object)
    out[(verdict == "agree") & raw & ~np.isin(relation, ["", "equal", "none"])] = "convention"
    for word in dict.fromkeys(verdict.tolist()):
        if word != "agree":
            out[verdict == word] = _EXPLAINED.get(word) or _BY_GROUP.get(GROUP_OF.get(word, ""), "undecided")
    open_ones = np.isin(out, ["undecided", "value"])
    pole = frame["note"].astype(object).str.startswith(POLE).to_numpy(dtype=bool) if len(frame) else np.zeros(0, bool)
    out[open_ones & pole] = "pole"
    covered = open_ones & (stated != "")
    out[covered] = np.where(stated[covered] == "defect", "explained", stated[covered])
    accused = culprit != ""
    out[accused] = "defect"
    out[culprit == "formula"] = "formula"
    mild = accused & ~np.isin(stated, ["", "defect"])
    out[mild] = stated[mild]
    return pd.Categorical(out, categories=list(KINDS), ordered=True)


def _releases(frame: pd.DataFrame) -> tuple[Array, Array]:
    """since and fixed of the rows in which a side is named wrong: of the question itself, else of its cause."""
    since, fixed = np.full(len(frame), "", dtype=object), np.full(len(frame), "", dtype=object)
    rows = np.flatnonzero(frame["culprit"].to_numpy(dtype=object) != "")
    if not rows.size:
        return since, fixed
    columns = ["case", "point", "quantity", "api", "culprit", "cause", "left", "left_backend", "left_version",
               "right_backend", "right_version"]
    part = frame.iloc[rows][columns].astype(object)
    known: dict[tuple[str, ...], Span] = {}
    for k, row in zip(rows, part.itertuples(index=False), strict=True):
        side = "left" if row.culprit in (row.left, "both") else "right"
        framework = str(getattr(row, f"{side}_backend")).partition(".")[0]
        version = str(getattr(row, f"{side}_version"))
        key = (framework, str(row.case), str(row.quantity), str(row.api), str(row.point), version, str(row.cause))
        if key not in known:
            known[key] = _span(key)
        since[k], fixed[k] = known[key].since, known[key].fixed
    return since, fixed


def _span(key: tuple[str, ...]) -> Span:
    framework, case, quantity, api, point, version, cause = key
    found = of_question(framework, case, quantity, api, point, version)
    if found is NOTHING and cause:
        found = of_cause(cause, framework, version)
    return found
