"""Every program against an independent implementation of its loss, and its gradient where there is a closed form.

Expected: the losses of tests/programs/*.py, written in NumPy and SciPy from the formulas of the fields.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cases import catalogue_path, load
from harness.expr import compile_source
from harness.formats import DOUBLE
from harness.model import Case, Point
from tests.programs import learning, numerics, physics, quantum, signal  # noqa: F401  (they register themselves)
from tests.programs.known import GRADIENTS, LOSSES, Array

PROGRAMS: dict[str, Case] = {case.id: case for case in load([Path(catalogue_path()) / "programs"])}
POINTS = [(case.id, point.name) for case in PROGRAMS.values() for point in case.points]

#: Points where the loss has no finite value, and why. There the frameworks may return no finite number either.
WITHOUT_VALUE = {
    ("modrelu-layer", "no-phase"): "zero has no phase",
    ("rayleigh-quotient", "zero-vector"): "a vector of length zero",
    ("mandelbrot-escape", "period-2"): "log 0",
    ("newton-fractal", "critical"): "division by zero",
    ("moebius-map", "degenerate"): "log 0",
    ("moebius-map", "pole"): "division by zero",
    ("contour-integral", "on-the-path"): "division by zero",
    ("s-parameter-cascade", "resonance"): "division by zero",
    ("s-parameter-cascade", "isolator"): "log 0",
    ("pulse-pair-doppler", "incoherent"): "log 0",
    ("iir-filter-design", "notch"): "log 0",
    ("iir-filter-design", "oscillator"): "division by zero",
}
#: Points where the loss has many values, and why: what is returned depends on the library.
AMBIGUOUS = {("polar-decomposition-loss", "rank-one"): "the rotation is free on the null space"}

#: At these points the closed form of the gradient does not hold, and why.
NO_GRADIENT = {
    ("rayleigh-quotient", "zero-vector"): "a vector of length zero",
    ("mandelbrot-escape", "period-2"): "log 0",
}


def point_of(name: str, point: str) -> tuple[Case, Point]:
    case = PROGRAMS[name]
    return case, next(p for p in case.points if p.name == point)


def independent(name: str, point: Point) -> list[Array]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        values = LOSSES[name](**{key: array.copy() for key, array in point.arrays.items()})
    return [np.asarray(v) for v in (values if isinstance(values, tuple) else (values,))]


# -- the harness's reference, and the frameworks, in this process


def reference_values(case: Case, point: Point) -> list[Array]:
    from harness.reference.function import Compiled, Problem
    from harness.reference.precision import rounded, state, working

    source = case.source("reference")
    assert source is not None
    state.forget()
    with working(600, ties=True):
        outputs = Problem(Compiled(source.text, case.inputs), point.arrays).outputs({})
        values = []
        for out in outputs:
            flat = out.data.ravel().tolist()
            numbers = [complex(rounded(x.real), rounded(x.imag)) if out.kind == "c" else rounded(x) for x in flat]
            values.append(np.array(numbers).reshape(out.shape))
    state.forget()
    return values


def framework(family: str) -> tuple[dict[str, Any], Callable[[Array], Any]]:
    if family == "torch":
        torch = pytest.importorskip("torch")
        return {"torch": torch}, lambda a: torch.from_numpy(np.array(a))
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return {"jax": jax, "jnp": jax.numpy}, jax.numpy.asarray


def plain(value: Any) -> Array:
    if hasattr(value, "resolve_conj"):
        value = value.detach().resolve_conj().resolve_neg()
    return np.asarray(value)


def compiled(case: Case, family: str) -> tuple[Callable[..., tuple[Any, ...]], Callable[[Array], Any]]:
    """(function of the case's arrays in order, how an array enters the framework)"""
    roots, array = framework(family)
    source = case.source(family)
    assert source is not None
    function = compile_source(source, [i.name for i in case.inputs], family, roots)

    def outputs(*leaves: Any) -> tuple[Any, ...]:
        found = function(*leaves)
        return found if isinstance(found, tuple) else (found,)

    return outputs, array


@cache
def program(name: str, family: str) -> tuple[Callable[..., Any], Callable[[Array], Any]]:
    """A case's function; that of JAX as one program, where each of its operations would be one otherwise."""
    function, array = compiled(PROGRAMS[name], family)
    return (jit(function) if family == "jax" else function), array


@cache
def jax_gradient(name: str) -> tuple[Callable[..., Any], Callable[[Array], Any], list[int]]:
    """The gradient of a case's loss as a program, and by which of the inputs."""
    import jax

    case = PROGRAMS[name]
    function, array = compiled(case, "jax")
    numbers = [k for k, i in enumerate(case.inputs) if i.differentiate]
    return jit(jax.grad(lambda *a: function(*a)[0].sum(), argnums=tuple(numbers))), array, numbers


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without the optimiser, which is not under test."""
    import jax

    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def framework_values(case: Case, point: Point, family: str) -> list[Array]:
    function, array = program(case.id, family)
    return [plain(v) for v in function(*(array(point.arrays[i.name]) for i in case.inputs))]


VALUES: dict[str, Callable[[Case, Point], list[Array]]] = {
    "reference": reference_values,
    "torch": lambda case, point: framework_values(case, point, "torch"),
    "jax": lambda case, point: framework_values(case, point, "jax"),
}


# -- tests


def test_every_program_has_an_independent_loss() -> None:
    assert set(LOSSES) == set(PROGRAMS)


def test_the_catalogue_has_the_programs_that_it_should() -> None:
    assert len(PROGRAMS) >= 30
    for case in PROGRAMS.values():
        text = case.function["portable"]
        assert 5 <= len(text.strip().splitlines()) <= 40, f"{case.id}: a program has 5 to 40 lines"
        assert case.order == 2, f"{case.id}: second order too"
        names = [p.name for p in case.points]
        assert len(names) >= 3, f"{case.id}: two everyday points and a special one"


def test_the_exceptions_are_points_of_the_catalogue() -> None:
    assert {*WITHOUT_VALUE, *AMBIGUOUS, *NO_GRADIENT} <= set(POINTS)


@pytest.mark.parametrize("side", VALUES)
@pytest.mark.parametrize(("name", "point"), [at for at in POINTS if at not in AMBIGUOUS])
def test_the_loss_is_that_of_the_field(name: str, point: str, side: str) -> None:
    case, at = point_of(name, point)
    if (name, point) in WITHOUT_VALUE:
        assert not all(np.isfinite(v).all() for v in VALUES[side](case, at)), WITHOUT_VALUE[name, point]
        return
    found, wanted = VALUES[side](case, at), independent(name, at)
    assert len(found) == len(wanted)
    for mine, theirs in zip(found, wanted, strict=True):
        assert np.isfinite(theirs).all(), "the independent loss must be finite here"
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-13)


def torch_gradients(case: Case, point: Point) -> dict[str, Array]:
    """L_x + i L_y of each differentiated input, which is what torch returns."""
    import torch

    function, array = compiled(case, "torch")
    leaves = [array(point.arrays[i.name]).requires_grad_(i.differentiate) for i in case.inputs]
    wanted = [leaf for leaf, i in zip(leaves, case.inputs, strict=True) if i.differentiate]
    found = torch.autograd.grad(function(*leaves)[0].sum(), wanted)
    return {i.name: plain(g) for i, g in zip([i for i in case.inputs if i.differentiate], found, strict=True)}


def jax_gradients(case: Case, point: Point) -> dict[str, Array]:
    """The conjugate of what jax returns, L_x - i L_y."""
    gradient, array, numbers = jax_gradient(case.id)
    found = gradient(*(array(point.arrays[i.name]) for i in case.inputs))
    return {case.inputs[k].name: np.conj(plain(g)) for k, g in zip(numbers, found, strict=True)}


def reference_gradients(case: Case, point: Point) -> dict[str, Array]:
    """From the reference's differential: the rows of the real loss, x columns before y columns."""
    from harness.reference.function import Compiled
    from harness.reference.solution import solve

    source = case.source("reference")
    assert source is not None
    solution = solve(Compiled(source.text, case.inputs), point.arrays, form=DOUBLE, order=1)
    assert not solution.note
    row, found, at = solution.j.sum(axis=0), {}, 0
    for i in case.inputs:
        if not i.differentiate:
            continue
        size = int(np.prod(i.shape, dtype=int))
        flat = row[at : at + size].astype(complex)
        at += size
        if i.kind == "complex":
            flat += 1j * row[at : at + size]
            at += size
        found[i.name] = flat.reshape(i.shape)
    return found


GRADIENT_SIDES = {"reference": reference_gradients, "torch": torch_gradients, "jax": jax_gradients}


@pytest.mark.parametrize("side", GRADIENT_SIDES)
@pytest.mark.parametrize(
    ("name", "point"), [at for at in POINTS if at[0] in GRADIENTS and at not in {*NO_GRADIENT, *WITHOUT_VALUE}]
)
def test_the_gradient_is_the_closed_form(name: str, point: str, side: str) -> None:
    """2 dL/dz* of a complex input, dL/dx of a real one."""
    if side != "reference":
        pytest.importorskip(side)
    case, at = point_of(name, point)
    closed = GRADIENTS[name](**at.arrays)
    found = GRADIENT_SIDES[side](case, at)
    assert set(closed) == {i.name for i in case.inputs if i.differentiate} == set(found)
    for i in case.inputs:
        if i.differentiate:
            wanted = 2 * np.asarray(closed[i.name]) if i.kind == "complex" else np.asarray(closed[i.name])
            np.testing.assert_allclose(found[i.name], wanted, rtol=1e-9, atol=1e-11, err_msg=i.name)
