"""Ports of mixed_torch.py; alike_* compute the same in another way, the others hold a mistake, or two."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax


def inst(x, g):
    h = jnp.tanh(x)
    m, v = h.mean((0, 2), keepdims=True), h.var((0, 2), keepdims=True)
    y = (h - m) / jnp.sqrt(v + 1e-5) * g[:, None]
    return (y ** 3).sum()


def weight_norm(model, x):
    v = model["v"]
    w = model["g"][:, None] * v / jnp.linalg.norm(v, axis=0, keepdims=True)
    y = jnp.tanh(x @ w.T)
    return {"loss": (y ** 2).mean()}


def forget_bias(x, w, u, b):
    def step(carry, x):
        h, c = carry
        z = x @ w + h @ u + b
        i, f, g, o = jnp.split(z, 4, -1)
        f = jax.nn.sigmoid(f + 1)
        c = f * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), None

    zero = jnp.zeros((x.shape[1], 4), x.dtype)
    (h, _), _ = lax.scan(step, (zero, zero), x)
    return (h ** 2).sum()


def temperature(q, k, s):
    q = q / jnp.linalg.norm(q, axis=-1, keepdims=True)
    k = k / jnp.linalg.norm(k, axis=-1, keepdims=True)
    z = q @ k.T * s
    return optax.softmax_cross_entropy_with_integer_labels(z, jnp.arange(z.shape[0])).mean()


def excite(x, w, u):
    s = x.max((2, 3))
    a = jax.nn.sigmoid(jax.nn.relu(s @ w) @ u)
    y = x * a[:, :, None, None]
    return jnp.sin(y).sum()


def strided(x, w):
    y = lax.conv_general_dilated(x, w, (1,), [(1, 1)])
    y = y[..., 1::2]
    return (jnp.tanh(y) ** 2).sum()


def hermitian(a, x):
    h = 0.5 * (a + a.T)
    y = h @ x
    return jnp.log1p(jnp.abs(y) ** 2).sum()


def framed(x, w):
    f = jnp.stack([x[k:k + 4] for k in range(0, x.shape[0] - 3, 2)])
    f = f * np.hanning(4)
    s = jnp.fft.rfft(f)
    p = jnp.log(jnp.abs(s) ** 2 + 0.1)
    return (p @ w).sum()


def shifted(x, f):
    s = jnp.fft.fftshift(jnp.fft.fft(x))
    s = s * f
    y = jnp.fft.ifft(jnp.fft.fftshift(s))
    return (jnp.abs(y) ** 2 + y.real).sum()


def lse(x, w):
    h = x @ w
    m = jax.scipy.special.logsumexp(h, axis=-1)
    return (m ** 2).sum()


def torch_single(x, w, u):
    h = jnp.tanh(x @ w)
    s = jax.nn.softmax(h)
    y = s @ u
    return (y ** 2).sum()


@jax.custom_vjp
def damp(h, b):
    return h * jnp.exp(-b)


damp.defvjp(lambda h, b: (damp(h, b), (h, b)), lambda r, g: (g * jnp.exp(-r[1]), (g * r[0] * jnp.exp(-r[1])).sum(0)))


def second_rule(x, w, b):
    h = x @ w
    y = damp(h, b)
    return jnp.sin(y).sum()


def carried(x, w):
    def step(carry, _):
        z = jnp.tanh(carry["h"] @ w)
        m = 0.9 * lax.stop_gradient(carry["m"]) + z
        return {"h": carry["h"] + 0.1 * m, "m": m}, None

    out, _ = lax.scan(step, {"h": x, "m": jnp.zeros_like(x)}, None, length=3)
    return (out["h"] ** 2).sum()


def table_fixed(x, p, w):
    q = jnp.sin(p)
    h = x + q
    return (jnp.tanh(h @ w) ** 2).sum()


def truncated(x, w):
    h = x
    for _ in range(4):
        h = jnp.tanh(h @ w) + 0.3
    return (h ** 2).sum()


def hard(x, w):
    h = x @ w
    y = jax.nn.silu(h)
    return (y ** 2).sum()


def beta(x, w):
    h = jax.nn.softplus(x @ w)
    return jnp.log(h).sum()


def layer_norm(x, p, eps):
    m = x.mean(-1, keepdims=True)
    v = ((x - m) ** 2).mean(-1, keepdims=True)
    return (x - m) * lax.rsqrt(v + eps) * p["weight"] + p["bias"]


def linear(p, x):
    return x @ p["weight"].T + p["bias"]


def deep(model, x):
    for k in range(3):
        p = model["blocks"][str(k)]
        h = layer_norm(x, p["norm"], 1e-5)
        h = linear(p["up"], h)
        h = jax.nn.silu(h) if k != 1 else jax.nn.gelu(h)
        h = linear(p["down"], h)
        x = x + h
    y = linear(model["out"], x)
    return 0.5 * (y ** 2).sum(), y


def segments(x, w):
    h = jnp.tanh(x @ w)
    index = jnp.array([0, 1, 0, 2, 1])
    y = jax.ops.segment_sum(h, index, 3)
    return (y ** 2).sum()


def factor(a, x):
    m = a @ a.T + jnp.eye(4, dtype=a.dtype)
    c = jnp.linalg.cholesky(m)
    y = c.T @ x
    return jnp.sin(y).sum()


def distance(x, y, w):
    d = jnp.linalg.norm(x @ w - y @ w, axis=-1)
    return jnp.exp(-d).sum()


def integral(x):
    h = jnp.tanh(x)
    s = h.sum(-1) * 0.5
    return (s ** 2).sum()


def two_reduced(x, w, u):
    h = jax.nn.relu(x @ w)
    m = h / jnp.maximum(h.sum(0, keepdims=True), 0.1)
    y = m @ u
    e = jnp.abs(y).sum()
    return e ** 2


def halved(x, w):
    h = jnp.sin(x @ w)
    e = (h ** 2).sum()
    return 0.5 * e


def alike_logcosh(x, w):
    h = x @ w
    return (jnp.logaddexp(h, -h) - jnp.log(2.0)).sum()


def alike_det(a):
    m = a @ a.T + jnp.eye(4, dtype=a.dtype)
    return jnp.log(jnp.abs(jnp.linalg.det(m)))


def alike_im2col(x, w):
    _, c, n, m = x.shape
    p = jnp.stack([x[:, :, i:i + n - 2, j:j + m - 2] for i in range(3) for j in range(3)], 2)
    y = jnp.einsum("bckhw,ock->bohw", p, w.reshape(w.shape[0], c, 9))
    return (jnp.tanh(y) ** 2).sum()


def alike_norm(x, g, b):
    m = x.mean(-1, keepdims=True)
    v = (x ** 2).mean(-1, keepdims=True) - m ** 2
    return (((x - m) / jnp.sqrt(v + 1e-5) * g + b) ** 3).sum()


def alike_heads(q, k, v):
    out = []
    for h in range(q.shape[0]):
        a = jax.nn.softmax(q[h] @ k[h].T / jnp.sqrt(q.shape[-1]))
        out.append(a @ v[h])
    return jnp.sin(jnp.stack(out)).sum()


def alike_segments(x, w):
    h = jnp.tanh(x @ w)
    one = jax.nn.one_hot(jnp.array([0, 1, 0, 2, 1]), 3, dtype=h.dtype)
    return (((one / one.sum(0)).T @ h) ** 2).sum()


def alike_framed(x, w):
    n = jnp.arange(4)
    e = jnp.exp(-2j * jnp.pi * jnp.outer(jnp.arange(3), n) / 4) * (0.5 - 0.5 * jnp.cos(2 * jnp.pi * n / 4))
    f = x[jnp.arange(0, x.shape[0] - 3, 2)[:, None] + n]
    return (jnp.log(jnp.abs(f @ e.T) ** 2 + 0.1) @ w).sum()


def alike_tanh(x, w):
    return ((2 * jax.nn.sigmoid(2 * (x @ w)) - 1) ** 2).sum()


def alike_reverse(x, w):
    h = jnp.tanh(x @ w)
    _, out = lax.scan(lambda c, r: (c + r, c + r), jnp.zeros_like(h[0]), h, reverse=True)
    return (out ** 2).sum()


def alike_deep(model, x):
    names = ["0", "1", "2"]
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *(model["blocks"][n] for n in names))

    def step(x, p):
        h = jax.nn.silu(linear(p["up"], layer_norm(x, p["norm"], 1e-5)))
        return x + linear(p["down"], h), None

    x, _ = lax.scan(step, x, stacked)
    y = linear(model["out"], x)
    return (y ** 2).sum(), y


def alike_truncated(x, w):
    def step(h, k):
        h = jnp.where(k == 2, lax.stop_gradient(h), h)
        return jnp.tanh(h @ w) + 0.3, None

    h, _ = lax.scan(step, x, jnp.arange(4))
    return (h ** 2).sum()
