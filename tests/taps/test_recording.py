"""Taps: nothing when nobody listens; values and gradients where an audit does. Expected values are worked out here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import harness
from harness.backends.jax import taps as _taps_jax
from harness.backends.torch import taps as _taps_torch
from harness.tapping import MOST, Tapped, listening

jax.config.update("jax_enable_x64", True)
W = np.array([1 + 2j, 0.5 - 1j])
X = np.array([[1 + 0.5j, 2 + 0.5j], [3 + 0.5j, -1 + 0.5j]])


def of_torch(function: Callable[[Any], Any], w: Any = W) -> dict[str, Tapped]:
    leaf = torch.tensor(w, requires_grad=True)
    return {t.name: t for t in _taps_torch.record(torch, lambda: function(leaf))}


def of_jax(function: Callable[[Any], Any], w: Any = W) -> dict[str, Tapped]:
    return {t.name: t for t in _taps_jax.record(jax, function, jnp.asarray(w))}


def test_a_tap_is_the_thing_itself_and_needs_nothing() -> None:
    thing = object()
    assert harness.tap("x", thing) is thing
    code = (
        "import harness, sys; assert harness.tap('x', 3) == 3 and harness.tap is harness.__dict__['tap']; "
        "print([m for m in ('numpy', 'pandas', 'torch', 'jax', 'yaml', 'argparse') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_listening_ends_also_after_an_exception() -> None:
    with pytest.raises(RuntimeError), listening(lambda name, x: None):
        assert harness.tap("x", 1) is None
        raise RuntimeError
    assert harness.tap("x", 1) == 1


def test_both_sides_give_the_gradient_in_one_convention() -> None:
    # L = sum |h|^2 with h = X w: dL/d(Re h) + i dL/d(Im h) = 2 h, and 1 at L itself.
    h = X @ W
    for found in (
        of_torch(lambda w: harness.tap("L", (harness.tap("h", torch.tensor(X) @ w).abs() ** 2).sum())),
        of_jax(lambda w: harness.tap("L", (jnp.abs(harness.tap("h", jnp.asarray(X) @ w)) ** 2).sum())),
    ):
        assert list(found) == ["h", "L"]
        np.testing.assert_allclose(found["h"].value, h, rtol=1e-14)
        np.testing.assert_allclose(found["h"].gradient, 2 * h, rtol=1e-14)
        np.testing.assert_allclose(found["L"].value, np.sum(np.abs(h) ** 2), rtol=1e-14)
        np.testing.assert_array_equal(found["L"].gradient, 1.0)
        assert found["h"].connected is True and not found["h"].note


def test_a_tensor_written_into_afterwards_keeps_the_value_and_the_gradient_it_had() -> None:
    def loss(w: Any) -> Any:
        h = harness.tap("h", 1 * w)
        before = h.real.sum()
        h.mul_(3)
        return before + h.real.sum()

    found = of_torch(loss)["h"]
    np.testing.assert_array_equal(found.value, W)
    np.testing.assert_array_equal(found.gradient, [4, 4])  # 1 from before, 3 through what it became


def test_a_tap_changes_no_bit_in_jax() -> None:
    # On the cut of the logarithm the sign of a zero decides: log(-1 - 0i) = -i pi, log(-1 + 0i) = i pi.
    below = np.array(complex(-1.0, -0.0))
    seen: list[Any] = []

    def loss(w: Any) -> Any:
        out = jnp.log(harness.tap("z", w)).imag
        seen.append(out)
        return out

    assert of_jax(loss, below)["z"].value == below
    assert [round(float(getattr(x, "primal", x)), 3) for x in seen] == [-3.142] * 3
    weak = {t.name: t for t in _taps_jax.record(jax, lambda w: (w * harness.tap("s", jnp.asarray(2.0))).sum(),
                                                jnp.ones(2, jnp.float32))}
    assert weak["s"].gradient == 2


def test_what_has_no_gradient_says_why() -> None:
    def t(w: Any) -> Any:
        harness.tap("data", torch.ones(2))
        with torch.no_grad():
            harness.tap("frozen", w * 2)
        harness.tap("count", torch.tensor([1, 2]))
        harness.tap("text", "words")
        harness.tap("number", 2.5)
        harness.tap("unused", w * 3)
        harness.tap("cut", (w * 3).detach())
        return w.real.sum()

    found = of_torch(t)
    assert {n: e.gradient is None for n, e in found.items()} == {
        "data": True, "frozen": True, "count": True, "text": True, "number": True, "unused": False, "cut": True,
    }
    assert "no_grad" in found["frozen"].note and "detached" in found["cut"].note and "int64" in found["count"].note
    assert found["text"].value is None and found["number"].value == 2.5
    np.testing.assert_array_equal(found["unused"].gradient, [0, 0])

    def j(w: Any) -> Any:
        harness.tap("data", jnp.ones(2))
        harness.tap("count", jnp.array([1, 2]))
        harness.tap("text", "words")
        harness.tap("number", 2.5)
        return w.real.sum() + harness.tap("cut", jax.lax.stop_gradient(w * 3)).real.sum()

    found = of_jax(j)
    assert found["data"].connected is False and found["cut"].connected is False
    np.testing.assert_array_equal(found["cut"].gradient, [1, 1])
    assert "int" in found["count"].note and found["text"].value is None and found["number"].value == 2.5


def test_names_that_come_again_and_containers() -> None:
    def loss(w: Any) -> Any:
        for _ in range(3):
            w = harness.tap("h", w * 1)
        parts = harness.tap("p", {"a": w.real, "b": (w.imag, [w.imag])})
        return parts["a"].sum() + 2 * parts["b"][0].sum() + 4 * parts["b"][1][0].sum()

    for found in (of_torch(loss), of_jax(loss)):
        assert list(found) == ["h", "h#2", "h#3", "p.a", "p.b[0]", "p.b[1][0]"]
        np.testing.assert_array_equal(found["h"].gradient, [1 + 6j, 1 + 6j])
        assert [found[n].gradient.tolist() for n in ("p.a", "p.b[0]", "p.b[1][0]")] == [[1, 1], [2, 2], [4, 4]]


def test_taps_under_jit_in_loops_and_branches() -> None:
    @jax.jit
    def inner(h: Any) -> Any:
        return harness.tap("inner", h * 2)

    inner(jnp.asarray(W))  # compiled before: only its Python knows of the tap

    def loss(w: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            return harness.tap("carry", carry * x), None

        last, _ = jax.lax.scan(step, inner(w), jnp.array([2.0, 5.0]))
        last = jax.lax.cond(True, lambda v: harness.tap("branch", v), lambda v: v, last)
        return jax.lax.while_loop(lambda s: s[0] < 1, lambda s: (s[0] + 1, s[1]), (0, last.real.sum()))[1]

    found = of_jax(loss)
    assert {n: e.gradient.real.tolist() for n, e in found.items()} == {
        "inner": [10, 10], "carry": [5, 5], "carry#2": [1, 1], "branch": [1, 1],
    }


def test_a_tap_inside_a_transformation_gets_a_sentence() -> None:
    found = of_jax(lambda w: jax.vmap(lambda a: harness.tap("v", a).real)(harness.tap("w", w)).sum())
    assert "vmap" in found["v"].note and found["v"].value is None
    np.testing.assert_array_equal(found["w"].gradient, [1, 1])
    found = of_jax(lambda w: jax.checkpoint(lambda a: harness.tap("c", a).real)(w).sum())
    assert "checkpoint" in found["c"].note
    found = of_torch(lambda w: torch.vmap(lambda a: harness.tap("v", a).real)(harness.tap("w", w)).sum())
    assert "torch.func" in found["v"].note
    np.testing.assert_array_equal(found["w"].gradient, [1, 1])


def test_taps_that_come_and_go_are_noticed() -> None:
    calls: list[int] = []

    def loss(w: Any) -> Any:
        calls.append(1)
        return (harness.tap("odd", w) if len(calls) % 2 else w).real.sum()

    assert "differently" in of_jax(loss)["odd"].note


def test_a_flood_of_taps_is_cut_off_and_said() -> None:
    def loss(w: Any) -> Any:
        for _ in range(MOST + 5):
            harness.tap("h", w)
        return w.real.sum()

    found = of_torch(loss)
    assert len(found) == MOST + 1 and found["..."].note.startswith("5 more calls")
