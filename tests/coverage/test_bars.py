"""What the catalogue promises: shares of common functions, numbers of functions and points, and no blind case."""

from __future__ import annotations

import pytest

from harness.coverage.blindness import judged
from harness.coverage.blindness_survey import Sight, sights
from harness.coverage.count import Coverage, coverage
from harness.model import Case
from tests import recorded
from tests.coverage.recorded import surveys

#: Every how-manieth case is judged anew here; `harness lint` judges all of them.
STEP = 40


@pytest.fixture(scope="module")
def cases() -> tuple[Case, ...]:
    return recorded.catalogue()


@pytest.fixture(scope="module")
def found(cases: tuple[Case, ...]) -> Coverage:
    # `harness lint` sees to it that no case is blind but those that say so; the points are taken to show what they can.
    seen = {
        c.id: Sight({} if c.blind else {(p.name, "out", c.inputs[0].name): "" for p in c.points}, "lint") for c in cases
    }
    return coverage(cases, surveys=surveys(), seen=seen)


def test_shares_of_the_functions_that_both_frameworks_have(found: Coverage) -> None:
    assert found.common("complex") > 180 and found.common("real") > 260  # so that the shares are of something
    assert found.covered("complex") >= 0.95 * found.common("complex")
    assert found.covered("real") >= 0.90 * found.common("real")


def test_functions_and_points(found: Coverage) -> None:
    assert found.functions >= 400
    assert found.points >= 3000


def test_nothing_is_left_out_without_a_reason(found: Coverage) -> None:
    unexplained = [line.name for line in found.lines if line.status == "uncovered" and "no reason" in line.reason]
    assert not unexplained


def test_every_excluded_function_says_why(found: Coverage) -> None:
    for line in found.lines:
        if line.status == "excluded":
            assert line.reason.startswith(("torch only: ", "JAX only: ")), line.name


def test_no_case_of_a_sample_is_blind(cases: tuple[Case, ...]) -> None:
    chosen = [case for case in cases[::STEP] if case.source("reference") is not None]
    assert len(chosen) > 15
    seen = sights(chosen)
    wrong = [problem for case in chosen if (problem := judged(case, seen[case.id]))]
    assert not wrong, "\n".join(map(str, wrong))
