"""What changed between two runs, whatever they differ in: version, device, mode or backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.comparison.api import compare_tables
from harness.comparison.errors import CompareError
from harness.comparison.frame import Comparison
from harness.comparison.targets import REFERENCE, Target
from harness.history.align import Aligned, align, has_reference

#: Everything that can have happened to a row, the most alarming first; "" is no change.
CHANGES = (
    "broken", "value changed", "changed", "changed convention", "newly refused", "accuracy worse", "fixed",
    "newly supported", "accuracy better", "",
)
#: Changes that ask for attention: exit status 1.
ALARMING = CHANGES[:6]

#: How much larger an error has to be before it counts, and in what unit it is noise whatever the ratio.
NOISE_RATIO, NOISE_ULP = 8.0, 64.0

_REFUSES, _FAILS = ("refused", "unsupported"), ("error", "crash", "timeout")
_KEY = ["case", "point", "dtype", "quantity", "input", "output"]
_TURNED = ("conjugate", "negated", "negated-conjugate", "factor", "transposed", "adjoint")


def diff(
    old: Any, new: Any, *, select: Sequence[str] | str | None = None, evidence: Sequence[Any] = (),
    unchanged: bool = False,
) -> pd.DataFrame:
    """One row for each question whose answer differs between two runs: the contract's columns and `change`.

    old, new: opened runs; left is always the old side. Targets of one backend are paired where device and mode are
    the same, else where one of them is; where the runs share no backend, different backends are paired.
    evidence: further runs whose reference decides what is right (that of old and new counts anyway).
    unchanged: rows without a change too.
    change: one of CHANGES. "fixed" and "broken" are said on evidence, or where a side crashed or failed; "changed" is
    what nothing decides. frame.attrs["notes"]: sentences about what was left out.
    Raises CompareError where no two targets can be compared.
    """
    runs = align([old, new, *evidence], select)
    frames = [
        compare_tables(
            runs.tables, runs.headers, [list(runs.cases.values())] + [[]] * (len(runs.tables) - 1), axis,
            complete=[True] * len(runs.tables), names=runs.names, between=_chooser(pairing),
        )
        for axis, pairing in counterparts(runs).items()
    ]
    frame = pd.concat([pd.DataFrame(f) for f in frames], ignore_index=True)
    frame["change"] = _status_changes(frame)
    _settle_results(frame)
    if any(has_reference(h) for h in runs.headers):
        _against_reference(frame, runs)
    frame["change"] = pd.Categorical(frame["change"], categories=list(CHANGES))
    frame["surprising"] = frame["change"].isin(ALARMING) & (frame["expected"].astype(str) == "")
    if not unchanged:
        frame = frame[frame["change"] != ""]
    front = ["change", *(c for c in frame.columns if c != "change")]
    out = Comparison(frame[front].sort_values("change", kind="stable").reset_index(drop=True))
    out.attrs["notes"] = runs.notes
    return out


def _chooser(pairs: list[tuple[Target, Target]]) -> Callable[[Sequence[Target]], list[tuple[int, int]]]:
    """The same pairs as positions in the list that a comparison makes of the targets."""

    def key(t: Target) -> tuple[Any, ...]:
        return t.run, t.backend, t.device, t.mode, t.environment

    def choose(targets: Sequence[Target]) -> list[tuple[int, int]]:
        at = {key(t): k for k, t in enumerate(targets)}
        return [(at[key(a)], at[key(b)]) for a, b in pairs]

    return choose


def counterparts(runs: Aligned) -> dict[str, list[tuple[Target, Target]]]:
    """Axis -> (old, new) targets of the first two runs that are compared along it."""
    old, new = ([t for t in runs.targets() if t.run == k and t.backend != REFERENCE] for k in (0, 1))
    out: dict[str, list[tuple[Target, Target]]] = {}
    for a in old:
        same = [b for b in new if b.backend == a.backend]
        ranked = {
            "version": [b for b in same if (b.device, b.mode) == (a.device, a.mode)],
            "device": [b for b in same if b.mode == a.mode],
            "mode": [b for b in same if b.device == a.device],
        }
        axis = next((axis for axis, found in ranked.items() if found), "")
        for b in ranked.get(axis, []):
            out.setdefault(axis, []).append((a, b))
    if not out:
        alike = [(a, b) for a in old for b in new
                 if a.device_class == b.device_class and a.common_mode == b.common_mode]
        if not alike:
            named = [[f"{t.backend} on {t.device} ({t.mode})" for t in side] for side in (old, new)]
            what = [", ".join(names) or "nothing" for names in named]
            raise CompareError(f"the runs have nothing to compare: one holds {what[0]}, the other {what[1]}")
        out["backend"] = alike
    return out


# -- one row at a time, as arrays --------------------------------------------------------------------------------------


def _status_changes(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """The changes that statuses alone decide."""
    left, right = frame["left_status"].astype(str), frame["right_status"].astype(str)
    out = np.full(len(frame), "", dtype=object)
    for before, after, word in (
        (("ok",), _REFUSES, "newly refused"), (_FAILS, _REFUSES, "newly refused"),
        (_REFUSES, ("ok",), "newly supported"), (("ok", *_REFUSES), _FAILS, "broken"), (_FAILS, ("ok",), "fixed"),
    ):
        out[left.isin(before) & right.isin(after)] = word
    return out


def _settle_results(frame: pd.DataFrame) -> None:
    """The changes between two results: on evidence where there is some, else a change and nothing more."""
    both = (frame["left_status"] == "ok") & (frame["right_status"] == "ok")
    verdict, relation = frame["verdict"].astype(str), frame["relation"].astype(str)
    quantity, raw = frame["quantity"].astype(str), frame["quantity"] == "raw"
    same = verdict.isin(["agree", "precision"])
    turned = relation.isin(_TURNED)
    change = frame["change"].to_numpy(object).copy()
    differs = both & ~same
    change[differs] = "changed"
    change[differs & (verdict == "value")] = "value changed"
    # The declared sign moved with the result: nobody is wrong, and ported code breaks all the same.
    change[both & same & raw & turned] = "changed convention"
    culprit = frame["culprit"].astype(str)
    open_ = differs & (verdict != "value")
    change[open_ & (culprit == frame["right"].astype(str))] = "broken"
    change[open_ & (culprit == frame["left"].astype(str))] = "fixed"
    # A native API that turns round while the differential stays is packing it differently.
    steady = _steady(frame, both & same & (quantity == "differential"))
    change[open_ & raw & turned & steady] = "changed convention"
    frame["change"] = change


def _steady(frame: pd.DataFrame, unchanged: pd.Series[bool]) -> np.ndarray[Any, Any]:
    """Rows whose differential (by pullbacks or pushforwards) is the same on both sides."""
    keys = ["case", "point", "dtype", "input", "output", "left", "right"]
    rows = pd.MultiIndex.from_frame(frame[keys].astype(str))
    return np.asarray(rows.isin(rows[unchanged.to_numpy()]))


def _against_reference(frame: pd.DataFrame, runs: Aligned) -> None:
    """Values that changed, and errors that grew or shrank, measured against the reference."""
    targets = runs.targets()
    referees = [t for t in targets if t.backend == REFERENCE]
    sides: dict[str, pd.DataFrame] = {}
    pairs = [(t, r) for t in targets if t.run in (0, 1) and t.backend != REFERENCE for r in referees[:1]]
    judged = pd.DataFrame(compare_tables(
        runs.tables, runs.headers, [list(runs.cases.values())] + [[]] * (len(runs.tables) - 1), "backend",
        complete=[True] * len(runs.tables), names=runs.names, between=_chooser(pairs),
    ))
    judged = judged[judged["quantity"] != "raw"]
    target = ["backend", "device", "mode", "environment"]
    for side, number in (("left", 0), ("right", 1)):
        # The same backend may be in both runs under one name: the run tells them apart by position.
        own = judged[judged["left_run"].astype(str) == runs.names[number]] if runs.names[0] != runs.names[1] else judged
        keys = own[_KEY].astype(str).assign(
            api=own["left_api"].astype(str), **{w: own[f"left_{w}"].astype(str) for w in target}
        )
        rows = frame[_KEY].astype(str).assign(
            api=frame[f"{side}_api"].astype(str), **{w: frame[f"{side}_{w}"].astype(str) for w in target}
        )
        names = [*_KEY, "api", *target]
        table = keys.assign(verdict=own["verdict"].astype(str), ulp=own["ulp"], note=own["note"]).drop_duplicates(names)
        sides[side] = rows.merge(table, on=names, how="left")
    old, new = sides["left"], sides["right"]
    right, wrong = ("agree", "precision", "branch", "gauge", "choice"), ("value",)
    change = frame["change"].to_numpy(object).copy()
    verdicts = [s["verdict"].fillna("").to_numpy(object) for s in (old, new)]
    values = (change == "value changed") & (frame["quantity"] == "value").to_numpy()
    ok, bad = ([np.isin(v, words) for v in verdicts] for words in (right, wrong))
    for mask, word, culprit in (
        (values & ok[0] & bad[1], "broken", frame["right"]), (values & bad[0] & ok[1], "fixed", frame["left"]),
    ):
        change[mask] = word
        frame["culprit"] = np.where(mask, culprit.astype(str), frame["culprit"].astype(str))
        frame["evidence"] = frame["evidence"].astype(str).where(~mask, "reference")
    both_ok = np.isin(verdicts[0], ("agree", "precision")) & np.isin(verdicts[1], ("agree", "precision"))
    quiet = (change == "") & both_ok
    before, after = old["ulp"].to_numpy(float), new["ulp"].to_numpy(float)
    worse = quiet & (after > np.maximum(NOISE_ULP, NOISE_RATIO * before))
    better = quiet & (before > np.maximum(NOISE_ULP, NOISE_RATIO * after))
    change[worse], change[better] = "accuracy worse", "accuracy better"
    notes = frame["note"].astype(str).to_numpy(object).copy()
    for k in np.flatnonzero(worse | better):
        said = f"off the reference by {before[k]:.3g} ulp before, {after[k]:.3g} ulp now"
        notes[k] = f"{said}; {notes[k]}" if notes[k] else said
    frame["change"], frame["note"] = change, notes
