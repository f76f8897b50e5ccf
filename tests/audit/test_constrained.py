"""Inputs that lie in a set are moved along it: nobody is accused for what happens beside it.

What is right is known by construction: the same function in two languages, or one of them with a mistake put in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.audit import Audit, compare_gradients
from harness.backends.side.sets import Set, sets

DRAW = np.random.default_rng(0)
Y, M = DRAW.standard_normal(3), DRAW.standard_normal((3, 3))
ROWS = DRAW.standard_normal((5, 4))
UNIT = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
P = DRAW.dirichlet(np.ones(4))


def definite(*batch: int, complex_: bool = False) -> np.ndarray:
    a = DRAW.standard_normal((*batch, 3, 3))
    a = a + 1j * DRAW.standard_normal(a.shape) if complex_ else a
    return a @ np.swapaxes(a, -1, -2).conj() + np.eye(3)


S, H, BATCH = definite(), definite(complex_=True), definite(4)


@pytest.fixture(autouse=True)
def refusing() -> Any:
    """torch's distributions refuse what lies outside; importing torch's compiler switches that off for the process."""
    from torch.distributions import Distribution

    before = Distribution._validate_args
    Distribution.set_default_validate_args(True)
    yield
    Distribution.set_default_validate_args(before)


def asked(torch_side: Any, jax_side: Any, *inputs: Any) -> Audit:
    return compare_gradients(torch_side, jax_side, inputs, trace=False)


def pairs() -> dict[str, tuple[Any, Any, np.ndarray, str]]:
    import jax
    import jax.numpy as jnp
    import torch
    from jax.scipy import linalg, stats
    from torch import distributions as D

    zero = torch.zeros(3, dtype=torch.float64)
    return {
        "eigenvalues": (lambda a: (torch.linalg.eigvalsh(a) ** 3).sum(), lambda a: (jnp.linalg.eigvalsh(a) ** 3).sum(),
                        H - 4 * np.eye(3), "Hermitian"),
        "cholesky": (lambda a: torch.linalg.cholesky(a).diagonal(dim1=-2, dim2=-1).log().sum(),
                     lambda a: jnp.log(jnp.diagonal(jnp.linalg.cholesky(a), axis1=-2, axis2=-1)).sum(),
                     BATCH, "symmetric positive definite"),
        "complex cholesky": (lambda a: ((torch.linalg.cholesky(a) * torch.tensor(M)).abs() ** 2).sum(),
                             lambda a: (jnp.abs(jnp.linalg.cholesky(a) * M) ** 2).sum(),
                             H, "Hermitian positive definite"),
        "normal": (lambda a: D.MultivariateNormal(zero, a).log_prob(torch.from_numpy(Y)),
                   lambda a: stats.multivariate_normal.logpdf(Y, jnp.zeros(3), a), S, "symmetric positive definite"),
        "a triangle and all": (lambda a: torch.linalg.cholesky(a).diagonal().log().sum() + (a * torch.tensor(M)).sum(),
                               lambda a: jnp.log(jnp.diagonal(jnp.linalg.cholesky(a))).sum() + (a * M).sum(),
                               S, "symmetric positive definite"),
        "factor": (lambda a: D.MultivariateNormal(zero, scale_tril=a).log_prob(torch.from_numpy(Y)),
                   lambda a: stats.multivariate_normal.logpdf(Y, jnp.zeros(3), a @ a.T),
                   np.linalg.cholesky(S), "lower triangular"),
        "solve": (lambda a: torch.from_numpy(Y) @ torch.linalg.solve(a, torch.from_numpy(M[0])),
                  lambda a: Y @ linalg.solve(a, M[0], assume_a="pos"), S, "symmetric positive definite"),
        "simplex": (lambda a: D.Dirichlet(torch.full((4,), 2.5, dtype=torch.float64)).log_prob(a),
                    lambda a: stats.dirichlet.logpdf(a, jnp.full(4, 2.5)), P, "a simplex"),
        "norm": (lambda a: _unit(a)[:, 0].pow(3).sum(), lambda a: (a[:, 0] ** 3).sum(), UNIT, "of unit norm"),
        "probability": (lambda a: D.Bernoulli(probs=a).log_prob(torch.ones(4, dtype=torch.float64)).sum(),
                        lambda a: jax.numpy.log(a).sum(), np.array([1e-4, 0.5, 0.2, 0.9999]), "between 0 and 1"),
    }


def _unit(a: Any) -> Any:
    if abs(float((a.detach() ** 2).sum(1).max()) - 1) > 1e-9:
        raise ValueError("a quaternion is of unit norm")
    return a


@pytest.mark.parametrize("name", [
    "eigenvalues", "cholesky", "complex cholesky", "normal", "a triangle and all", "factor", "solve", "simplex", "norm",
    "probability",
])
def test_nobody_is_accused_along_a_set(name: str) -> None:
    torch_side, jax_side, array, word = pairs()[name]
    found = asked(torch_side, jax_side, array)
    assert (found.exit_status, found.culprit, found.faults) == (0, "", ()), found.text(100)
    assert f"a is {word}" in found.who and "is the derivative of its own value" in found.who
    assert found.checks and all(c.consistent and not c.failed for c in found.checks)


def test_a_factor_is_one_where_no_side_refuses_other_matrices() -> None:
    """torch reads one triangle and says nothing of the other, JAX reads both: on factors they are one function."""
    from torch.distributions import Distribution

    Distribution.set_default_validate_args(False)
    torch_side, jax_side, array, _ = pairs()["factor"]
    found = asked(torch_side, jax_side, array)
    assert (found.exit_status, found.culprit, found.rows[0].verdict) == (0, "", "gauge"), found.text(100)
    assert "a is lower triangular: along lower triangular directions the gradients are equal" in found.text(200)


def test_triangular_weights_are_no_factor() -> None:
    """Their diagonal has both signs. A mask that one side forgot is a difference."""
    import jax.numpy as jnp
    import torch

    weights = np.tril(np.where(np.eye(3, dtype=bool), [1.0, -2.0, 0.5], M))
    found = asked(lambda a: torch.tanh(torch.tril(a) @ torch.from_numpy(Y)).sum(), lambda a: jnp.tanh(a @ Y).sum(),
                  weights)
    assert (found.exit_status, found.culprit, found.rows[0].verdict) == (1, "", "zero"), found.text(100)


def test_a_mistake_along_the_set_is_named() -> None:
    import jax
    import jax.numpy as jnp
    import torch

    @jax.custom_vjp
    def spoilt(a: Any) -> Any:
        return a

    spoilt.defvjp(lambda a: (a, None), lambda _, c: (2 * c,))
    found = asked(lambda a: torch.linalg.cholesky(a).diagonal().log().sum(),
                  lambda a: jnp.log(jnp.diagonal(jnp.linalg.cholesky(spoilt(a)))).sum(), S)
    assert (found.exit_status, found.culprit) == (1, "jax")
    assert found.rows[0].verdict == "factor" and found.rows[0].culprit == "jax"


def test_a_kernel_that_is_symmetric_by_chance_is_still_one_that_was_transposed() -> None:
    import jax.numpy as jnp
    import torch

    found = asked(lambda a: torch.tanh(a @ torch.from_numpy(M)).sum(), lambda a: jnp.tanh(a.T @ M).sum(), S)
    assert found.exit_status == 1 and found.rows[0].verdict == "mismatch"


def test_the_same_mistake_on_both_sides_is_found_although_the_numbers_sum_to_one() -> None:
    """Along the simplex it does not show; no framework takes these numbers as one."""
    import jax

    found = asked(lambda p: (p * 2).sum() - p.detach().sum(), lambda p: (p * 2).sum() - jax.lax.stop_gradient(p.sum()),
                  P)
    assert (found.exit_status, found.culprit) == (1, "both")


def test_two_functions_that_are_one_on_the_set() -> None:
    """One side divides by the sum: the gradients differ by what no step along the simplex sees."""
    import jax.numpy as jnp
    import torch
    from torch import distributions as D

    q = np.full(4, 0.25)
    found = asked(lambda p: D.kl_divergence(D.Categorical(probs=p), D.Categorical(probs=torch.from_numpy(q))),
                  lambda p: (p * (jnp.log(p) - jnp.log(q))).sum(), P)
    assert found.exit_status == 0 and found.rows[0].verdict == "gauge"
    assert "along sum-preserving directions the gradients are equal" in found.text(200)


def test_what_lies_in_no_known_set_is_not_checked() -> None:
    def left(a: Any) -> Any:
        if float(a.detach().sum()) != 3.0:
            raise ValueError(f"{a} does not sum to 3")
        return (a**3).sum()

    found = asked(left, lambda a: (a**3).sum(), np.array([4.0, -2.0, 1.0]))
    assert found.exit_status == 0 and not found.faults
    assert "a was not checked by finite differences: beside the point torch raised ValueError" in found.who
    assert "does not sum to 3" not in found.text()


@pytest.mark.parametrize(("array", "words"), [
    (S, ["symmetric positive definite"]), (H, ["Hermitian positive definite"]),
    (H - 9 * np.eye(3), ["Hermitian"]), (np.triu(M), ["upper triangular"]), (M, []), (ROWS, []),
    (P, ["between 0 and 1", "a simplex (sums to 1)"]), (UNIT, ["of unit norm"]),
    (np.diag([1.0, -2.0]), ["symmetric", "lower triangular", "upper triangular", "diagonal"]),
    (np.linalg.qr(M)[0], ["orthogonal", "of unit norm", "of unit norm"]),
])
def test_sets_and_steps_that_stay_in_them(array: np.ndarray, words: list[str]) -> None:
    found = list(sets(array))
    assert [s.word for s in found] == words
    direction = DRAW.standard_normal(array.shape).astype(array.dtype)
    for held in found:
        step = held.step(array, direction, random=True)
        for t in (-(2.0**-4), 2.0**-4):
            moved = held.back(array + t * step)
            assert any(s.word == held.word and s.axes == held.axes for s in sets(moved)), held
        assert np.allclose(held.tangent(array, step), step, atol=1e-12)
        # along the step that a difference becomes, what it predicts does not vanish
        assert np.real(np.vdot(direction, held.step(array, direction))) > 0


def test_a_step_along_a_set_has_its_tangent() -> None:
    held = Set("of unit norm", (1,))
    step = held.step(UNIT, ROWS * 0.7 + 0.1)
    t = 1e-6
    moved = (held.back(UNIT + t * step) - held.back(UNIT - t * step)) / (2 * t)
    np.testing.assert_allclose(moved, step, atol=1e-9)
