"""How far a derivative moves with the rounding of its point.

Expected values: the singular vectors of diag(1 + d, 1) turn by an angle of the order eps / d when the matrix moves by
eps, and the derivatives of the singular values with them; those of diag(2, 1) turn by eps.
"""

from __future__ import annotations

import numpy as np
import pytest

from harness.formats import DOUBLE, SINGLE
from harness.model import Input
from harness.reference.function import Compiled
from harness.reference.solution import solve

MATRIX = (Input("a", "real", (2, 2)),)


def solved(text: str, a: np.ndarray, inputs: tuple[Input, ...] = MATRIX, single: bool = True):  # type: ignore[no-untyped-def]
    form = SINGLE if single else DOUBLE
    return solve(Compiled(text, inputs), {"a": a.astype(form.name)}, form=form)


@pytest.mark.parametrize("gap", [1e-3, 1e-4, 1e-5])
def test_singular_values_that_are_close_move_by_rounding_over_their_gap(gap: float) -> None:
    found = solved("svdvals(a)", np.diag([1 + gap, 1.0])).stability
    assert found is not None
    expected = 2.0**-23 / gap  # the angle by which the singular vectors turn
    assert expected / 10 < found.max() < expected * 10


def test_singular_values_that_are_apart_do_not() -> None:
    assert solved("svdvals(a)", np.diag([2.0, 1.0])).stability is None


def test_double_precision_is_finer() -> None:
    assert solved("svdvals(a)", np.diag([1 + 1e-4, 1.0]), single=False).stability is not None
    assert solved("det(a)", np.diag([1 + 1e-4, 1.0]), single=False).stability is None


def test_functions_of_single_elements_are_left_out() -> None:
    vector = (Input("a", "real", (3,)),)
    assert solved("sin(a)", np.array([1e6, 2e6, 3e6]), vector).stability is None
