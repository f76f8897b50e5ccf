"""The table of docs/audit.md, what a user of each library writes: every line is run as it stands there."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.audit import compare_gradients

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
#: What the suite has by itself; the others are installed by nox -s pairs.
ALWAYS = ("plain functions", "Equinox")
X = np.random.default_rng(0).standard_normal((5, 3))


def _lines() -> list[Any]:
    table = PAGE.read_text(encoding="utf-8").partition("<!-- libraries -->")[2].strip().partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]
    return [pytest.param(*row, marks=[] if row[0] in ALWAYS else pytest.mark.pairs, id=f"{row[0]}-{k}")
            for k, row in enumerate(rows)]


def _code(cell: str) -> str:
    """What stands in the first pair of backquotes."""
    return cell.split("`")[1]


def plain_functions(nested: bool) -> dict[str, Any]:
    import jax.numpy as jnp

    names = {"up": ("w", "b"), "norm": ("scale", "offset"), "down": ("w", "b")}

    def of(s: Any, layer: str, k: int) -> Any:
        return s[layer][names[layer][k]] if nested else s[f"{layer}.{('weight', 'bias')[k]}"]

    def port(s: Any, x: Any) -> Any:
        turn = (lambda w: w) if nested else (lambda w: w.T)
        h = x @ turn(of(s, "up", 0)) + of(s, "up", 1)
        h = (h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + 1e-5)
        h = jnp.tanh(h * of(s, "norm", 0) + of(s, "norm", 1))
        return h @ turn(of(s, "down", 0)) + of(s, "down", 1)

    shapes = {"up": ((3, 8), (8,)), "norm": ((8,), (8,)), "down": ((8, 2), (2,))}
    params = {n: dict(zip(names[n], map(np.zeros, shapes[n]), strict=True)) for n in names}
    return {"port": port, "params": params}


def equinox() -> dict[str, Any]:
    import equinox as eqx
    import jax

    class Net(eqx.Module):  # type: ignore[misc]
        up: Any
        norm: Any
        down: Any

        def __call__(self, x: Any) -> Any:
            return self.down(jax.numpy.tanh(self.norm(self.up(x))))

    key = jax.random.key(1)
    return {"net": Net(eqx.nn.Linear(3, 8, key=key), eqx.nn.LayerNorm(8), eqx.nn.Linear(8, 2, key=key))}


def flax_linen() -> dict[str, Any]:
    import flax.linen as nn
    import jax.numpy as jnp

    class Net(nn.Module):  # type: ignore[misc]
        @nn.compact
        def __call__(self, x: Any) -> Any:
            h = nn.Dense(8, param_dtype=float, name="up")(x)
            h = nn.LayerNorm(epsilon=1e-5, param_dtype=float, name="norm")(h)
            return nn.Dense(2, param_dtype=float, name="down")(jnp.tanh(h))

    return {"net": Net()}


def flax_nnx() -> dict[str, Any]:
    import jax.numpy as jnp
    from flax import nnx

    class Net(nnx.Module):  # type: ignore[misc]
        def __init__(self, rngs: Any) -> None:
            self.up, self.down = (nnx.Linear(*n, param_dtype=float, rngs=rngs) for n in ((3, 8), (8, 2)))
            self.norm = nnx.LayerNorm(8, epsilon=1e-5, param_dtype=float, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.down(jnp.tanh(self.norm(self.up(x))))

    net = Net(nnx.Rngs(0))
    return {"net": net, "graph": nnx.graphdef(net), "nnx": nnx}


def keras_3() -> dict[str, Any]:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    layers = keras.layers
    parts = [layers.Dense(8, name="up"), layers.LayerNormalization(epsilon=1e-5, name="norm"),
             layers.Activation("tanh"), layers.Dense(2, name="down")]
    return {"net": keras.Sequential([keras.Input((3,)), *parts])}


def haiku() -> dict[str, Any]:
    import haiku as hk
    import jax.numpy as jnp

    def forward(x: Any) -> Any:
        h = hk.Linear(8, name="up")(x)
        h = jnp.tanh(hk.LayerNorm(-1, True, True, name="norm")(h))
        return hk.Linear(2, name="down")(h)

    return {"net": hk.transform(forward), "hk": hk}


MAKERS = {"Equinox": equinox, "Flax linen": flax_linen, "Flax nnx": flax_nnx, "Keras 3": keras_3, "Haiku": haiku}
NEEDS = {"Flax linen": "flax", "Flax nnx": "flax", "Keras 3": "keras", "Haiku": "haiku"}


@pytest.mark.parametrize(("library", "side", "inputs"), _lines())
def test_a_line_of_the_table_is_what_it_takes(library: str, side: str, inputs: str) -> None:
    """All six parameters and the input are compared, at torch's numbers, and agree; Keras in its single precision."""
    import jax
    import torch

    if library in NEEDS and importlib.util.find_spec(NEEDS[library]) is None:
        pytest.skip(f"{NEEDS[library]} cannot be had here; nox -s pairs installs it")

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = torch.nn.Linear(3, 8), torch.nn.Linear(8, 2)
            self.norm = torch.nn.LayerNorm(8)

        def forward(self, x: Any) -> Any:
            return self.down(torch.tanh(self.norm(self.up(x))))

    jax.config.update("jax_enable_x64", True)
    model = Model().to(torch.float32 if library == "Keras 3" else torch.float64)
    x = X.astype(np.float32 if library == "Keras 3" else np.float64)
    torch.nn.init.normal_(model.norm.weight)
    torch.nn.init.normal_(model.norm.bias)
    made = MAKERS[library]() if library in MAKERS else plain_functions('["up"]["w"]' in side)
    known = {"jax": jax, "key": jax.random.key(0), "x": x, "model": model, **made}
    found = compare_gradients(lambda model, x: model(x), eval(_code(side), known), (model, x),
                              jax_inputs=eval(_code(inputs), known), values_from="torch")
    assert found.exit_status == 0 and not found.origins, found.text(120)
    assert {r.torch for r in found.rows} == {"x", *(f"model.{n}" for n, _ in model.named_parameters())}


def test_the_table_names_every_library() -> None:
    assert {param.values[0] for param in _lines()} == {"plain functions", *MAKERS}
