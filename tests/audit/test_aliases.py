"""Parameters that a module reaches by another path than its own attributes: every gradient arrives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.audit import compare_gradients

torch = pytest.importorskip("torch")
W = np.array([0.5, -1.5, 2.0])
X = np.array([1.0, 2.0, -3.0])


class InAList(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(W))
        self.all = [self.w]

    def forward(self, x: Any) -> Any:
        return (x * self.all[0]).sum() ** 2


class InAnObject(torch.nn.Module):
    """As Keras holds its variables: an object of its own, which is no module."""

    class Variable:
        def __init__(self, value: Any) -> None:
            self.value = value

    def __init__(self) -> None:
        super().__init__()
        self.variable = self.Variable(torch.nn.Parameter(torch.tensor(W)))
        self.held = torch.nn.ParameterDict({"layer/w": self.variable.value})

    def forward(self, x: Any) -> Any:
        return (x * self.variable.value).sum() ** 2


class InAClosure(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = w = torch.nn.Parameter(torch.tensor(W))
        self.apply_it = lambda x: (x * w).sum() ** 2

    def forward(self, x: Any) -> Any:
        return self.apply_it(x)


@pytest.mark.parametrize("kind", [InAList, InAnObject, InAClosure])
def test_a_parameter_reached_by_another_path(kind: type) -> None:
    """d/dw (x . w)^2 = 2 (x . w) x; and other values reach it, or finite differences would find no change."""
    module = kind()
    name = next(n for n, _ in module.named_parameters())
    found = compare_gradients(
        lambda model, x: model(x), lambda w, x: (x * w).sum() ** 2, {"model": module, "x": X},
        jax_inputs={"w": W, "x": X}, mapping={f"model.{name}": "w"}, constant=["x"],
    )
    assert found.exit_status == 0 and found.culprit == ""
    (row,) = found.rows
    assert row.verdict == "agree" and row.size == pytest.approx(float(np.abs(2 * (X @ W) * X).max()))
    assert any(c.side == "torch" and c.consistent for c in found.checks)
    (own,) = module.parameters()
    assert own.detach().numpy().tolist() == W.tolist() and own.grad is None


def test_tied_weights_are_one_parameter() -> None:
    """f = sum(W2 tanh(W1 x)) with W1 = W2 = W: one leaf, whose gradient is the sum of both paths."""

    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Linear(2, 2, bias=False, dtype=torch.float64)
            self.b = torch.nn.Linear(2, 2, bias=False, dtype=torch.float64)
            self.b.weight = self.a.weight

        def forward(self, x: Any) -> Any:
            return self.b(torch.tanh(self.a(x))).sum()

    import jax.numpy as jnp

    model = Tied()
    w, x = model.a.weight.detach().numpy().copy(), np.array([0.3, -0.7])
    found = compare_gradients(
        lambda model, x: model(x), lambda w, x: jnp.sum(w @ jnp.tanh(w @ x)), {"model": model, "x": x},
        jax_inputs={"w": w, "x": x},
    )
    assert found.exit_status == 0 and {r.verdict for r in found.rows} == {"agree"}
    assert {r.torch for r in found.rows} == {"model.a.weight", "x"}


def test_parametrised_weights_and_flat_weights_get_their_gradients() -> None:
    """weight_norm: w = g v / |v|; the module computes its weight anew at every call."""
    import jax.numpy as jnp
    from torch.nn.utils.parametrizations import weight_norm

    layer = weight_norm(torch.nn.Linear(3, 2, dtype=torch.float64))
    held = {n.rpartition(".")[2]: p.detach().numpy().copy() for n, p in layer.named_parameters()}

    def port(params: Any, x: Any) -> Any:
        v = params["original1"]
        w = params["original0"] * v / jnp.linalg.norm(v, axis=1, keepdims=True)
        return jnp.sum((w @ x + params["bias"]) ** 2)

    found = compare_gradients(lambda model, x: (model(x) ** 2).sum(), port, {"model": layer, "x": X},
                              jax_inputs={"params": held, "x": X})
    assert found.exit_status == 0 and len(found.rows) == 4 and {r.verdict for r in found.rows} == {"agree"}


def test_a_module_that_puts_a_new_buffer_in_place_is_as_it_was() -> None:
    class Counts(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.tensor(W))
            self.register_buffer("seen", torch.zeros(3, dtype=torch.float64))

        def forward(self, x: Any) -> Any:
            self.seen = self.seen + x
            return (self.w * x).sum() ** 2 + self.seen.sum()

    model = Counts()
    found = compare_gradients(lambda model, x: model(x), lambda w, x: (x * w).sum() ** 2 + x.sum(),
                              {"model": model, "x": X}, jax_inputs={"w": W, "x": X})
    assert found.exit_status == 0 and float(model.seen.sum()) == 0.0


@pytest.mark.parametrize("spelling", [
    lambda s, x: (s["lin.weight"] @ x + s["lin.bias"]).sum() ** 2,
    lambda s, x: (s["lin"]["weight"] @ x + s["lin"]["bias"]).sum() ** 2,
])
def test_a_module_given_to_both_sides_is_its_state_on_the_other(spelling: Any) -> None:
    """As an input, as the target, and in the assertion for test suites; under jit too."""
    import jax

    from harness.testing import assert_same_gradient

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = torch.nn.Linear(3, 2, dtype=torch.float64)

        def forward(self, x: Any) -> Any:
            return self.lin(x).sum() ** 2

    net = Net()
    assert_same_gradient(lambda model, x: model(x), jax.jit(spelling), net, X)
    assert_same_gradient(lambda model, x: model(x), lambda model, x: spelling(model, x), {"model": net, "x": X})
    assert_same_gradient(net, spelling, X)
    assert_same_gradient(net, spelling, {"x": X})
    with pytest.raises(AssertionError, match=r"model\.lin\.weight"):
        assert_same_gradient(net, lambda s, x: spelling(s, x) + (s["lin.weight"] ** 3).sum() * 0.1, X)


def test_the_steps_of_a_module_are_recorded_with_its_own_tensors() -> None:
    """A mistake is named by its line where a parameter is reached by another path and a buffer is written into."""

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.tensor(W))
            self.all = [self.w]
            self.register_buffer("seen", torch.zeros(3, dtype=torch.float64))

        def forward(self, x: Any) -> Any:
            self.seen.add_(x)
            y = torch.sin(self.all[0] * self.seen)
            return (y * x).sum()

    def port(model: Any, x: Any) -> Any:
        import jax.numpy as jnp

        y = jnp.cos(model["w"] * x)
        return (y * x).sum()

    net = Net()
    found = compare_gradients(lambda model, x: model(x), port, {"model": net, "x": X})
    (origin,) = found.origins
    assert origin.kind == "value"
    assert origin.torch_text == "y = torch.sin(self.all[0] * self.seen)"
    assert origin.jax_text == 'y = jnp.cos(model["w"] * x)'
    assert net.seen.tolist() == [0.0, 0.0, 0.0] and vars(net.seen) == {} and net.w.grad is None


def test_a_gradient_lost_beside_a_parameter_reached_by_another_path_is_named() -> None:
    def port(model: Any, x: Any) -> Any:
        import jax
        import jax.numpy as jnp

        y = jnp.tanh(jax.lax.stop_gradient(model["w"]) * x)
        return (y * x).sum()

    class Net(InAList):
        def forward(self, x: Any) -> Any:
            y = torch.tanh(self.all[0] * x)
            return (y * x).sum()

    found = compare_gradients(lambda model, x: model(x), port, {"model": Net(), "x": X})
    assert found.values_agree and found.culprit == "jax"
    assert [(o.kind, o.jax_text) for o in found.origins] == [
        ("gradient", 'y = jnp.tanh(jax.lax.stop_gradient(model["w"]) * x)')]
