"""What is known about a derivative at a point: its true entries, how sure that is, and what kind of point it is.

Facts are ordinary rows of a run, written by the reference backend next to its differential, for the same case, point,
dtype, input and output:

    quantity "bound"          error bound of each entry, shape of J
    quantity "plus", "minus"  one-sided derivatives along each real direction, shape of J
    quantity "class"          what each entry is, int8, shape of J (or one code a column): see CLASSES
    quantity "clarke"         at a kink, limits of the derivative from several directions, shape (k, *shape of J)
    quantity "domain"         projection of the input's components on the directions along which the function is
                              defined (Hermitian matrices stay Hermitian), (2n, 2n)
    quantity "stability"      how far each entry moves when the inputs move by their rounding, shape of J
    quantity "invariant"      derivative of |f|**2 / 2 of numbers that a sign or a phase is free in, in the rows of
                              their real parts, shape of J
    quantity "value-plus", "value-minus"   the function on either side of a branch cut

`api` is that of the row they belong to: "reference" or "closed-form"; for the quantities "hessian" and "third" it is
"reference-hessian" and "reference-third". Finite differences (api "finite-differences", with their "bound") come from a
framework's own values and are evidence for that framework alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.comparison.context import Context
from harness.comparison.tolerance import narrowed
from harness.comparison.value_kinds import Array, Form
from harness.verdicts import HIGHER

SMOOTH, KINK, CUT, POLE, REMOVABLE, UNKNOWN, GAUGE, DOMAIN = range(8)
CLASSES = ("smooth", "kink", "branch cut", "pole", "removable", "unknown", "gauge", "edge of the domain")

#: Quantities that are facts and not results.
FACT_QUANTITIES = (
    "bound", "plus", "minus", "class", "clarke", "domain", "stability", "invariant", "value-plus", "value-minus",
)
_LIMITS = 2.0**-50  # of two limits, as they are recorded


@dataclass(frozen=True)
class Facts:
    """All (m, n, c), in the blocks of one derivative; NaN and UNKNOWN where nothing is known.

    truth may be None where only the kind of the point is known.  evidence: "closed-form", "reference" or
    "finite-differences".  low, high: the smallest box around the limits of the derivative (along one real direction
    that is the Clarke set itself).  domain: (columns, columns), or None where every direction is allowed.
    stability: how far the truth moves with the point's rounding, or None where that is not worth saying.
    samples: (k, m, n, c) limits of the derivative from several directions, or None.
    invariant: what a change of gauge leaves alone: d|f|**2 / 2 in the components of the real part, and in those of the
    imaginary part d Im(conj(p) f) with another number p of the same phase; or None.
    crossed: entries on a cut, also where the derivative is one and they are regular.
    """

    evidence: str
    truth: Array | None
    bound: Array
    kind: Array
    plus: Array | None = None
    minus: Array | None = None
    low: Array | None = None
    high: Array | None = None
    domain: Array | None = None
    stability: Array | None = None
    samples: Array | None = None
    invariant: Array | None = None
    crossed: Array | None = None

    @property
    def regular(self) -> Array:
        """Entries that have one derivative: smooth ones and removable singularities."""
        return np.asarray((self.kind == SMOOTH) | (self.kind == REMOVABLE))


class FactIndex:
    """Finds the facts for a row of a derivative."""

    @classmethod
    def shared(cls, context: Context) -> FactIndex:
        """The one index of a context, with what it has read so far."""
        if ("facts",) not in context.memo:
            context.memo["facts",] = cls(context)
        found: FactIndex = context.memo["facts",]
        return found

    def __init__(self, context: Context) -> None:
        self.context, self.seen = context, context.seen
        seen, ok = self.seen, context.joiner.ok
        self._found: dict[tuple[str, str], dict[int, int]] = {}
        self._kept: dict[tuple[object, ...], list[Facts]] = {}
        self._evidence = []
        for api in ("closed-form", "reference", "finite-differences"):
            spots = context.place if api == "finite-differences" else context.spot
            for quantity in ("differential", *HIGHER, *FACT_QUANTITIES):
                for name in (api, *(f"{api}-{word}" for word in HIGHER)) if quantity in FACT_QUANTITIES else (api,):
                    rows = np.flatnonzero(ok & seen.is_word("quantity", quantity) & seen.is_word("api", name))
                    if rows.size:
                        self._found[name, quantity] = dict(zip(spots[rows].tolist(), rows.tolist(), strict=True))
            if any(name.startswith(api) for name, _ in self._found):
                self._evidence.append(api)
        self.any = bool(self._found)

    def _row(self, api: str, quantity: str, row: int) -> int | None:
        spots = self.context.place if api.startswith("finite-differences") else self.context.spot
        return self._found.get((api, quantity), {}).get(int(spots[row]))

    def only_differences(self, rows: Array) -> Array:
        """Which rows have finite differences of their own to answer to, and neither a reference nor a closed form."""
        known = np.concatenate([
            np.fromiter(self._found.get((api, "differential"), {}), np.int64) for api in ("closed-form", "reference")])
        own = np.fromiter(self._found.get(("finite-differences", "differential"), {}), np.int64)
        return np.asarray(np.isin(self.context.place[rows], own) & ~np.isin(self.context.spot[rows], known))

    def has_differences(self, row: int) -> bool:
        """Whether a row has finite differences of its own target's values to answer to."""
        return self._row("finite-differences", "differential", row) is not None

    def of(self, row: int, form: Form, quantity: str = "differential") -> list[Facts]:
        """Facts that apply to a row of a derivative with this form, the strongest evidence first.

        quantity: "differential", "hessian" or "third".
        """
        own = int(self.context.place[row]) if "finite-differences" in self._evidence else -1
        key = (int(self.context.spot[row]), form, quantity, own)
        if key not in self._kept:
            self._kept[key] = list(self._read(row, form, quantity))
        return self._kept[key]

    def _read(self, row: int, form: Form, quantity: str) -> Iterator[Facts]:
        for evidence in self._evidence:
            higher = quantity in HIGHER
            suffix = f"-{quantity}" if higher else ""
            truth = self._narrowed(row, self._array(evidence, quantity, row, form))
            name = evidence + suffix
            kind = self._kind(name, row, form)
            plus, minus = (self._narrowed(row, self._array(name, word, row, form)) for word in ("plus", "minus"))
            if truth is None and plus is None and kind is None:
                continue
            if kind is None:
                kind = self._kind("reference" + suffix, row, form)
            bound = self._array(name, "bound", row, form)
            shape = (form.m, form.n, len(form.places))
            if bound is None:
                # A closed form is exact up to its own rounding; anything else without a bound proves nothing.
                bound = np.full(shape, 0.0 if evidence == "closed-form" else np.nan)
            if truth is not None:  # an infinity that is correctly rounded is exact
                bound = np.where(np.isinf(truth) & np.isfinite(bound), 0.0, bound)
            if kind is None:
                smooth = evidence == "closed-form"
                kind = np.full(shape, SMOOTH if smooth else UNKNOWN)
                if evidence == "finite-differences":
                    # An estimate that converged from both sides has met a derivative.
                    kind = np.where(np.isfinite(bound), SMOOTH, UNKNOWN)
            crossed, kind = kind == CUT, _continuous(kind, truth, bound, plus, minus)
            samples = self._samples(name, row, form)
            low, high = _box([x for x in (plus, minus) if x is not None], samples)
            domain = self._row_array("reference", "domain", row)
            moves = None if higher else self._array("reference", "stability", row, form)
            fixed = None if higher else self._array("reference", "invariant", row, form)
            yield Facts(evidence, truth, bound, kind, plus, minus, low, high, domain, moves, samples, fixed, crossed)

    def _narrowed(self, row: int, found: Array | None) -> Array | None:
        """What is too large for the precision of a row is, correctly rounded, an infinity."""
        tol = self.context.tolerances[int(self.context.tolerance_id[row])]
        return narrowed(found, tol) if found is not None else None

    def _array(self, api: str, quantity: str, row: int, form: Form) -> Array | None:
        at = self._row(api, quantity, row)
        if at is None:
            return None
        components = self.seen.components(np.array([at]))
        shape = self.seen.shapes[self.seen.shape[at]]
        return _blocks(components, shape, form)

    def _samples(self, api: str, row: int, form: Form) -> Array | None:
        at = self._row(api, "clarke", row)
        samples = None if at is None else self.seen.array(at).astype(np.float64)
        if samples is None or samples.ndim < 2:
            return None
        found = [_blocks(s.reshape(1, -1), s.shape, form) for s in samples]
        kept = [x for x in found if x is not None]
        return np.stack(kept) if kept else None

    def _row_array(self, api: str, quantity: str, row: int) -> Array | None:
        at = self._row(api, quantity, row)
        return None if at is None else self.seen.array(at).astype(np.float64)

    def sides_of_cut(self, row: int) -> tuple[Array, Array] | None:
        """The function's own values on either side of a branch cut, as recorded, for a value row."""
        both = [self._row("reference", q, row) for q in ("value-plus", "value-minus")]
        if both[0] is None or both[1] is None:
            return None
        return self.seen.components(np.array([both[0]])), self.seen.components(np.array([both[1]]))

    def _kind(self, api: str, row: int, form: Form) -> Array | None:
        found = self._array(api, "class", row, form)
        return None if found is None else found.astype(np.int64)


def _continuous(kind: Array, truth: Array | None, bound: Array, plus: Array | None, minus: Array | None) -> Array:
    """The kinds, where a block on a cut has one limit from both sides (1/z of the logarithm) and so a derivative."""
    if truth is None or plus is None or minus is None or not (kind == CUT).any():
        return kind
    with np.errstate(all="ignore"):
        size = np.abs(truth).max(axis=-1, keepdims=True)
        same = (np.abs(plus - minus) <= 2 * bound + _LIMITS * size) & (np.abs(plus - truth) <= bound + _LIMITS * size)
    whole = (same & np.isfinite(bound)).all(axis=-1, keepdims=True)
    return np.asarray(np.where((kind == CUT) & whole, REMOVABLE, kind))


def _box(limits: list[Array], samples: Array | None) -> tuple[Array | None, Array | None]:
    """The smallest box around limits of a derivative; None where fewer than two are known."""
    every = [*limits, *([] if samples is None else samples)]
    if len(every) < 2:
        return None, None
    stack = np.stack(every)
    return np.fmin.reduce(stack), np.fmax.reduce(stack)


def _blocks(components: Array, shape: tuple[int, ...], form: Form) -> Array | None:
    rows, columns = form.m * (1 + form.out_complex), form.n * (1 + form.in_complex)
    if shape == (columns,) or (shape == (1, columns) and rows != 1):
        components = np.broadcast_to(components.reshape(1, 1, columns), (1, rows, columns)).reshape(1, -1)
    elif shape == (form.m, columns) and form.out_complex:  # a real output where a framework's is complex
        components = form.widen(components, False, form.in_complex)
    elif shape != (rows, columns):
        return None
    return np.asarray(form.blocks(components)[0])
