"""Ports of adverse_torch.py; ctl_* compute the same in another way, the others hold a mistake, or two."""
import jax
import jax.numpy as jnp
import optax
from jax import lax


def stacked_layers(x, w):
    def layer(h, w):
        return jnp.tanh(h @ w) + 0.5 * h, None

    h, _ = lax.scan(layer, x, w)
    return (h ** 2).sum()


def half_layers(x, w):
    def layer(h, w):
        z = jnp.tanh(h @ w)
        return h + z, None

    h, _ = lax.scan(layer, x, w)
    return (h ** 2).mean()


def rotary_half(x, wq, wk):
    def turn(q, c, s):
        a, b = q[:, ::2], q[:, 1::2]
        return jnp.stack([a * c - b * s, a * s + b * c], -1).reshape(q.shape)

    q, k = x @ wq, x @ wk
    n, d = q.shape
    t = jnp.arange(n, dtype=x.dtype)[:, None] * 10 ** (-jnp.arange(d // 2, dtype=x.dtype) / (d // 2))
    c, s = jnp.cos(t), jnp.sin(t)
    q = turn(q, c, s)
    k = turn(k, c, s)
    return jnp.log(jax.nn.softmax(q @ k.T / jnp.sqrt(d))[:, 0]).sum()


def ctc(x, w):
    h = (x @ w).transpose(1, 0, 2)
    labels = jnp.array([[1, 2, 3], [2, 2, 1]])
    e = optax.ctc_loss(h, jnp.zeros(h.shape[:2]), labels, jnp.zeros(labels.shape))
    return e.mean()


def ctc_mean(x, w):
    h = (x @ w).transpose(1, 0, 2)
    labels = jnp.array([[1, 2, 3], [2, 2, 1]])
    e = optax.ctc_loss(h, jnp.zeros(h.shape[:2]), labels, jnp.zeros(labels.shape))
    return jnp.log(e.mean())


def cell(x, h, w, u, bw, bu, stop):
    a = x @ w.T + bw
    e = h @ u.T + bu
    r = jax.nn.sigmoid(a[:, :4] + e[:, :4])
    z = jax.nn.sigmoid(a[:, 4:8] + e[:, 4:8])
    r = stop(r)
    n = jnp.tanh(a[:, 8:] + r * e[:, 8:])
    return (1 - z) * n + z * h


def gru_stopped(x, h, w, u, bw, bu):
    for k in range(x.shape[0]):
        h = cell(x[k], h, w, u, bw, bu, lax.stop_gradient)
    return (jnp.sin(h) ** 2).sum()


def normalize_axis(x, w):
    h = jnp.tanh(x @ w)
    n = h / jnp.linalg.norm(h, axis=0, keepdims=True)
    s = n @ n.T
    return jnp.exp(s).sum()


def kl(x, y, w):
    p = jax.nn.log_softmax(x @ w)
    q = jax.nn.softmax(y @ w)
    e = (q * (jnp.log(q) - p)).mean()
    return {"loss": e, "p": p}


def lstm_stack(model, x):
    p = model["rnn"]
    for layer in range(2):
        w, u = p[f"weight_ih_l{layer}"], p[f"weight_hh_l{layer}"]
        bw, bu = p[f"bias_ih_l{layer}"], p[f"bias_hh_l{layer}"]

        def step(carry, x, w=w, u=u, bw=bw, bu=bu, layer=layer):
            h, c = carry
            z = x @ w.T + bw + h @ u.T + bu
            i, f, g, o = jnp.split(z, 4, -1)
            if layer:
                f, g = g, f
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        zero = jnp.zeros((x.shape[0], 4), x.dtype)
        _, y = lax.scan(step, (zero, zero), jnp.swapaxes(x, 0, 1))
        x = jnp.swapaxes(y, 0, 1)
    y = x[:, -1] @ model["head"]["weight"].T + model["head"]["bias"]
    return (y ** 2).sum()


def cross_power(x, y, w):
    a, b = jnp.fft.fft(x), jnp.fft.fft(y)
    c = jnp.conj(a) * b
    r = c / (jnp.abs(c) + 0.1)
    z = jnp.fft.ifft(r * w)
    return jnp.exp(z.real).sum()


def fft2_norm(x, f):
    s = jnp.fft.rfft2(jnp.tanh(x))
    s = s * f
    y = jnp.fft.irfft2(s, s=x.shape[-2:])
    return {"power": (jnp.abs(s) ** 2).sum(), "y": jnp.tanh(y)}


def soft32(q, k, v):
    s = jnp.einsum("bqd,bkd->bqk", q, k) / jnp.sqrt(q.shape[-1])
    a = jax.nn.softmax(s.astype(jnp.float32)).astype(v.dtype)
    o = jnp.tanh(a @ v)
    return (o ** 2).sum()


def rule_loop(x, w):
    def body(_, h):
        z = h @ w
        return h + jnp.tanh(z)

    return (lax.fori_loop(0, 3, body, x) ** 2).mean()


@jax.custom_jvp
def wave_of(z):
    return jnp.sin(z) * 0.5


@wave_of.defjvp
def _wave_of(primals, tangents):
    (z,), (t,) = primals, tangents
    return wave_of(z), jnp.cos(z) * t


def scan_rule(x, w):
    def body(h, _):
        z = h @ w
        return wave_of(z) + h, None

    h, _ = lax.scan(body, x, None, length=3)
    return jnp.cos(h).sum()


def centred(x, w, u):
    h = x @ w
    c = h - h.mean(0, keepdims=True)
    y = jnp.tanh(c)
    return ((y @ u) ** 2).sum()


def tied(model, index):
    table = model["table"]["weight"]
    h = table[index]
    h = h + jnp.tanh(h @ model["mix"]["weight"].T + model["mix"]["bias"])
    m, v = h.mean(-1, keepdims=True), h.var(-1, keepdims=True)
    h = (h - m) / jnp.sqrt(v + 1e-5) * model["norm"]["weight"] + model["norm"]["bias"]
    z = h @ table.T
    return optax.softmax_cross_entropy_with_integer_labels(z[:-1], index[1:]).mean()


def pool_padding(x, w):
    h = lax.conv_general_dilated(x, w, (1, 1), "SAME")
    p = lax.reduce_window(h, 0.0, lax.add, (1, 1, 3, 3), (1, 1, 1, 1), "SAME")
    n = lax.reduce_window(jnp.ones_like(h), 0.0, lax.add, (1, 1, 3, 3), (1, 1, 1, 1), "SAME")
    p = p / n
    return (jnp.tanh(p) ** 2).sum()


def shuffled(x, w):
    h = lax.conv_general_dilated(x, w, (1, 1), "SAME")
    b, c, n, m = h.shape
    y = h.reshape(b, 2, 2, c // 4, n, m).transpose(0, 3, 4, 1, 5, 2).reshape(b, c // 4, 2 * n, 2 * m)
    d = y[..., 1:] - y[..., :-1]
    return jnp.tanh(d ** 2).sum()


def grouped(x, w):
    h = jnp.tanh(x)
    h = h.reshape(h.shape[0], 2, 2, -1).swapaxes(1, 2).reshape(h.shape)
    y = lax.conv_general_dilated(h, w, (1,), [(1, 1)], feature_group_count=2)
    return (jax.nn.elu(y) ** 2).sum()


def upsampled(x, w):
    h = lax.conv_general_dilated(x, w, (1, 1), "SAME")
    b, c, n, m = h.shape
    y = jax.image.resize(h, (b, c, 2 * n, 2 * m), "bilinear")
    return jax.nn.sigmoid(y).sum()


def weighted_loss(x, w, c):
    z = x @ w
    t = jnp.array([0, 2, 1, 1, 0])
    k = jnp.exp(c)[t]
    e = (optax.softmax_cross_entropy_with_integer_labels(z, t) * k).mean()
    return jnp.log(e)


def teacher(x, w, u):
    h = jnp.tanh(x @ w)
    t = jax.nn.softmax(h @ u)
    s = jax.nn.log_softmax(x @ u[:4])
    e = -(t * s).sum(-1)
    return e.mean()


def masked_mean(x, w):
    h = jnp.tanh(x @ w)
    m = (jnp.arange(h.shape[0]) < 3).astype(h.dtype)[:, None]
    p = (h * m).mean(0)
    return jnp.exp(p).sum()


def remat_stop(x, w1, w2):
    @jax.checkpoint
    def block(x):
        h = jax.nn.relu(x @ w1)
        g = jax.nn.sigmoid(lax.stop_gradient(h) @ w2)
        return h * g

    return (block(x) ** 2).mean()


def newton(a, b):
    m = a @ a.T + jnp.eye(4, dtype=a.dtype)

    def body(k, y):
        r = b - m @ y
        return y + 0.2 * r

    y = lax.fori_loop(0, 6, body, b)
    return (y ** 2).sum()


def glu_swapped(x, w):
    h = x @ w
    a, b = jnp.split(h, 2, -1)
    y = b * jax.nn.sigmoid(a)
    return jnp.sin(y).sum()


def bilinear(x, y, w, b):
    z = jnp.einsum("bi,oji,bj->bo", x, w, y) + b
    return (jnp.tanh(z) ** 2).sum()


def soft_cap(q, k, v):
    s = jnp.einsum("bqd,bkd->bqk", q, k)
    s = 3.0 * jnp.tanh(s / 3.0)
    a = jax.nn.softmax(s)
    return ((a @ v) ** 2).sum()


def wave(model, x):
    s = jnp.fft.fft(x) * jnp.conj(model["weight"])
    y = jnp.fft.ifft(s)
    y = jnp.abs(y) @ model["lin"]["weight"].T + model["lin"]["bias"]
    return {"a": y.sum(), "b": {"c": jnp.tanh(y)}}


# -- controls


def ctl_layers(x, w):
    def layer(h, w):
        return h * 0.5 + jnp.tanh(h @ w), None

    h, _ = lax.scan(layer, x, w)
    return (h ** 2).sum()


def ctl_rotary(x, w):
    h = x @ w
    n, d = h.shape
    t = jnp.arange(n, dtype=x.dtype)[:, None] * 10 ** (-jnp.arange(d // 2, dtype=x.dtype) / (d // 2))
    z = (h[:, : d // 2] + 1j * h[:, d // 2:]) * jnp.exp(1j * t)
    return jnp.tanh(jnp.stack([z.real, z.imag])).sum()


def ctl_ctc(x, w):
    h = (x @ w).transpose(1, 0, 2)
    labels = jnp.array([[1, 2, 3], [2, 2, 1]])
    return optax.ctc_loss(h, jnp.zeros(h.shape[:2]), labels, jnp.zeros(labels.shape)).sum()


def ctl_gru(x, h, w, u, bw, bu):
    def step(h, x):
        return cell(x, h, w, u, bw, bu, lambda r: r), None

    h, _ = lax.scan(step, h, x)
    return (jnp.sin(h) ** 2).sum()


def ctl_shuffle(x, w):
    h = lax.conv_general_dilated(x, w, (1, 1), "SAME")
    b, c, n, m = h.shape
    y = h.reshape(b, c // 4, 2, 2, n, m).transpose(0, 1, 4, 2, 5, 3).reshape(b, c // 4, 2 * n, 2 * m)
    d = y[..., 1:] - y[..., :-1]
    return jnp.tanh(d ** 2).sum()


def ctl_pool(x, w):
    h = lax.conv_general_dilated(x, w, (1, 1), "SAME")
    k = jnp.ones((3,), h.dtype) / 3
    h = jnp.apply_along_axis(lambda r: jnp.convolve(r, k, mode="same"), 2, h)
    h = jnp.apply_along_axis(lambda r: jnp.convolve(r, k, mode="same"), 3, h)
    return (jnp.tanh(h) ** 2).sum()


def ctl_cross(x, y, w):
    a, b = jnp.fft.fft(x), jnp.fft.fft(y)
    c = jnp.conj(jnp.conj(a) * b)
    z = jnp.fft.ifft(w * c / (jnp.abs(a) * jnp.abs(b) + 0.1))
    return jnp.exp(z.real).sum()


def ctl_up(x, w):
    h = lax.conv_general_dilated(x, w, (1, 1), "SAME")

    def matrix(n):
        at = jnp.linspace(0, n - 1, 2 * n)
        return jnp.maximum(0, 1 - jnp.abs(at[:, None] - jnp.arange(n)))

    y = matrix(h.shape[2]) @ h @ matrix(h.shape[3]).T
    return jax.nn.sigmoid(y).sum()


def ctl_kl(x, y, w):
    p = jax.nn.log_softmax(x @ w)
    q = jax.nn.softmax(y @ w)
    return {"loss": optax.kl_divergence(p, q).mean(), "p": p}


def ctl_max(x, w):
    s = x @ w
    s = s - lax.stop_gradient(s.max(-1, keepdims=True))
    return (s[:, 0] - jnp.log(jnp.exp(s).sum(-1))).sum()


def ctl_solve(a, b):
    m = a @ a.T + jnp.eye(4, dtype=a.dtype)
    c = jnp.linalg.cholesky(m)
    y = jax.scipy.linalg.cho_solve((c, True), b)
    return (y ** 2).sum()


def ctl_lstm(model, x):
    p = model["rnn"]
    for layer in range(2):
        w = jnp.concatenate([p[f"weight_ih_l{layer}"], p[f"weight_hh_l{layer}"]], 1)
        b = p[f"bias_ih_l{layer}"] + p[f"bias_hh_l{layer}"]
        h = c = jnp.zeros((x.shape[0], 4), x.dtype)
        out = []
        for t in range(x.shape[1]):
            i, f, g, o = jnp.split(jnp.concatenate([x[:, t], h], 1) @ w.T + b, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            out.append(h)
        x = jnp.stack(out, 1)
    y = h @ model["head"]["weight"].T + model["head"]["bias"]
    return (y ** 2).sum()


def ctl_newton(a, b):
    m = a @ a.T + jnp.eye(4, dtype=a.dtype)
    n = jnp.eye(4, dtype=a.dtype) - 0.1 * m
    y = lax.fori_loop(0, 6, lambda k, y: n @ y + 0.1 * b, b)
    return (y ** 2).sum()
