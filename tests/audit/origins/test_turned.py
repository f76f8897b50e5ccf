"""A loop that runs in the other order is one origin, although each of its steps differs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from harness.audit import compare_gradients

DRAW = np.random.default_rng(0)
INPUTS = {"x": DRAW.standard_normal((2, 4, 3)), "w": DRAW.standard_normal((3, 16)), "u": DRAW.standard_normal((4, 16)),
          "b": DRAW.standard_normal(16)}


def plain(x: Any, w: Any, u: Any, b: Any) -> Any:
    h, out = torch.zeros(2, 4, dtype=x.dtype), []
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] @ w[:, :4] + h @ u[:, :4] + b[:4])
        out.append(h)
    return torch.stack(out, 1).sin()


def gated(x: Any, w: Any, u: Any, b: Any) -> Any:
    zero = torch.zeros(1, 2, 4, dtype=x.dtype)
    return torch.lstm(x, (zero, zero), [w.T, u.T, b, torch.zeros_like(b)], True, 1, 0.0, False, False, True)[0].tanh()


def backwards(x: Any, w: Any, u: Any, b: Any) -> Any:
    def cell(h: Any, x: Any) -> Any:
        h = jnp.tanh(x @ w[:, :4] + h @ u[:, :4] + b[:4])
        return h, h

    _, out = jax.lax.scan(cell, jnp.zeros((2, 4)), x.swapaxes(0, 1), reverse=True)
    return jnp.sin(out.swapaxes(0, 1))


def _gates(x: Any, w: Any, u: Any, b: Any) -> Any:
    def cell(carry: Any, x: Any) -> Any:
        h, c = carry
        i, f, g, o = jnp.split(x @ w + h @ u + b, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((2, 4))
    return jax.lax.scan(cell, (zero, zero), x.swapaxes(0, 1))[1].swapaxes(0, 1)


def flipped(x: Any, w: Any, u: Any, b: Any) -> Any:
    turned = jnp.flip(x, 1)
    return jnp.tanh(_gates(turned, w, u, b))


def flipped_back(x: Any, w: Any, u: Any, b: Any) -> Any:
    turned = jnp.flip(x, 1)
    return jnp.tanh(jnp.flip(_gates(turned, w, u, b), 1))


PAIRS = [
    pytest.param(plain, backwards, "reverse=True", "its sequence and its results", id="a-loop-by-hand"),
    pytest.param(gated, flipped, "jnp.flip(x, 1)", "its sequence reversed", id="gates", marks=pytest.mark.whole),
    pytest.param(gated, flipped_back, "turned = jnp.flip(x, 1)", "its sequence and its results", id="order-kept",
                 marks=pytest.mark.whole),
]


@pytest.mark.parametrize(("left", "right", "line", "what"), PAIRS)
def test_a_loop_in_the_other_order_is_one_origin(left: Any, right: Any, line: str, what: str) -> None:
    found = compare_gradients(left, right, INPUTS)
    (origin,) = found.origins
    assert line in origin.jax_text and what in origin.what and found.culprit == "", found.text(110)
    assert "the other order" in origin.what


@pytest.mark.whole
def test_a_loop_with_another_mistake_is_not_said_to_be_turned() -> None:
    def other(x: Any, w: Any, u: Any, b: Any) -> Any:
        return jnp.tanh(_gates(x, w, u, b * 1.5))

    found = compare_gradients(gated, other, INPUTS)
    assert found.origins and not any("other order" in o.what for o in found.origins)
