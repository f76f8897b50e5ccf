"""Measured conventions: against the table in docs and design, and against backends that declare what is not so."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from harness.convention.formulas import formula
from harness.convention.measure import measure
from harness.convention.probes import PROBES, probe_tasks, real_matrix
from harness.wirtinger import wirtinger_pair
from tests import wrong_backends
from tests.backends.tasks import FRAMEWORKS, backend

CC, CR, RC, RR = "complex -> complex", "complex -> real", "real -> complex", "real -> real"


@cache
def measured(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["api"], row["function"]): row for row in measure(backend(name))}


#: The closed forms of the mathematics page, typed by hand.
TABLE = {
    "torch.autograd": [
        ("pullback", CC, "A^H c + B^T conj(c)"), ("pushforward", CC, "A t + B conj(t)"),
        ("functional.vjp", CC, "A^H c + B^T conj(c)"), ("functional.jvp", CC, "A t + B conj(t)"),
        ("forward_ad", CC, "A t + B conj(t)"), ("functional.vjp", RC, "Re(f'^T conj(c))"),
        ("backward", CR, "L_x + i L_y = 2 dL/dz*"), ("grad", CR, "L_x + i L_y = 2 dL/dz*"),
        ("functional.jacobian", CR, "u_x + i u_y = 2 df/dz*"),
        ("functional.jacobian[forward-mode]", RC, "u_x + i v_x = f'"),
        ("functional.jacobian[forward-mode]", CR, "u_x = df/dz + df/dz*"),
        ("functional.hvp", CR, "L_xx Re t + i L_yx Re t + L_xy Im t + i L_yy Im t"),
    ],
    "torch.func": [
        ("vjp", CC, "A^H c + B^T conj(c)"), ("jvp", CC, "A t + B conj(t)"), ("linearize", CC, "A t + B conj(t)"),
        ("grad", CR, "L_x + i L_y = 2 dL/dz*"), ("vmap(grad)", CR, "L_x + i L_y = 2 dL/dz*"),
        ("vjp", RC, "Re(f'^T conj(c))"), ("hessian", RR, "L_xx"),
    ],
    "jax": [
        ("pullback", CC, "A^T c + B^H conj(c)"), ("vjp", CC, "A^T c + B^H conj(c)"), ("vjp", RC, "Re(f'^T c)"),
        ("jvp", CC, "A t + B conj(t)"), ("linearize", CC, "A t + B conj(t)"),
        ("grad", CR, "L_x - i L_y = 2 dL/dz"), ("vmap(grad)", CR, "L_x - i L_y = 2 dL/dz"),
        ("grad[holomorphic]", CC, "u_x - i u_y = df/dz + conj(df/dz*)"),
        ("jacrev[holomorphic]", CC, "u_x - i u_y = df/dz + conj(df/dz*)"),
        ("jacfwd[holomorphic]", CC, "u_x + i v_x = df/dz + df/dz*"), ("jacfwd", RC, "u_x + i v_x = f'"),
    ],
}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_table_of_closed_forms(name: str) -> None:
    found = measured(name)
    for api, function, text in TABLE[name]:
        assert found[api, function]["map"] == text, (api, function)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_api_is_measured_and_declares_what_it_does(name: str) -> None:
    rows = measured(name)
    assert {api.name for api in backend(name).apis} <= {api for api, _ in rows}
    assert not [key for key, row in rows.items() if row["declared"] == "differs"]
    assert sum(row["declared"] == "agrees" for row in rows.values()) > 15


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_refusals_carry_the_frameworks_words(name: str) -> None:
    row = measured(name)["grad", CC]
    assert row["map"] == "refuses" and "real" in row["note"] and row["declared"] == ""


def wrong(cls: type[Any], natives: bool = True) -> dict[tuple[str, str], dict[str, Any]]:
    """What is measured of a wrong backend; without its native APIs, whose part is in the whole table, in a third."""
    made = cls()
    if not natives:
        made.apis = ()
    return {(row["api"], row["function"]): row for row in measure(made)}


@pytest.mark.parametrize(
    ("cls", "api", "text"),
    [
        (wrong_backends.ConjugatesPullback, "pullback", "A^T conj(c) + B^H c"),
        (wrong_backends.ConjugatesCotangent, "pullback", "A^H conj(c) + B^T c"),
        (wrong_backends.FlipsSign, "pullback", "-A^H c - B^T conj(c)"),
        (wrong_backends.Halves, "pullback", "1/2 A^H c + 1/2 B^T conj(c)"),
        (wrong_backends.Doubles, "pullback", "2 A^H c + 2 B^T conj(c)"),
        (wrong_backends.ReturnsZero, "pullback", "0"),
        (wrong_backends.ReturnsNaN, "pullback", "no R-linear map fits"),
        (wrong_backends.Transposes, "pullback", "no R-linear map fits"),
        (wrong_backends.SwapsInputs, "pullback", "no R-linear map fits"),
        (wrong_backends.ForwardDiffersFromReverse, "pushforward", "2 A t + 2 B conj(t)"),
    ],
)
def test_a_wrong_backend_is_told_from_a_right_one(cls: type[Any], api: str, text: str) -> None:
    found = wrong(cls, natives=False)
    assert found[api, CC]["map"] == text
    assert found[api, CC]["declared"] == "differs"


def test_a_dropped_imaginary_part_is_a_map_of_its_own() -> None:
    found = wrong(wrong_backends.DropsImaginary)
    assert found["grad", CR]["map"] == "L_x = dL/dz + dL/dz*" and found["grad", CR]["declared"] == "differs"


def test_failures_are_not_agreement() -> None:
    for cls in (wrong_backends.Raises, wrong_backends.Refuses, wrong_backends.ReturnsReal):
        row = wrong(cls, natives=False)["pullback", CC]
        assert row["map"] in ("fails", "refuses") and row["declared"] == "" and row["note"]


def test_a_right_backend_on_a_third_convention_agrees_with_itself() -> None:
    found = wrong(wrong_backends.ThirdConvention)
    assert found["pullback", CC]["map"] == "A^T conj(c) + B^H c"
    assert not [key for key, row in found.items() if row["declared"] == "differs"]


def test_the_differentials_of_the_probes_by_differences() -> None:
    """The probes' own mathematics, against central differences of the same text in NumPy."""
    from types import SimpleNamespace

    stand_in = SimpleNamespace(name="numpy", default_mode="eager")
    names = {"conj": np.conj, "real": np.real, "imag": np.imag, "sum": np.sum, "__builtins__": {}}
    for probe, task in probe_tasks(stand_in):
        for point in task.points:
            def f(**moved: Any) -> np.ndarray:
                return np.atleast_1d(eval(probe.text, names, {**point.arrays, **moved}))  # noqa: B023

            pairs = probe.pairs(point.arrays)
            assert set(pairs) == set(probe.inputs)
            for name, kind in probe.inputs.items():
                a = point.arrays[name]
                h = 1e-5
                columns = []
                for unit in (1, 1j) if kind == "complex" else (1,):
                    for k in range(2):
                        e = np.zeros(2, a.dtype)
                        e[k] = h * unit
                        columns.append((f(**{name: a + e}) - f(**{name: a - e})) / (2 * h))
                by = np.stack(columns, axis=1)
                want = by.real if probe.real else np.vstack([by.real, by.imag])
                j = real_matrix(pairs[name], probe.real, kind == "real")
                np.testing.assert_allclose(j, want, atol=1e-7, err_msg=probe.text)
                dz, dzbar = wirtinger_pair(j, not probe.real, kind == "complex")
                np.testing.assert_allclose(dz, pairs[name][0], atol=1e-12)
                np.testing.assert_allclose(dzbar, pairs[name][1], atol=1e-12)


def test_the_hessians_of_the_probes_by_differences() -> None:
    from types import SimpleNamespace

    seen = 0
    for probe, task in probe_tasks(SimpleNamespace(name="numpy", default_mode="eager")):
        if probe.hessian is None:
            continue
        (name, kind), h, seen = next(iter(probe.inputs.items())), 1e-5, seen + 1
        arrays = dict(task.points[0].arrays)

        def gradient(value: np.ndarray) -> np.ndarray:
            pair = probe.pairs({**arrays, name: value})[name]  # noqa: B023
            return real_matrix(pair, True, kind == "real")[0]  # noqa: B023

        columns = []
        for unit in (1, 1j) if kind == "complex" else (1,):
            for k in range(2):
                e = np.zeros(2, arrays[name].dtype)
                e[k] = h * unit
                columns.append((gradient(arrays[name] + e) - gradient(arrays[name] - e)) / (2 * h))
        np.testing.assert_allclose(probe.hessian(arrays), np.stack(columns, axis=1), atol=1e-6)
    assert seen == 2


def test_every_kind_of_function_is_probed() -> None:
    kinds = {(kind, probe.real) for probe in PROBES for kind in probe.inputs.values()}
    assert len(kinds) == 4


@pytest.mark.parametrize(
    ("kind", "function", "coefficients", "text"),
    [
        ("gradient", CR, [1, 1j], "L_x + i L_y = 2 dL/dz*"),
        ("gradient", CR, [0.5, -0.5j], "1/2 L_x - 1/2 i L_y = dL/dz"),
        ("jacobian-forward", CC, [1, 0, 1j, 0], "u_x + i v_x = df/dz + df/dz*"),
        ("jacobian-reverse", CC, [0, 1, 0, 0],
         "u_y = 1/2 i df/dz - 1/2 i conj(df/dz) - 1/2 i df/dz* + 1/2 i conj(df/dz*)"),
        ("pushforward", RR, [0.123456789], "0.123457 f' t"),
        ("gradient", CR, [0, 0], "0"),
    ],
)
def test_formulas(kind: str, function: str, coefficients: list[complex], text: str) -> None:
    assert formula(kind, function, np.array(coefficients, complex))["map"] == text
