"""The tool that compares runs bit by bit sees every kind of difference, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.bench.bitwise import apart, differences
from tests.runs.conftest import make_case

ONE = np.array([1.0, 0.0, np.nan, np.inf, 5e-324])


@pytest.mark.parametrize(
    ("at", "becomes", "how", "ulp"),
    [
        (0, np.nextafter(1.0, 2.0), "bits", 1.0), (0, 1.0 + 2.0**-50, "bits", 4.0), (4, 0.0, "bits", 1.0),
        (1, -0.0, "sign of zero", 0.0), (2, 1.0, "nan or infinity", np.inf), (3, -np.inf, "nan or infinity", np.inf),
        (3, 1.0, "nan or infinity", np.inf), (0, np.nan, "nan or infinity", np.inf),
    ],
)
def test_what_one_number_can_do(at: int, becomes: float, how: str, ulp: float) -> None:
    other = ONE.copy()
    other[at] = becomes
    assert apart(ONE, other) == (how, ulp)
    as_complex = [x[:4].view(np.complex128).reshape(1, 2) for x in (ONE, other)]
    if at < 4:
        assert apart(*as_complex) == (how, ulp)


def test_the_payload_of_a_nan_is_a_difference() -> None:
    other = ONE.copy()
    other[2] = np.frombuffer(np.uint64(0x7FF8000000000001).tobytes())[0]
    assert apart(ONE, other) == ("payload of nan", 0.0)


def test_runs(go: Callable) -> None:
    once, again = (go("Square", cases=[make_case(), make_case("other")], output=name) for name in ("once", "again"))
    assert list(differences(once, again)) == []
    fewer = go("Square", cases=[make_case()], output="fewer")
    assert list(differences(once, fewer)) == []
    assert {d.how for d in differences(fewer, go("Raises", "Square", cases=[make_case()], output="more"))} == {
        "only in the new run"}
    point = go("Square", cases=[make_case("other", points=("first",))], output="point")
    assert {d.how for d in differences(once, point)} == {"only in the old run"}
    assert list(differences(once, point, part=True)) == []
