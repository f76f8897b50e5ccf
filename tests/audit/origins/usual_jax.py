"""Ports of usual_torch.py; same_* compute the same in another way, the others hold a mistake, or two."""

import math

import jax
import jax.numpy as jnp
from jax import lax


def embed_scale(ids, table, w):
    h = table[ids]
    h = jnp.tanh(h @ w)
    return (h ** 2).sum()


def rms_outside(x, g, w):
    v = (x ** 2).mean(-1, keepdims=True)
    y = x / (jnp.sqrt(v) + 1e-2)
    return jnp.sin((y * g) @ w).sum()


def rope_halves(q, k, p):
    d = q.shape[-1]
    f = 100.0 ** (-jnp.arange(0, d, 2, dtype=q.dtype) / d)
    a = p[:, None] * f
    c, s = jnp.cos(a), jnp.sin(a)
    def turn(x):
        x1, x2 = jnp.split(x, 2, -1)
        return jnp.concatenate([x1 * c - x2 * s, x1 * s + x2 * c], -1)
    scores = turn(q) @ jnp.swapaxes(turn(k), -1, -2)
    return (jax.nn.softmax(scores, -1) ** 2).sum()


def causal_shifted(q, k, v):
    s = q @ jnp.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    n = s.shape[-1]
    m = jnp.tril(jnp.ones((n, n), dtype=bool), 1)
    s = jnp.where(m, s, -jnp.inf)
    return jnp.tanh(jax.nn.softmax(s, -1) @ v).sum()


def gru_update(x, h, wi, wh, b):
    gi = x @ wi + b
    gh = h @ wh
    ir, iz, inn = jnp.split(gi, 3, -1)
    hr, hz, hn = jnp.split(gh, 3, -1)
    r = jax.nn.sigmoid(ir + hr)
    z = jax.nn.sigmoid(iz + hz)
    n = jnp.tanh(inn + r * hn)
    h = (1 - z) * h + z * n
    return (h ** 3).sum()


def group_count(x, w):
    b, c, n = x.shape
    y = x.reshape(b, 4, -1)
    y = (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5)
    y = y.reshape(b, c, n)
    return jnp.tanh(y.mean(-1) @ w).sum()


def kl_mean(x, t):
    logp = jax.nn.log_softmax(x, -1)
    p = jax.nn.softmax(t, -1)
    return (p * (jnp.log(p) - logp)).mean()


def smooth_beta(x, y):
    e = jnp.abs(x - y)
    h = jnp.where(e < 1.0, 0.5 * e ** 2, e - 0.5).mean()
    return 3 * h


def spread_unbiased(x, w):
    s = (x @ w).std(0)
    return jnp.log(s).sum()


def leaky_slope(x, w, u):
    h = jax.nn.leaky_relu(x @ w)
    return jnp.sin(h @ u).sum()


def straight_through(x, w):
    h = x @ w
    q = jnp.round(h)
    return (q * jnp.sin(h)).sum()


def target_network(x, w, u):
    q = jnp.tanh(x @ w) @ u
    nxt = jnp.tanh(x[::-1] @ w) @ u
    goal = 0.9 * nxt
    return ((q - goal) ** 2).mean()


def inner_product(x, y):
    d = jnp.dot(x, y)
    return d.real ** 2 + jnp.sin(d.imag)


def residual_of_norm(x, w, u):
    n = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)
    h = jnp.tanh(n @ w) @ u
    y = n + h
    return jnp.log1p(y ** 2).sum()


def einsum_order(a, b, c):
    s = jnp.einsum("bij,bkj->bik", a, b)
    s = jnp.tanh(s)
    return jnp.einsum("bik,k->", s, c)


def cumprod_axis(x, w):
    h = jax.nn.sigmoid(x @ w)
    p = jnp.cumprod(h, 0)
    return jnp.sin(p).sum()


def batch_eps_default(x, g, b, w):
    m, v = x.mean(0), x.var(0)
    y = (x - m) / jnp.sqrt(v + 1e-3) * g + b
    return jax.nn.relu(y @ w).sum()


def fft_shift(x, k):
    s = jnp.fft.fft(x)
    y = s * k
    return jnp.log((jnp.abs(y) ** 2).sum())


def power_missing(x, w):
    h = x @ w
    return jnp.abs(h).sum() + jnp.sin(h.real).sum()


def softplus_beta(x, w):
    h = jax.nn.softplus(x @ w)
    return (h ** 2).sum()


def decay_half(x, w, y):
    e = ((jnp.tanh(x @ w) - y) ** 2).mean()
    reg = (w ** 2).sum()
    return e + 0.1 * reg


def square_rule(x, w):
    h = x @ w
    y = h * h
    return jnp.sin(y).sum()


def gelu_and_mean(x, w, u):
    h = jax.nn.gelu(x @ w, approximate=True)
    s = h @ u
    p = jax.nn.softmax(s, -1)
    return (p ** 2).sum()


def same_sdpa(q, k, v):
    s = jnp.einsum("bqd,bkd->bqk", q * q.shape[-1] ** -0.5, k)
    e = jnp.exp(s - s.max(-1, keepdims=True))
    return jnp.tanh(jnp.einsum("bqk,bkd->bqd", e, v) / e.sum(-1)[..., None]).sum()


def same_columns(x, w):
    xp = jnp.pad(x, ((0, 0), (0, 0), (1, 1)))
    cols = jnp.stack([xp[..., k:k + x.shape[-1]] for k in range(3)], 2)
    return jnp.tanh(jnp.einsum("bckl,ock->bol", cols, w)).sum()


def same_rope(q, k, p):
    d = q.shape[-1]
    f = 100.0 ** (-jnp.arange(0, d, 2, dtype=q.dtype) / d)
    e = jnp.exp(1j * p[:, None] * f)
    def turn(x):
        z = (x[..., ::2] + 1j * x[..., 1::2]) * e
        return z
    scores = jnp.einsum("id,jd->ij", turn(q), turn(k).conj()).real
    return (jax.nn.softmax(scores, -1) ** 2).sum()


def same_groups(x, w):
    b, c, n = x.shape
    y = x.reshape(b, 2, -1)
    m = y.mean(-1, keepdims=True)
    r = lax.rsqrt((y ** 2).mean(-1, keepdims=True) - m ** 2 + 1e-5)
    y = ((y - m) * r).reshape(b, c, n)
    return jnp.tanh(jnp.einsum("bcl,cd->bd", y, w) / n).sum()


def same_cumsum(x):
    n = x.shape[1]
    return jnp.sin(x @ jnp.triu(jnp.ones((n, n)))).sum()


def same_scan(x, h, w):
    def body(h, xk):
        return jnp.tanh(jnp.dot(h, w) + xk), h
    h, _ = lax.scan(body, h, x)
    return jnp.vdot(h, h)


def same_cross_entropy(x, t):
    return (jax.scipy.special.logsumexp(x, -1) - jnp.take_along_axis(x, t[:, None], -1)[:, 0]).mean()


def same_folded(x, g, b, w):
    m = x.mean(0)
    v = (x ** 2).mean(0) - m ** 2
    scale = g * lax.rsqrt(v + 1e-5)
    y = x * scale + (b - m * scale)
    return jax.nn.relu(y @ w).sum()
