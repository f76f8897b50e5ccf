"""What is expected of the ports in adverse_torch.py and adverse_jax.py."""

from __future__ import annotations

from tests.audit.origins import adverse_jax, adverse_torch
from tests.audit.origins.ports import Port

V, G = "value", "gradient"
_TWO = {"x": "5,4", "w": "4,6"}
_QKV = {"q": "2,3,4", "k": "2,3,4", "v": "2,3,4"}
_GRU = {"x": "3,2,3", "h": "2,4", "w": "12,3", "u": "12,4", "bw": "12", "bu": "12"}


def _port(name: str, shapes: dict[str, str], *origins: tuple[str, str, str], models: tuple[str, ...] = (),
          constant: tuple[str, ...] = ()) -> Port:
    return Port(name, shapes, origins, torch=adverse_torch, jax=adverse_jax, models=models, constant=constant)


PLANTED = (
    _port("stacked_layers", {"x": "5,4", "w": "3,4,4"}, ("torch.tanh(h @ w[k])", "0.5 * h", V)),
    _port("half_layers", {"x": "5,4", "w": "3,4,4"}, ("0.5 * h", "return h + z", V)),
    _port("rotary_half", {"x": "5,4", "wq": "4,6", "wk": "4,6"}, ("q = q * c", "jnp.stack([a", V)),
    _port("ctc", {"x": "8,2,3", "w": "3,5"}, ("F.ctc_loss", "e.mean", V)),
    _port("ctc_mean", {"x": "8,2,3", "w": "3,5"}, ("F.ctc_loss", "e.mean", V)),
    _port("gru_stopped", _GRU, ("torch.gru_cell", "r = stop(r)", G)),
    _port("normalize_axis", _TWO, ("F.normalize", "axis=0", V)),
    _port("kl", {"x": "5,4", "y": "5,4", "w": "4,6"}, ("F.kl_div", ".mean()", V)),
    _port("lstm_stack", {"x": "2,3,3"}, ("self.rnn(x)", "jnp.split(z", V), models=("Stack",)),
    _port("cross_power", {"x": "c8", "y": "c8", "w": "c8"}, ("b.conj()", "jnp.conj(a) * b", V)),
    _port("fft2_norm", {"x": "4,6", "f": "4,4"}, ("torch.fft.rfft2", "jnp.fft.rfft2", V),
          ("torch.fft.irfft2", "jnp.fft.irfft2", V)),
    _port("soft32", _QKV, ("torch.softmax", "float32", V)),
    _port("rule_loop", {"x": "5,4", "w": "4,4"}, ("Half.apply(z)", "jnp.tanh(z)", G)),
    _port("scan_rule", {"x": "5,4", "w": "4,4"}, ("torch.sin(z)", "wave_of(z) + h", G)),
    _port("centred", {"x": "5,4", "w": "4,6", "u": "6,3"}, (".detach()", "c = h", G)),
    _port("tied", {"index": "i7:5"}, ("self.table.weight.T / 2.0", "h @ table.T", V), models=("Tied",)),
    _port("pool_padding", {"x": "2,3,4,4", "w": "2,3,3,3"}, ("F.avg_pool2d", "p = p / n", V)),
    _port("shuffled", {"x": "2,3,4,4", "w": "8,3,3,3"}, ("F.pixel_shuffle", "transpose(0, 3", V)),
    _port("grouped", {"x": "2,4,6", "w": "4,2,3"}, ("F.conv1d", "swapaxes(1, 2)", V)),
    _port("upsampled", {"x": "2,3,4,4", "w": "2,3,3,3"}, ("F.interpolate", "jax.image.resize", V)),
    _port("weighted_loss", {"x": "5,4", "w": "4,3", "c": "3"}, ("F.cross_entropy", ".mean()", V), constant=("c",)),
    _port("teacher", {"x": "5,4", "w": "4,6", "u": "6,3"}, ("h @ u / 2.0", "softmax(h @ u)", V),
          (".detach()", "softmax(h @ u)", G)),
    _port("masked_mean", _TWO, ("m.sum()", ".mean(0)", V)),
    _port("remat_stop", {"x": "5,4", "w1": "4,6", "w2": "6,6"}, ("torch.sigmoid", "stop_gradient", G)),
    _port("newton", {"a": "4,4", "b": "4,2"}, ("0.1 * r", "0.2 * r", V)),
    _port("glu_swapped", _TWO, ("F.glu", "b * jax", V)),
    _port("bilinear", {"x": "5,4", "y": "5,4", "w": "3,4,4", "b": "3"}, ("F.bilinear", "einsum", V)),
    _port("soft_cap", _QKV, ("5.0 *", "3.0 *", V)),
    _port("wave", {"x": "5,8"}, ("torch.fft.fft(x) * self", "jnp.conj(model", V), models=("Wave",)),
)

CONTROLS = (
    _port("ctl_layers", {"x": "5,4", "w": "3,4,4"}),
    _port("ctl_rotary", _TWO),
    _port("ctl_ctc", {"x": "8,2,3", "w": "3,5"}),
    _port("ctl_gru", _GRU),
    _port("ctl_shuffle", {"x": "2,3,4,4", "w": "8,3,3,3"}),
    _port("ctl_pool", {"x": "2,3,4,4", "w": "2,3,3,3"}),
    _port("ctl_cross", {"x": "c8", "y": "c8", "w": "c8"}),
    _port("ctl_up", {"x": "2,3,4,4", "w": "2,3,3,3"}),
    _port("ctl_kl", {"x": "5,4", "y": "5,4", "w": "4,6"}),
    _port("ctl_max", _TWO),
    _port("ctl_solve", {"a": "4,4", "b": "4,2"}),
    _port("ctl_lstm", {"x": "2,3,3"}, models=("Stack",)),
    _port("ctl_newton", {"a": "4,4", "b": "4,2"}),
)
