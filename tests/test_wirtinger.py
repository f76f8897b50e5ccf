"""The differential and its quarters, on R-linear maps w = A z + B conj(z), of which everything is known.

With z = x + iy: u_x = Re(A + B), u_y = Im(B - A), v_x = Im(A + B), v_y = Re(A - B).
"""

from __future__ import annotations

import numpy as np
import pytest

from harness.wirtinger import blocks, expected_normal, wirtinger_pair

A = np.array([[1 + 2j, 3 - 5j, -7 + 11j], [13 - 17j, 19 + 23j, 29 + 31j]])
B = np.array([[37 - 41j, -43 + 47j, 53 + 59j], [61 + 67j, 71 - 73j, 79 + 83j]])
QUARTERS = (A + B).real, (B - A).imag, (A + B).imag, (A - B).real
J = np.block([[QUARTERS[0], QUARTERS[1]], [QUARTERS[2], QUARTERS[3]]])
C, T = np.array([2 - 3j, 5 + 7j]), np.array([1 - 1j, 2 + 4j, -3 + 6j])


@pytest.mark.parametrize(("out_complex", "in_complex"), [(True, True), (True, False), (False, True), (False, False)])
def test_quarters(out_complex: bool, in_complex: bool) -> None:
    """(2, 3) each; what a real side does not have is zero."""
    j = J[: 4 if out_complex else 2, : 6 if in_complex else 3]
    there = True, in_complex, out_complex, in_complex and out_complex
    for found, quarter, present in zip(blocks(j, out_complex, in_complex), QUARTERS, there, strict=True):
        np.testing.assert_array_equal(found, quarter if present else np.zeros((2, 3)))


def test_the_pair_is_the_two_matrices() -> None:
    dz, dzbar = wirtinger_pair(J, True, True)
    np.testing.assert_array_equal(dz, A)
    np.testing.assert_array_equal(dzbar, B)


def test_what_an_api_returns_follows() -> None:
    """A pushforward is A t + B conj(t); a pullback A^H c + B^T conj(c); a gradient the pullback of ones, u alone."""
    told = {
        "pushforward": (A @ T + B @ T.conj(), T),
        "pullback": (A.conj().T @ C + B.T @ C.conj(), C),
        "gradient": (A.conj().T @ np.ones(2) + B.T @ np.ones(2), None),
    }
    for kind, (right, vector) in told.items():
        found = expected_normal(kind, J, (3,), (2,), True, True, vector)
        assert found is not None
        np.testing.assert_array_equal(found, right, err_msg=kind)
