"""Verdicts on many pairs of one form at once.  `judge` is this with a batch of one, so there is only one path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from harness.comparison.tolerance import Tolerances
from harness.comparison.value_kinds import Array, Form, close, differences, magnitudes, same_pattern, scale
from harness.verdicts import RELATION, VERDICT

#: Ratios that are believed from a single number.  Any two real numbers have a constant ratio; these are the ones that
#: a forgotten 1/2 of the Wirtinger pair or a loss counted twice produces.
_PLAIN_RATIOS = tuple(sorted({s * r for s in (1.0, -1.0) for r in (0.25, 1 / 3, 0.5, 2.0, 3.0, 4.0)}))


@dataclass
class Judged:
    """One entry a pair.  max_rel, ulp: in units of the scale and of its last place; NaN where nothing is finite."""

    verdict: Array  # int8, index into VERDICTS
    relation: Array  # int8, index into RELATIONS
    factor: Array  # left / right where the verdict is `factor`, else NaN
    max_abs: Array
    max_rel: Array
    ulp: Array
    note: list[str]


def judge_batch(
    form: Form, left: Array, right: Array, tol: Tolerances, floor: Array | None = None, *, whole: bool = False
) -> Judged:
    """Judge P pairs; left and right are (P, m, n, c), already free of conventions.

    floor: lower bound of the scale, (P, m, n).  whole: a relation counts only if it holds for the entire array (as
    for raw results), not only for the rows or columns that differ.
    """
    count = left.shape[0]
    pattern = same_pattern(left, right)
    delta = differences(left, right)
    size = scale(left, right, floor)[..., None]
    fine = pattern & (delta <= tol.fine * size)
    coarse = pattern & ((delta <= tol.coarse * size) | (delta < tol.tiny))
    out = Judged(
        np.full(count, VERDICT["mismatch"], np.int8), np.full(count, RELATION["none"], np.int8),
        np.full(count, np.nan), *_sizes(delta, size, left, right, tol), [""] * count,
    )
    axes = (1, 2, 3)
    same = pattern.all(axis=axes)
    is_fine, is_coarse = fine.all(axis=axes), coarse.all(axis=axes)
    out.verdict[~same] = VERDICT["nonfinite"]
    out.verdict[is_coarse] = VERDICT["precision"]
    out.verdict[is_fine] = VERDICT["agree"]
    out.relation[is_coarse] = RELATION["equal"]
    for p in np.flatnonzero(~same):
        out.note[p] = _pattern_note(form, left[p], right[p], pattern[p])
    rest = np.flatnonzero(same & ~is_coarse)
    if rest.size:
        sub = _Rest(form, left[rest], right[rest], coarse[rest], tol, None if floor is None else floor[rest], whole)
        sub.explain()
        out.verdict[rest], out.relation[rest], out.factor[rest] = sub.verdict, sub.relation, sub.factor
        for p, note in zip(rest, sub.note, strict=True):
            out.note[p] = note
    return out


def _sizes(delta: Array, size: Array, left: Array, right: Array, tol: Tolerances) -> tuple[Array, Array, Array]:
    """max_abs, max_rel and ulp of each pair over the entries that are finite on both sides."""
    count = delta.shape[0]
    if delta[0:1].size == 0:
        return np.zeros(count), np.zeros(count), np.zeros(count)
    axes = (1, 2, 3)
    with np.errstate(all="ignore"):
        # An infinite difference of finite numbers (1e308 against -1e308) keeps its infinity: it is the truth.
        relative = np.where(delta == 0, 0.0, delta / np.where(size == 0, 1.0, size)).max(axis=axes)
        units = np.where(delta == 0, 0.0, delta / tol.form.spacing(size)).max(axis=axes)
        largest = delta.max(axis=axes)
    nothing = ~(np.isfinite(left) & np.isfinite(right)).any(axis=axes)
    for array in (largest, relative, units):
        array[nothing] = np.nan
    return largest, relative, units


class _Rest:
    """Pairs with equal patterns that differ beyond the coarse tolerance: which hypothesis explains every difference?

    A hypothesis has to hold on all rows, or on all columns, in which anything differs; the others are equal as they
    are.  So an element whose sign is wrong is found next to elements that are right, while a coincidence in single
    entries of a dense J explains nothing.
    """

    def __init__(
        self, form: Form, left: Array, right: Array, agree: Array, tol: Tolerances, floor: Array | None, whole: bool
    ) -> None:
        self.form, self.left, self.right, self.tol, self.floor = form, left, right, tol, floor
        count = left.shape[0]
        self.verdict = np.full(count, VERDICT["mismatch"], np.int8)
        self.relation = np.full(count, RELATION["none"], np.int8)
        self.factor = np.full(count, np.nan)
        self.note = [""] * count
        self.agree = agree
        self.differs: Array = np.asarray(~agree.all(axis=-1))  # (P, m, n)
        rows: Array = np.asarray(self.differs.any(axis=2))
        cols: Array = np.asarray(self.differs.any(axis=1))
        if whole:
            rows, cols = np.ones_like(rows), np.ones_like(cols)
        self.scopes = (
            np.broadcast_to(rows[:, :, None], self.differs.shape),
            np.broadcast_to(cols[:, None, :], self.differs.shape),
        )
        self.open = np.ones(count, bool)

    def _holds(self, ok: Array) -> Array:
        """(P,) whether `ok` (P, m, n) holds throughout one of the scopes."""
        held = np.zeros(ok.shape[0], bool)
        for scope in self.scopes:
            held |= (ok | ~scope).all(axis=(1, 2))
        return held

    def _equal(self, left: Array, right: Array) -> Array:
        return np.asarray(close(left, right, self.tol.coarse, self.tol.tiny, self.floor).all(axis=-1))

    def _settle(self, held: Array, verdict: str, relation: str, words: str | list[str]) -> None:
        """Close the pairs for which a hypothesis holds and that are still open."""
        chosen = np.flatnonzero(held & self.open)
        if chosen.size == 0:
            return
        self.verdict[chosen], self.relation[chosen] = VERDICT[verdict], RELATION[relation]
        for p, where in zip(chosen, self._where(chosen), strict=True):
            self.note[p] = (words if isinstance(words, str) else words[p]) + where
        self.open[chosen] = False

    def explain(self) -> None:
        left, right = self.left, self.right
        negated = self._holds(self._equal(left, -right))
        for words, signs in self.form.conjugations:
            held = self._holds(self._equal(left, right * signs))
            spoken = "conjugated" + (f" {words}" if words else "")
            self._settle(held & negated, "conjugate", "conjugate", f"{spoken}; cannot be told from a sign here")
            self._settle(held, "conjugate", "conjugate", spoken)
        self._settle(negated, "sign", "negated", "negated")
        for words, signs in self.form.conjugations:
            held = self._holds(self._equal(left, -right * signs))
            spoken = "negated and conjugated" + (f" {words}" if words else "")
            self._settle(held, "conjugate", "negated-conjugate", spoken)
        self._zero()
        self._part()
        self._factor(None, "")
        for words, signs in self.form.conjugations:
            self._factor(signs, words)
        for p in np.flatnonzero(self.open):
            self.note[p] = self._first(int(p))

    def _zero(self) -> None:
        none = np.zeros_like(self.left)
        for side, here, there in (("left", self.left, self.right), ("right", self.right, self.left)):
            # Exactly zero, or underflowed: a lost derivative is not merely small.
            gone = np.asarray((np.abs(here) < self.tol.tiny).all(axis=-1))
            present = (~self._equal(there, none) & self.differs).any(axis=(1, 2))
            self._settle(self._holds(gone) & present, "zero", "none", f"{side} is zero")

    def _part(self) -> None:
        for relation, lost, keep in self.form.parts:
            for side, here, there in (("left", self.left, self.right), ("right", self.right, self.left)):
                gone = np.asarray((np.abs(here[..., ~keep]) < self.tol.tiny).all(axis=-1))
                rest = self._equal(here * keep, there * keep)
                self._settle(self._holds(gone & rest), "part", relation, f"{side} lacks {lost}")

    def _noise(self) -> Array:
        """(P, m, n): rows of rounding, each entry within `Tolerances.rounding` of what its input contributes elsewhere:
        outputs that depend on nothing stand in no ratio."""
        with np.errstate(invalid="ignore"):
            size = np.fmax(np.abs(self.left), np.abs(self.right)).max(axis=-1)
        most = self.tol.rounding * np.nan_to_num(size, posinf=0.0).max(axis=1, keepdims=True, initial=0.0)
        return np.broadcast_to((size <= most).all(axis=2, keepdims=True), size.shape)

    def _factor(self, signs: Array | None, words: str) -> None:
        """left = factor * right with one real factor for the pair, after conjugating right where signs are given."""
        if not self.open.any():
            return
        right = self.right if signs is None else self.right * signs
        count = right.shape[0]
        noise = self._noise()
        inside = (self.differs & ~noise)[..., None] & np.isfinite(right) & np.isfinite(self.left)
        flat = np.where(inside, np.abs(right), 0.0).reshape(count, -1)
        at = flat.argmax(axis=1)
        pick = np.arange(count)
        with np.errstate(all="ignore"):
            ratio = self.left.reshape(count, -1)[pick, at] / right.reshape(count, -1)[pick, at]
            usable = np.isfinite(ratio) & (ratio != 0) & (flat[pick, at] > 0)
            ratio = np.where(usable, ratio, 1.0)
            scaled = right * ratio[:, None, None, None]
        held = usable & self._holds(self._equal(self.left, scaled) | noise)
        # One number has a constant ratio to any other: believed only if the ratio is a plain one.
        weight = (np.abs(right) > self.tol.coarse * flat.max(axis=1)[:, None, None, None]) & inside
        plain = np.array([min(abs(r / q - 1) for q in _PLAIN_RATIOS) <= self.tol.coarse for r in ratio], bool)
        held &= (weight.sum(axis=(1, 2, 3)) >= 2) | plain
        held &= self.open
        if signs is None:
            self.factor[held] = ratio[held]
            self._settle(held, "factor", "factor", [f"left is {r:.6g} times right" for r in ratio])
        else:
            spoken = f" {words}" if words else ""
            self._settle(held, "conjugate", "none", [f"conjugated{spoken} and {r:.6g} times right" for r in ratio])

    def _where(self, chosen: Array) -> list[str]:
        """For each of the pairs "" if everything that could show the difference does, else ", in 2 of 3 elements"."""
        left, right = self.left[chosen], self.right[chosen]
        present = np.maximum(magnitudes(left), magnitudes(right)) > 0
        differs = self.differs[chosen]
        some, every = differs.sum(axis=(1, 2)), present.sum(axis=(1, 2))
        diagonal = are_diagonal(present)
        lines = [(name, differs.any(axis=axis).sum(axis=1), present.any(axis=axis).sum(axis=1))
                 for name, axis in (("rows", 2), ("columns", 1))]
        out = []
        for k in range(chosen.size):
            if some[k] >= every[k]:
                out.append("")
            elif diagonal[k]:
                out.append(f", in {some[k]} of {every[k]} elements")
            else:
                word = next((f", in {a[k]} of {b[k]} {name}" for name, a, b in lines if a[k] < b[k]), None)
                out.append(word or f", in {some[k]} of {every[k]} entries")
        return out

    def _first(self, p: int) -> str:
        bad = ~self.agree[p]
        i, j, k = (int(x) for x in np.argwhere(bad)[0])
        entries = f"differs in {int(bad.sum())} of {bad.size} real components" if bad.size > 1 else "differs"
        where = f"[{i}, {j}]" if self.form.matrix or self.form.n > 1 else f"[{i}]"
        first = f"{self.form.names[k]}{where}: {self.left[p, i, j, k]:.9g} against {self.right[p, i, j, k]:.9g}"
        turned = self._turned(p)
        return "; ".join(x for x in (turned, entries, f"first {first}") if x)

    def _turned(self, p: int) -> str:
        """A multiplication by i too much: (re, im) -> (-im, re), the same whole pair."""
        if self.form.matrix or not self.form.out_complex:
            return ""
        left, right = self.left[p : p + 1], self.right[p : p + 1]
        turned = np.stack([-right[..., 1], right[..., 0]], axis=-1)
        for sign, words in ((1.0, "i"), (-1.0, "-i")):
            if close(left, sign * turned, self.tol.coarse, self.tol.tiny).all():
                return f"left is {words} times right"
        return ""


def are_diagonal(present: Array) -> Array:
    """(P,) whether masks (P, m, n) of non-zero blocks are those of elementwise functions."""
    count, m, n = present.shape
    if n == 1:  # arrays, not matrices: their entries are their elements
        return np.ones(count, bool)
    if m != n:
        return np.zeros(count, bool)
    return np.asarray(~(present & ~np.eye(m, dtype=bool)).any(axis=(1, 2)))


def _pattern_note(form: Form, left: Array, right: Array, same: Array) -> str:
    """ "left is NaN in 2 of 8 components (first u_x[0, 0]), where right is 1.5"."""
    bad = ~same
    i, j, k = (int(x) for x in np.argwhere(bad)[0])
    where = f"[{i}, {j}]" if form.matrix or form.n > 1 else f"[{i}]"
    a, b = left[i, j, k], right[i, j, k]
    finite = [bool(np.isfinite(x[bad]).all()) for x in (left, right)]
    who = "left" if finite[1] else "right" if finite[0] else "both"
    return (
        f"not finite on {who} in {int(bad.sum())} of {bad.size} real components, "
        f"first {form.names[k]}{where}: {a:.9g} against {b:.9g}"
    )


def transposition(form: Form, shape: Sequence[int], side: str) -> Array | None:
    """Order of blocks with the last two axes of the input (side "n") or output ("m") swapped; None if not square."""
    shape = tuple(shape)
    size = form.n if side == "n" else form.m
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] < 2 or prod(shape) != size:
        return None
    return np.swapaxes(np.arange(size).reshape(shape), -1, -2).reshape(-1)
