"""Expectations of cases met with what was found: what is expected, what is surprising, what no longer happens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from harness.comparison.targets import BROUGHT, Target
from harness.comparison.value_kinds import Array
from harness.formats import HALVES
from harness.model import Case, Expectation

#: Verdicts that nobody needs to be told about.
CALM = ("agree", "precision", "unsupported")
#: Verdicts of rows in which nothing was compared.
_NOT_COMPARED = ("unsupported",)


def apply_expectations(
    frame: pd.DataFrame, cases: Mapping[str, Case], targets: Sequence[Target], observed: Collection[str]
) -> Array:
    """Fill the columns expected, cause, link, surprising and (for expectations that no longer happen) note, in place.

    frame: rows in their final order, with object columns and the extra columns left_target, right_target (numbers).
    observed: the backends of which anything was recorded. Returns for each row what kind of known difference covers it:
    "defect", "documented", "taste", "formula", or "".
    A row is surprising if its verdict is not calm, or is `precision` with a culprit, and no expectation of its case
    speaks of it.  A strict expectation whose filters select compared rows of which none shows its verdict (with
    `points`: of a listed point) is surprising itself, where every pair of backends of which it may speak was observed:
    the first such row carries that.
    """
    verdict = frame["verdict"].to_numpy(dtype=object)
    expected = np.full(len(frame), "", dtype=object)
    cause, link, kind = (np.full(len(frame), "", dtype=object) for _ in range(3))
    surprising = ~np.isin(verdict, CALM)
    # Fewer digits are nobody's fault, unless somebody lost more than any faithful algorithm does.
    surprising |= (verdict == "precision") & ~frame["culprit"].isin(["", "formula"]).to_numpy()
    notes = frame["note"].to_numpy(dtype=object).copy()
    columns: dict[Any, Array] = {}
    for case, rows in _rows_by_case(frame, cases):
        part = _Part(frame, rows, columns)
        excused = np.zeros(rows.size, bool)
        broken: list[tuple[int, Expectation]] = []
        for expectation in case.expect:
            selected = _selected(part, expectation, targets)
            shows = selected & np.isin(verdict[rows], expectation.verdict) & _culprit(part, expectation)
            new = shows & ~excused
            expected[rows[new]] = _reason(expectation)
            cause[rows[new]], link[rows[new]] = expectation.cause, expectation.link
            kind[rows[new]] = "defect" if expectation.defect else getattr(expectation, "kind", "formula")
            excused |= shows
            if expectation.strict and _pairs_observed(expectation, observed):
                broken += [(k, expectation) for k in _broken(part, expectation, selected, shows)]
        surprising[rows[excused]] = False
        for k, expectation in broken:
            words = " or ".join(f"`{v}`" for v in expectation.verdict)
            told = f"expected {words} no longer happens: {_reason(expectation)}"
            row = rows[k]
            surprising[row] = True
            notes[row] = f"{notes[row]}; {told}" if notes[row] else told
    frame["expected"], frame["cause"], frame["link"] = expected, cause, link
    frame["surprising"], frame["note"] = surprising, notes
    return kind


class _Part:
    """The rows of one case: columns as NumPy arrays of objects. A frame for each of a thousand cases is dear.

    columns: those of the whole frame that were asked for before, shared by the parts of one frame.
    """

    def __init__(self, frame: pd.DataFrame, rows: Array, columns: dict[Any, Array]) -> None:
        self._frame, self._rows, self._columns = frame, rows, columns
        self._here: dict[str, Array] = {}
        self._coded: dict[str, tuple[Array, Array]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, name: str) -> Array:
        if name not in self._here:
            if name not in self._columns:
                self._columns[name] = self._frame[name].to_numpy(dtype=object)
            self._here[name] = self._columns[name][self._rows]
        return self._here[name]

    def matching(self, name: str, patterns: Sequence[str]) -> Array:
        """Rows whose word in a column fits one of the patterns. Each word is looked at once."""
        if name not in self._coded:
            if (name, "codes") not in self._columns:
                column = self._frame[name]
                coded = column.array if isinstance(column.dtype, pd.CategoricalDtype) else pd.Categorical(column)
                self._columns[name, "codes"] = np.asarray(coded.codes)
                self._columns[name, "words"] = np.append(np.asarray(coded.categories, object), "")  # -1: no word
            here, inverse = np.unique(self._columns[name, "codes"][self._rows], return_inverse=True)
            self._coded[name] = self._columns[name, "words"][here], inverse.reshape(-1)
        words, inverse = self._coded[name]
        fits = [any(w == p or fnmatchcase(str(w), p) for p in patterns) for w in words]
        return np.asarray(np.array(fits or [False], bool)[inverse])


def _reason(expectation: Expectation) -> str:
    return expectation.because + (f" ({expectation.link})" if expectation.link else "")


def _rows_by_case(frame: pd.DataFrame, cases: Mapping[str, Case]) -> list[tuple[Case, Array]]:
    """Cases with expectations and the positions of their rows."""
    wanted = {name for name, case in cases.items() if case.expect}
    if not wanted or frame.empty:
        return []
    codes, names = pd.factorize(frame["case"])
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return [
        (cases[str(name)], order[edges[k] : edges[k + 1]]) for k, name in enumerate(names) if str(name) in wanted
    ]


def _selected(part: _Part, e: Expectation, targets: Sequence[Target]) -> Array:
    """Rows of a case that the expectation's filters (verdict and culprit are none) speak of."""
    keep = np.ones(len(part), bool)
    columns = (("point", e.points), ("quantity", e.quantity), ("dtype", e.dtype), ("input", e.inputs),
               ("output", e.outputs))
    for column, words in columns:
        if words:
            keep &= part.matching(column, words)
    if e.axis:
        axes = tuple("version" if a == "environment" else a for a in e.axis)
        keep &= np.isin(part["axis"], axes)
    if e.api:
        keep &= np.logical_or.reduce([part.matching(name, e.api) for name in ("api", "left_api", "right_api")])
    for name in e.backends:
        keep &= part.matching("left_backend", [name]) | part.matching("right_backend", [name])
    if e.versions:
        keep &= _versions(part, e, targets)
    return keep


def _culprit(part: _Part, e: Expectation) -> Array:
    """Rows whose culprit is one of those named: as a side's label, as its backend, or "both"."""
    if not e.culprit:
        return np.ones(len(part), bool)
    culprit = part["culprit"]
    out = np.isin(culprit, e.culprit)
    for side in ("left", "right"):
        accused = culprit == part[side]
        out |= accused & np.isin(part[f"{side}_backend"], e.culprit)
    return np.asarray(out)


def _versions(part: _Part, e: Expectation, targets: Sequence[Target]) -> Array:
    """Rows whose sides have the packages at the versions named.

    Every package must be on one of the sides.  Where both sides have it in different versions (the version axis), one
    side inside the range is enough: the difference is there because the other is outside.
    """
    keep = np.ones(len(part), bool)
    left, right = (part[side].astype(np.intp) for side in ("left_target", "right_target"))
    for package, text in e.versions.items():
        inside = np.array([_inside(t, package, text) for t in targets] or [0], np.int8)
        keep &= (inside[left] == 1) | (inside[right] == 1)
    return keep


def _inside(target: Target, package: str, specifier: str) -> int:
    """1 inside, 0 outside, -1 where the target has no such package."""
    if package not in target.versions:
        return -1
    try:
        # A local part ("+cpu") says how it was built, not what it is.
        version = Version(Version(target.versions[package]).public)
    except InvalidVersion:
        return 0
    return int(SpecifierSet(specifier, prereleases=True).contains(version))


def _pairs_observed(e: Expectation, observed: Collection[str]) -> bool:
    """Whether every pair of which the expectation may speak was observed: what was not cannot "happen no longer".

    Between backends two patterns of `backends` name a pair, one names a side which any other may face, and none speaks
    of any two; `torch*` is all of torch. Along the other axes a backend faces itself: the patterns name it, or else the
    packages of `versions` do.
    """
    if e.axis and "backend" not in e.axis:
        named = e.backends or tuple(f"{package}*" for package in e.versions) or ("*",)
    else:
        named = e.backends if len(e.backends) > 1 else ("*",)
    return all(b in observed for b in BROUGHT if any(fnmatchcase(b, pattern) for pattern in named))


def _broken(part: _Part, e: Expectation, selected: Array, shows: Array) -> list[int]:
    """First row of every point (or of all) at which a strict expectation ought to have shown and did not."""
    compared = selected
    if not e.dtype:  # owed in single and double precision, though it may show in half as well
        compared = compared & ~np.isin(part["dtype"], HALVES)
    if not set(e.verdict) & set(_NOT_COMPARED):
        compared = compared & ~np.isin(part["verdict"], _NOT_COMPARED)
    if not e.axis:
        # Said of no axis in particular: it excuses wherever it shows, but it is owed between backends only.
        compared = compared & np.isin(part["axis"], ["backend"])
    if not e.points:
        return [] if shows.any() or not compared.any() else [int(np.flatnonzero(compared)[0])]
    point = part["point"]
    out = []
    for name in dict.fromkeys(point[compared]):
        here = point == name
        if not (shows & here).any():
            out.append(int(np.flatnonzero(compared & here)[0]))
    return out
