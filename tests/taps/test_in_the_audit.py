"""Taps and traced functions in the audit's answer, and the assertion for test suites."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import harness
from harness.audit import compare_gradients
from harness.testing import assert_same_gradient

jax.config.update("jax_enable_x64", True)
RNG = np.random.default_rng(0)
W = RNG.standard_normal((3, 4)) + 1j * RNG.standard_normal((3, 4))
X = RNG.standard_normal((5, 3)) + 1j * RNG.standard_normal((5, 3))
BOTH: dict[str, Any] = {"torch": torch, "jax": jnp}


def loss(side: str, mistake: str = "") -> Any:
    xp = BOTH[side]

    def function(w: Any, x: Any) -> Any:
        h = harness.tap("product", x @ w)
        if mistake == "conjugate":
            h = h.conj()
        h = harness.tap("sine", xp.sin(h))
        if mistake == "cut":
            h = jax.lax.stop_gradient(h) + h - h
        size = harness.tap("size", xp.abs(h) if mistake == "abs" else xp.abs(h) ** 2)
        return harness.tap("loss", size.sum() * (2 if mistake == "factor" else 1))

    return function


@pytest.mark.parametrize(
    ("mistake", "forward", "backward", "words"),
    [
        ("", "", "", "all 4 taps"),
        ("conjugate", "sine", "sine", "conjugate"),  # 2 h and 2 h*
        ("abs", "size", "sine", "square"),
        ("factor", "loss", "size", "0.5 times"),
        ("cut", "", "sine", "gradients first differ"),
    ],
)
def test_taps_say_where_it_starts(mistake: str, forward: str, backward: str, words: str) -> None:
    found = compare_gradients(loss("torch"), loss("jax", mistake), (W, X), differences=False)
    assert (found.start_at["forward"], found.start_at["backward"]) == (forward, backward)
    assert words in " ".join(found.start) and "Where it starts" in found.text(100)
    assert found.to_json()["start_at"]["taps"][0]["name"] == "product"


def test_a_tap_on_one_side_only_and_none_asked_for() -> None:
    plain = compare_gradients(lambda w: (w.abs() ** 2).sum(), lambda w: (jnp.abs(w) ** 2).sum(), (W,))
    assert not plain.start and not plain.start_at
    found = compare_gradients(
        lambda w: (harness.tap("w", w).abs() ** 2).sum(), lambda w: (jnp.abs(w) ** 2).sum(), (W,), differences=False
    )
    assert "only torch has `w`" in " ".join(found.start)
    found = compare_gradients(loss("torch"), loss("jax", "abs"), (W, X), differences=False, taps=False)
    assert "forward" not in found.start_at


def test_an_output_that_is_no_scalar_is_contracted_alike() -> None:
    found = compare_gradients(
        lambda w: harness.tap("h", w * w.conj()) * w,
        lambda w: harness.tap("h", w * w.conj()) * w,
        (W,),
        differences=False,
    )
    assert found.start_at["forward"] == found.start_at["backward"] == ""
    assert found.start_at["taps"][0]["gradient"] == "agree"


def test_functions_are_looked_up_where_something_differs() -> None:
    def torchs(w: Any) -> Any:
        return torch.acosh(w).abs().sum()

    def jaxs(w: Any) -> Any:
        return jnp.abs(jnp.arccosh(w)).sum()

    found = compare_gradients(torchs, jaxs, (W,), differences=False)
    right = 1 / (np.sqrt(W - 1) * np.sqrt(W + 1))
    got = np.array([complex(jax.grad(jnp.arccosh, holomorphic=True)(z)) for z in W.ravel()])
    wrong = int((np.abs(got - right.ravel()) > 1e-8 * np.abs(right.ravel())).sum())
    if wrong:
        assert found.start_at["functions"][0]["wrong"] == {"jax": wrong}
        assert f"{wrong} of your 12 elements" in " ".join(found.start)
    else:
        assert found.gradients_agree


def test_the_assertion_passes_fails_and_explains() -> None:
    assert_same_gradient(loss("torch"), loss("jax"), W, X)
    assert_same_gradient(loss("torch"), loss("jax"), {"w": W, "x": X}, convention="conjugate")
    with pytest.raises(AssertionError, match="the two functions differ") as caught:
        assert_same_gradient(loss("torch"), loss("jax", "factor"), W, X)
    assert "first differ at `loss`" in " ".join(str(caught.value).split())
    with pytest.raises(AssertionError, match="not equal: w"):
        assert_same_gradient(loss("torch"), loss("jax"), W, X, convention="raw")
    assert_same_gradient(lambda x: x.sin().sum(), lambda x: jnp.sin(x).sum(), W.real, convention="conjugate")
    with pytest.raises(ValueError, match="convention is one of"):
        assert_same_gradient(loss("torch"), loss("jax"), W, X, convention="same")


def test_nobody_is_wrong_for_the_kinks_of_an_l1_loss() -> None:
    """The gradient of mean |A w - b| is A^T sign(A w - b) / n, and both sides have it; steps cross many kinks."""
    random = np.random.default_rng(0)
    a, b, w = random.standard_normal((200, 4)), random.standard_normal(200), random.standard_normal(4)
    given = {"w": w, "a": a, "b": b}
    found = compare_gradients(
        lambda w, a, b: (a @ w - b).abs().mean(), lambda w, a, b: jnp.abs(a @ w - b).mean(), given, constant=["a", "b"]
    )
    assert found.gradients_agree and not found.culprit, found.who
    half = compare_gradients(  # and a side that is wrong is still found out
        lambda w, a, b: (a @ w - b).abs().mean(),
        lambda w, a, b: jnp.abs(a @ (w / 2 + jax.lax.stop_gradient(w) / 2) - b).mean(),
        given,
        constant=["a", "b"],
    )
    assert half.culprit == "jax", half.who
