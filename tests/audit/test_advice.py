"""Bar 2: the printed step, executed as it is printed, moves the parameters as torch's does, for twenty steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.audit import Audit, compare_gradients

STEPS, RATE = 20, 0.03


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
    return compare_gradients(torch_loss, jax_loss, {"params": params(), "x": batch()}, constant=["x"], trace=False)


def test_convention_alone_names_no_culprit(found: Audit) -> None:
    assert found.exit_status == 0 and found.culprit == "" and not found.differences
    assert {r.torch: (r.verdict, r.relation) for r in found.rows} == {
        "params.w": ("agree", "conjugate"), "params.b": ("agree", "conjugate"), "params.scale": ("agree", "equal"),
        "params.out": ("agree", "conjugate"),
    }
    assert all(c.consistent for c in found.checks) and len(found.checks) == 4


OPTIMISERS = ("sgd", "Adam", "AdamW", "RMSprop", "Adagrad")


def printed(found: Audit, optimiser: str) -> tuple[str, str]:
    """(what is written once, the step) as the answer prints them."""
    blocks = [s.code for s in found.suggestions if s.code]
    assert all(line in found.text(size=100) for code in blocks for line in code.splitlines())
    plain, adam, others = blocks
    first, step = adam.split("\n", 1)
    assert first.startswith("opt = ") and others.count("opt = ") == 3
    if optimiser == "sgd":
        return "", plain
    chosen = first if optimiser == "Adam" else next(
        line for line in others.splitlines() if f"optax.{optimiser.lower()}(" in line and line.startswith("opt = "))
    return chosen, step


def followed(found: Audit, optimiser: str, scope: dict[str, Any], trees: str) -> Any:
    """The scope after each printed step."""
    import jax
    import jax.numpy as jnp
    import optax

    once, step = printed(found, optimiser)
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        held = {k: jax.tree.map(jnp.asarray, v) if not callable(v) else v for k, v in scope.items()}
        held |= {"jax": jax, "jnp": jnp, "optax": optax, "lr": RATE}
        exec(once, held)
        if once:
            exec(f"state = opt.init({trees})", held)
        code = compile(step, "<printed>", "exec")
        for _ in range(STEPS):
            exec(code, held)
            yield held
    finally:
        jax.config.update("jax_enable_x64", before)


def make(optimiser: str) -> Any:
    import torch

    return PlainStep if optimiser == "sgd" else lambda p: getattr(torch.optim, optimiser)(p, lr=RATE)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_the_printed_step_makes_torchs_trajectory(found: Audit, optimiser: str) -> None:
    pytest.importorskip("optax")
    expected = torch_trajectory(make(optimiser))
    seen = followed(found, optimiser, {"jax_loss": jax_loss, "x": batch(), "params": params()}, "params")
    for wanted, scope in zip(expected, seen, strict=True):
        for name, array in wanted.items():
            np.testing.assert_allclose(np.asarray(scope["params"][name]), array, rtol=1e-7, atol=1e-9)


def torch_three(a: Any, x: Any, b: Any, state: Any) -> Any:
    return ((a * a + b * x).abs() ** 2).mean() + (state * b).abs().sum()


def jax_three(a: Any, x: Any, b: Any, *, state: Any) -> Any:
    import jax.numpy as jnp

    return (jnp.abs(a * a + b * x) ** 2).mean() + jnp.abs(state * b).sum()


def jax_positional(a: Any, x: Any, b: Any, state: Any) -> Any:
    return jax_three(a, x, b, state=state)


@pytest.fixture(scope="module", params=[jax_positional, jax_three])
def three(request: Any) -> tuple[Audit, Any]:
    """Three complex arguments around a real one; one may have to be given by name, and goes by a word of the code."""
    given = {"a": batch()[0], "x": np.arange(1.0, 5.0), "b": batch()[1], "state": batch()[2]}
    return compare_gradients(torch_three, request.param, given, constant=["x"], trace=False), given


@pytest.mark.parametrize("optimiser", ["sgd", "Adam", "AdamW"])
def test_every_complex_argument_moves(three: tuple[Audit, Any], optimiser: str) -> None:
    import torch

    pytest.importorskip("optax")
    found, given = three
    held = {k: torch.from_numpy(v.copy()).requires_grad_(k != "x") for k, v in given.items()}
    step = make(optimiser)([held[k] for k in ("a", "b", "state")])
    once, code = printed(found, optimiser)
    assert "state_" in code or not once  # an argument's own name is left alone
    import jax
    import jax.numpy as jnp
    import optax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        scope = {k: jnp.asarray(v) for k, v in given.items()}
        scope |= {"jax": jax, "jnp": jnp, "optax": optax, "lr": RATE, "jax_three": jax_three,
                  "jax_positional": jax_positional}
        exec(once, scope)
        if once:
            exec("state_ = opt.init((a, b, state))", scope)
        for _ in range(STEPS):
            step.zero_grad()
            torch_three(**held).backward()
            step.step()
            exec(code, scope)
            for name in ("a", "b", "state"):
                np.testing.assert_allclose(np.asarray(scope[name]), held[name].detach().numpy(), rtol=1e-8, atol=1e-10)
    finally:
        jax.config.update("jax_enable_x64", before)


def test_what_is_said_of_defaults_is_what_the_packages_have() -> None:
    import inspect

    import torch

    optax = pytest.importorskip("optax")
    from harness.audit.suggestions import _OTHERS

    def default(function: Any, name: str) -> Any:
        return inspect.signature(function).parameters[name].default

    assert "weight_decay=0.01" in _OTHERS[0][0] and default(torch.optim.AdamW, "weight_decay") == 0.01
    assert default(optax.adamw, "weight_decay") == 1e-4 and "0.0001" in _OTHERS[0][0]
    assert default(torch.optim.AdamW, "eps") == default(optax.adamw, "eps") == 1e-8
    assert (default(torch.optim.RMSprop, "alpha"), default(optax.rmsprop, "decay")) == (0.99, 0.9)
    assert default(torch.optim.Adagrad, "initial_accumulator_value") == 0
    assert default(torch.optim.Adagrad, "eps") == 1e-10 and default(optax.adagrad, "initial_accumulator_value") == 0.1


def steps(optimiser: Any, transformation: Any) -> tuple[Any, Any]:
    """One step of torch's optimiser, and one of optax's on conjugated gradients, as an audit takes them."""
    import jax
    import jax.numpy as jnp
    import optax

    def torch_step(a: Any, b: Any) -> Any:
        opt = optimiser([a, b])
        opt.zero_grad()
        torch_two(a, b).backward()
        opt.step()

    def jax_step(a: Any, b: Any) -> Any:
        grads = jax.tree.map(jnp.conj, jax.grad(jax_two)(a, b))
        updates, _ = transformation.update(grads, transformation.init(a), a)
        return optax.apply_updates(a, updates)

    return torch_step, jax_step


def torch_two(a: Any, b: Any) -> Any:
    return ((a * a * b).abs() ** 2).sum()


def jax_two(a: Any, b: Any) -> Any:
    import jax.numpy as jnp

    return (jnp.abs(a * a * b) ** 2).sum()


def pairs() -> dict[str, tuple[Any, Any, list[str]]]:
    import torch

    optax = pytest.importorskip("optax")
    split, t = optax.contrib.split_real_and_imaginary, torch.optim
    return {
        "the same": (lambda p: t.Adam(p, lr=0.1), split(optax.adam(0.1)), []),
        "decay": (lambda p: t.AdamW(p, lr=0.1), split(optax.adamw(0.1)),
                  ["weight decay: 0.01 (the default of torch.optim.AdamW) in torch",
                   "0.0001 (the default of optax.adamw)"]),
        "accumulator": (lambda p: t.Adagrad(p, lr=0.1), split(optax.adagrad(0.1)),
                        ["initial accumulator: 0 in torch, 0.1 (the default of optax.adagrad) in JAX"]),
        "rmsprop": (lambda p: t.RMSprop(p, lr=0.1), split(optax.rmsprop(0.1)),
                    ["3.16228 times JAX's: what alpha=0.99", "epsilon under the root: 0 in torch, 1e-07"]),
        "epsilon": (lambda p: t.Adam(p, lr=0.1), split(optax.adam(0.1, eps=1e-3)),
                    ["epsilon: 1e-08 (the default of torch.optim.Adam and optax.adam) in torch, 0.001 in JAX"]),
        "together": (lambda p: t.Adam(p, lr=0.1), optax.adam(0.1), ["JAX takes |g|^2"]),
        "rate": (lambda p: t.SGD(p, lr=0.1), optax.sgd(0.2), ["torch is 0.5 times JAX's"]),
        "kinds": (lambda p: t.SGD(p, lr=0.1), split(optax.adam(0.1)), ["two optimisers"]),
    }


@pytest.mark.parametrize(
    "name", ["the same", "decay", "accumulator", "rmsprop", "epsilon", "together", "rate", "kinds"])
def test_a_step_names_the_default_that_differs(name: str) -> None:
    optimiser, transformation, said = pairs()[name]
    left, right = steps(optimiser, transformation)
    a, b = batch()[0] + 1, batch()[1]
    seen = compare_gradients(torch_two, jax_two, (a, b), constant=["b"], torch_step=left, jax_step=right, trace=False,
                             differences=False)
    assert bool(said) == bool(seen.hints), seen.text(100)
    assert all(any(words in hint for hint in seen.hints) for words in said), seen.hints
    assert len(seen.hints) <= len(said)


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
