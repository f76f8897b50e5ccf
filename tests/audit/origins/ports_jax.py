"""Ports of ports_torch.py; control_* compute the same in another way, the others hold a mistake, or two."""

import jax
import jax.numpy as jnp
from jax import lax


def gelu(x, w1, w2):
    h = x @ w1
    h = jax.nn.gelu(h)
    return ((h @ w2) ** 2).mean()


def variance(x, w):
    h = x @ w
    v = h.var(-1, keepdims=True)
    y = h / jnp.sqrt(v + 1e-5)
    return (y ** 3).sum()


def layer_norm_eps(x, g, b, w):
    m = x.mean(-1, keepdims=True)
    c = x - m
    v = (c ** 2).mean(-1, keepdims=True)
    r = lax.rsqrt(v + 1e-3)
    h = c * r * g + b
    return jnp.tanh(h @ w).sum()


def softmax_axis(q, k, v):
    s = q @ jnp.swapaxes(k, -1, -2)
    a = jax.nn.softmax(s, axis=-2)
    return ((a @ v) ** 2).sum()


def attention_scale(q, k, v):
    s = jnp.einsum("bqd,bkd->bqk", q, k)
    a = jax.nn.softmax(s)
    return ((a @ v) ** 2).sum()


def mean_sum(x, y):
    e = (x - y) ** 2
    p = e.sum(-1)
    return jnp.log1p(p).sum()


def transposed_kernel(x, w, u):
    h = jnp.tanh(x @ u)
    y = h @ w.T
    return jax.nn.sigmoid(y).sum()


def conjugate(x, y):
    s = jnp.fft.fft(x)
    p = s * y
    return (p.real ** 2 + jnp.sin(p.imag)).sum()


def fft_norm(x, h):
    s = jnp.fft.fft(x)
    p = jnp.log1p(jnp.abs(s) ** 2)
    return (p * h).sum()


def lstm_gates(x, h, c, w, u):
    z = x @ w + h @ u
    i, g, f, o = jnp.split(z, 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return (jax.nn.sigmoid(o) * jnp.tanh(c)).sum()


def conv_padding(x, w, u):
    y = lax.conv_general_dilated(x, w, (2, 2), "SAME")
    y = jax.nn.relu(y)
    return (y.mean((2, 3)) @ u).sum()


def two_values(x, w1, w2):
    h = jax.nn.gelu(x @ w1)
    y = jnp.tanh(h @ w2)
    p = y.sum(0)
    return (p ** 2).sum()


def two_parallel(x, w1, w2):
    a = jax.nn.gelu(x @ w1)
    b = jnp.log((x @ w2) ** 2)
    y = a * b
    return jnp.tanh(y).sum()


def loop(x, w):
    def body(h, _):
        h = jnp.tanh(h @ w)
        h = h / (2 + jnp.abs(h))
        return h, None

    h, _ = lax.scan(body, x, None, length=4)
    return (h ** 2).sum()


def loop_axis(x, w):
    h = x
    for _ in range(3):
        s = jax.nn.softmax(h @ w, 0)
        h = h + s
    return jnp.sin(h).sum()


def module(model, x):
    h = x @ model["first"]["weight"].T + model["first"]["bias"]
    h = jax.nn.relu(h)
    m, v = h.mean(-1, keepdims=True), h.var(-1, keepdims=True)
    h = (h - m) / jnp.sqrt(v + 1e-6) * model["norm"]["weight"] + model["norm"]["bias"]
    y = h @ model["second"]["weight"].T + model["second"]["bias"]
    return (y ** 2).mean()


def single(x, w):
    h = jnp.exp((x @ w).astype(jnp.float32)).astype(jnp.float64)
    h = h / h.sum(-1, keepdims=True)
    return (h ** 2).sum()


def leaky(x, w):
    h = jax.nn.leaky_relu(x @ w, 0.2)
    y = jnp.sin(h)
    return (y * y).sum()


def sign_of_loss(x, y):
    p = jax.nn.log_softmax(x, -1)
    loss = (p * y).sum(-1)
    return jnp.exp(loss).sum()


def residual(x, w1, w2):
    h = jnp.tanh(x @ w1)
    y = h @ w2
    return jnp.cos(y).sum()


def positions(x, w):
    n, d = x.shape
    angle = jnp.arange(n, dtype=x.dtype)[:, None] / 1000 ** (jnp.arange(d, dtype=x.dtype) / d)
    h = x + jnp.sin(angle)
    return jnp.tanh(h @ w).sum()


def pooling(x, u):
    y = x.reshape(*x.shape[:-1], -1, 2).max(-1)
    y = jnp.tanh(y)
    return (y @ u).sum()


def stopped(x, w):
    h = x @ w
    a = h / (1 + lax.stop_gradient(jnp.abs(h)))
    y = jnp.log1p(a ** 2)
    return y.sum()


def detached(x, w, u):
    h = jnp.tanh(x @ w)
    t = h
    y = h * jax.nn.sigmoid(t @ u)
    return (y ** 2).sum()


def no_grad(x, w):
    h = x @ w
    m = h.mean(-1, keepdims=True)
    y = jnp.tanh(h - m)
    return (y ** 2).sum()


def custom_rule(x, w):
    h = jnp.sin(x @ w)
    y = h ** 3
    return jnp.tanh(y).sum()


@jax.custom_vjp
def doubled(x):
    return 2 * x


doubled.defvjp(lambda x: (2 * x, None), lambda _, g: (jnp.clip(g, -1, 1),))


def clipped(x, w):
    h = x @ w
    y = doubled(jnp.sin(h))
    return (y ** 2).sum()


def two_kinds(x, w1, w2):
    h = jax.nn.gelu(x @ w1)
    y = jnp.tanh(h @ w2)
    g = y / (1 + lax.stop_gradient(jnp.abs(y)))
    return (g ** 2).sum()


def two_gradients(x, w, u):
    h = x @ w
    a = h * lax.stop_gradient(jax.nn.sigmoid(h))
    y = a @ u
    b = y * lax.stop_gradient(jax.nn.sigmoid(y))
    return (b ** 2).sum()


def loop_stopped(x, w):
    def body(h, _):
        h = jnp.tanh(h @ w)
        h = h * lax.stop_gradient(jnp.cos(h))
        return h, None

    h, _ = lax.scan(body, x, None, length=3)
    return (h ** 2).sum()


def frozen_weight(x, w, u):
    h = jnp.tanh(x @ w)
    y = h @ u
    return (y ** 2).sum()


# -- the same computed in other ways -----------------------------------------------------------------------------------


def control_softmax(q, k, v):
    s = jnp.einsum("bqd,bkd->bqk", q * q.shape[-1] ** -0.5, k)
    e = jnp.exp(s - lax.stop_gradient(s.max(-1, keepdims=True)))
    return ((e / e.sum(-1, keepdims=True) @ v) ** 2).sum()


def control_norm(x, g, b):
    m = x.mean(-1, keepdims=True)
    r = lax.rsqrt((x * x).mean(-1, keepdims=True) - m * m + 1e-5)
    return jnp.tanh(x * (r * g) + (b - m * r * g)).sum()


def control_fft(x, y):
    n = jnp.arange(x.shape[-1])
    matrix = jnp.exp(-2j * jnp.pi * n[:, None] * n / x.shape[-1])
    return jnp.abs((x @ matrix) * y).sum()


def control_gelu(x, w):
    h = x @ w
    return ((h * 0.5 * (1 + lax.erf(h / jnp.sqrt(2.0)))) ** 2).sum()


def control_abs(x, w):
    return jnp.log1p(jnp.abs(w @ x) ** 2).sum()


def control_linear(x, w, b):
    return jnp.tanh(jnp.einsum("bi,oi->bo", x, w) + b).sum()


def control_loop(x, w):
    return (lax.fori_loop(0, 4, lambda k, h: jnp.tanh(h @ w), x) ** 2).sum()


def control_logsumexp(x):
    return (jnp.log(jnp.exp(x).sum(-1)) ** 2).sum()


def control_conv(x, w):
    x, w = jnp.transpose(x, (0, 2, 3, 1)), jnp.transpose(w, (2, 3, 1, 0))
    y = lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return jnp.tanh(y).sum()


def control_heads(x, w):
    b, t, c = x.shape
    h = (x @ w).reshape(b, t, 2, c // 2)
    s = jax.nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", h, h), -1)
    return (jnp.einsum("bhqk,bkhd->bqhd", s, h) ** 3).sum()


def control_symmetric(x):
    g = jnp.einsum("ik,jk->ji", x, x)
    return jnp.tanh(jnp.einsum("ij,kj->ik", g, g)).sum()


def control_stop(x):
    return (x * lax.stop_gradient(1 / (1 + jnp.exp(-x)))).sum()


def control_constant(x):
    return jnp.tanh(x + 0.5).sum()


def control_cross_entropy(x, y):
    p = jax.nn.log_softmax(x)
    return -jnp.take_along_axis(p, y.argmax(-1)[:, None], 1).mean()
