"""The tour: of a catalogue the cases and points from which most is learnt in a minute.

Of every known cause of a difference in double precision there is a case (what shows in dear APIs alone is not seen all
the same), and of the functions of the portable table as many as a minute allows, those first that cost least; in a
case, the first generic point, a point for each known difference, and the points that were written for this function (on
a cut, at a kink, at zero). What is left out are second cases of a function, second generic points, and points that are
extreme on purpose, unless something is known to happen there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np

from harness.expr import names_used
from harness.formats import HALVES
from harness.model import Case, CaseError, Expectation, Point

#: Functions that take a second or more: to compile, or to evaluate in arbitrary precision.
SLOW = frozenset((
    "bessel_j0", "beta", "betaln", "cholesky", "cond", "corrcoef", "cummax", "eig", "eigh", "eigvals", "eigvalsh",
    "exp1", "expi", "expm", "expn", "fftfreq", "hyp1f1", "i0", "interp", "logcumsumexp", "lstsq", "lu", "matrix_norm",
    "ndtri", "norm", "nuc", "pinv", "poch", "qr", "solve", "spence", "stft", "svd", "svdvals", "tensorinv", "zeta",
))
#: Estimated processor seconds: what two processors do in a minute, less starting and comparing.
BUDGET = 74.0
#: Points of a case beyond the generic one and those of known differences.
OWN_POINTS = 2
#: Magnitudes at which a point is not extreme; exact zeros are not either.
MODERATE = (1e-3, 1e3)


def tour(cases: Sequence[Case], budget: float = BUDGET) -> tuple[Case, ...]:
    """The cases of the tour with its points, in the order of the catalogue. Pure: the same cases give the same tour.
    Those that state half precision alone have no part in it.

    budget: estimated seconds after which no further function is taken up; known causes are met whatever they cost.
    """
    cases = [case for case in cases if set(case.dtypes) - set(HALVES)]
    spent, chosen = 0.0, set[str]()
    told = {case.id: (_causes(case), _functions(case)) for case in cases}
    costs = {case.id: _cost(case) for case in cases}
    for which, limit in ((0, float("inf")), (1, budget)):
        left = set[str]().union(*(t[which] for t in told.values()))
        left = left.difference(*(told[name][which] for name in chosen))
        while left:
            best = max(costs, key=lambda name: len(told[name][which] & left) / costs[name])
            left -= told[best][which]
            spent += costs[best]
            if spent > limit:
                break
            chosen.add(best)
    return tuple(_part(case) for case in cases if case.id in chosen)


def _part(case: Case) -> Case:
    """What is observed of a case. What is dear, and so observed once a family, is left to the whole catalogue; a part
    cannot show that something known happens no longer, so that nothing is owed."""
    owed = tuple(replace(e, strict=False) for e in case.expect)
    return replace(case, points=_points(case), stands_at="", expect=owed)


def _causes(case: Case) -> set[str]:
    """The causes of known differences that are met in a case in double precision."""
    return {e.cause or case.id for e in case.expect if _in_double(e)}


def _in_double(expectation: Expectation) -> bool:
    return not expectation.dtype or any(fnmatchcase(d, p) for d in ("complex128", "float64") for p in expectation.dtype)


def _functions(case: Case) -> set[str]:
    """The portable functions of a case, and its operators."""
    text = case.function.get("portable", "")
    try:
        found = names_used(text, [i.group for i in case.inputs]) if text else set()
    except CaseError:
        return set()
    tree = ast.parse(text.strip())
    return found | {type(node.op).__name__ for node in ast.walk(tree) if isinstance(node, ast.BinOp | ast.UnaryOp)}


def _cost(case: Case) -> float:
    """Processor seconds that a case takes in all, roughly: compiling grows with the text, the inputs and the order, and
    each point is evaluated by every backend and the reference (a fit, good to a factor of two)."""
    source = case.source("jax") or case.source("torch")
    text = source.text if source else ""
    calls = text.count("(") + text.count("@")
    slow = 1.0 if SLOW & _words(text) else 0.0
    return (0.15 + slow + 0.04 * calls + 0.11 * (len(case.inputs) - 1) + 0.3 * (case.order - 1)
            + 0.02 * len(_points(case)))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]\w*", text))


def _points(case: Case) -> tuple[Point, ...]:
    """The points of a case that decide."""
    first = next((p for p in case.points if p.name.startswith("generic")), case.points[0])
    kept = {first.name}
    for expectation in filter(_in_double, case.expect):
        kept |= _shown(expectation, case)
    own = [p for p in case.points if p.name not in kept and not p.name.startswith("generic") and _moderate(p)]
    kept |= {p.name for p in own[-OWN_POINTS:]}
    return tuple(p for p in case.points if p.name in kept)


def _shown(expectation: Expectation, case: Case) -> set[str]:
    """The points of a case at which an expectation is to be seen; all of them where it names none."""
    return {p.name for p in case.points
            if not expectation.points or any(fnmatchcase(p.name, pattern) for pattern in expectation.points)}


def _moderate(point: Point) -> bool:
    """Whether every number of a point is finite and of ordinary size."""
    for array in point.arrays.values():
        if array.dtype.kind in "fc":
            size = np.abs(np.stack([array.real, array.imag]))
            if not np.isfinite(size).all() or not (size[size > 0] <= MODERATE[1]).all():
                return False
            if not (size[size > 0] >= MODERATE[0]).all():
                return False
    return True
