"""How accurate each backend is: worst and median error in ulp of the value, of d/dz and of d/dz*, for each function.

The truth is the reference's, recorded in the same runs.  What counts is decided by the truth and by the point alone,
never by what a backend returned: an entry has to be regular and known far below an ulp (its own bound says so), and
every input finite.  A NaN or an infinity where the truth is finite is an infinite error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.comparison.api import as_list, joined, run_name
from harness.comparison.context import Context
from harness.comparison.culprit import sure
from harness.comparison.engine import Engine, Group
from harness.comparison.errors import CompareError
from harness.comparison.facts import GAUGE, FactIndex, Facts
from harness.comparison.frame import labels
from harness.comparison.pairs import Joiner, Pairs
from harness.comparison.targets import REFERENCE
from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, Form, scale
from harness.model import Case

COLUMNS = (
    "case", "dtype", "backend", "api", "points", "value_worst", "value_median", "dz_worst", "dz_median", "dzbar_worst",
    "dzbar_median", "at",
)
_ERRORS = ("value", "dz", "dzbar")
_WORST = [f"{name}_worst" for name in _ERRORS]
_MEDIAN = [f"{name}_median" for name in _ERRORS]


def accuracy(runs: Any, select: Sequence[str] | str | None = None) -> pd.DataFrame:
    """One row for each function, dtype, backend and API of the differential: COLUMNS, the worst first.

    runs: one opened run or several; the reference has to be in one of them.  select: globs on CASE or CASE@POINT.
    Errors are in ulp, as docs/columns.md says; NaN where nothing counted.  Raises CompareError without a reference.
    """
    listed = as_list(runs)
    return accuracy_of_tables(
        [run.table() for run in listed], [run.header for run in listed], [run.cases for run in listed], select=select,
        names=[run_name(run) for run in listed],
    )


def accuracy_of_tables(
    tables: Sequence[Any], headers: Sequence[Any], cases: Sequence[Sequence[Case]], *,
    select: Sequence[str] | str | None = None, names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The same from tables of observations, headers and cases, one of each a run."""
    joiner, merged = joined(tables, headers, cases, select, names=names)
    targets = joiner.targets
    if not any(t.backend == REFERENCE for t in targets):
        raise CompareError("an accuracy table needs the reference, and it did not observe in any of these runs")
    chosen = [(a, b) for a, b in joiner.target_pairs("backend") if targets[b].backend == REFERENCE]
    engine = Engine(Context(joiner, merged), _judged(joiner, joiner.between(chosen)))
    return _summary(_Errors(engine).frame(), list(merged))


def _judged(joiner: Joiner, pairs: Pairs) -> Pairs:
    """Pairs in which both sides returned a value, or both a differential."""
    keep = (pairs.left >= 0) & (pairs.right >= 0)
    rows = pairs.left[keep], pairs.right[keep]
    keep[keep] = joiner.ok[rows[0]] & joiner.ok[rows[1]] & joiner.seen.is_word("quantity", "value", "differential")[
        rows[0]
    ]
    return Pairs(*(getattr(pairs, name)[keep] for name in vars(pairs)))


class _Errors:
    """The error of each pair of a backend's row and the reference's: that of its worst entry, NaN where none counts."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.context, self.index = engine, engine.context, FactIndex.shared(engine.context)
        self.found = {name: np.full(engine.pairs.count, np.nan) for name in _ERRORS}
        for group in engine.groups(np.arange(engine.pairs.count)):
            tol = self.context.tolerances[group.tolerance]
            left, right, _, _ = engine.normal(group)
            floors: Array | None = None
            for k, p in enumerate(group.pairs.tolist()):
                counted = self._counted(group, p, right[k], tol)
                if not counted.any():
                    continue
                one = (group.form, left[k], right[k], counted, tol)
                errors = errors_in_ulp(*one)
                if max(np.fmax.reduce(list(errors.values())), 0.0) > tol.fine / tol.eps:
                    # As in `compare`: what cancelled is measured against the terms that it was summed from.
                    floors = engine.floors(group, np.arange(group.pairs.size)) if floors is None else floors
                    errors = errors_in_ulp(*one, floors[k])
                for name, error in errors.items():
                    self.found[name][p] = error

    def _counted(self, group: Group, p: int, truth: Array, tol: Tolerances) -> Array:
        """(m, n) blocks whose truth is known, finite in the row's dtype, and regular."""
        row = int(self.engine.pairs.right[p])
        form = group.form
        known = np.isfinite(tol.form.rounded(truth)).all(axis=-1)
        if not self.context.has_finite_inputs(row):
            return np.zeros_like(known)
        if group.quantity == "value":
            return np.asarray(known & ~self._open_value(row, form))
        facts = self._facts(row, form)
        if facts is None or facts.truth is None or not np.array_equal(facts.truth, truth, equal_nan=True):
            return np.zeros_like(known)
        singular: Array = np.asarray(~facts.regular.all(axis=-1))
        # 0 * NaN is NaN: an entry without a derivative spoils its neighbours, whoever propagates through it.
        rows, columns = np.asarray(singular.any(axis=1)), np.asarray(singular.any(axis=0))
        clean = ~(rows[:, None] | columns[None, :])
        return np.asarray(known & clean & sure(facts, truth, tol).all(axis=-1))

    def _facts(self, row: int, form: Form) -> Facts | None:
        return next((f for f in self.index.of(row, form) if f.evidence == REFERENCE), None)

    def _open_value(self, row: int, form: Form) -> Array:
        """(m, 1): numbers on a branch cut, or that a free phase, sign or basis is part of."""
        out = np.zeros((form.m, 1), bool)
        sides = self.index.sides_of_cut(row)
        if sides is not None:
            jump = ((sides[0] != sides[1]) & ~(np.isnan(sides[0]) & np.isnan(sides[1])))[0]
            parts = jump.reshape(-1, form.m) if jump.size % max(1, form.m) == 0 else np.ones((1, form.m), bool)
            out |= np.asarray(parts.any(axis=0))[:, None]
        for name in self.context.inputs_of(row):
            j = self.context.row_of("differential", row, name)
            j_form = self.context.j_form(j) if j >= 0 else None
            facts = None if j_form is None or j_form.m != form.m else self._facts(j, j_form)
            if facts is not None:
                out |= np.asarray((facts.kind == GAUGE).any(axis=(1, 2)))[:, None]
        return out

    def frame(self) -> pd.DataFrame:
        """One row a pair in which something counts: where, the backend's name, `value`, `dz`, `dzbar`."""
        seen, pairs = self.context.seen, self.engine.pairs
        columns: dict[str, Any] = {}
        for name in ("case", "dtype", "api", "point"):
            columns[name] = np.array(seen.words[name], dtype=object)[seen.codes[name][pairs.left]]
        columns["api"] = np.where(self.context.joiner.value[pairs.left], "", columns["api"])
        columns["backend"] = labels(self.engine, "backend")[0]
        frame = pd.DataFrame({**columns, **self.found})
        return frame[frame[list(_ERRORS)].notna().any(axis=1)]


def errors_in_ulp(
    form: Form, left: Array, right: Array, counted: Array, tol: Tolerances, floor: Array | None = None
) -> dict[str, float]:
    """The worst error of the counted blocks (m, n): of "value", or of "dz" and, by a complex input, "dzbar".

    left, right: (m, n, c), right is the truth.  A unit is the spacing of the dtype at the scale of the entry (see
    `comparison.value_kinds.scale`), of d/dz and d/dz* together, and at least the smallest normal number: hardware may
    flush what is below it.  The pair's errors are made from differences of components, which are exact, not from
    two rounded pairs.  By a real input dz is the ordinary derivative.
    """
    pair = form.matrix and form.in_complex
    size = scale(_halves(form, left)[None], _halves(form, right)[None], None if floor is None else floor[None])[0] \
        if pair else scale(left[None], right[None], None if floor is None else floor[None])[0]
    with np.errstate(all="ignore"):
        unit = np.fmax(tol.form.spacing(size), tol.tiny)[..., None]
        off = left / unit - right / unit  # exact by powers of two, and without overflow
        if pair:
            off = _halves(form, off)
    finite: Array = np.asarray(np.isfinite(left).all(axis=-1))
    off = np.where(finite[..., None], np.abs(off), np.inf)
    half = off.shape[-1] // 2

    def worst(part: Array) -> float:
        return float(np.max(part[counted]))

    if pair:
        return {"dz": worst(off[..., :half]), "dzbar": worst(off[..., half:])}
    return {"dz" if form.matrix else "value": worst(off)}


def _halves(form: Form, blocks: Array) -> Array:
    """(m, n, 4): real and imaginary part of d/dz, then of d/dz*, from the components of J; halved before they are
    added, so that nothing overflows."""
    parts = {place: blocks[..., k] / 2 for k, place in enumerate(form.places)}
    zero = np.zeros(blocks.shape[:-1])
    u_x, u_y, v_x, v_y = (parts.get(place, zero) for place in ((0, 0), (0, 1), (1, 0), (1, 1)))
    with np.errstate(invalid="ignore"):
        return np.stack([u_x + v_y, v_x - u_y, u_x - v_y, v_x + u_y], axis=-1)


def _summary(errors: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """COLUMNS from errors of pairs.  A point's error is that of its worst input, output and entry."""
    where = ["case", "dtype", "backend"]
    derived = errors[errors["api"] != ""]
    apis = derived[[*where, "api"]].drop_duplicates()
    # The value belongs to every API; a function of which nobody counted a derivative has a row without one.
    values = errors[errors["api"] == ""].drop(columns="api").merge(apis, on=where, how="left").fillna({"api": ""})
    key = [*where, "api"]
    both = pd.concat([derived, values])
    points = both.groupby([*key, "point"], sort=False)[list(_ERRORS)].max()
    groups = points.groupby(level=key, sort=False)
    parts = {"points": groups.size()}
    for name in _ERRORS:
        parts[f"{name}_worst"], parts[f"{name}_median"] = groups[name].max(), groups[name].median()
    # The sort is stable: of points that are equally bad the first one is named.
    ranked = points.max(axis=1).sort_values(ascending=False, kind="stable").index.to_frame(index=False)
    parts["at"] = ranked.groupby(key)["point"].first()
    frame = pd.DataFrame(parts).reset_index()[list(COLUMNS)]
    ranks = pd.DataFrame({
        "worst": -frame[_WORST].max(axis=1), "median": -frame[_MEDIAN].max(axis=1),
        "case": frame["case"].map({case: k for k, case in enumerate(order)}),
        **{name: frame[name] for name in ("dtype", "backend", "api")},
    })
    return frame.loc[ranks.sort_values([str(name) for name in ranks], kind="stable").index].reset_index(drop=True)
