"""The comparison frame as the page holds it: worst first, columns encoded, advice attached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.report.headline import backend_of, function_outcomes
from harness.report.html.pack import Array, codes
from harness.report.verdict_style import OUTCOMES
from harness.verdicts import severity

TEXT = (
    "case", "point", "dtype", "api", "quantity", "input", "output", "axis", "left", "right", "verdict", "relation",
    "culprit", "evidence", "blind", "expected", "note", "cause", "link",
)
NUMBERS = ("max_abs", "max_rel", "ulp")
_LONGEST = 4000  # characters of a note that are kept; ids are never cut

Advice = Callable[[Mapping[str, Any]], str]


def normalised(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy with every contract column present, text as str, flags as bool, numbers as float; worst rows first.

    Raises ValueError where the frame lacks the columns without which a row means nothing.
    """
    absent = [c for c in ("case", "point", "left", "right", "verdict") if c not in frame.columns]
    if absent:
        raise ValueError(f"not a comparison frame: it lacks the columns {', '.join(absent)}")
    out: dict[str, Any] = {}
    for column in TEXT:
        given = frame[column] if column in frame.columns else pd.Series([""] * len(frame), dtype=object)
        out[column] = _text(given)
    for column in NUMBERS:
        numbers = frame[column] if column in frame.columns else np.full(len(frame), np.nan)
        out[column] = pd.to_numeric(pd.Series(np.asarray(numbers)), errors="coerce").to_numpy(np.float64)
    ordinary = frame["ordinary"] if "ordinary" in frame.columns else np.ones(len(frame))
    out["ordinary"] = pd.Series(np.asarray(ordinary, dtype=object)).fillna(True).astype(bool).to_numpy()
    surprising = frame["surprising"] if "surprising" in frame.columns else np.zeros(len(frame))
    out["surprising"] = pd.Series(np.asarray(surprising, dtype=object)).fillna(False).astype(bool).to_numpy()
    for side in ("left", "right"):
        name = f"{side}_backend"
        # Labels are "backend", "backend@version", "backend:what differs": see the documentation of the columns.
        if name in frame.columns:
            out[name] = _text(frame[name])
        else:
            out[name] = out[side].map({w: backend_of(w) for w in out[side].unique()}).astype(object)
        if f"{side}_status" in frame.columns:
            out[f"{side}_status"] = _text(frame[f"{side}_status"])
    if "kind" in frame.columns:
        out["kind"] = _text(frame["kind"])
    made = pd.DataFrame(out)
    rank = made["verdict"].map({v: severity(v) for v in made["verdict"].unique()})
    accused, size = made["culprit"] != "", made["max_rel"].fillna(-1.0)
    order = np.lexsort((made["case"], -size, -rank, ~accused, ~made["surprising"]))
    return made.iloc[order].reset_index(drop=True)


def _text(column: pd.Series) -> pd.Series:
    """Text of a column, as Python strings; flags become "" and "True", and what is missing becomes ""."""
    index, distinct = pd.factorize(column, use_na_sentinel=False)
    words = np.empty(len(distinct), dtype=object)
    for k, value in enumerate(list(distinct)):
        missing = value is None or value is pd.NA or value is False or (not isinstance(value, str) and value != value)
        # A lone surrogate in a message is not UTF-8 and would cost the whole report.
        words[k] = "" if missing or value is np.False_ else str(value).encode("utf-8", "backslashreplace").decode()
    # dtype=object on purpose: pandas' own string columns are slow to take apart row by row.
    return pd.Series(words[index] if len(words) else [], dtype=object)


def columns(frame: pd.DataFrame, families: Mapping[str, str], advice: Advice | None) -> tuple[
        dict[str, Any], dict[str, Array], dict[str, Array], dict[str, Array], dict[str, list[str]]]:
    """(meta, text, numbers, flags, dictionaries) for harness.report.html.pack.pack, from a `normalised` frame.

    families: case id -> family. advice: a sentence for a row, asked once for each kind of row.
    """
    text: dict[str, Array] = {}
    words: dict[str, list[str]] = {}
    for column in TEXT:
        values = frame[column].str.slice(0, _LONGEST) if column in ("note", "expected") else frame[column]
        text[column], words[column] = codes(values)
    # People filter by whose fault it is; which of a backend's ways it was is said on the case page.
    text["accused"], words["accused"] = text["culprit"], words["culprit"]
    text["culprit"], words["culprit"] = codes(frame["culprit"].map({w: backend_of(w) for w in words["accused"]}))
    pair = frame["left"] + " ↔ " + frame["right"]
    text["pair"], words["pair"] = codes(pair)
    # Columns of the matrix: pairs, except that a backend's many APIs against its own differential are one column.
    itself = (frame["axis"] == "api") & (frame["left_backend"] == frame["right_backend"])
    text["sides"], words["sides"] = codes(pair.where(~itself, frame["left_backend"] + " with itself"))
    backends = {side: dict(zip(frame[side], frame[f"{side}_backend"], strict=True)) for side in ("left", "right")}
    text["advice"], words["advice"] = codes(_advice(frame, advice))
    with np.errstate(over="ignore"):  # 1e200 is drawn as infinity; the frame itself keeps it
        numbers = {c: frame[c].to_numpy(np.float64).astype(np.float32) for c in NUMBERS}
    flags = {"surprising": frame["surprising"].to_numpy(), "ordinary": frame["ordinary"].to_numpy()}
    ids = words["case"]
    names = sorted({families.get(c, "") for c in ids})
    outcome = function_outcomes(frame)
    order = list(OUTCOMES)
    meta = {
        "rows": len(frame),
        "leftBackend": [backends["left"][w] for w in words["left"]],
        "rightBackend": [backends["right"][w] for w in words["right"]],
        "families": names,
        "caseFamily": [names.index(families.get(c, "")) for c in ids],
        "caseOutcome": [order.index(outcome[c]) for c in ids],
    }
    return meta, text, numbers, flags, words


def _advice(frame: pd.DataFrame, advice: Advice | None) -> list[str]:
    if advice is None:
        return [""] * len(frame)
    keys = ["verdict", "relation", "left", "right", "api", "quantity", "axis", "culprit", "evidence", "blind"]
    keys += [c for c in ("left_status", "right_status") if c in frame.columns]
    distinct = frame[[*keys, "note"]].drop_duplicates(keys)
    said: dict[tuple[str, ...], str] = {}
    for row in distinct.to_dict("records"):
        said[tuple(row[k] for k in keys)] = _one(advice, {str(k): v for k, v in row.items()})
    return [said[k] for k in frame[keys].itertuples(index=False, name=None)]


def _one(advice: Advice, row: Mapping[str, Any]) -> str:
    try:
        return advice(row)
    except (KeyError, IndexError):  # a verdict that the advice does not know yet must not cost the report
        return ""
