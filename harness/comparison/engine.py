"""Judging pairs: those with equal kinds and shapes are judged together, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from harness.comparison.batch import Judged, judge_batch
from harness.comparison.blind import blindness
from harness.comparison.context import Context, matrix_form
from harness.comparison.magnitudes import matrix_floor, raw_floor, value_floor
from harness.comparison.observations import combine
from harness.comparison.pairs import Pairs
from harness.comparison.predict import VECTOR_OF, predicted, salt, vector_components
from harness.comparison.reduced_precision import NOTES, tolerances_of
from harness.comparison.relation import relations, turned
from harness.comparison.results import Results
from harness.comparison.tolerance import narrowed
from harness.comparison.value_kinds import Array, Form, close, dimensions, real_note
from harness.verdicts import HIGHER, RELATION, VERDICT

_CHUNK = 1 << 20  # real components of one side that are judged at a time
_SETTLED = (VERDICT["agree"], VERDICT["nonfinite"])


@dataclass
class Group:
    """Pairs that are judged together, and how."""

    pairs: Array
    quantity: str
    form: Form
    left_parts: tuple[bool, bool]  # (out, in) complex of the left side as recorded
    right_parts: tuple[bool, bool]
    left_sign: int
    right_sign: int
    kind: str  # of a raw API
    tolerance: int
    note: str
    lowered: str = ""  # why a side is less precise than its dtype says


class Engine:
    """Judges the pairs in which both sides have data."""

    def __init__(self, context: Context, pairs: Pairs, *, across_dtypes: bool = False) -> None:
        """across_dtypes: the right sides are in double precision and are rounded to single before they are judged."""
        self._rounds = across_dtypes
        self.context, self.pairs, self.seen = context, pairs, context.seen
        self.out = Results.empty(pairs.count)
        self._read_apis()
        self._blind: dict[str, Array] = {}

    def _read_apis(self) -> None:
        """Sign and kind of the API of every row, as its target declares them."""
        apis, targets = self.seen.words["api"], self.context.targets
        signs = np.ones((max(1, len(targets)), max(1, len(apis))), np.int64)
        kinds = np.full(signs.shape, -1, np.int64)
        self.kinds: list[str] = sorted({a.kind for t in targets for a in t.apis})
        for t, target in enumerate(targets):
            for a, name in enumerate(apis):
                api = target.api(name)
                if api is not None:
                    signs[t, a], kinds[t, a] = api.sign, self.kinds.index(api.kind)
        where = (self.context.joiner.target, self.seen.codes["api"])
        self.sign, self.kind = signs[where], kinds[where]

    # -- all pairs -----------------------------------------------------------------------------------------------------

    def run(self) -> Results:
        """Judge every pair whose two rows hold data."""
        left, right = self.pairs.left, self.pairs.right
        ok = self.context.joiner.ok
        both = (left >= 0) & (right >= 0)
        both[both] = ok[left[both]] & ok[right[both]]
        for group in self.groups(np.flatnonzero(both)):
            self._judge(group)
        self._fill_blind(np.flatnonzero(both))
        return self.out

    def groups(self, chosen: Array) -> Iterator[Group]:
        """Pairs that share kinds and shapes, in chunks; those that cannot be laid over each other are settled here."""
        if chosen.size == 0:
            return
        c, seen, p = self.context, self.seen, self.pairs
        left, right = p.left[chosen], p.right[chosen]
        raw = c.joiner.raw[left]
        lowered = np.maximum(c.lowered[left], c.lowered[right])

        def flag(mask: Array) -> tuple[Array, int]:
            return mask.astype(np.int64), 2

        def count(name: str) -> int:
            return len(seen.words[name])

        columns = [
            (seen.codes["quantity"][left], count("quantity")), flag(p.predicted[chosen]),
            (seen.shape[left], len(seen.shapes)), (seen.shape[right], len(seen.shapes)),
            (seen.codes["kind"][left], count("kind")), (seen.codes["kind"][right], count("kind")),
            flag(c.out_complex[left]), flag(c.out_complex[right]), flag(c.in_complex[left]), flag(c.row_complex[left]),
            (np.where(raw, self.kind[left], -1) + 1, len(self.kinds) + 1),
            (np.where(raw, self.sign[left], 1) + 1, 3), (np.where(raw, self.sign[right], 1) + 1, 3),
            (np.where(raw, c.in_size[left], 0) + 1, int(c.in_size.max(initial=0)) + 2),
            (c.tolerance_id[left], len(c.tolerances)), (lowered, len(NOTES)),
        ]
        key = combine(columns)
        order = np.argsort(key, kind="stable")
        edges = np.flatnonzero(np.diff(key[order])) + 1
        for members in np.split(order, edges):
            group = self._group(chosen[members])
            if group is None:
                continue
            if lowered[members[0]]:
                code = int(lowered[members[0]])
                group.tolerance, group.lowered = c.tolerance_of(tolerances_of(code)), NOTES[code]
            size = max(1, group.form.m * group.form.n * 4)
            step = max(1, _CHUNK // size)
            for at in range(0, group.pairs.size, step):
                yield Group(group.pairs[at : at + step], *list(vars(group).values())[1:])

    def _group(self, members: Array) -> Group | None:
        """How pairs that share kinds and shapes are judged; None after settling those that cannot be."""
        c, seen, p = self.context, self.seen, self.pairs
        k = int(members[0])
        left, right = int(p.left[k]), int(p.right[k])
        quantity = seen.text("quantity", left)
        tol = int(c.tolerance_id[left])
        shapes = [seen.shapes[seen.shape[r]] for r in (left, right)]
        if p.predicted[k]:
            return self._prediction_group(members, left, right, shapes)
        if quantity in ("differential", *HIGHER):
            outs = [c.rows_complex(r) for r in (left, right)]
            inner = bool(c.in_complex[left])
            forms = [matrix_form(s, o, inner) if len(s) == 2 else None for s, o in zip(shapes, outs, strict=True)]
            a, b = forms
            if a is None or b is None or (a.m, a.n) != (b.m, b.n):
                self._refuse(members, quantity, shapes)
                return None
            form = Form(True, a.m, a.n, a.out_complex or b.out_complex, inner)
            note = real_note(outs[0], outs[1], "the output")
            return Group(members, quantity, form, (outs[0], inner), (outs[1], inner), 1, 1, "", tol, note)
        kinds = [seen.kinds[seen.codes["kind"][r]] for r in (left, right)]
        sizes = [prod(s) for s in shapes]
        if sizes[0] != sizes[1]:
            self._refuse(members, quantity, shapes)
            return None
        complexes = [x is not None and x.kind == "c" for x in kinds]
        raw = quantity == "raw"
        kind = self.kinds[self.kind[left]] if raw and self.kind[left] >= 0 else ""
        m, n = dimensions(sizes[0], int(c.in_size[left]), kind)
        form = Form(False, m, n, complexes[0] or complexes[1])
        notes = [real_note(complexes[0], complexes[1], "the result")]
        if shapes[0] != shapes[1]:
            notes.append(f"shapes differ: {shapes[0]} against {shapes[1]}")
        signs = [int(self.sign[r]) if raw else 1 for r in (left, right)]
        return Group(
            members, quantity, form, (complexes[0], False), (complexes[1], False), signs[0], signs[1], kind, tol,
            "; ".join(n for n in notes if n),
        )

    def _prediction_group(
        self, members: Array, left: int, right: int, shapes: list[tuple[int, ...]]
    ) -> Group | None:
        c, seen = self.context, self.seen
        kind = self.kinds[self.kind[left]]
        parts = bool(c.out_complex[right]), bool(c.in_complex[right])
        j_form = matrix_form(shapes[1], *parts) if len(shapes[1]) == 2 else None
        if j_form is None:
            self._refuse(members, "raw", shapes)
            return None
        width = {
            "gradient": j_form.n, "batched-gradient": 2 * j_form.n, "pullback": j_form.n, "pushforward": j_form.m,
        }.get(kind, j_form.m * j_form.n)
        if prod(shapes[0]) != width:
            self._refuse(members, "raw", [shapes[0], (width,)])
            return None
        side = VECTOR_OF.get(kind, "")
        if side:  # a J that does not fit the value beside it, or the case's input, predicts nothing
            fits = np.array([c.fits(int(r), side, shapes[1]) for r in self.pairs.right[members]], bool)
            self._refuse(members[~fits], "raw", shapes)
            members = members[fits]
            if not members.size:
                return None
        returned = seen.kinds[seen.codes["kind"][left]]
        is_complex = returned is not None and returned.kind == "c"
        forward = kind in ("pushforward", "jacobian-forward")
        wanted = bool(j_form.out_complex if forward else j_form.in_complex)
        m, n = dimensions(width, j_form.n, kind)
        form = Form(False, m, n, is_complex or wanted)
        return Group(
            members, "raw", form, (is_complex, False), (wanted, False), int(self.sign[left]), 1, kind,
            int(c.tolerance_id[left]), real_note(is_complex, wanted, "the result"),
        )

    def _refuse(self, members: Array, quantity: str, shapes: list[tuple[int, ...]]) -> None:
        """Shapes that cannot be laid over each other: two functions, or a wrong derivative."""
        self.out.verdict[members] = VERDICT["value" if quantity == "value" else "mismatch"]
        self.out.relation[members] = RELATION["none"]
        self.out.note[members] = f"shapes differ: {shapes[0]} against {shapes[1]}"

    # -- one group -----------------------------------------------------------------------------------------------------

    def sides(self, group: Group) -> tuple[Array, Array]:
        """Raw components of both sides as (P, m, n, c), conventions not yet removed."""
        rows = self.pairs.left[group.pairs], self.pairs.right[group.pairs]
        left = group.form.widen(self.seen.components(rows[0]), *group.left_parts)
        if self.pairs.predicted[group.pairs[0]]:
            right = self._prediction(group, rows[1])
        else:
            right = self.seen.components(rows[1])
        if self._rounds:
            with np.errstate(over="ignore", under="ignore"):
                right = right.astype(np.float32).astype(np.float64)
        # The reference's numbers are wide, and so are sums and what a text widens.
        left, right = (narrowed(x, self.context.tolerances[group.tolerance]) for x in (left, right))
        right = group.form.widen(right, *group.right_parts)
        return group.form.blocks(left), group.form.blocks(right)

    def normal(self, group: Group) -> tuple[Array, Array, Array, Array]:
        """(left, right without conventions, left, right raw) of a group."""
        raw_left, raw_right = self.sides(group)
        left, right = _signed(raw_left, group.left_sign), _signed(raw_right, group.right_sign)
        if self._sums(group):
            # A sum with a NaN or an infinity among its terms is not determined by the terms.
            right = np.where(np.isfinite(right), right, left)
        return left, right, raw_left, raw_right

    def _sums(self, group: Group) -> bool:
        """Whether the right side is a prediction made of sums over entries of J."""
        sums = ("gradient", "batched-gradient", "pullback", "pushforward")
        return bool(self.pairs.predicted[group.pairs[0]]) and group.kind in sums

    @staticmethod
    def _undetermined(judged: Judged, predicted: Array) -> None:
        """What is not predicted has not been confirmed: no agreement, even if the other entries agree."""
        open_ = ~np.isfinite(predicted.reshape(len(predicted), -1)).all(axis=1)
        for k in np.flatnonzero(open_ & (judged.verdict == VERDICT["agree"])):
            judged.verdict[k] = VERDICT["unsupported"]
            judged.note[k] = "the differential holds NaN or infinity here, so its sums predict nothing"

    def each(self, group: Group) -> Iterator[tuple[Array, Array, Array]]:
        """(left, right, floor of the scale) of the pairs of a group, (m, n, c) each, without conventions."""
        left, right, _, _ = self.normal(group)
        floors = self.floors(group, np.arange(group.pairs.size))
        for k in range(group.pairs.size):
            yield left[k], right[k], floors[k]

    def _prediction(self, group: Group, rows: Array) -> Array:
        c, seen = self.context, self.seen
        shape = seen.shapes[seen.shape[rows[0]]]
        j = seen.components(rows).reshape(len(rows), *shape)
        vectors: list[Array] | None = None
        side = VECTOR_OF[group.kind]
        if side:
            vectors = [self.vector(int(r), group.kind, side, shape) for r in rows]
        out_complex, in_complex = bool(c.out_complex[rows[0]]), bool(c.in_complex[rows[0]])
        return predicted(group.kind, j, out_complex, in_complex, vectors)[0]

    def vector(self, row: int, kind: str, side: str, j_shape: tuple[int, ...]) -> Array:
        c, seen = self.context, self.seen
        shape = c.out_shape(row) if side == "output" else c.in_shape(row)
        is_complex = bool(c.out_complex[row] if side == "output" else c.in_complex[row])
        if shape is None:
            size = j_shape[0 if side == "output" else 1]
            shape = (size // (1 + is_complex),)
        name = seen.text(side, row)
        return vector_components(
            tuple(shape), is_complex, seen.text("dtype", row), salt(kind, seen.text("case", row), name)
        )

    def _judge(self, group: Group) -> None:
        tol = self.context.tolerances[group.tolerance]
        left, right, raw_left, raw_right = self.normal(group)
        judged = judge_batch(group.form, left, right, tol)
        self.out.lost[group.pairs] = (~np.isfinite(left) & ~np.isfinite(right)).any(axis=(1, 2, 3))
        again = np.flatnonzero(~np.isin(judged.verdict, _SETTLED))
        if again.size:
            floor = self.floors(group, again)
            better = judge_batch(group.form, left[again], right[again], tol, floor)
            for name in ("verdict", "relation", "factor", "max_abs", "max_rel", "ulp"):
                getattr(judged, name)[again] = getattr(better, name)
            for k, p in enumerate(again):
                judged.note[p] = better.note[k]
        if group.quantity == "value":
            self._as_value(judged)
        elif group.quantity == "raw" and not self.pairs.predicted[group.pairs[0]]:
            judged.relation = self._relations(group, judged, raw_left, raw_right)
        if group.quantity != "value":
            self._describe(group, judged, left, right)
        if self._sums(group):
            self._undetermined(judged, raw_right)
        if group.lowered:
            judged.verdict[judged.verdict == VERDICT["agree"]] = VERDICT["precision"]
            judged.note = [f"{group.lowered}; {n}" if n else group.lowered for n in judged.note]
        if group.note:
            judged.note = [f"{group.note}; {n}" if n else group.note for n in judged.note]
        self.out.put(group.pairs, judged)

    def floors(self, group: Group, again: Array) -> Array:
        """(len(again), m, n) lower bounds of the scale; the larger of what the two sides' differentials give."""
        form, tol = group.form, self.context.tolerances[group.tolerance]
        out = np.zeros((again.size, form.m, form.n))
        for k, p in enumerate(group.pairs[again]):
            for side in (self.pairs.left, self.pairs.right):
                row = int(side[p])
                if self.pairs.predicted[p] and side is self.pairs.right:
                    continue
                if group.quantity == "value":
                    found = value_floor(self.context, row, form.m, tol)
                elif form.matrix:
                    found = matrix_floor(self.context, row, form, tol)
                else:
                    found = raw_floor(self.context, row, form, group.kind, tol)
                if found is not None:
                    np.maximum(out[k], found, out=out[k])
        return out

    @staticmethod
    def _as_value(judged: Judged) -> None:
        """A function value is the same or it is not: how it differs is not a verdict on a derivative."""
        differs = judged.verdict > VERDICT["precision"]
        judged.verdict[differs] = VERDICT["value"]
        judged.factor[:] = np.nan
        judged.relation[:] = RELATION["none"]
        judged.relation[~differs] = RELATION["equal"]

    def _relations(self, group: Group, judged: Judged, left: Array, right: Array) -> Array:
        tol = self.context.tolerances[group.tolerance]
        same = judged.verdict <= VERDICT["precision"]
        out = judged.relation.copy()
        if group.left_sign != group.right_sign:
            # Equal in normal form, opposite signs: conjugate, unless there is no imaginary part to tell.
            out[same] = RELATION["conjugate"]
            pick = np.flatnonzero(same)
            if pick.size:
                plain = close(left[pick], right[pick], tol.coarse, tol.tiny).all(axis=(1, 2, 3))
                out[pick[plain]] = RELATION["equal"]
        other = np.flatnonzero(~same)
        if other.size:
            floor = self.floors(group, other)
            row = int(self.pairs.left[group.pairs[0]])
            shapes = self.context.in_shape(row) or (), self.context.out_shape(row) or ()
            out[other] = relations(group.form, left[other], right[other], tol, floor, *shapes)
        return out

    def _describe(self, group: Group, judged: Judged, left: Array, right: Array) -> None:
        """Say so where a mismatch is a transposition."""
        tol = self.context.tolerances[group.tolerance]
        for k in np.flatnonzero(judged.verdict == VERDICT["mismatch"]):
            row = int(self.pairs.left[group.pairs[k]])
            shapes = self.context.in_shape(row) or (), self.context.out_shape(row) or ()
            word, note = turned(group.form, left[k : k + 1], right[k : k + 1], tol, *shapes)
            if word:
                judged.note[k] = f"{note}; {judged.note[k]}"
                judged.relation[k] = RELATION[word]

    # -- blindness -----------------------------------------------------------------------------------------------------

    def _fill_blind(self, judged: Array) -> None:
        """From the J of the right side where that is the reference or the predicting differential, else of the left."""
        c, p, seen = self.context, self.pairs, self.seen
        targets = np.array([t.backend == "reference" for t in c.targets] or [False])
        chosen = judged[~c.joiner.value[p.left[judged]]]
        if chosen.size == 0:
            return
        side = np.where(targets[p.right_target[chosen]] | p.predicted[chosen], p.right[chosen], p.left[chosen])
        j = np.where(c.joiner.raw[side], c.j_row[side], side)
        chosen, j = chosen[j >= 0], j[j >= 0]
        rows = np.unique(j)
        text = np.full(seen.count, "", dtype=object)
        columns: list[Any] = [
            (seen.shape[rows], len(seen.shapes)), (seen.codes["kind"][rows], len(seen.words["kind"])),
            (seen.codes["quantity"][rows], len(seen.words["quantity"])), (c.out_complex[rows].astype(np.int64), 2),
            (c.in_complex[rows].astype(np.int64), 2), (c.row_complex[rows].astype(np.int64), 2),
            (c.tolerance_id[rows], len(c.tolerances)),
        ]
        key = combine(columns)
        order = np.argsort(key, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
            form = c.j_form(int(rows[members[0]])) if members.size else None
            if form is None:
                continue
            step = max(1, _CHUNK // max(1, form.m * form.n * 4))
            for at in range(0, members.size, step):
                part = rows[members[at : at + step]]
                tol = c.tolerances[int(c.tolerance_id[part[0]])]
                text[part] = blindness(form, form.blocks(seen.components(part)), tol)
        self.out.blind[chosen] = text[j]


def _signed(blocks: Array, sign: int) -> Array:
    if sign == 1 or blocks.shape[-1] == 1:
        return blocks
    out = blocks.copy()
    out[..., 1] = -out[..., 1]
    return out
