"""What is expected of the ports in further_torch.py and further_jax.py."""

from __future__ import annotations

from tests.audit.origins import further_jax, further_torch
from tests.audit.origins.ports import Port

_QKV = {"q": "2,4,4", "k": "2,4,4", "v": "2,4,4"}
_GATES = {"x": "2,3", "h": "2,4", "c": "2,4", "w": "3,16", "u": "4,16", "b": "16"}
_GRU = {"x": "2,3", "h": "2,4", "w": "12,3", "u": "12,4", "bw": "12", "bu": "12"}
_GRU_HAND = {**_GRU, "w": "3,12", "u": "4,12"}
_TWO = {"x": "5,4", "w": "4,6"}
_THREE = {"x": "5,4", "w": "4,6", "u": "6,6"}


def _port(name: str, shapes: dict[str, str], *origins: tuple[str, str, str], scale: float = 0.7,
          models: tuple[str, ...] = (), constant: tuple[str, ...] = ()) -> Port:
    return Port(name, shapes, origins, scale, further_torch, further_jax, models, constant)


V, G = "value", "gradient"

PLANTED = (
    _port("masked", _QKV, ("masked_fill", "jnp.where", V)),
    _port("fused_scale", _QKV, ("scaled_dot", "einsum", V)),
    _port("fused_causal", _QKV, ("scaled_dot", "jax.nn.softmax(s)", V)),
    _port("heads", {"x": "2,3,8", "wq": "8,8", "wk": "8,8", "wv": "8,8"},
          ("q = (x @ wq)", "q = (x @ wq)", V), ("k = (x @ wk)", "k = (x @ wk)", V)),
    _port("group_norm", {"x": "2,6,3", "g": "6", "b": "6"}, ("F.group_norm", "r = h.reshape", V)),
    _port("group_eps", {"x": "2,6,3", "g": "6", "b": "6"}, ("F.group_norm", "1e-3", V)),
    _port("batch_norm", {"x": "5,4", "g": "6", "b": "6", "w": "4,6"}, ("F.batch_norm", "ddof=1", V)),
    _port("batch_eps", {"x": "5,4", "mean": "4", "var": "4", "g": "4", "b": "4"}, ("F.batch_norm", "1e-3", V),
          constant=("mean", "var")),
    _port("affine_eps", {"x": "5,4", "g": "6", "b": "6", "w": "4,6"}, ("1e-5", "1e-6", V)),
    _port("rms", {"x": "5,4", "g": "4"}, ("1e-3", "1e-3", V)),
    _port("conv_transposed", {"x": "2,3,4,4", "w": "3,2,3,3"}, ("conv_transpose2d", "lax.conv_transpose", V)),
    _port("conv_dilated", {"x": "2,3,6,6", "w": "2,3,3,3"}, ("F.conv2d", "lax.conv_gen", V)),
    _port("conv_same", {"x": "2,3,8", "w": "2,3,3", "b": "2"}, ("F.conv1d", "lax.conv_gen", V)),
    _port("conv_kernel", {"x": "2,3,5,5", "w": "2,3,3,3"}, ("F.conv2d", "w.transpose", V)),
    _port("correlation", {"x": "9", "w": "3"}, ("F.conv1d", "jnp.convolve", V)),
    _port("lstm_fused", {"x": "3,2,3", "h": "2,4", "c": "2,4"}, ("self.cell(x[k]", "jnp.split", V), models=("Cell",)),
    _port("lstm_hand", _GATES, ("z.chunk", "jnp.split", V)),
    _port("gru", _GRU, ("gru_cell", "z, r =", V)),
    _port("gru_hand", _GRU_HAND, ("(1 - z) * n", "(1 - z) * h", V)),
    _port("reduction_axis", {"x": "5,4", "w": "4,5"}, ("h.mean(0)", "h.mean(1)", V)),
    _port("spread", _TWO, ("h.std", "h.std", V)),
    _port("smoothed", {"x": "5,4", "y": "5,4"}, ("label_smoothing", "(t * s)", V)),
    _port("huber", {"x": "5,4", "y": "5,4"}, ("smooth_l1", "jnp.where", V), scale=1.0),
    _port("real_fft", {"x": "8", "f": "5"}, ("irfft", "irfft", V)),
    _port("inner", {"x": "c4", "y": "c6", "w": "c6,4"}, ("torch.vdot", "jnp.dot", V)),
    _port("outer", {"x": "c3,4", "w": "c4,5"}, ("a.mH", "a.T", V)),
    _port("power", {"x": "c4", "w": "c6,4"}, ("s.abs()", "(s ** 2)", V)),
    _port("real_early", {"x": "c8", "w": "c8"}, ("y.abs()", "jnp.abs(y.real)", V)),
    _port("straight", _TWO, (".detach()", "jnp.round", G), scale=1.5),
    _port("target", {"x": "5,4", "w": "4,6", "u": "6"}, (".detach()", "0.9 * h", G)),
    _port("reversed_gradient", {"x": "5,4", "w": "4,6", "u": "6,3"}, ("Reverse.apply", "y = h @ u", G)),
    _port("shared", _THREE, ("torch.sigmoid(h)", "stop_gradient(h)", G)),
    _port("no_grad_block", {"x": "5,4", "w": "4,6", "u": "6,3"}, ("s = h.std", "s = h.std", G)),
    _port("rule_conj", {"x": "c4", "w": "c6,4"}, ("Turn.apply", "y = z * z", G)),
    _port("rule_jvp", _TWO, ("torch.log1p(h * h)", "y = log_square(h)", G)),
    _port("rule_vmapped", _TWO, ("torch.sinh", "jax.vmap(sinh)", G)),
    _port("narrow", {"x": "5,4", "w": "4,6", "u": "6,3"}, ("torch.tanh(h)", "float32", V)),
    _port("narrow_table", _TWO, ("torch.sin(t", "jnp.sin(t", V)),
    _port("steps_short", {"x": "5,4", "w": "4,4"}, ("torch.tanh(h @ w)", "return jnp.tanh", V)),
    _port("counted", {"x": "5,4", "w": "4,4"}, ("/ (k + 1)", "/ (k + 2)", V)),
    _port("doubling", {"x": "3,3"}, ("0.1 * torch.sin", "0.2 * jnp.sin", V)),
    _port("checkpointed", {"x": "5,4", "w1": "4,6", "w2": "6,3"}, ("F.gelu", "jax.nn.gelu", V)),
    _port("branched", _TWO, ("y = y * h", "(h + 1)", V)),
    _port("vmapped", _TWO, ("h.mean", "h.max", V)),
    _port("jitted", _TWO, ("1 + h", "2 + h", V)),
    _port("nested", {"x": "5,4"}, ("self.norm(x + y)", "v + eps", V), models=("Outer",)),
    _port("transformer", {"x": "2,3,4"}, ("self.attn(h", "jnp.sqrt(c)", V), models=("Block",)),
    _port("embedded", {"table": "7,4", "w": "4,6", "index": "i7:5"}, ("math.sqrt", "table[index]", V)),
    _port("sines", {"x": "5,4", "w": "4,3"}, ("torch.stack", "jnp.concatenate", V)),
    _port("rolled", _TWO, ("torch.roll", "jnp.roll", V)),
    _port("padded", {"x": "2,3,6", "w": "2,3,3"}, ("reflect", "edge", V)),
    _port("cumulated", {"x": "4,4", "y": "4,4"}, ("torch.cumsum", "jnp.cumsum", V)),
    _port("sharpened", _TWO, ("h / 0.7", "h * 0.7", V)),
    _port("order", {"x": "5,4", "w": "4,6", "g": "6", "b": "6"}, ("h = x @ w", "jax.nn.relu", V),
          ("torch.relu", "h = (h - m)", V)),
    _port("biased", {"x": "5,4", "w": "4,6", "b": "6", "u": "6,3"}, ("+ b", "h = x @ w", V)),
    _port("weighted", {"x": "5,4", "y": "5,3", "w": "4,3"}, ("0.5 * (w", "r = (w", V)),
    _port("two_attention", _QKV, ("math.sqrt", "einsum", V), ("F.gelu", "jax.nn.gelu", V)),
    _port("two_norms", {"x": "5,4", "g": "4", "b": "4", "w": "4,6"},
          ("g, b, eps=1e-5", "1e-6", V), ("None, None, eps", "ddof=1", V)),
    _port("two_mixed", {"x": "5,4", "w": "4,6", "u": "6,3"}, ("h.var", "h.var", V), ("g = z", "g = z", G)),
    _port("interleaved", {"x": "5,4", "w": "4,6"}, ("h.chunk", "jnp.moveaxis", V)),
    _port("rotary", _TWO, ("a, b =", "a, b =", V)),
    _port("pooled", {"x": "2,3,8", "w": "2,3,3"}, ("torch.tanh(h) ** 2", "* 2", V)),
    _port("quadratic", {"x": "5,4", "a": "4,4"}, ("einsum", "einsum", V)),
    _port("solve", {"a": "4,4", "b": "4,2"}, ("a @ a.T", "a.T @ a", V)),
    _port("entropy", _TWO, ("torch.log(p)", "jnp.log2(p)", V)),
    _port("clamped", _TWO, ("torch.clamp", "stop_gradient", G)),
    _port("deep_detached", _THREE, ("s.detach()", "y = (s * h)", G)),
    _port("scanned_rule", {"x": "5,4", "w": "4,4"}, ("h ** 3", "cubic(h)", G)),
)

CONTROLS = (
    _port("same_qkv", {"x": "2,3,4", "w": "4,12"}),
    _port("same_nhwc", {"x": "2,3,4,4", "w": "4,3,3,3", "g": "4", "b": "4"}),
    _port("same_steps", {"x": "3,2,3", "w": "7,4"}),
    _port("same_rows", _TWO),
    _port("same_order", _TWO),
    _port("same_dft", {"x": "c8", "f": "c8"}),
    _port("same_lstm", {"x": "2,3", "h": "2,4", "c": "2,4", "w": "16,3", "u": "16,4", "b": "16"}),
    _port("same_bce", {"x": "5,4", "y": "5,4"}),
    _port("same_distance", {"x": "5,3", "y": "4,3"}),
    _port("same_variance", {"x": "5,4"}),
    _port("same_prescaled", _QKV),
    _port("same_transposed", {"x": "2,3,5", "w": "3,2,3"}),
    _port("same_rotation", {"x": "5,4", "w": "4,6"}),
    _port("same_gru", _GRU),
    _port("same_logsoftmax", _TWO),
    _port("same_checkpoint", _TWO),
    _port("same_straight", _TWO),
    _port("same_gate", _TWO),
    _port("same_batch", {"x": "5,4", "g": "4", "b": "4"}),
)
