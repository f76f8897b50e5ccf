"""The rule: what counts as coverage and what does not. The cases are made up; what they must count as is the rule's."""

from __future__ import annotations

import numpy as np
import pytest

from harness.coverage.blindness_survey import Sight
from harness.coverage.count import coverage
from harness.coverage.survey import Survey
from harness.model import Case, Input, Point

A, B = np.array([1.3 + 0.4j, -0.7 + 2.2j]), np.array([0.6 - 1.9j, 2.4 + 0.3j])
ZERO = np.array([0j, 1.1 + 0.2j])


def case(name: str, function: str | dict[str, str], points: dict[str, np.ndarray], kind: str = "complex") -> Case:
    texts = {"portable": function} if isinstance(function, str) else function
    arrays = {k: v.real.copy() if kind == "real" else v for k, v in points.items()}
    dtypes = ("complex128",) if kind == "complex" else ("float64",)
    return Case(name, texts, (Input("z", kind, (2,)),), tuple(Point(k, {"z": v}) for k, v in arrays.items()), dtypes)


def survey(version: str, *both: str, real: tuple[str, ...] = ()) -> Survey:
    functions = dict.fromkeys(both, (True, True)) | dict.fromkeys(real, (True, False))
    return Survey(version, functions, (len(functions), len(both)), ())


EXP = (survey("t", "torch.exp"), survey("j", "jnp.exp"))


def seeing(*cases: Case, blind: tuple[str, ...] = ()) -> dict[str, Sight]:
    return {
        c.id: Sight({(p.name, "out", "z"): "conjugation" if p.name in blind else "" for p in c.points}, "reference")
        for c in cases
    }


def line(found, name: str, kind: str = "complex"):  # type: ignore[no-untyped-def]
    return next(x for x in found.lines if x.name == name and x.kind == kind)


def test_two_generic_points_and_a_demanded_one_are_coverage() -> None:
    c = case("e", "exp(z)", {"generic-1": A, "generic-2": B, "zero": ZERO})
    found = coverage([c], surveys=EXP, seen=seeing(c))
    assert line(found, "torch.exp").status == "covered"
    assert (found.common("complex"), found.covered("complex")) == (1, 1)
    assert (found.common("real"), found.covered("real")) == (1, 0)  # nothing was said about real numbers
    assert line(found, "torch.exp", "real").reason == "no case"


@pytest.mark.parametrize(
    ("points", "blind", "reason"),
    [
        ({"generic": A}, (), "1 of 2 generic points that show every error; no point that its mathematics demands"),
        ({"generic": A, "again": A, "zero": ZERO}, (), "1 of 2 generic points that show every error"),
        ({"generic-1": A, "generic-2": B}, (), "no point that its mathematics demands"),
        ({"generic-1": A, "generic-2": B, "zero": ZERO}, ("generic-2",), "1 of 2 generic points that show every error"),
        ({"zero": ZERO, "one-inf": np.array([np.inf, 1j])}, (), "0 of 2 generic points that show every error"),
    ],
)
def test_less_is_not(points: dict[str, np.ndarray], blind: tuple[str, ...], reason: str) -> None:
    c = case("e", "exp(z)", points)
    found = coverage([c], surveys=EXP, seen=seeing(c, blind=blind))
    assert (line(found, "torch.exp").status, line(found, "torch.exp").reason) == ("uncovered", reason)


def test_cases_of_real_numbers_do_not_cover_complex_ones() -> None:
    c = case("e", "exp(z)", {"generic-1": A, "generic-2": B, "zero": ZERO}, kind="real")
    found = coverage([c], surveys=EXP, seen=seeing(c))
    assert line(found, "torch.exp", "real").status == "covered"
    assert line(found, "torch.exp", "complex").status == "uncovered"


def test_both_sides_must_use_the_function() -> None:
    points = {"generic-1": A, "generic-2": B, "zero": ZERO}
    c = case("e", {"torch": "torch.exp(z)", "jax": "jnp.cos(z) + jnp.sin(z)"}, points)
    assert line(coverage([c], surveys=EXP, seen=seeing(c)), "torch.exp").reason == "no case"
    d = case("e", {"torch": "torch.exp(z)", "jax": "jnp.exp(z)"}, points)
    assert line(coverage([d], surveys=EXP, seen=seeing(d)), "torch.exp").status == "covered"


def test_covers_names_what_the_text_does_not_show() -> None:
    from dataclasses import replace

    points = {"generic-1": A, "generic-2": B, "zero": ZERO}
    c = case("e", {"torch": "torch.exp(z)", "jax": "jnp.cos(z) + jnp.sin(z)"}, points)
    c = replace(c, covers=("jnp.exp",))
    assert line(coverage([c], surveys=EXP, seen=seeing(c)), "torch.exp").status == "covered"


def test_a_program_is_about_none_of_its_functions() -> None:
    text = "exp(z) + sin(z) + cos(z) + tan(z) + sinh(z) + cosh(z) + tanh(z)"
    c = case("p", text, {"generic-1": A, "generic-2": B, "zero": ZERO})
    found = coverage([c], surveys=EXP, seen=seeing(c))
    assert line(found, "torch.exp").reason == "no case"
    assert found.functions == 0


def test_what_nobody_has_explained_counts_as_uncovered() -> None:
    found = coverage([], surveys=(survey("t", "torch.brand_new"), survey("j", "jnp.brand_new_too")), seen={})
    assert line(found, "torch.brand_new").status == "uncovered"
    assert line(found, "jnp.brand_new_too").status == "uncovered"
    assert found.common("complex") == 2


def test_what_is_explained_is_excluded_with_its_reason() -> None:
    found = coverage([], surveys=(survey("t", "torch.sparse.mm"), survey("j", "jnp.cbrt")), seen={})
    assert (line(found, "torch.sparse.mm").status, found.common("complex")) == ("excluded", 0)
    assert "sparse" in line(found, "torch.sparse.mm").reason


def test_a_pair_that_only_one_side_differentiates_over_complex_numbers_is_excluded_there_alone() -> None:
    found = coverage([], surveys=(survey("t", "torch.hypot"), survey("j", real=("jnp.hypot",))), seen={})
    assert line(found, "torch.hypot", "real").status == "uncovered"
    assert line(found, "torch.hypot", "complex").status == "excluded"
    assert "jnp.hypot" in line(found, "torch.hypot", "complex").reason


def test_totals_are_those_of_the_lines() -> None:
    c = case("e", "exp(z)", {"generic-1": A, "generic-2": B, "zero": ZERO})
    totals = coverage([c], surveys=EXP, seen=seeing(c)).totals()
    assert totals["complex"] == {
        "torch": 1, "jax": 1, "common": 1, "covered": 1, "share": 1.0, "excluded": 0
    }
    assert (totals["functions"], totals["points"], totals["cases"]) == (1, 3, 1)
