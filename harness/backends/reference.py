"""The reference as a backend: arbitrary precision in place of a framework.

Rows of api "reference", in double precision whatever the precision of the case (an ulp is counted in the case's own):

    value                       the function, correctly rounded; NaN where the mathematics leaves it open
    differential                J; NaN where there is no single derivative
    bound                       an upper bound of the error of each entry of J, shape of J
    class                       what each entry is, int8, shape of J: harness.reference.singular's codes
    plus, minus                 one-sided derivatives (kink), or J on either side (branch cut), shape of J
    value-plus, value-minus     the function on either side of a cut
    clarke                      limiting derivatives at generic points nearby, (K, 2m, 2n)
    domain                      projection on the directions that stay among Hermitian matrices, over this input's
                                columns, (2n, 2n)
    invariant                   derivative of |f|**2 / 2 of numbers that are free in their sign or phase, in the rows of
                                their real parts, shape of J
    stability                   how far entries of J move when the inputs move by their rounding, shape of J; where that
                                is worth saying
    hessian                     the real Hessian of the sum of a real output; its bound, class, plus and minus have
                                the api "reference-hessian"
    third                       its third derivatives, (N_a N_b, N_c) for inputs a, b and c; likewise "reference-third"

and of api "closed-form": differential, from the case's own `derivative`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.backends.base import DONE, Backend, Device, Step
from harness.backends.rows import Rows, unspelled
from harness.backends.site import pair_name, triple_name
from harness.expr.calling import Wrong, output_names
from harness.formats import DTYPES
from harness.model import CaseError, Observation, Point, Task, Unsupported
from harness.wirtinger import TORCH, Array, Convention

if TYPE_CHECKING:
    from harness.reference.cache import Cache
    from harness.reference.function import Compiled
    from harness.reference.solution import Solution

_API = "reference"


class Reference(Backend):
    """Arbitrary precision by python-flint; no framework is loaded."""

    name: ClassVar[str] = "reference"
    family: ClassVar[str] = "reference"
    requires: ClassVar[tuple[str, ...]] = ("flint", "mpmath")
    convention: ClassVar[Convention] = TORCH

    def __init__(self) -> None:
        import flint  # noqa: F401

        self._cache: Cache | None = None

    def versions(self) -> Mapping[str, str]:
        import flint

        return {"python-flint": flint.__version__, "flint": flint.__FLINT_VERSION__, "numpy": np.__version__}

    def flags(self) -> Mapping[str, str]:
        from harness.reference.cache import version

        return {"code": version()}

    def devices(self) -> tuple[Device, ...]:
        return (Device("cpu", True),)

    def observe(self, task: Task) -> Iterator[Observation | Step]:
        from harness.reference.cache import Cache
        from harness.reference.function import Compiled

        rows = Rows(task)
        if task.source.kind not in ("portable", "native"):
            own = task.source.kind == "callable"
            reason = "code of the user's own has no reference" if own else "the case has no text for the reference"
            yield from unspelled(rows, task, reason)
            return
        try:
            function = Compiled(task.source.text, task.inputs)
        except Unsupported as missing:
            yield from unspelled(rows, task, str(missing))
            return
        except CaseError as wrong:
            for point in task.points:
                yield from rows.value_failed(task, point.name, wrong)
            return
        cache = self._cache = self._cache or Cache()
        for point in task.points:
            if (point.name, _API) in task.skip:
                continue
            yield Step(point.name, _API)
            yield from _point(rows, task, function, point, cache)
            yield from _closed_forms(rows, task, function, point)
            yield Step(point.name, DONE)


def _point(
    rows: Rows, task: Task, function: Compiled, point: Point, cache: Cache,
) -> Iterator[Observation]:
    from harness.reference import cache as caching
    from harness.reference.solution import solve

    name = caching.key(task.source.text, task.inputs, point.arrays, form=DTYPES[task.dtype], order=task.order)
    solution = cache.load(name)
    if solution is None:
        try:
            solution = solve(
                function, point.arrays, form=DTYPES[task.dtype], order=task.order, seconds=0.5 * task.seconds)
        except Unsupported as missing:
            yield rows.plain(point.name, "", "value", "", "", "unsupported", "", str(missing))
            return
        except Exception as error:
            yield from rows.value_failed(task, point.name, error)
            return
        if solution.complete:
            cache.store(name, solution)
    try:
        names = output_names(task, len(solution.kinds))
        if task.outputs and len(task.outputs) != len(solution.kinds):
            raise Wrong(f"the function returned {len(solution.kinds)} outputs, and the case names {len(task.outputs)}")
    except Wrong as wrong:
        yield from rows.value_failed(task, point.name, wrong)
        return
    yield from _rows_of(rows, task, point, solution, names)


def _rows_of(
    rows: Rows, task: Task, point: Point, s: Solution, names: tuple[str, ...],
) -> Iterator[Observation]:
    for k, output in enumerate(names):
        yield rows.ok(point.name, _API, "value", "", output, s.values[k])
        for quantity, values in (("value-plus", s.value_plus), ("value-minus", s.value_minus)):
            side = values[k]
            if side is not None:
                yield rows.ok(point.name, _API, quantity, "", output, side)
    columns = _columns(task, point)
    if s.note:
        for output in names:
            for leaf in columns:
                yield rows.plain(point.name, _API, "differential", leaf, output, "unsupported", "", s.note)
        return
    at = 0
    for k, output in enumerate(names):
        if s.kinds[k] not in "rc":
            continue
        size = int(np.prod(s.shapes[k], dtype=np.int64)) * (2 if s.kinds[k] == "c" else 1)
        mine = slice(at, at + size)
        at += size
        for leaf, own in columns.items():
            for quantity, data in _facts(s, mine, own):
                yield rows.ok(point.name, _API, quantity, leaf, output, np.ascontiguousarray(data))
        if k in s.hessians:
            yield from _hessian_rows(rows, point, s, k, output, columns)
        if k in s.thirds:
            yield from _third_rows(rows, point, s, k, output, columns)


def _facts(s: Solution, mine: slice, own: slice) -> Iterator[tuple[str, Array]]:
    kind = s.kind[mine, own]
    yield "differential", s.j[mine, own]
    yield "bound", s.bound[mine, own]
    yield "class", kind
    if kind.any():
        yield "plus", s.plus[mine, own]
        yield "minus", s.minus[mine, own]
        if s.samples is not None:
            yield "clarke", s.samples[:, mine, own]
    if s.domain is not None:
        yield "domain", s.domain[own, own]
    if s.invariant is not None:
        yield "invariant", s.invariant[mine, own]
    if s.stability is not None and s.stability[mine, own].any():
        yield "stability", s.stability[mine, own]


def _hessian_rows(
    rows: Rows, point: Point, s: Solution, k: int, output: str, columns: Mapping[str, slice],
) -> Iterator[Observation]:
    matrix, bound, kind, plus, minus = s.hessians[k]
    for a, own in columns.items():
        for b, other in columns.items():
            pair = pair_name(a, b)
            yield rows.ok(point.name, _API, "hessian", pair, output, np.ascontiguousarray(matrix[own, other]))
            facts: list[tuple[str, Array]] = [("bound", bound), ("class", kind)]
            if kind[own, other].any():
                facts += [("plus", plus), ("minus", minus)]
            for quantity, data in facts:
                block = np.ascontiguousarray(data[own, other])
                yield rows.ok(point.name, _API + "-hessian", quantity, pair, output, block)


def _third_rows(
    rows: Rows, point: Point, s: Solution, k: int, output: str, columns: Mapping[str, slice],
) -> Iterator[Observation]:
    for names in product(columns, repeat=3):
        a, b, c = (columns[name] for name in names)
        mine = [np.ascontiguousarray(x[a, b, c].reshape(-1, c.stop - c.start)) for x in s.thirds[k]]
        value, bound, kind, plus, minus = mine
        triple = triple_name(*names)
        yield rows.ok(point.name, _API, "third", triple, output, value)
        facts: list[tuple[str, Array]] = [("bound", bound), ("class", kind)]
        if kind.any():
            facts += [("plus", plus), ("minus", minus)]
        for quantity, data in facts:
            yield rows.ok(point.name, _API + "-third", quantity, triple, output, data)


def _columns(task: Task, point: Point) -> dict[str, slice]:
    """The columns of each differentiated input."""
    out, at = {}, 0
    for i in task.inputs:
        array = np.asarray(point.arrays[i.name])
        if i.differentiate and i.kind in ("real", "complex"):
            size = array.size * (2 if i.kind == "complex" else 1)
            out[i.name] = slice(at, at + size)
            at += size
    return out


def _closed_forms(rows: Rows, task: Task, function: Compiled, point: Point) -> Iterator[Observation]:
    if not task.derivative:
        return
    from harness.reference.closed_forms import closed_form

    output = output_names(task, 1)[0]
    for derivative in task.derivative:
        try:
            data: Any = closed_form(derivative, task.inputs, point.arrays, function, form=DTYPES[task.dtype])
        except Exception as error:
            yield rows.failed(point.name, "closed-form", "differential", derivative.input, output, error)
            continue
        yield rows.ok(point.name, "closed-form", "differential", derivative.input, output, data)
