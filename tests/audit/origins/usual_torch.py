"""What people port most often, on torch; usual_jax.py has a port of each, most with a mistake that people make."""

import math

import torch
import torch.nn.functional as F


def embed_scale(ids, table, w):
    h = table[ids] * math.sqrt(table.shape[1])
    h = torch.tanh(h @ w)
    return h.pow(2).sum()


def rms_outside(x, g, w):
    v = x.pow(2).mean(-1, keepdim=True)
    y = x / torch.sqrt(v + 1e-2)
    return torch.sin((y * g) @ w).sum()


def rope_halves(q, k, p):
    d = q.shape[-1]
    f = 100.0 ** (-torch.arange(0, d, 2, dtype=q.dtype) / d)
    a = p[:, None] * f
    c, s = torch.cos(a), torch.sin(a)
    def turn(x):
        x1, x2 = x[..., ::2], x[..., 1::2]
        return torch.stack([x1 * c - x2 * s, x1 * s + x2 * c], -1).flatten(-2)
    scores = turn(q) @ turn(k).transpose(-1, -2)
    return torch.softmax(scores, -1).pow(2).sum()


def causal_shifted(q, k, v):
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    n = s.shape[-1]
    m = torch.tril(torch.ones(n, n, dtype=torch.bool))
    s = s.masked_fill(~m, float("-inf"))
    return (torch.softmax(s, -1) @ v).tanh().sum()


def gru_update(x, h, wi, wh, b):
    gi = x @ wi + b
    gh = h @ wh
    ir, iz, inn = gi.chunk(3, -1)
    hr, hz, hn = gh.chunk(3, -1)
    r = torch.sigmoid(ir + hr)
    z = torch.sigmoid(iz + hz)
    n = torch.tanh(inn + r * hn)
    h = (1 - z) * n + z * h
    return h.pow(3).sum()


def group_count(x, w):
    y = F.group_norm(x, 2)
    return torch.tanh(y.mean(-1) @ w).sum()


def kl_mean(x, t):
    logp = F.log_softmax(x, -1)
    p = F.softmax(t, -1)
    return F.kl_div(logp, p, reduction="batchmean")


def smooth_beta(x, y):
    e = F.smooth_l1_loss(x, y, beta=0.5)
    return 3 * e


def spread_unbiased(x, w):
    s = (x @ w).std(0)
    return torch.log(s).sum()


def leaky_slope(x, w, u):
    h = F.leaky_relu(x @ w, 0.2)
    return torch.sin(h @ u).sum()


def straight_through(x, w):
    h = x @ w
    q = h + (torch.round(h) - h).detach()
    return (q * torch.sin(h)).sum()


def target_network(x, w, u):
    q = torch.tanh(x @ w) @ u
    nxt = torch.tanh(x.flip(0) @ w) @ u
    goal = 0.9 * nxt.detach()
    return (q - goal).pow(2).mean()


def inner_product(x, y):
    d = torch.vdot(x, y)
    return d.real ** 2 + torch.sin(d.imag)


def residual_of_norm(x, w, u):
    n = F.layer_norm(x, x.shape[-1:])
    h = torch.tanh(n @ w) @ u
    y = x + h
    return torch.log1p(y.pow(2)).sum()


def einsum_order(a, b, c):
    s = torch.einsum("bij,bjk->bik", a, b)
    s = torch.tanh(s)
    return torch.einsum("bik,k->", s, c)


def cumprod_axis(x, w):
    h = torch.sigmoid(x @ w)
    p = torch.cumprod(h, 1)
    return torch.sin(p).sum()


def batch_eps_default(x, g, b, w):
    m, v = x.mean(0), x.var(0, unbiased=False)
    y = (x - m) / torch.sqrt(v + 1e-5) * g + b
    return torch.relu(y @ w).sum()


def fft_shift(x, k):
    s = torch.fft.fftshift(torch.fft.fft(x))
    y = s * k
    return (y.abs() ** 2).sum().log()


def power_missing(x, w):
    h = x @ w
    return (h.abs() ** 2).sum() + torch.sin(h.real).sum()


def softplus_beta(x, w):
    h = F.softplus(x @ w, beta=2.0)
    return h.pow(2).sum()


def decay_half(x, w, y):
    e = (torch.tanh(x @ w) - y).pow(2).mean()
    reg = 0.5 * w.pow(2).sum()
    return e + 0.1 * reg


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x


def square_rule(x, w):
    h = x @ w
    y = Square.apply(h)
    return torch.sin(y).sum()


def gelu_and_mean(x, w, u):
    h = F.gelu(x @ w)
    s = h @ u
    s = s - s.max(-1, keepdim=True).values.detach()
    p = s.exp()
    p = p / p.sum(-1, keepdim=True)
    return (p ** 2).mean()


def same_sdpa(q, k, v):
    return torch.tanh(F.scaled_dot_product_attention(q, k, v)).sum()


def same_columns(x, w):
    return torch.tanh(F.conv1d(x, w, padding=1)).sum()


def same_rope(q, k, p):
    return rope_halves(q, k, p)


def same_groups(x, w):
    return group_count(x, w)


def same_cumsum(x):
    return torch.sin(torch.cumsum(x, 1)).sum()


def same_scan(x, h, w):
    for k in range(x.shape[0]):
        h = torch.tanh(h @ w + x[k])
    return h.pow(2).sum()


def same_cross_entropy(x, t):
    return F.cross_entropy(x, t)


def same_folded(x, g, b, w):
    return batch_eps_default(x, g, b, w)
