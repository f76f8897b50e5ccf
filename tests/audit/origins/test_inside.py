"""Single precision inside a program in double: it is no mistake of a derivative, and hides none that is larger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

from harness.audit import Audit, compare_gradients

DRAW = np.random.default_rng(0)
INPUTS = {"x": DRAW.standard_normal((3, 4)), "w": DRAW.standard_normal((4, 4))}


@jax.custom_vjp
def turned(h: Any) -> Any:
    return jnp.sin(h)


turned.defvjp(lambda h: (jnp.sin(h), h), lambda h, g: (1.25 * g * jnp.cos(h),))


@jax.custom_vjp
def coarse(h: Any) -> Any:
    return jnp.sin(h)


coarse.defvjp(lambda h: (jnp.sin(h), h), lambda h, g: ((g.astype("float32") * jnp.cos(h).astype("float32")).astype(
    h.dtype),))


@jax.custom_vjp
def weights(h: Any) -> Any:
    return jax.nn.softmax(h.astype("float32"), -1).astype(h.dtype)


weights.defvjp(lambda h: (weights(h), weights(h)), lambda p, g: (1.5 * p * (g - (g * p).sum(-1, keepdims=True)),))


class Coarse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Any) -> Any:
        ctx.save_for_backward(h)
        return torch.sin(h)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (h,) = ctx.saved_tensors
        return (g.float() * torch.cos(h).float()).double()


def left(x: Any, w: Any) -> Any:
    h = torch.tanh(x @ w)
    p = torch.softmax(h, -1)
    return torch.sin(p * h).sum()


def left_inside(x: Any, w: Any) -> Any:
    h = torch.tanh(x @ w)
    p = torch.softmax(h, -1, dtype=torch.float32).double()
    return torch.sin(p * h).sum()


def left_rule(x: Any, w: Any) -> Any:
    h = torch.tanh(x @ w)
    return Coarse.apply(torch.softmax(h, -1) * h).sum()


def right(sine: Callable[[Any], Any] = jnp.sin, soft: Callable[[Any], Any] = jax.nn.softmax,
          stop: Callable[[Any], Any] = lambda h: h) -> Callable[[Any, Any], Any]:
    def function(x: Any, w: Any) -> Any:
        h = jnp.tanh(x @ w)
        p = soft(h)
        return sine(p * stop(h)).sum()

    return function


def narrow(h: Any) -> Any:
    return jax.nn.softmax(h.astype("float32"), -1).astype(h.dtype)


def stopped(h: Any) -> Any:
    return jax.nn.softmax(lax.stop_gradient(h.astype("float32")), -1).astype(h.dtype)


def _audited(torch_side: Any, jax_side: Any) -> Audit:
    return compare_gradients(torch_side, jax_side, INPUTS)


ISLANDS = [
    pytest.param(left, right(soft=narrow), "JAX", id="values-of-jax"),
    pytest.param(left_inside, right(), "torch", id="values-of-torch", marks=pytest.mark.whole),
    pytest.param(left, right(coarse), "JAX", id="a-rule-of-jax", marks=pytest.mark.whole),
    pytest.param(left_rule, right(), "torch", id="a-rule-of-torch"),
    pytest.param(left_inside, right(soft=narrow), "JAX", id="both", marks=pytest.mark.whole),
]


@pytest.mark.parametrize(("torch_side", "jax_side", "side"), ISLANDS)
def test_single_precision_inside_accuses_nobody(torch_side: Any, jax_side: Any, side: str) -> None:
    found = _audited(torch_side, jax_side)
    text = found.text(110)
    assert found.exit_status == 0 and found.culprit == "" and all(o.kind == "value" for o in found.origins), text
    assert {r.verdict for r in found.rows} <= {"agree", "precision"}, text
    assert any(f"{side} computes in float32 inside" in said and "test_inside.py:" in said for said in found.precision)
    assert "wrong" not in text and "--precision double" not in text


MISTAKES = [
    pytest.param(left, right(turned, narrow), "return sine(", "1.25 times", id="after"),
    pytest.param(left, right(soft=weights), "p = soft(h)", "1.5 times", id="within"),
    pytest.param(left, right(soft=stopped), "lax.stop_gradient(h.astype", "no gradient passes", id="stopped",
                 marks=pytest.mark.whole),
    pytest.param(left, right(soft=narrow, stop=lax.stop_gradient), "return sine(", "no gradient passes", id="beside",
                 marks=pytest.mark.whole),
    pytest.param(left_inside, right(turned, narrow), "return sine(", "1.25 times", id="both", marks=pytest.mark.whole),
]


@pytest.mark.parametrize(("torch_side", "jax_side", "line", "what"), MISTAKES)
def test_a_mistake_that_is_larger_is_named_all_the_same(torch_side: Any, jax_side: Any, line: str, what: str) -> None:
    found = _audited(torch_side, jax_side)
    text = found.text(110)
    assert found.exit_status == 1 and found.culprit == "jax", text
    (origin,) = [o for o in found.origins if o.kind == "gradient"]
    assert line in origin.jax_text and what in origin.what, text


@pytest.mark.whole
def test_a_small_mistake_in_a_value_is_not_taken_for_rounding() -> None:
    """1e-5 in place of 0: more than single precision does to a value."""
    found = _audited(lambda x, w: left(x, w) * (1 + 4e-5), right(soft=narrow))
    assert not found.values_agree and found.exit_status == 1
