"""Expectations: what they excuse, and that they are strict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.model import Expectation
from tests.comparison.build import Table, case, holomorphic, observe, run

J = holomorphic(1 + 2j, -3 + 1j)
VALUE = np.array([1 + 1j, 2 - 1j])
POINTS = {"p": np.ones(2), "q": np.ones(2)}
PAIR = ("jax", "torch.func")  # what `table` holds: stated of these two, a difference is owed by them


def table(wrong: Any = ("p",), versions: dict[str, str] | None = None) -> Table:
    """torch right everywhere; jax negated at the points `wrong`."""
    out = Table(versions)
    for point in POINTS:
        observe(out, "torch.func", J, VALUE, (2,), point=point)
        observe(out, "jax", -J if point in wrong else J, VALUE, (2,), point=point)
    return out


def compared(expectation: Expectation | list[Expectation], wrong: Any = ("p",), axis: str = "backend",
             versions: dict[str, str] | None = None) -> pd.DataFrame:
    known = expectation if isinstance(expectation, list) else [expectation]
    return run(table(wrong, versions), [case(shape=(2,), points=POINTS, expect=known)], axis)


def sign(**more: Any) -> Expectation:
    return Expectation(("sign",), "the other branch", link="https://example.org/1", **{"backends": PAIR, **more})


def test_nothing_expected_is_surprising() -> None:
    frame = compared([])
    assert (frame["surprising"] == (frame["verdict"] == "sign")).all()
    assert frame["surprising"].sum() == 7
    assert set(frame["expected"]) == {""}


def test_what_is_expected_is_not_surprising() -> None:
    frame = compared(sign())
    assert not frame["surprising"].any()
    shown = frame[frame["verdict"] == "sign"]
    assert set(shown["expected"]) == {"the other branch (https://example.org/1)"}
    assert set(frame.loc[frame["verdict"] == "agree", "expected"]) == {""}


def test_a_row_names_the_cause_that_covers_it() -> None:
    frame = compared(sign(cause="one-root"))
    assert set(frame.loc[frame["verdict"] == "sign", "cause"]) == {"one-root"}
    assert set(frame.loc[frame["verdict"] == "agree", "cause"]) == {""}


def test_another_verdict_is_not_excused() -> None:
    frame = compared(Expectation(("zero",), "vanishes", backends=PAIR))
    assert (frame["verdict"] == "sign").sum() == 7
    assert frame.loc[frame["verdict"] == "sign", "surprising"].all()
    assert frame["note"].str.contains("expected `zero` no longer happens: vanishes").sum() == 1


def test_what_no_longer_happens_is_surprising_once() -> None:
    frame = compared(sign(), wrong=())
    assert set(frame["verdict"].astype(str)) == {"agree"}
    assert frame["surprising"].tolist() == [True] + [False] * (len(frame) - 1)
    assert frame["note"].iloc[0] == "expected `sign` no longer happens: the other branch (https://example.org/1)"


def test_not_strict() -> None:
    assert not compared(sign(strict=False), wrong=())["surprising"].any()


def test_every_listed_point_has_to_show_it() -> None:
    assert not compared(sign(points=("p",)))["surprising"].any()
    frame = compared(sign(points=("p", "q")))
    assert frame.loc[frame["surprising"], "point"].astype(str).tolist() == ["q"]
    # Without `points` one place is enough.
    assert not compared(sign())["surprising"].any()


def test_a_point_that_is_not_listed_is_not_excused() -> None:
    frame = compared(sign(points=("q",)))
    assert set(frame.loc[frame["surprising"], "point"].astype(str)) == {"p", "q"}


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({"backends": ("jax",)}, True), ({"backends": ("jax", "torch.func")}, True),
        ({"backends": ("torch*",)}, True), ({"backends": ("torch.a*",)}, False),
        ({"backends": ("torch.autograd",)}, False), ({"dtype": ("complex64",)}, False),
        ({"dtype": ("complex128",)}, True), ({"inputs": ("w",)}, False), ({"outputs": ("out",)}, True),
        ({"axis": ("backend",)}, True), ({"axis": ("mode",)}, False), ({"versions": {"jax": ">=0.10"}}, True),
        ({"versions": {"jax": "<0.10"}}, False), ({"versions": {"torch": "==2.13.0"}}, True),
        ({"versions": {"numpy": ">1"}}, False), ({"versions": {"jax": ">=0.10", "torch": "<2"}}, False),
    ],
)
def test_filters(filters: dict[str, Any], matches: bool) -> None:
    frame = compared(sign(**filters))
    assert frame.loc[frame["verdict"] == "sign", "surprising"].any() != matches
    # An expectation that speaks of no compared row is silent: it cannot have stopped happening.
    assert not compared(sign(**filters), wrong=())["surprising"].any() or matches


def test_api_and_quantity_filters() -> None:
    frame = compared(sign(quantity=("differential",)))
    assert set(frame.loc[frame["surprising"], "quantity"].astype(str)) == {"raw"}
    frame = compared(sign(api=("backward", "grad")))
    assert "backward | grad" not in set(frame.loc[frame["surprising"], "api"].astype(str))
    assert "jvp" in set(frame.loc[frame["surprising"], "api"].astype(str))


def test_culprit_filter() -> None:
    """Without evidence nobody is the culprit, so an expectation that names one does not excuse."""
    frame = compared(sign(culprit=("jax",), backends=()))
    assert frame.loc[frame["verdict"] == "sign", "surprising"].all()
    out = table()
    for point in POINTS:
        out.add("reference", "value", VALUE, point=point, api="reference")
        out.add("reference", "differential", J, point=point, api="reference")
        out.add("reference", "bound", 0 * J, point=point, api="reference")
        out.add("reference", "class", np.zeros(J.shape, np.int8), point=point, api="reference")
    known = [case(shape=(2,), points=POINTS, expect=[sign(culprit=("jax",), backends=())])]
    frame = run(out, known)
    wrong = frame[frame["verdict"] == "sign"]
    assert set(wrong["culprit"]) == {"jax"}
    assert not frame["surprising"].any()
    swapped = [case(shape=(2,), points=POINTS, expect=[sign(culprit=("torch.func",), backends=())])]
    assert run(out, swapped)["surprising"].any()


def test_unsupported_is_calm_and_can_be_owed() -> None:
    refused = table(())
    for row in refused.rows:
        if row["api"] == "grad":
            row.update(status="refused", data=None, shape=None, kind="", error="E", message="no")
    calm = case(shape=(2,), points=POINTS)
    assert not run(refused, [calm])["surprising"].any()
    owed = Expectation(("unsupported",), "needs a real loss", api=("grad",), backends=PAIR)
    assert not run(refused, [case(shape=(2,), points=POINTS, expect=[owed])])["surprising"].any()
    assert compared(owed, wrong=())["surprising"].sum() == 1


def test_refusals_alone_do_not_break_an_expectation() -> None:
    """If nothing was compared, the difference has not stopped happening."""
    refused = table(())
    for row in refused.rows:
        if row["backend"] == "jax" and row["quantity"] != "value":
            row.update(status="refused", data=None, shape=None, kind="", error="E", message="no")
    known = case(shape=(2,), points=POINTS, expect=[sign(quantity=("differential", "raw"))])
    assert not run(refused, [known])["surprising"].any()


def test_an_expectation_about_no_axis_is_owed_between_backends_only() -> None:
    assert not compared(sign(), wrong=(), axis="api")["surprising"].any()
    assert compared(sign(axis=("api",), backends=("jax",)), wrong=(), axis="api")["surprising"].any()


ALL = ("torch.autograd", "torch.func", "jax", "reference")


@pytest.mark.parametrize(
    ("observed", "backends", "owed"),
    [
        (ALL, (), True), (ALL, ("jax",), True), (ALL[:3], (), False), (ALL[1:], (), False),
        # one side, which any other may face; a pair; all of torch, and some of it
        (ALL[:3], ("jax",), False), (ALL[1:], ("jax",), False), (ALL[1:3], ("jax", "torch.func"), True),
        (ALL[:3], ("torch*", "jax"), True), (ALL[1:], ("torch*", "jax"), False), (ALL[2:], ("jax", "reference"), True),
    ],
)
def test_only_a_pair_that_was_observed_can_show_a_difference_no_longer(
    observed: tuple[str, ...], backends: tuple[str, ...], owed: bool
) -> None:
    seen = Table()
    for backend in observed:
        seen.add(backend, "value", VALUE, api="reference" if backend == "reference" else "")
    frame = run(seen, [case(shape=(2,), expect=[sign(backends=backends)])])
    assert set(frame["verdict"].astype(str)) == {"agree"}
    assert frame["surprising"].sum() == owed


def test_along_the_api_axis_a_backend_faces_itself() -> None:
    alone = table(())
    alone.rows = [row for row in alone.rows if row["backend"] == "jax"]
    for backends, owed in ((("jax",), True), ((), False)):
        stated = sign(axis=("api",), backends=backends)
        assert run(alone, [case(shape=(2,), points=POINTS, expect=[stated])], "api")["surprising"].sum() == owed


def test_two_expectations() -> None:
    known = [sign(points=("p",)), Expectation(("zero",), "gone", points=("q",), backends=PAIR)]
    frame = compared(known)
    assert frame["surprising"].sum() == 1
    assert frame.loc[frame["surprising"], "point"].astype(str).tolist() == ["q"]


def test_versions_on_the_version_axis() -> None:
    """Fixed in 0.10: the expectation speaks of the pair because one of its sides is inside the range."""
    old, new = Table({"jax": "0.4.30"}), Table({"jax": "0.10.2"})
    observe(old, "jax", -J, VALUE, (2,))
    observe(new, "jax", J, VALUE, (2,))
    known = case(shape=(2,), expect=[sign(axis=("version",), versions={"jax": "<0.10"}, backends=())])
    assert not run([old, new], [known], "version")["surprising"].any()
    unknown = case(shape=(2,), expect=[sign(axis=("version",), versions={"jax": "<0.4"}, backends=())])
    assert run([old, new], [unknown], "version")["surprising"].any()
