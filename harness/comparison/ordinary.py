"""Whether a point is an ordinary one, which anybody's data may meet, or extreme on purpose.

A point is ordinary where every number is finite, no number that is differentiated by is 0, below 1e-4 or above 1e4 in
modulus, and its name has none of the words below, which say what is singular about it. Points called generic or
quadrant, and half-planes, are ordinary wherever they are finite: what is 0 there (an unused triangle) is structure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from harness.model import Case, Point

SMALLEST, LARGEST = 1e-4, 1e4
#: Words in the name of a point (between hyphens) that say that something special happens there.
SPECIAL = frozenset((
    "aliased", "all", "at", "axes", "axis", "bin", "bounds", "branch", "certain", "circle", "coherent", "coincident",
    "collapsed", "condition", "conditioned", "constant", "converged", "critical", "cut", "cutoff", "dark", "dead",
    "defective", "degenerate", "digamma", "dominated", "edge", "empty", "end", "ends", "equal", "far", "flat", "half",
    "huge", "idle", "ill", "indefinite", "inf", "infinite", "infinities", "infinity", "interval", "jump", "jumps",
    "kink", "kinks", "large", "larger", "largest", "limit", "moduli", "nan", "near", "nearly", "nilpotent", "node",
    "notch", "nothing", "null", "off", "one", "opposite", "origin", "orthogonal", "overflow", "parallel", "pi",
    "pivot", "pole", "poles", "product", "rank", "removable", "repeated", "replaced", "resonance", "root", "same",
    "saturated", "scaled", "sharp", "silence", "silent", "sinc", "singular", "small", "smallest", "spectral",
    "stationary", "strip", "subnormal", "tail", "threshold", "tie", "tiny", "underflow", "unit", "unitary", "zero",
    "zeros",
))
_GENERIC = re.compile(r"(real-)?(matrix-)?(generic|quadrant)\b|.*half-plane$")


def is_ordinary(case: Case, point: Point) -> bool:
    """Whether a point of a case is an ordinary one."""
    differentiated = {i.name for i in case.inputs if i.differentiate}
    generic = bool(_GENERIC.match(point.name))
    for name, array in point.arrays.items():
        values = np.asarray(array)
        if values.dtype.kind not in "fc":
            continue
        if not np.isfinite(values).all():
            return False
        if generic or name not in differentiated or not values.size:
            continue
        with np.errstate(over="ignore"):
            sizes = np.abs(values)
        if sizes.min() < SMALLEST or sizes.max() > LARGEST:
            return False
    return generic or SPECIAL.isdisjoint(re.split(r"[-_]", point.name))


def ordinary_points(cases: Mapping[str, Case]) -> dict[tuple[str, str], bool]:
    """(case, point) -> whether it is ordinary."""
    return {(c.id, p.name): is_ordinary(c, p) for c in cases.values() for p in c.points}
