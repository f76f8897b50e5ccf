"""What is expected of the ports in mixed_torch.py and mixed_jax.py."""

from __future__ import annotations

from tests.audit.origins import mixed_jax, mixed_torch
from tests.audit.origins.ports import Port

V, G = "value", "gradient"
_TWO = {"x": "5,4", "w": "4,6"}
_QKV = {"q": "2,3,4", "k": "2,3,4", "v": "2,3,4"}


def _port(name: str, shapes: dict[str, str], *origins: tuple[str, str, str], models: tuple[str, ...] = ()) -> Port:
    return Port(name, shapes, origins, torch=mixed_torch, jax=mixed_jax, models=models)


PLANTED = (
    _port("inst", {"x": "2,3,5", "g": "3"}, ("F.instance_norm", "(0, 2)", V)),
    _port("weight_norm", {"x": "5,4"}, ("self.v.norm", "axis=0", V), models=("Normed",)),
    _port("forget_bias", {"x": "3,2,3", "w": "3,16", "u": "4,16", "b": "16"}, ("f = torch.sigmoid(f)", "f + 1", V)),
    _port("temperature", {"q": "5,4", "k": "5,4", "s": "1"}, ("s.exp()", "* s", V)),
    _port("excite", {"x": "2,3,4,4", "w": "3,4", "u": "4,3"}, ("x.mean", "x.max", V)),
    _port("strided", {"x": "2,3,8", "w": "4,3,3"}, ("y[..., ::2]", "y[..., 1::2]", V)),
    _port("hermitian", {"a": "c4,4", "x": "c4,2"}, ("a.mH", "a.T", V)),
    _port("framed", {"x": "10", "w": "3"}, ("hann_window", "hanning", V)),
    _port("shifted", {"x": "c7", "f": "c7"}, ("ifftshift", "fft.ifft(", V)),
    _port("lse", _TWO, ("logsumexp(h, 0)", "logsumexp(h", V)),
    _port("torch_single", {"x": "5,4", "w": "4,6", "u": "6,3"}, ("h.float()", "jax.nn.softmax(h)", V)),
    _port("second_rule", {"x": "5,4", "w": "4,6", "b": "6"}, ("torch.exp(-b)", "y = damp(h, b)", G)),
    _port("carried", {"x": "5,4", "w": "4,4"}, ("0.9 * m", "0.9 * lax", G)),
    _port("table_fixed", {"x": "5,4", "p": "5,4", "w": "4,3"}, ("q = torch.sin(p)", "q = jnp.sin(p)", G)),
    _port("truncated", {"x": "5,4", "w": "4,4"}, ("h = h.detach()", "jnp.tanh(h @ w)", G)),
    _port("hard", _TWO, ("hardswish", "silu", V)),
    _port("beta", _TWO, ("softplus", "softplus", V)),
    _port("deep", {"x": "5,4"}, ("F.silu", "jax.nn.gelu", V),
          ("return (y ** 2).sum(), y", "0.5 * (y", V), models=("Deep",)),
    _port("segments", _TWO, ("y = s / n", "segment_sum", V)),
    _port("factor", {"a": "4,4", "x": "4,3"}, ("c @ x", "c.T @ x", V)),
    _port("distance", {"x": "5,4", "y": "5,4", "w": "4,3"}, ("pairwise_distance", "linalg.norm", V)),
    _port("integral", {"x": "5,4"}, ("trapezoid", "* 0.5", V)),
    _port("two_reduced", {"x": "5,4", "w": "4,6", "u": "6,3"}, ("h.sum(-1", "h.sum(0", V),
          (".abs().mean()", "jnp.abs(y).sum()", V)),
    _port("halved", _TWO, ("return e", "0.5 * e", V)),
)

CONTROLS = (
    _port("alike_logcosh", _TWO),
    _port("alike_det", {"a": "4,4"}),
    _port("alike_im2col", {"x": "2,3,5,5", "w": "4,3,3,3"}),
    _port("alike_norm", {"x": "5,4", "g": "4", "b": "4"}),
    _port("alike_heads", _QKV),
    _port("alike_segments", _TWO),
    _port("alike_framed", {"x": "10", "w": "3"}),
    _port("alike_tanh", _TWO),
    _port("alike_reverse", _TWO),
    _port("alike_deep", {"x": "5,4"}, models=("Deep",)),
    _port("alike_truncated", {"x": "5,4", "w": "4,4"}),
)
