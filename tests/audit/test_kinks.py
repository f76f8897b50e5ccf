"""Exact zeros, ties and padding accuse nobody; a mistake beside them is named.

What is right is known by construction: both sides are the same network in two languages, or one has a mistake put in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.audit import compare_gradients
from harness.differences import difference

ACTIVATIONS = ("relu", "maximum", "abs", "leaky", "relu6", "clip", "amax", "max")
LAYOUTS = ("padded", "zeros", "dead", "tied", "at-zero")
MISTAKES = ("stopped", "factor", "sign", "torch")


def arrays(layout: str) -> dict[str, Any]:
    draw = np.random.default_rng(3)
    x, w, b, v = (draw.standard_normal(s) for s in ((4, 3), (3, 4), 4, 4))
    b[:] = 0.0 if layout in ("padded", "zeros", "dead", "at-zero") else b
    if layout == "padded":
        x[2:] = 0
    elif layout == "zeros":
        x[0], w[:, 1] = 0, 0
    elif layout == "dead":
        w[:, 0] = 0
    elif layout == "tied":
        w[:, 1], b[1] = w[:, 0], b[0]
    else:
        w[:] = 0
    return {"w": w, "b": b, "v": v, "x": x}


def torch_activation(name: str, h: Any) -> Any:
    import torch
    import torch.nn.functional as F

    return {
        "relu": F.relu, "maximum": F.relu, "abs": torch.abs, "leaky": lambda h: F.leaky_relu(h, 0.01), "relu6": F.relu6,
        "clip": lambda h: h.clamp(min=0), "amax": lambda h: h.amax(-1, keepdim=True) + 0 * h,
        "max": lambda h: h.max(-1, keepdim=True).values + 0 * h,
    }[name](h)


def jax_activation(name: str, h: Any) -> Any:
    import jax
    import jax.numpy as jnp

    return {
        "relu": jax.nn.relu, "maximum": lambda h: jnp.maximum(h, 0), "abs": jnp.abs,
        "leaky": lambda h: jax.nn.leaky_relu(h, 0.01), "relu6": jax.nn.relu6, "clip": lambda h: jnp.clip(h, 0),
        "amax": lambda h: h.max(-1, keepdims=True) + 0 * h, "max": lambda h: h.max(-1, keepdims=True) + 0 * h,
    }[name](h)


def pair(activation: str, mistake: str = "") -> Any:
    """The same network twice: a layer with a kink, a smooth one, a loss; one side with a mistake in its gradient."""
    import jax
    import jax.numpy as jnp
    import torch

    @jax.custom_vjp
    def spoilt(v: Any) -> Any:
        return v

    factor = {"factor": 1.5, "sign": -1.0}.get(mistake, 1.0)
    spoilt.defvjp(lambda v: (v, None), lambda _, c: (factor * c,))

    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, v: Any) -> Any:
            return v.clone()

        @staticmethod
        def backward(ctx: Any, c: Any) -> Any:
            return 2 * c

    def left(w: Any, b: Any, v: Any, x: Any) -> Any:
        v = Doubled.apply(v) if mistake == "torch" else v
        return (torch.tanh(torch_activation(activation, x @ w + b) * v + v)).sum() + (v * v).sum()

    def right(w: Any, b: Any, v: Any, x: Any) -> Any:
        v = jax.lax.stop_gradient(v) if mistake == "stopped" else spoilt(v)
        return jnp.tanh(jax_activation(activation, x @ w + b) * v + v).sum() + (v * v).sum()

    return left, right


def strided(first: tuple[str, ...], second: tuple[str, ...]) -> list[Any]:
    """All pairs; those beyond two for each of the first, chosen so that the second take turns, are of the whole."""
    return [
        pytest.param(a, b, marks=() if (j - i) % len(second) in (0, 2) else pytest.mark.whole, id=f"{a}-{b}")
        for i, a in enumerate(first) for j, b in enumerate(second)
    ]


@pytest.mark.parametrize(("activation", "layout"), strided(ACTIVATIONS, LAYOUTS))
def test_nobody_is_accused_at_a_kink(activation: str, layout: str) -> None:
    found = compare_gradients(*pair(activation), arrays(layout), constant=["x"])
    assert (found.exit_status, found.culprit, found.faults) == (0, "", ())
    assert {r.verdict for r in found.rows} <= {"agree", "choice"}
    assert "wrong" not in found.text() and "no gradient arrives" not in found.text()


@pytest.mark.parametrize(("activation", "mistake"), strided(("relu", "abs", "maximum", "leaky", "max"), MISTAKES))
def test_a_mistake_beside_a_kink_is_named(activation: str, mistake: str) -> None:
    found = compare_gradients(*pair(activation, mistake), arrays("tied" if activation == "max" else "padded"),
                              constant=["x"], trace=False)
    side = "torch" if mistake == "torch" else "jax"
    assert (found.exit_status, found.culprit) == (1, side)
    bad = [r for r in found.rows if r.verdict not in ("agree", "choice")]
    assert [(r.name, r.culprit) for r in bad] == [("v", side)]


def test_the_same_mistake_on_both_sides_at_a_kink_is_found() -> None:
    import jax
    import torch

    def left(b: Any) -> Any:
        return torch.relu(b).sum() + (b.detach() * b).sum()  # b**2 by half its derivative

    def right(b: Any) -> Any:
        return jax.nn.relu(b).sum() + (jax.lax.stop_gradient(b) * b).sum()

    found = compare_gradients(left, right, (np.array([1.0, -2.0, 0.0]),))
    assert (found.exit_status, found.culprit) == (1, "both")


def test_a_slope_that_no_side_of_the_kink_has_is_no_choice() -> None:
    """At 0 the slopes of |b| are -1 and 1; a rule that says 5 there, and is right elsewhere, is wrong."""
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def modulus(b: Any) -> Any:
        return jnp.abs(b)

    modulus.defvjp(lambda b: (jnp.abs(b), b), lambda b, c: (c * jnp.where(b == 0, 50.0, jnp.sign(b)),))
    found = compare_gradients(lambda b: b.abs().sum(), lambda b: modulus(b).sum(), (np.array([1.0, -2.0, 0.0]),))
    assert found.exit_status == 1 and found.rows[0].verdict != "choice"


def test_one_sided_slopes() -> None:
    bent = difference(lambda t: abs(t) + 3 * t + t * t, single=False)
    assert bent.torn and (bent.left, bent.right) == pytest.approx((2, 4), rel=1e-12)
    assert not difference(lambda t: float(np.sin(t + 1)), single=False).torn


def test_a_scalar_parameter_stays_a_scalar() -> None:
    import jax.numpy as jnp

    found = compare_gradients(lambda s: s**2, lambda s: jnp.stack([s, 1.0])[0] ** 2, (np.array(2.0),))
    assert found.exit_status == 0 and all(c.consistent for c in found.checks)


def test_values_that_differ_are_not_said_to_agree() -> None:
    x = np.arange(12.0).reshape(4, 3) ** 2
    found = compare_gradients(lambda x: x.var(0).sum(), lambda x: x.var(0).sum(), (x,))
    assert "the values agree" not in found.text() and "the values differ too" in " ".join(found.hints)


def test_a_factor_near_one_is_not_called_one() -> None:
    found = compare_gradients(lambda x: (x * (1 + 5e-8)).sum(), lambda x: x.sum(), (np.arange(1.0, 4.0),))
    assert "is 1 times" not in found.text(100) and "is (1 + 5e-08) times" in found.text(100)
