"""The tour: what is met in it, and what is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pytest

from harness.cases import tour
from harness.model import Case, Expectation
from tests import recorded

Make = Callable[..., Case]
DOUBLE = ("complex128", "float64")


@pytest.fixture(scope="module")
def catalogue() -> tuple[Case, ...]:
    return recorded.catalogue()


@pytest.fixture(scope="module")
def toured(catalogue: tuple[Case, ...]) -> tuple[Case, ...]:
    return tour(catalogue)


def reached(cases: tuple[Case, ...], whole: dict[str, Case]) -> set[str]:
    """Causes of expectations whose points, as far as the case has them, are all among those of the given cases."""
    found = set()
    for case in cases:
        here = {p.name for p in case.points}
        for e in case.expect:
            every = {p.name for p in whole[case.id].points}
            meant = {p for p in every if not e.points or any(fnmatchcase(p, glob) for glob in e.points)}
            if meant <= here and (not e.dtype or set(e.dtype) & set(DOUBLE)):
                found.add(e.cause or case.id)
    return found


def test_every_cause_of_the_catalogue_is_met(catalogue: tuple[Case, ...], toured: tuple[Case, ...]) -> None:
    whole = {c.id: c for c in catalogue}
    assert len(reached(catalogue, whole)) > 100
    assert reached(toured, whole) == reached(catalogue, whole)


def test_a_part_of_the_catalogue_in_its_order(catalogue: tuple[Case, ...], toured: tuple[Case, ...]) -> None:
    order = [c.id for c in catalogue]
    assert [c.id for c in toured] == sorted((c.id for c in toured), key=order.index)
    assert 120 < len(toured) < 300 < len(catalogue)
    whole = {c.id: [p.name for p in c.points] for c in catalogue}
    for case in toured:
        names = [p.name for p in case.points]
        assert names == [n for n in whole[case.id] if n in names] and names
    functions = {"sin", "exp", "log", "sqrt", "conj", "abs", "where", "sum", "cumsum", "fft", "inv", "svd", "eigh"}
    assert all(any(name in c.function.get("portable", "") for c in toured) for name in functions)


def test_a_second_case_of_a_function_is_left_out(one: Make) -> None:
    def named(name: str, function: str) -> Case:
        return replace(one(function=function), id=name)

    cases = (named("a", "sin(z) + sin(z)"), named("b", "sin(z)"), named("c", "cos(z)"), named("d", "cos(sin(z))"))
    # a has the sum beside the sine, so that b tells nothing new; the cosine is cheaper alone than in d
    assert [c.id for c in tour(cases)] == ["a", "c"]
    assert [c.id for c in tour(cases, budget=0.0)] == []
    cause = Expectation(("value",), "for a reason", cause="a-cause")
    assert [c.id for c in tour((*cases[:3], replace(cases[3], expect=(cause,))), budget=0.0)] == ["d"]


def test_the_points_that_decide(one: Make) -> None:
    points = ("{generic: {z: 1}, generic-2: {z: 2}, tiny: {z: 1.0e-9}, huge: {z: 1.0e+9}, nan: {z: .nan}, "
              "quadrants: {z: -1}, zero: {z: 0}, cut: {z: -2}}")
    case = one(points=points, function="sqrt(z)")
    assert [p.name for p in tour((case,))[0].points] == ["generic", "zero", "cut"]

    def at(**fields: Any) -> list[str]:
        expectation = Expectation(("value",), "for a reason", **fields)
        return [p.name for p in tour((replace(case, expect=(expectation,)),))[0].points]

    assert at(points=("hu*",)) == ["generic", "huge", "zero", "cut"]
    assert at(points=("hu*",), dtype=("complex64",)) == ["generic", "zero", "cut"]
    assert at(points=()) == [p.name for p in case.points]


def test_what_is_observed_once_a_family_is_left_to_the_whole(toured: tuple[Case, ...]) -> None:
    from harness.runs.planning import DEAR, Target, plan

    tasks = plan(toured, [Target("jax", family="jax")], dtypes=DOUBLE)
    assert all(task.without == DEAR["jax"] for task in tasks)
    assert np.all([len(task.points) >= 1 for task in tasks])
