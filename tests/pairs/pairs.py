"""The pairs: published packages on both sides, what is expected of each, and the mistakes that are planted in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PORTS = Path(__file__).parent / "ports"


@dataclass(frozen=True)
class Plant:
    """A mistake: `old` of the JAX side becomes `new`. kind: of the origin, "value" or "gradient";
    "step" for a mistake in the step of an optimiser.

    torch: a text on the line of the torch side at which it starts; jax: the same on the JAX side, where it is not the
    first line that was changed.
    """

    old: str
    new: str
    torch: str
    kind: str = "value"
    jax: str = ""


@dataclass(frozen=True)
class Pair:
    """name: of the file in ports/, which holds `torch_side`, `jax_side`, and their inputs. packages: what it imports.

    rows: parameters that are compared, as many as the packages have. files: more of the user's own; `name` then stands
    for two files, name_torch.py and name_jax.py, and each side runs in a process of its own.
    """

    name: str
    packages: tuple[str, ...]
    rows: int
    plants: tuple[Plant, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[Path, ...]:
        """All that the user wrote."""
        own = (f"{self.name}_torch", f"{self.name}_jax", *self.files) if self.files else (self.name,)
        return tuple(PORTS / f"{name}.py" for name in own)


FROM_TORCH = {"values_from": "torch"}

PAIRS = (
    Pair("lstm_linen", ("flax",), 13, (
        Plant("rnn.apply(params, x)", "rnn.apply(params, x, reverse=True, keep_order=True)", "model(x)"),
    ), FROM_TORCH),
    Pair("attention_linen", ("flax",), 9, (
        Plant("y = net.apply({\"params\": params}, x)",
              "held = {**params, \"value\": jax.lax.stop_gradient(params[\"value\"])}\n"
              "    y = net.apply({\"params\": held}, x)", "model(x, x, x)", "gradient", "net.apply"),
        Plant("params}, x)", "params}, x, mask=nn.make_causal_mask(x[..., 0]))", "model(x, x, x)"),
    )),
    Pair("conv_norm_linen", ("flax",), 5, (
        Plant("(stats[\"var\"] - 0.9 * old[\"var\"]) * 60 / 59", "(stats[\"var\"] - 0.9 * old[\"var\"])", "model(x)"),
    ), FROM_TORCH),
    Pair("mlp_nnx", ("flax",), 7, (
        Plant("epsilon=1e-5, ", "", "model[\"norm\"]", jax="model.norm(h)"),
        Plant("jax.nn.gelu(h, approximate=False)", "jax.nn.gelu(h)", "functional.gelu"),
        Plant("h = model.norm(h)", "h = jax.lax.stop_gradient(model.norm(h))", "model[\"norm\"]", "gradient"),
    ), FROM_TORCH),
    Pair("gru_equinox", ("equinox",), 6, (
        Plant("jnp.zeros(4)", "jnp.ones(4)", "model(x)"),
    )),
    Pair("layers_equinox", ("equinox",), 7, (
        Plant("h + jax.numpy.tanh", "jax.lax.stop_gradient(h) + jax.numpy.tanh", "h + torch.tanh", "gradient"),
    ), FROM_TORCH),
    Pair("mlp_haiku", ("haiku",), 7, (
        Plant("jax.nn.relu(", "jax.nn.elu(", "torch.relu"),
        Plant("jax.nn.log_softmax(hk.Linear(2)(h), -1)", "jax.nn.log_softmax(hk.Linear(2)(h), 0)", "log_softmax"),
    ), FROM_TORCH),
    Pair("cnn_keras", ("keras",), 7, (
        Plant("keras.layers.BatchNormalization()", "keras.layers.BatchNormalization(epsilon=0.1)", "model(x)",
              jax="stateless_call"),
    ), FROM_TORCH),
    Pair("keras", ("keras",), 8, (
        Plant("*values, x,", "*values, x[:, ::-1],", "model(x"),
        Plant("y, _ = net", "values[0][0] = jax.lax.stop_gradient(values[0][0])\n    y, _ = net", "model(x", "gradient",
              "stop_gradient"),
    ), FROM_TORCH, ("keras_model",)),
    Pair("gpt2_transformers", ("transformers",), 28, (
        Plant("is_causal=True", "is_causal=False", "model(ids)"),
    )),
    Pair("bert_transformers", ("transformers",), 39, (
        Plant("mask=mask[:, None, None] > 0", "mask=None", "model(ids"),
        Plant("h + linear(layer[\"output.dense\"]", "jax.lax.stop_gradient(h) + linear(layer[\"output.dense\"]",
              "model(ids", "gradient"),
    )),
    Pair("losses_optax", ("optax",), 2, (
        Plant("optax.squared_error", "optax.l2_loss", "mse_loss"),
        Plant("delta=0.5).mean()", "delta=0.5).sum()", "huber_loss"),
    )),
    Pair("adamw_optax", ("optax",), 2, (
        Plant("0.1, weight_decay=0.01", "0.1", "optimiser.step()", "step"),
    )),
    Pair("ctc_optax", ("optax",), 1),
    Pair("densities_numpyro", ("numpyro",), 5),
    Pair("rotary_equinox", ("equinox", "rotary_embedding_torch"), 2),
    Pair("process_tinygp", ("tinygp", "gpytorch"), 4, (
        Plant("diag=jnp.exp(log_noise)", "diag=jnp.exp(log_noise) ** 2", "torch.eye(7)"),
    )),
    Pair("ode_diffrax", ("diffrax", "torchdiffeq"), 2),
    Pair("transport_ott", ("ott", "ot"), 2),
    Pair("tensors_e3nn", ("e3nn", "e3nn_jax"), 2, (
        Plant("(out.array**4).sum()", "(out.array**4).mean()", "out.pow(4)"),
    )),
    Pair("sphere_s2fft", ("s2fft",), 1, (
        Plant("jnp.abs(flm) ** 2", "jnp.abs(flm) ** 3", "flm.abs()"),
    )),
)
