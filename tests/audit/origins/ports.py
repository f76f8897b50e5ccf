"""What is expected of each port: the inputs, and for each mistake a text on its line, on both sides."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch

from tests.audit.origins import ports_jax, ports_torch


@dataclass(frozen=True)
class Port:
    """shapes: "3,4", complex with a "c" before, "i7:5" five whole numbers below 7. origins: (text in torch's function,
    text in JAX's, kind). models: the class of a torch module that is the first argument; JAX gets its state, nested."""

    name: str
    shapes: dict[str, str]
    origins: tuple[tuple[str, str, str], ...] = ()
    scale: float = 0.7
    torch: ModuleType = ports_torch
    jax: ModuleType = ports_jax
    models: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()

    def inputs(self) -> dict[str, Any]:
        """The arguments of both sides, always the same numbers."""
        draw = np.random.default_rng(len(self.name))
        out: dict[str, Any] = {}
        if self.models:
            torch.manual_seed(0)
            out["model"] = getattr(self.torch, self.models[0])()
        for name, text in self.shapes.items():
            if text[0] == "i":
                top, _, size = text[1:].partition(":")
                out[name] = draw.integers(int(top), size=int(size))
                continue
            shape = tuple(int(n) for n in text.strip("c").split(",") if n)
            array = np.asarray(draw.standard_normal(shape))
            out[name] = self.scale * (array + 1j * draw.standard_normal(shape) if text[0] == "c" else array)
        return out

    def jax_inputs(self) -> dict[str, Any] | None:
        """The JAX side's, where a model is its state in nested dicts."""
        if not self.models:
            return None
        given = self.inputs()
        nested: dict[str, Any] = {}
        for name, p in given["model"].named_parameters():
            *path, last = name.split(".")
            place = nested
            for part in path:
                place = place.setdefault(part, {})
            place[last] = p.detach().numpy()
        return {**given, "model": nested}

    def line(self, module: ModuleType, text: str) -> int:
        """The line of the module on which the function of this port, or else the whole module, has the text once."""
        lines, start = inspect.getsourcelines(getattr(module, self.name))
        found = [start + k for k, line in enumerate(lines) if text in line]
        if not found:
            found = [k for k, line in enumerate(inspect.getsource(module).splitlines(), 1) if text in line]
        assert len(found) == 1, f"{text!r} is on {len(found)} lines of {self.name}"
        return found[0]

    def expected(self) -> list[tuple[int, int, str]]:
        """(line on torch, line on JAX, kind) of each mistake."""
        return [(self.line(self.torch, t), self.line(self.jax, j), kind) for t, j, kind in self.origins]


_QKV = {"q": "2,3,4", "k": "2,3,4", "v": "2,3,4"}
_GATES = {"x": "2,3", "h": "2,5", "c": "2,5", "w": "3,20", "u": "5,20"}

PLANTED = (
    Port("gelu", {"x": "5,4", "w1": "4,6", "w2": "6,3"}, (("F.gelu", "jax.nn.gelu", "value"),)),
    Port("variance", {"x": "5,4", "w": "4,6"}, (("h.var", "h.var", "value"),)),
    Port("layer_norm_eps", {"x": "5,6", "g": "6", "b": "6", "w": "6,3"}, (("F.layer_norm", "rsqrt", "value"),)),
    Port("softmax_axis", _QKV, (("torch.softmax", "jax.nn.softmax", "value"),)),
    Port("attention_scale", _QKV, (("math.sqrt", "einsum", "value"),)),
    Port("mean_sum", {"x": "5,4", "y": "5,4"}, (("e.mean", "e.sum", "value"),)),
    Port("transposed_kernel", {"x": "5,3", "w": "4,4", "u": "3,4"}, (("h @ w", "w.T", "value"),)),
    Port("conjugate", {"x": "c8", "y": "c8"}, (("s.conj()", "s * y", "value"),)),
    Port("fft_norm", {"x": "8", "h": "8"}, (("fft.fft", "fft.fft", "value"),)),
    Port("lstm_gates", _GATES, (("z.chunk", "jnp.split", "value"),)),
    Port("conv_padding", {"x": "2,3,6,6", "w": "4,3,3,3", "u": "4,2"},
         (("F.conv2d", "lax.conv_general_dilated", "value"),)),
    Port("two_values", {"x": "5,4", "w1": "4,6", "w2": "6,3"},
         (("F.gelu", "jax.nn.gelu", "value"), ("y.mean", "y.sum", "value"))),
    Port("two_parallel", {"x": "5,4", "w1": "4,6", "w2": "4,6"},
         (("F.silu", "jax.nn.gelu", "value"), ("log1p", "jnp.log(", "value"))),
    Port("loop", {"x": "5,4", "w": "4,4"}, (("h / (1", "h / (2", "value"),)),
    Port("loop_axis", {"x": "4,4", "w": "4,4"}, (("torch.softmax", "jax.nn.softmax", "value"),)),
    Port("single", {"x": "5,4", "w": "4,6"}, (("torch.exp", "jnp.exp", "value"),)),
    Port("leaky", {"x": "5,4", "w": "4,6"}, (("leaky_relu", "leaky_relu", "value"),)),
    Port("sign_of_loss", {"x": "5,4", "y": "5,4"},
         (("-(p * y)", "(p * y)", "value"), ("(loss).mean", "(loss).sum", "value"))),
    Port("residual", {"x": "5,4", "w1": "4,6", "w2": "6,4"}, (("x + h", "y = h", "value"),)),
    Port("positions", {"x": "5,4", "w": "4,3"}, (("10000", "1000", "value"),)),
    Port("pooling", {"x": "2,3,8", "u": "4,2"}, (("avg_pool1d", ".max(-1)", "value"),)),
    Port("stopped", {"x": "5,4", "w": "4,6"}, (("h.abs()", "stop_gradient", "gradient"),)),
    Port("detached", {"x": "5,4", "w": "4,6", "u": "6,6"}, (("h.detach()", "t = h", "gradient"),)),
    Port("no_grad", {"x": "5,4", "w": "4,6"}, (("h.mean", "h.mean", "gradient"),)),
    Port("custom_rule", {"x": "5,4", "w": "4,6"}, (("Cube.apply", "h ** 3", "gradient"),)),
    Port("clipped", {"x": "5,4", "w": "4,6"}, (("torch.sin(h) * 2", "doubled(", "gradient"),)),
    Port("two_kinds", {"x": "5,4", "w1": "4,6", "w2": "6,3"},
         (("F.gelu", "jax.nn.gelu", "value"), ("y.abs()", "stop_gradient", "gradient"))),
    Port("two_gradients", {"x": "5,4", "w": "4,6", "u": "6,3"},
         (("h * torch.sigmoid", "h * lax", "gradient"), ("y * torch.sigmoid", "y * lax", "gradient"))),
    Port("loop_stopped", {"x": "5,4", "w": "4,4"}, (("torch.cos", "jnp.cos", "gradient"),)),
    Port("frozen_weight", {"x": "5,4", "w": "4,6", "u": "6,3"}, (("u.detach()", "h @ u", "gradient"),)),
)

CONTROLS = (
    Port("control_softmax", _QKV),
    Port("control_norm", {"x": "5,6", "g": "6", "b": "6"}),
    Port("control_fft", {"x": "c8", "y": "c8"}),
    Port("control_gelu", {"x": "5,4", "w": "4,6"}),
    Port("control_abs", {"x": "c4", "w": "c6,4"}),
    Port("control_linear", {"x": "5,4", "w": "6,4", "b": "6"}),
    Port("control_loop", {"x": "5,4", "w": "4,4"}),
    Port("control_logsumexp", {"x": "5,4"}),
    Port("control_conv", {"x": "2,3,5,5", "w": "4,3,3,3"}),
    Port("control_heads", {"x": "2,3,4", "w": "4,4"}),
    Port("control_symmetric", {"x": "4,4"}),
    Port("control_stop", {"x": "5,4"}),
    Port("control_constant", {"x": "5,4"}),
    Port("control_cross_entropy", {"x": "5,4", "y": "5,4"}),
)
