"""Ports of further_torch.py; same_* compute the same in another way, the others hold a mistake, or two."""

import jax
import jax.numpy as jnp
from jax import lax


def masked(q, k, v):
    t = q.shape[-2]
    s = jnp.einsum("bqd,bkd->bqk", q, k) / jnp.sqrt(q.shape[-1])
    mask = jnp.tril(jnp.ones((t, t), bool), 1)
    s = jnp.where(mask, s, -jnp.inf)
    a = jax.nn.softmax(s)
    o = a @ v
    return (o ** 2).sum()


def fused_scale(q, k, v):
    h = jnp.tanh(q)
    s = jnp.einsum("bqd,bkd->bqk", h, k)
    m = s.max(-1, keepdims=True)
    e = jnp.exp(s - m)
    a = e / e.sum(-1, keepdims=True)
    o = a @ v
    y = jnp.sin(o)
    return (y ** 2).sum()


def fused_causal(q, k, v):
    h = jnp.tanh(q)
    s = jnp.einsum("bqd,bkd->bqk", h, k) / jnp.sqrt(q.shape[-1])
    a = jax.nn.softmax(s)
    o = a @ v
    y = jnp.sin(o)
    return (y ** 2).sum()


def heads(x, wq, wk, wv):
    b, t, c = x.shape
    q = (x @ wq).reshape(b, t, c // 2, 2)
    k = (x @ wk).reshape(b, t, c // 2, 2)
    v = (x @ wv).reshape(b, t, 2, c // 2)
    q = q.transpose(0, 3, 1, 2)
    k = k.transpose(0, 3, 1, 2)
    v = v.transpose(0, 2, 1, 3)
    s = q @ jnp.swapaxes(k, -1, -2) / jnp.sqrt(c // 2)
    a = jax.nn.softmax(s) @ v
    o = a.transpose(0, 2, 1, 3).reshape(b, t, c)
    return (jnp.tanh(o) ** 2).sum()


def group_norm(x, g, b):
    h = jnp.sin(x)
    n, c, t = h.shape
    r = h.reshape(n, 3, c // 3, t)
    m = r.mean((2, 3), keepdims=True)
    v = r.var((2, 3), keepdims=True)
    h = ((r - m) / jnp.sqrt(v + 1e-5)).reshape(n, c, t)
    h = h * g[:, None] + b[:, None]
    return (jnp.tanh(h) * x).sum()


def group_eps(x, g, b):
    h = jnp.sin(x)
    n, c, t = h.shape
    r = h.reshape(n, 2, c // 2, t)
    m = r.mean((2, 3), keepdims=True)
    v = r.var((2, 3), keepdims=True)
    d = jnp.sqrt(v + 1e-3)
    r = (r - m) / d
    h = r.reshape(n, c, t)
    h = h * g[:, None]
    h = h + b[:, None]
    return (jnp.tanh(h) * x).sum()


def batch_norm(x, g, b, w):
    h = x @ w
    m = h.mean(0)
    v = h.var(0, ddof=1)
    n = (h - m) / jnp.sqrt(v + 1e-5)
    n = n * g
    h = n + b
    h = jax.nn.relu(h)
    return (h ** 2).mean()


def batch_eps(x, mean, var, g, b):
    h = jnp.tanh(x)
    v = jnp.exp(var)
    d = jnp.sqrt(v) + 1e-3
    c = h - mean
    n = c / d
    h = n * g + b
    return jax.nn.sigmoid(h).sum()


def affine_eps(x, g, b, w):
    h = x @ w
    m = h.mean(-1, keepdims=True)
    c = h - m
    v = (c * c).mean(-1, keepdims=True)
    r = lax.rsqrt(v + 1e-6)
    n = c * r
    y = n * g + b
    return jnp.tanh(y).sum()


def rms(x, g):
    s = (x * x).mean(-1, keepdims=True)
    r = jnp.sqrt(s) + 1e-3
    y = x / r * g
    return jnp.sin(y).sum()


def conv_transposed(x, w):
    h = jnp.tanh(x)
    y = lax.conv_transpose(h, w, (2, 2), "VALID", dimension_numbers=("NCHW", "IOHW", "NCHW"))
    return (jnp.sin(y) ** 2).sum()


def conv_dilated(x, w):
    h = jnp.tanh(x)
    y = lax.conv_general_dilated(h, w, (1, 1), [(1, 1), (1, 1)])
    y = jax.nn.relu(y)
    return (y ** 2).mean()


def conv_same(x, w, b):
    h = jnp.swapaxes(x, 1, 2)
    y = lax.conv_general_dilated(h, w.transpose(2, 1, 0), (2,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")) + b
    y = jax.nn.silu(y)
    return (y ** 2).sum()


def conv_kernel(x, w):
    h = jnp.tanh(x)
    h = h.transpose(0, 2, 3, 1)
    k = w.transpose(3, 2, 1, 0)
    y = lax.conv_general_dilated(h, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    y = jax.nn.sigmoid(y)
    return (y ** 2).sum()


def correlation(x, w):
    h = jnp.tanh(x)
    y = jnp.convolve(h, w, mode="valid")
    return (y ** 2).sum()


def lstm_fused(model, x, h, c):
    p = model["cell"]
    for k in range(x.shape[0]):
        z = x[k] @ p["weight_ih"].T + p["bias_ih"] + h @ p["weight_hh"].T + p["bias_hh"]
        i, f, o, g = jnp.split(z, 4, -1)
        i, f, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o)
        g = jnp.tanh(g)
        c = f * c + i * g
        h = o * jnp.tanh(c)
    y = h @ model["out"]["weight"].T + model["out"]["bias"]
    return (y ** 2).sum()


def lstm_hand(x, h, c, w, u, b):
    z = x @ w + h @ u + b
    f, i, g, o = jnp.split(z, 4, -1)
    i = jax.nn.sigmoid(i)
    f = jax.nn.sigmoid(f)
    g = jnp.tanh(g)
    o = jax.nn.sigmoid(o)
    c = f * c + i * g
    h = o * jnp.tanh(c)
    return (h ** 2).sum()


def gru(x, h, w, u, bw, bu):
    a = x @ w.T + bw
    e = h @ u.T + bu
    z, r = jax.nn.sigmoid(a[:, :4] + e[:, :4]), jax.nn.sigmoid(a[:, 4:8] + e[:, 4:8])
    n = jnp.tanh(a[:, 8:] + r * e[:, 8:])
    k = 1 - z
    h = k * n + z * h
    y = jnp.sin(h)
    return (y ** 2).sum()


def gru_hand(x, h, w, u, bw, bu):
    a = x @ w + bw
    e = h @ u + bu
    r = jax.nn.sigmoid(a[:, :4] + e[:, :4])
    z = jax.nn.sigmoid(a[:, 4:8] + e[:, 4:8])
    n = jnp.tanh(a[:, 8:] + r * e[:, 8:])
    h = z * n + (1 - z) * h
    return (h ** 3).sum()


def reduction_axis(x, w):
    h = jnp.tanh(x @ w)
    m = h.mean(1)
    y = jnp.exp(m)
    return (y ** 2).sum()


def spread(x, w):
    h = jnp.tanh(x @ w)
    s = h.std(-1, keepdims=True)
    y = h / (s + 0.1)
    return (y ** 3).sum()


def smoothed(x, y):
    p = jnp.tanh(x)
    t = jax.nn.one_hot(y.argmax(-1), p.shape[-1])
    t = t * 0.8 + 0.2 / p.shape[-1]
    s = jax.nn.log_softmax(p)
    return -(t * s).sum(-1).mean()


def huber(x, y):
    p = jnp.sin(x)
    d = jnp.abs(p - y)
    e = jnp.where(d < 1.0, 0.5 * d ** 2, d - 0.5).mean()
    return jnp.exp(e)


def real_fft(x, f):
    s = jnp.fft.rfft(x)
    s = s * f
    y = jnp.fft.irfft(s, n=x.shape[-1], norm="ortho")
    return jnp.tanh(y).sum()


def inner(x, y, w):
    a = w @ x
    p = jnp.dot(a, y)
    return jnp.abs(p) ** 2 + p.real


def outer(x, w):
    a = x @ w
    g = a @ a.T
    return jnp.log1p(jnp.abs(g) ** 2).sum()


def power(x, w):
    s = w @ x
    e = (s ** 2).real
    return jnp.log1p(jnp.abs(e)).sum()


def real_early(x, w):
    s = jnp.fft.fft(x)
    y = jnp.fft.ifft(s * w)
    y = jnp.abs(y.real)
    return jnp.tanh(y).sum()


def straight(x, w):
    h = x @ w
    q = jnp.round(h)
    y = jnp.tanh(q * 0.3)
    return (y ** 2).sum()


def target(x, w, u):
    h = jnp.tanh(x @ w)
    t = 0.9 * h @ u
    e = (h.sum(-1) - t) ** 2
    return e.mean()


def reversed_gradient(x, w, u):
    h = jnp.tanh(x @ w)
    y = h @ u
    return (y ** 2).mean()


def shared(x, w, u):
    h = jnp.tanh(x @ w)
    a = h @ u
    s = jax.nn.sigmoid(lax.stop_gradient(h))
    y = a * s
    return (y ** 2).sum()


def no_grad_block(x, w, u):
    h = jnp.tanh(x @ w)
    s = h.std(0, keepdims=True, ddof=1)
    s = s + 0.1
    y = h / s
    return jax.nn.sigmoid(y @ u).sum()


def rule_conj(x, w):
    z = w @ x
    y = z * z
    return jnp.log1p(y.real ** 2 + y.imag ** 4).sum()


@jax.custom_jvp
def log_square(x):
    return jnp.log1p(x * x)


@log_square.defjvp
def _log_square_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return log_square(x), t * x / (1 + x * x)


def rule_jvp(x, w):
    h = x @ w
    y = log_square(h)
    z = jnp.cos(y)
    return (z ** 2).sum()


@jax.custom_vjp
def sinh(x):
    return jnp.sinh(x)


sinh.defvjp(lambda x: (jnp.sinh(x), x), lambda x, g: (g * jnp.sinh(x),))


def rule_vmapped(x, w):
    h = x @ w
    y = jax.vmap(jax.vmap(sinh))(h)
    return jnp.tanh(y).sum()


def narrow(x, w, u):
    h = x @ w
    h = jnp.tanh(h.astype(jnp.float32))
    y = h @ u
    return (y ** 2).mean()


def narrow_table(x, w):
    t = jnp.arange(x.shape[0], dtype=jnp.float32)
    table = jnp.sin(t[:, None] / 3.0)
    h = x + table
    return jnp.tanh(h @ w).sum()


def steps_short(x, w):
    def body(k, h):
        return jnp.tanh(h @ w) + 0.1 * h

    h = lax.fori_loop(0, 4, body, x)
    return (h ** 2).sum()


def counted(x, w):
    def body(h, k):
        h = h + jnp.sin(h @ w) / (k + 2)
        return h, None

    h, _ = lax.scan(body, x, jnp.arange(4))
    return (h ** 2).sum()


def doubling(x):
    def body(h):
        h = h * 1.5
        return h + 0.2 * jnp.sin(h)

    h = jnp.tanh(x)
    for _ in range(4):
        h = body(h)
    return (h ** 2).sum()


def checkpointed(x, w1, w2):
    @jax.checkpoint
    def block(x):
        h = x @ w1
        h = jax.nn.gelu(h)
        return h @ w2

    return jnp.tanh(block(x)).sum()


def branched(x, w):
    def yes(h):
        y = jnp.exp(-h)
        return y * (h + 1)

    h = x @ w
    h = jnp.tanh(h)
    y = lax.cond(h.sum() > -100, yes, lambda h: h, h)
    return (y ** 2).sum()


def vmapped(x, w):
    def row(x):
        h = x @ w
        m = h.max(-1, keepdims=True)
        y = jnp.exp(h - m)
        return y / (1 + y)

    z = jax.vmap(row)(x)
    return (z ** 2).sum()


@jax.jit
def activation(h):
    h = jax.nn.softplus(h)
    return jnp.log(2 + h)


def jitted(x, w):
    h = x @ w
    y = activation(h)
    return y.mean()


def nested(model, x):
    for name, eps in (("first", 1e-5), ("second", 1e-3)):
        p = model[name]
        y = x @ p["lin"]["weight"].T + p["lin"]["bias"]
        y = x + jnp.tanh(y)
        m, v = y.mean(-1, keepdims=True), y.var(-1, keepdims=True)
        x = (y - m) / jnp.sqrt(v + eps)
        x = x * p["norm"]["weight"] + p["norm"]["bias"]
    return (x ** 3).mean()


def norm(x, p):
    m, v = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - m) / jnp.sqrt(v + 1e-5) * p["weight"] + p["bias"]


def transformer(model, x):
    b, t, c = x.shape
    h = norm(x, model["norm"])
    qkv = h @ model["attn"]["in_proj_weight"].T + model["attn"]["in_proj_bias"]
    q, k, v = (z.reshape(b, t, 2, c // 2) for z in jnp.split(qkv, 3, -1))
    s = jnp.einsum("bqhd,bkhd->bhqk", q, k)
    s = s / jnp.sqrt(c)
    a = jax.nn.softmax(s)
    o = jnp.einsum("bhqk,bkhd->bqhd", a, v).reshape(b, t, c)
    o = o @ model["attn"]["out_proj"]["weight"].T + model["attn"]["out_proj"]["bias"]
    x = x + o
    h = jax.nn.gelu(x @ model["up"]["weight"].T + model["up"]["bias"], approximate=False)
    x = x + h @ model["down"]["weight"].T + model["down"]["bias"]
    return (x ** 2).mean()


def embedded(table, w, index):
    e = table[index]
    h = jnp.tanh(e @ w)
    return (h ** 2).sum()


def sines(x, w):
    t, d = x.shape
    a = jnp.arange(t, dtype=x.dtype)[:, None] / 100 ** (jnp.arange(0, d, 2, dtype=x.dtype) / d)
    p = jnp.concatenate([jnp.sin(a), jnp.cos(a)], -1)
    h = x + p
    h = jnp.tanh(h @ w)
    return (h ** 2).sum()


def rolled(x, w):
    h = jnp.tanh(x @ w)
    s = jnp.roll(h, -1, 0)
    y = h * s
    return jnp.exp(y).sum()


def padded(x, w):
    h = jnp.tanh(x)
    p = jnp.pad(h, ((0, 0), (0, 0), (1, 1)), mode="edge")
    y = lax.conv_general_dilated(p, w, (1,), "VALID")
    return (y ** 2).sum()


def cumulated(x, y):
    h = jnp.tanh(x)
    c = jnp.cumsum(h, 0)
    return jnp.sin(c * y).sum()


def sharpened(x, w):
    h = x @ w
    a = jax.nn.softmax(h * 0.7, -1)
    return (a ** 3).sum()


def order(x, w, g, b):
    h = x @ w
    h = jax.nn.relu(h)
    m, v = h.mean(-1, keepdims=True), h.var(-1, keepdims=True)
    h = (h - m) / jnp.sqrt(v + 1e-5) * g + b
    return (h ** 2).sum()


def biased(x, w, b, u):
    h = x @ w
    h = jnp.tanh(h)
    y = h @ u
    return (y ** 2).sum()


def weighted(x, y, w):
    e = x @ w - y
    a = (e ** 2).mean()
    r = (w ** 2).sum()
    return a + 0.1 * r


def two_attention(q, k, v):
    s = jnp.einsum("bqd,bkd->bqk", q, k)
    a = jax.nn.softmax(s)
    o = a @ v
    y = jax.nn.gelu(o)
    y = jnp.cumsum(y, -2)
    return (y ** 2).mean()


def two_norms(x, g, b, w):
    m, v = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    h = (x - m) / jnp.sqrt(v + 1e-6) * g + b
    h = jnp.tanh(h @ w)
    m, v = h.mean(-1, keepdims=True), h.var(-1, keepdims=True, ddof=1)
    y = (h - m) / jnp.sqrt(v + 1e-5)
    y = jnp.sin(y)
    return (y ** 3).sum()


def two_mixed(x, w, u):
    h = jnp.tanh(x @ w)
    v = h.var(-1, keepdims=True)
    y = h / jnp.sqrt(v + 0.1)
    z = y @ u
    g = z * lax.stop_gradient(jax.nn.sigmoid(z))
    return (g ** 2).sum()


def interleaved(x, w):
    t = x.shape[0]
    h = x @ w
    q, k = jnp.moveaxis(h.reshape(t, -1, 2), -1, 0)
    s = q @ k.T
    return jnp.tanh(s).sum()


def rotary(x, w):
    h = x @ w
    a, b = jnp.split(h, 2, -1)
    t = jnp.arange(h.shape[0], dtype=h.dtype)[:, None]
    c, s = jnp.cos(t), jnp.sin(t)
    y = jnp.concatenate([a * c - b * s, a * s + b * c], -1)
    return (jnp.tanh(y) * h).sum()


def pooled(x, w):
    h = lax.conv_general_dilated(x, w, (1,), [(1, 1)])
    h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 1, 2), (1, 1, 2), "VALID")
    h = jnp.swapaxes(h, 1, 2).reshape(h.shape[0], -1)
    return (jnp.tanh(h) ** 2 * 2).sum()


def quadratic(x, a):
    s = jnp.einsum("bi,ji,bj->b", x, a @ a, x)
    return jnp.log1p(s ** 2).sum()


def solve(a, b):
    m = a.T @ a + jnp.eye(4)
    y = jnp.linalg.solve(m, b)
    return (y ** 2).sum()


def entropy(x, w):
    p = jax.nn.softmax(x @ w, -1)
    e = -(p * jnp.log2(p)).sum(-1)
    return jnp.exp(e).mean()


def clamped(x, w):
    h = x @ w
    y = h + lax.stop_gradient(jnp.clip(h, -0.5, 0.5) - h)
    return (y * h).sum()


def deep_detached(x, w, u):
    h = jnp.tanh(x @ w)
    s = jax.nn.softmax(h @ u, -1)
    y = (s * h).sum(-1)
    return jnp.sin(y).sum()


@jax.custom_vjp
def cubic(x):
    return x ** 3


cubic.defvjp(lambda x: (x ** 3, x), lambda x, g: (2 * g * x ** 2,))


def scanned_rule(x, w):
    def body(h, _):
        h = jnp.sin(h @ w)
        h = cubic(h) + 0.5 * h
        return h, None

    h, _ = lax.scan(body, x, None, length=3)
    return (h ** 2).sum()


# -- the same computed in other ways -----------------------------------------------------------------------------------


def same_qkv(x, w):
    c = x.shape[-1]
    q, k, v = (x @ w[:, n * c:(n + 1) * c] for n in range(3))
    s = jnp.einsum("btc,bsc->bts", q * c ** -0.5, k)
    return (jnp.tanh(jax.nn.softmax(s) @ v) ** 2).sum()


def same_nhwc(x, w, g, b):
    x, w = x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0)
    y = lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    n, p, q, c = y.shape
    r = y.reshape(n, p, q, 2, c // 2)
    m, v = r.mean((1, 2, 4), keepdims=True), r.var((1, 2, 4), keepdims=True)
    y = ((r - m) * lax.rsqrt(v + 1e-5)).reshape(n, p, q, c) * g + b
    y = lax.reduce_window(jax.nn.relu(y), 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4
    return (y ** 2).sum()


def same_steps(x, w):
    def body(h, x):
        h = jnp.tanh(jnp.concatenate([x, h], -1) @ w)
        return h, h

    h0 = jnp.zeros((x.shape[1], w.shape[1]), x.dtype)
    return (lax.scan(body, h0, x)[1] ** 2).sum()


def same_rows(x, w):
    return (jax.vmap(lambda r: jax.nn.softmax(r @ w))(x) ** 2).sum()


def same_order(x, w):
    return jnp.prod(jnp.exp(x[:, :, None] * w), 1).sum()


def same_dft(x, f):
    n = jnp.arange(x.shape[-1])
    m = jnp.exp(-2j * jnp.pi * n[:, None] * n / x.shape[-1]) / jnp.sqrt(x.shape[-1])
    y = ((x @ m) * f) @ jnp.conj(m)
    return (y.real ** 2 + y.imag ** 2).sum()


def same_lstm(x, h, c, w, u, b):
    z = jnp.concatenate([x, h], -1) @ jnp.concatenate([w, u], 1).T + 2 * b
    i, f, g, o = jnp.split(z, 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return (jax.nn.sigmoid(o) * jnp.tanh(c) * c).sum()


def same_bce(x, y):
    t = jax.nn.sigmoid(y)
    return -(t * jax.nn.log_sigmoid(x) + (1 - t) * jax.nn.log_sigmoid(-x)).mean()


def same_distance(x, y):
    d = (x ** 2).sum(-1)[:, None] + (y ** 2).sum(-1) - 2 * x @ y.T
    return jnp.exp(-d).sum()


def same_variance(x):
    v = (x ** 2).mean(-1) - x.mean(-1) ** 2
    return jnp.log(v).sum()


def same_prescaled(q, k, v):
    t = q.shape[-2]
    s = (q / jnp.sqrt(q.shape[-1])) @ jnp.swapaxes(k, -1, -2)
    m = jnp.tril(jnp.ones((t, t)))
    e = jnp.exp(s - s.max(-1, keepdims=True)) * m
    return ((e @ v / e.sum(-1, keepdims=True)) ** 2).sum()


def same_transposed(x, w):
    y = lax.conv_transpose(x, w, (2,), "VALID", dimension_numbers=("NCH", "OIH", "NCH"), transpose_kernel=True)
    return jnp.tanh(y).sum()


def same_rotation(x, w):
    h = x @ w
    a, b = h[:, ::2], h[:, 1::2]
    t = jnp.arange(x.shape[0], dtype=x.dtype)[:, None]
    c, s = jnp.cos(t), jnp.sin(t)
    return (jnp.tanh(a * c - b * s) + jnp.tanh(a * s + b * c)).sum()


def same_gru(x, h, w, u, bw, bu):
    a, e = x @ w.T + bw, h @ u.T + bu
    r, z = jax.nn.sigmoid(a[:, :4] + e[:, :4]), jax.nn.sigmoid(a[:, 4:8] + e[:, 4:8])
    n = jnp.tanh(a[:, 8:] + r * e[:, 8:])
    return ((n + z * (h - n)) ** 2).sum()


def same_logsoftmax(x, w):
    h = x @ w
    z = jnp.log(jnp.exp(h).sum(-1))
    return ((h[:, 0] - z) * (h[:, 1] - z)).sum()


def same_checkpoint(x, w):
    block = jax.checkpoint(jax.jit(lambda x: jax.nn.gelu(x @ w, approximate=False)))
    return (block(x) ** 2).sum()


def same_straight(x, w):
    h = x @ w
    return (lax.stop_gradient(jnp.tanh(h)) * h).sum()


def same_gate(x, w):
    h = (x @ w).reshape(x.shape[0], 2, -1)
    a, b = h[:, 0], h[:, 1]
    return (a / (1 + jnp.exp(-a)) * b).sum()


def same_batch(x, g, b):
    s, q = x.sum(0), (x * x).sum(0)
    n = x.shape[0]
    v = q / n - (s / n) ** 2
    return ((x * (g / jnp.sqrt(v + 1e-5)) + (b - s / n * g / jnp.sqrt(v + 1e-5))) ** 3).sum()
