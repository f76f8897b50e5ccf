"""Values that are computed to a tolerance, dtypes that change on the way, NaN on both sides, and constants by name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from harness.audit import Audit, compare_gradients
from harness.audit.constants import lengths, meaning
from harness.differences import difference, noise

X = np.linspace(-1.0, 1.5, 6)


def asked(torch_side: Any, jax_side: Any, *inputs: Any) -> Audit:
    return compare_gradients(torch_side, jax_side, inputs, trace=False)


def root(numpy: Any, a: Any, stop: float) -> Any:
    """sqrt(a) by Newton's steps from 1, until they are shorter than `stop`: plain numbers."""
    r, moved = numpy.ones_like(a), math.inf
    while moved > stop:
        new = r - 0.2 * (r * r - a) / r
        moved, r = float(abs(new - r).sum()), new
    return r


def loop(factor: float = 1.0) -> Any:
    """The sum of roots that a loop finds on torch, with the gradient of what it converges to: 1 / (2 sqrt(a))."""
    import torch

    class Root(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            ctx.save_for_backward(a)
            return torch.from_numpy(root(np, a.detach().numpy(), 1e-5))

        @staticmethod
        def backward(ctx: Any, c: Any) -> Any:
            return factor * c / (2 * ctx.saved_tensors[0].sqrt())

    return lambda a: (Root.apply(a) ** 3).sum()


A = np.array([0.3, 1.7, 4.0])


def test_a_loop_that_stops_accuses_nobody_and_says_the_tolerance() -> None:
    found = asked(loop(), lambda a: (a**1.5).sum(), A)
    assert found.culprit == "" and "wrong" not in found.text(), found.text(100)
    assert "--rtol" in found.text(400)


def test_a_mistake_in_the_gradient_of_such_a_loop_is_named() -> None:
    found = asked(loop(1.02), lambda a: (a**1.5).sum(), A)
    assert (found.exit_status, found.culprit) == (1, "torch"), found.text(100)


def transport(turns: int, scale: float = 1.0) -> tuple[Any, Any]:
    """The dual value of entropic transport after some of Sinkhorn's turns, by the envelope theorem: the plan."""
    import jax
    import jax.numpy as jnp
    import torch

    def turn(c: Any, sums: Any, f: Any) -> tuple[Any, Any]:
        g = -sums(f[:, None] - 4 * c, 0) - math.log(5)
        return -sums(g - 4 * c, 1) - math.log(5), g

    def left(c: Any) -> Any:
        f = 0 * c[0].detach()
        for _ in range(turns):
            f, g = turn(c.detach(), torch.logsumexp, f)
        return 0.25 * ((f + g).mean() - torch.exp(f[:, None] + g - 4 * c).sum())

    def right(c: Any) -> Any:
        held = jax.lax.stop_gradient(c)
        f = jax.lax.fori_loop(0, turns - 1, lambda _, f: turn(held, jax.nn.logsumexp, f)[0], 0 * held[0])
        f, g = turn(held, jax.nn.logsumexp, f)
        plan = f[:, None] + g - 4 * (scale * c + (1 - scale) * held)
        return 0.25 * (jnp.mean(f + g) - jnp.exp(plan).sum())

    return left, right


COST = np.random.default_rng(0).random((5, 5))


def test_a_gradient_of_the_limit_of_an_iteration_accuses_nobody_and_is_told() -> None:
    found = asked(*transport(9), COST)
    assert (found.exit_status, found.culprit) == (0, "") and "wrong" not in found.text(), found.text(100)
    assert found.who.startswith("Both sides have the same gradient, and it differs from finite differences")
    assert asked(*transport(30), COST).who.startswith("Each side's gradient is the derivative of its own value")


def test_a_mistake_on_one_side_of_such_an_iteration_is_named() -> None:
    found = asked(*transport(30, 0.98), COST)
    assert (found.exit_status, found.culprit) == (1, "jax"), found.text(100)


def test_the_same_small_mistake_without_an_iteration_is_named_on_both_sides() -> None:
    import jax
    import jax.numpy as jnp
    import torch

    found = asked(lambda x: (torch.tanh(x) ** 2).sum() + 1e-3 * x.detach().exp().sum(),
                  lambda x: (jnp.tanh(x) ** 2).sum() + 1e-3 * jnp.exp(jax.lax.stop_gradient(x)).sum(), X)
    assert (found.exit_status, found.culprit) == (1, "both")


@pytest.mark.parametrize("size", [1e-2, 1e-6])
def test_a_small_mistake_of_a_smooth_function_is_no_tolerance(size: float) -> None:
    import jax
    import jax.numpy as jnp
    import torch

    def right(x: Any) -> Any:
        return (jnp.tanh(jax.lax.stop_gradient(x) * size + x * (1 - size)) ** 2).sum()

    found = asked(lambda x: (torch.tanh(x) ** 2).sum(), right, X)
    assert (found.exit_status, found.culprit) == (1, "jax")
    predicted, estimate = found.who.split("predicts ")[1].split(", the value changes by ")
    assert predicted != estimate.split()[0]  # as many digits as show it


def test_noise_is_what_jumps() -> None:
    assert noise(lambda t: math.exp(t), False) == 0 and noise(lambda t: abs(t) + math.sin(t), False) == 0
    stepped = lambda t: math.floor((1 + t) * 1.0123e9) / 1.0123e9  # noqa: E731
    assert 0 < noise(stepped, False) < 1e-8
    points = np.linspace(0.3, 1.7, 9)
    single = lambda t: float(np.tanh((points * (1 + t)).astype(np.float32)).sum())  # noqa: E731
    jumps = noise(single, False)
    assert 1e-8 < jumps < 1e-6
    found = difference(single, False, jumps)
    assert abs(found.estimate - (points / np.cosh(points) ** 2).sum()) <= found.error < 1e-3


def test_single_precision_inside_is_said_first() -> None:
    import jax.numpy as jnp
    import torch

    found = asked(lambda x: (torch.tanh(x) ** 2).sum(), lambda x: (jnp.tanh(x.astype(jnp.float32)) ** 2).sum(), X)
    lines = found.text(400).splitlines()
    assert found.exit_status == 0 and lines[3].startswith("Precision: JAX returns its value in float32"), lines
    inside = asked(lambda x: (torch.tanh(x.float()) ** 2).sum().double(), lambda x: (jnp.tanh(x) ** 2).sum(), X)
    assert inside.culprit == "" and "--precision double" not in inside.text()
    assert inside.text(400).splitlines()[3].startswith("Precision: torch computes in float32 inside although")


def test_warnings_of_frameworks_are_shown() -> None:
    import warnings

    def left(x: Any) -> Any:
        warnings.warn("Casting complex values to real discards the imaginary part", UserWarning, stacklevel=1)
        return (x**2).sum()

    found = asked(left, lambda x: (x**2).sum(), X)
    assert found.exit_status == 0
    assert "torch warned: UserWarning: Casting complex values to real" in found.text(400)
    assert found.text(400).count("Casting complex") == 1


def test_nan_on_both_sides_is_no_agreement() -> None:
    import jax.numpy as jnp
    import torch

    found = asked(lambda x: torch.log(x).sum(), lambda x: jnp.log(x).sum(), X)
    assert found.exit_status == 1 and found.values[0].verdict == "nonfinite" and found.culprit == ""
    assert "NaN on both sides" in found.text() and "agree, largest" not in found.text()
    hidden = asked(lambda x: torch.where(x > 0, torch.sqrt(x), 0 * x).sum(),
                   lambda x: jnp.where(x > 0, jnp.sqrt(x), 0 * x).sum(), X)  # the branch not taken is NaN * 0
    assert (hidden.exit_status, hidden.rows[0].verdict, hidden.culprit) == (1, "nonfinite", "both")


def test_two_functions_of_one_name_are_no_wrong_derivative() -> None:
    import jax
    import torch

    found = asked(lambda x: torch.nn.functional.gelu(x).sum(), lambda x: jax.nn.gelu(x).sum(), X)
    assert "the derivative of `gelu` is wrong" not in found.text(400)
    assert any("has other values by default" in s for s in found.start)
    exact = asked(lambda x: torch.nn.functional.gelu(x).sum(),
                  lambda x: jax.nn.gelu(jax.lax.stop_gradient(x), approximate=False).sum(), X)
    assert exact.culprit == "jax" and "by default" not in exact.text(400)  # JAX calls the exact form: that is not it


def test_a_constant_gets_its_meaning() -> None:
    import jax.numpy as jnp

    w = np.arange(12.0).reshape(4, 3) ** 2
    found = asked(lambda w: w.var(0).sum(), lambda w: jnp.var(w, axis=0).sum(), w)
    assert any("N/(N - 1) for N = 4, the length of axis 0 of w" in h for h in found.hints)


@pytest.mark.parametrize(("ratio", "said"), [
    (4 / 3, "N/(N - 1) for N = 4, the length of axis 0 of x"), (3 / 4, "(N - 1)/N for N = 4"),
    (math.sqrt(4 * math.pi), "sqrt(4 pi)"), (1 / 12, "1/N for N = 12, the number of entries of x"),
    (-5.0, "-N for N = 5, the length of axis 1 of y"), (1.0, ""), (2.0, ""), (1.2345, ""), (1 / math.pi, "1/pi"),
])
def test_meanings(ratio: float, said: str) -> None:
    found = meaning(ratio, lengths({"x": (4, 3), "y": (2, 5)}), 1e-9)
    assert found.startswith(said) and bool(found) == bool(said)
