"""What is expected of the ports in usual_torch.py and usual_jax.py."""

from __future__ import annotations

from tests.audit.origins import usual_jax, usual_torch
from tests.audit.origins.ports import Port

_QKV = {"q": "2,4,3", "k": "2,4,3", "v": "2,4,3"}
_ROPE = {"q": "5,4", "k": "5,4", "p": "5"}
_TWO = {"x": "5,4", "w": "4,3"}
_THREE = {"x": "5,4", "w": "4,6", "u": "6,4"}
_NORM = {"x": "6,4", "g": "4", "b": "4", "w": "4,3"}


def _port(name: str, shapes: dict[str, str], *origins: tuple[str, str, str]) -> Port:
    return Port(name, shapes, origins, 1.0, usual_torch, usual_jax)


V, G = "value", "gradient"

PLANTED = (
    _port("embed_scale", {"ids": "i7:5", "table": "7,4", "w": "4,3"}, ("math.sqrt", "table[ids]", V)),
    _port("rms_outside", {"x": "5,4", "g": "4", "w": "4,3"}, ("1e-2", "1e-2", V)),
    _port("rope_halves", _ROPE, ("x1, x2 =", "x1, x2 =", V)),
    _port("causal_shifted", _QKV, ("masked_fill", "jnp.where", V)),
    _port("gru_update", {"x": "3,4", "h": "3,5", "wi": "4,15", "wh": "5,15", "b": "15"},
          ("(1 - z)", "(1 - z)", V)),
    _port("group_count", {"x": "2,8,5", "w": "8,3"}, ("group_norm", "x.reshape(b, 4", V)),
    _port("kl_mean", {"x": "4,5", "t": "4,5"}, ("kl_div", ".mean()", V)),
    _port("smooth_beta", {"x": "4,5", "y": "4,5"}, ("smooth_l1", "jnp.where", V)),
    _port("spread_unbiased", {"x": "6,4", "w": "4,3"}, (".std(0)", ".std(0)", V)),
    _port("leaky_slope", _THREE, ("leaky_relu", "leaky_relu", V)),
    _port("straight_through", _TWO, ("detach", "jnp.round", G)),
    _port("target_network", _THREE, ("detach", "0.9 *", G)),
    _port("inner_product", {"x": "c6", "y": "c6"}, ("vdot", "jnp.dot", V)),
    _port("residual_of_norm", _THREE, ("x + h", "n + h", V)),
    _port("einsum_order", {"a": "2,3,4", "b": "2,4,4", "c": "4"}, ("bij,bjk", "bij,bkj", V)),
    _port("cumprod_axis", {"x": "4,3", "w": "3,4"}, ("torch.cumprod", "jnp.cumprod", V)),
    _port("batch_eps_default", _NORM, ("1e-5", "1e-3", V)),
    _port("fft_shift", {"x": "c8", "k": "c8"}, ("fftshift", "fft.fft(x)", V)),
    _port("power_missing", {"x": "c5,4", "w": "c4,3"}, ("h.abs()", "jnp.abs", V)),
    _port("softplus_beta", _TWO, ("F.softplus", "nn.softplus", V)),
    _port("decay_half", {"x": "5,4", "w": "4,3", "y": "5,3"}, ("0.5 *", "reg =", V)),
    _port("square_rule", _TWO, ("Square.apply", "h * h", G)),
    _port("gelu_and_mean", _THREE, ("F.gelu", "nn.gelu", V), ("mean()", "** 2).sum()", V)),
)

CONTROLS = (
    _port("same_sdpa", _QKV),
    _port("same_columns", {"x": "2,3,6", "w": "4,3,3"}),
    _port("same_rope", _ROPE),
    _port("same_groups", {"x": "2,8,5", "w": "8,3"}),
    _port("same_cumsum", {"x": "4,5"}),
    _port("same_scan", {"x": "5,3,4", "h": "3,4", "w": "4,4"}),
    _port("same_cross_entropy", {"x": "4,5", "t": "i5:4"}),
    _port("same_folded", _NORM),
)
