"""The arbitrary-precision reference: who is right, and what kind of point it is.

    namespace     every portable function on arrays of balls (python-flint); ball_arrays, ball_numbers, registry and
                  precision beneath it
    function      a case's text as a function with real coordinates, rows and a dependence structure
    derivative    J by differences, each entry with a bound from other formulas
    singular      what a point is where J does not settle
    limits        of values and derivatives at shrinking distances from a point
    unseen        derivatives next to a kink that no direction has shown yet
    hessian       second order
    solution      all of it for one point, as NumPy arrays; cache keeps that on disk
    closed_forms  closed forms stated in a case
    clarke        whether a matrix lies in the convex hull of limiting derivatives, in NumPy alone
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.model import Case, Point


def digits(case: Case, point: Point, dtype: str, count: int = 30) -> str:
    """The function and its derivative at a point to `count` digits, for people; see `exact_digits.digits`."""
    from harness.reference.exact_digits import digits as printed

    return printed(case, point, dtype, count)
