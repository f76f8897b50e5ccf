"""More functions on torch, in the ways people write them; further_jax.py has a port of each, most with a mistake."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def masked(q, k, v):
    t = q.shape[-2]
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    mask = torch.ones(t, t, dtype=torch.bool).tril()
    s = s.masked_fill(~mask, float("-inf"))
    a = torch.softmax(s, -1)
    o = a @ v
    return (o ** 2).sum()


def fused_scale(q, k, v):
    h = torch.tanh(q)
    o = F.scaled_dot_product_attention(h, k, v)
    y = torch.sin(o)
    return (y ** 2).sum()


def fused_causal(q, k, v):
    h = torch.tanh(q)
    o = F.scaled_dot_product_attention(h, k, v, is_causal=True)
    y = torch.sin(o)
    return (y ** 2).sum()


def heads(x, wq, wk, wv):
    b, t, c = x.shape
    q = (x @ wq).view(b, t, 2, c // 2)
    k = (x @ wk).view(b, t, 2, c // 2)
    v = (x @ wv).view(b, t, 2, c // 2)
    q = q.transpose(1, 2)
    k = k.transpose(1, 2)
    v = v.transpose(1, 2)
    s = q @ k.transpose(-1, -2) / math.sqrt(c // 2)
    a = torch.softmax(s, -1) @ v
    o = a.transpose(1, 2).reshape(b, t, c)
    return (torch.tanh(o) ** 2).sum()


def group_norm(x, g, b):
    h = torch.sin(x)
    h = F.group_norm(h, 2, g, b)
    return (torch.tanh(h) * x).sum()


def group_eps(x, g, b):
    h = torch.sin(x)
    h = F.group_norm(h, 2, g, b, eps=1e-5)
    return (torch.tanh(h) * x).sum()


def batch_norm(x, g, b, w):
    h = x @ w
    h = F.batch_norm(h, None, None, g, b, training=True)
    h = torch.relu(h)
    return (h ** 2).mean()


def batch_eps(x, mean, var, g, b):
    h = torch.tanh(x)
    v = torch.exp(var)
    h = F.batch_norm(h, mean, v, g, b, training=False, eps=1e-3)
    return torch.sigmoid(h).sum()


def affine_eps(x, g, b, w):
    h = x @ w
    m = h.mean(-1, keepdim=True)
    c = h - m
    v = (c * c).mean(-1, keepdim=True)
    r = torch.rsqrt(v + 1e-5)
    n = c * r
    y = n * g + b
    return torch.tanh(y).sum()


def rms(x, g):
    s = (x * x).mean(-1, keepdim=True)
    r = torch.sqrt(s + 1e-3)
    y = x / r * g
    return torch.sin(y).sum()


def conv_transposed(x, w):
    h = torch.tanh(x)
    y = F.conv_transpose2d(h, w, stride=2)
    return (torch.sin(y) ** 2).sum()


def conv_dilated(x, w):
    h = torch.tanh(x)
    y = F.conv2d(h, w, padding=2, dilation=2)
    y = F.relu(y)
    return (y ** 2).mean()


def conv_same(x, w, b):
    y = F.conv1d(x, w, b, stride=2, padding=1)
    y = F.silu(y)
    return (y ** 2).sum()


def conv_kernel(x, w):
    h = torch.tanh(x)
    y = F.conv2d(h, w, padding=1)
    y = torch.sigmoid(y)
    return (y ** 2).sum()


def correlation(x, w):
    h = torch.tanh(x)
    y = F.conv1d(h[None, None], w[None, None])[0, 0]
    return (y ** 2).sum()


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(3, 4, dtype=torch.float64)
        self.out = nn.Linear(4, 2, dtype=torch.float64)

    def forward(self, x, h, c):
        for k in range(x.shape[0]):
            h, c = self.cell(x[k], (h, c))
        return self.out(h)


def lstm_fused(model, x, h, c):
    y = model(x, h, c)
    return (y ** 2).sum()


def lstm_hand(x, h, c, w, u, b):
    z = x @ w + h @ u + b
    i, f, g, o = z.chunk(4, -1)
    i = torch.sigmoid(i)
    f = torch.sigmoid(f)
    g = torch.tanh(g)
    o = torch.sigmoid(o)
    c = f * c + i * g
    h = o * torch.tanh(c)
    return (h ** 2).sum()


def gru(x, h, w, u, bw, bu):
    h = torch.gru_cell(x, h, w, u, bw, bu)
    y = torch.sin(h)
    return (y ** 2).sum()


def gru_hand(x, h, w, u, bw, bu):
    a = x @ w + bw
    e = h @ u + bu
    r = torch.sigmoid(a[:, :4] + e[:, :4])
    z = torch.sigmoid(a[:, 4:8] + e[:, 4:8])
    n = torch.tanh(a[:, 8:] + r * e[:, 8:])
    h = (1 - z) * n + z * h
    return (h ** 3).sum()


def reduction_axis(x, w):
    h = torch.tanh(x @ w)
    m = h.mean(0)
    y = torch.exp(m)
    return (y ** 2).sum()


def spread(x, w):
    h = torch.tanh(x @ w)
    s = h.std(-1, keepdim=True)
    y = h / (s + 0.1)
    return (y ** 3).sum()


def smoothed(x, y):
    p = torch.tanh(x)
    t = y.argmax(-1)
    return F.cross_entropy(p, t, label_smoothing=0.1)


def huber(x, y):
    p = torch.sin(x)
    e = F.smooth_l1_loss(p, y, beta=0.5)
    return torch.exp(e)


def real_fft(x, f):
    s = torch.fft.rfft(x)
    s = s * f
    y = torch.fft.irfft(s, n=x.shape[-1])
    return torch.tanh(y).sum()


def inner(x, y, w):
    a = w @ x
    p = torch.vdot(a, y)
    return p.abs() ** 2 + p.real


def outer(x, w):
    a = x @ w
    g = a @ a.mH
    return torch.log1p(g.abs() ** 2).sum()


def power(x, w):
    s = w @ x
    e = s.abs() ** 2
    return torch.log1p(e).sum()


def real_early(x, w):
    s = torch.fft.fft(x)
    y = torch.fft.ifft(s * w)
    y = y.abs()
    return torch.tanh(y).sum()


def straight(x, w):
    h = x @ w
    q = h + (torch.round(h) - h).detach()
    y = torch.tanh(q * 0.3)
    return (y ** 2).sum()


def target(x, w, u):
    h = torch.tanh(x @ w)
    t = (0.9 * h @ u).detach()
    e = (h.sum(-1) - t) ** 2
    return e.mean()


def reversed_gradient(x, w, u):
    h = torch.tanh(x @ w)
    h = Reverse.apply(h)
    y = h @ u
    return (y ** 2).mean()


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return -g


def shared(x, w, u):
    h = torch.tanh(x @ w)
    a = h @ u
    s = torch.sigmoid(h)
    y = a * s
    return (y ** 2).sum()


def no_grad_block(x, w, u):
    h = torch.tanh(x @ w)
    with torch.no_grad():
        s = h.std(0, keepdim=True)
        s = s + 0.1
    y = h / s
    return (y @ u).sigmoid().sum()


class Turn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z * z

    @staticmethod
    def backward(ctx, g):
        (z,) = ctx.saved_tensors
        return 2 * g * z


def rule_conj(x, w):
    z = w @ x
    y = Turn.apply(z)
    return torch.log1p(y.real ** 2 + y.imag ** 4).sum()


def rule_jvp(x, w):
    h = x @ w
    y = torch.log1p(h * h)
    z = torch.cos(y)
    return (z ** 2).sum()


def rule_vmapped(x, w):
    h = x @ w
    y = torch.sinh(h)
    return torch.tanh(y).sum()


def narrow(x, w, u):
    h = x @ w
    h = torch.tanh(h)
    y = h @ u
    return (y ** 2).mean()


def narrow_table(x, w):
    t = torch.arange(x.shape[0], dtype=torch.float64)
    table = torch.sin(t[:, None] / 3.0)
    h = x + table
    return torch.tanh(h @ w).sum()


def steps_short(x, w):
    h = x
    for _ in range(5):
        h = torch.tanh(h @ w) + 0.1 * h
    return (h ** 2).sum()


def counted(x, w):
    h = x
    for k in range(4):
        h = h + torch.sin(h @ w) / (k + 1)
    return (h ** 2).sum()


def doubling(x):
    h = torch.tanh(x)
    while h.abs().sum() < 20:
        h = h * 1.5
        h = h + 0.1 * torch.sin(h)
    return (h ** 2).sum()


def checkpointed(x, w1, w2):
    h = x @ w1
    h = F.gelu(h)
    h = h @ w2
    return torch.tanh(h).sum()


def branched(x, w):
    h = x @ w
    h = torch.tanh(h)
    if h.sum() > -100:
        y = torch.exp(-h)
        y = y * h
    else:
        y = h
    return (y ** 2).sum()


def vmapped(x, w):
    h = x @ w
    m = h.mean(-1, keepdim=True)
    y = torch.exp(h - m)
    z = y / (1 + y)
    return (z ** 2).sum()


def jitted(x, w):
    h = x @ w
    h = F.softplus(h)
    y = torch.log(1 + h)
    return y.mean()


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4, dtype=torch.float64)
        self.norm = nn.LayerNorm(4, eps=1e-5, dtype=torch.float64)

    def forward(self, x):
        y = self.lin(x)
        y = torch.tanh(y)
        return self.norm(x + y)


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Inner()
        self.second = Inner()

    def forward(self, x):
        x = self.first(x)
        x = self.second(x)
        return x


def nested(model, x):
    y = model(x)
    return (y ** 3).mean()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4, dtype=torch.float64)
        self.attn = nn.MultiheadAttention(4, 2, batch_first=True, dtype=torch.float64)
        self.up = nn.Linear(4, 8, dtype=torch.float64)
        self.down = nn.Linear(8, 4, dtype=torch.float64)

    def forward(self, x):
        h = self.norm(x)
        a, _ = self.attn(h, h, h, need_weights=False)
        x = x + a
        h = F.gelu(self.up(x))
        return x + self.down(h)


def transformer(model, x):
    y = model(x)
    return (y ** 2).mean()


def embedded(table, w, index):
    e = table[index]
    e = e * math.sqrt(table.shape[-1])
    h = torch.tanh(e @ w)
    return (h ** 2).sum()


def sines(x, w):
    t, d = x.shape
    a = torch.arange(t, dtype=x.dtype)[:, None] / 100 ** (torch.arange(0, d, 2, dtype=x.dtype) / d)
    p = torch.stack([a.sin(), a.cos()], -1).reshape(t, d)
    h = x + p
    h = torch.tanh(h @ w)
    return (h ** 2).sum()


def rolled(x, w):
    h = torch.tanh(x @ w)
    s = torch.roll(h, 1, -1)
    y = h * s
    return torch.exp(y).sum()


def padded(x, w):
    h = torch.tanh(x)
    p = F.pad(h, (1, 1), mode="reflect")
    y = F.conv1d(p, w)
    return (y ** 2).sum()


def cumulated(x, y):
    h = torch.tanh(x)
    c = torch.cumsum(h, -1)
    return (c * y).sin().sum()


def sharpened(x, w):
    h = x @ w
    a = torch.softmax(h / 0.7, -1)
    return (a ** 3).sum()


def order(x, w, g, b):
    h = x @ w
    h = F.layer_norm(h, (h.shape[-1],), g, b)
    h = torch.relu(h)
    return (h ** 2).sum()


def biased(x, w, b, u):
    h = x @ w + b
    h = torch.tanh(h)
    y = h @ u
    return (y ** 2).sum()


def weighted(x, y, w):
    e = x @ w - y
    a = (e ** 2).mean()
    r = 0.5 * (w ** 2).sum()
    return a + 0.1 * r


def two_attention(q, k, v):
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    a = torch.softmax(s, -1)
    o = a @ v
    y = F.gelu(o)
    y = torch.cumsum(y, -2)
    return (y ** 2).mean()


def two_norms(x, g, b, w):
    h = F.layer_norm(x, (x.shape[-1],), g, b, eps=1e-5)
    h = torch.tanh(h @ w)
    y = F.layer_norm(h, (h.shape[-1],), None, None, eps=1e-5)
    y = torch.sin(y)
    return (y ** 3).sum()


def two_mixed(x, w, u):
    h = torch.tanh(x @ w)
    v = h.var(-1, keepdim=True)
    y = h / torch.sqrt(v + 0.1)
    z = y @ u
    g = z * torch.sigmoid(z)
    return (g ** 2).sum()


def interleaved(x, w):
    h = x @ w
    q, k = h.chunk(2, -1)
    s = q @ k.T
    return torch.tanh(s).sum()


def rotary(x, w):
    h = x @ w
    a, b = h[..., ::2], h[..., 1::2]
    t = torch.arange(h.shape[0], dtype=h.dtype)[:, None]
    c, s = torch.cos(t), torch.sin(t)
    y = torch.cat([a * c - b * s, a * s + b * c], -1)
    return (torch.tanh(y) * h).sum()


def pooled(x, w):
    h = F.conv1d(x, w, padding=1)
    h = F.max_pool1d(h, 2)
    h = h.flatten(1)
    return (torch.tanh(h) ** 2).sum()


def quadratic(x, a):
    s = torch.einsum("bi,ij,bj->b", x, a, x)
    return torch.log1p(s ** 2).sum()


def solve(a, b):
    m = a @ a.T + torch.eye(4, dtype=a.dtype)
    y = torch.linalg.solve(m, b)
    return (y ** 2).sum()


def entropy(x, w):
    p = torch.softmax(x @ w, -1)
    e = -(p * torch.log(p)).sum(-1)
    return torch.exp(e).mean()


def clamped(x, w):
    h = x @ w
    y = torch.clamp(h, -0.5, 0.5)
    return (y * h).sum()


def deep_detached(x, w, u):
    h = torch.tanh(x @ w)
    s = torch.softmax(h @ u, -1)
    y = (s.detach() * h).sum(-1)
    return torch.sin(y).sum()


def scanned_rule(x, w):
    h = x
    for _ in range(3):
        h = torch.sin(h @ w)
        h = h ** 3 + 0.5 * h
    return (h ** 2).sum()


# -- the same computed in other ways -----------------------------------------------------------------------------------


def same_qkv(x, w):
    q, k, v = (x @ w).chunk(3, -1)
    o = F.scaled_dot_product_attention(q, k, v)
    return (torch.tanh(o) ** 2).sum()


def same_nhwc(x, w, g, b):
    y = F.conv2d(x, w, padding=1)
    y = F.group_norm(y, 2, g, b)
    y = F.avg_pool2d(torch.relu(y), 2)
    return (y.flatten(1) ** 2).sum()


def same_steps(x, w):
    h = torch.zeros(x.shape[1], w.shape[1], dtype=x.dtype)
    out = []
    for k in range(x.shape[0]):
        h = torch.tanh(x[k] @ w[: x.shape[2]] + h @ w[x.shape[2]:])
        out.append(h)
    return (torch.stack(out) ** 2).sum()


def same_rows(x, w):
    out = []
    for k in range(x.shape[0]):
        out.append(torch.softmax(x[k] @ w, -1))
    return (torch.stack(out) ** 2).sum()


def same_order(x, w):
    a = x[:, :2] @ w[:2]
    b = x[:, 2:] @ w[2:]
    return torch.exp(a + b).sum()


def same_dft(x, f):
    s = torch.fft.fft(x, norm="ortho")
    y = torch.fft.ifft(s * f, norm="ortho")
    return (y.abs() ** 2).sum()


def same_lstm(x, h, c, w, u, b):
    h, c = torch.lstm_cell(x, (h, c), w, u, b, b)
    return (h * c).sum()


def same_bce(x, y):
    return F.binary_cross_entropy_with_logits(x, torch.sigmoid(y))


def same_distance(x, y):
    d = torch.cdist(x, y)
    return torch.exp(-d ** 2).sum()


def same_variance(x):
    v = x.var(-1, unbiased=False)
    return torch.log(v).sum()


def same_prescaled(q, k, v):
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    s = s.masked_fill(~torch.ones(s.shape[-2:], dtype=torch.bool).tril(), float("-inf"))
    return ((torch.softmax(s, -1) @ v) ** 2).sum()


def same_transposed(x, w):
    return torch.tanh(F.conv_transpose1d(x, w, stride=2)).sum()


def same_rotation(x, w):
    z = torch.view_as_complex((x @ w).reshape(x.shape[0], -1, 2))
    t = torch.arange(x.shape[0], dtype=x.dtype)[:, None]
    y = torch.view_as_real(z * torch.polar(torch.ones_like(t), t)).flatten(1)
    return torch.tanh(y).sum()


def same_gru(x, h, w, u, bw, bu):
    h = torch.gru_cell(x, h, w, u, bw, bu)
    return (h ** 2).sum()


def same_logsoftmax(x, w):
    p = torch.log_softmax(x @ w, -1)
    return (p[:, 0] * p[:, 1]).sum()


def same_checkpoint(x, w):
    h = F.gelu(x @ w)
    return (h ** 2).sum()


def same_straight(x, w):
    h = x @ w
    return (torch.tanh(h.detach()) * h).sum()


def same_gate(x, w):
    a, b = (x @ w).chunk(2, -1)
    return (F.silu(a) * b).sum()


def same_batch(x, g, b):
    h = F.batch_norm(x, None, None, g, b, training=True)
    return (h ** 3).sum()
