"""Bar 2: the printed step, executed as it is printed, moves the parameters as torch's does, for a hundred steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.audit import Audit, compare_gradients

STEPS, RATE = 100, 0.03


def params() -> dict[str, Any]:
    draw = np.random.default_rng(3)

    def numbers(*shape: int) -> np.ndarray:
        return (draw.standard_normal(shape) + 1j * draw.standard_normal(shape)) / 2

    return {"w": numbers(3, 4), "b": numbers(3), "scale": draw.random(3) + 0.5, "out": numbers(3)}


def batch() -> np.ndarray:
    draw = np.random.default_rng(4)
    return draw.standard_normal((5, 4)) + 1j * draw.standard_normal((5, 4))


def torch_loss(params: Any, x: Any) -> Any:
    import torch

    h = torch.tanh(x @ params["w"].T + params["b"]) * params["scale"]
    return ((h @ params["out"] - (1 - 0.5j)).abs() ** 2).mean()


def jax_loss(params: Any, x: Any) -> Any:
    import jax.numpy as jnp

    h = jnp.tanh(x @ params["w"].T + params["b"]) * params["scale"]
    return (jnp.abs(h @ params["out"] - (1 - 0.5j)) ** 2).mean()


def torch_trajectory(make: Any) -> list[dict[str, np.ndarray]]:
    """The parameters after each step of an optimiser of torch's."""
    import torch

    held = {k: torch.from_numpy(v.copy()).requires_grad_() for k, v in params().items()}
    x, optimiser, out = torch.from_numpy(batch()), make(list(held.values())), []
    for _ in range(STEPS):
        optimiser.zero_grad()
        torch_loss(held, x).backward()
        optimiser.step()
        out.append({k: v.detach().numpy().copy() for k, v in held.items()})
    return out


class PlainStep:
    """The words of the issue: p -= lr * p.grad."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def zero_grad(self) -> None:
        for p in self.held:
            p.grad = None

    def step(self) -> None:
        import torch

        with torch.no_grad():
            for p in self.held:
                p -= RATE * p.grad


@pytest.fixture(scope="module")
def found() -> Audit:
    return compare_gradients(torch_loss, jax_loss, {"params": params(), "x": batch()})


def test_convention_alone_names_no_culprit(found: Audit) -> None:
    assert found.exit_status == 0 and found.culprit == "" and not found.differences
    assert {r.torch: (r.verdict, r.relation) for r in found.rows} == {
        "params.w": ("agree", "conjugate"), "params.b": ("agree", "conjugate"), "params.scale": ("agree", "equal"),
        "params.out": ("agree", "conjugate"), "x": ("agree", "conjugate"),
    }
    assert all(c.consistent for c in found.checks) and len(found.checks) == 4


@pytest.mark.parametrize("which", ["plain", "adam"])
def test_the_printed_step_makes_torchs_trajectory(found: Audit, which: str) -> None:
    jax = pytest.importorskip("jax")
    optax = pytest.importorskip("optax")
    import jax.numpy as jnp
    import torch

    (code,) = [s.code for s in found.suggestions if ("optax" in s.code) == (which == "adam") and s.code]
    assert all(line in found.text(size=100) for line in code.splitlines())
    expected = torch_trajectory(PlainStep if which == "plain" else lambda p: torch.optim.Adam(p, lr=RATE))
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        scope: dict[str, Any] = {
            "jax": jax, "jnp": jnp, "optax": optax, "jax_loss": jax_loss, "lr": RATE, "x": jnp.asarray(batch()),
            "params": {k: jnp.asarray(v) for k, v in params().items()},
        }
        lines = code.splitlines()
        once = [line for line in lines if line.startswith("opt = ")]
        exec("\n".join(once), scope)
        if once:
            exec("state = opt.init(params)", scope)
        step = compile("\n".join(line for line in lines if line not in once), "<printed>", "exec")
        for wanted in expected:
            exec(step, scope)
            for name, array in wanted.items():
                np.testing.assert_allclose(np.asarray(scope["params"][name]), array, rtol=1e-9, atol=1e-12)
    finally:
        jax.config.update("jax_enable_x64", before)


def test_what_the_advice_warns_of_is_true(found: Audit) -> None:
    """Without the conjugation, and with optax.adam alone, the trajectories are others."""
    jax = pytest.importorskip("jax")
    optax = pytest.importorskip("optax")
    import jax.numpy as jnp
    import torch

    expected = torch_trajectory(lambda p: torch.optim.Adam(p, lr=RATE))[4]["w"]
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        for turn, opt in ((jnp.conj, optax.adam(RATE)),
                          (lambda g: g, optax.contrib.split_real_and_imaginary(optax.adam(RATE)))):
            held = {k: jnp.asarray(v) for k, v in params().items()}
            state = opt.init(held)
            for _ in range(5):
                grads = jax.tree.map(turn, jax.grad(jax_loss)(held, jnp.asarray(batch())))
                updates, state = opt.update(grads, state, held)
                held = optax.apply_updates(held, updates)
            assert np.abs(np.asarray(held["w"]) - expected).max() > 1e-3
    finally:
        jax.config.update("jax_enable_x64", before)


def test_a_complex_output_gets_the_pullback_with_both_ends_conjugated() -> None:
    import torch

    jax = pytest.importorskip("jax")
    import jax.numpy as jnp

    def left(z: Any) -> Any:
        return z * z.conj() * z + torch.exp(z)

    def right(z: Any) -> Any:
        return z * jnp.conj(z) * z + jnp.exp(z)

    z = batch()[0]
    seen = compare_gradients(left, right, (z,))
    assert seen.exit_status == 0 and seen.rows[0].relation == "conjugate"
    (code,) = [s.code for s in seen.suggestions if "vjp" in s.code]
    c = batch()[1]
    leaf = torch.from_numpy(z.copy()).requires_grad_()
    (expected,) = torch.autograd.grad(left(leaf), leaf, torch.from_numpy(c))
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        scope: dict[str, Any] = {"jax": jax, "jnp": jnp, "right": right, "z": jnp.asarray(z), "c": jnp.asarray(c),
                                 "loss": right}
        exec(code, scope)
        np.testing.assert_allclose(np.asarray(scope["grads"][0]), expected.numpy(), rtol=1e-12)
    finally:
        jax.config.update("jax_enable_x64", before)
