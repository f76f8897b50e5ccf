"""Functions that are called, looked up at the numbers they were called with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import torch

from harness.audit import release_history as recorded
from harness.audit.catalogue_lookup import catalogue, known, native_name
from harness.audit.trace import remembered, suspects
from harness.backends.elementwise import observe
from harness.backends.torch.trace import MOST, trace
from harness.recorded import tables as committed

jax.config.update("jax_enable_x64", True)
Z = np.random.default_rng(3).standard_normal(40) + 1j * np.random.default_rng(4).standard_normal(40)


def tensor(z: Any = Z) -> Any:
    return torch.tensor(z, requires_grad=True)


def entry(function: str, positional: Sequence[Any] = (None,), keywords: dict[str, Any] | None = None) -> dict[str, Any]:
    given = {"function": function, "tensors": 1, "positional": list(positional), "keywords": keywords or {}}
    return given | {"elementwise": True, "elements": Z, "total": Z.size, "calls": 1, "dtype": "complex128", "where": ""}


def test_calls_are_recorded_with_their_numbers_and_lines() -> None:
    z, w = tensor(), tensor(np.zeros(3 * MOST))

    def loss() -> Any:
        a = torch.acosh(z)
        torch.acosh(z[:3])
        b = torch.nn.functional.silu(w)
        return (a * z).real.sum() + (z**2.5).abs().sum() + b.sum()

    found = {c["function"]: c for c in trace(torch, loss)}
    acosh = found["torch.acosh"]
    assert (acosh["calls"], acosh["total"], acosh["elementwise"]) == (2, 43, True)
    np.testing.assert_array_equal(acosh["elements"], [*Z, *Z[:3]])
    assert acosh["where"].startswith("test_trace.py:")
    assert found["torch.Tensor.__pow__"]["positional"] == [None, 2.5]
    assert found["torch.nn.functional.silu"]["elements"].size == MOST
    assert found["torch.nn.functional.silu"]["total"] == 3 * MOST
    assert found["torch.Tensor.mul"]["tensors"] == 2
    assert "torch.sigmoid" not in found  # what silu is made of is not the user's call
    assert not found["torch.Tensor.sum"]["elementwise"]


def test_what_is_written_into_afterwards_is_recorded_as_it_was() -> None:
    def loss() -> Any:
        x = torch.ones(2)
        return x.mul_(0.0).sum()

    assert trace(torch, loss)[0]["elements"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("call", "name", "text"),
    [
        (entry("torch.acosh"), "arccosh", "arccosh(z)"),
        (entry("torch.Tensor.arccosh"), "arccosh", "arccosh(z)"),
        (entry("torch.Tensor.__pow__", [None, -2]), "power", "power(z, (-2))"),
        (entry("torch.Tensor.__rpow__", [None, 2.5]), "power", "power(2.5, z)"),
        (entry("torch.pow", [None], {"exponent": 2}), None, ""),
        (entry("torch.Tensor.pow", [None, {"real": 0.5, "imag": -1.0}]), "power", "power(z, (0.5-1.0j))"),
        (entry("torch.nn.functional.silu", [None], {"inplace": False}), "silu", "silu(z)"),
        (entry("torch.no_such_function"), None, ""),
        (entry("torch.clamp", [None, "?"]), None, ""),
    ],
)
def test_calls_are_found_in_the_catalogue(call: dict[str, Any], name: str | None, text: str) -> None:
    found = known(call)
    assert (found.name if found else None) == name
    assert found is None or (found.reference == text and found.sources["torch"].text == text)


def test_the_catalogue_names_the_cases_of_a_function() -> None:
    found = known(entry("torch.acosh"))
    assert found is not None and "arccosh" in [c.id for c in found.cases]
    assert native_name("torch.Tensor.__rtruediv__", [None, 2]) == ("torch.divide", [2, None])


def asked(family: str, functions: Any) -> Any:
    return observe(family, functions)


def test_a_function_whose_derivative_differs_is_named_at_the_elements_that_show_it() -> None:
    # d arccosh/dz = 1 / (sqrt(z - 1) sqrt(z + 1)), by hand; where JAX has another number it is wrong.
    right = 1 / (np.sqrt(Z - 1) * np.sqrt(Z + 1))
    jaxs = np.array([complex(jax.grad(jax.numpy.arccosh, holomorphic=True)(z)) for z in Z])
    wrong = np.flatnonzero(np.abs(jaxs - right) > 1e-8 * np.abs(right))
    found = suspects([entry("torch.acosh"), entry("torch.sin")], asked, {"jax": jax.__version__})
    if not wrong.size:  # a release of JAX that has mended it
        assert not found
        return
    (only,) = found
    assert only.indices == tuple(wrong) and only.wrong == {"jax": wrong.size} and only.name == "arccosh"
    assert f"wrong in jax {jax.__version__} at {wrong.size} of your 40 elements, all with Re z < 0" in only.sentence
    assert "recorded wrong in jax 0.4.38 to 0.10.2" in only.sentence


def test_nobody_is_blamed_at_a_kink_or_without_a_reference() -> None:
    def fake(family: str, functions: Any) -> Any:
        value, j = np.zeros(2), np.zeros((2, 1, 1))
        j[0] = 1.0 if family == "torch" else -1.0  # |x| at 0: each a slope of one side
        j[1] = 1.0
        value[1] = 1.0
        return [{"value": value, "reverse": j}] * len(functions)

    call = entry("torch.abs") | {"elements": np.array([0.0, 1.0]), "total": 2, "dtype": "float64"}
    (found,) = suspects([call], fake)
    assert not found.wrong and found.choice == 1 and "both are valid" in found.sentence
    assert not suspects([call], lambda family, functions: [{"message": "no"}] * len(functions))
    assert not suspects([call | {"elementwise": False}], fake)


def test_what_was_recorded_may_be_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cases = [c for c in catalogue() if c.id == "arccosh"]
    committed.rows.cache_clear()
    monkeypatch.setattr(committed, "PLACES", (tmp_path,))
    assert recorded.wrong_in(cases, "jax") == "" and recorded.finding(cases, "jax") == ""
    committed.rows.cache_clear()
    (tmp_path / "matrix").mkdir()
    (tmp_path / "matrix" / "timeline.csv").write_text(
        "backend,case,quantity,api,point,dtype,jax 0.9.0,jax 0.10.0,jax 0.11.0,torch 2.0.0\n"
        'jax,arccosh,differential,pullback,"left-half-plane +3",complex128,right,wrong (sign),wrong,\n'
        "jax,arccosh,differential,pullback,inf-real,complex128,wrong,,,\n"
        "jax,arccosh,raw,vjp,left-half-plane,complex128,wrong,,,\n"
    )
    (tmp_path / "findings.csv").write_text(
        "id,function,cases,points,culprit,sentence\n"
        "F8,sin,sin,generic,jax,No.\nF6,arccosh,arccosh,inf-real,jax,Far away.\n"
        "F7,arccosh,asinh arccosh,generic left-half-plane,jax torch.func,The sign is lost.\n"
    )
    finite = lambda array: bool(np.isfinite(array).all())  # noqa: E731
    assert recorded.wrong_in(cases, "jax", "complex64", finite) == "jax 0.10.0 to 0.11.0"
    assert recorded.wrong_in(cases, "torch") == ""
    assert recorded.finding(cases, "jax", finite) == "The sign is lost (finding F7)"
    assert recorded.finding(cases, "torch", finite) == "The sign is lost (finding F7)"
    assert recorded.finding(cases, "jax") == "Far away (finding F6)"
    # of a function that is not elementwise there is a memory, and no accusation
    call = entry("torch.acosh") | {"elementwise": False}
    assert "at other numbers than yours: The sign is lost" in remembered([call], {"jax": "0.10.2"})[0]
    assert not remembered([entry("torch.acosh")], {"jax": "0.10.2"})
    committed.rows.cache_clear()
